"""The study of ``make photographs``: every method that real photographs allow, on a folder of them, in one table.

A method whose side files are missing in the folder is left out, as in chapters 05 and 06.
"""

from __future__ import annotations

from partreg.parts.boxes import PARTS
from partreg.studies.dial import ROWS, row_recipe, scored
from partreg.studies.study import Job, Study
from partreg.workflow import keys
from partreg.workflow.profile import DATASETS, Workspace
from partreg.workflow.runs import lacking

COLUMNS = (
    *("layout", "row", "method", "cmc1", "low", "high", "seed", "test_vehicles", "size", "epochs"),
    *("profile", "commit", "clean", "device"),
)


def rows_here(ws: Workspace) -> list[tuple[str, str]]:
    """List layout and name of each method that a reader's folders allow; those with parts need boxes, too."""
    layouts = [name for name in DATASETS if not ws.is_synthetic(name)]
    boxed = ws.profile.annotations or ws.profile.detector.get("weights")
    return [
        (name, row)
        for name in layouts
        for row, (method, changes) in ROWS[name].items()
        if not lacking(ws, name, method) and (boxed or not changes.get("parts", PARTS if method == "partreg" else ()))
    ]


def as_job(ws: Workspace, layout: str, row: str) -> Job:
    """Return the job of a method."""
    recipe = {"score": row_recipe(ws, layout, row), "tests": keys.tests(ws, layout)}
    return Job({"layout": layout, "row": row}, f"photographs, {layout}, {row}", ws, recipe, table="photographs")


STUDY = Study(
    name="photographs",
    target="photographs",
    tables={"photographs": COLUMNS},
    listed=lambda ws: [as_job(ws, *one) for one in rows_here(ws)],
    measure=lambda job: scored(job.workspace, **job.what),
    without_jobs="neither vehicleid nor veri names a folder; give one of them.",
)

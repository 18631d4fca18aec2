"""The study of ``make photographs``: every row that real photographs allow, on a folder of them, in one table.

A row that needs side files which the folder has not is left out, as in chapters 05 and 06.
"""

from __future__ import annotations

import pandas as pd

from partreg.parts.boxes import PARTS
from partreg.workflow import keys
from partreg.workflow.dial import ROWS, row_recipe, scored
from partreg.workflow.fields import DATASETS
from partreg.workflow.profile import Workspace
from partreg.workflow.runs import lacking
from partreg.workflow.study import Job, Record, Study

COLUMNS = (
    *("layout", "row", "method", "cmc1", "low", "high", "seed", "test_vehicles", "size", "epochs"),
    *("profile", "commit", "clean", "device"),
)


def rows_here(ws: Workspace) -> list[tuple[str, str]]:
    """Layout and name of each row that can be run on a reader's own folders; rows with parts want annotations, too."""
    layouts = [name for name in DATASETS if not ws.is_synthetic(name)]
    return [
        (name, row)
        for name in layouts
        for row, (method, changes) in ROWS[name].items()
        if not lacking(ws, name, method)
        and (ws.profile.annotations or not changes.get("parts", PARTS if method == "partreg" else ()))
    ]


def listed(ws: Workspace) -> list[Job]:
    """A job for each of `rows_here`."""
    return [
        Job(
            what={"layout": layout, "row": row},
            label=f"photographs, {layout}, {row}",
            workspace=ws,
            recipe={"score": row_recipe(ws, layout, row), "tests": keys.tests(ws, layout)},
        )
        for layout, row in rows_here(ws)
    ]


def measure(job: Job) -> Record:
    """The score of a row, see `partreg.workflow.dial.scored`; its network is trained where need be."""
    return scored(job.workspace, **job.what)


STUDY = Study(
    name="photographs",
    target="photographs",
    tables=("photographs",),
    listed=listed,
    measure=measure,
    tabulate=lambda records: {"photographs": pd.DataFrame(records, columns=list(COLUMNS))},
    without_jobs="neither vehicleid nor veri names a folder; give one of them.",
)

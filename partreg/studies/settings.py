"""The study of ``make settings``: choose settings by scores on validation vehicles, never on test vehicles."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from partreg import files
from partreg.baselines import declarations
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.studies.study import Job, Record, Study
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.profile import Workspace
from partreg.workflow.runs import make_run, method_run
from partreg.workflow.stages import history, run_folder

# Where the search began, and what was tried from there, one setting at a time; rates and epochs for the baseline too.
START: dict[str, Any] = {"part_weight": 0.3, "last_stride": 1, "lr": 0.03, "epochs": 20}
TRIED: list[dict[str, Any]] = [
    *[{"lr": value} for value in (0.01, 0.03, 0.1)],
    *[{"lr": value, "parts": ()} for value in (0.01, 0.03, 0.1)],
    *[{"part_weight": value} for value in (0.1, 0.3, 1.0)],
    *[{"last_stride": value} for value in (1, 2)],
    *[{"epochs": value} for value in (10, 20)],
    *[{"epochs": value, "parts": ()} for value in (10, 20)],
]
# The same for the other methods, which are many: half the epochs and two thirds of the size, unless they say more.
START_OTHERS: dict[str, Any] = {"epochs": 20, "size": 64}
COLUMNS = (
    *("network", "setting", "value", "epochs", "pixels", "validation CMC@1 (%)", "training accuracy (%)", "chosen"),
    *("held-out vehicles", "seed", "profile", "commit"),
)


def described(ws: Workspace, method: str, **changes: Any) -> Run:
    """Return a method's network in the layout where its settings are chosen: VeRi-776's only if it has no other."""
    if method == "partreg":
        return make_run(ws, "vehicleid", **changes)
    return method_run(ws, declarations()[method].home, method, **changes)


def listed(ws: Workspace) -> list[Job]:
    """List a job for each setting that was tried: of the paper's method and its baseline, then of the other methods."""
    jobs = [as_job(ws, "partreg", changes, START, "settings") for changes in TRIED]
    tried = [(method, changes) for method, about in declarations().items() for changes in about.tried]
    return jobs + [as_job(ws, method, changes, START_OTHERS, "settings_others") for method, changes in tried]


def as_job(ws: Workspace, method: str, changes: dict[str, Any], start: dict[str, Any], table: str) -> Job:
    """Return the job of one setting, the last of ``changes``; it was chosen if the profile has all of them."""
    run, used = described(ws, method, **{**start, **changes}), asdict(described(ws, method))
    network = method if method != "partreg" else "full model" if run.parts else "baseline"
    numbers = {name: value for name, value in changes.items() if name != "parts"}
    name, value = list(numbers.items())[-1]
    chosen = "yes" if all(used[one] == number for one, number in numbers.items()) else ""
    what = {"network": network, "setting": name, "value": f"{value:g}", "chosen": chosen}
    recipe = {"run": run.key, "code": [keys.validated(), code_key("partreg.studies.settings:measure")]}
    return Job(what, f"settings, {network}, {name} {value:g}", ws, recipe, run, run.detects, table)


def measure(job: Job) -> Record:
    """Return CMC@1 on validation vehicles, and where it comes from; train the network first if needed.

    Raises:
        PartregError: the network was scored by other code while it learnt.
    """
    ws, run = job.workspace, job.run
    past, folder = history(ws, run), run_folder(ws, run)
    if run.held_out and np.isnan(past.cmc1.iloc[-1]):
        raise PartregError(f"{folder}: its validation images were scored by other code; delete it and run again.")
    facts = files.read_json(folder / "provenance.json")
    accuracy = [column for column in past if column.startswith("accuracy")]
    return {
        "epochs": run.epochs,
        "pixels": run.size,
        "validation CMC@1 (%)": round(100 * past.cmc1.iloc[-1], 1) if run.held_out else "",
        "training accuracy (%)": next((round(100 * past[name].iloc[-1], 1) for name in accuracy), ""),
        "held-out vehicles": run.held_out,
        "seed": run.seed,
        "profile": facts["profile"],
        "commit": facts["commit"] + ("" if facts["clean"] else "+"),
    }


STUDY = Study("settings", "settings", {"settings": COLUMNS, "settings_others": COLUMNS}, listed, measure)

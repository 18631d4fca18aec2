"""`make settings`: networks scored on validation identities, never on test identities, to choose settings by."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.workflow.keep import own_table
from partreg.workflow.profile import Workspace, open_workspace
from partreg.workflow.runs import make_run, method_run
from partreg.workflow.stages import history, run_folder

# Where the search began, and what was tried from there, one setting at a time; rates and epochs for the baseline too.
START: dict[str, Any] = {"part_weight": 1.0, "last_stride": 1, "lr": 0.1, "epochs": 40}
TRIED: list[dict[str, Any]] = [
    *[{"part_weight": value} for value in (0.3, 1.0, 3.0)],
    *[{"last_stride": value} for value in (1, 2)],
    *[{"lr": value} for value in (0.05, 0.1, 0.2)],
    *[{"lr": value, "parts": ()} for value in (0.05, 0.1, 0.2)],
    *[{"epochs": value} for value in (20, 40)],
    *[{"epochs": value, "parts": ()} for value in (20, 40)],
]
# The same for the other rows, which are many: at half the epochs and two thirds of the size.
START_OTHERS: dict[str, Any] = {"epochs": 20, "size": 64}
TRIED_OTHERS: dict[str, list[dict[str, Any]]] = {
    "vgg_triplet": [{"margin": 0.3, "lr": 0.1}, {"margin": 0.3, "lr": 0.05}, {"lr": 0.1, "margin": 0.5}],
    "vgg_ccl": [{"margin": 1.0, "lr": 0.1}, {"margin": 1.0, "lr": 0.03}, {"lr": 0.1, "margin": 0.5}],
    "mixed_diff_ccl": [{"margin": 1.0, "lr": 0.1}, {"margin": 1.0, "lr": 0.03}, {"lr": 0.1, "margin": 0.5}],
    "oife": [{"lr": 0.1}, {"lr": 0.05}],
    "vami": [{"margin": 1.0, "lr": 0.1}, {"margin": 1.0, "lr": 0.05}, {"lr": 0.1, "margin": 0.5}],
    "googlenet": [{"lr": 0.1}, {"lr": 0.05}],
    "siamese_path": [{"lr": 0.1}, {"lr": 0.05}],
    # At half the budget its rates could not be told apart, so they are tried at the full one.
    "strong": [{"epochs": 40, "size": 96, "margin": 0.3, "lr": value} for value in (0.1, 0.05, 0.02)],
}


def tried(ws: Workspace, others: bool = False) -> list[tuple[str, dict[str, Any], Run]]:
    """The network, the setting and the run of all that was tried for the paper's method, or for the other rows."""
    if others:
        return [
            (method, changes, other_run(ws, method, **{**START_OTHERS, **changes}))
            for method, several in TRIED_OTHERS.items()
            for changes in several
        ]
    found = [(changes, make_run(ws, "vehicleid", **{**START, **changes})) for changes in TRIED]
    return [("full model" if run.parts else "baseline", changes, run) for changes, run in found]


def other_run(ws: Workspace, method: str, **changes: Any) -> Run:
    """Another row's network in the layout where its settings are chosen: VeRi-776's only where it has no other row."""
    return method_run(ws, "veri" if method == "siamese_path" else "vehicleid", method, **changes)


def tried_runs(ws: Workspace, others: bool = False) -> list[Run]:
    """The run of each setting that was tried."""
    return [run for _, _, run in tried(ws, others)]


def table(ws: Workspace, others: bool = False) -> pd.DataFrame:
    """One row for each setting tried: network, setting, value, CMC@1 on validation identities, and where it comes from.

    Raises:
        PartregError: one of the networks has not been trained.
    """
    rows = []
    for network, changes, run in tried(ws, others):
        name = list(changes)[-1]
        used = other_run(ws, run.method) if run.method != "partreg" else make_run(ws, "vehicleid")
        used = all(asdict(used)[key] == value for key, value in changes.items() if key != "parts")
        folder = run_folder(ws, run)
        if not (folder / "provenance.json").exists():
            raise PartregError(f"{folder}: no trained network of {run.name}; run `make settings`.")
        facts = files.read_json(folder / "provenance.json")
        past = history(ws, run)
        if run.held_out and np.isnan(past.cmc1.iloc[-1]):
            raise PartregError(f"{folder}: its validation images were scored by other code; delete it and run again.")
        accuracy = [column for column in past if column.startswith("accuracy")]
        rows.append(
            {
                "network": network,
                "setting": name,
                "value": f"{changes[name]:g}",
                "epochs": run.epochs,
                "pixels": run.size,
                "validation CMC@1 (%)": round(100 * past.cmc1.iloc[-1], 1),
                "training accuracy (%)": next((round(100 * past[name].iloc[-1], 1) for name in accuracy), ""),
                "chosen": "yes" if used else "",
                "held-out vehicles": run.held_out,
                "seed": run.seed,
                "profile": facts["profile"],
                "commit": facts["commit"] + ("" if facts["clean"] else "+"),
            }
        )
    return pd.DataFrame(rows)


def main(choices: str, which: str = "") -> None:
    """``python -m partreg.workflow.settings JSON-of-choices [others]``: write one of the two tables."""
    try:
        ws = open_workspace(**json.loads(choices))
        path = own_table(ws, "settings_others" if which else "settings")
        files.write_text(path, table(ws, bool(which)).to_csv(index=False))
    except PartregError as error:
        sys.exit(f"partreg: settings: FAILED: {error}")
    print(f"partreg: settings: done, in {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])

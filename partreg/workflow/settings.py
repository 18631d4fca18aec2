"""`make settings`: networks scored on validation identities, never on test identities, to choose settings by."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.workflow.profile import REPOSITORY, Workspace, open_workspace
from partreg.workflow.runs import make_run
from partreg.workflow.stages import run_folder

# Where the search began, and what was tried from there, one setting at a time; the baseline gets the same care.
START: dict[str, Any] = {"part_weight": 1.0, "last_stride": 1, "lr": 0.1, "epochs": 40}
TRIED: list[dict[str, Any]] = [
    *[{"part_weight": value} for value in (0.3, 1.0, 3.0)],
    *[{"last_stride": value} for value in (1, 2)],
    *[{"lr": value} for value in (0.05, 0.1, 0.2)],
    *[{"lr": value, "parts": ()} for value in (0.05, 0.1, 0.2)],
    *[{"epochs": value} for value in (20, 40)],
    *[{"epochs": value, "parts": ()} for value in (20, 40)],
]
TABLE = REPOSITORY / "reference" / "settings.csv"


def tried_runs(ws: Workspace) -> list[Run]:
    """The run of each setting that was tried, in the order of `TRIED`."""
    return [make_run(ws, "vehicleid", **{**START, **changes}) for changes in TRIED]


def table(ws: Workspace) -> pd.DataFrame:
    """One row for each setting tried: network, setting, value, CMC@1 on validation identities, and where it comes from.

    Raises:
        PartregError: one of the networks has not been trained.
    """
    rows = []
    for changes, run in zip(TRIED, tried_runs(ws), strict=True):
        name = next(iter(changes))
        folder = run_folder(ws, run)
        if not (folder / "provenance.json").exists():
            raise PartregError(f"{folder}: no trained network of {run.name}; run `make settings`.")
        facts = files.read_json(folder / "provenance.json")
        history = pd.read_csv(folder / "history.csv")
        rows.append(
            {
                "network": "full model" if run.parts else "baseline",
                "setting": name,
                "value": f"{changes[name]:g}",
                "validation CMC@1 (%)": round(100 * history.cmc1.iloc[-1], 1),
                "training accuracy (%)": round(100 * history.accuracy_global.iloc[-1], 1),
                "chosen": "yes" if asdict(run)[name] == ws.profile.reid[name] else "",
                "held-out vehicles": run.held_out,
                "seed": run.seed,
                "profile": facts["profile"],
                "commit": facts["commit"] + ("" if facts["clean"] else "+"),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    try:
        files.write_text(TABLE, table(open_workspace(**json.loads(sys.argv[1]))).to_csv(index=False))
    except PartregError as error:
        sys.exit(f"partreg: settings: FAILED: {error}")
    print("partreg: settings: done")

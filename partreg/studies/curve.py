"""The gain by parts against the number of training vehicles, from the kept study `partreg.studies.regime`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from partreg import paper
from partreg.figures.tables import in_points
from partreg.retrieval.statistics import Arm, Contrast, contrast, gain_line
from partreg.studies.effects import regime_runs
from partreg.workflow.profile import REFERENCE, read_profile


def kept_runs(folder: Path = REFERENCE) -> pd.DataFrame:
    """Return the finished trainings of the study `partreg.studies.regime`; an empty table where nobody has made it."""
    runs = regime_runs(folder)
    return runs[runs.outcome == "done"].rename(columns={"vehicles": "learnt", "cmc1_large": "cmc1"})


def gains_by_seed(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the gain by parts in CMC@1, a fraction, by what was fixed; ``runs`` are the `kept_runs`.

    Returns:
        For "epochs fixed" and "steps fixed" a row for each seed, which has its own benchmark, and a column for each
        number of training vehicles; NaN where one of the two trainings is missing. {} without trainings.
    """
    if runs.empty:
        return {}
    plan = read_profile("regime")["regime"]
    runs = runs[runs.row.isin((paper.FULL, paper.BASELINE))]
    steps = (plan["epochs"] * plan["even"] / runs.learnt).round().clip(lower=1)
    fixed = {"epochs fixed": runs[runs.epochs == plan["epochs"]], "steps fixed": runs[runs.epochs == steps]}
    scores = {name: some.pivot(index=["seed", "learnt"], columns="row", values="cmc1") for name, some in fixed.items()}
    return {name: (table[paper.FULL] - table[paper.BASELINE]).unstack() for name, table in scores.items()}


def by_number(gains: Mapping[str, pd.DataFrame]) -> dict[tuple[str, float, str], Contrast]:
    """Return the means of `gains_by_seed`, for `partreg.figures.gains.gain_panels`, on an axis "vehicles"."""
    return {
        ("vehicles", number, name): contrast([Arm(1, some.dropna().to_numpy())])
        for name, table in gains.items()
        for number, some in table.items()
    }


def fitted(gains: Mapping[str, pd.DataFrame], at: int) -> pd.DataFrame:
    """Return straight lines through `gains_by_seed`, in words: a line for each way, see `statistics.gain_line`."""
    lines = {name: gain_line(list(table), table.to_numpy(), at) for name, table in gains.items()}
    told = {name: [*map(in_points, line), len(gains[name].dropna())] for name, line in lines.items()}
    columns = ["each doubling", f"at {at:,}, extrapolated", "seeds"]
    return pd.DataFrame(told, index=columns, dtype=object).T.rename_axis("what is fixed")


def on_gpu(folder: Path = REFERENCE) -> dict[tuple[str, int], Contrast]:
    """Return the gain by parts in CMC@1, a fraction, of what ``make gpu`` trained, by backbone and training vehicles.

    All its trainings have one benchmark. The interval is for other trainings and other test vehicles, where there are
    several trainings; of one, the mean alone is known.
    """
    tables = [pd.read_csv(folder / "gpu" / name) for name in ("table_4.csv", "hits.csv")]
    both = tables[0].merge(tables[1], on=["network", "row", "seed"])
    return {key: contrast([_arm(1, some, paper.FULL), _arm(-1, some, paper.BASELINE)])
            for key, some in both.groupby(["network", "vehicles"])}  # fmt: skip


def _arm(weight: float, trainings: pd.DataFrame, row: str) -> Arm:
    """Return one method's trainings; their ``hits`` are numbers with a blank between, a number for each vehicle."""
    mine = trainings[trainings.row == row]
    return Arm(weight, mine.cmc1.to_numpy(), np.array([one.split() for one in mine.hits], float))

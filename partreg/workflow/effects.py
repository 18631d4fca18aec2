"""From kept trainings to effects with intervals: over seeds by Student's t, over test vehicles by resampling them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from partreg.errors import PartregError
from partreg.retrieval.protocols import bootstrap_over_vehicles
from partreg.workflow.profile import REFERENCE

TABLES = ("runs", "curves", "hits")
USUAL = {"study": "rows", "cell": "", "budget": "long", "dataset": "vehicleid"}


@dataclass(frozen=True)
class Evidence:
    """What `partreg.workflow.evidence.collect` wrote.

    Attributes:
        runs: a row for each training: what it was for, its scores as fractions, and how it came about.
        curves: for each training (``key``) and scored epoch, CMC@1 on validation and test identities and the accuracy.
        hits: for each training a text of the shares of hits of each test vehicle, by ascending vehicle number.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    hits: pd.DataFrame


@dataclass(frozen=True)
class Effect:
    """A score, or a difference of two scores, over several trainings; all fractions.

    Attributes:
        values: for each seed.
        low: lower end of the 95% interval over seeds, NaN for one seed.
        high: its upper end.
        over_vehicles: ends of the 95% interval over test vehicles, of the mean over these seeds; NaN where not known.
    """

    values: tuple[float, ...]
    low: float
    high: float
    over_vehicles: tuple[float, float]

    @property
    def mean(self) -> float:
        """Mean over the seeds; NaN without any."""
        return float(np.mean(self.values)) if self.values else float("nan")


def read_evidence(folder: Path = REFERENCE) -> Evidence | None:
    """The tables of a folder; None where nobody has made them.

    Raises:
        PartregError: one of the three tables is missing or cannot be read.
    """
    if not (folder / "runs.csv").exists():
        return None
    try:
        frames = [pd.read_csv(folder / f"{name}.csv", keep_default_na=True) for name in TABLES]
    except (OSError, ValueError) as error:
        raise PartregError(f"{folder}: expected {', '.join(TABLES)}.csv ({error}); run make reference.") from error
    runs = frames[0]
    text = ["study", "cell", "row", "budget", "dataset", "outcome"]
    return Evidence(runs.assign(**runs[text].fillna("").astype(str)), *frames[1:])


def chosen(evidence: Evidence, of: Mapping[str, Any]) -> pd.DataFrame:
    """The finished trainings of one row, by seed.

    Args:
        evidence: the tables.
        of: values of columns of ``runs``; what is not named is as in `USUAL`.

    Raises:
        PartregError: a column is unknown, or there are two trainings of one seed.
    """
    wanted = {**USUAL, **of}
    runs = evidence.runs
    unknown = set(wanted) - set(runs)
    if unknown:
        raise PartregError(f"runs.csv has no column {sorted(unknown)[0]!r}; its columns are {', '.join(runs)}.")
    found = runs[runs.outcome == "done"]
    for name, value in wanted.items():
        found = found[found[name] == value]
    if found.seed.duplicated().any():
        raise PartregError(f"runs.csv: two trainings of one seed for {wanted}; name their size or study, too.")
    return found.set_index("seed").sort_index()


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of a mean over trainings by Student's t; NaN for fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return float(found.low), float(found.high)


def effect(
    evidence: Evidence, of: Mapping[str, Any], minus: Mapping[str, Any] | None = None, score: str = "cmc1_large"
) -> Effect:
    """A row's score, or its difference from another row's, seed by seed.

    Args:
        evidence: the tables.
        of: the row, see `chosen`; with "score", a score of its own.
        minus: what is subtracted; the seeds that both have count, and each pair shares its seed.
        score: a column of ``runs``.
    """
    sides = [dict(side) for side in ([of] if minus is None else [of, minus])]
    names = [side.pop("score", score) for side in sides]
    tables = [chosen(evidence, side) for side in sides]
    both = pd.concat([table[name] for table, name in zip(tables, names, strict=True)], axis=1).dropna()
    values = both.iloc[:, 0] - both.iloc[:, 1] if minus is not None else both.iloc[:, 0]
    shares = [vehicle_shares(evidence, table.loc[both.index], name) for table, name in zip(tables, names, strict=True)]
    over = (float("nan"), float("nan"))
    if all(share is not None for share in shares) and len(values):
        apart = shares[0] - shares[1] if minus is not None and len(shares[0]) == len(shares[1]) else shares[0]
        if minus is None or len(shares[0]) == len(shares[1]):
            over = bootstrap_over_vehicles(apart, np.arange(len(apart)))
    return Effect(tuple(float(value) for value in values), *interval(values), over)


def vehicle_shares(evidence: Evidence, trainings: pd.DataFrame, score: str) -> np.ndarray | None:
    """The mean share of hits of each test vehicle over trainings; None for a score that is no CMC@1 at the end."""
    which = {"cmc1_large": "hits", "cmc1_fused": "hits_fused"}.get(score)
    kept = evidence.hits[evidence.hits.key.isin(trainings.key) & (evidence.hits.which == which)]
    if which is None or len(kept) != len(trainings) or kept.empty:
        return None
    return np.mean([np.array(text.split(), dtype=float) for text in kept.hits], axis=0)

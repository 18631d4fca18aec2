"""Ways to use parts, each with a control that knows no places, and what was tried before the choice (chapter 15)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from partreg.figures.tables import percent, signed
from partreg.paper import BASELINE, FULL
from partreg.studies import effects, regime
from partreg.studies.evidence import PULLED_ELSEWHERE, WHOLE
from partreg.studies.points import against

TABLE = "gpu/tried"
CONTROL = ", whole map"  # how the control of a variation is called after it
DEEP, _DEEP_WHOLE = regime.DEEPER
# Each way, and the same with its heads on the whole map.
CONTROLS = {FULL: WHOLE, regime.PULLED: next(iter(PULLED_ELSEWHERE)), DEEP: _DEEP_WHOLE}
ALONE = "Window+Light+Brand"  # no global branch: three features side by side, and boxes at test time


@dataclass(frozen=True)
class Tried:
    """Variations, each with CMC@1 on held-out vehicles.

    Attributes:
        scores: a line for each variation that is no control, best mean first, and a column for each seed; fractions.
        controls: the mean of each variation that has a control with its heads on the whole map.
        origin: how many vehicles they learnt for how many epochs, and with what and by which commit, in words.
    """

    scores: pd.DataFrame
    controls: pd.Series
    origin: str

    def table(self) -> pd.DataFrame:
        """Return the scores in words, and what is left over the full model and over the control, in points."""
        mean = self.scores.mean(axis=1)
        words = self.scores.map(percent).rename(columns="seed {}".format).rename_axis("variation", axis=0)
        words["mean"] = mean.map(percent)
        words["minus full model"] = (mean - mean[FULL]).map(signed)
        words["minus its control"] = (mean - self.controls.reindex(mean.index)).map(signed)
        return words


def variations(frame: pd.DataFrame) -> Tried:
    """Sort the variations of a table with columns kind, row, seed, cmc1, learnt, epochs, device and commit."""
    frame = frame[frame.kind == "variation"]
    every = frame.pivot(index="row", columns="seed", values="cmc1")
    control = every.index.str.endswith(CONTROL)
    scores = every[~control]
    order = scores.mean(axis=1).sort_values(ascending=False, kind="stable").index
    means = every[control].mean(axis=1).rename(lambda row: row.removesuffix(CONTROL))
    made = [" and ".join(map(str, frame[name].unique())) for name in ("learnt", "epochs", "device", "commit")]
    return Tried(scores.loc[order], means, "{} vehicles learnt, {} epochs, {}, commit {}.".format(*made))


def kept_variations() -> Tried:
    """Return the `variations` that are kept in the repository."""
    return variations(effects.kept_table(TABLE)[0])


def compared() -> dict[tuple[str, str], effects.Pair]:
    """Return the pairs of methods that chapter 15 compares, at the most training vehicles.

    Each is named by what it is compared with ("the baseline", "the full model", "the plain pull" or "its control") and
    by its method.
    """
    rivals = {("the baseline", row): BASELINE for pair in CONTROLS.items() for row in pair}
    rivals |= {("the baseline", ALONE): BASELINE}
    rivals |= {("the full model", row): FULL for row in CONTROLS if row != FULL}
    rivals |= {("the plain pull", DEEP): regime.PULLED}
    rivals |= {("its control", row): control for row, control in CONTROLS.items()}
    return {(of, row): against(row, rival, **effects.largest()) for (of, row), rival in rivals.items()}

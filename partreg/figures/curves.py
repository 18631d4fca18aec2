"""Lines over epochs, which show how a training went (Section 3.3), and lines over a dial of the benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from partreg.figures.pipeline import GREEN, GREY
from partreg.figures.sheets import PART_COLORS, PART_STYLES
from partreg.figures.tables import percent


def training_curves(history: pd.DataFrame, branches: Sequence[str], vehicles: int) -> Figure:
    """The loss of each branch (the summands of Eq. 3), its training accuracy and, if scored, CMC@1 on other vehicles.

    Args:
        history: a row an epoch: ``epoch``, for each branch ``loss_<branch>`` and ``accuracy_<branch>``, and ``cmc1``,
            NaN where nothing was scored; accuracies and CMC@1 in [0, 1].
        branches: of the network.
        vehicles: V, how many it learns to tell apart; guessing has the loss ln V.

    Returns:
        The closed figure, a panel below the other.
    """
    scored = history.dropna(subset="cmc1")
    count = 3 if len(scored) else 2
    figure, axes = plt.subplots(count, figsize=(6.4, 2.2 * count), sharex=True, facecolor="white", layout="constrained")
    plt.close(figure)
    for branch in branches:
        style = {"color": PART_COLORS.get(branch, GREEN), "linestyle": PART_STYLES.get(branch, "-"), "marker": "."}
        axes[0].plot(history.epoch, history[f"loss_{branch}"], label=branch, **style)
        axes[1].plot(history.epoch, 100 * history[f"accuracy_{branch}"], **style)
    axes[0].axhline(np.log(vehicles), color=GREY, linewidth=0.8, label="guessing")
    axes[0].set(ylabel="loss", ylim=(0, None))
    axes[0].legend(ncols=3, frameon=False)
    axes[1].set(ylabel="training accuracy (%)", ylim=(0, 101))
    if len(scored):
        axes[2].plot(scored.epoch, 100 * scored.cmc1, "o-", color="black")
        axes[2].set(ylabel="CMC@1, held out (%)", ylim=(0, 101))
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def training_ends(history: pd.DataFrame, branches: Sequence[str]) -> dict[str, str]:
    """Where a training ended, in words for the prose of chapter 04, by the names that it has there.

    Args:
        history: as in `training_curves`.
        branches: of the network; the accuracy is the global branch's, or every part's where there is no such branch.
    """
    last = history.iloc[-1]
    shown = ["global"] if "global" in branches else branches
    return {
        "reid_accuracy": ", ".join(f"{percent(last[f'accuracy_{name}'])} ({name} branch)" for name in shown),
        "reid_validation": "no number (nothing was scored)" if np.isnan(last.cmc1) else percent(last.cmc1),
    }


def dial_curve(scores: pd.DataFrame, dial: str) -> Figure:
    """CMC@1 against a dial of the benchmark.

    Args:
        scores: fractions, a row a setting of the dial (the index) and two columns, each a line under its name.
        dial: what the horizontal axis says.
    """
    figure, ax = plt.subplots(figsize=(5, 3), facecolor="white", layout="constrained")
    plt.close(figure)
    (100 * scores).plot(ax=ax, style=["o-", "s-"], color=["#0173b2", "#de8f05"], xticks=list(scores.index))
    ax.set(xlabel=dial, ylabel="CMC@1 in %", ylim=(0, 100))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return figure

"""Lines over epochs, which show how a training went (Section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from partreg.figures.pipeline import GREEN, GREY
from partreg.figures.sheets import DPI, PART_COLORS, PART_STYLES
from partreg.figures.tables import percent
from partreg.parts.boxes import BRANCH_BOXES


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
    table = history.set_index("epoch")
    panels = {
        "loss": table[[f"loss_{branch}" for branch in branches]],
        "training accuracy (%)": 100 * table[[f"accuracy_{branch}" for branch in branches]],
        "CMC@1, held out (%)": 100 * table[["cmc1"]].dropna(),
    }
    panels = {label: lines for label, lines in panels.items() if len(lines)}
    size = 6.4, 2.2 * len(panels)
    figure, axes = plt.subplots(len(panels), figsize=size, sharex=True, facecolor="white", layout="constrained")
    plt.close(figure)
    for ax, (label, lines) in zip(axes, panels.items(), strict=True):
        for column, branch in zip(lines, branches, strict=False):
            box = BRANCH_BOXES.get(branch, ("",))[0]
            color, style = PART_COLORS.get(box, GREEN), PART_STYLES.get(box, "-")
            ax.plot(lines[column], color=color, linestyle=style, marker=".", label=branch)
        ax.set(xlabel="epoch", ylabel=label, ylim=(0, None if label == "loss" else 101))
        ax.label_outer()
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].axhline(np.log(vehicles), color=GREY, linewidth=0.8, label="guessing")
    axes[0].legend(ncols=3, frameon=False)
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def training_ends(history: pd.DataFrame, branches: Sequence[str]) -> dict[str, str]:
    """The last accuracy (the global branch's, or without one all parts') and CMC@1, as chapter 04 says them."""
    last = history.iloc[-1]
    shown = ["global"] if "global" in branches else branches
    return {
        "reid_accuracy": ", ".join(f"{percent(last[f'accuracy_{name}'])} ({name} branch)" for name in shown),
        "reid_validation": "no number (nothing was scored)" if np.isnan(last.cmc1) else percent(last.cmc1),
    }


def summand_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """The loss of each network with its summands, the accuracies that were logged and, if scored, CMC@1.

    Args:
        histories: by the name of a network, as for `training_curves`; a column ``loss``, and any that begin with
            ``loss_`` or ``accuracy_``.

    Returns:
        The closed figure, a panel below the other; a sentence in place of panels where there is no network.
    """
    charts = [(name, kind, some) for name, history in histories.items() for kind, some in _panels(history).items()]
    size, height = (6.4, 2.2 * max(len(charts), 0.25)), max(len(charts), 1)
    figure, axes = plt.subplots(height, squeeze=False, figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    plt.close(figure)
    if not charts:
        axes[0, 0].axis("off")
        axes[0, 0].text(0, 0.5, "This method trains no network on images.")
    for (name, kind, columns), ax in zip(charts, axes.flat, strict=False):
        share = 1 if kind == "loss" else 100
        for column, color, mark in zip(columns, sns.color_palette("colorblind"), "osD^vP*X<>", strict=False):
            points = histories[name].dropna(subset=column)
            label = column.removeprefix("loss_").removeprefix("accuracy_").replace("_", " ").replace("loss", "total")
            ax.plot(points.epoch, share * points[column], marker=mark, markersize=3, color=color, label=label)
        ax.set(ylabel=kind, title=name, xlabel="epoch", xlim=(0.5, len(histories[name]) + 0.5))
        ax.set_ylim(0, None if kind == "loss" else 101)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.spines[["top", "right"]].set_visible(False)
        if len(columns) > 1:
            ax.legend(ncols=3, frameon=False, fontsize=8)
    return figure


def _panels(history: pd.DataFrame) -> dict[str, list[str]]:
    """The columns of a history by the axis that they belong on, without those that hold nothing."""
    logged = [name for name in history if history[name].notna().any()]
    found = {
        "loss": [name for name in logged if name.startswith("loss")],
        "training accuracy (%)": [name for name in logged if name.startswith("accuracy")],
        "CMC@1, held out (%)": [name for name in logged if name == "cmc1"],  # and not "cmc1_test"
    }
    return {kind: names for kind, names in found.items() if names}

"""Curves over epochs: how a training went (Section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from partreg.figures.pipeline import GREEN, GREY
from partreg.figures.sheets import part_look, white_figure
from partreg.figures.tables import percent
from partreg.parts.boxes import BRANCH_BOXES


def training_curves(history: pd.DataFrame, branches: Sequence[str], vehicles: int) -> Figure:
    """Draw each branch's loss (a summand of Eq. 3) and training accuracy and, if scored, CMC@1 on held-out vehicles.

    Args:
        history: one row an epoch: ``epoch``, for each branch ``loss_<branch>`` and ``accuracy_<branch>``, and ``cmc1``,
            NaN where nothing was scored; accuracies and CMC@1 in [0, 1].
        branches: of the network.
        vehicles: V, how many it learns to tell apart; guessing has the loss ln V and the accuracy 1 / V.

    Returns:
        The closed figure, one panel below the other.
    """
    table = history.set_index("epoch")
    panels = {
        "loss": table[[f"loss_{branch}" for branch in branches]],
        "training accuracy (%)": 100 * table[[f"accuracy_{branch}" for branch in branches]],
        "CMC@1, held out (%)": 100 * table[["cmc1"]].dropna(),
    }
    panels = {label: lines for label, lines in panels.items() if len(lines)}
    figure, axes = white_figure(6.4, 2.2 * len(panels), len(panels), dpi=None, sharex=True, layout="constrained")
    for ax, (label, lines) in zip(axes, panels.items(), strict=True):
        for column, branch in zip(lines, branches, strict=False):
            box = BRANCH_BOXES.get(branch, (branch,))[0]
            color, style = (GREEN, "-") if branch == "global" else part_look(box)
            ax.plot(lines[column], color=color, linestyle=style, marker=".", label=branch)
        ax.set(xlabel="epoch", ylabel=label, ylim=(0, None if label == "loss" else 101))
        ax.label_outer()
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].axhline(np.log(vehicles), color=GREY, linewidth=0.8, label="guessing")
    axes[1].axhline(100 / vehicles, color=GREY, linewidth=0.8)
    axes[0].legend(ncols=3, frameon=False)
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def training_ends(history: pd.DataFrame, branches: Sequence[str]) -> dict[str, str]:
    """Return the last accuracy (the global branch's, else each part's) and CMC@1, in the words of chapter 04."""
    last = history.iloc[-1]
    shown = ["global"] if "global" in branches else branches
    return {
        "reid_accuracy": ", ".join(f"{percent(last[f'accuracy_{name}'])} ({name} branch)" for name in shown),
        "reid_validation": "no number (nothing was scored)" if np.isnan(last.cmc1) else percent(last.cmc1),
    }


def summand_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw each network's loss with its summands, the accuracies that were logged and, if scored, CMC@1.

    Args:
        histories: by the name of a network, as for `training_curves`; a column ``loss``, and any that begin with
            ``loss_`` or ``accuracy_``.

    Returns:
        The closed figure, one panel below the other; without a network, a sentence in their place.
    """
    charts = [(name, kind, columns) for name, log in histories.items() for kind, columns in _panels(log).items()]
    height = 2.2 * max(len(charts), 0.25)
    figure, axes = white_figure(6.4, height, max(len(charts), 1), squeeze=False, layout="constrained")
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
    """Return a history's columns by the panel that shows them, without the empty ones."""
    logged = [name for name in history if history[name].notna().any()]
    panels = {
        "loss": [name for name in logged if name.startswith("loss")],
        "training accuracy (%)": [name for name in logged if name.startswith("accuracy")],
        "CMC@1, held out (%)": [name for name in logged if name == "cmc1"],  # and not "cmc1_test"
    }
    return {kind: names for kind, names in panels.items() if names}

"""Curves of convergence, and when parts pay: their gain as one thing about the data is changed at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from partreg.figures.sheets import DPI

COLORS = sns.color_palette("colorblind").as_hex()
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "D", "^")


@dataclass(frozen=True)
class Gain:
    """The gain by parts in one cell, as fractions: mean over seeds, and the ends of its 95% interval (NaN for one)."""

    mean: float
    low: float
    high: float


def curve_chart(curves: pd.DataFrame, names: Mapping[str, str], label: str) -> Figure:
    """Scores over epochs, a line a row, a panel a score; bands are 95% intervals of the mean over seeds, by seaborn.

    Args:
        curves: columns epoch, row, seed and the names of ``names``; scores as fractions.
        names: for each panel the column and its title.
        label: of the vertical axis, in percent.

    Returns:
        The closed figure, panels from top to bottom.
    """
    figure, axes = plt.subplots(
        len(names), figsize=(6.4, 2.9 * len(names)), sharex=True, squeeze=False, facecolor="white",
        layout="constrained", dpi=DPI,
    )  # fmt: skip
    plt.close(figure)
    rows = list(dict.fromkeys(curves["row"]))
    for ax, (column, title) in zip(axes.flat, names.items(), strict=True):
        for row, color, line in zip(rows, COLORS, LINES, strict=False):
            mine = curves[curves["row"] == row].assign(percent=lambda frame, column=column: 100 * frame[column])
            band = {"errorbar": ("ci", 95), "seed": 0} if mine["seed"].nunique() > 1 else {"errorbar": None}
            sns.lineplot(mine, x="epoch", y="percent", ax=ax, color=color, linestyle=line, label=row, **band)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="epoch", ylabel=label, ylim=(0, None))
        ax.spines[["top", "right"]].set_visible(False)
        if ax.get_legend() is not None:  # none is drawn where there is no curve yet
            ax.get_legend().remove()
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=1, frameon=False)
    return figure


def gain_panels(axes: Mapping[str, Mapping[str, Mapping[float, Gain]]], titles: Mapping[str, str]) -> Figure:
    """The gain by parts over each axis, a panel an axis, a line a budget; bars are 95% intervals over seeds.

    Args:
        axes: for each axis and budget, the gain at each value.
        titles: what is on the horizontal axis of each panel.

    Returns:
        The closed figure; all panels share their vertical axis, in percentage points.
    """
    height = -(-len(axes) // 2)
    figure, panels = plt.subplots(
        height, 2, figsize=(6.4, 2.4 * height + 0.6), sharey=True, squeeze=False, facecolor="white",
        layout="constrained", dpi=DPI,
    )  # fmt: skip
    plt.close(figure)
    for ax, (axis, budgets) in zip(panels.flat, axes.items(), strict=False):
        for number, (budget, gains) in enumerate(budgets.items()):
            values = sorted(gains)
            places = np.arange(len(values)) + 0.12 * (number - (len(budgets) - 1) / 2)
            means = 100 * np.array([gains[value].mean for value in values])
            ends = np.array([[one.mean - one.low, one.high - one.mean] for one in (gains[value] for value in values)])
            look = {"color": COLORS[number], "linestyle": LINES[number], "marker": MARKS[number]}
            ax.errorbar(places, means, 100 * ends.T, capsize=2, markersize=4, linewidth=1.3, label=budget, **look)
        names = sorted({value for gains in budgets.values() for value in gains})
        ax.set_xticks(range(len(names)), [f"{name:g}" for name in names])
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set_xlabel(titles[axis], fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in panels.flat[len(axes) :]:
        ax.set_visible(False)
    figure.supylabel("CMC@1 with parts minus without, points", fontsize=9)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure

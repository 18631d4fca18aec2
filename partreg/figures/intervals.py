"""Charts of differences with intervals, variations beside their controls, and CMC curves over random galleries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partreg.figures.sheets import white_figure
from partreg.retrieval.protocols import VehicleIDScores
from partreg.retrieval.statistics import Contrast, Estimate

RANKS = 20  # of a CMC curve
COLORS = REPRODUCED, PUBLISHED, REFERENCE = "#0173b2", "#de8f05", "#029e73"


def interval_chart(
    gains: Mapping[str, Any], published: Mapping[str, float], label: str, kept: Mapping[str, Any] | None = None
) -> Figure:
    """Draw reproduced differences with their intervals beside the published ones.

    Args:
        gains: from top to bottom, each difference (``mean``, ``low`` and ``high``, as fractions).
        published: the paper's differences, where it has one.
        label: of the axis, in percentage points.
        kept: each difference over the trainings kept in the repository, if any.

    Returns:
        The closed figure; circles are reproduced, diamonds published, squares kept.
    """
    height = 1.2 + (0.7 if kept else 0.5) * len(gains)
    figure, ax = white_figure(5.2, height, layout="constrained")
    _draw(ax, -0.1, "o", REPRODUCED, "reproduced, 95% interval", list(gains.values()))
    printed = [Estimate(published.get(name, np.nan), np.nan, np.nan) for name in gains]
    _draw(ax, 0.15, "D", PUBLISHED, "published", printed)
    if kept:
        _draw(ax, 0.3, "s", REFERENCE, "reference, 95% interval", [kept[name] for name in gains])
    _name_rows(ax, list(gains), label)
    figure.legend(loc="outside upper right", ncols=1 if kept else 2, frameon=False)
    return figure


def control_chart(gains: Mapping[str, Any], controls: Mapping[str, Any], label: str) -> Figure:
    """Draw what variations gain, and below each what its control gains, which knows no places of parts.

    Args:
        gains: from top to bottom, each difference (``mean``, ``low`` and ``high``, as fractions).
        controls: the same for the control of each.
        label: of the axis, in percentage points.

    Returns:
        The closed figure; circles are variations, diamonds controls.
    """
    figure, ax = white_figure(5.8, 1.2 + 0.7 * len(gains), layout="constrained")
    _draw(ax, -0.12, "o", REPRODUCED, "at the parts, 95% interval", list(gains.values()))
    _draw(ax, 0.12, "D", PUBLISHED, "the same on the whole map", [controls[name] for name in gains])
    _name_rows(ax, list(gains), label)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure


def seed_chart(differences: pd.Series, mean: Estimate | Contrast, label: str) -> Figure:
    """Draw a difference for each seed, the smallest on top, and below them the mean with its interval.

    Args:
        differences: fractions; the index holds the seeds.
        mean: ``mean``, ``low`` and ``high``, fractions.
        label: of the axis, in percentage points.
    """
    ordered = differences.sort_values()
    figure, ax = white_figure(5.2, 1.4 + 0.25 * len(ordered), layout="constrained")
    _draw(ax, 0, "o", REPRODUCED, "one seed", [Estimate(one, np.nan, np.nan) for one in ordered])
    _draw(ax, len(ordered), "D", PUBLISHED, "mean, 95% interval", [mean])
    _name_rows(ax, [*(f"seed {seed}" for seed in ordered.index), "mean"], label)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure


def cmc_chart(scores: Mapping[str, VehicleIDScores]) -> Figure:
    """Draw the CMC curve of each test list: the mean over its random galleries, in a band from lowest to highest.

    Args:
        scores: of one network, by the label of a test list.
    """
    figure, ax = white_figure(6.4, 4, layout="constrained")
    for (name, score), color, style in zip(scores.items(), COLORS, ("-", "--", ":"), strict=False):
        curve = 100 * score.cmc[:, :RANKS]
        k = np.arange(1, curve.shape[1] + 1)
        ax.plot(k, curve.mean(axis=0), style, color=color, linewidth=2, label=name)
        ax.fill_between(k, curve.min(axis=0), curve.max(axis=0), color=color, alpha=0.2)
    ax.set(xlabel="rank k", ylabel="CMC@k, %", ylim=(0, 100), xticks=[1, *range(5, RANKS + 1, 5)])
    ax.grid(color="0.9")
    ax.legend(loc="lower right")
    return figure


def _draw(ax: Axes, below: float, mark: str, color: str, words: str, estimates: Sequence[Any]) -> None:
    """Draw differences with their intervals in percentage points, a line each, ``below`` its middle."""
    lines = np.arange(len(estimates)) + below
    mean, low, high = (100 * np.array([getattr(gain, name) for gain in estimates]) for name in Estimate._fields)
    ax.hlines(lines, low, high, color=color, linewidth=2)
    ax.plot(mean, lines, mark, color=color, markersize=7 if mark == "o" else 6, label=words)


def _name_rows(ax: Axes, names: Sequence[str], label: str) -> None:
    """Name the lines of a chart from top to bottom, and its axis, which has a mark at zero."""
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(names)), [_folded(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(label)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)


def _folded(name: str) -> str:
    """Break a name into lines of about twenty letters, after a plus sign or at a space."""
    return "\n".join(wrap(name.replace("+", "+ "), 21)).replace("+ ", "+")

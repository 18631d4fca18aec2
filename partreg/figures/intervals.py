"""Rows of a table as points with intervals: what Table 4 says about each branch, seen at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from partreg.figures.sheets import DPI

REPRODUCED, PUBLISHED, REFERENCE = "#0173b2", "#de8f05", "#029e73"


def interval_chart(
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    published: Sequence[float],
    label: str,
    kept: Sequence[tuple[float, float, float]] = (),
) -> Figure:
    """Draw reproduced differences with their intervals, and the published ones beside them.

    Args:
        names: of the rows, from top to bottom.
        values: differences as fractions.
        intervals: low and high end for each, as fractions.
        published: the paper's differences; NaN where it has none.
        label: what is on the axis, in percentage points.
        kept: where given, mean, low and high end of each difference over the trainings kept in the repository.

    Returns:
        The closed figure; circles for what was reproduced, diamonds for what was published, squares for what is kept.
    """
    height = 1.2 + (0.7 if len(kept) else 0.5) * len(names)
    figure, ax = plt.subplots(figsize=(5.2, height), facecolor="white", layout="constrained", dpi=DPI)
    plt.close(figure)
    rows = np.arange(len(names))
    values, ends = 100 * np.asarray(values, float), 100 * np.asarray(intervals, float).reshape(-1, 2)
    ax.hlines(rows - 0.1, ends[:, 0], ends[:, 1], color=REPRODUCED, linewidth=2)
    ax.plot(values, rows - 0.1, "o", color=REPRODUCED, markersize=7, label="reproduced, 95% interval")
    ax.plot(100 * np.asarray(published, float), rows + 0.15, "D", color=PUBLISHED, markersize=6, label="published")
    if len(kept):
        means, *limits = 100 * np.asarray(kept, float).T
        ax.hlines(rows + 0.3, *limits, color=REFERENCE, linewidth=2)
        ax.plot(means, rows + 0.3, "s", color=REFERENCE, markersize=6, label="reference, 95% interval over seeds")
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(rows, [_folded(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(label)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=1 if len(kept) else 2, frameon=False)
    return figure


def _folded(name: str) -> str:
    """A name on lines of about twenty letters, broken after a plus sign or at a space."""
    return "\n".join(wrap(name.replace("+", "+ "), 21)).replace("+ ", "+")

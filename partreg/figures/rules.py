"""How the rules for ties differ as distances are rounded, on one set of features (evaluation of Section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from partreg.datasets.veri import cross_camera
from partreg.figures.gains import COLORS, LINES, MARKS
from partreg.figures.sheets import white_figure
from partreg.retrieval.metrics import TIES, average_precision, match_ranks, mean_average_precision

LEVELS = (1, 2, 4, 8, 16, 64, 256, 1024, 4096)


@dataclass(frozen=True)
class TieChart:
    """A chart and its numbers: mAP (rectangular), a row for each of `LEVELS`, a column for each tie rule."""

    figure: Figure
    table: pd.DataFrame


def tie_chart(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> TieChart:
    """Draw the mAP on VeRi-776's lists under each tie rule, with distances rounded to each of `LEVELS`.

    Args:
        distances: (Q, G) finite, smaller is nearer.
        query: table of images.
        gallery: table of images.

    Raises:
        PartregError: shapes do not fit, a distance is not finite, or no query has a match.
    """
    good, junk = cross_camera(query, gallery)
    rows = {}
    for levels in LEVELS:
        ranks = match_ranks(rounded(distances, levels), good, junk)
        rows[levels] = {ties: mean_average_precision(average_precision(ranks, ties=ties)) for ties in TIES}
    table = pd.DataFrame(rows).T
    figure, ax = white_figure(6.4, 3.2, layout="constrained")
    for ties, color, line, mark in zip(TIES, COLORS, LINES, MARKS, strict=False):
        ax.plot(table.index, table[ties], color=color, linestyle=line, marker=mark, label=ties)
    ax.set_xscale("log", base=2)
    ax.set_xticks(LEVELS, [f"{level:,}" for level in LEVELS])
    ax.set(xlabel="levels of distance", ylabel="mAP", ylim=(0, 1.03))
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(TIES), frameon=False)
    return TieChart(figure, table)


def rounded(distances: np.ndarray, levels: int) -> np.ndarray:
    """Round distances down to ``levels`` equal steps between the smallest and the largest; all 0 for one level."""
    distances = np.asarray(distances, dtype=np.float64)
    span = np.ptp(distances) or 1.0
    return np.minimum(np.floor((distances - distances.min()) / span * levels), levels - 1)

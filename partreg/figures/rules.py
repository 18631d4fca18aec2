"""How far rules of evaluation are apart on one set of features, and how ties matter (evaluation of Section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from partreg.datasets.veri import cross_camera
from partreg.figures.gains import COLORS, LINES, MARKS
from partreg.figures.sheets import white_figure
from partreg.figures.tables import signed
from partreg.retrieval import variants
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


def rule_words(
    toolboxes: pd.Series, rules: pd.DataFrame, cmc1: Sequence[float], by_score: pd.DataFrame
) -> dict[str, str]:
    """Write how far rules are apart, for the prose of chapter 14; all in points but for scores and noise.

    Args:
        toolboxes: mAP by toolbox, see `partreg.retrieval.variants.veri_toolboxes`.
        rules: from `partreg.retrieval.variants.veri_variants`.
        cmc1: CMC@1 in the order of `partreg.retrieval.variants.vehicleid_variants`.
        by_score: from `partreg.retrieval.variants.rules_by_score`, of several sets of features.
    """
    usual = rules[rules.rule == "rectangular"]
    by_gallery = usual[usual.ties == "stable"].set_index("gallery").rank1
    by_ties = usual[usual.gallery == variants.WHOLE].mAP
    by_cameras = usual[usual.ties == "stable"].set_index("gallery").mAP
    with_cameras = toolboxes.drop("regob/vehicle_reid")
    of_point = by_score[["trapezoidal", "no_queries"]]
    low, high = (100 * of_point.agg(end) for end in ("min", "max"))
    return {
        "toolbox_range": f"{with_cameras.min():.3f} to {with_cameras.max():.3f}",
        "trapezoidal_apart": signed(toolboxes["VeRi-776's own evaluation"] - toolboxes["partreg"]),
        "junk_apart": signed(by_cameras[variants.NO_JUNK] - by_cameras[variants.WHOLE]),
        "rank1_fewer": signed(by_gallery[variants.NO_QUERIES] - by_gallery[variants.WHOLE]),
        "rank1_junk": signed(by_gallery[variants.NO_JUNK] - by_gallery[variants.WHOLE]),
        "ties_apart": f"{100 * (by_ties.max() - by_ties.min()):.2f}",
        "widest_at": f"{by_score.mAP[by_score.trapezoidal.idxmin()]:.2f}",
        "levels": f"{max(LEVELS):,}",
        "draws_apart": f"{100 * (cmc1[2] - cmc1[1]):.1f}",
        "swap_apart": signed(cmc1[4] - cmc1[0]),
        **{f"{name}_range": f"{low[name]:+.2f} to {high[name]:+.2f}".replace("-", "−") for name in of_point},
    }

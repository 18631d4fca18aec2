"""Charts of chapters 12 and 13: convergence, and scores and gains as one property of the data changes."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from partreg.figures.sheets import DPI, white_figure
from partreg.paper import OURS
from partreg.retrieval.statistics import Contrast

COLORS = sns.color_palette("colorblind").as_hex()
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "D", "^")


def curve_chart(curves: pd.DataFrame, panels: Mapping[str, str]) -> Figure:
    """Draw CMC@1 over epochs, a line for each method; bands are seaborn's 95% bootstrap intervals over seeds.

    Args:
        curves: columns epoch, row, seed and the names of ``panels``; scores as fractions.
        panels: the column and the title of each panel, from top to bottom.

    Returns:
        The closed figure.
    """
    score = "CMC@1, %"
    shown = curves.rename(columns=panels).melt(["epoch", "row", "seed"], list(panels.values()), "panel", score)
    grid = sns.relplot(
        shown.assign(**{score: 100 * shown[score]}), x="epoch", y=score, row="panel", hue="row", style="row",
        kind="line", seed=0, palette=COLORS[: shown.row.nunique()], height=2.9, aspect=2.2,
        facet_kws={"legend_out": False},
    )  # fmt: skip
    grid.set_titles("{row_name}").set(ylim=(0, None))
    grid.legend.remove()
    return _finished(grid.figure, columns=1)


def gain_panels(gains: Mapping[tuple[str, float, str], Contrast], titles: Mapping[str, str]) -> Figure:
    """Draw the gain by parts in points: a panel an axis, a line a budget, bars of 95% intervals.

    Args:
        gains: by axis, value on it and budget, the gain, a fraction.
        titles: label of the horizontal axis of each panel.

    Returns:
        The closed figure; all panels share their vertical axis.
    """
    found = [(*where, 100 * gain.mean, 100 * gain.low, 100 * gain.high) for where, gain in gains.items()]
    points = pd.DataFrame(found, columns=["axis", "value", "budget", "mean", "low", "high"]).sort_values(
        "value", kind="stable"
    )
    budgets, wrap = list(points.budget.unique()), min(2, len(titles))
    grid = sns.FacetGrid(points, col="axis", col_order=[*titles], col_wrap=wrap, sharex=False, height=2.4, aspect=1.35)
    for axis, ax in grid.axes_dict.items():
        here = points[points.axis == axis]
        values = list(here.value.unique())
        for place, budget in enumerate(budgets):
            line = here[here.budget == budget]
            places = [values.index(value) + 0.12 * (place - (len(budgets) - 1) / 2) for value in line.value]
            look = {"color": COLORS[place], "marker": MARKS[place], "linestyle": LINES[place], "linewidth": 1.3}
            ends = [line["mean"] - line.low, line.high - line["mean"]]
            ax.errorbar(places, line["mean"], ends, capsize=3, markersize=5, label=budget, **look)
        ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        ax.set_xlim(-0.4, len(values) - 0.6)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set_title("")
        ax.set_xlabel(titles[axis], fontsize=9)
    grid.figure.supylabel("CMC@1 with parts minus without, points", fontsize=9)
    return _finished(grid.figure)


def dial_panels(kept: pd.DataFrame, own: pd.DataFrame, guessing: float, score: str) -> Figure:
    """Draw each method's score, with its 95% interval, as more vehicles share model and colour.

    The other methods lie behind in grey, the paper's as a dashed line.

    Args:
        kept: the repository's points; columns row, near_duplicates, cmc1, low and high, fractions.
        own: the same of the book's own run, drawn as diamonds; may be empty.
        guessing: the score of a random order, a fraction.
        score: label of the vertical axis, in percent.

    Returns:
        The closed figure.
    """
    names = pd.concat([kept.row, own.row]).unique()
    grid = sns.FacetGrid(pd.DataFrame({"row": names}), col="row", col_wrap=3, height=1.6, aspect=1.35)
    lines = 100 * kept.pivot_table(index="near_duplicates", columns="row", values="cmc1")
    looks = ((kept, COLORS[0], "o-", "this method, 95% interval"), (own, COLORS[1], "D", "in this book's own run"))
    for name, ax in grid.axes_dict.items():
        ax.plot(lines, color="0.85", linewidth=0.8)
        if name != OURS:
            ax.plot(lines[OURS], "--", color="black", linewidth=1, label=OURS)
        for frame, color, mark, label in looks:
            dots = 100 * frame[frame.row == name].set_index("near_duplicates")[["cmc1", "low", "high"]].astype(float)
            if len(dots):
                ends = [dots.cmc1 - dots.low, dots.high - dots.cmc1]
                ax.errorbar(dots.index, dots.cmc1, ends, fmt=mark, color=color, markersize=4, capsize=2, label=label)
        ax.axhline(100 * guessing, color="0.3", linestyle=":", linewidth=1, label="guessing")
        ax.set_xscale("log", base=2)
    ticks = sorted({*kept.near_duplicates, *own.near_duplicates})
    grid.set_titles("{col_name}", size=9).set(ylim=(0, None), xticks=ticks)
    grid.set(xticklabels=[f"{tick:g}" for tick in ticks])
    grid.figure.supxlabel("vehicles that share model and colour, on average", fontsize=9)
    grid.figure.supylabel(score, fontsize=9)
    return _finished(grid.figure)


def gain_slopes(pairs: Mapping[str, tuple[pd.DataFrame, Contrast]], guessing: float) -> Figure:
    """Draw CMC@1 without and with parts, a line a seed; beside it the mean difference and its 95% interval.

    Args:
        pairs: by their origin, the scores without and with parts in two columns, fractions, a row a seed, and the
            difference; empty tables are left out.
        guessing: the score of a random order, a fraction.

    Returns:
        The closed figure.
    """
    figure, (left, right) = white_figure(6.4, 3.4, ncols=2)
    pairs = {name: pair for name, pair in pairs.items() if len(pair[0])}
    for place, (name, (paired, gain)) in enumerate(pairs.items()):
        look = {"color": COLORS[place], "marker": MARKS[2 * place]}
        left.plot([0, 1], 100 * paired.to_numpy().T, **look)
        ends = [[100 * (gain.mean - gain.low)], [100 * (gain.high - gain.mean)]]
        right.errorbar([place], [100 * gain.mean], ends, capsize=4, label=name, **look)
    left.axhline(100 * guessing, color="0.3", linestyle=":", label="guessing")
    left.set(xlim=(-0.3, 1.3), ylim=(0, None), ylabel="CMC@1, %", xticks=[0, 1], xticklabels=["without", "with parts"])
    right.axhline(0, color="black", linewidth=0.8)
    right.set(xlim=(-0.4, len(pairs) - 0.6), ylabel="gain by parts, points")
    right.set_ylim(min(right.get_ylim()[0], -1), max(right.get_ylim()[1], 1))  # a tiny gain shall look tiny
    right.set_xticks(range(len(pairs)), list(pairs))
    sns.despine(figure)
    return _finished(figure)


def _finished(figure: Figure, columns: int = 2) -> Figure:
    """Put one legend above all panels and close the figure, so that only a cell that returns it shows it."""
    legends = [ax.get_legend_handles_labels() for ax in figure.axes]
    shown = {label: handle for handles, labels in legends for handle, label in zip(handles, labels, strict=True)}
    figure.set_layout_engine("constrained")
    figure.legend(shown.values(), shown, loc="outside upper center", ncols=columns, frameon=False)
    plt.close(figure)
    figure.set_dpi(DPI)
    return figure

"""Drawings of the methods of `partreg.baselines`, and tables of what they need, score and cost, as declared.

The drawings follow the publications. The book's page "Assumptions" says where we had to choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon

from partreg import paper
from partreg.baselines import declarations, judged_on
from partreg.baselines.declaration import TABLES, Node
from partreg.figures import origins, tables
from partreg.figures.sheets import blank_sheet

# seaborn's "colorblind" palette; the shape of the outline tells the kinds apart as well.
COLORS = {"input": "#0173b2", "learnt": "#029e73", "fixed": "#808080", "compared": "#d55e00"}
MEANING = {"input": "input", "learnt": "learnt", "fixed": "fixed rule", "compared": "compared"}
WIDTH, MARGIN = 6.4, 0.06  # inches, of the whole drawing
COLUMNS = 4
BOX, SLANT = 1.34, 0.09  # inches: width of a box; how far the sides of an input lean
STEP = (WIDTH - 2 * MARGIN - BOX) / (COLUMNS - 1)
ROW, LINE, PAD = 0.80, 0.165, 0.15  # inches: between rows; of a line of text; around the lines
LEGEND = 0.36
POINTS = 10.0


def draw(method: str) -> Figure:
    """Draw a method as a flow from its inputs to what is compared.

    Args:
        method: name of its module in `partreg.baselines`, as "vgg_ccl".

    Returns:
        The closed figure, white in every theme. It holds a sentence where no such module declares a drawing: the
        chapters name methods that a reader may have taken out.
    """
    about = declarations().get(method)
    nodes = about.nodes if about else {}
    height = (max((node.row for node in nodes.values()), default=0) + 1) * ROW + LEGEND
    figure, ax = blank_sheet(WIDTH, height)
    ax.set(xlim=(0, WIDTH), ylim=(height, 0))
    if not nodes:
        ax.text(MARGIN, height / 2, f"partreg/baselines/{method}.py declares no drawing.", size=POINTS)
        return figure
    for source, target in about.arrows:
        first, second = nodes[source], nodes[target]
        _arrow(ax, path(first, second), dashed=first.training or second.training)
    for name, node in nodes.items():
        _outline(ax, frame(node), node.kind, node.training)
        left, top, wide, high = frame(node)
        at = left + wide / 2, top + high / 2
        ax.text(*at, node.text, gid=name, ha="center", va="center", size=POINTS, linespacing=1.15)
    _legend(ax, height - LEGEND / 2, any(node.training for node in nodes.values()))
    return figure


def frame(node: Node) -> tuple[float, float, float, float]:
    """Return left, top, width and height of a box in inches, from the drawing's upper left corner."""
    high = (node.text.count("\n") + 1) * LINE + PAD
    return MARGIN + node.column * STEP, (node.row + 0.5) * ROW - high / 2, BOX, high


def path(source: Node, target: Node) -> list[tuple[float, float]]:
    """Return the points of an arrow: straight within a column, else along the row and over in the last gap."""
    left, top, wide, high = frame(source)
    there_left, there_top, _, there_high = frame(target)
    if source.column == target.column:
        down = target.row > source.row
        start, end = (top + high, there_top) if down else (top, there_top + there_high)
        return [(left + wide / 2, start), (left + wide / 2, end)]
    y, there_y = top + high / 2, there_top + there_high / 2
    turn = there_left - (STEP - BOX)
    if source.kind == "input":
        wide -= _lean(high) / 2
    corner = [(turn, y)] if target.column > source.column + 1 else []
    return [(left + wide, y), *corner, (there_left, there_y)]


def _arrow(ax: Axes, points: list[tuple[float, float]], dashed: bool) -> None:
    style = "--" if dashed else "-"
    ax.plot(*zip(*points[:-1], strict=True), color="0.3", linewidth=1.3, linestyle=style, zorder=1)
    arrow = {"arrowstyle": "-|>", "color": "0.3", "linewidth": 1.3, "linestyle": style, "shrinkA": 0, "shrinkB": 1.5}
    ax.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=1)


def _outline(ax: Axes, place: tuple[float, float, float, float], kind: str, training: bool) -> None:
    """Draw a box: inputs lean, learnt ones are round and thick, rules square, compared ones have a double line."""
    left, top, wide, high = place
    color = COLORS[kind]
    look = {"edgecolor": color, "linestyle": "--" if training else "-", "zorder": 2, "linewidth": 1.3}
    if kind == "input":
        slant = _lean(high)
        corners = [(left + slant, top), (left + wide, top), (left + wide - slant, top + high), (left, top + high)]
        ax.add_patch(Polygon(corners, facecolor=_tint(color), **look))
    elif kind == "fixed":
        ax.add_patch(FancyBboxPatch((left, top), wide, high, boxstyle="square,pad=0", facecolor=_tint(color), **look))
    else:
        look["linewidth"] = 2.4 if kind == "learnt" else 1.3
        style = f"round,pad=0,rounding_size={min(0.12, high / 3)}"
        ax.add_patch(FancyBboxPatch((left, top), wide, high, boxstyle=style, facecolor=_tint(color), **look))
        if kind == "compared":
            inner = (left + 0.04, top + 0.04), wide - 0.08, high - 0.08
            ax.add_patch(FancyBboxPatch(*inner, boxstyle=style, facecolor="none", **look))


def _lean(high: float) -> float:
    """Return how far the sides of an input of this height lean, in inches."""
    return min(SLANT, high / 3)


def _tint(color: str) -> tuple[float, ...]:
    """Thin a colour to a seventh on white, opaque so that arrows end at the outline."""
    return tuple(1 - (1 - channel) / 7 for channel in to_rgb(color))


def _legend(ax: Axes, y: float, training: bool) -> None:
    """Draw a small sample of each kind of box with its meaning, in one line."""
    samples = [(kind, False, words) for kind, words in MEANING.items()]
    samples += [("fixed", True, "dashed: training only")] if training else []
    for (kind, dashed, words), x in zip(samples, (0.1, 1.05, 2.05, 3.25, 4.5), strict=False):
        _outline(ax, (x, y - 0.09, 0.3, 0.18), kind, dashed)
        ax.text(x + 0.36, y, words, va="center", size=POINTS - 1)


def overview() -> tables.Table:
    """Return a table of all methods with the parameters that choose them in chapter 11, and their publications."""
    rows = {}
    for method, about in declarations().items():
        fits = [dataset for dataset in TABLES if method in judged_on(dataset)]
        rows[about.name] = [method, " or ".join(fits), ", ".join(about.built_on) or "nothing", about.publication]
    columns = ["method", "dataset", "built on", "publication"]
    return tables.listed(rows, columns, "Method", "What can be trained and judged here.")


def scores(method: str, dataset: str, seed: int, judged: Any) -> tables.Table:
    """Return a method's scores beside the published ones, in the form of Tables 1 and 2 or of Table 3.

    Args:
        method: name of its module.
        dataset: "vehicleid" or "veri".
        seed: of its training.
        judged: `partreg.workflow.methods.Judged.scores`.
    """
    about = declarations()[method]
    printed = paper.table(TABLES[dataset][0]).reindex([about.name]).iloc[0]  # all NaN for a method beyond the tables
    published = {name: tables.DASH if np.isnan(value) else f"{value:.3f}" for name, value in printed.items()}

    def cells(scores: Any, names: Mapping[str, str]) -> dict[str, str]:
        return {column: str(tables.score([scores], name)) for column, name in names.items()}

    if dataset == "vehicleid":
        table = {
            f"{name} (list {number})": cells(judged[number], {"CMC@1": "cmc1", "CMC@5": "cmc5"})
            | {"CMC@1, published": published[name]}
            for name, number in tables.vehicle_sets(judged).items()
        }
    else:
        table = {"reproduced": cells(judged, {"mAP": "mAP", "HIT@1": "hit1", "HIT@5": "hit5"}), "published": published}
    frame = pd.DataFrame(table).T.rename_axis("test set" if dataset == "vehicleid" else "scores")
    caption = (
        f"{about.name}, seed {seed}: scores on the test half; in brackets the 95% bootstrap interval over vehicles."
    )
    return tables.simple(frame, caption, origins.source_line(judged))


def needs(methods: Iterable[str]) -> tables.Table:
    """Return a table of what each method needs besides images, and what its publication compared."""
    rows = {}
    for method in methods:
        about = declarations()[method]
        network = "the profile's" if about.replaced else "as published"
        lists = [", ".join(words) or "nothing" for words in (about.training, about.test)]
        rows[about.name] = [*lists, about.feature, network]
    columns = ["needed in training", "needed for a query", "compared, as published", "network"]
    return tables.listed(rows, columns, "Method", "What is needed besides images.")


def prices(judged: Mapping[str, Any]) -> tables.Table:
    """Return a table of what each method cost; ``judged`` holds its `partreg.workflow.methods.Judged`."""
    rows = {}
    for method, result in judged.items():
        about, cost = declarations()[method], result.cost
        width = f"{cost.width:,}" if cost.width else "no feature"
        numbers = [f"{cost.training / 60:.1f}", width, f"{1000 * cost.query:.1f}"]
        rows[about.name] = [*numbers, ", ".join(about.needs) or "nothing"]
    columns = ["training (min)", "compared", "query (ms)", "also needed"]
    source = origins.source_line([result.scores for result in judged.values()])
    return tables.listed(rows, columns, "Method", "Price on this machine, first seed.", source)


def note(reid: Mapping[str, Any], size: int | str) -> str:
    """Return the note under Tables 1 to 3: what all other methods' networks share here, unlike their originals."""
    own = f"backbone {reid['backbone']!r}, {reid['dim']} numbers a feature, {size} px and {reid['epochs']} epochs"
    return (
        f"The other methods: {own} for all networks that see whole images, in place of their originals' own (assumed)."
    )

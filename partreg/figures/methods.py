"""A drawing and the facts of each method in Tables 1 to 3, and of the strong baseline beyond them.

A method goes by the name of its module in `partreg.baselines`. The drawings follow the publications; where this book
had to choose, its page "Assumptions" says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon

from partreg.figures import origins, tables
from partreg.figures.sheets import DPI

# seaborn's "colorblind" palette; the shape of the outline tells the kinds apart as well.
COLORS = {"input": "#0173b2", "learnt": "#029e73", "fixed": "#808080", "compared": "#d55e00"}
MEANING = {"input": "input", "learnt": "learnt", "fixed": "fixed rule", "compared": "compared"}
INPUTS = (
    "identities",
    "model labels",
    "key points",
    "orientation",
    "number plates",
    "cameras",
    "time",
    "camera distances",
)
WIDTH, MARGIN = 6.4, 0.06  # inches, of the whole drawing
COLUMNS = 4
BOX, SLANT = 1.34, 0.09  # inches: width of a box; how far the sides of an input lean
STEP = (WIDTH - 2 * MARGIN - BOX) / (COLUMNS - 1)
ROW, LINE, PAD = 0.80, 0.165, 0.15  # inches: between rows; of a line of text; around the lines
LEGEND = 0.36
POINTS = 10.0


@dataclass(frozen=True)
class Node:
    """A box of a drawing.

    Attributes:
        text: its words, at most three lines.
        kind: "input", "learnt", "fixed" or "compared".
        column: 0 to 3, from left to right.
        row: from the top, halves allowed.
        training: needed in training only, drawn with a dashed outline.
    """

    text: str
    kind: str
    column: int
    row: float
    training: bool = False


@dataclass(frozen=True)
class Flow:
    """A drawing: its boxes by a short name, and arrows from box to box."""

    nodes: dict[str, Node]
    edges: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class About:
    """What a method needs and where it comes from.

    Attributes:
        row: its name in the paper's tables.
        publication: authors and year; {data}`partreg.paper.CITATIONS` leads to the whole entry.
        training: what it needs beside images in training, words of `INPUTS`.
        test: what it needs beside images when a query is asked, words of `INPUTS`.
        feature: how many numbers are compared, as published.
        replaced: whether the publication's own network gave way to the backbone of the profile.
        alt: the drawing in words.
    """

    row: str
    publication: str
    training: tuple[str, ...]
    test: tuple[str, ...]
    feature: str
    replaced: bool
    alt: str


def draw(method: str) -> Figure:
    """Draw a method as a flow from its inputs to what is compared.

    Args:
        method: name of its module in `partreg.baselines`, as "vgg_ccl".

    Returns:
        The closed figure, with a white background in every theme.

    Raises:
        KeyError: there is no such method.
    """
    flow = FLOWS[method]
    rows = max(node.row for node in flow.nodes.values()) + 1
    height = rows * ROW + LEGEND
    figure, ax = plt.subplots(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    plt.close(figure)
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(height, 0))
    ax.axis("off")
    for source, target in flow.edges:
        first, second = flow.nodes[source], flow.nodes[target]
        _arrow(ax, path(first, second), dashed=first.training or second.training)
    for name, node in flow.nodes.items():
        _outline(ax, frame(node), node.kind, node.training)
        left, top, wide, high = frame(node)
        at = left + wide / 2, top + high / 2
        ax.text(*at, node.text, gid=name, ha="center", va="center", size=POINTS, linespacing=1.15)
    _legend(ax, height - LEGEND / 2, any(node.training for node in flow.nodes.values()))
    return figure


def about(method: str) -> About:
    """The facts of a method, by the name of its module.

    Raises:
        KeyError: there is no such method.
    """
    return FACTS[method]


def frame(node: Node) -> tuple[float, float, float, float]:
    """Left, top, width and height of a box in inches, from the drawing's upper left corner."""
    high = (node.text.count("\n") + 1) * LINE + PAD
    return MARGIN + node.column * STEP, (node.row + 0.5) * ROW - high / 2, BOX, high


def path(source: Node, target: Node) -> list[tuple[float, float]]:
    """The points of an arrow: straight up or down within a column, else along the row and over in the last gap."""
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
    """Inputs lean, what is learnt is round and thick, rules are square, and what is compared has a double line."""
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
    """How far the sides of an input of this height lean."""
    return min(SLANT, high / 3)


def _tint(color: str) -> tuple[float, ...]:
    """The colour thinned to a seventh on white, opaque so that arrows end at the outline."""
    return tuple(1 - (1 - int(color[at : at + 2], 16) / 255) / 7 for at in (1, 3, 5))


def _legend(ax: Axes, y: float, training: bool) -> None:
    """A small sample of each kind of box with its meaning, in one line."""
    samples = [(kind, False, words) for kind, words in MEANING.items()]
    samples += [("fixed", True, "dashed: training only")] if training else []
    for (kind, dashed, words), x in zip(samples, (0.1, 1.05, 2.05, 3.25, 4.5), strict=False):
        _outline(ax, (x, y - 0.09, 0.3, 0.18), kind, dashed)
        ax.text(x + 0.36, y, words, va="center", size=POINTS - 1)


def _flow(nodes: dict[str, Node], *chains: str) -> Flow:
    """Boxes, and arrows written as chains of their names: "image net feature" is two arrows."""
    return Flow(nodes, tuple(pair for chain in chains for pair in zip(chain.split(), chain.split()[1:], strict=False)))


FLOWS = {
    "vgg_triplet": _flow(
        {
            "image": Node("image\n(anchor)", "input", 0, 0),
            "positive": Node("same vehicle\n(positive)", "input", 0, 1, True),
            "negative": Node("other vehicle\n(negative)", "input", 0, 2, True),
            "net": Node("VGG_CNN_M,\none network\nfor all three", "learnt", 1, 1),
            "feature": Node("1,024 numbers,\nlength 1,\nL2 distance", "compared", 2, 1),
            "loss": Node("triplet loss:\npositive nearer\nby a margin", "fixed", 3, 1, True),
        },
        "image net feature loss",
        "positive net",
        "negative net",
    ),
    "vgg_ccl": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "positives": Node("more of the\nsame vehicle", "input", 0, 1, True),
            "negatives": Node("other vehicles", "input", 0, 2, True),
            "net": Node("VGG_CNN_M,\none network\nfor all", "learnt", 1, 1),
            "feature": Node("1,024 numbers,\nlength 1,\nL2 distance", "compared", 2, 1),
            "mean": Node("mean of the\nvehicle's images", "fixed", 3, 0, True),
            "loss": Node("CCL: own images\nnearer to it than\nany other", "fixed", 3, 1, True),
        },
        "image net feature mean loss",
        "positives net",
        "negatives net",
        "feature loss",
    ),
    "mixed_diff_ccl": _flow(
        {
            "image": Node("image", "input", 0, 1),
            "trunk": Node("shared layers\n(VGG_CNN_M)", "learnt", 1, 1),
            "model": Node("branch for the\nvehicle's model", "learnt", 2, 0),
            "vehicle": Node("branch for what\nsets vehicles of\na model apart", "learnt", 2, 2),
            "softmax": Node("softmax over\nmodels", "learnt", 3, 0, True),
            "feature": Node("joined, a layer:\n1,024 numbers,\nL2 distance", "compared", 3, 1),
            "loss": Node("CCL on this\nbranch and on\nthe joined one", "fixed", 3, 2, True),
        },
        "image trunk model softmax",
        "trunk vehicle loss",
        "model feature loss",
        "vehicle feature",
    ),
    "oife": _flow(
        {
            "image": Node("image", "input", 0, 1),
            "points": Node("hourglass net:\n20 key points", "learnt", 1, 0),
            "trunk": Node("backbone:\nfeature map", "learnt", 1, 2),
            "masks": Node("masks: front,\nrear, left, right", "fixed", 2, 0),
            "regions": Node("four region\nbranches", "learnt", 2, 1),
            "whole": Node("global branch", "learnt", 2, 2),
            "feature": Node("fused:\n256 numbers,\nL2 distance", "compared", 3, 1),
            "softmax": Node("softmax over\nvehicles", "learnt", 3, 2, True),
        },
        "image points masks regions feature softmax",
        "image trunk regions",
        "trunk whole feature",
    ),
    "vami": _flow(
        {
            "image": Node("image,\none view", "input", 0, 0),
            "others": Node("other views of\nthe vehicle", "input", 0, 2, True),
            "net": Node("feature network", "learnt", 1, 0),
            "view": Node("view classifier:\nfive views", "learnt", 1, 1),
            "real": Node("feature network\nof real views", "learnt", 1, 2, True),
            "attention": Node("attention for\neach view", "learnt", 2, 0),
            "generator": Node("generator: the\nunseen views'\nfeatures", "learnt", 2, 1),
            "judge": Node("discriminator:\nreal or inferred?", "learnt", 2, 2, True),
            "feature": Node("multi-view\nfeature,\nL2 distance", "compared", 3, 1),
            "loss": Node("contrastive loss\non pairs", "fixed", 3, 2, True),
        },
        "image net attention generator feature loss",
        "net view attention",
        "others real judge",
        "generator judge",
    ),
    "bow_cn": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "patches": Node("patches of\n4 × 4 pixels,\n11 Color Names", "fixed", 1, 0),
            "words": Node("350 code words\nby k-means", "learnt", 2, 0),
            "counts": Node("counts in 16\nstripes, TF-IDF\nweights", "fixed", 2, 1),
            "feature": Node("5,600 numbers,\nL2 distance", "compared", 3, 1),
        },
        "image patches words counts feature",
    ),
    "lomo": _flow(
        {
            "image": Node("image,\n128 × 48", "input", 0, 0.5),
            "windows": Node("three scales,\nwindows of\n10 × 10 pixels", "fixed", 1, 0.5),
            "color": Node("colour: HSV\nhistogram", "fixed", 2, 0),
            "texture": Node("texture: SILTP\nat two radii", "fixed", 2, 1),
            "most": Node("maximum along\na row, logarithm", "fixed", 3, 0),
            "feature": Node("26,960\nnumbers,\nL2 distance", "compared", 3, 1),
        },
        "image windows color most feature",
        "windows texture most",
    ),
    "googlenet": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "net": Node("GoogLeNet,\nfine-tuned", "learnt", 1, 0),
            "feature": Node("1,024 numbers,\nL2 distance", "compared", 2, 0),
            "softmax": Node("softmax over\n431 car models", "learnt", 3, 0, True),
        },
        "image net feature softmax",
    ),
    "fact": _flow(
        {
            "image": Node("image", "input", 0, 1),
            "cnn": Node("GoogLeNet:\ncar models", "learnt", 1, 0),
            "cn": Node("BOW-CN:\ncolour", "learnt", 1, 1),
            "sift": Node("BOW-SIFT:\ntexture", "learnt", 1, 2),
            "one": Node("distance,\nnormalised,\n× 0.7", "fixed", 2, 0),
            "two": Node("distance,\nnormalised,\n× 0.2", "fixed", 2, 1),
            "three": Node("distance,\nnormalised,\n× 0.1", "fixed", 2, 2),
            "sum": Node("their sum", "compared", 3, 1),
        },
        "image cnn one sum",
        "image cn two sum",
        "image sift three sum",
    ),
    "plate_snn": _flow(
        {
            "query": Node("plate of the\nquery", "input", 0, 0),
            "gallery": Node("plate of the\ngallery image", "input", 0, 1),
            "net": Node("LeNet-like net,\none for both", "learnt", 1, 0.5),
            "feature": Node("plate features,\nL2 distance", "compared", 2, 0.5),
            "loss": Node("contrastive loss\non pairs", "fixed", 3, 0.5, True),
        },
        "query net feature loss",
        "gallery net",
    ),
    "fact_plate_rec": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "plate": Node("number plate", "input", 0, 1),
            "fact": Node("FACT", "learnt", 1, 0),
            "reader": Node("plate reader", "learnt", 1, 1),
            "seen": Node("distance by\nappearance", "fixed", 2, 0),
            "match": Node("same string\nor another?", "fixed", 2, 1),
            "sum": Node("same plate first,\nthen by distance", "compared", 3, 0.5),
        },
        "image fact seen sum",
        "plate reader match sum",
    ),
    "fact_plate_snn": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "plate": Node("number plate", "input", 0, 1),
            "fact": Node("FACT", "learnt", 1, 0),
            "snn": Node("Plate-SNN", "learnt", 1, 1),
            "filter": Node("the nearest stay\n(coarse filter)", "fixed", 2, 0),
            "fine": Node("distance of\nplate features", "fixed", 2, 1),
            "sum": Node("weighted sum,\nnew ranking", "compared", 3, 0.5),
        },
        "image fact filter sum",
        "plate snn fine sum",
    ),
    "fact_plate_str": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "plate": Node("number plate", "input", 0, 1),
            "place": Node("time, camera,\ndistances", "input", 0, 2),
            "fact": Node("FACT", "learnt", 1, 0),
            "snn": Node("Plate-SNN", "learnt", 1, 1),
            "str": Node("apart in time ×\napart in space", "fixed", 1, 2),
            "seen": Node("weighted sum,\nas FACT+\nPlate-SNN", "fixed", 2, 0.5),
            "sum": Node("weighted sum,\nnew ranking", "compared", 3, 1),
        },
        "image fact seen sum",
        "plate snn seen",
        "place str sum",
    ),
    "siamese_path": _flow(
        {
            "pair": Node("two images", "input", 0, 0),
            "place": Node("times, cameras", "input", 0, 1),
            "between": Node("images taken\nin between", "input", 0, 2),
            "siamese": Node("Siamese\nResNet-50", "learnt", 1, 0),
            "chain": Node("chain MRF: most\nlikely path of\ncameras", "learnt", 1, 1),
            "alike": Node("how alike the\ntwo look", "fixed", 2, 0),
            "lstm": Node("path-LSTM: is\nthis one\nvehicle's path?", "learnt", 2, 1),
            "sum": Node("one score\nfor the pair", "compared", 3, 0.5),
        },
        "pair siamese alike sum",
        "place chain lstm sum",
        "between chain",
        "siamese chain",
    ),
    "oife_st": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "place": Node("time, camera", "input", 0, 1),
            "oife": Node("OIFE", "learnt", 1, 0),
            "times": Node("log-normal times\nfor each pair of\ncameras", "learnt", 1, 1),
            "seen": Node("distance by\nappearance, $D_v$", "fixed", 2, 0),
            "odds": Node("how unlikely the\ntime is, $D_s$", "fixed", 2, 1),
            "sum": Node(r"$D_v + \beta D_s$", "compared", 3, 0.5),
        },
        "image oife seen sum",
        "place times odds sum",
    ),
    "strong": _flow(
        {
            "image": Node("image", "input", 0, 0),
            "net": Node("ResNet-50,\nlast stride 1", "learnt", 1, 0),
            "parts": Node("part branches\nof this paper,\nin one variant", "learnt", 1, 1, True),
            "pool": Node("GeM pooling of\nall cells", "learnt", 2, 0),
            "neck": Node("batch normal-\nisation (neck)", "learnt", 2, 1),
            "triplet": Node("triplet loss on\nhardest pairs", "fixed", 3, 0, True),
            "feature": Node("feature,\nL2 distance", "compared", 3, 1),
            "softmax": Node("softmax over\nvehicles", "learnt", 3, 2, True),
        },
        "image net pool neck feature",
        "net parts",
        "pool triplet",
        "neck softmax",
    ),
}

_PLATES = ("identities", "model labels", "number plates")
_ROADS = ("cameras", "time", "camera distances")
FACTS = {
    "vgg_triplet": About(
        "VGG+Triplet Loss",
        "Ding et al. 2015; as run by Liu et al. 2016",
        ("identities",),
        (),
        "1,024 numbers",
        True,
        "Flow chart: an image passes through one network to a feature of length 1; in training an image of the same "
        "vehicle and one of another join it, and a triplet loss wants the same vehicle nearer by a margin.",
    ),
    "vgg_ccl": About(
        "VGG+CCL",
        "Liu et al. 2016 (DRDL)",
        ("identities",),
        (),
        "1,024 numbers",
        True,
        "Flow chart: images of one vehicle and of others pass through one network; the mean of the vehicle's features "
        "is taken, and the loss wants its images nearer to that mean than any other image.",
    ),
    "mixed_diff_ccl": About(
        "Mixed Diff+CCL",
        "Liu et al. 2016 (DRDL)",
        ("identities", "model labels"),
        (),
        "1,024 numbers (assumed)",
        True,
        "Flow chart: an image passes through shared layers into two branches, one for the vehicle's model, one for "
        "what sets vehicles of a model apart; both are joined into the feature that is compared.",
    ),
    "oife": About(
        "OIFE",
        "Wang et al. 2017",
        ("identities", "key points"),
        (),
        "256 numbers (assumed)",
        True,
        "Flow chart: an hourglass network finds 20 key points, which make masks for front, rear, left and right; the "
        "masks cut four region branches out of a feature map, and these are fused with a global branch.",
    ),
    "vami": About(
        "VAMI",
        "Zhou and Shao 2018",
        ("identities", "orientation"),
        (),
        "not known here",
        True,
        "Flow chart: from the image of one view, attention for each of five views and a generator infer the features "
        "of the unseen views; in training a discriminator tells them from features of real views.",
    ),
    "bow_cn": About(
        "BOW-CN",
        "Zheng et al. 2015",
        (),
        (),
        "5,600 numbers",
        False,
        "Flow chart: small patches of an image are described by eleven color names, replaced by the nearest of 350 "
        "code words, ten for each patch, and counted in 16 stripes to make 5,600 numbers.",
    ),
    "lomo": About(
        "LOMO",
        "Liao et al. 2015",
        (),
        (),
        "26,960 numbers",
        False,
        "Flow chart: windows of an image at three scales give a colour and a texture histogram; the maximum along "
        "each row of windows makes 26,960 numbers. No box is learnt.",
    ),
    "googlenet": About(
        "GoogLeNet",
        "Yang et al. 2015",
        ("model labels",),
        (),
        "1,024 numbers",
        True,
        "Flow chart: an image passes through GoogLeNet to a feature of 1,024 numbers; in training a softmax tells car "
        "models apart, not vehicles.",
    ),
    "fact": About(
        "FACT",
        "Liu et al. 2016 (ICME)",
        ("model labels",),
        (),
        "1,024 + 5,600 + 10,000 numbers",
        True,
        "Flow chart: an image is described three times, by GoogLeNet, by colours and by texture; the three distances "
        "are normalised and added with the weights 0.7, 0.2 and 0.1.",
    ),
    "plate_snn": About(
        "Plate-SNN",
        "Liu et al. 2016 (ECCV)",
        ("identities", "number plates"),
        ("number plates",),
        "1,000 numbers (assumed)",
        False,
        "Flow chart: two pictures of number plates pass through one small network; their features are compared. In "
        "training a contrastive loss is taken over pairs.",
    ),
    "fact_plate_rec": About(
        "FACT+Plate-REC",
        "Liu et al. 2016 (ECCV)",
        ("model labels", "number plates"),
        ("number plates",),
        "FACT's and a string",
        True,
        "Flow chart: FACT gives a distance by appearance; a reader turns number plates into strings; images of the "
        "same string come first, and among each the distance decides.",
    ),
    "fact_plate_snn": About(
        "FACT+Plate-SNN",
        "Liu et al. 2016 (ECCV)",
        _PLATES,
        ("number plates",),
        "FACT's and Plate-SNN's",
        True,
        "Flow chart: FACT keeps the nearest gallery images; they are ranked anew by a weighted sum of FACT's distance "
        "and that of Plate-SNN.",
    ),
    "fact_plate_str": About(
        "FACT+Plate+STR",
        "Liu et al. 2016 (ECCV)",
        (*_PLATES, "time"),
        ("number plates", *_ROADS),
        "FACT's and Plate-SNN's",
        True,
        "Flow chart: the weighted sum of FACT and Plate-SNN is added to a term that grows with the time and the "
        "distance between two cameras.",
    ),
    "siamese_path": About(
        "Siamese+Path",
        "Shen et al. 2017",
        ("identities", *_ROADS),
        _ROADS,
        "a score for each pair",
        True,
        "Flow chart: a Siamese network says how alike two images look; a chain over cameras proposes the most likely "
        "path between them, a path-LSTM scores it, and both scores make one.",
    ),
    "oife_st": About(
        "OIFE+ST",
        "Wang et al. 2017",
        ("identities", "key points", "cameras", "time"),
        ("cameras", "time"),
        "256 numbers (assumed)",
        True,
        "Flow chart: OIFE gives a distance by appearance; log-normal travel times, one model for each pair of cameras, "
        "say how unlikely the time between two images is; both are added.",
    ),
    "strong": About(
        "Strong baseline",
        "Luo et al. 2019",
        ("identities",),
        (),
        "2,048 numbers",
        True,
        "Flow chart: a pooled feature map passes through a batch normalisation to the feature; in training a "
        "triplet loss stands before it and a softmax after it; part branches can be added.",
    ),
}


def needs(methods: Iterable[str]) -> tables.Table:
    """What each method needs besides images, and what it compared in its publication, as a table."""
    rows = {}
    for method in methods:
        facts = about(method)
        network = "the profile's" if facts.replaced else "as published"
        lists = [", ".join(words) or "nothing" for words in (facts.training, facts.test)]
        rows[facts.row] = [*lists, facts.feature, network]
    columns = ["needed in training", "needed for a query", "compared, as published", "network"]
    frame = pd.DataFrame(rows, index=columns).T.rename_axis("Method")
    return tables.simple(frame, "What each row needs besides images.")


def prices(judged: Mapping[str, Any]) -> tables.Table:
    """What each method cost, as a table.

    Args:
        judged: for each method its `partreg.workflow.rows.Judged`.
    """
    rows = {}
    for method, one in judged.items():
        needed = list(dict.fromkeys([*about(method).training, *about(method).test]))
        width = f"{one.cost.width:,}" if one.cost.width else "no feature"
        numbers = [f"{one.cost.training / 60:.1f}", width, f"{1000 * one.cost.query:.1f}"]
        rows[about(method).row] = [*numbers, ", ".join(needed) or "nothing"]
    columns = ["training (min)", "compared", "query (ms)", "also needed"]
    frame = pd.DataFrame(rows, index=columns).T.rename_axis("Method")
    made = origins.source_line([one.scores for one in judged.values()])
    return tables.simple(frame, "What each method costs, first seed.", made)


def note(reid: Mapping[str, Any], size: int | str) -> str:
    """The note under Tables 1 to 3: what the other rows' networks have in common here, and not with their originals."""
    own = f"backbone {reid['backbone']!r}, {reid['dim']} numbers a feature, {size} px and {reid['epochs']} epochs"
    return f"The other rows: {own} for all networks that see whole images, in place of their originals' own (assumed)."

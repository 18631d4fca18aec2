"""The pipeline of Figure 2, drawn from one image, its boxes and the cells that a network really pools."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from partreg.figures.sheets import Picture, as_pixels, blank_sheet, draw_boxes, part_look
from partreg.parts.boxes import BRANCH_BOXES

GREEN = "#029e73"  # the global branch, in green as in the paper
GREY = "#666666"
WIDTH, HEIGHT = 100.0, 105.0  # of the drawing, in its units
WORD = 9.0


def draw(
    image: Picture,
    boxes: pd.DataFrame | np.ndarray,
    cells: Mapping[str, np.ndarray],
    feature_map: np.ndarray,
    *,
    dim: int,
    vehicles: int,
) -> Figure:
    """Draw Figure 2: image, LocalNet's boxes, shared feature map, and a column for each branch.

    Args:
        image: a path or an array, as in `partreg.figures.sheets.as_pixels`.
        boxes: the image's boxes, as in `partreg.figures.sheets.draw_boxes`.
        cells: the (S, S) bool cells that each branch pools, "global" among them where there is one.
        feature_map: (C, S, S) of the image; its mean over the channels is drawn.
        dim: width of a branch's feature.
        vehicles: V, the training identities that every classifier tells apart.

    Returns:
        The closed figure, white in every theme.
    """
    figure, ax = blank_sheet(6.4, 6.4 * HEIGHT / WIDTH)
    pixels, feature_map = as_pixels(image), np.asarray(feature_map)
    channels, grid = feature_map.shape[:2]
    _picture(ax, pixels, (3, 5, 26), "part boxes")
    draw_boxes(ax, boxes, extent=(3, 5, 29, 31))
    _picture(ax, pixels, (37, 5, 26), "image")
    _picture(ax, feature_map.mean(0), (71, 5, 26), f"feature map {grid} × {grid} × {channels}")
    _lines(ax, (71, 5, 26), grid)
    _arrow(ax, (37, 18), (29, 18), GREY)
    _arrow(ax, (63, 18), (71, 18), GREEN)
    _word(ax, 33, 34.5, "LocalNet\n(YOLO)", GREY)
    _word(ax, 67, 34.5, "backbone,\nshared", GREEN)
    _branches(ax, pixels, cells, dim, vehicles)
    _word(ax, 50, HEIGHT - 3, "dashed frames: in training only")
    ax.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    ax.set_aspect("auto")
    return figure


def _branches(ax: Axes, pixels: np.ndarray, cells: Mapping[str, np.ndarray], dim: int, vehicles: int) -> None:
    """Draw a column for each branch: its cells, pooling, 1 x 1 convolution, and the classifier, for training only."""
    step = 96 / max(len(cells), 3)
    side = min(0.8 * step, 20)
    middles = [2 + (number + 0.5) * step for number in range(len(cells))]
    parts = [middle for branch, middle in zip(cells, middles, strict=True) if branch != "global"]
    _bus(ax, 84, 43, [middle + 1.5 for middle in middles], GREEN, "-")
    if parts:
        _bus(ax, 16, 40.5, [middle - 1.5 for middle in parts], GREY, "--")
    for (branch, mask), middle in zip(cells.items(), middles, strict=True):
        color = GREEN if branch == "global" else part_look(BRANCH_BOXES.get(branch, (branch,))[0])[0]
        left = middle - side / 2
        pooled = np.kron(mask, np.ones((32, 32), bool))[..., None]
        small = cv2.resize(pixels, pooled.shape[:2], interpolation=cv2.INTER_AREA)
        _picture(ax, np.where(pooled, small, 235 + small // 13), (left, 51, side), "")
        _lines(ax, (left, 51, side), mask.shape[-1])
        ax.add_patch(Rectangle((left, 51), side, side, fill=False, edgecolor=color, linewidth=2))
        _word(ax, middle, 54 + side, branch, color, weight="bold")
        count = "all cells" if mask.all() else f"{int(mask.sum())} cells"
        # Stronger: what retrieval uses. Dashed: what only training needs.
        _frame(ax, (left, 57.5 + side, side), f"average pooling\nof {count}", color)
        _frame(ax, (left, 65.5 + side, side), f"1 × 1 convolution\n{dim}-d feature", color, strong=branch == "global")
        _frame(ax, (left, 73.5 + side, side), f"classifier\n{vehicles} identities", color, dashed=True)


def _frame(
    ax: Axes, place: tuple[float, float, float], label: str, color: str, strong: bool = False, dashed: bool = False
) -> None:
    """Draw a step of a branch at left, top, width."""
    left, top, wide = place
    frame = FancyBboxPatch((left, top), wide, 6.5, boxstyle="round,pad=0,rounding_size=1", edgecolor=color)
    frame.set(facecolor=color + ("55" if strong else "18"), linestyle="--" if dashed else "-")
    ax.add_patch(frame)
    _word(ax, left + wide / 2, top + 3.25, label)


def _word(ax: Axes, x: float, y: float, text: str, color: str = "black", weight: str = "normal") -> None:
    ax.text(x, y, text, ha="center", va="center", size=WORD, color=color, weight=weight, linespacing=1.15)


def _picture(ax: Axes, pixels: np.ndarray, place: tuple[float, float, float], title: str) -> None:
    """Show a picture in the square at left, top, side, under its title."""
    left, top, side = place
    ax.imshow(pixels, extent=(left, left + side, top + side, top), cmap="viridis", interpolation="nearest")
    _word(ax, left + side / 2, top - 2.5, title)


def _lines(ax: Axes, place: tuple[float, float, float], grid: int) -> None:
    """Rule the square at left, top, side into ``grid`` x ``grid`` cells."""
    left, top, side = place
    at = np.arange(1, grid) * side / grid
    style = {"colors": "white", "linewidth": 0.6}
    ax.hlines(top + at, left, left + side, **style)
    ax.vlines(left + at, top, top + side, **style)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    arrow = {"arrowstyle": "-|>", "color": color, "linewidth": 2, "shrinkA": 1, "shrinkB": 1}
    ax.annotate("", end, start, arrowprops=arrow)


def _bus(ax: Axes, x: float, y: float, ends: list[float], color: str, style: str) -> None:
    """Draw a line down from the picture at ``x`` to height ``y``, along it, and an arrow down to each of ``ends``."""
    ax.plot([x, x], [31.5, y], color=color, linewidth=1.6, linestyle=style)
    ax.plot([min(x, *ends), max(x, *ends)], [y, y], color=color, linewidth=1.6, linestyle=style)
    for end in ends:
        _arrow(ax, (end, y), (end, 51), color)

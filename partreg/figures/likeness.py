"""Likeness maps of two images, with the pairs of cells that are most alike, for one or more networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from partreg.figures.maps import overlay
from partreg.figures.sheets import Picture, as_pixels, outlined, white_figure
from partreg.reid.likeness import matches

INCHES = 2.6  # of a picture's side


def likeness_sheet(first: Picture, second: Picture, pairs: Mapping[str, np.ndarray]) -> Figure:
    """Draw two images side by side, and below them the likeness maps by each network.

    Bright cells of an image are those that make it like the other one. Equal numbers mark the pairs of cells that are
    most alike. Each map is scaled by its own maximum, so the brightness of two maps does not compare.

    Args:
        first: a path or an array, as in `partreg.figures.sheets.as_pixels`.
        second: the other image.
        pairs: by a network's label, the likeness of all pairs of cells (R, S, R', S'), see
            `partreg.reid.likeness.likeness`.

    Returns:
        The closed figure, white in every theme.
    """
    images = as_pixels(first), as_pixels(second)
    rows = len(pairs) + 1
    figure, axes = white_figure(2 * INCHES + 0.6, rows * INCHES, rows, ncols=2, squeeze=False, layout="constrained")
    for ax, image in zip(axes[0], images, strict=True):
        _show(ax, image, "pictures" if ax is axes[0][0] else "")
    for line, (label, one) in zip(axes[1:], pairs.items(), strict=True):
        found = matches(one)
        sides = (one.sum((2, 3)), found[:, :2]), (one.sum((0, 1)), found[:, 2:])
        for ax, image, (sums, cells) in zip(line, images, sides, strict=True):
            _show(ax, overlay(image, sums), label if ax is line[0] else "")
            _number(ax, cells, sums.shape, image.shape)
    return figure


def _show(ax: Axes, image: np.ndarray, label: str) -> None:
    ax.imshow(image)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_ylabel(label, size=11)


def _number(ax: Axes, cells: np.ndarray, grid: tuple[int, ...], image: tuple[int, ...]) -> None:
    """Outline some cells and number them from 1."""
    high, wide = image[0] / grid[0], image[1] / grid[1]
    for number, (row, column) in enumerate(cells, start=1):
        corner = column * wide - 0.5, row * high - 0.5
        ax.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor="black", path_effects=outlined(2.5)))
        middle = corner[0] + wide / 2, corner[1] + high / 2
        ax.text(*middle, str(number), size=11, weight="bold", ha="center", va="center", path_effects=outlined(2.5))

"""Figures of the chapter "By hand": pictures and maps of so few cells that every number is written into its cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partreg.figures.sheets import draw_boxes, outlined, white_figure
from partreg.parts.boxes import CORNERS

COLUMNS = 2  # panels side by side, so that numbers stay legible on a phone
SIDE = 3.1  # inches of a panel
RIGHT, WRONG = "#029e73", "#d55e00"  # the mark says it, too


def draw(panels: Mapping[str, Sequence], boxes: Sequence[Sequence[float]] = (), *, thousandths: bool = False) -> Figure:
    """Draw pictures and maps of S x S cells, two side by side, with boxes on all of them.

    Args:
        panels: by title, S rows of S colours (red, green, blue, each 0 to 1), or S rows of S numbers.
        boxes: corners x0, y0, x1, y1, relative to the picture; the first is the window, others are lights.
        thousandths: write 1000 times each number, without digits after the point.

    Returns:
        The closed figure, white in every theme.
    """
    rows = -(-len(panels) // COLUMNS)
    figure, axes = white_figure(COLUMNS * SIDE, rows * (SIDE + 0.25), rows, ncols=COLUMNS)
    table = pd.DataFrame(boxes, columns=list(CORNERS))
    table["part"] = ["window", *["left_light"] * len(boxes)][: len(boxes)]
    scale = max(float(np.abs(values).max()) for values in map(np.asarray, panels.values()) if values.ndim == 2)
    for ax, (title, panel) in zip(axes.flat, panels.items(), strict=False):
        values = np.asarray(panel, dtype=float)
        if values.ndim == 3:
            ax.imshow(values)
        else:
            ax.imshow(values, cmap="PuOr", vmin=-1.6 * scale, vmax=1.6 * scale)  # no cell too dark for its number
            _numbers(ax, 1000 * values if thousandths else values, "{:.0f}" if thousandths else "{:.2f}")
        _frame(ax, title, len(values))
        end = len(values) - 0.5  # cell i reaches from i - 0.5 to i + 0.5
        draw_boxes(ax, table, extent=(-0.5, -0.5, end, end))
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    figure.tight_layout()
    return figure


def rank_lists(
    lists: Mapping[str, Sequence[str]], pictures: Mapping[str, tuple[Any, str, int]], vehicle: str
) -> Figure:
    """Draw rank lists of small pictures, one below the other, nearest first; answers have a tick or a cross.

    Args:
        lists: by title, the names of their pictures. A list of a single picture is the query and is not judged.
        pictures: by name, S rows of S colours, the vehicle, the camera.
        vehicle: the right one.

    Returns:
        The closed figure, white in every theme.
    """
    columns = max(map(len, lists.values()))
    figure, axes = white_figure(1.25 * columns, 1.75 * len(lists), len(lists), ncols=columns, squeeze=False)
    for line, (title, names) in zip(axes, lists.items(), strict=True):
        for ax in line[len(names) :]:
            ax.axis("off")
        for ax, name in zip(line, names, strict=False):
            picture, shown, camera = pictures[name]
            ax.imshow(np.asarray(picture, dtype=float))
            ax.set(xticks=[], yticks=[])
            if len(names) == 1:
                ax.set_xlabel(f"vehicle {shown}, camera {camera}", size=8)
                continue
            right = shown == vehicle
            ax.set_xlabel(f"{name}: {shown}, camera {camera}  {'✓' if right else '✗'}", size=8)
            for spine in ax.spines.values():
                spine.set(color=RIGHT if right else WRONG, linewidth=2.5, linestyle="-" if right else ":")
        line[0].set_title(title, size=10, loc="left")
    figure.tight_layout()
    return figure


def _frame(ax: Axes, title: str, size: int) -> None:
    ax.set_title(title, size=11)
    ax.set(xticks=range(size), yticks=range(size))
    ax.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1)
    ax.tick_params(which="both", length=0, labelsize=8)


def _numbers(ax: Axes, values: np.ndarray, form: str) -> None:
    for (y, x), value in np.ndenumerate(values):
        ax.text(x, y, form.format(value), ha="center", va="center", size=9, zorder=5, path_effects=outlined(width=1.5))

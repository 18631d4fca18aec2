"""Sheets of images, part boxes on an image and crops of parts, for Figures 1, 3, 4 and 6 of the paper.

Every function that makes a figure returns it closed. So a notebook shows it once, as the last line of a cell.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from partreg.datasets.pictures import read_picture
from partreg.parts.boxes import CORNERS, PART_BOXES

# Okabe and Ito's colours as in seaborn's "colorblind" palette; the line's style tells the parts apart, too.
PART_COLORS = {"window": "#0173b2", "left_light": "#de8f05", "right_light": "#de8f05", "brand": "#cc78bc"}
PART_STYLES = {"window": "-", "left_light": "--", "right_light": "--", "brand": ":"}
OWN_COLORS = ("#0173b2", "#de8f05", "#cc78bc", "#ca9161", "#d55e00")  # of parts that are not the car's
GAP = 0.06  # white space around an image, as a share of a cell
INCHES = 8.0  # width of a sheet at most
DPI = 120
Picture = str | Path | np.ndarray  # a path or pixels, see `as_pixels`
Boxes = pd.DataFrame | np.ndarray  # of one image, see `draw_boxes`


def white_figure(width: float, height: float, rows: int = 1, *, dpi: float | None = DPI, **how: Any) -> tuple:
    """Return a closed white figure of that size in inches, and its axes, ``rows`` of them one below the other."""
    figure, axes = plt.subplots(rows, figsize=(width, height), facecolor="white", dpi=dpi, **how)
    plt.close(figure)
    return figure, axes


def as_pixels(image: Picture) -> np.ndarray:
    """Return an image's pixels, (height, width, 3) uint8.

    Args:
        image: a path, or an array (height, width, 3) or (height, width): uint8, or floating point in [0, 1].

    Raises:
        PartregError: the file is missing or is not an image.
    """
    if not isinstance(image, np.ndarray):
        return read_picture(image)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return image if image.dtype == np.uint8 else (np.clip(image, 0, 1) * 255).round().astype(np.uint8)


def crop(image: Picture, box: Sequence[float], margin: float = 0.0) -> np.ndarray:
    """Cut a box out of an image, at least one pixel each way (the right half of Figure 1).

    Args:
        image: a path or an array, as in `as_pixels`.
        box: x0, y0, x1, y1, relative to the image's width and height, in [0, 1].
        margin: widen the box by this share of its own sides, within the image.
    """
    pixels = as_pixels(image)
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = (float(value) for value in box)
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    left = min(max(int((x0 - dx) * width), 0), width - 1)
    top = min(max(int((y0 - dy) * height), 0), height - 1)
    right = min(max(int(np.ceil((x1 + dx) * width)), left + 1), width)
    bottom = min(max(int(np.ceil((y1 + dy) * height)), top + 1), height)
    return pixels[top:bottom, left:right]


def outlined(width: float) -> list[patheffects.AbstractPathEffect]:
    """Return a white outline that keeps a line or a word legible on any picture."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


def part_look(part: str) -> tuple[str, str]:
    """Return the colour and the line's style of a part; of one that is not the car's, they follow from its name."""
    if part in PART_COLORS:
        return PART_COLORS[part], PART_STYLES[part]
    number = zlib.crc32(part.encode())
    return OWN_COLORS[number % len(OWN_COLORS)], ("-", "--", ":")[number % 3]


def draw_boxes(ax: Axes, boxes: Boxes, extent: tuple[float, float, float, float]) -> None:
    """Draw part boxes over their image (Figures 3 and 4); parts that are not the car's with their names.

    Args:
        ax: the axes that show the image.
        boxes: rows of the boxes table, or (4, 4) corners in the order of `PART_BOXES`, of this image alone. A box with
            NaN is left out.
        extent: left, top, right, bottom of the image in the axes' units.
    """
    left, top, right, bottom = extent
    wide, high = right - left, bottom - top
    if not isinstance(boxes, pd.DataFrame):
        boxes = pd.DataFrame(np.asarray(boxes), columns=list(CORNERS)).assign(part=PART_BOXES)
    for box in boxes.dropna(subset=list(CORNERS)).itertuples():
        corner = (left + box.x0 * wide, top + box.y0 * high)
        rectangle = Rectangle(corner, (box.x1 - box.x0) * wide, (box.y1 - box.y0) * high, fill=False)
        color, style = part_look(box.part)
        rectangle.set(edgecolor=color, linestyle=style, linewidth=1.3, path_effects=outlined(2.6))
        ax.add_patch(rectangle)
        if box.part not in PART_COLORS:
            ax.text(*corner, box.part, size=7, color=color, va="bottom", path_effects=outlined(2.0))


def _letterbox(pixels: np.ndarray, side: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Fit an image into a white square of ``side`` pixels; also left, top, right, bottom of the image in it."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = (side - wide) // 2, (side - high) // 2
    square = np.full((side, side, 3), 255, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square[top : top + high, left : left + wide] = cv2.resize(pixels, (wide, high), interpolation=method)
    return square, (left, top, left + wide, top + high)


def _draw_cell(
    ax: Axes,
    image: Picture,
    corner: tuple[float, float],
    pixels: int,
    letter: float,
    title: str | None,
    border: str | None,
    mark: str | None,
    boxes: Boxes | None,
) -> None:
    """Draw one image of a sheet with its boxes, border, mark and title; ``letter`` is a cell's height in points."""
    x, y = corner
    square, (left, top, right, bottom) = _letterbox(as_pixels(image), pixels)
    ax.imshow(square, extent=(x, x + pixels, y + pixels, y), interpolation="antialiased")
    if boxes is not None:
        draw_boxes(ax, boxes, extent=(x + left, y + top, x + right, y + bottom))
    if border:
        ax.add_patch(Rectangle((x, y), pixels, pixels, fill=False, edgecolor=border, linewidth=0.035 * letter))
    if mark:
        style = {"size": 0.26 * letter, "weight": "bold", "color": border or "black", "path_effects": outlined(3.0)}
        ax.text(x + 0.95 * pixels, y + 0.95 * pixels, mark, ha="right", va="bottom", **style)
    if title:
        ax.text(x + pixels / 2, y - 0.03 * pixels, title, size=min(0.12 * letter, 10), ha="center", color="black")


def blank_sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a closed white figure of that size in inches, with invisible axes that fill it."""
    figure, ax = white_figure(width, height)
    ax.set_position((0, 0, 1, 1))
    ax.set_axis_off()
    return figure, ax


def _per_image(values: Sequence | None, count: int, name: str) -> list:
    values = [None] * count if values is None else list(values)
    if len(values) != count:
        raise ValueError(f"{name}: expected one for each of the {count} images, got {len(values)}")
    return values


def image_grid(
    images: Sequence[Picture | None],
    columns: int,
    titles: Sequence[str | None] | None = None,
    borders: Sequence[str | None] | None = None,
    *,
    boxes: Sequence[Boxes | None] | None = None,
    marks: Sequence[str | None] | None = None,
    rows: Sequence[str] | None = None,
    pixels: int = 128,
) -> Figure:
    """Draw a grid of images, row by row.

    Args:
        images: paths or arrays, as in `as_pixels`; None leaves a place empty.
        columns: images in a row.
        titles: a short line above each image, or None.
        borders: a colour around each image, or None.
        boxes: the boxes of each image, as in `draw_boxes`, or None.
        marks: one or two letters in each image's lower right corner, in the border's colour. They say what the border
            says, for readers who do not see the colour.
        rows: a label at the left of each row.
        pixels: side of the square that each image is fitted into; the image keeps its proportions.

    Returns:
        The closed figure, white in every theme.

    Raises:
        ValueError: titles, borders, boxes, marks or rows do not match the images in number.
    """
    count = len(images)
    lines = max(-(-count // columns), 1)
    titles, borders = _per_image(titles, count, "titles"), _per_image(borders, count, "borders")
    boxes, marks = _per_image(boxes, count, "boxes"), _per_image(marks, count, "marks")
    rows = _per_image(rows, lines, "rows")
    step = round(pixels * (1 + GAP))
    head = round(0.16 * pixels) if any(titles) else 0
    side = round(pixels * 0.9) if any(rows) else 0
    inch = min(INCHES / (columns * step + side), 1.6 / pixels)
    letter = 72 * inch * pixels
    figure, ax = blank_sheet((columns * step + side) * inch, lines * (step + head) * inch)
    for place, image in enumerate(images):
        if image is not None:
            line, column = divmod(place, columns)
            corner = side + column * step + (step - pixels) / 2, line * (step + head) + head + (step - pixels) / 2
            _draw_cell(ax, image, corner, pixels, letter, titles[place], borders[place], marks[place], boxes[place])
    for line, label in enumerate(rows):
        y = line * (step + head) + head + step / 2
        ax.text(side * 0.95, y, label or "", size=min(0.22 * letter, 11), ha="right", va="center", color="black")
    ax.set(xlim=(0, columns * step + side), ylim=(lines * (step + head), 0))
    ax.set_aspect("auto")
    return figure


def image_rows(
    rows: Mapping[Any, Sequence] | Sequence[Sequence],
    *,
    boxes: Sequence[Sequence[Boxes]] | None = None,
    pixels: int = 128,
) -> Figure:
    """Draw an `image_grid` whose rows may differ in length; a dictionary's keys label them. Boxes come in like rows."""
    labels, rows = ([str(key) for key in rows], list(rows.values())) if isinstance(rows, Mapping) else (None, rows)
    wide = max([len(row) for row in rows], default=0) or 1

    def padded(rows: Sequence[Sequence]) -> list:
        return [image for row in rows for image in [*row, *[None] * (wide - len(row))]]

    return image_grid(padded(rows), wide, boxes=boxes and padded(boxes), rows=labels or None, pixels=pixels)


def part_rows(
    paths: Mapping[str, str | Path], rows: Mapping[str, tuple[Sequence[str], pd.DataFrame]], pixels: int = 128
) -> Figure:
    """Draw rows of images, each with its boxes (Figures 3 and 4).

    Args:
        paths: the path of each image, by its name.
        rows: by its label, each row's image names and a boxes table, which may hold boxes of other images, too.
        pixels: as in `image_grid`.
    """
    pictures = {label: [paths[name] for name in names] for label, (names, _) in rows.items()}
    boxes = [[table[table["image"] == name] for name in names] for names, table in rows.values()]
    return image_rows(pictures, boxes=boxes, pixels=pixels)

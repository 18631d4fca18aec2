"""Sheets of images, part boxes on an image and crops of parts (the ground of Figures 1, 3, 4 and 6 of the paper).

Every function that makes a figure returns it already closed: a notebook shows it by naming it as a cell's last line,
exactly once, and nothing is left open behind it.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from partreg.datasets.pictures import read_picture
from partreg.parts.boxes import CORNERS, PART_BOXES

# Okabe and Ito's colours as seaborn's "colorblind" palette has them; the line's style tells the parts apart as well.
PART_COLORS = {
    "window": "#0173b2",
    "left_light": "#de8f05",
    "right_light": "#de8f05",
    "brand": "#cc78bc",
}
PART_STYLES = {"window": "-", "left_light": "--", "right_light": "--", "brand": ":"}
GAP = 0.06  # white space around an image, as a share of a cell
INCHES = 8.0  # width of a sheet at most
DPI = 120


def as_pixels(image: str | Path | np.ndarray) -> np.ndarray:
    """An image given by its path or by its pixels, as (height, width, 3) uint8.

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


def crop(image: str | Path | np.ndarray, box: Sequence[float], margin: float = 0.0) -> np.ndarray:
    """The pixels of an image inside a box, at least one pixel each way (the right half of Figure 1).

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


def outlined(color: str = "white", width: float = 3.0) -> list[patheffects.AbstractPathEffect]:
    """An outline that keeps a line or a word legible on any picture."""
    return [patheffects.withStroke(linewidth=width, foreground=color)]


def draw_boxes(
    ax: Axes,
    boxes: pd.DataFrame | np.ndarray,
    *,
    extent: tuple[float, float, float, float] | None = None,
    names: bool = False,
) -> None:
    """Draw part boxes on the axes that show their image (Figures 3 and 4).

    Args:
        ax: axes whose first picture is the image, unless ``extent`` is given.
        boxes: the boxes of this one image: rows of the boxes table, or (4, 4) corners in the order of `PART_BOXES`. A
            box with NaN is left out.
        extent: left, top, right, bottom of the image in the axes' own units.
        names: write the part's name at the box's upper left corner.
    """
    if extent is None:
        left, right, bottom, top = ax.images[0].get_extent()
        extent = (left, top, right, bottom)
    left, top, right, bottom = extent
    wide, high = right - left, bottom - top
    if not isinstance(boxes, pd.DataFrame):
        boxes = pd.DataFrame(np.asarray(boxes), columns=list(CORNERS)).assign(part=PART_BOXES)
    for box in boxes.dropna(subset=list(CORNERS)).itertuples():
        color = PART_COLORS[box.part]
        corner = (left + box.x0 * wide, top + box.y0 * high)
        rectangle = Rectangle(corner, (box.x1 - box.x0) * wide, (box.y1 - box.y0) * high, fill=False)
        rectangle.set(edgecolor=color, linestyle=PART_STYLES[box.part], linewidth=1.3, path_effects=outlined(width=2.6))
        ax.add_patch(rectangle)
        if names:
            label = box.part.replace("_", " ")
            ax.annotate(label, corner, color=color, size=8, weight="bold", va="bottom", path_effects=outlined())


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
    image: str | Path | np.ndarray,
    corner: tuple[float, float],
    pixels: int,
    letter: float,
    title: str | None,
    border: str | None,
    mark: str | None,
    boxes: pd.DataFrame | np.ndarray | None,
) -> None:
    """Draw one image of a sheet with all that belongs to it; ``letter`` is the height of a cell in points."""
    x, y = corner
    square, (left, top, right, bottom) = _letterbox(as_pixels(image), pixels)
    ax.imshow(square, extent=(x, x + pixels, y + pixels, y), interpolation="antialiased")
    if boxes is not None:
        draw_boxes(ax, boxes, extent=(x + left, y + top, x + right, y + bottom))
    if border:
        frame = Rectangle((x, y), pixels, pixels, fill=False, edgecolor=border, linewidth=0.035 * letter)
        ax.add_patch(frame)
    if mark:
        style = {"size": 0.26 * letter, "weight": "bold", "color": border or "black", "path_effects": outlined()}
        ax.text(x + 0.95 * pixels, y + 0.95 * pixels, mark, ha="right", va="bottom", **style)
    if title:
        ax.text(x + pixels / 2, y - 0.03 * pixels, title, size=min(0.12 * letter, 10), ha="center", color="black")


def blank_sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """A closed white figure of so many inches, with axes that fill it and show nothing of themselves."""
    figure, ax = plt.subplots(figsize=(width, height), facecolor="white", dpi=DPI)
    plt.close(figure)
    ax.set_position((0, 0, 1, 1))
    ax.set_axis_off()
    return figure, ax


def _per_image(values: Sequence | None, count: int, name: str) -> list:
    values = [None] * count if values is None else list(values)
    if len(values) != count:
        raise ValueError(f"{name}: expected one for each of the {count} images, got {len(values)}")
    return values


def image_grid(
    images: Sequence[str | Path | np.ndarray | None],
    columns: int,
    titles: Sequence[str | None] | None = None,
    borders: Sequence[str | None] | None = None,
    *,
    boxes: Sequence[pd.DataFrame | np.ndarray | None] | None = None,
    marks: Sequence[str | None] | None = None,
    rows: Sequence[str] | None = None,
    pixels: int = 128,
) -> Figure:
    """A grid of images, row by row.

    Args:
        images: paths or arrays, as in `as_pixels`; None leaves a place empty.
        columns: images in a row.
        titles: a short line above each image, or None.
        borders: a colour around each image, or None.
        boxes: for each image its boxes, as in `draw_boxes`, or None.
        marks: a sign of one or two letters in each image's lower right corner, in the border's colour: what the border
            says, for readers who do not see the colour.
        rows: a label at the left of each row.
        pixels: side of the square that each image is fitted into; the image keeps its proportions.

    Returns:
        The closed figure, with a white background in every theme.

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
    boxes: Sequence[Sequence[pd.DataFrame]] | None = None,
    pixels: int = 128,
) -> Figure:
    """An `image_grid` of rows that may differ in length, each with its label where they come in a dictionary.

    Boxes, where given, come in the same rows.
    """
    labels, rows = ([str(key) for key in rows], list(rows.values())) if isinstance(rows, Mapping) else (None, rows)
    wide = max([len(row) for row in rows], default=0) or 1

    def padded(rows: Sequence[Sequence]) -> list:
        return [image for row in rows for image in [*row, *[None] * (wide - len(row))]]

    return image_grid(padded(rows), wide, boxes=boxes and padded(boxes), rows=labels or None, pixels=pixels)


def part_rows(
    paths: Mapping[str, str | Path], rows: Mapping[str, tuple[Sequence[str], pd.DataFrame]], pixels: int = 128
) -> Figure:
    """Rows of images, each image with its boxes of a table (Figures 3 and 4).

    Args:
        paths: where each image lies, by its name.
        rows: by the label of a row, the names of its images and a boxes table, of which only their boxes are drawn.
        pixels: as in `image_grid`.
    """
    pictures = {label: [paths[name] for name in names] for label, (names, _) in rows.items()}
    boxes = [[table[table["image"] == name] for name in names] for names, table in rows.values()]
    return image_rows(pictures, boxes=boxes, pixels=pixels)


def as_html(figure: Figure, alt: str) -> HTML:
    """The figure as HTML that carries its alternative text along, for a page that shows it by glue."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight")
    source = base64.b64encode(picture.getvalue()).decode()
    return HTML(f'<figure class="glued"><img alt="{html.escape(alt)}" src="data:image/png;base64,{source}"></figure>')

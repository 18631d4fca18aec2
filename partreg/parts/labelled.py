"""Boxes of any classes in pictures, in pixels: what pages to draw on and files of other tools share.

Corners are those of the upright picture, rounded to a thousandth, which is what a COCO file of this project keeps.
So a file that is written and read again gives the same boxes.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from partreg.errors import PartregError

DIGITS = 3
EXACT = 400  # digits: more than a number has, so it stays as it is
FAR = 1e7  # pixels; no picture is larger
SLACK = 1.0  # pixels by which a box may leave its picture, because tools round; it is clamped
LONGEST = 200  # letters of a class's name
# What a line of text, or XML, cannot hold.
ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True)
class Box:
    """A class, and left, top, right and bottom in pixels, to a thousandth."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Picture:
    """A picture that is annotated: its path in the folder ("/" between folders), its upright size, its boxes."""

    name: str
    width: int
    height: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Labelled:
    """Annotated pictures, and all classes in their order, also those without a box."""

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]

    @property
    def count(self) -> int:
        """The number of boxes."""
        return sum(len(picture.boxes) for picture in self.pictures)


@dataclass
class Notes:
    """What a file had that is no upright box, by kind: how many became the box around them, how many were left out."""

    boxed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """Sentences; "" where there is nothing to say."""
        heads = (("The box around each replaces", self.boxed), ("Left out", self.left_out))
        said = [f"{head}: {', '.join(f'{kind} ({n})' for kind, n in kinds.items())}." for head, kinds in heads if kinds]
        return " ".join(said)


def labelled(classes: Iterable[str], pictures: Iterable[Picture], where: str) -> Labelled:
    """Put pictures together; a class that has boxes and is not in ``classes`` is added at the end.

    Raises:
        PartregError: a picture appears twice.
    """
    pictures = tuple(pictures)
    if twice := [name for name, count in Counter(one.name for one in pictures).items() if count > 1]:
        raise PartregError(f"{where}: the picture {twice[0]!r} appears twice; remove one of the two.")
    used = (box.label for picture in pictures for box in picture.boxes)
    return Labelled(tuple(dict.fromkeys([*classes, *used])), pictures)


def class_name(value: object, where: str) -> str:
    """Check the name of a class.

    Raises:
        PartregError: it is no text, empty, longer than `LONGEST`, or has characters that cannot be written.
    """
    if not isinstance(value, str) or value != value.strip() or not 0 < len(value) <= LONGEST or ODD.search(value):
        what = "expected a class's name, some letters on one line without space around"
        raise PartregError(f"{where}: {what}; found {str(value)[:60]!r}; fix the name.")
    return value


def picture_name(value: object, where: str) -> str:
    """A picture's path in its folder, with "/" between folders.

    Raises:
        PartregError: it is no such path, or leads out of the folder.
    """
    name = value if isinstance(value, str) else ""
    path = os.path.normpath(name) if name else "."
    if name.endswith("/") or path in (".", "..") or path.startswith(("/", "../")) or ODD.search(name):
        what = f"expected the path of a picture in its folder; found {str(value)[:60]!r}"
        raise PartregError(f"{where}: {what}; fix the name.")
    return path


def upright_box(label: str, corners: Sequence[float], size: tuple[int, int], where: str, digits: int = DIGITS) -> Box:
    """A box of four corners as left, top, right and bottom; one that leaves the picture by `SLACK` is clamped.

    Its corners are rounded to ``digits``.

    Raises:
        PartregError: it has no area, is not finite, or leaves the picture further.
    """
    (x0, y0, x1, y1), (width, height) = map(float, corners), size
    box = clamped(label, (x0, y0, x1, y1), size, digits)
    leaves = min(x0, y0) < -SLACK or x1 > width + SLACK or y1 > height + SLACK
    if leaves or box is None:
        what = f"leaves its picture of {width} x {height} pixels"
        what = what if leaves else "has no area, expected left < right and top < bottom"
        raise PartregError(f"{where}: the box {x0:g}, {y0:g}, {x1:g}, {y1:g} {what}; fix or remove it.")
    return box


def clamped(label: str, corners: Sequence[float], size: tuple[int, int], digits: int = DIGITS) -> Box | None:
    """A box as far as it lies in its picture, rounded; None if nothing of it does."""
    x0, y0, x1, y1 = (
        round(min(max(float(corner), 0.0), float(side)), digits)
        for corner, side in zip(corners, (*size, *size), strict=True)
    )
    return Box(label, x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def around(
    label: str, points: Sequence[tuple[float, float]], size: tuple[int, int], kind: str, notes: Notes
) -> Box | None:
    """The box around a shape's points, clamped to the picture, counted in ``notes``; None if it has no area there."""
    finite = all(math.isfinite(x) and math.isfinite(y) for x, y in points)
    box = None
    if points and finite:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = clamped(label, (min(xs), min(ys), max(xs), max(ys)), size)
    (notes.left_out if box is None else notes.boxed)[kind] += 1
    return box


def rotated(
    corners: Sequence[float], degrees: float, centre: tuple[float, float] | None = None
) -> list[tuple[float, float]]:
    """The four corners of a box, turned clockwise on the screen around its middle, or around another ``centre``."""
    x0, y0, x1, y1 = corners
    cx, cy = centre or ((x0 + x1) / 2, (y0 + y1) / 2)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    offsets = [(x - cx, y - cy) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    return [(cx + cosine * dx - sine * dy, cy + sine * dx + cosine * dy) for dx, dy in offsets]


def ellipse(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> list[tuple[float, float]]:
    """Two corners of the smallest upright box around an ellipse that is turned around its middle."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    wide, high = math.hypot(rx * cosine, ry * sine), math.hypot(rx * sine, ry * cosine)
    return [(cx - wide, cy - high), (cx + wide, cy + high)]

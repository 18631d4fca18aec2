"""Boxes of any classes in pictures: what the page, the files of other tools and the comparison of annotators share.

Corners are in pixels of the upright picture, rounded to a thousandth, which is what a COCO file of this project keeps.
So a file that is written and read again gives the same boxes.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from partreg.datasets.pictures import picture_size
from partreg.errors import PartregError
from partreg.files import inside
from partreg.search.pictures import find_pictures

DIGITS = 3
FAR = 1e7  # pixels; no picture is larger
SLACK = 1.0  # pixels by which a box may leave its picture, because tools round; it is clamped
LONGEST = 200  # letters of a class's name
# What a line of text, or XML, cannot hold.
ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
UPLOADED = re.compile(r"[0-9a-f]{8}-")  # what Label Studio puts before the name of a picture


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


@dataclass(frozen=True)
class Folder:
    """A folder of pictures, for files that do not say sizes or name pictures by other paths."""

    root: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, root: str | Path) -> Folder:
        """All pictures under ``root``; errors are those of `find_pictures`."""
        return cls(Path(root), tuple(find_pictures(root)[0]))

    def find(self, name: str, where: str) -> str:
        """The picture that a file means: the one of this path, or else the only one of this name.

        Raises:
            PartregError: there is none, or several.
        """
        if name in self.names:
            return name
        last = PurePosixPath(name).name
        for known in (last, UPLOADED.sub("", last, count=1)):
            found = [one for one in self.names if PurePosixPath(one).name == known]
            if len(found) == 1:
                return found[0]
        how_many = "several" if found else "no"
        raise PartregError(f"{where}: {how_many} pictures of {self.root} have the name {name!r}; expected one.")

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of an upright picture; errors are those of `picture_size`."""
        return picture_size(inside(self.root, name))


def size_in(pictures: Folder | None, name: str, where: str) -> tuple[int, int]:
    """Width and height of a picture whose file of boxes does not say them.

    Raises:
        PartregError: there is no folder of pictures, or the picture is not in it or cannot be read.
    """
    if pictures is None:
        raise PartregError(f"{where}: the size of {name!r} is unknown; say where the pictures are with --pictures.")
    return pictures.size(pictures.find(name, where))


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


def located(found: Labelled, folder: Folder, where: str) -> Labelled:
    """The same with the names that the pictures have in ``folder``, see `Folder.find`.

    Raises:
        PartregError: `Folder.find` does; or a picture's size is that of the stored picture, which is shown turned.
    """
    pictures = [replace(one, name=folder.find(one.name, where)) for one in found.pictures]
    for one in pictures:
        width, height = folder.size(one.name)
        if (one.width, one.height) == (height, width) and width != height:
            what = (
                f"{one.name!r} has {height} x {width} pixels as it is stored, and is shown turned, {width} x {height}"
            )
            raise PartregError(f"{where}: {what}; give boxes of the picture as it is shown.")
    return labelled(found.classes, pictures, where)


def class_name(value: object, where: str) -> str:
    """Check the name of a class.

    Raises:
        PartregError: it is no text, empty, longer than `LONGEST`, or has characters that cannot be written.
    """
    if not isinstance(value, str) or value != value.strip() or not 0 < len(value) <= LONGEST or ODD.search(value):
        what = "expected a class's name, some letters on one line without space around"
        raise PartregError(f"{where}: {what}; found {str(value)[:60]!r}.")
    return value


def picture_name(value: object, where: str) -> str:
    """A picture's path in its folder, with "/" between folders.

    Raises:
        PartregError: it is no such path, or leads out of the folder.
    """
    name = value if isinstance(value, str) else ""
    path = os.path.normpath(name) if name else "."
    if name.endswith("/") or path in (".", "..") or path.startswith(("/", "../")) or ODD.search(name):
        raise PartregError(f"{where}: expected the path of a picture in its folder; found {str(value)[:60]!r}.")
    return path


def meant(value: object, pictures: Folder | None, where: str) -> str:
    """A picture's path as a file says it; with a folder of pictures, that of the one it means, see `Folder.find`.

    Raises:
        PartregError: it is no such path, or the picture is not in the folder.
    """
    if pictures and isinstance(value, str):
        return pictures.find(value.replace("\\", "/"), where)
    return picture_name(value, where)


def upright_box(label: str, corners: Sequence[float], size: tuple[int, int], where: str) -> Box:
    """A box of four corners as left, top, right and bottom; one that leaves the picture by `SLACK` is clamped.

    Raises:
        PartregError: it has no area, is not finite, or leaves the picture further.
    """
    x0, y0, x1, y1 = (float(corner) for corner in corners)
    width, height = size
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x1 <= x0 or y1 <= y0:
        what = "expected left < right and top < bottom"
        raise PartregError(f"{where}: {what}; found {x0:g}, {y0:g}, {x1:g}, {y1:g}; fix or remove the box.")
    if min(x0, y0) < -SLACK or x1 > width + SLACK or y1 > height + SLACK:
        what = f"the box {x0:g}, {y0:g}, {x1:g}, {y1:g} leaves its picture of {width} x {height} pixels"
        raise PartregError(f"{where}: {what}; fix or remove it.")
    if (box := clamped(label, (x0, y0, x1, y1), size)) is None:
        raise PartregError(f"{where}: the box {x0:g}, {y0:g}, {x1:g}, {y1:g} has no area; fix or remove it.")
    return box


def clamped(label: str, corners: Sequence[float], size: tuple[int, int]) -> Box | None:
    """A box as far as it lies in its picture, rounded; None if nothing of it does."""
    x0, y0, x1, y1 = (
        round(min(max(float(corner), 0.0), float(side)), DIGITS)
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

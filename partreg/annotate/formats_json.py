"""Boxes in JSON: read from COCO, labelme and Label Studio.

Whatever is no upright box becomes the smallest box around it, and is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NotRequired
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BeforeValidator
from typing_extensions import TypedDict

from partreg.annotate.folder import UPLOADED, Folder, meant, size_in
from partreg.datasets.suffixes import SUFFIXES
from partreg.errors import PartregError
from partreg.guard import checked, number, whole
from partreg.parts.coco import box_of, parsed
from partreg.parts.labelled import (
    FAR,
    Box,
    Labelled,
    Notes,
    Picture,
    around,
    class_name,
    ellipse,
    labelled,
    picture_name,
    rotated,
    upright_box,
)

Side = Annotated[int, whole(1, FAR)]
Number = Annotated[float, number(-FAR, FAR)]
Numbers = list[Number]
Pair = Annotated[
    tuple[Number, Number], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
]


def read_coco(path: Path, content: Any, notes: Notes, pictures: Folder | None = None) -> Labelled:
    """The boxes of a COCO file, of any classes; polygons and masks have theirs beside them.

    Raises:
        PartregError: as in `partreg.parts.coco.parsed` and `box_of`, or a class has no name that can be written.
    """
    coco = parsed(path, content, lambda name, where: meant(name, pictures, where))
    classes = {number: class_name(name, f"{path}: category {number}") for number, name in coco.categories.items()}
    boxes: dict[str, list[Box]] = {number: [] for number in coco.pictures}
    for where, image, category, entry in coco.annotations:
        box = box_of(entry, classes[category], coco.pictures[image], where, notes)
        boxes[image] += [box] if box else []
    found = [replace(picture, boxes=tuple(boxes[number])) for number, picture in coco.pictures.items()]
    return labelled(classes.values(), found, str(path))


class LabelmeShape(TypedDict):
    """A shape of a labelme file; those of old versions are polygons without saying so."""

    label: str
    points: list[Numbers]
    shape_type: NotRequired[str]


class Labelme(TypedDict):
    """A labelme file, which has one picture."""

    shapes: list[LabelmeShape]
    imagePath: str
    imageWidth: NotRequired[Any]
    imageHeight: NotRequired[Any]


KINDS = {"polygon": "polygons", "circle": "circles", "mask": "masks", "line": "lines", "linestrip": "lines"}
KINDS |= {"oriented_rectangle": "rotated boxes", "point": "points", "points": "points"}


def read_labelme(
    path: Path, content: Any, name: str, pictures: Folder | None, notes: Notes
) -> tuple[Picture, list[str]]:
    """The picture ``name`` of a labelme file, and the classes of its shapes.

    Raises:
        PartregError: a field is missing or wrong, the size is unknown, or a box is impossible.
    """
    found: Labelme = checked(Labelme, content, "", str(path))
    sides = found.get("imageWidth"), found.get("imageHeight")
    size = _size(sides, name, pictures, str(path))
    boxes, labels = [], []
    for place, shape in enumerate(found["shapes"]):
        where = f"{path}: shapes[{place}]"
        labels.append(label := class_name(shape["label"], where))
        if any(len(point) != 2 for point in shape["points"]):
            raise PartregError(f"{where}: expected points of two numbers; fix or remove the shape.")
        points, kind = [(x, y) for x, y in shape["points"]], shape.get("shape_type", "polygon")
        if kind == "rectangle" and len(points) == 2:
            (x0, x1), (y0, y1) = (sorted(side) for side in zip(*points, strict=True))
            boxes.append(upright_box(label, (x0, y0, x1, y1), size, where))
            continue
        if kind == "circle" and len(points) == 2:
            (cx, cy), (x, y) = points
            radius = ((cx - x) ** 2 + (cy - y) ** 2) ** 0.5
            points = ellipse(cx, cy, radius, radius)
        box = around(label, points, size, KINDS.get(kind, "other shapes"), notes)
        boxes += [box] if box else []
    return Picture(name, *size, tuple(boxes)), labels


def _size(sides: tuple[Any, Any], name: str, pictures: Folder | None, where: str) -> tuple[int, int]:
    if None not in sides:
        return checked(Side, sides[0], "width", where), checked(Side, sides[1], "height", where)
    return size_in(pictures, name, where)


class StudioResult(TypedDict):
    """One shape of Label Studio; lengths are hundredths of the picture's sides."""

    type: NotRequired[str]
    value: NotRequired[dict[str, Any]]
    original_width: NotRequired[Any]
    original_height: NotRequired[Any]


class StudioAnnotation(TypedDict):
    """What one annotator did with a picture."""

    result: list[StudioResult]
    was_cancelled: NotRequired[bool]


class StudioTask(TypedDict):
    """A picture of Label Studio."""

    data: dict[str, Any]
    annotations: list[StudioAnnotation]


def read_studio(path: Path, content: Any, pictures: Folder | None, notes: Notes) -> Labelled:
    """The boxes of a file that Label Studio exports as JSON; of several annotations of a picture, the last one.

    Raises:
        PartregError: a field is missing or wrong, a size is unknown, or a box is impossible.
    """
    tasks: list[StudioTask] = checked(list[StudioTask], content, "tasks", str(path))
    found, labels = [], []
    for place, task in enumerate(tasks):
        where = f"{path}: tasks[{place}]"
        name = picture_name(_studio_name(task["data"], where), where)
        done = [one for one in task["annotations"] if not one.get("was_cancelled")]
        if not done:
            notes.left_out["pictures without annotation"] += 1
            continue
        notes.left_out.update({"earlier annotations": len(done) - 1} if done[1:] else {})
        results = done[-1]["result"]
        sized = (r for r in results if r.get("original_width") is not None)
        sides = next(((r.get("original_width"), r.get("original_height")) for r in sized), (None, None))
        size = _size(sides, name, pictures, where)
        boxes: list[Box] = []
        for at, result in enumerate(results):
            for label, box in _studio_boxes(result, size, f"{where}.result[{at}]", notes):
                labels.append(label)
                boxes += [box] if box else []
        found.append(Picture(name, *size, tuple(boxes)))
    return labelled(labels, found, str(path))


def _studio_name(data: dict[str, Any], where: str) -> str:
    """The picture of a task; addresses of local files and uploads become the names that these had.

    It stands under "image", or else it is the only text that ends as a picture's name does.
    """
    others = [one for one in data.values() if isinstance(one, str) and one.lower().endswith(SUFFIXES)]
    address = data.get("image") or (others[0] if len(others) == 1 else None)
    if not isinstance(address, str):
        raise PartregError(f"{where}: expected the address of a picture in data.image; add it.")
    parts = urlsplit(address)
    if local := parse_qs(parts.query).get("d"):
        return local[0].lstrip("/")
    name = unquote(parts.path)
    if parts.scheme or name.startswith("/"):
        name = name.rsplit("/", 1)[-1]
    return UPLOADED.sub("", name, count=1) if "/upload/" in parts.path else name


def _studio_boxes(
    result: StudioResult, size: tuple[int, int], where: str, notes: Notes
) -> Iterator[tuple[str, Box | None]]:
    kind, value = result.get("type", ""), result.get("value", {})
    names = value.get(kind)
    if not isinstance(names, list) or kind not in ("rectanglelabels", "polygonlabels", "ellipselabels"):
        notes.left_out[f"results of the type {kind or 'none'}"] += 1
        return

    def pixels(key: str, side: int) -> float:
        share: float = checked(Number, value.get(key), key, where)
        return share * size[side] / 100

    degrees = checked(Number, value.get("rotation", 0), "rotation", where)
    for name in names:
        label = class_name(name, where)
        if kind == "polygonlabels":
            corners = checked(list[Pair], value.get("points"), "points", where)
            points = [(x * size[0] / 100, y * size[1] / 100) for x, y in corners]
            yield label, around(label, points, size, "polygons", notes)
        elif kind == "ellipselabels":
            radii = pixels("radiusX", 0), pixels("radiusY", 1)
            points = ellipse(pixels("x", 0), pixels("y", 1), *radii, degrees)
            yield label, around(label, points, size, "ellipses", notes)
        else:
            x, y = pixels("x", 0), pixels("y", 1)
            box = (x, y, x + pixels("width", 0), y + pixels("height", 1))
            if degrees:  # turned around the corner at the upper left
                yield label, around(label, rotated(box, degrees, (x, y)), size, "rotated boxes", notes)
            else:
                yield label, upright_box(label, box, size, where)

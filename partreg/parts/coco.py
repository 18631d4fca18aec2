"""COCO files of boxes of any classes, in pixels: the one parser and the one writer.

A file has three lists. Annotations refer to images and categories by ids, which are numbers or text ("1" is 1).
`partreg.parts.formats` reads parts from it, and `partreg.annotate.formats_json` boxes of any classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partreg.errors import PartregError
from partreg.files import write_json
from partreg.parts.labelled import (
    DIGITS,
    FAR,
    Box,
    Labelled,
    Notes,
    Picture,
    around,
    labelled,
    picture_name,
    rotated,
    upright_box,
)

FIELDS = {  # the three lists of a COCO file, and the keys that each of their entries needs
    "images": ("id", "file_name", "width", "height"),
    "categories": ("id", "name"),
    "annotations": ("image_id", "category_id"),
}
Entry = dict[str, Any]


@dataclass(frozen=True)
class Coco:
    """A COCO file whose pictures and ids are sound; names of categories and shapes are as they are in the file.

    Attributes:
        pictures: the pictures by id, without boxes.
        categories: the names by id.
        annotations: for each its place, to begin an error with, the ids of its picture and category, and its entry.
    """

    pictures: dict[str, Picture]
    categories: dict[str, Any]
    annotations: list[tuple[str, str, str, Entry]]


def parsed(path: Path, content: Any, named: Callable[[Any, str], str] = picture_name) -> Coco:
    """Check the lists of a COCO file.

    Args:
        path: the file, for errors.
        content: its JSON.
        named: gives a picture's path in its folder, of a "file_name" and its place in the file.

    Raises:
        PartregError: the file is no COCO file, an id or a picture appears twice, an id is unknown, or a size is wrong.
    """
    images, categories, annotations = (_entries(path, content, field) for field in FIELDS)
    pictures = {number: _picture(entry, f"{path}: image {number}", named) for number, entry in images.items()}
    labelled([], pictures.values(), str(path))  # refuses a picture that appears twice
    found = []
    for number, entry in annotations.items():
        where = f"{path}: annotation {number}"
        image = _pointed(images, entry, "image_id", where)
        found.append((where, image, _pointed(categories, entry, "category_id", where), entry))
    return Coco(pictures, {number: entry["name"] for number, entry in categories.items()}, found)


def box_of(entry: Entry, label: str, picture: Picture, where: str, notes: Notes, digits: int = DIGITS) -> Box | None:
    """The box of an annotation: its "bbox", or the one around its polygons or around what CVAT has rotated.

    Args:
        entry: the annotation.
        label: the class of the box.
        picture: for its size; a bbox that leaves it by `partreg.parts.labelled.SLACK` is clamped.
        where: its place in the file, for errors.
        notes: in which polygons, masks and rotated boxes are counted.
        digits: to which a bbox is rounded.

    Returns:
        The box; None if there is no bbox, and no polygon that has an area in the picture.

    Raises:
        PartregError: the box is impossible, or something is no number.
    """
    size, shape, attributes = (picture.width, picture.height), entry.get("segmentation"), entry.get("attributes")
    listed = [one for one in shape if isinstance(one, list) and len(one) >= 6] if isinstance(shape, list) else []
    polygons = [_numbers(polygon, "a polygon of numbers", where) for polygon in listed]
    if "bbox" not in entry:
        points = [point for polygon in polygons for point in zip(polygon[::2], polygon[1::2], strict=False)]
        return around(label, points, size, "polygons", notes)
    x, y, width, height = _numbers(entry["bbox"], "a bbox of four numbers", where, 4)
    corners = (x, y, x + width, y + height)
    if degrees := attributes.get("rotation") if isinstance(attributes, dict) else None:
        (degrees,) = _numbers([degrees], "a number of degrees as rotation", where)
        return around(label, rotated(corners, degrees), size, "rotated boxes", notes)
    if isinstance(shape, dict):
        notes.boxed["masks"] += 1
    elif any(len(polygon) != 8 or len({*polygon[::2]}) > 2 or len({*polygon[1::2]}) > 2 for polygon in polygons):
        notes.boxed["polygons"] += 1
    return upright_box(label, corners, size, where, digits)


def write_coco(found: Labelled, path: str | Path) -> None:
    """Write a COCO file; the same boxes give the same bytes."""
    number_of = {label: i + 1 for i, label in enumerate(found.classes)}
    entries: list[Entry] = []
    for at, picture in enumerate(found.pictures):
        for box in picture.boxes:
            sides = (box.x1 - box.x0, box.y1 - box.y0)
            bbox = [round(float(one), DIGITS) for one in (box.x0, box.y0, *sides)]
            refers = {"id": len(entries) + 1, "image_id": at + 1, "category_id": number_of[box.label], "iscrowd": 0}
            entries.append({**refers, "bbox": bbox, "area": round(float(sides[0] * sides[1]), DIGITS)})
    images = [
        {"id": at + 1, "file_name": one.name, "width": one.width, "height": one.height}
        for at, one in enumerate(found.pictures)
    ]
    categories = [{"id": i, "name": label} for label, i in number_of.items()]
    write_json(path, {"images": images, "categories": categories, "annotations": entries})


def plain(content: Entry) -> bool:
    """Whether a COCO file, which could be read, holds no more than `write_coco` writes."""
    images, boxes = ({key for one in content[name] for key in one} for name in ("images", "annotations"))
    return (
        set(content) == set(FIELDS)
        and images <= set(FIELDS["images"])
        and boxes <= {"id", "image_id", "category_id", "iscrowd", "bbox", "area"}
    )


def _entries(path: Path, content: Any, field: str) -> dict[str, Entry]:
    """The entries of one of a COCO file's three lists, by id; an annotation without an id goes by its place."""
    entries, keys = content.get(field) if isinstance(content, dict) else None, FIELDS[field]
    if not isinstance(entries, list):
        what = f"expected a COCO file, an object with the lists {', '.join(FIELDS)}"
        raise PartregError(f"{path}: {what}; found no list {field}, add it.")
    by_id: dict[str, Entry] = {}
    for place, entry in enumerate(entries, start=1):
        where = f"{path}: entry {place} of {field}"
        lacking = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if lacking:
            what = f"expected a COCO file, whose {field} have {', '.join(keys)}"
            raise PartregError(f"{where}: {what}; found no {lacking[0]}, add it.")
        number = _id(entry["id"], "id", where) if "id" in entry else f"at place {place}"
        if number in by_id:
            raise PartregError(
                f"{where}: the id {number} appears twice in {field}, expected each id once; give one of them another "
                "id, and change the entries that refer to it."
            )
        by_id[number] = entry
    return by_id


def _id(value: Any, key: str, where: str) -> str:
    """An id as text; tools write the same id as 1, 1.0 or "1"."""
    sound = isinstance(value, int | str) and not isinstance(value, bool) and value != ""
    if not sound and not (isinstance(value, float) and value.is_integer()):
        raise _unlike(value, f"a whole number or a text as {key}", where)
    return value if isinstance(value, str) else str(int(value))


def _pointed(entries: dict[str, Entry], annotation: Entry, key: str, where: str) -> str:
    """The id of the image or category that an annotation refers to."""
    number = _id(annotation[key], key, where)
    if number not in entries:
        kind = {"image_id": "images", "category_id": "categories"}[key]
        raise PartregError(f"{where}: {key} {number} is not among the file's {kind}; fix or remove it.")
    return number


def _picture(entry: Entry, where: str, named: Callable[[Any, str], str]) -> Picture:
    sides = [entry["width"], entry["height"]]
    if not all(type(side) in (int, float) and 1 <= side <= FAR and side == int(side) for side in sides):
        raise PartregError(f"{where} has the size {sides[0]} x {sides[1]}, expected whole pixels; fix the entry.")
    return Picture(named(entry["file_name"], where), int(sides[0]), int(sides[1]))


def _numbers(values: Any, what: str, where: str, count: int = 0) -> list[float]:
    """A list of numbers; ``count`` of them, if it is not 0."""
    sound = isinstance(values, list) and (not count or len(values) == count)
    if not sound or not all(type(value) in (int, float) and -FAR <= value <= FAR for value in values):
        raise _unlike(values, what, where)
    return list(values)


def _unlike(value: Any, what: str, where: str) -> PartregError:
    return PartregError(f"{where}: expected {what}, found {str(value)[:60]!r}; fix or remove it.")

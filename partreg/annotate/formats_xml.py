"""Boxes in XML: Pascal VOC, read and written; CVAT for images 1.1, read.

Whatever is no upright box becomes the smallest box around it, and is counted. No file may declare entities.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from partreg.annotate.folder import Folder, meant, size_in
from partreg.datasets import lines
from partreg.errors import PartregError
from partreg.files import read_text, write_text
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

CLASSES = "classes.txt"  # beside the XML files of one's own, which do not know the order of the classes
CVAT_KINDS = {"polygon": "polygons", "polyline": "lines", "points": "points", "ellipse": "ellipses", "mask": "masks"}


def parsed(path: Path) -> Any:
    """The root of an XML file.

    Raises:
        PartregError: it cannot be read, is no XML, or declares a type of document or entities.
    """
    try:
        return fromstring(path.read_bytes(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
        what = f"expected XML without a declaration of its type ({type(error).__name__}: {str(error)[:100]})"
        raise PartregError(f"{path}: {what}; export the file anew.") from error


def read_cvat(path: Path, root: Any, notes: Notes, pictures: Folder | None = None) -> Labelled:
    """The boxes of "CVAT for images 1.1".

    Raises:
        PartregError: an attribute is missing or wrong, or a box is impossible.
    """
    if root.find("track") is not None:
        what = "expected CVAT for images, found the tracks of CVAT for video"
        raise PartregError(f"{path}: {what}; export the task as `CVAT for images 1.1`.")
    where = f"{path}: meta"
    classes = [class_name(text(one), where) for one in root.findall("./meta//labels/label/name")]
    found = []
    for image in root.iter("image"):
        name = meant(image.get("name"), pictures, f"{path}: image {image.get('id')}")
        where = f"{path}: {name}"
        size = int(value(image, "width", where, 1)), int(value(image, "height", where, 1))
        boxes: list[Box] = []
        for at, shape in enumerate(one for one in image if one.tag != "tag"):
            if shape.tag != "box" and shape.tag not in CVAT_KINDS:
                notes.left_out[f"shapes of the kind {shape.tag}"] += 1
                continue
            boxes += filter(None, [_cvat_box(shape, size, f"{where}: {shape.tag} {at + 1}", notes)])
        found.append(Picture(name, *size, tuple(boxes)))
    return labelled(classes, found, str(path))


def _cvat_box(shape: Any, size: tuple[int, int], where: str, notes: Notes) -> Box | None:
    label = class_name(shape.get("label"), where)
    degrees = value(shape, "rotation", where) if shape.get("rotation") else 0.0
    if shape.tag == "box":
        x0, y0, x1, y1 = corners = [value(shape, name, where) for name in ("xtl", "ytl", "xbr", "ybr")]
        if degrees:
            return around(label, rotated(corners, degrees), size, "rotated boxes", notes)
        return upright_box(label, (x0, y0, x1, y1), size, where)
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (value(shape, name, where) for name in ("cx", "cy", "rx", "ry"))
        points = ellipse(cx, cy, rx, ry, degrees)
    elif shape.tag == "mask":
        x, y, width, height = (value(shape, name, where) for name in ("left", "top", "width", "height"))
        points = [(x, y), (x + width, y + height)]
    else:
        points = list(_points(shape.get("points") or "", where))
    return around(label, points, size, CVAT_KINDS[shape.tag], notes)


def _points(words: str, where: str) -> Iterator[tuple[float, float]]:
    for pair in words.split(";"):
        x, comma, y = pair.partition(",")
        if not comma:
            raise PartregError(f"{where}: expected points as 1,2;3,4; found {words[:60]!r}; fix or remove the shape.")
        yield real(x, "points", where), real(y, "points", where)


def read_voc(root: Path, files: list[Path], pictures: Folder | None, notes: Notes) -> Labelled:
    """The boxes of a folder of Pascal VOC files, one a picture; pictures lie under the paths that the files have.

    Raises:
        PartregError: an element is missing or wrong, a size is unknown, or a box is impossible.
    """
    listed = root / CLASSES
    classes = read_text(listed).rstrip("\n").split("\n") if listed.is_file() else []
    found, labels = [], [class_name(one, str(listed)) for one in classes]
    for path in files:
        tree = parsed(path)
        if tree.tag != "annotation":
            what = "expected <annotation> of Pascal VOC"
            raise PartregError(f"{path}: {what}, found <{tree.tag[:60]}>; remove the file.")
        given = tree.findtext("filename", "").strip("\r\n\t")
        place = path.parent.relative_to(root).as_posix()
        name = picture_name(str(PurePosixPath(place, PurePosixPath(given).name)) if given else "", f"{path}: filename")
        size = _voc_size(tree, name, pictures, str(path))
        boxes: list[Box] = []
        for at, one in enumerate(tree.findall("object")):
            where = f"{path}: object {at + 1}"
            labels.append(label := class_name(text(one.find("name")), where))
            boxes += filter(None, [_voc_box(one, label, size, where, notes)])
        found.append(Picture(name, *size, tuple(boxes)))
    return labelled(labels, found, str(root))


def _voc_size(tree: Any, name: str, pictures: Folder | None, where: str) -> tuple[int, int]:
    sides = [tree.find(f"size/{side}") for side in ("width", "height")]
    if all(side is not None and text(side) not in ("", "0") for side in sides):
        width, height = (int(real(text(side), "size", where, 1)) for side in sides)
        return width, height
    return size_in(pictures, name, where)


def _voc_box(one: Any, label: str, size: tuple[int, int], where: str, notes: Notes) -> Box | None:
    if (turned := one.find("robndbox")) is not None:  # of roLabelImg; the angle is in radians
        cx, cy, width, height, angle = (
            real(text(turned.find(name)), name, where) for name in ("cx", "cy", "w", "h", "angle")
        )
        corners = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        return around(label, rotated(corners, math.degrees(angle)), size, "rotated boxes", notes)
    if (box := one.find("bndbox")) is None:
        raise PartregError(f"{where}: expected <bndbox>; add it, or remove the object.")
    x0, y0, x1, y1 = (real(text(box.find(name)), name, where) for name in ("xmin", "ymin", "xmax", "ymax"))
    if one.find("polygon") is not None:
        notes.boxed["polygons"] += 1
    return upright_box(label, (x0, y0, x1, y1), size, where)


def write_voc(found: Labelled, folder: Path) -> None:
    """Write an XML file for each picture, under its path, and `CLASSES`; pixels count from 0, whole ones have no point.

    Raises:
        PartregError: two pictures would have one file.
    """
    for name, picture in by_stem(found).items():
        objects = "".join(
            f"  <object>\n    <name>{html.escape(box.label)}</name>\n    <pose>Unspecified</pose>\n"
            "    <truncated>0</truncated>\n    <difficult>0</difficult>\n    <bndbox>\n"
            f"      <xmin>{box.x0:.10g}</xmin>\n      <ymin>{box.y0:.10g}</ymin>\n"
            f"      <xmax>{box.x1:.10g}</xmax>\n      <ymax>{box.y1:.10g}</ymax>\n    </bndbox>\n  </object>\n"
            for box in picture.boxes
        )
        path = PurePosixPath(picture.name)
        head = f"  <folder>{html.escape(path.parent.name)}</folder>\n  <filename>{html.escape(path.name)}</filename>\n"
        sides = f"<width>{picture.width}</width><height>{picture.height}</height><depth>3</depth>"
        write_text(folder / f"{name}.xml", f"<annotation>\n{head}  <size>{sides}</size>\n{objects}</annotation>\n")
    write_text(folder / CLASSES, "".join(f"{label}\n" for label in found.classes))


def by_stem(found: Labelled) -> dict[str, Picture]:
    """Pictures by their paths without suffix, under which VOC and YOLO keep their files.

    Raises:
        PartregError: two pictures differ only in their suffix.
    """
    named: dict[str, Picture] = {}
    for picture in found.pictures:
        name = PurePosixPath(picture.name).with_suffix("").as_posix()
        if (other := named.setdefault(name, picture)) is not picture:
            what = f"the pictures {other.name!r} and {picture.name!r} would share one file {name!r}"
            raise PartregError(f"{what}; rename one of them, or choose COCO.")
    return named


def text(element: Any) -> str:
    """What an element says, without the space around; "" if there is none."""
    return "" if element is None else (element.text or "").strip()


def value(element: Any, name: str, where: str, least: float = -FAR) -> float:
    """An attribute that is a number, see `real`."""
    return real(element.get(name) or "", name, where, least)


def real(words: str, name: str, where: str, least: float = -FAR) -> float:
    """A number in a text.

    Raises:
        PartregError: it is none, is not finite, or lies below ``least`` or beyond `FAR`.
    """
    found = lines.real(words.strip())
    if not least <= found <= FAR:
        raise PartregError(f"{where}: expected a number for {name}, found {words[:60]!r}; fix it.")
    return found

"""Boxes in YOLO's files, read and written: a line of text a box, relative to the picture, one file a picture."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from partreg.annotate.folder import Folder
from partreg.annotate.formats_xml import CLASSES, by_stem, real
from partreg.errors import PartregError
from partreg.files import read_text
from partreg.parts.formats import write_labels
from partreg.parts.labelled import Box, Labelled, Notes, Picture, around, class_name, labelled, upright_box

DATA = "data.yaml"
NAMES = (CLASSES, "obj.names")  # where a folder without `DATA` may say its classes, one a line


def read_yolo(root: Path, pictures: Folder, notes: Notes) -> Labelled:
    """The boxes of a folder of YOLO's text files, which need their pictures beside them for their sizes.

    A picture without a text file counts as not annotated and is left out; an empty file is a picture without boxes.

    Raises:
        PartregError: there are no classes, a file has no picture, or a line is wrong.
    """
    classes = yolo_classes(root)
    texts = root / "labels" if (root / "labels").is_dir() else root
    files = {
        path.relative_to(texts).with_suffix("").as_posix(): path
        for path in sorted(texts.rglob("*.txt"))
        if path.parent != root or path.name not in NAMES
    }
    found = []
    for name in pictures.names:
        path = files.pop(PurePosixPath(name).with_suffix("").as_posix(), None)
        if path is None:
            notes.left_out["pictures without a text file"] += 1
            continue
        size = pictures.size(name)
        lines = enumerate(read_text(path).splitlines(), start=1)
        boxes = [_box(line, classes, size, f"{path}:{at}", notes) for at, line in lines if line.strip()]
        found.append(Picture(name, *size, tuple(box for box in boxes if box)))
    if files:
        path = next(iter(files.values()))
        raise PartregError(
            f"{path}: no picture of this name is in {pictures.root}; add it, or remove the file; --pictures says where "
            "the pictures are."
        )
    return labelled(classes, found, str(root))


def yolo_classes(root: Path) -> list[str]:
    """The classes that ``data.yaml``, or else ``classes.txt`` or ``obj.names``, gives by their numbers.

    Raises:
        PartregError: there is none of these files, or it has no such list.
    """
    if (path := root / DATA).is_file():
        try:
            data: Any = yaml.safe_load(read_text(path))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise PartregError(f"{path}: expected YAML ({str(error)[:100]}); fix it.") from error
        names = data.get("names") if isinstance(data, dict) else None
        if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
            names = [names[at] for at in range(len(names))]
        if not isinstance(names, list):
            raise PartregError(f"{path}: expected names, a list of classes, or classes by number from 0; add it.")
        return [class_name(str(one) if type(one) is int else one, f"{path}: names") for one in names]
    for path in (root / name for name in NAMES if (root / name).is_file()):
        return [class_name(one.strip(), str(path)) for one in read_text(path).splitlines() if one.strip()]
    raise PartregError(f"{root}: expected the classes in {DATA} or {CLASSES}; add one of them.")


def _box(line: str, classes: list[str], size: tuple[int, int], where: str, notes: Notes) -> Box | None:
    words = line.split()
    if not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 9 or int(words[0]) >= len(classes):
        what = f"expected a class from 0 to {len(classes) - 1}"
        raise PartregError(f"{where}: {what}; found {words[0][:60]!r}; fix the line.")
    label, numbers = classes[int(words[0])], [real(word, "each corner", where) for word in words[1:]]
    if len(numbers) == 4:
        (x, y, wide, high), (width, height) = numbers, size
        corners = ((x - wide / 2) * width, (y - high / 2) * height, (x + wide / 2) * width, (y + high / 2) * height)
        return upright_box(label, corners, size, where)
    if len(numbers) < 6 or len(numbers) % 2:
        what = "expected a class and four numbers, or the points of a polygon"
        raise PartregError(f"{where}: {what}; found {len(numbers)} numbers; fix the line.")
    points = [(x * size[0], y * size[1]) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    return around(label, points, size, "polygons", notes)


def write_yolo(found: Labelled, folder: Path) -> None:
    """Write ``labels/<picture>.txt`` for each picture and ``data.yaml``; pictures belong in ``images/`` beside them.

    Raises:
        PartregError: two pictures would have one file.
    """
    write_labels(folder, by_stem(found), found.classes)

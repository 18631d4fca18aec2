"""Files of boxes of other tools: find out which kind it is, read it, write COCO, YOLO or Pascal VOC.

Read are COCO, YOLO, Pascal VOC, CVAT for images 1.1, labelme, and what Label Studio exports as JSON.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from partreg.annotate import formats_json, formats_xml, formats_yolo
from partreg.annotate.folder import Folder, located
from partreg.errors import PartregError
from partreg.files import read_json
from partreg.parts.coco import write_coco
from partreg.parts.labelled import Labelled, Notes, labelled, picture_name

WRITERS: dict[str, Callable[[Labelled, Path], None]] = {
    "coco": write_coco,
    "yolo": formats_yolo.write_yolo,
    "voc": formats_xml.write_voc,
}
EXPECTED = "COCO, YOLO, Pascal VOC, CVAT for images 1.1, labelme or Label Studio's JSON"


def read(path: str | Path, pictures: str | Path | None = None) -> tuple[Labelled, Notes]:
    """Read a file, or a folder of files, of boxes; the content says of which tool.

    Args:
        path: a JSON or XML file, or a folder of YOLO's, labelme's or Pascal VOC's files.
        pictures: the folder of the pictures, for files that do not say their sizes (YOLO), or give other paths.

    Raises:
        PartregError: it is none of these, a field is missing or wrong, a box is impossible, or a picture is unknown.
    """
    path, notes = Path(path), Notes()
    folder = Folder.of(pictures) if pictures else None
    found = _read_folder(path, folder, notes) if path.is_dir() else _read_file(path, folder, notes)
    return (located(found, folder, str(path)) if folder else found), notes


def _read_file(path: Path, pictures: Folder | None, notes: Notes) -> Labelled:
    if path.suffix.lower() == ".xml":
        root = formats_xml.parsed(path)
        if root.tag == "annotations":
            return formats_xml.read_cvat(path, root, notes, pictures)
        return formats_xml.read_voc(path.parent, [path], pictures, notes)
    content = read_json(path)
    if isinstance(content, list):
        return formats_json.read_studio(path, content, pictures, notes)
    if isinstance(content, dict) and "shapes" in content:
        return _labelme(path.parent, [path], pictures, notes)
    if isinstance(content, dict) and "annotations" in content:
        return formats_json.read_coco(path, content, notes, pictures)
    raise PartregError(f"{path}: expected boxes of {EXPECTED}; export them as one of these.")


def _read_folder(path: Path, pictures: Folder | None, notes: Notes) -> Labelled:
    theirs = (path / "Annotations").is_dir() and not (path / formats_xml.CLASSES).is_file()
    root = path / "Annotations" if theirs else path
    if found := sorted(root.rglob("*.xml")):
        return formats_xml.read_voc(root, found, pictures, notes)
    if found := sorted(path.rglob("*.json")):
        return _labelme(path, found, pictures, notes)
    if any(path.rglob("*.txt")):
        beside = path / "images" if (path / "images").is_dir() else path
        return formats_yolo.read_yolo(path, pictures or Folder.of(beside), notes)
    raise PartregError(f"{path}: expected files of YOLO (.txt), labelme (.json) or Pascal VOC (.xml); found none.")


def _labelme(root: Path, files: list[Path], pictures: Folder | None, notes: Notes) -> Labelled:
    found, classes = [], []
    for path in files:
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("imagePath"), str):
            raise PartregError(f"{path}: expected a file of labelme, with imagePath; remove it, or name one file.")
        place = os.path.normpath(path.parent / content["imagePath"].replace("\\", "/"))
        inside = Path(place).is_relative_to(os.path.normpath(root))
        name = os.path.relpath(place, os.path.normpath(root)) if inside else Path(place).name
        picture, labels = formats_json.read_labelme(path, content, picture_name(name, str(path)), pictures, notes)
        found.append(picture)
        classes += labels
    return labelled(classes, found, str(root))


def write(found: Labelled, path: str | Path, kind: str) -> None:
    """Write boxes as one of `WRITERS`: COCO is a file, the others are folders.

    Raises:
        PartregError: something is at ``path`` already, or two pictures would share a file.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise PartregError(f"{path}: there already; choose another name, or remove it.")
    WRITERS[kind](found, path)

"""Section 4.1, the annotated images: read and write COCO files of boxes, and write YOLO files.

COCO has one JSON file for all images and gives pixels. YOLO has one text file for each image and gives centres and
sizes relative to the image. `read_coco` refuses every impossible box (NaN, no area, outside the image, unknown class,
unknown image) with an error that names it.

A file is of cars if one of its categories means one of the car's `CLASSES`. In any other file each category is a part
of its own: "wheel", "saddle" and "handlebar" of bicycles, for example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

import numpy as np
import pandas as pd
import yaml

from partreg.errors import PartregError
from partreg.files import read_json, write_json, write_text
from partreg.parts.boxes import (
    BODY,
    CLASSES,
    OBJECT_COLUMNS,
    OWN_NAME,
    TAKEN,
    choose,
    classes_of,
    extend_lights,
    objects_table,
)

LIGHT = "light"  # of either side: its place in the picture says whether it is the left or the right one, see `sided`
# What the categories of known files mean here. Left and right are the picture's. A file that names lights by the car's
# own sides does not tell them: its left light is on the right from the front, and on either side from the left.
# Categories of the vehicle's body show only how far down it reaches.
NAMES = {
    **{name: name for name in CLASSES},
    **dict.fromkeys(["vehicle", "badge", BODY], BODY),
    **{"front_glass": "front_window", "back_glass": "rear_window"},
    **dict.fromkeys(["front_right_light", "back_left_light", "front_left_light", "back_right_light"], LIGHT),
    **dict.fromkeys(["front_bumper", "back_bumper", "hood", "trunk", "tailgate", "wheel"], BODY),
    **dict.fromkeys(["left_mirror", "right_mirror", "front_left_door", "front_right_door"], BODY),
    **dict.fromkeys(["back_left_door", "back_right_door"], BODY),
}
FIELDS = {  # the three lists of a COCO file, and the keys that each of their entries needs
    "images": ("id", "file_name", "width", "height"),
    "categories": ("id", "name"),
    "annotations": ("image_id", "category_id", "bbox"),
}
SLACK = 1.0  # pixels by which a drawn box may leave the image, because tools round; clamping corrects it


@dataclass(frozen=True)
class Annotations:
    """Annotated images.

    Attributes:
        images: one row an image, in the file's order: ``image`` (its name), ``width`` and ``height`` in pixels.
        objects: `OBJECT_COLUMNS`, tight boxes as drawn.
    """

    images: pd.DataFrame
    objects: pd.DataFrame

    def subset(self, images: list[str]) -> Annotations:
        """The annotations of these images only, in this order."""
        rows = self.images.set_index("image").loc[list(images)].reset_index()
        return Annotations(rows, self.objects[self.objects["image"].isin(images)].reset_index(drop=True))

    def extended(self) -> pd.DataFrame:
        """The objects that the detector learns: lights extended to the vehicle's bottom, without the body."""
        objects = extend_lights(self.objects)
        return objects[objects["name"] != BODY].reset_index(drop=True)

    def boxes(self, source: str = "annotated") -> pd.DataFrame:
        """The boxes table: at most one window, left light, right light and brand for each image."""
        return choose(self.extended(), source)


def read_coco(path: str | Path, names: Mapping[str, str] = NAMES, visible: float = 0.0) -> Annotations:
    """Read a COCO file of boxes.

    Ids may be numbers or text ("1" is 1), but each must be unique. Categories without a box do not matter, and the same
    box twice is one box.

    Args:
        path: the JSON file; boxes are ``[x, y, width, height]`` in pixels.
        names: what the file's categories mean, in addition to `NAMES` or in place of it: one of `CLASSES`, "light" for
            a light of either side (see `sided`), or "body" for anything else on the vehicle. Categories of a file of
            other things than cars mean themselves.
        visible: leave out annotations with a lower "visibility" (a key of the benchmark's truth).

    Raises:
        PartregError: the file is no COCO file, an id or a picture appears twice, an id is unknown, a box of a car has a
            category that is neither in `NAMES` nor in ``names``, a category of other things has no name for a part, or
            a box is impossible.
    """
    path, coco = Path(path), read_json(path)
    images, categories, annotations = (_entries(path, coco, field) for field in FIELDS)
    _check_images(path, images)
    known, rows = _meanings(categories, names), []
    for label, entry in annotations.items():
        where = f"{path}: annotation {label}"
        if _visibility(entry, where) < visible:
            continue
        image = _pointed(images, entry, "image_id", where)
        category = _pointed(categories, entry, "category_id", where)
        name = _meaning(category["name"], known, where)
        box = _relative(entry["bbox"], image["width"], image["height"], where)
        rows.append((image["file_name"], name, *box, 1.0))
    table = [(entry["file_name"], entry["width"], entry["height"]) for entry in images.values()]
    objects = pd.DataFrame(rows, columns=list(OBJECT_COLUMNS)).drop_duplicates()
    images_table = pd.DataFrame(table, columns=["image", "width", "height"])
    return Annotations(images_table, objects_table(sided(objects) if CLASSES[0] in known else objects, str(path)))


def sided(objects: pd.DataFrame) -> pd.DataFrame:
    """Say of each light of either side whether it is the left or the right one of the picture.

    The middle lies halfway between a picture's outermost lights. If it has one light only, it is the middle of all
    boxes.

    >>> lights = [("a.jpg", LIGHT, x0, 0.5, x0 + 0.1, 0.6, 1.0) for x0 in (0.6, 0.8)]
    >>> list(sided(pd.DataFrame(lights, columns=list(OBJECT_COLUMNS)))["name"])
    ['left_light', 'right_light']
    """
    center, lights = (objects["x0"] + objects["x1"]) / 2, objects["name"] == LIGHT
    by_image = objects.groupby("image")
    whole = (by_image["x0"].transform("min") + by_image["x1"].transform("max")) / 2
    of_lights = center.where(lights).groupby(objects["image"])
    between = (of_lights.transform("min") + of_lights.transform("max")) / 2
    left = center < between.where(of_lights.transform("count") > 1, whole)
    return objects.assign(name=objects["name"].mask(lights, np.where(left, "left_light", "right_light")))


def _entries(path: Path, coco: Any, field: str) -> dict[str, dict[str, Any]]:
    """The entries of one of a COCO file's three lists, by id; an annotation without an id goes by its place.

    Raises:
        PartregError: there is no such list, an entry lacks a key, or an id is not one or appears twice.
    """
    entries, keys = coco.get(field) if isinstance(coco, dict) else None, FIELDS[field]
    if not isinstance(entries, list):
        what = f"expected a COCO file, an object with the lists {', '.join(FIELDS)}"
        raise PartregError(f"{path}: {what}; found no list {field}.")
    by_id: dict[str, dict[str, Any]] = {}
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
        raise PartregError(f"{where}: expected a whole number or a text as {key}, found {str(value)[:60]!r}; fix it.")
    return value if isinstance(value, str) else str(int(value))


def _pointed(entries: dict[str, dict[str, Any]], annotation: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    """The image or category that an annotation refers to."""
    number = _id(annotation[key], key, where)
    if number not in entries:
        kind = {"image_id": "images", "category_id": "categories"}[key]
        raise PartregError(f"{where}: {key} {number} is not among the file's {kind}; fix or remove it.")
    return entries[number]


def _meanings(categories: dict[str, dict[str, Any]], names: Mapping[str, str]) -> Mapping[str, str]:
    """What the categories mean: what `NAMES` and ``names`` say if one is a class of the car; else each means itself."""
    words = [entry["name"] for entry in categories.values() if isinstance(entry["name"], str)]
    known, given = {**NAMES, **names}, {} if names is NAMES else names
    return known if any(known.get(word) in (*CLASSES, LIGHT) for word in words) else {w: given.get(w, w) for w in words}


def _meaning(category: Any, names: Mapping[str, str], where: str) -> str:
    """Translate a category of a file to one of `CLASSES`, `LIGHT` or `BODY`; of other things than cars, to a part."""
    name = names.get(category) if isinstance(category, str) else None
    if CLASSES[0] not in names:  # not of a car, see `_meanings`
        if name is None or name in TAKEN or not OWN_NAME.fullmatch(name):
            raise PartregError(
                f"{where}: the category {category!r} can be no part's name; expected letters, digits, spaces, hyphens "
                f"and underscores, and none of {', '.join(sorted(TAKEN))}; rename it."
            )
        return name
    if name not in (*CLASSES, LIGHT, BODY):
        known = ", ".join((*CLASSES, LIGHT, BODY))
        what = "is unknown" if name is None else f"is called {name!r} in names, which is unknown"
        raise PartregError(f"{where}: the category {category!r} {what}; say in names which of {known} it is.")
    return name


def _visibility(entry: dict[str, Any], where: str) -> float:
    value = entry.get("visibility", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise PartregError(f"{where}: expected a visibility from 0 to 1, found {str(value)[:60]!r}; fix it.")
    return value


def write_coco(annotations: Annotations, path: str | Path) -> None:
    """Write a COCO file with the classes of its objects and "body"; the same annotations give the same bytes."""
    names = (*classes_of(annotations.objects["name"]), BODY)
    number = {image: i + 1 for i, image in enumerate(annotations.images["image"])}
    sizes = annotations.images.set_index("image")[["width", "height"]]
    entries: list[dict[str, Any]] = []
    for row in objects_table(annotations.objects).itertuples():
        if row.image not in number:
            raise PartregError(f"{path}: a box belongs to {row.image!r}, which is not among the images; add the image.")
        width, height = sizes.loc[row.image]
        pixels = [row.x0 * width, row.y0 * height, (row.x1 - row.x0) * width, (row.y1 - row.y0) * height]
        box, area = [round(float(v), 3) for v in pixels], round(float(pixels[2] * pixels[3]), 3)
        refers = {"image_id": number[row.image], "category_id": names.index(row.name) + 1}
        entries.append({"id": len(entries) + 1, **refers, "bbox": box, "area": area, "iscrowd": 0})
    images = [
        {"id": number[r.image], "file_name": r.image, "width": int(r.width), "height": int(r.height)}
        for r in annotations.images.itertuples()
    ]
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    write_json(path, {"images": images, "categories": categories, "annotations": entries})


def write_yolo(folder: str | Path, objects: pd.DataFrame, images: pd.Series | list[str]) -> None:
    """Write YOLO labels: ``labels/<name>.txt`` for every image (empty if it shows no part) and ``data.yaml``.

    Pictures belong in ``images/`` beside them, under the names of `yolo_names`; one without objects teaches background.

    Raises:
        PartregError: an object's image is not among ``images``.
    """
    folder, names = Path(folder), yolo_names(images)
    objects = objects_table(objects)
    strangers = set(objects["image"]) - set(names)
    if strangers:
        what = f"a box belongs to {min(strangers)!r}, which is not among the images"
        raise PartregError(f"{folder}: {what}; add the image.")
    classes = classes_of(objects["name"])
    groups = dict(list(objects[objects["name"] != BODY].groupby("image")))
    for image, name in names.items():
        rows = groups.get(image, objects[:0])
        corners = rows[["x0", "y0", "x1", "y1"]].to_numpy()
        yolo = np.hstack([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]])
        labels = [classes.index(label) for label in rows["name"]]
        lines = [f"{label} {x:.9f} {y:.9f} {w:.9f} {h:.9f}\n" for label, (x, y, w, h) in zip(labels, yolo, strict=True)]
        write_text(folder / "labels" / Path(name).with_suffix(".txt"), "".join(lines))
    data = {"path": str(folder.resolve()), "train": "images", "val": "images", "names": dict(enumerate(classes))}
    write_text(folder / "data.yaml", yaml.safe_dump(data, sort_keys=False))


def yolo_names(images: pd.Series | list[str]) -> dict[str, str]:
    """Flat file names by image name ("image/7.jpg" is "image__7.jpg"); YOLO pairs pictures and labels by them.

    Raises:
        PartregError: two images would share a label file.
    """
    names: dict[str, str] = {}
    stems: dict[str, str] = {}
    for image in images:
        name = str(image).replace("/", "__")
        other = stems.setdefault(Path(name).stem, image)
        if other != image:
            what = f"the images {other!r} and {image!r} would share one YOLO label file"
            raise PartregError(f"{what}; rename one of them.")
        names[image] = name
    return names


def _check_images(path: Path, images: dict[str, dict[str, Any]]) -> None:
    seen: set[str] = set()
    for number, entry in images.items():
        name, width, height = (entry[key] for key in ("file_name", "width", "height"))
        if not isinstance(name, str) or not name:
            what = f"expected a path as file_name, found {str(name)[:60]!r}"
            raise PartregError(f"{path}: image {number}: {what}; fix it.")
        if normpath(name) in seen:
            raise PartregError(f"{path}: the image {name!r} is listed twice; remove one of the entries.")
        seen.add(normpath(name))
        if not all(_is_number(side) and math.isfinite(side) and side >= 1 for side in (width, height)):
            what = f"image {number} has the size {width} x {height}, expected pixels"
            raise PartregError(f"{path}: {what}; fix the entry.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _relative(box: list[float], width: float, height: float, where: str) -> tuple[float, float, float, float]:
    """Convert pixels ``[x, y, width, height]`` to corners in [0, 1]; clamp up to `SLACK` pixels outside the image."""
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise PartregError(f"{where}: expected a bbox of four numbers, found {str(box)[:60]}; fix or remove it.")
    x, y, w, h = box
    if not all(map(math.isfinite, (x, y, w, h))):
        raise PartregError(f"{where}: the bbox {box} is not finite; fix or remove it.")
    if w <= 0 or h <= 0:
        raise PartregError(f"{where}: the bbox {box} has no area, expected width and height above 0; fix or remove it.")
    outside = x < -SLACK or y < -SLACK or x + w > width + SLACK or y + h > height + SLACK
    corners = max(x / width, 0.0), max(y / height, 0.0), min((x + w) / width, 1.0), min((y + h) / height, 1.0)
    if outside or corners[0] >= corners[2] or corners[1] >= corners[3]:
        what = f"the bbox {box} lies outside its image of {width} x {height} pixels"
        raise PartregError(f"{where}: {what}; fix or remove it.")
    return corners

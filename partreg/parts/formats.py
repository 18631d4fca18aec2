"""Section 4.1, the annotated images: read and write COCO files of boxes, and write YOLO files.

COCO has one JSON file for all images and gives pixels (`partreg.parts.coco`). YOLO has one text file for each image and
gives centres and sizes relative to the image. `read_coco` refuses every impossible box (NaN, no area, outside the
image, unknown class, unknown image) with an error that names it.

A file is of cars if one of its categories means one of the car's `CLASSES`. In any other file each category is a part
of its own: "wheel", "saddle" and "handlebar" of bicycles, for example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from partreg.errors import PartregError
from partreg.files import read_json, write_text
from partreg.parts import coco
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
from partreg.parts.labelled import EXACT, Box, Labelled, Notes, Picture

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
    box twice is one box. An annotation without a "bbox" has the box around its polygons.

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
    found = coco.parsed(Path(path), read_json(path))
    known, rows, notes = _meanings(found.categories.values(), names, str(path)), [], Notes()
    for where, image, category, entry in found.annotations:
        if _visibility(entry, where) < visible:
            continue
        name, picture = _meaning(found.categories[category], known, where), found.pictures[image]
        if (box := coco.box_of(entry, name, picture, where, notes, EXACT)) is None:
            what = "expected a bbox of four numbers, or a polygon in its image"
            raise PartregError(f"{where}: {what}; fix or remove it.")
        width, height = picture.width, picture.height
        rows.append((picture.name, name, box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height, 1.0))
    table = [(picture.name, picture.width, picture.height) for picture in found.pictures.values()]
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


def _meanings(categories: Iterable[Any], names: Mapping[str, str], where: str) -> Mapping[str, str]:
    """What the categories mean: what `NAMES` and ``names`` say if one is a class of the car; else each means itself.

    Raises:
        PartregError: ``names`` are given, and the file has none of them.
    """
    words = [name for name in categories if isinstance(name, str)]
    known, given = {**NAMES, **names}, {} if names is NAMES else names
    if given and words and not {*given} & {*words}:
        near = "".join(f" (did you mean {one!r}?)" for one in get_close_matches(min(given), words, 1))
        what = f"names has {min(given)!r}{near}, which is none of the file's categories"
        raise PartregError(f"{where}: {what}; expected some of {', '.join(sorted(words))}.")
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
    sizes = {row.image: (int(row.width), int(row.height)) for row in annotations.images.itertuples()}
    pictures = _pictures(annotations.objects, sizes, path)
    coco.write_coco(Labelled((*classes_of(annotations.objects["name"]), BODY), tuple(pictures.values())), path)


def write_yolo(folder: str | Path, objects: pd.DataFrame, images: pd.Series | list[str]) -> None:
    """Write YOLO labels: ``labels/<name>.txt`` for every image (empty if it shows no part) and ``data.yaml``.

    Pictures belong in ``images/`` beside them, under the names of `yolo_names`; one without objects teaches background.

    Raises:
        PartregError: an object's image is not among ``images``.
    """
    names = yolo_names(images)
    pictures = _pictures(objects[objects["name"] != BODY], dict.fromkeys(names, (1, 1)), folder)
    write_labels(folder, {Path(names[image]).stem: one for image, one in pictures.items()}, classes_of(objects["name"]))


def _pictures(objects: pd.DataFrame, sizes: Mapping[str, tuple[int, int]], where: str | Path) -> dict[str, Picture]:
    """The objects in pictures of these sizes, by name; with the size 1 x 1 they stay relative."""
    boxes: dict[str, list[Box]] = {image: [] for image in sizes}
    for row in objects_table(objects).itertuples():
        if row.image not in boxes:
            what = f"{where}: a box belongs to {row.image!r}, which is not among the images"
            raise PartregError(f"{what}; add the image.")
        width, height = sizes[row.image]
        boxes[row.image].append(Box(row.name, row.x0 * width, row.y0 * height, row.x1 * width, row.y1 * height))
    return {image: Picture(image, *sizes[image], tuple(some)) for image, some in boxes.items()}


def write_labels(folder: str | Path, pictures: Mapping[str, Picture], classes: Sequence[str]) -> None:
    """Write YOLO's files for pictures by path without suffix: ``labels/<path>.txt`` for each, and ``data.yaml``."""
    folder = Path(folder)
    for name, picture in pictures.items():
        lines = []
        for box in picture.boxes:
            x, wide = (box.x0 + box.x1) / 2 / picture.width, (box.x1 - box.x0) / picture.width
            y, high = (box.y0 + box.y1) / 2 / picture.height, (box.y1 - box.y0) / picture.height
            lines.append(f"{classes.index(box.label)} {x:.9f} {y:.9f} {wide:.9f} {high:.9f}\n")
        write_text(folder / "labels" / f"{name}.txt", "".join(lines))
    data = {"path": str(folder.resolve()), "train": "images", "val": "images", "names": dict(enumerate(classes))}
    write_text(folder / "data.yaml", yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


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

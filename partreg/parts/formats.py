"""Section 4.1, the annotated images: COCO and YOLO files to the objects table and back.

COCO holds pixels, one JSON file for all images; YOLO holds centres and sizes relative to the image, one text file an
image. Every absurd box (NaN, no area, outside the image, unknown class, unknown image) is refused by a sentence that
names it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from partreg.errors import PartregError
from partreg.files import read_json, write_json, write_text
from partreg.parts.boxes import BODY, CLASSES, OBJECT_COLUMNS, choose, extend_lights, objects_table

# What the categories of known files mean here. Left and right become the image's: a car seen from the front shows its
# own left light on the image's right. Categories of the vehicle's body only tell how far down it reaches.
NAMES = {
    **{name: name for name in CLASSES},
    **dict.fromkeys(["vehicle", "badge", BODY], BODY),
    "front_glass": "front_window",
    "back_glass": "rear_window",
    "front_left_light": "right_light",
    "front_right_light": "left_light",
    "back_left_light": "left_light",
    "back_right_light": "right_light",
    **dict.fromkeys(
        ["front_bumper", "back_bumper", "hood", "trunk", "tailgate", "wheel", "left_mirror", "right_mirror"], BODY
    ),
    **dict.fromkeys(["front_left_door", "front_right_door", "back_left_door", "back_right_door"], BODY),
}
SLACK = 1.0  # pixels by which a drawn box may leave the image: rounding, mended by clamping


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
        """Only these images, in this order."""
        rows = self.images.set_index("image").loc[list(images)].reset_index()
        return Annotations(rows, self.objects[self.objects["image"].isin(images)].reset_index(drop=True))

    def extended(self) -> pd.DataFrame:
        """The objects that the detector learns: lights extended to the vehicle's bottom, the body left out."""
        objects = extend_lights(self.objects)
        return objects[objects["name"].isin(CLASSES)].reset_index(drop=True)

    def boxes(self, source: str = "annotated") -> pd.DataFrame:
        """The boxes table: one window, left light, right light and brand an image."""
        return choose(self.extended(), source)


def read_coco(path: str | Path, names: Mapping[str, str] = NAMES, visible: float = 0.0) -> Annotations:
    """Read a COCO file of boxes.

    Args:
        path: the JSON file; boxes are ``[x, y, width, height]`` in pixels.
        names: what each category of the file is here: one of `CLASSES`, or "body" for whatever else belongs to the
            vehicle.
        visible: annotations with a lower "visibility" (a key that the benchmark's truth has) are left out.

    Raises:
        PartregError: the file is no COCO file, a category is not in ``names``, or a box is absurd.
    """
    path, coco = Path(path), read_json(path)
    try:
        images = {entry["id"]: (entry["file_name"], entry["width"], entry["height"]) for entry in coco["images"]}
        categories = {entry["id"]: entry["name"] for entry in coco["categories"]}
        annotations = [
            (a.get("id"), a["image_id"], a["category_id"], a["bbox"])
            for a in coco["annotations"]
            if a.get("visibility", 1.0) >= visible
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise PartregError(
            f"{path}: expected a COCO file; images, categories and annotations should hold {error}, mend the file."
        ) from error
    _check_images(path, images)
    unknown = sorted({name for name in categories.values() if names.get(name) not in (*CLASSES, BODY)})
    if unknown:
        raise PartregError(
            f"{path}: the category {unknown[0]!r} is unknown; say in names which of "
            f"{', '.join((*CLASSES, BODY))} it is."
        )
    rows = []
    for label, image, category, box in annotations:
        where = f"{path}: annotation {label}"
        if image not in images:
            raise PartregError(f"{where}: image_id {image} is not among the file's images; mend or remove it.")
        if category not in categories:
            raise PartregError(
                f"{where}: category_id {category} is not among the file's categories; mend or remove it."
            )
        name, width, height = images[image]
        rows.append((name, names[categories[category]], *_relative(box, width, height, where), 1.0))
    table = pd.DataFrame(list(images.values()), columns=["image", "width", "height"])
    return Annotations(table, objects_table(pd.DataFrame(rows, columns=list(OBJECT_COLUMNS)), str(path)))


def write_coco(annotations: Annotations, path: str | Path) -> None:
    """Write a COCO file with the categories `CLASSES` and "body"; the same annotations give the same bytes."""
    names = (*CLASSES, BODY)
    number = {image: i + 1 for i, image in enumerate(annotations.images["image"])}
    sizes = annotations.images.set_index("image")[["width", "height"]]
    entries = []
    for row in objects_table(annotations.objects).itertuples():
        if row.image not in number:
            raise PartregError(f"{path}: a box belongs to {row.image!r}, which is not among the images; add the image.")
        width, height = sizes.loc[row.image]
        pixels = [row.x0 * width, row.y0 * height, (row.x1 - row.x0) * width, (row.y1 - row.y0) * height]
        entries.append(
            {
                "id": len(entries) + 1,
                "image_id": number[row.image],
                "category_id": names.index(row.name) + 1,
                "bbox": [round(float(v), 3) for v in pixels],
                "area": round(float(pixels[2] * pixels[3]), 3),
                "iscrowd": 0,
            }
        )
    images = [
        {"id": number[r.image], "file_name": r.image, "width": int(r.width), "height": int(r.height)}
        for r in annotations.images.itertuples()
    ]
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    write_json(path, {"images": images, "categories": categories, "annotations": entries})


def write_yolo(folder: str | Path, objects: pd.DataFrame, images: pd.Series | list[str]) -> None:
    """Write YOLO labels: ``labels/<name>.txt`` for every image (empty where it shows nothing) and ``data.yaml``.

    Args:
        folder: where; pictures belong into ``images/`` beside, under the names that `yolo_names` gives.
        objects: `OBJECT_COLUMNS`, names from `CLASSES`.
        images: names of all images; one without objects teaches what background is.

    Raises:
        PartregError: an object's image is not among ``images``.
    """
    folder, names = Path(folder), yolo_names(images)
    objects = objects_table(objects)
    strangers = set(objects["image"]) - set(names)
    if strangers:
        raise PartregError(
            f"{folder}: a box belongs to {min(strangers)!r}, which is not among the images; add the image."
        )
    groups = dict(list(objects[objects["name"].isin(CLASSES)].groupby("image")))
    for image, name in names.items():
        rows = groups.get(image, objects[:0])
        corners = rows[["x0", "y0", "x1", "y1"]].to_numpy()
        yolo = np.hstack([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]])
        labels = [CLASSES.index(label) for label in rows["name"]]
        lines = [f"{label} {x:.9f} {y:.9f} {w:.9f} {h:.9f}\n" for label, (x, y, w, h) in zip(labels, yolo, strict=True)]
        write_text(folder / "labels" / Path(name).with_suffix(".txt"), "".join(lines))
    data = {"path": str(folder.resolve()), "train": "images", "val": "images", "names": dict(enumerate(CLASSES))}
    write_text(folder / "data.yaml", yaml.safe_dump(data, sort_keys=False))


def read_yolo(folder: str | Path, images: pd.Series | list[str]) -> pd.DataFrame:
    """Read YOLO labels written as `write_yolo` does.

    Returns:
        `OBJECT_COLUMNS` with score 1, images in the given order.

    Raises:
        PartregError: a label file is missing, a line is not ``class x y width height``, or the box is absurd.
    """
    rows = []
    for image, name in yolo_names(images).items():
        path = Path(folder) / "labels" / Path(name).with_suffix(".txt")
        if not path.is_file():
            raise PartregError(f"{path}: no such file; expected one label file an image, empty where it shows nothing.")
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise PartregError(f"{path}: could not be read as UTF-8 text ({error}); export the labels anew.") from error
        for number, line in enumerate(lines, 1):
            rows.append((image, *_yolo_line(line, f"{path}:{number}"), 1.0))
    return objects_table(pd.DataFrame(rows, columns=list(OBJECT_COLUMNS)), str(folder))


def yolo_names(images: pd.Series | list[str]) -> dict[str, str]:
    """A flat file name for each image's name ("image/7.jpg" is "image__7.jpg"): YOLO pairs pictures and labels by it.

    Raises:
        PartregError: two images would share a label file.
    """
    names, stems = {}, {}
    for image in images:
        name = str(image).replace("/", "__")
        other = stems.setdefault(Path(name).stem, image)
        if other != image:
            raise PartregError(
                f"the images {other!r} and {image!r} would share one YOLO label file; rename one of them."
            )
        names[image] = name
    return names


def _check_images(path: Path, images: dict) -> None:
    seen = set()
    for number, (name, width, height) in images.items():
        if name in seen:
            raise PartregError(f"{path}: the image {name!r} is listed twice; remove one of the entries.")
        seen.add(name)
        if not all(isinstance(v, (int, float)) and math.isfinite(v) and v >= 1 for v in (width, height)):
            raise PartregError(
                f"{path}: image {number} has the size {width} x {height}, expected pixels; mend the entry."
            )


def _relative(box: list, width: float, height: float, where: str) -> tuple[float, float, float, float]:
    """Corners in [0, 1] from pixels ``[x, y, width, height]``; up to `SLACK` pixels outside are clamped."""
    try:
        x, y, w, h = (float(v) for v in box)
    except (TypeError, ValueError) as error:
        raise PartregError(f"{where}: expected a bbox of four numbers, found {box}; mend or remove it.") from error
    if not all(map(math.isfinite, (x, y, w, h))):
        raise PartregError(f"{where}: the bbox {box} is not finite; mend or remove it.")
    if w <= 0 or h <= 0:
        raise PartregError(
            f"{where}: the bbox {box} has no area, expected width and height above 0; mend or remove it."
        )
    if x < -SLACK or y < -SLACK or x + w > width + SLACK or y + h > height + SLACK:
        raise PartregError(
            f"{where}: the bbox {box} lies outside its image of {width} x {height} pixels; mend or remove it."
        )
    corners = max(x / width, 0.0), max(y / height, 0.0), min((x + w) / width, 1.0), min((y + h) / height, 1.0)
    if corners[0] >= corners[2] or corners[1] >= corners[3]:
        raise PartregError(
            f"{where}: the bbox {box} lies outside its image of {width} x {height} pixels; mend or remove it."
        )
    return corners


def _yolo_line(line: str, where: str) -> tuple[str, float, float, float, float]:
    try:
        label, x, y, w, h = line.split()
        name, x, y, w, h = CLASSES[int(label)], float(x), float(y), float(w), float(h)
        if int(label) < 0:
            raise IndexError
    except IndexError as error:
        raise PartregError(
            f"{where}: unknown class {label}, expected 0 to {len(CLASSES) - 1}; mend or remove the line."
        ) from error
    except ValueError as error:
        raise PartregError(
            f"{where}: expected 'class x y width height', found {line!r}; mend or remove the line."
        ) from error
    # A relative box is a box in an image of 1 x 1; the slack there is one part in a million, for rounded digits.
    corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    sound = all(map(math.isfinite, corners)) and w > 0 and h > 0 and min(corners) > -1e-6 and max(corners) < 1 + 1e-6
    if not sound:
        raise PartregError(f"{where}: the box {line!r} has no area or lies outside the image; mend or remove the line.")
    return (name, *(min(max(v, 0.0), 1.0) for v in corners))

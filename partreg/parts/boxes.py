"""Section 3.2, "Part definition": the two tables of boxes that the whole book uses, and Fig. 3's rules as code.

**Boxes** (`BOX_COLUMNS`) are what the method needs: at most one window, left light, right light and brand for each
image, and the image's view. **Objects** (`OBJECT_COLUMNS`) are what annotators draw and detectors see: any number of
named boxes for each image; `choose` goes from objects to boxes. Coordinates are relative to the image's width and
height, 0 to 1; left and right are the image's, as in the paper.

The paper's parts are a car's. They are "flexible to various definitions": where the annotations name none of the car's
classes, each of their names is a part of its own, with a box and a branch, see `PartDefinition`. A table has the car's
names or others, never both.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg.errors import PartregError
from partreg.files import read_text, whole

# The branches that a network may have and the boxes that each pools; light is both lights together (*assumed*).
BRANCH_BOXES = {"window": ("window",), "light": ("left_light", "right_light"), "brand": ("brand",)}
PARTS = ("window", "light", "brand")  # the paper's, in its full model
PART_BOXES = tuple(dict.fromkeys(box for boxes in BRANCH_BOXES.values() for box in boxes))
VIEWS = ("front", "rear", "unknown")
SOURCES = ("truth", "annotated", "detected", "inferred", "average", "fallback")
CORNERS = ("x0", "y0", "x1", "y1")
BOX_COLUMNS = ("image", "view", "part", *CORNERS, "score", "source")

CLASSES = ("front_window", "rear_window", "left_light", "right_light")  # what the detector learns
BODY = "body"  # any other part of the vehicle, or all of it; shows only how far the vehicle reaches
OBJECT_COLUMNS = ("image", "name", *CORNERS, "score")
OWN_NAME = re.compile(r"[\w -]*\w")  # of a part that is not the car's
TAKEN = {*BRANCH_BOXES, *PART_BOXES, "global"}  # words that a reader's own parts may not have
SIDES = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class PartDefinition:
    """Which boxes an image may have, and which of them each branch pools.

    Attributes:
        boxes: the names of K boxes, in the order of arrays (N, K, 4).
        branches: for each branch, the boxes that it pools.
    """

    boxes: tuple[str, ...]
    branches: Mapping[str, tuple[str, ...]]

    @property
    def mirrored(self) -> list[int]:
        """The place of each box's counterpart in a mirror image, see `counterpart`."""
        return [self.boxes.index(counterpart(box, self.boxes)) for box in self.boxes]

    @property
    def branch_of(self) -> list[int]:
        """The place of the first branch that pools each box."""
        return [next(n for n, some in enumerate(self.branches.values()) if box in some) for box in self.boxes]


CAR = PartDefinition(PART_BOXES, BRANCH_BOXES)


def definition_of(branches: Iterable[str]) -> PartDefinition:
    """The car's definition for branches of the car; else that in which each branch pools the box of its name."""
    names = tuple(branches)
    return CAR if set(names) <= set(BRANCH_BOXES) else PartDefinition(names, {name: (name,) for name in names})


def classes_of(names: Iterable[str]) -> tuple[str, ...]:
    """What a detector learns from objects of these names: the car's `CLASSES`, or a reader's own, sorted."""
    own = set(names) - {BODY}
    return CLASSES if own <= set(CLASSES) else tuple(sorted(own))


def counterpart(name: str, names: Iterable[str]) -> str:
    """The name that a box has in a mirror image: left and right change places, where ``names`` has both.

    >>> counterpart("left_light", CLASSES)
    'right_light'
    >>> counterpart("left_pedal", ["left_pedal", "saddle"])
    'left_pedal'
    """
    other = re.sub("left|right", lambda found: SIDES[found[0]], name)
    return other if other in names else name


def boxes_table(data: pd.DataFrame | dict[str, Any], where: str = "the boxes table") -> pd.DataFrame:
    """Check a table of boxes, one row a box; errors name ``where``, usually a file, whose first data row is on line 2.

    Returns:
        The table with exactly `BOX_COLUMNS`, corners and score as float64, index 0..n-1.

    Raises:
        PartregError: a column is missing, a value is unknown, a box is NaN, empty or outside the image, or an image has
            two boxes of a part or two views.
    """
    table = _columns(data, BOX_COLUMNS, where)
    _known(table, "view", VIEWS, where)
    _named(table, "part", PART_BOXES, where)
    _known(table, "source", SOURCES, where)
    _corners(table, where)
    twice = table.duplicated(["image", "part"])
    _first(table, twice, where, "expected one box of a part in an image; remove the second")
    other = table["view"] != table.groupby("image")["view"].transform("first")
    _first(table, other, where, "expected one view in all rows of an image; make them agree")
    return table


def objects_table(data: pd.DataFrame | dict[str, Any], where: str = "the objects table") -> pd.DataFrame:
    """Check a table of named boxes (`OBJECT_COLUMNS`) and give it fixed types.

    The names are the car's `CLASSES`, or none of them is; in both, `BODY` may be among them.

    Raises:
        PartregError: a column is missing, a name is unknown, a box is NaN, empty or outside the image.
    """
    table = _columns(data, OBJECT_COLUMNS, where)
    _named(table, "name", CLASSES, where, (BODY,))
    _corners(table, where)
    return table


def read_boxes(path: str | Path) -> pd.DataFrame:
    """Read a CSV of boxes, one row a box, header `BOX_COLUMNS`.

    Raises:
        PartregError: the file is missing, is not such a CSV, or holds an impossible box; the error names the line.
    """
    text = {"image": str, "view": str, "part": str, "source": str}
    try:
        content = io.StringIO(read_text(path))
        table = pd.read_csv(content, dtype=text, keep_default_na=False, na_values={"score": [""]})
    except ValueError as error:
        raise PartregError(f"{path}: expected a CSV with the columns {','.join(BOX_COLUMNS)} ({error}).") from error
    # pandas renames a column that appears twice. If every row has one field too many, it reads the first as an index.
    if sorted(table) != sorted(BOX_COLUMNS) or not isinstance(table.index, pd.RangeIndex):
        raise PartregError(f"{path}:1: expected the columns {','.join(BOX_COLUMNS)}, each once, and no more; fix it.")
    return boxes_table(table, str(path))


def write_boxes(boxes: pd.DataFrame, path: str | Path) -> None:
    """Write boxes as the CSV that `read_boxes` reads; numbers come back exactly as they were."""
    boxes = boxes_table(boxes)
    with whole(path) as temporary:
        boxes.to_csv(temporary, index=False, lineterminator="\n")


def extend_lights(objects: pd.DataFrame) -> pd.DataFrame:
    """Extend every light down to the bottom of its vehicle (Fig. 3, second row).

    The bottom is the lowest edge of all boxes in the image, so an annotation should contain a box of the whole vehicle,
    or boxes of its lower parts.

    Returns:
        The same rows of `OBJECT_COLUMNS`, with ``y1`` of the lights at the bottom.
    """
    bottoms = objects.groupby("image")["y1"].transform("max")
    lights = objects["name"].isin(["left_light", "right_light"])
    return objects.assign(y1=objects["y1"].where(~lights, bottoms))


def tight_lights(boxes: pd.DataFrame, objects: pd.DataFrame) -> pd.DataFrame:
    """Undo `extend_lights`: each light ends again where its tight object (one of each side at most) ends.

    Returns:
        The boxes in their order; other parts, and lights without an object, are unchanged.
    """
    bottoms = objects.drop_duplicates(["image", "name"]).set_index(["image", "name"])["y1"]
    tight = bottoms.reindex(pd.MultiIndex.from_frame(boxes[["image", "part"]])).to_numpy()
    lights = boxes["part"].isin(["left_light", "right_light"]).to_numpy() & ~np.isnan(tight)
    return boxes.assign(y1=np.where(lights, tight, boxes["y1"]))


def choose(objects: pd.DataFrame, source: str, threshold: float = 0.0) -> pd.DataFrame:
    """Choose one window, left light and right light for each image, and infer the brand from the lights.

    Of several boxes of a part, keep the one with the highest score; of equal scores, the largest. The image's view is
    the class of its best window, even if that scores below the threshold and so is no box itself; without a window it
    is "unknown". If the left light does not lie left of the right light, one of them belongs to the vehicle's other
    end, as in views from the side: leave out the worse one. Parts of a reader's own are only chosen.

    Args:
        objects: `OBJECT_COLUMNS`, lights already extended.
        source: of the boxes, one of `SOURCES`.
        threshold: leave out boxes of lower score.

    Returns:
        A boxes table, images in the order of ``objects``.
    """
    seen = objects[objects["name"] != BODY]
    seen = seen.assign(
        part=seen["name"].where(~seen["name"].isin(CLASSES[:2]), "window"),
        area=(seen["x1"] - seen["x0"]) * (seen["y1"] - seen["y0"]),
    )
    seen = seen.sort_values(["score", "area"], ascending=False, kind="stable").drop_duplicates(["image", "part"])
    windows = seen[seen["part"] == "window"].set_index("image")["name"]
    views = windows.map({"front_window": "front", "rear_window": "rear"}).to_dict()
    seen = _without_other_end(seen[seen["score"] >= threshold])
    view = [views.get(image, "unknown") for image in seen["image"]]
    boxes = seen.assign(view=view, source=source)[list(BOX_COLUMNS)]
    return in_order(infer_brand(boxes), objects["image"].unique())


def infer_brand(boxes: pd.DataFrame) -> pd.DataFrame:
    """Add the brand box wherever both lights are known: the hull of the two extended lights, the head or rear area.

    Section 3.2 uses the lights "to inference the vehicle head area including the brand". The new brands replace those
    in the table. The score is the lower one of the two lights'. If a light is an average or a fallback, so is the
    brand.
    """
    rest = boxes[boxes["part"] != "brand"]
    left = rest[rest["part"] == "left_light"]
    both = left.merge(rest[rest["part"] == "right_light"], on="image", suffixes=("", "_right"))
    doubt = both[["source", "source_right"]]
    doubtful = ["fallback", "average"]
    source = np.select([(doubt == word).any(axis=1) for word in doubtful], doubtful, "inferred")
    brand = both.assign(part="brand", source=source.astype(object))
    for name, extreme in {"x0": "min", "y0": "min", "x1": "max", "y1": "max", "score": "min"}.items():
        brand[name] = both[[name, f"{name}_right"]].agg(extreme, axis=1)
    return pd.concat([rest, brand[list(BOX_COLUMNS)]], ignore_index=True)


def in_order(boxes: pd.DataFrame, images: pd.Series | np.ndarray) -> pd.DataFrame:
    """Sort boxes by the given order of images, then by `PART_BOXES` or by name; leave out boxes of other images."""
    order = pd.Series(np.arange(len(images)), index=pd.Index(images))
    names = (*PART_BOXES, *sorted(set(boxes["part"]) - set(PART_BOXES)))
    rank = boxes["part"].map({part: i for i, part in enumerate(names)})
    keys = pd.DataFrame({"image": boxes["image"].map(order), "part": rank}).dropna()
    return boxes.loc[keys.sort_values(["image", "part"], kind="stable").index].reset_index(drop=True)


def to_array(boxes: pd.DataFrame, images: pd.DataFrame, names: tuple[str, ...] = PART_BOXES) -> np.ndarray:
    """Convert boxes to an array in the order of a table of images, and of the ``names`` of K parts.

    Returns:
        (N, K, 4) float32: image, part, corner x0, y0, x1, y1; NaN for a missing box.
    """
    array = np.full((len(images), len(names), 4), np.nan, dtype=np.float32)
    row = pd.Index(images["image"]).get_indexer(boxes["image"])
    part = pd.Index(names).get_indexer(boxes["part"])
    known = (row >= 0) & (part >= 0)
    array[row[known], part[known]] = boxes.loc[known, list(CORNERS)].to_numpy(np.float32)
    return array


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes, pair by pair.

    >>> left, middle = np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.25, 0.0, 0.75, 1.0])
    >>> float(iou(left, middle).round(3))
    0.333

    Returns:
        (...) in [0, 1] for corners x0, y0, x1, y1 of shape (..., 4) each; NaN where a box is NaN.
    """
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.prod(np.clip(sides, 0, None), axis=-1)
    area = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    share: np.ndarray = common / (area - common)
    return share


def overlaps(boxes: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Measure how well boxes agree with those of the same image and part in another table.

    Returns:
        One row for each box that is in both tables: ``image``, ``part``, ``source`` (of ``boxes``) and ``iou``,
        in [0, 1].
    """
    both = boxes.merge(truth, on=["image", "part"], suffixes=("", "_truth"))
    first, second = (both[[name + end for name in CORNERS]].to_numpy(float) for end in ("", "_truth"))
    return both[["image", "part", "source"]].assign(iou=iou(first, second))


def _without_other_end(seen: pd.DataFrame) -> pd.DataFrame:
    """Drop the worse one of two crossed lights from the best boxes of each image (best first)."""
    rows = seen.assign(center=seen["x0"] + seen["x1"], row=np.arange(len(seen)))
    left, right = rows[rows["part"] == "left_light"], rows[rows["part"] == "right_light"]
    both = left.merge(right, on="image", suffixes=("", "_right"))
    crossed = both[both["center"] >= both["center_right"]]
    return seen[~np.isin(np.arange(len(seen)), crossed[["row", "row_right"]].max(axis=1))]


def _columns(data: pd.DataFrame | dict[str, Any], columns: tuple[str, ...], where: str) -> pd.DataFrame:
    table = pd.DataFrame(data)
    missing = [name for name in columns if name not in table]
    if missing:
        what = f"expected the columns {','.join(columns)}, found no {', '.join(missing)}"
        raise PartregError(f"{where}: {what}; add them.")
    table = table[list(columns)].reset_index(drop=True)
    table = table.astype({name: "str" for name in columns if name not in (*CORNERS, "score")})
    for name in (*CORNERS, "score"):
        numbers = pd.to_numeric(table[name], errors="coerce").astype("float64")
        if not pd.api.types.is_float_dtype(table[name]):  # pandas takes True and False for 1 and 0
            numbers = numbers.mask(table[name].map(lambda value: isinstance(value, bool | np.bool_)).astype(bool))
        _first(table, numbers.isna(), where, f"expected a number for {name}; fix or remove the row")
        table[name] = numbers
    return table


def _known(table: pd.DataFrame, column: str, values: tuple[str, ...], where: str) -> None:
    sentence = f"unknown {column}, expected one of {', '.join(values)}; fix the row"
    _first(table, ~table[column].isin(values), where, sentence)


def _named(table: pd.DataFrame, column: str, car: tuple[str, ...], where: str, besides: tuple[str, ...] = ()) -> None:
    """Refuse an unknown name beside one of the car's; if all are a reader's own, only what is no name of a part."""
    if table[column].isin(car).any():
        _known(table, column, (*car, *besides), where)
    else:
        sentence = f"expected a {column} of letters, digits, spaces, hyphens and underscores; rename it"
        _first(table, ~table[column].map(lambda name: bool(OWN_NAME.fullmatch(name))), where, sentence)


def _corners(table: pd.DataFrame, where: str) -> None:
    corners = table[list(CORNERS)].to_numpy()
    outside = ~((corners >= 0) & (corners <= 1)).all(axis=1)
    sentence = "the box lies outside the image, expected corners from 0 to 1 (relative); fix the row"
    _first(table, outside, where, sentence)
    empty = (table["x0"] >= table["x1"]) | (table["y0"] >= table["y1"])
    _first(table, empty, where, "the box has no area, expected x0 < x1 and y0 < y1; fix or remove the row")
    _first(table, ~table["score"].between(0, 1), where, "expected a score from 0 to 1; fix the row")


def _first(table: pd.DataFrame, wrong: pd.Series | np.ndarray, where: str, sentence: str) -> None:
    """Raise for the first wrong row, and name its line in a CSV (the header is line 1)."""
    wrong = np.asarray(wrong, dtype=bool)
    if wrong.any():
        at = int(wrong.argmax())
        row = ", ".join(str(value) for value in table.iloc[at])
        raise PartregError(f"{where}:{at + 2}: {sentence} ({row}).")

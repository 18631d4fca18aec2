"""Section 3.2, "the average locations of the missing parts", for the reader's hand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from partreg.figures.sheets import part_rows
from partreg.parts.boxes import CORNERS
from partreg.parts.missing import LEVELS, seen_parts
from partreg.touch.thing import Thing, picture, rounded, still

IMAGES = 6  # of the vehicle, at most
ALT = (
    "Images of one vehicle with the boxes that the detector found. The thing to touch needs scripts: it takes a box "
    "away, fills it with the average of the other images, and gives the overlap with the true box."
)


def missing_parts(boxes: pd.DataFrame, images: pd.DataFrame, truth: pd.DataFrame | None = None) -> Thing:
    """Return a vehicle's images whose boxes a reader takes away and `partreg.parts.missing.fill_missing` fills.

    The vehicle is the one with boxes in most views and, of these, with most boxes. Its first `IMAGES` images are shown;
    the boxes of its other images, and those of other vehicles, count in the means.

    Args:
        boxes: the boxes that were found; the brand, and boxes that were filled in, are left out.
        images: their ``image``, ``vehicle`` and ``path``.
        truth: the true boxes; None where nobody knows them.
    """
    images = images.drop_duplicates("image")
    parts = seen_parts(boxes)
    found = boxes[boxes["part"].isin(parts) & ~boxes["source"].isin(["average", "fallback"])]
    found = found.merge(images[["image", "vehicle"]], on="image")
    by_vehicle = found.groupby("vehicle").agg(views=("view", "nunique"), boxes=("part", "size"))
    best = by_vehicle.sort_values(["views", "boxes"], kind="stable").index
    vehicle = best[-1] if len(best) else images["vehicle"].iloc[0]
    shown = images[images["vehicle"] == vehicle].head(IMAGES)
    views = found.drop_duplicates("image").set_index("image")["view"]
    no_boxes = boxes.iloc[:0]
    rest = found[~found["image"].isin(shown["image"])]
    data = {
        "parts": list(parts),
        "levels": list(LEVELS),
        "images": [
            {
                "picture": picture(row.path, 192),
                "view": views.get(row.image, "unknown"),
                "boxes": _corners(found, row.image, parts),
                "truth": _corners(no_boxes if truth is None else truth, row.image, parts),
            }
            for row in shown.itertuples()
        ],
        "own": sums(rest[rest["vehicle"] == vehicle]),
        "others": sums(rest[rest["vehicle"] != vehicle]),
    }
    paths = shown.set_index("image")["path"]
    return Thing("missing", data, still(part_rows(paths, {"found": (shown["image"].tolist(), found)})), ALT)


def sums(boxes: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the sum of the corners and the number of boxes, by view and part.

    >>> table = {"view": "front", "part": "window", "x0": [0.1, 0.2], "y0": 0.1}
    >>> table |= {"x1": 0.5, "y1": 0.4}
    >>> sums(pd.DataFrame(table))
    {'front': {'window': {'sum': [0.3, 0.2, 1.0, 0.8], 'count': 2}}}
    """
    found: dict[str, dict[str, Any]] = {}
    for (view, part), group in boxes.groupby(["view", "part"]):
        corners = rounded(group[list(CORNERS)].sum(), 6)
        found.setdefault(str(view), {})[str(part)] = {"sum": corners, "count": len(group)}
    return found


def _corners(boxes: pd.DataFrame, image: str, parts: tuple[str, ...]) -> dict[str, Any]:
    """Return the corners of each part of an image, None for a part without a box."""
    mine = boxes[boxes["image"] == image].drop_duplicates("part").set_index("part")
    return {part: rounded(mine.loc[part, list(CORNERS)], 6) if part in mine.index else None for part in parts}

"""Section 3.2, "Part detection": boxes for the parts that the detector did not see.

"To handle these invisible parts in a specific vehicle image, we refer to the rest images of the same vehicle and
compute the average locations of the missing parts." The paper leaves open whether front and rear views are averaged
together, and what happens when no image of a vehicle shows a part. `LEVELS` is our answer (*assumed*).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.errors import PartregError
from partreg.parts.boxes import BOX_COLUMNS, CORNERS, PART_BOXES, boxes_table, in_order, infer_brand

SEEN = ("window", "left_light", "right_light")  # the brand is inferred from the lights
# Where a missing box comes from: the first level that has one. The last level takes the whole image: a part that no
# image of the data set shows teaches nothing, and its branch then sees what the global branch sees.
LEVELS = (
    "same vehicle, same view", "same vehicle, any view", "data set, same view", "data set, any view", "whole image",
)  # fmt: skip


def seen_parts(boxes: pd.DataFrame) -> tuple[str, ...]:
    """The parts that a detector sees: `SEEN` of a car, or a reader's own, which are those of the boxes."""
    own = sorted(set(boxes["part"]) - set(PART_BOXES))
    return tuple(own) or SEEN


def fill_missing(boxes: pd.DataFrame, images: pd.DataFrame, parts: tuple[str, ...] = ()) -> pd.DataFrame:
    """Complete the boxes: a window, two lights and a brand for every image, or each of a reader's own ``parts``.

    A missing box takes the mean corners over the other images of the same vehicle and view. If no such image shows the
    part, the mean is over the same vehicle in any view, then over the data set in the same view, then over the data set
    in any view. If no image at all shows the part, the box is the whole image. The source of the box is "average" if it
    comes from the vehicle's own images and "fallback" if not. Its score is 0, because the detector saw nothing. Boxes
    that were filled in before do not enter the means. The brand is the hull of the two lights.

    >>> seen = {"image": ["a", "b"], "view": "front", "part": "window", "score": 1.0}
    >>> seen |= {"x0": [0.2, 0.4], "y0": 0.1, "x1": [0.6, 0.8], "y1": 0.5}
    >>> seen |= {"source": "detected"}
    >>> images = pd.DataFrame({"image": ["a", "b", "c"], "vehicle": 7})
    >>> window = fill_missing(boxes_table(seen), images).query("part == 'window'")
    >>> found = window[["image", "source", "x0"]].to_numpy()
    >>> [[image, source, round(x0, 1)] for image, source, x0 in found]
    [['a', 'detected', 0.2], ['b', 'detected', 0.4], ['c', 'average', 0.3]]

    Averages are over ``images`` only (``image``, ``vehicle``, N rows). The view of one without a box counts as unknown.
    The ``parts`` are those that a detector sees, `seen_parts` of the boxes unless given.

    Returns:
        Boxes table of 4 N rows in the images' order, or of one row for each image and own part; the given boxes are
        unchanged.
    """
    wanted = _wanted(boxes, images, parts or seen_parts(boxes))
    source = wanted["level"].map(lambda level: "average" if level in LEVELS[:2] else "fallback")
    filled = wanted.assign(source=wanted["source"].fillna(source), score=wanted["score"].fillna(0.0))
    return boxes_table(in_order(infer_brand(filled[list(BOX_COLUMNS)]), images["image"]))


def missing_levels(boxes: pd.DataFrame, images: pd.DataFrame, parts: tuple[str, ...] = ()) -> pd.DataFrame:
    """Count the boxes of each part that were seen, and those from each level: one row a part, "seen", `LEVELS`."""
    parts = parts or seen_parts(boxes)
    wanted = _wanted(boxes, images, parts)
    counts = pd.crosstab(wanted["part"], wanted["level"].fillna("seen"))
    return counts.reindex(index=list(parts), columns=["seen", *LEVELS], fill_value=0).rename_axis(columns=None)


def hide(boxes: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Remove boxes at random, to measure how well `fill_missing` replaces them.

    A window, a light or a reader's own part is hidden with the probability ``share``, each drawn independently.

    Returns:
        The remaining boxes and the hidden ones; neither table has the brand, which is inferred from the lights.

    Raises:
        PartregError: the share is outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise PartregError(f"hidden: the share is {share}; expected a number from 0 to 1.")
    seen = boxes[boxes["part"] != "brand"].reset_index(drop=True)
    hidden = np.random.default_rng(seed).random(len(seen)) < share
    return seen[~hidden].reset_index(drop=True), seen[hidden].reset_index(drop=True)


def _wanted(boxes: pd.DataFrame, images: pd.DataFrame, parts: tuple[str, ...]) -> pd.DataFrame:
    """One row for each image and part, with its corners filled in; "level" is empty if it was seen."""
    views = dict(zip(boxes["image"], boxes["view"], strict=True))
    frame = images[["image", "vehicle"]].assign(view=[views.get(image, "unknown") for image in images["image"]])
    wanted = frame.merge(pd.DataFrame({"part": parts}), how="cross")
    wanted = wanted.merge(boxes[["image", "part", *CORNERS, "score", "source"]], on=["image", "part"], how="left")
    wanted["level"] = pd.Series(None, index=wanted.index, dtype=object)
    corners = list(CORNERS)
    missing = wanted["x0"].isna()
    shown = wanted[~missing & ~wanted["source"].isin(["average", "fallback"])]
    groups = (["vehicle", "view", "part"], ["vehicle", "part"], ["view", "part"], ["part"])
    for level, keys in zip(LEVELS, groups, strict=False):
        means = shown.groupby(keys)[corners].mean()
        known = wanted.loc[missing, keys].merge(means, left_on=keys, right_index=True, how="left")[corners].dropna()
        wanted.loc[known.index, corners] = known
        wanted.loc[known.index, "level"] = level
        missing = missing & ~missing.index.isin(known.index)
    wanted.loc[missing, corners] = np.array([0.0, 0.0, 1.0, 1.0])
    wanted.loc[missing, "level"] = LEVELS[-1]
    return wanted

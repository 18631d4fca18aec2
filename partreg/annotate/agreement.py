"""How well two annotators agree on the same pictures: the overlap of their boxes, and the boxes that only one has."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from partreg.errors import PartregError
from partreg.parts.boxes import iou
from partreg.parts.labelled import Box, Labelled


def compare(first: Labelled, second: Labelled, where: str) -> pd.DataFrame:
    """Compare the boxes of each class in the pictures that both annotators have finished.

    In each picture, boxes of one class are paired so that the sum of the overlaps is largest. Boxes that do not touch
    are no pair.

    Returns:
        One row a class, in the order of the first file, and a last row "all": ``first`` and ``second`` (boxes of each),
        ``pairs``, ``iou`` (mean intersection over union of the pairs, in [0, 1]) and ``alone`` (share of all boxes that
        only one has, in [0, 1]); both NaN where there is nothing to divide by.

    Raises:
        PartregError: no picture is in both files, or a picture has two sizes.
    """
    theirs = {picture.name: picture for picture in second.pictures}
    both = [(picture, theirs[picture.name]) for picture in first.pictures if picture.name in theirs]
    if not both:
        raise PartregError(f"{where}: no picture is in both; compare files of the same pictures.")
    for one, other in both:
        if (one.width, one.height) != (other.width, other.height):
            raise PartregError(f"{where}: {one.name!r} has two sizes; compare files of the same pictures.")
    classes = tuple(dict.fromkeys([*first.classes, *second.classes]))
    rows = []
    for label in classes:
        of_label = [([b for b in p.boxes if b.label == label] for p in pair) for pair in both]
        rows += [(label, len(mine), len(yours), overlaps(mine, yours)) for mine, yours in of_label]
    table = pd.DataFrame(rows, columns=["class", "first", "second", "overlaps"])
    whole = pd.concat([table, table.assign(**{"class": "all"})], ignore_index=True)
    counts = whole.groupby("class", sort=False).agg({"first": "sum", "second": "sum", "overlaps": "sum"})
    pairs = counts.pop("overlaps")
    counts["pairs"] = pairs.map(len)
    counts["iou"] = [float(np.mean(found)) if found else float("nan") for found in pairs]
    every = counts["first"] + counts["second"]
    return counts.assign(alone=((every - 2 * counts["pairs"]) / every.where(every > 0)))


def overlaps(mine: list[Box], yours: list[Box]) -> list[float]:
    """Intersection over union of each pair of two lists of boxes, paired so that the sum is largest; above 0."""
    if not mine or not yours:
        return []
    first, second = (np.array([[b.x0, b.y0, b.x1, b.y1] for b in boxes]) for boxes in (mine, yours))
    shares = iou(first[:, None], second[None])
    return [float(share) for share in shares[linear_sum_assignment(-shares)] if share > 0]


def report(found: pd.DataFrame) -> str:
    """The table of `compare` in words and two digits."""
    shown = found.rename(columns={"iou": "mean IoU", "alone": "only one has"}).rename_axis(None)
    formats = {"mean IoU": "{:.2f}".format, "only one has": "{:.0%}".format}
    return str(shown.to_string(formatters=formats, na_rep="-"))

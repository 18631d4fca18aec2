"""Figure 6, the rank lists of two networks side by side, for the reader's hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from partreg.datasets.kinds import kinds
from partreg.figures.ranklist import RankLists, draw
from partreg.figures.sheets import as_pixels
from partreg.parts.boxes import PART_BOXES
from partreg.touch.thing import Thing, boxes_by_name, picture, still

SHOWN = 6  # images of a list
SIDE = 128  # of a picture, in pixels
ALT = (
    "Rank lists of one network: each row begins with a query, followed by the gallery images nearest to it. The thing "
    "to touch needs scripts: it sets the lists of two networks side by side and enlarges the parts of query and answer."
)


def two_networks(
    lists: Mapping[str, RankLists], images: pd.DataFrame, gallery: np.ndarray, chosen: Sequence[int], boxes: np.ndarray
) -> Thing:
    """Return queries whose rank lists by any two networks are compared, image by image and part by part.

    Of each list the first `SHOWN` images are shown. Where the right answer is not among them, it takes the last place.

    Args:
        lists: what each network retrieves, by its name; two networks or more, of the same queries and gallery.
        images: N images with ``vehicle``, ``model``, ``color`` and ``path``, of which ``lists`` holds rows.
        gallery: (G,) rows of the gallery, one image of each vehicle.
        chosen: which queries of ``lists`` the reader may ask for, by their numbers.
        boxes: (N, 4, 4) part boxes in the order of `PART_BOXES`; NaN for a missing one.
    """
    first = next(iter(lists.values()))
    right = dict(zip(images["vehicle"].iloc[gallery], gallery, strict=True))
    queries, rows = [], {}
    for number in chosen:
        query = int(first.queries[number])
        answer = int(right[images["vehicle"].iloc[query]])
        shown = [_with_answer(one.results[number], answer) for one in lists.values()]
        rows |= dict.fromkeys([query, answer, *np.concatenate(shown)])
        ranks = [int(one.ranks[number]) for one in lists.values()]
        queries.append({"image": query, "right": answer, "lists": shown, "ranks": ranks})
    place = {int(row): number for number, row in enumerate(rows)}
    for query in queries:
        query |= {"image": place[query["image"]], "right": place[query["right"]]}
        query["lists"] = [[place[int(row)] for row in shown] for shown in query["lists"]]
    kind = kinds(images)
    data = {
        "parts": list(PART_BOXES),
        "networks": list(lists),
        "queries": queries,
        "images": [_image(images["path"].iloc[row], int(kind[row]), boxes[row]) for row in place],
    }
    return Thing("compare", data, still(draw(first, list(images["path"]), chosen[:4], 96)), ALT)


def _with_answer(results: np.ndarray, answer: int) -> np.ndarray:
    """Return the first `SHOWN` rows, with the right one in the last place where it is not among them."""
    shown = results[:SHOWN].copy()
    if answer not in shown:
        shown[-1] = answer
    return shown


def _image(path: str, kind: int, corners: np.ndarray) -> dict[str, Any]:
    """Return the picture of an image, its width over its height, its number of model and colour, and its part boxes."""
    pixels = as_pixels(path)
    return {
        "picture": picture(pixels, SIDE),
        "aspect": round(pixels.shape[1] / pixels.shape[0], 3),
        "kind": kind,
        "boxes": boxes_by_name(corners),
    }

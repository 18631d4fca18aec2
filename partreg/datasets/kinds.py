"""Vehicles of one model and colour, which the paper calls near-duplicates (Figure 1, Section 4.1).

Lists on disk do not give model and colour of every vehicle: VehicleID's own do so for two vehicles in five. What is not
known is no kind of its own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def kinds(images: pd.DataFrame) -> np.ndarray:
    """(N,) int64: a number from 0 for the model and colour of each image; -1 where one of the two is not known (-1).

    >>> kinds(pd.DataFrame({"model": [4, 4, 4, -1], "color": [1, 1, 2, 1]}))
    array([ 1,  1,  2, -1])
    """
    known = (images["model"] >= 0) & (images["color"] >= 0)
    return np.where(known, images.groupby(["model", "color"]).ngroup(), -1)


def vehicles_alike(images: pd.DataFrame) -> np.ndarray:
    """(N,) int64: how many vehicles share each image's model and colour, its own among them; 0 where not known.

    >>> vehicles_alike(pd.DataFrame({"vehicle": [1, 2, 2, 3], "model": [4, 4, 4, -1], "color": [1, 1, 1, 1]}))
    array([2, 2, 2, 0])
    """
    kind = kinds(images)
    return np.where(kind >= 0, images.groupby(kind)["vehicle"].transform("nunique"), 0)


def share_alike(kind: np.ndarray, queries: np.ndarray, results: np.ndarray, matches: np.ndarray) -> float:
    """Of the wrong answers in rank lists, the share of the query's own kind, a fraction (Figure 6).

    Args:
        kind: (N,) of every image, as `kinds` gives it.
        queries: (Q,) rows of the queries.
        results: (Q, k) rows of the images nearest to each.
        matches: (Q, k) which of them are right, and do not count.

    Returns:
        The share among wrong answers whose kind is known, as is their query's; NaN where there are none.
    """
    own, found = kind[queries][:, None], kind[results]
    counted = ~matches & (own >= 0) & (found >= 0)
    return float((found == own)[counted].mean()) if counted.any() else float("nan")


def facts(images: pd.DataFrame) -> dict[str, int | float]:
    """How alike the vehicles of a table of images are.

    Returns:
        Counts by name: models, vehicles of known model and colour, groups of one model and colour, vehicles in the
        largest group; and ``informed``, the CMC@1 that knowing both exactly, and nothing else, gives on average over
        the images of known kind. With one gallery image a vehicle, a query's own is found once in n, where n vehicles
        are alike. NaN where no kind is known.
    """
    alike = vehicles_alike(images)
    known = images[alike > 0]
    return {
        "models": int(images["model"][images["model"] >= 0].nunique()),
        "known": int(known["vehicle"].nunique()),
        "groups": len(np.unique(kinds(known))),
        "largest": int(alike.max(initial=0)),
        "informed": float((1 / alike[alike > 0]).mean()) if len(known) else float("nan"),
    }

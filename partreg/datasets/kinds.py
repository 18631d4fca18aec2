"""Vehicles of the same model and colour, which the paper calls near-duplicates (Figure 1, Section 4.1).

The lists on disk do not give model and colour of every vehicle: VehicleID's give them for two in five. Vehicles of
unknown model or colour are not a kind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def kinds(images: pd.DataFrame) -> np.ndarray:
    """(N,) int64: a number from 0 for the model and colour of each image; -1 where one of the two is unknown (-1).

    >>> kinds(pd.DataFrame({"model": [4, 4, 4, -1], "color": [1, 1, 2, 1]}))
    array([ 1,  1,  2, -1])
    """
    known = (images["model"] >= 0) & (images["color"] >= 0)
    return np.where(known, images.groupby(["model", "color"]).ngroup(), -1)


def vehicles_alike(images: pd.DataFrame) -> np.ndarray:
    """(N,) int64: how many vehicles share each image's model and colour, its own included; 0 where unknown.

    >>> table = pd.DataFrame({"vehicle": [1, 2, 2, 3], "model": [4, 4, 4, -1], "color": 1})
    >>> vehicles_alike(table)
    array([2, 2, 2, 0])
    """
    kind = kinds(images)
    return np.where(kind >= 0, images.groupby(kind)["vehicle"].transform("nunique"), 0)


def share_alike(kind: np.ndarray, queries: np.ndarray, results: np.ndarray, matches: np.ndarray) -> float:
    """Share of the wrong answers in rank lists that are of the query's kind, a fraction (Figure 6).

    ``kind`` (N,) is from `kinds`; ``queries`` (Q,) and the ``results`` (Q, k) nearest to them are rows of it;
    ``matches`` (Q, k) marks right results. Wrong answers and queries of unknown kind do not count; NaN without any.
    """
    of_query, of_results = kind[queries][:, None], kind[results]
    counted = ~matches & (of_query >= 0) & (of_results >= 0)
    return float((of_results == of_query)[counted].mean()) if counted.any() else float("nan")


def facts(images: pd.DataFrame) -> dict[str, int | float]:
    """Describe how alike the vehicles of a table of images are.

    Returns:
        Counts by name: models, vehicles of known model and colour, groups of one model and colour, vehicles in the
        largest group. And ``informed``, the mean CMC@1, over images of known kind, of a method that knows model and
        colour exactly and nothing else: with one gallery image a vehicle, it finds the right one of n alike vehicles
        once in n times. NaN if no kind is known.
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

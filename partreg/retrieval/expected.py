"""Section 4.1: VehicleID's CMC@1 as the mean over every gallery that could be drawn, in closed form.

`partreg.retrieval.protocols.vehicleid_protocol` draws some of these galleries, as the paper does. If trainings are
compared, that draw adds noise, which this score does not have.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.errors import PartregError
from partreg.retrieval.distances import check_features, l2


def expected_hits(features: np.ndarray, vehicles: np.ndarray) -> np.ndarray:
    """Compute for each image, as a query, the probability that its vehicle is at rank 1 in a random gallery.

    The gallery is that of `partreg.retrieval.protocols.vehicleid_protocol`: one random image of each vehicle, drawn
    independently. So, if the query's vehicle shows a certain image, the probability is the product, over the other
    vehicles, of the share of their images that are farther from the query. The result is the mean of this product over
    the other images of the query's vehicle.

    >>> features = np.array([[0.0], [1.0], [0.5], [5.0]])
    >>> expected_hits(features, np.array([1, 1, 2, 2])).tolist()
    [0.5, 0.5, 0.0, 0.5]

    Features are (N, D), ``vehicles`` (N,) numbers; at equal distances, the vehicle of the smaller number is nearer.

    Returns:
        (N,) from 0 to 1; NaN for an image whose vehicle has no other, which is never a query.

    Raises:
        PartregError: the features do not fit or hold NaN.
    """
    vehicles = np.asarray(vehicles)
    features = check_features(features, "test", len(vehicles))
    order = np.argsort(vehicles, kind="stable")
    owners, starts, counts = np.unique(vehicles[order], return_index=True, return_counts=True)
    mine = np.repeat(np.arange(len(owners)), counts)
    distances, hits = l2(features[order], features[order]), np.full(len(vehicles), np.nan)
    for row, vehicle in enumerate(mine):
        shown = np.setdiff1d(np.arange(starts[vehicle], starts[vehicle] + counts[vehicle]), row)
        if len(shown) == 0:
            continue
        own, others = distances[row, shown, None], distances[row]
        farther = (others > own) | ((others == own) & (mine > vehicle))
        shares = np.add.reduceat(farther, starts, axis=1, dtype=np.int64) / counts
        shares[:, vehicle] = 1
        hits[order[row]] = shares.prod(axis=1).mean()
    return hits


def expected_cmc1(hits: np.ndarray, vehicles: np.ndarray) -> float:
    """Average CMC@1 over every gallery that could be drawn, from the (N,) `expected_hits` of the vehicles' images.

    An image counts as often as it is a query: of a vehicle's n images all but one are.

    >>> expected_cmc1(np.array([0.5, 0.5, 0.0, 0.5]), np.array([1, 1, 2, 2]))
    0.375

    Raises:
        PartregError: no vehicle has two images.
    """
    counts = pd.Series(vehicles).groupby(vehicles).transform("size").to_numpy()
    asked = (counts - 1) / counts
    if not asked.any():
        raise PartregError("vehicles: expected at least one with two images, one to ask for and one to find.")
    return float(np.nansum(hits * asked) / asked.sum())

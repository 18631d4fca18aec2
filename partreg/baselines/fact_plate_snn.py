"""Table 3, FACT+Plate-SNN: Liu et al. (ECCV 2016), the progressive search: appearance first, then the plates.

FACT is the coarse filter. Of its nearest images, the distance is then a weighted sum of FACT and Plate-SNN; all others
keep their order behind. *Assumed*: how many the filter lets through, both weights, and that an image without a plate,
of which the plates say nothing, is judged by its appearance alone.
"""

from __future__ import annotations

import math

import numpy as np

from partreg.baselines.fact_plate_rec import BEHIND, unit

SHORTLIST = 0.1  # share of the gallery that the coarse filter lets through
WEIGHT = 0.5  # of the plates; the rest is FACT's


def distances(fact: np.ndarray, snn: np.ndarray) -> np.ndarray:
    """FACT's nearest images re-ranked with the distance of their plates.

    Args:
        fact: (Q, G) finite.
        snn: (Q, G) in [0, 1], NaN where either image has no plate, see `partreg.baselines.plate_snn.distances`.

    Returns:
        (Q, G) float64: in [0, 1] for the images of the shortlist, in [2, 3] for those behind it, whose numbers are an
        order and no distance, see `let_through`.
    """
    near = unit(fact)
    count = math.ceil(SHORTLIST * near.shape[1])
    ranks = np.empty(near.shape, np.int64)
    np.put_along_axis(ranks, near.argsort(axis=1, kind="stable"), np.arange(near.shape[1])[None, :], axis=1)
    fused = np.where(np.isnan(snn), near, (1 - WEIGHT) * near + WEIGHT * snn)
    return np.where(ranks < count, fused, BEHIND + near)


def let_through(distances: np.ndarray) -> np.ndarray:
    """Which images of each query the coarse filter let through, (Q, G) bool; only their values are distances."""
    return distances < BEHIND

"""Table 3's FACT+Plate-SNN+STR: PROVID's last step, the order of FACT and plates changed by time and place."""

from __future__ import annotations

import numpy as np

from partreg.baselines.fact_plate_snn import let_through

WEIGHT = 0.1  # of the spatio-temporal relation (*assumed*)
SHORTLIST = 100  # images of each query that are ranked anew (*assumed*)


def distances(fact_plate_snn: np.ndarray, spacetime: np.ndarray) -> np.ndarray:
    """PROVID's re-ranking by the spatio-temporal relation (Liu et al., ECCV 2016; TMM 2018).

    Each query's `SHORTLIST` nearest images, as far as the coarse filter let them through, are sorted by
    (1 - w) d / dmax + w s / smax, with w = `WEIGHT`, and dmax and smax the largest of this list; the others stay behind
    them in their order. The publication sums the two terms; the weight, the length of the list and the scaling within
    it are *assumed*.

    Args:
        fact_plate_snn: (Q, G) distances d of FACT+Plate-SNN, finite and at least 0.
        spacetime: (Q, G) relation s, see `partreg.baselines.spacetime.distances`.

    Returns:
        (Q, G) float64: at most 1 in the shortlist, 2 or more behind it.
    """
    before, relation = (np.asarray(values, np.float64) for values in (fact_plate_snn, spacetime))
    # The stable order says which of equally distant images is in, as it does in the protocol.
    place = np.argsort(np.argsort(before, axis=1, kind="stable"), axis=1, kind="stable")
    near = (place < SHORTLIST) & let_through(before)
    joined = (1 - WEIGHT) * _scaled(before, near) + WEIGHT * _scaled(relation, near)
    return np.where(near, joined, 2 + before)


def _scaled(values: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Rows divided by the largest value of their shortlist; where that is 0 they are left as they are."""
    # What lies behind counts for nothing here: its values say an order, and a large one would shrink all others.
    largest = np.where(near, values, 0).max(axis=1, keepdims=True, initial=0)
    return values / np.where(largest > 0, largest, 1)

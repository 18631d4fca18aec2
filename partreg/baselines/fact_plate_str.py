"""Table 3's FACT+Plate-SNN+STR: PROVID's last step, the order of FACT and plates mended by time and place."""

from __future__ import annotations

import numpy as np

WEIGHT = 0.1  # of the spatio-temporal relation (*assumed*)
SHORTLIST = 100  # images of each query that are ranked anew (*assumed*)


def distances(fact_plate_snn: np.ndarray, spacetime: np.ndarray) -> np.ndarray:
    """PROVID's re-ranking by the spatio-temporal relation (Liu et al., ECCV 2016; TMM 2018).

    Each query's `SHORTLIST` nearest images are sorted by (1 - w) d / dmax + w s / smax, with dmax and smax the largest
    of its row, and w = `WEIGHT`; the others stay behind them in their order. The publication sums the two terms; the
    weight, the length of the list and the scaling by row are *assumed*.

    Args:
        fact_plate_snn: (Q, G) distances d of FACT+Plate-SNN, finite and at least 0.
        spacetime: (Q, G) relation s, see `partreg.baselines.spacetime.distances`.

    Returns:
        (Q, G) float64: at most 1 in the shortlist, above 1 behind it.
    """
    before, relation = (_scaled(np.asarray(values, np.float64)) for values in (fact_plate_snn, spacetime))
    joined = (1 - WEIGHT) * before + WEIGHT * relation
    # The stable order says which of equally distant images is in, as it does in the protocol.
    place = np.argsort(np.argsort(before, axis=1, kind="stable"), axis=1, kind="stable")
    return np.where(place < SHORTLIST, joined, 2 + before)


def _scaled(values: np.ndarray) -> np.ndarray:
    """Rows divided by their largest value; rows of zeros are left as they are."""
    largest = values.max(axis=1, keepdims=True, initial=0)
    return values / np.where(largest > 0, largest, 1)

"""Table 3, FACT+Plate-REC: Liu et al. (ECCV 2016), appearance, and the plates as a recogniser reads them.

Images on which the recogniser reads the query's plate, symbol by symbol, come first; all others come behind. Among
each, FACT decides (*assumed*: how the two are put together is not published). The reader is that of
`partreg.baselines.plates`, for the commercial one is not named.
"""

from __future__ import annotations

import numpy as np

BEHIND = 2.0  # added to the distances of images that come behind: a place in the order, not a distance


def distances(fact: np.ndarray, query_texts: list[str], gallery_texts: list[str]) -> np.ndarray:
    """FACT's distances, with all images of the query's plate moved before all others.

    Args:
        fact: (Q, G) finite.
        query_texts: Q texts as read, "" where there is no plate.
        gallery_texts: G texts.

    Returns:
        (Q, G) float64: in [0, 1] where the plates match, else in [2, 3]; FACT's order within both. An image without
        plate matches none.
    """
    query, gallery = np.array(query_texts, dtype=str)[:, None], np.array(gallery_texts, dtype=str)[None, :]
    match = (query == gallery) & (query != "")
    return unit(fact) + np.where(match, 0.0, BEHIND)


def unit(distances: np.ndarray) -> np.ndarray:
    """Distances (Q, G) moved and scaled as a whole to [0, 1]; zeros where all are equal."""
    values = np.asarray(distances, dtype=np.float64)
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)

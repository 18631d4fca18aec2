"""Exact search by L2 distance (Section 4.2), block by block; equal distances keep the index's order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from partreg.errors import PartregError
from partreg.retrieval.distances import comparable

ROWS = 8192  # features of the gallery that are compared at a time, in float64
VALUES = 2**24  # distances that are held at a time
SAFETY = 16  # how many times the bound on rounding errors is widened


def nearest(query: np.ndarray, gallery: np.ndarray, top: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest features of a gallery.

    One matrix product for each block of the gallery finds the candidates: all features whose distance, up to its
    largest possible rounding error, is among the first ``top``. Their distances are then computed as differences.

    >>> nearest(np.array([[0.0]]), np.array([[2.0], [1.0], [-1.0]]), top=2)
    (array([[1, 2]]), array([[1., 1.]]))

    Args:
        query: (Q, D).
        gallery: (G, D).
        top: how many to find for each query; all of a smaller gallery.

    Returns:
        (Q, k) rows of the gallery and (Q, k) float64 distances, nearest first; equal distances keep gallery order.

    Raises:
        PartregError: widths differ, a feature is NaN or infinite, or ``top`` is below 1.
    """
    query, gallery = checked(query, gallery, top)
    top = min(top, len(gallery))
    rows, distances = np.empty((len(query), top), np.int64), np.empty((len(query), top))
    if top == 0:
        return rows, distances
    centre = gallery.mean(axis=0, dtype=np.float64)
    step = max(1, VALUES // len(gallery))
    for start in tqdm(range(0, len(query), step), "searching", mininterval=1, delay=2, leave=False):
        block = query[start : start + step].astype(np.float64)
        squares, error = _squares(block - centre, gallery, centre)
        for number, (values, one) in enumerate(zip(squares, block, strict=True), start=start):
            limit = np.partition(values, top - 1)[top - 1] + 2 * error
            rows[number], distances[number] = refined(one, gallery, np.flatnonzero(values <= limit), top)
    return rows, distances


def refined(query: np.ndarray, gallery: np.ndarray, candidates: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort candidates, rows of the gallery in ascending order, by their exact distances from one query (D,).

    Returns:
        (k,) rows and (k,) float64 distances of the first ``top``, nearest first.
    """
    parts = [candidates[start : start + ROWS] for start in range(0, len(candidates), ROWS)]
    # A sum along a row is the same wherever the row lies, so equal features have equal distances.
    exact = np.concatenate([np.square(gallery[part].astype(np.float64) - query).sum(axis=1) for part in parts])
    first = np.argsort(exact, kind="stable")[:top]
    return candidates[first], np.sqrt(exact[first])


def checked(query: np.ndarray, gallery: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries and gallery as arrays that can be compared; errors are those of `nearest`."""
    query, gallery = comparable(query, gallery)
    if top < 1:
        raise PartregError(f"top is {top}; expected 1 or more.")
    return query, gallery


def rounding(query: float, gallery: float, width: int, digits: float) -> float:
    """A bound on the rounding error of squared distances by a matrix product.

    ``query`` and ``gallery`` are the largest squares of the features' lengths, ``digits`` the relative error of a
    number.
    """
    return SAFETY * (width + 8) * digits * (query + gallery)


def _squares(query: np.ndarray, gallery: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, float]:
    """(Q, G) squared distances of centred queries, and a bound on their rounding error."""
    found, longest = np.empty((len(query), len(gallery))), 0.0
    own = np.square(query).sum(axis=1)
    for start, block in _centred(gallery, centre):
        lengths = np.square(block).sum(axis=1)
        longest = max(longest, float(lengths.max()))
        part = found[:, start : start + len(block)]
        np.matmul(query, block.T, out=part)
        part *= -2
        part += lengths
        part += own[:, None]
    return found, rounding(float(own.max(initial=0)), longest, query.shape[1], float(np.finfo(np.float64).eps))


def _centred(gallery: np.ndarray, centre: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(gallery), ROWS):
        yield start, gallery[start : start + ROWS].astype(np.float64) - centre

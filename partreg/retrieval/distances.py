"""Section 4.2: the L2 distance, which compares query and gallery images."""

from __future__ import annotations

import numpy as np

from partreg.errors import PartregError

BLOCK = 512  # queries at a time, so that the float64 intermediate stays small


def l2(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Euclidean distances between two sets of features.

    The sums are in float64, so that images with equal features have equal distances, and a feature is at a distance of
    (nearly) 0 from itself. In float32, noise would remain.

    >>> l2(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[5., 1.]], dtype=float32)

    Returns:
        (Q, G) float32 distances, at least 0, for features (Q, D) and (G, D).

    Raises:
        PartregError: the shapes do not fit or a feature is NaN or infinite.
    """
    query, gallery = comparable(query, gallery)
    # Distances stay the same if both sets move together. Near the origin, the subtraction below loses fewest digits.
    centre = gallery.mean(axis=0, dtype=np.float64) if len(gallery) else 0.0
    columns = (gallery - centre).T
    squares = np.einsum("ij,ij->j", columns, columns)  # makes no second array of the gallery's size
    distances = np.empty((len(query), len(gallery)), dtype=np.float32)
    for start in range(0, len(query), BLOCK):
        rows = query[start : start + BLOCK] - centre
        block = rows @ columns
        block *= -2
        block += squares
        block += (rows**2).sum(axis=1, keepdims=True)
        distances[start : start + BLOCK] = np.sqrt(np.maximum(block, 0, out=block), out=block)
    return distances


def comparable(query: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check features that are to be compared and return them as arrays (Q, D) and (G, D).

    Raises:
        PartregError: as in `check_features`, or the widths differ.
    """
    query, gallery = check_features(query, "query"), check_features(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise PartregError(
            f"query features of width {query.shape[1]} cannot be compared with gallery features of width "
            f"{gallery.shape[1]}; extract both with the same network."
        )
    return query, gallery


def check_features(features: np.ndarray, name: str, rows: int | None = None) -> np.ndarray:
    """Check features and return them as an array (N, D).

    Raises:
        PartregError: the features are not a matrix of real numbers, or not one of ``rows`` rows, or a value is NaN or
            infinite.
    """
    features = np.asarray(features)
    if features.dtype.kind not in "fiu":
        raise PartregError(
            f"{name} features are of type {features.dtype}, expected real numbers; save them as float32."
        )
    if features.ndim != 2 or (rows is not None and len(features) != rows):
        what = f"shape {features.shape}, expected ({'images' if rows is None else rows}, width)"
        raise PartregError(f"{name} features have {what}; pass one row for each image.")
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise PartregError(
            f"{name} features hold NaN or infinite values ({np.count_nonzero(~finite)} rows, the first {row}), "
            "expected finite numbers; train again with a lower learning rate, or extract the features again."
        )
    return features

"""Group pictures by vehicle: two groups join while the mean distance between their pictures is below a threshold."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from partreg.errors import PartregError
from partreg.retrieval.distances import BLOCK, check_features, l2
from partreg.search.pictures import counted

BYTES = 8 * 2  # of a pair's distance, and of the copy that the clustering works on


@dataclass(frozen=True)
class Groups:
    """Pictures and their groups.

    Attributes:
        names: (N) the pictures.
        numbers: (N,) the group of each, from 1 in order of appearance.
        threshold: the distance up to which groups joined.
    """

    names: list[str]
    numbers: np.ndarray
    threshold: float

    def to_csv(self) -> str:
        """A CSV with the columns picture and group."""
        table = pd.DataFrame({"picture": self.names, "group": self.numbers})
        return str(table.to_csv(index=False, lineterminator="\n"))

    def __str__(self) -> str:
        sizes = np.bincount(self.numbers)[1:]
        alone = int(np.count_nonzero(sizes == 1))
        return (
            f"{counted(len(self.names))} in {counted(len(sizes), 'group')} at distance {self.threshold:.4f}; "
            f"{counted(alone, 'group')} of one picture, {sizes.max(initial=0):,} in the largest."
        )


def group(features: np.ndarray, threshold: float) -> np.ndarray:
    """Group features by average-link clustering: the distance of two groups is the mean over all pairs between them.

    >>> group(np.array([[0.0], [5.0], [0.2], [5.1]]), threshold=1.0)
    array([1, 2, 1, 2])

    Args:
        features: (N, D).
        threshold: groups whose distance is at most this join.

    Returns:
        (N,) the group of each, from 1 in order of appearance.

    Raises:
        PartregError: a feature is NaN, the threshold is negative or no number, or the pairs do not fit into half of the
            machine's memory.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    features = check_features(features, "the index's")
    if not threshold >= 0:
        raise PartregError(f"threshold is {threshold}; expected a distance of 0 or more.")
    count, memory = len(features), half_of_memory()
    need = count * (count - 1) // 2 * BYTES
    if need > memory:
        most = int((2 * memory / BYTES) ** 0.5)
        raise PartregError(
            f"grouping {count:,} pictures needs {need / 1e9:,.1f} GB for the distances of all pairs, and "
            f"{memory / 1e9:,.1f} GB may be used; expected at most {most:,} pictures; index a smaller folder."
        )
    if count < 2:
        return np.ones(count, np.int64)
    joined = fcluster(linkage(_pairs(features), "average"), threshold, criterion="distance")
    _, first, numbers = np.unique(joined, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers].astype(np.int64) + 1


def half_of_memory() -> int:
    """Half of the machine's main memory, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _pairs(features: np.ndarray) -> np.ndarray:
    """Distances of all pairs i < j as scipy orders them."""
    count = len(features)
    found, done = np.empty(count * (count - 1) // 2), 0
    for start in tqdm(range(0, count, BLOCK), "comparing pictures", mininterval=1, delay=2, leave=False):
        for number, row in enumerate(l2(features[start : start + BLOCK], features), start=start + 1):
            found[done : done + count - number] = row[number:]
            done += count - number
    return found

"""Search by FAISS, where it is installed (``pip install faiss-cpu``): the same answers, sooner for many queries.

Up to a million features the search is exact. Beyond, FAISS sorts the features into cells (an inverted file) and looks
only into the cells nearest to the query. That may miss some, so `Found.exact` says which search it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from partreg import files
from partreg.search.nearest import checked, nearest, refined, rounding

MILLION = 1_000_000
MORE = 64  # candidates beyond those asked for, so that rounding changes no answer
PROBED = 64  # cells that a query looks into
LEARNT = 64  # features for each cell that the cells are learnt from


@dataclass(frozen=True)
class Found:
    """The nearest features.

    Attributes:
        rows: (Q, k) rows of the gallery, nearest first.
        distances: (Q, k) float64.
        exact: whether these are the nearest for certain.
    """

    rows: np.ndarray
    distances: np.ndarray
    exact: bool = True


def faiss() -> ModuleType | None:
    """The module, or None where it is not installed."""
    try:
        import faiss as module
    except ImportError:
        return None
    return module


def search(
    query: np.ndarray, gallery: np.ndarray, top: int = 10, *, kept: Path | None = None, exact_up_to: int = MILLION
) -> Found:
    """Find the nearest features of a gallery, by FAISS where there is one, else as `partreg.search.nearest`.

    Args:
        query: (Q, D).
        gallery: (G, D).
        top: how many to find for each query.
        kept: file in which the cells of a large gallery are kept for the next call; None keeps them nowhere.
        exact_up_to: largest gallery whose search is exact. Without FAISS every search is.

    Raises:
        PartregError: as `partreg.search.nearest.nearest`.
    """
    query, gallery = checked(query, gallery, top)
    module = faiss()
    if module is None or not len(gallery):
        return Found(*nearest(query, gallery, top))
    if len(gallery) <= exact_up_to:
        return Found(*_flat(module, query, gallery, min(top, len(gallery))))
    return _cells(module, query, gallery, top, kept)


def _flat(module: Any, query: np.ndarray, gallery: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Every query by FAISS's exact search in float32; one with too many near ties by NumPy's."""
    centre = gallery.mean(axis=0, dtype=np.float64)
    moved, centred = (np.ascontiguousarray(part - centre, np.float32) for part in (gallery, query))
    flat = module.IndexFlatL2(gallery.shape[1])
    flat.add(moved)
    squares, candidates = flat.search(centred, min(len(gallery), top + MORE))
    longest, own = (float(np.square(part).sum(axis=1).max(initial=0)) for part in (moved, centred))
    error = rounding(own, longest, gallery.shape[1], float(np.finfo(np.float32).eps))
    rows, distances = np.empty((len(query), top), np.int64), np.empty((len(query), top))
    for number, one in enumerate(query.astype(np.float64)):
        rows[number], distances[number] = refined(one, gallery, np.sort(candidates[number]), top)
        unseen = squares[number, -1] - error if candidates.shape[1] < len(gallery) else np.inf
        if unseen <= distances[number, -1] ** 2:  # a feature that FAISS left out may be as near
            rows[number], distances[number] = (part[0] for part in nearest(one[None], gallery, top))
    return rows, distances


def _cells(module: Any, query: np.ndarray, gallery: np.ndarray, top: int, kept: Path | None) -> Found:
    """Look into the cells nearest to each query; a query that finds too few there is searched exactly."""
    cells = _kept(module, kept, gallery) or _made(module, gallery, kept)
    cells.nprobe = PROBED
    _, candidates = cells.search(np.ascontiguousarray(query, np.float32), top + MORE)
    answers = []
    for one, row in zip(query.astype(np.float64), candidates, strict=True):
        some = np.sort(row[row >= 0])
        few = len(some) < top
        answers.append(
            [part[0] for part in nearest(one[None], gallery, top)] if few else refined(one, gallery, some, top)
        )
    rows, distances = (np.stack(column) for column in zip(*answers, strict=True))
    return Found(rows, distances, exact=False)


def _made(module: Any, gallery: np.ndarray, kept: Path | None) -> Any:
    """Sort a gallery into cells, whose number is the square root of its size, and keep them."""
    number = int(len(gallery) ** 0.5)
    cells = module.index_factory(gallery.shape[1], f"IVF{number},Flat")
    some = np.random.default_rng(0).permutation(len(gallery))[: LEARNT * number]
    cells.train(np.ascontiguousarray(gallery[np.sort(some)], np.float32))
    cells.add(np.ascontiguousarray(gallery, np.float32))
    if kept is not None:
        with files.whole(kept) as temporary:
            module.write_index(cells, str(temporary))
    return cells


def _kept(module: Any, kept: Path | None, gallery: np.ndarray) -> Any:
    """The cells that an earlier call kept; None where there are none of this gallery."""
    if kept is None or not kept.is_file():
        return None
    try:
        cells = module.read_index(str(kept))
    except RuntimeError:  # what FAISS raises for a file that is not its own
        return None
    return cells if (cells.ntotal, cells.d) == gallery.shape else None

"""Section 4.1, Equations 4 to 6: CMC, average precision and its mean, from the ranks of the matches alone.

No score needs the whole order of a gallery. So `match_ranks` sorts each row of distances by value, which is far cheaper
than an argsort, and counts by binary search how many images are nearer than a match. All ranks count from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from partreg.errors import PartregError

NO_MATCH = (
    "no query has a match in the gallery, expected one at least; check the vehicle numbers and, where cameras count, "
    "the cameras (-1 means unknown)."
)
AP_RULES = ("rectangular", "trapezoidal", "sklearn")
Columns = Sequence[np.ndarray]  # of the gallery, for each query
TIES = ("stable", "relevant", "together")


@dataclass(frozen=True)
class MatchRanks:
    """The ranks of every query's matches in the gallery without junk: query after query, nearest match first.

    Attributes:
        counts: (Q,) number of matches of each query, 0 for a query without a match.
        stable: (M,) ranks if equal distances keep gallery order, as a stable sort leaves them.
        relevant: (M,) ranks if matches come before other images at the same distance.
        together: (M,) ranks if all images at the same distance share the rank of the last one.
    """

    counts: np.ndarray
    stable: np.ndarray
    relevant: np.ndarray
    together: np.ndarray

    def first(self, ties: str = "stable") -> np.ndarray:
        """(Q,) rank of each query's nearest match, 0 for a query without a match."""
        ranks = getattr(self, _known(ties, TIES, "tie rule"))
        starts = np.cumsum(self.counts) - self.counts
        first = np.zeros(len(self.counts), dtype=np.int64)
        first[self.counts > 0] = ranks[starts[self.counts > 0]]
        return first


def match_ranks(distances: np.ndarray, matches: Columns, junk: Columns | None = None) -> MatchRanks:
    """Rank the matches of each query.

    >>> distances = np.array([[0.1, 0.4, 0.2, 0.3]])
    >>> match_ranks(distances, matches=[np.array([1, 2])]).stable
    array([2, 4])
    >>> match_ranks(distances, matches=[np.array([1, 2])], junk=[np.array([0])]).stable
    array([1, 3])

    Args:
        distances: (Q, G), smaller is nearer.
        matches: for each query the gallery columns that match it, from 0, ascending.
        junk: for each query the gallery columns to leave out of the ranking; None leaves nothing out.

    Raises:
        PartregError: the shapes do not fit or a distance is NaN or infinite.
    """
    distances = np.asarray(distances)
    junk = [np.empty(0, dtype=np.int64)] * len(matches) if junk is None else junk
    _check(distances, matches, junk)
    rows = [_nearer(*row) for row in zip(_without_junk(distances, junk), distances, matches, junk, strict=True)]
    counts = np.array([len(good) for good in matches], dtype=np.int64)
    nearer, tied = (np.concatenate([np.empty(0, dtype=np.int64), *column]) for column in zip(*rows, strict=True))
    stable, relevant, together = nearer + 1, nearer + 1, nearer + 1
    ends = np.cumsum(counts)
    for query in np.unique(np.searchsorted(ends, np.flatnonzero(tied), side="right")):
        part = slice(ends[query] - counts[query], ends[query])
        ties = _break_ties(distances[query], matches[query], junk[query], nearer[part], tied[part].astype(bool))
        stable[part], relevant[part], together[part] = ties
    return MatchRanks(counts, stable, relevant, together)


def _without_junk(distances: np.ndarray, junk: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield each row of distances with its junk at infinity and one more infinity at the end.

    All rows share one buffer, which the next row overwrites.
    """
    buffer = np.empty(distances.shape[1] + 1, dtype=np.result_type(distances.dtype, np.float32))
    for row, bad in zip(distances, junk, strict=True):
        buffer[:-1] = row
        buffer[bad] = np.inf
        buffer[-1] = np.inf
        yield buffer


def _nearer(masked: np.ndarray, row: np.ndarray, good: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each match, nearest first: how many images are nearer, and whether another image is exactly as near."""
    masked.sort()
    last = len(row) - len(bad) - 1
    if last >= 0 and not (masked[0] > -np.inf and masked[last] < np.inf):
        what = "distances hold NaN or infinite values, expected finite numbers"
        raise PartregError(f"{what}; extract the features again.")
    own = row[good]
    own.sort()
    nearer = masked.searchsorted(own)
    return nearer, masked[nearer + 1] == own


def _break_ties(
    row: np.ndarray, good: np.ndarray, bad: np.ndarray, nearer: np.ndarray, tied: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks of one query's matches under each of ``TIES``; ``tied`` marks matches that are as near as another image."""
    order = good[row[good].argsort(kind="stable")]
    stable, together = nearer + 1, nearer + 1
    for start in np.unique(nearer[tied]):
        here = nearer == start
        same = row == row[order[here][0]]
        same[bad] = False
        places = same.nonzero()[0]
        stable[here] += places.searchsorted(order[here])
        together[here] = start + len(places)
    relevant = nearer + 1 + np.arange(len(nearer)) - nearer.searchsorted(nearer)
    return stable, relevant, together


def group_ranks(
    distances: np.ndarray, matches: Columns, junk: Columns, groups: np.ndarray, ranks: MatchRanks
) -> np.ndarray:
    """Rank groups of gallery images (tracks), for image-to-track retrieval.

    A group is as near as its nearest image (Section 4.3: the maximum of the similarities). The ranking leaves out junk
    images, and groups of nothing but junk. Equally near groups keep the order of their numbers.

    >>> distances, tracks = np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([0, 0, 0, 1])
    >>> matches, junk = [np.array([3])], [np.array([], dtype=int)]
    >>> ranks = match_ranks(distances, matches, junk)
    >>> ranks.first(), group_ranks(distances, matches, junk, tracks, ranks)
    (array([4]), array([2]))

    ``groups`` (G,) number each gallery image's group from 0; a group's images are of one vehicle. ``ranks`` are what
    ``match_ranks`` returns for the same distances, matches and junk.

    Returns:
        (Q,) rank of the nearest group that holds a match, from 1; 0 for a query without a match.
    """
    distances = np.asarray(distances)
    _check(distances, matches, junk)
    number = int(groups.max(initial=-1)) + 1
    first, alone = ranks.first("together"), ranks.first("together") == ranks.first("relevant")
    # Where a match is strictly nearest, its group is first: only the other queries need
    # a look at the groups.
    result: np.ndarray = np.minimum(first, 1)
    for query in np.flatnonzero(first > 1).tolist():
        row, good = distances[query], matches[query]
        own = row[good]
        nearest = own.min()
        before = row < nearest
        if not alone[query]:
            before |= (row == nearest) & (groups < groups[good[own == nearest]].min())
        before[junk[query]] = False
        seen = np.zeros(number, dtype=bool)
        seen[groups[before.nonzero()[0]]] = True
        result[query] = 1 + np.count_nonzero(seen)
    return result


def cmc(first_ranks: np.ndarray, k_max: int) -> np.ndarray:
    """Compute Equation 4: the fraction of queries whose match is among the first k, for k = 1 to ``k_max``.

    >>> cmc(np.array([1, 3, 1, 2]), k_max=4)
    array([0.5 , 0.75, 1.  , 1.  ])

    ``first_ranks`` (Q,) are of each query's nearest match, 0 for a query without a match, which does not count.

    Returns:
        (k_max,) fractions in [0, 1], never falling.

    Raises:
        PartregError: no query has a match.
    """
    ranks = np.asarray(first_ranks)
    ranks = ranks[ranks > 0]
    if not len(ranks):
        raise PartregError(NO_MATCH)
    return np.cumsum(np.bincount(np.minimum(ranks, k_max + 1), minlength=k_max + 2)[1 : k_max + 1]) / len(ranks)


def average_precision(ranks: MatchRanks, rule: str = "rectangular", ties: str = "stable") -> np.ndarray:
    """Compute Equation 5: each query's average precision, from the ranks of its matches.

    At the j-th of m matches, at rank r, precision is j / r, and recall grows by 1 / m.

    >>> ranks = match_ranks(np.array([[0.1, 0.2, 0.3, 0.4]]), [np.array([0, 3])])
    >>> average_precision(ranks)  # (1 / 1 + 2 / 4) / 2
    array([0.75])
    >>> average_precision(ranks, "trapezoidal").round(4)  # (1 + (1 / 3 + 2 / 4) / 2) / 2
    array([0.7083])

    Args:
        ranks: ranks of the matches.
        rule: "rectangular" takes the precision at each match (Equation 5 as printed). "trapezoidal" takes the mean of
            that precision and the one a rank before, (j - 1) / (r - 1), or 1 at rank 1 (VeRi-776's own evaluation).
            "sklearn" is rectangular and counts images at the same distance together, whatever ``ties`` says, as
            scikit-learn's ``average_precision_score`` does.
        ties: one of ``TIES``.

    Returns:
        (Q,) values in [0, 1], NaN for a query without a match.
    """
    _known(rule, AP_RULES, "rule of average precision")
    r = getattr(ranks, _known(ties, TIES, "tie rule") if rule != "sklearn" else "together")
    query = np.repeat(np.arange(len(ranks.counts)), ranks.counts)
    j = np.arange(1, len(r) + 1) - np.repeat(np.cumsum(ranks.counts) - ranks.counts, ranks.counts)
    if rule == "sklearn" or ties == "together":
        j = j[_last_of_run(query, r)]
    precision = j / r
    if rule == "trapezoidal":
        before = np.where(r > 1, (j - 1) / np.maximum(r - 1, 1), 1.0)
        precision = (precision + before) / 2
    total = np.bincount(query, weights=precision, minlength=len(ranks.counts))
    result: np.ndarray = np.divide(total, ranks.counts, out=np.full(len(total), np.nan), where=ranks.counts > 0)
    return result


def mean_average_precision(values: np.ndarray) -> float:
    """Compute Equation 6: the mean over the queries that have a match; NaN marks the others.

    Raises:
        PartregError: no query has a match.
    """
    values = np.asarray(values)
    if np.isnan(values).all():
        raise PartregError(NO_MATCH)
    return float(np.nanmean(values))


def _last_of_run(query: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Index of the last entry with the same query and rank, for each entry."""
    changes = (query[1:] != query[:-1]) | (ranks[1:] != ranks[:-1])
    ends = np.append(np.flatnonzero(changes), len(ranks) - 1)
    return np.repeat(ends, np.diff(ends, prepend=-1)) if len(ranks) else np.empty(0, dtype=np.int64)


def _known(name: str, names: tuple[str, ...], what: str) -> str:
    if name not in names:
        raise PartregError(f"no {what} is called {name!r}, expected one of {', '.join(names)}; choose one of them.")
    return name


def _check(distances: np.ndarray, matches: Sequence[np.ndarray], junk: Sequence[np.ndarray]) -> None:
    if distances.ndim != 2 or not len(distances) == len(matches) == len(junk):
        raise PartregError(
            f"distances of shape {distances.shape} with matches of {len(matches)} and junk of {len(junk)} queries, "
            "expected (queries, gallery images) and one list of matches and of junk for each query; check the order of "
            "the arguments."
        )

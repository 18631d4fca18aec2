"""Means with their 95% intervals: Student's t over trainings, bootstrap over test vehicles.

Each notebook of a book has its own processes, and scipy.stats takes half a second to load. So functions import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from partreg.errors import PartregError

RESAMPLES = 2_000


class Estimate(NamedTuple):
    """A mean and the ends of its 95% interval, in the unit of the values; NaN where unknown."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float] | np.ndarray) -> Estimate:
    """Mean of (N,) values, one for each training, with its 95% interval by Student's t.

    The interval of one value is NaN; without values the mean is NaN too.

    >>> [round(number, 3) for number in mean_interval([0.10, 0.08, 0.09])]
    [0.09, 0.065, 0.115]
    """
    values = np.asarray(values, dtype=np.float64)
    mean = values.mean() if len(values) else np.nan
    half = np.nan
    if len(values) > 1:
        from scipy import stats

        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(float(mean), float(mean - half), float(mean + half))


def paired_difference(values: Sequence[float] | np.ndarray, baseline: Sequence[float] | np.ndarray) -> Estimate:
    """Mean of (N,) ``values`` minus ``baseline``, pair by pair, with its 95% interval.

    The two values of a pair share all that varies beside the method, such as the seed, so it cancels out.

    >>> paired_difference([0.5, 0.5], [0.5, 0.25]).mean
    0.125

    Raises:
        PartregError: the lengths differ.
    """
    if len(values) != len(baseline):
        raise PartregError(f"{len(values)} values and {len(baseline)} to pair them with, expected as many of both.")
    return mean_interval(np.subtract(values, baseline))


def mean_gain(gains: Sequence[Sequence[float]]) -> Estimate:
    """Mean of several gains, each a sequence over the same seeds, with its 95% interval over seeds.

    Trainings with the same seed are not independent, so the gains of one seed are averaged first. Seeds at the end
    that some gains lack do not count.

    >>> mean_gain([[0.0, 0.25], [0.5, 0.25, 0.75]]).mean
    0.25
    """
    seeds = min(map(len, gains), default=0)
    return mean_interval(np.mean([gain[:seeds] for gain in gains], axis=0) if seeds else ())


def bootstrap_over_vehicles(values: np.ndarray, vehicles: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Bootstrap a 95% interval of a score's mean over queries.

    Images of one vehicle are not independent, so the bootstrap (percentile) draws whole vehicles.

    ``values`` (N,) are the queries' scores, of which NaN does not count.

    Returns:
        The low and the high end of the interval, in the unit of ``values``.

    Raises:
        PartregError: the lengths differ or fewer than two vehicles have a value.
    """
    values, vehicles = np.asarray(values, dtype=np.float64), np.asarray(vehicles)
    if values.shape != vehicles.shape or values.ndim != 1:
        counted = f"{values.shape} values for {vehicles.shape} vehicles"
        raise PartregError(f"{counted}, expected one vehicle for each value.")
    known = ~np.isnan(values)
    _, vehicle = np.unique(vehicles[known], return_inverse=True)
    sums, counts = np.bincount(vehicle, weights=values[known]), np.bincount(vehicle).astype(np.float64)
    if len(counts) < 2:
        few = f"{len(counts)} vehicles have a value"
        raise PartregError(f"{few}, expected at least 2 to resample; test on more.")
    from scipy import stats

    result = stats.bootstrap(
        (sums, counts),
        lambda total, number, axis: total.sum(axis=axis) / number.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=200,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)

"""What a threshold costs, and whether its rate of false matches holds elsewhere.

A lower rate misses more pairs of one vehicle: `missed_by_rate` gives both errors at every threshold. A rate holds for
pairs like those that it was calibrated on: `in_halves` judges it on other vehicles, `carried` on other kinds of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from partreg.errors import PartregError
from partreg.retrieval.statistics import Estimate
from partreg.search.threshold import (
    EXPECTED,
    FEWEST,
    Pairs,
    calibrate,
    count,
    interval,
    left_out,
    missed_at,
    nearest_share,
    rate_at,
    spread,
)

SPLITS = 100  # into random halves
STEPS = 400  # thresholds between which a curve without one vehicle is interpolated


@dataclass(frozen=True)
class Missed:
    """The share of pairs of one vehicle that is missed, by the rate of false matches; NaN where nothing can be told.

    Attributes:
        rates: (R,) of false matches.
        distances: (R,) the threshold at each of them.
        missed: (R,) share of the pairs of one vehicle that are farther apart.
        low: (R,) lower end of its 95% interval over vehicles, which also decide the threshold.
        high: (R,) its upper end.
        without: (V, R) the same share with each vehicle left out, at the threshold of the others.
    """

    rates: np.ndarray
    distances: np.ndarray
    missed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    without: np.ndarray


def drawn(vehicles: np.ndarray, most: int) -> np.ndarray:
    """Mark the pictures of vehicles drawn at random, as many as have at most so many pictures together.

    >>> drawn(np.array([7, 7, 8, 8, 9]), most=5).all()
    np.True_
    """
    numbers, names = pd.factorize(vehicles)
    order = np.random.default_rng(0).permutation(len(names))
    fits = np.bincount(numbers)[order].cumsum() <= most
    return np.isin(numbers, order[fits])


def missed_by_rate(pairs: Pairs, rates: Sequence[float] | np.ndarray) -> Missed:
    """Compute what each rate of false matches misses, with 95% intervals over vehicles.

    For the interval, each vehicle is left out once; the threshold at the rate is then chosen anew. A rate at which
    `partreg.search.threshold.calibrate` would refuse has NaN.
    """
    rates, different, same = np.asarray(rates, dtype=np.float64), pairs.different, pairs.same
    enough = (rates * len(different) >= EXPECTED) & (pairs.vehicles.max(initial=-1) + 1 >= FEWEST) & (len(same) > 0)
    distances, missed, low, high = np.full((4, len(rates)), np.nan)
    without = np.full((pairs.vehicles.max(initial=-1) + 1, len(rates)), np.nan)
    if enough.any():
        steps = np.geomspace(1, len(different), STEPS).astype(np.int64) - 1
        counts = count(pairs, np.unique(different[steps]))
        false, near = left_out(counts.near, counts.pairs, 2)[1], left_out(counts.near_own, counts.own, 1)[1]
        for vehicle, one in enumerate(zip(false, near, strict=True)):
            without[vehicle, enough] = 1 - np.interp(rates[enough], *one)
    for place in np.flatnonzero(enough):
        distances[place] = nearest_share(different, rates[place])
        missed[place] = np.mean(same > distances[place])
        variance, freedom = spread(without[:, place])
        low[place], high[place] = interval(missed[place], float(variance), float(freedom))
    return Missed(rates, distances, missed, low, high, without)


def curve(pairs: Pairs, points: int = 60) -> Missed:
    """The same at evenly spaced logarithms of rates, from the lowest that can be told up to one half."""
    lowest = EXPECTED / max(len(pairs.different), 1)
    return missed_by_rate(pairs, np.geomspace(lowest * (1 + 1e-9), max(lowest, 0.5), points))


def missed_less(one: Missed, other: Missed) -> Estimate:
    """How much less the one network misses than the other at their first rate, with its 95% interval over vehicles.

    Both saw the same vehicles, so each vehicle is left out of both at once.
    """
    from scipy import stats

    variance, freedom = spread(other.without[:, 0] - one.without[:, 0])
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    mean = float(other.missed[0] - one.missed[0])
    return Estimate(mean, float(mean - half), float(mean + half))


def half(vehicles: np.ndarray, seed: int) -> np.ndarray:
    """Mark the pictures of one half of the vehicles, numbered from 0, drawn at random."""
    number = int(vehicles.max(initial=-1)) + 1
    return np.isin(vehicles, np.random.default_rng(seed).permutation(number)[: number // 2])


def in_halves(pairs: Pairs, rate: float) -> pd.DataFrame:
    """Calibrate on one half of the vehicles and judge on the other, over `SPLITS` random halves.

    Returns:
        A frame with a row for each seed of a split: the interval ``low`` to ``high`` that calibration gave, the rate
        ``measured`` on the other half, and whether it ``held``; empty where a half is too small to calibrate on.
    """
    found = []
    for seed in range(SPLITS):
        first = half(pairs.vehicles, seed)
        try:
            threshold = calibrate(pairs.of(first), rate)
        except PartregError:
            break
        measured = rate_at(pairs.of(~first), threshold.distance)[0]
        found.append((threshold.low, threshold.high, measured, threshold.low <= measured <= threshold.high))
    return pd.DataFrame(found, columns=["low", "high", "measured", "held"])


def carried(kinds: Mapping[str, Pairs], rate: float) -> pd.DataFrame:
    """Calibrate on each kind of pairs of one half of the vehicles, and judge on each kind of the other half.

    Args:
        kinds: pairs of the same pictures, by what they are called.
        rate: of false matches.

    Returns:
        A frame with a row for each two kinds, ``calibrated on`` and ``judged on``: the interval ``low`` to ``high`` of
        the rate that calibration gave, and `Estimate` objects of the rates ``measured`` and ``missed`` on the other
        half with their 95% intervals over vehicles. NaN where a half has too few pairs.
    """
    rows = {}
    for name, known in kinds.items():
        first = half(known.vehicles, seed=0)
        try:
            threshold = calibrate(known.of(first), rate)
            ends = (threshold.low, threshold.high)
        except PartregError:
            threshold, ends = None, (np.nan, np.nan)
        for other, judged in kinds.items():
            unknown = [Estimate(np.nan, np.nan, np.nan)] * 2
            rest = judged.of(~first)
            found = [at(rest, threshold.distance) for at in (rate_at, missed_at)] if threshold else []
            rows[name, other] = (*ends, *([Estimate(one[0], *interval(*one)) for one in found] or unknown))
    index = pd.MultiIndex.from_tuples(rows, names=["calibrated on", "judged on"])
    return pd.DataFrame(rows.values(), index=index, columns=["low", "high", "measured", "missed"])


def false_matches(pairs: Pairs, distance: float) -> np.ndarray:
    """(N,) how many pictures of other vehicles each picture's search finds at most so far away."""
    near = pairs.distances <= distance
    return np.array(
        [np.count_nonzero(row[pairs.vehicles != own]) for row, own in zip(near, pairs.vehicles, strict=True)]
    )

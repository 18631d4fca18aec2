"""Same vehicle or not: a distance below which pairs count as one vehicle, at a rate of false matches that a user names.

The rate counts pairs of pictures of different vehicles. Pairs that share a vehicle are no independent measurements: one
vehicle that looks like many others is in many near pairs. So every interval here is over vehicles, by the jackknife:
each vehicle is left out once, with all its pairs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass as guarded

from partreg import files
from partreg.errors import PartregError
from partreg.guard import Guarded, number, whole
from partreg.retrieval.distances import check_features, l2

FILE = "threshold.json"
MOST = 10_000  # pictures whose pairs are held in memory at once: 400 MB
FEWEST = 10  # vehicles
EXPECTED = 10  # false matches that a rate must let expect among the pairs
SAME, DIFFERENT, UNSURE = "yes", "no", "unsure"
CURVE = 60  # points of the curve of rates
# Of 100 intervals at 95%, fewer than 95 hold now and then. At this level, 95 or more hold, but for one hundred in 200.
PROMISE = 0.985


@guarded(frozen=True)
class Threshold(Guarded):
    """A calibrated threshold, as ``threshold.json`` holds it; rates are fractions.

    Attributes:
        rate: of false matches, as the user named it.
        distance: the largest one that counts as a match; a share ``rate`` of the pairs of different vehicles match.
        low: lower end of the interval of the rate that as many other vehicles will show at ``distance``, in at least 95
            of 100 cases (`PROMISE`).
        high: its upper end.
        nearest: a smaller distance, at which the rate was ``low``; below it the answer is yes.
        farthest: a larger distance, at which the rate was ``high``; above it the answer is no.
        missed: share of the pairs of one vehicle that are farther than ``distance``; -1 if there are none.
        vehicles: how many it was calibrated on.
        pairs: of pictures of different vehicles.
        weights: the SHA-256 of the network's weights, "" if unknown.
        rates: rates of false matches in rising order.
        distances: the distance at each of them.
    """

    rate: Annotated[float, number(0, 1)]
    distance: Annotated[float, number()]
    low: Annotated[float, number(0, 1)]
    high: Annotated[float, number(0, 1)]
    nearest: Annotated[float, number()]
    farthest: Annotated[float, number()]
    missed: Annotated[float, number(-1, 1)]
    vehicles: Annotated[int, whole(FEWEST)]
    pairs: Annotated[int, whole(1)]
    weights: str
    rates: Annotated[list[float], Field(min_length=1)]
    distances: Annotated[list[float], Field(min_length=1)]

    def __str__(self) -> str:
        missed = f"{self.missed:.1%} of the pairs of one vehicle are farther." if self.missed >= 0 else ""
        return (
            f"distance {self.distance:.4f} at a false-match rate of {self.rate:g}, from {self.pairs:,} pairs of "
            f"{self.vehicles:,} vehicles; as many other vehicles will show {self.low:.2g} to {self.high:.2g} "
            f"in at least 95 of 100 cases. {missed}\nunsure from {self.nearest:.4f} to {self.farthest:.4f}."
        )


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures show one vehicle.

    Attributes:
        same: "yes", "no" or "unsure".
        distance: of their features.
        rate: share of the pairs of different vehicles that were as near in calibration.
        least: the smallest rate that could be told there; a ``rate`` of 0 means less than this.
    """

    same: str
    distance: float
    rate: float
    least: float

    def __str__(self) -> str:
        share = f"{self.rate:.2g}" if self.rate else f"less than {self.least:.1g}"
        return f"{self.same}: distance {self.distance:.4f}; {share} of the pairs of different vehicles are as near."


@dataclass(frozen=True)
class Pairs:
    """Distances of pairs of pictures.

    Attributes:
        distances: (N, N) float32; NaN for a pair that does not count, as a picture with itself.
        vehicles: (N,) numbers from 0, without gaps.
    """

    distances: np.ndarray
    vehicles: np.ndarray

    @property
    def different(self) -> np.ndarray:
        """Distances of the pairs of different vehicles, each pair once, in rising order."""
        return self._once(np.not_equal)

    @property
    def same(self) -> np.ndarray:
        """Distances of the pairs of one vehicle, each pair once, in rising order."""
        return self._once(np.equal)

    def _once(self, compare: np.ufunc) -> np.ndarray:
        rows = enumerate(zip(self.distances, self.vehicles, strict=True), start=1)
        found = np.concatenate([row[above:][compare(self.vehicles[above:], own)] for above, (row, own) in rows])
        return np.sort(found[~np.isnan(found)])

    def only(self, kept: np.ndarray) -> Pairs:
        """The same pictures with the pairs alone that ``kept`` marks, (N, N) bool and symmetrical."""
        return Pairs(np.where(kept, self.distances, np.float32(np.nan)), self.vehicles)

    def of(self, pictures: np.ndarray) -> Pairs:
        """The pairs among the ``pictures`` that are marked, (N,) bool."""
        return Pairs(self.distances[np.ix_(pictures, pictures)], pd.factorize(self.vehicles[pictures])[0])


def pairs_of(features: np.ndarray, vehicles: np.ndarray, source: str = "the pictures") -> Pairs:
    """Compute the distances of all pairs of pictures: features (N, D) and the vehicle of each (N,).

    Raises:
        PartregError: shapes do not fit, a feature is NaN, or there are more than `MOST` pictures.
    """
    features = check_features(features, source, len(vehicles))
    if len(features) > MOST:
        size = len(features) ** 2 * 4 / 1e9
        raise PartregError(
            f"{source}: the distances of {len(features):,} pictures take {size:.1f} GB; expected at most {MOST:,} "
            "pictures; list fewer vehicles."
        )
    distances = l2(features, features)
    np.fill_diagonal(distances, np.nan)
    return Pairs(distances, pd.factorize(np.asarray(vehicles))[0])


def nearest_share(distances: np.ndarray, share: float) -> float:
    """The largest of the nearest ``share`` of distances (D,) in rising order; the smallest where that is not one."""
    return float(distances[max(int(share * len(distances)), 1) - 1])


def calibrate(pairs: Pairs, rate: float, weights: str = "", source: str = "the pictures") -> Threshold:
    """Choose the threshold at which a share ``rate`` of the pairs of different vehicles would match.

    The threshold is the floor(rate x pairs)-th smallest distance. Its interval is of the rate that as many *other*
    vehicles will show: twice the jackknife's variance over vehicles, once for these vehicles and once for the others,
    on the scale of log odds, at the `PROMISE`.

    Raises:
        PartregError: fewer than `FEWEST` vehicles are in a pair; or ``rate`` is not between 0 and 1, or so small that
            fewer than `EXPECTED` pairs decide.
    """
    if not 0 < rate < 1:
        raise PartregError(f"rate is {rate}; expected a share of pairs between 0 and 1, such as 0.01.")
    vehicles = int(np.count_nonzero(count(pairs, np.array([np.inf])).pairs))
    if vehicles < FEWEST:
        raise PartregError(
            f"{source}: expected {FEWEST} vehicles or more to calibrate on, found {vehicles}; list more."
        )
    different, same = pairs.different, pairs.same
    if rate * len(different) < EXPECTED:
        raise PartregError(
            f"{source}: {len(different):,} pairs of different vehicles cannot tell a false-match rate of {rate:g}; "
            f"expected {int(np.ceil(EXPECTED / rate)):,} pairs or more; list more vehicles or name a higher rate."
        )
    distance = nearest_share(different, rate)
    found, variance, freedom = rate_at(pairs, distance)
    low, high = interval(found, 2 * variance, freedom, PROMISE)
    rates = np.unique(np.geomspace(1 / len(different), 1, CURVE))
    curve = different[np.minimum(np.ceil(rates * len(different)).astype(np.int64), len(different)) - 1]
    return Threshold(
        rate=rate,
        distance=distance,
        low=low,
        high=high,
        nearest=min(nearest_share(different, low), distance),
        farthest=max(nearest_share(different, high), distance),
        missed=float((same > distance).mean()) if len(same) else -1.0,
        vehicles=vehicles,
        pairs=len(different),
        weights=weights,
        rates=rates.tolist(),
        distances=curve.astype(float).tolist(),
    )


@dataclass(frozen=True)
class Counts:
    """Pairs of each vehicle at most so far apart, by threshold.

    Attributes:
        near: (V, T) of its pairs with other vehicles.
        pairs: (V,) all of these.
        near_own: (V, T) of the pairs of its own pictures.
        own: (V,) all of these.
    """

    near: np.ndarray
    pairs: np.ndarray
    near_own: np.ndarray
    own: np.ndarray


def count(pairs: Pairs, distances: np.ndarray) -> Counts:
    """Count each vehicle's pairs that are at most so far apart as each of the ``distances`` (T,), in rising order."""
    vehicles = int(pairs.vehicles.max(initial=-1)) + 1
    found = np.zeros((2, vehicles, len(distances) + 1), np.int64)
    for vehicle in range(vehicles):
        mine = pairs.vehicles == vehicle
        rows = pairs.distances[mine]
        for own in (0, 1):
            values = rows[:, mine == own]
            places = np.searchsorted(distances, values[~np.isnan(values)])
            found[own, vehicle] = np.bincount(places, minlength=len(distances) + 1).cumsum()
    found[1] //= 2  # both pictures of such a pair are of the vehicle
    return Counts(found[0, :, :-1], found[0, :, -1], found[1, :, :-1], found[1, :, -1])


def left_out(near: np.ndarray, pairs: np.ndarray, owners: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of near pairs (T,), and the same with each vehicle left out (V, T); NaN where no pair is left.

    ``near`` (V, T) and ``pairs`` (V,) are of `Counts`; each pair counts at as many vehicles as it has ``owners``.
    """
    total, every = near.sum(axis=0) / owners, pairs.sum() / owners
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / every, (total - near) / (every - pairs)[:, None]


def spread(without: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The jackknife's variance of shares (T,) and its degrees of freedom, from `left_out` (V, T).

    The degrees of freedom are one less than the number of vehicles if their parts in the share are normal, and fewer if
    a few vehicles have large parts.
    """
    number = len(without)
    apart = np.square(without - without.mean(axis=0))
    variance = (number - 1) / number * apart.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = number * np.square(apart).sum(axis=0) / apart.sum(axis=0) ** 2
        freedom = 2 * number / (np.where(variance > 0, kurtosis, 3.0) - 1 + 2 / (number - 1))
    return variance, np.minimum(freedom, number - 1)


def rate_at(pairs: Pairs, distance: float) -> tuple[float, float, float]:
    """The rate of false matches at a threshold, its variance over vehicles and that one's degrees of freedom.

    Pairs of different vehicles match if they are at most ``distance`` apart. NaN where there are none.
    """
    counts = count(pairs, np.array([distance]))
    rate, without = left_out(counts.near, counts.pairs, 2)
    variance, freedom = spread(without)
    return float(rate[0]), float(variance[0]), float(freedom[0])


def missed_at(pairs: Pairs, distance: float) -> tuple[float, float, float]:
    """The same for the share of pairs of one vehicle that are farther apart than ``distance``."""
    counts = count(pairs, np.array([distance]))
    near, without = left_out(counts.near_own, counts.own, 1)
    variance, freedom = spread(without)
    return 1 - float(near[0]), float(variance[0]), float(freedom[0])


def interval(rate: float, variance: float, freedom: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share that other vehicles will show, from its variance over vehicles; see `spread`.

    It is by t, on the scale of log odds. If no vehicle has such a pair, or each has only such ones, the other end is
    where that is as rare as the interval says.
    """
    from scipy import stats

    if np.isnan(rate) or not freedom > 0:
        return float("nan"), float("nan")
    if not 0 < rate < 1:
        end = 1 - ((1 - level) / 2) ** (1 / (freedom + 1))
        return (0.0, float(end)) if rate <= 0 else (float(1 - end), 1.0)
    half = stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(variance) / (rate * (1 - rate))
    odds = rate / (1 - rate) * np.exp([-half, half])
    low, high = odds / (1 + odds)
    return float(low), float(high)


def verdict(threshold: Threshold, distance: float) -> Verdict:
    """Whether two pictures at a distance show one vehicle; unsure within the interval of the threshold."""
    same = SAME if distance < threshold.nearest else DIFFERENT if distance > threshold.farthest else UNSURE
    below = np.searchsorted(threshold.distances, distance, side="right")
    rate = float(np.interp(distance, threshold.distances, threshold.rates)) if below else 0.0
    return Verdict(same, distance, rate, threshold.rates[0])


def read_threshold(folder: str | Path, weights: str = "") -> Threshold:
    """Read the threshold that lies in an index.

    Raises:
        PartregError: there is none, it is damaged, or it is of a network with other ``weights``.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise PartregError(f"{path}: no threshold yet; calibrate one by `partreg calibrate {folder} images.csv`.")
    found = Threshold.of(files.read_json(path), str(path))
    if found.weights != weights:
        raise PartregError(f"{path}: calibrated for another network; run `partreg calibrate {folder} images.csv`.")
    rising = found.rates == sorted(found.rates) and found.distances == sorted(found.distances)
    if len(found.rates) != len(found.distances) or not rising:
        raise PartregError(f"{path}: expected as many distances as rates, both rising; calibrate it again.")
    return found


def write_threshold(folder: str | Path, threshold: Threshold) -> Path:
    """Write the threshold into an index; gives the file."""
    path = Path(folder) / FILE
    files.write_json(path, asdict(threshold))
    return path

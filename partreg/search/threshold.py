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


@guarded(frozen=True)
class Threshold(Guarded):
    """A calibrated threshold, as ``threshold.json`` holds it; rates are fractions.

    Attributes:
        rate: of false matches, as the user named it.
        distance: the largest one that counts as a match; a share ``rate`` of the pairs of different vehicles match.
        low: lower end of the 95% interval of the rate that as many other vehicles will show at ``distance``.
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
            f"{self.vehicles:,} vehicles; as many other vehicles will show {self.low:.2g} to {self.high:.2g} (95%). "
            f"{missed}\nunsure from {self.nearest:.4f} to {self.farthest:.4f}."
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
    """Distances of all pairs of pictures.

    Attributes:
        distances: (N, N) float32 between pictures of different vehicles, infinite between those of one.
        same: (S,) float32 between pictures of one vehicle, each pair once.
        vehicles: (N,) numbers from 0, without gaps.
    """

    distances: np.ndarray
    same: np.ndarray
    vehicles: np.ndarray

    @property
    def different(self) -> np.ndarray:
        """Distances of the pairs of different vehicles, each pair once, in rising order."""
        rows = [row[number + 1 :] for number, row in enumerate(self.distances)]
        return np.sort(np.concatenate([row[np.isfinite(row)] for row in rows]))


def pairs_of(features: np.ndarray, vehicles: np.ndarray, source: str = "the pictures") -> Pairs:
    """Compute the distances of all pairs of pictures: features (N, D) and the vehicle of each (N,).

    Raises:
        PartregError: shapes do not fit, a feature is NaN, or there are more than `MOST` pictures or fewer than `FEWEST`
            vehicles.
    """
    features = check_features(features, source, len(vehicles))
    if len(features) > MOST:
        size = len(features) ** 2 * 4 / 1e9
        raise PartregError(
            f"{source}: the distances of {len(features):,} pictures take {size:.1f} GB; expected at most {MOST:,} "
            "pictures; list fewer vehicles."
        )
    numbers = pd.factorize(np.asarray(vehicles))[0]
    if numbers.max(initial=-1) + 1 < FEWEST:
        found = f"found {numbers.max(initial=-1) + 1}"
        raise PartregError(f"{source}: expected {FEWEST} vehicles or more to calibrate on, {found}; list more.")
    distances, same = l2(features, features), []
    for row, vehicle in enumerate(numbers):
        own = np.flatnonzero(numbers == vehicle)
        same.append(distances[row, own[own > row]])
        distances[row, own] = np.inf
    return Pairs(distances, np.concatenate(same), numbers)


def calibrate(pairs: Pairs, rate: float, weights: str = "", source: str = "the pictures") -> Threshold:
    """Choose the threshold at which a share ``rate`` of the pairs of different vehicles would match.

    The threshold is the floor(rate x pairs)-th smallest distance. Its interval is of the rate that as many *other*
    vehicles will show: twice the jackknife's variance over vehicles, once for these vehicles and once for the others,
    on the scale of log odds.

    Raises:
        PartregError: ``rate`` is not between 0 and 1, or so small that fewer than `EXPECTED` pairs decide.
    """
    if not 0 < rate < 1:
        raise PartregError(f"rate is {rate}; expected a share of pairs between 0 and 1, such as 0.01.")
    different = pairs.different
    if rate * len(different) < EXPECTED:
        raise PartregError(
            f"{source}: {len(different):,} pairs of different vehicles cannot tell a false-match rate of {rate:g}; "
            f"expected {int(np.ceil(EXPECTED / rate)):,} pairs or more; list more vehicles or name a higher rate."
        )
    distance = float(different[int(rate * len(different)) - 1])
    low, high = interval(*rate_at(pairs, distance))
    ends = [different[max(int(share * len(different)) - 1, 0)] for share in (low, high)]
    rates = np.unique(np.geomspace(1 / len(different), 1, CURVE))
    curve = different[np.minimum(np.ceil(rates * len(different)).astype(np.int64), len(different)) - 1]
    return Threshold(
        rate=rate,
        distance=distance,
        low=low,
        high=high,
        nearest=float(min(ends[0], distance)),
        farthest=float(max(ends[1], distance)),
        missed=float((pairs.same > distance).mean()) if len(pairs.same) else -1.0,
        vehicles=int(pairs.vehicles.max()) + 1,
        pairs=len(different),
        weights=weights,
        rates=rates.tolist(),
        distances=curve.astype(float).tolist(),
    )


def rate_at(pairs: Pairs, distance: float) -> tuple[float, float, float]:
    """The rate of false matches at a threshold, its variance over vehicles (jackknife), and that one's freedom.

    Pairs of different vehicles match if they are at most ``distance`` apart. The degrees of freedom are one less than
    the number of vehicles if their shares in the rate are normal, and fewer if a few vehicles have large shares.
    """
    count = np.bincount(pairs.vehicles)
    matches = np.bincount(pairs.vehicles, (pairs.distances <= distance).sum(axis=1))  # of each vehicle with all others
    possible = count * (len(pairs.vehicles) - count)
    total, every = matches.sum() / 2, possible.sum() / 2
    without = (total - matches) / (every - possible)
    apart = np.square(without - without.mean())
    variance = (len(count) - 1) / len(count) * apart.sum()
    kurtosis = len(count) * np.square(apart).sum() / apart.sum() ** 2 if variance else 3.0
    freedom = 2 * len(count) / (kurtosis - 1 + 2 / (len(count) - 1))
    return float(total / every), float(variance), min(float(freedom), len(count) - 1)


def interval(rate: float, variance: float, freedom: float) -> tuple[float, float]:
    """The 95% interval of the rate that as many other vehicles will show, on the scale of log odds; see `rate_at`."""
    from scipy import stats

    if not 0 < rate < 1:
        return rate, rate
    half = stats.t.ppf(0.975, freedom) * np.sqrt(2 * variance) / (rate * (1 - rate))
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

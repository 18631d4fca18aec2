"""Intervals and verdicts: for other trainings and other test vehicles, and what they say of a claim.

A score is measured for some trainings and some test vehicles. `contrast` gives the interval of a difference for another
training of each method *and* other test vehicles; `bootstrap_over_vehicles` that of one trained network, for other test
vehicles alone.

Each notebook of a book has its own processes, and scipy.stats takes half a second to load. So functions import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from partreg.errors import PartregError

RESAMPLES = 2_000
ENOUGH = 10  # methods from which a prior of their variances is estimated
HALF_A_POINT = 0.005  # a difference that is not worth a claim
SUPPORTED, CONTRADICTED, UNDECIDED, PENDING = "supported", "contradicted", "undecided", "not measured yet"


class Estimate(NamedTuple):
    """A mean and the ends of its 95% interval, in the unit of the values; NaN where unknown."""

    mean: float
    low: float
    high: float


class Prior(NamedTuple):
    """What is known of a variance beforehand: a typical ``variance``, worth ``freedom`` degrees of freedom."""

    variance: float = 0.0
    freedom: float = 0.0


NO_PRIOR = Prior()


@dataclass(frozen=True)
class Arm:
    """One method in a contrast.

    Attributes:
        weight: by which its mean is multiplied, such as 1 and -1 for a difference.
        values: (N,) the score of each of its trainings.
        shares: (N, V) the same by test vehicle, or empty where that is not known.
        prior: of the variance of ``values``.
    """

    weight: float
    values: np.ndarray
    shares: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    prior: Prior = NO_PRIOR


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of means and how sure it is.

    Attributes:
        mean: the estimate, in the unit of the values.
        error: its standard error; NaN where it is unknown.
        freedom: the degrees of freedom of ``error``.
    """

    mean: float
    error: float = np.nan
    freedom: float = np.nan

    def ends(self, level: float = 0.95) -> tuple[float, float]:
        """The ends of the interval that holds the truth in a share ``level`` of all experiments."""
        half = _quantile((1 + level) / 2, self.freedom) * self.error
        return self.mean - half, self.mean + half

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self.ends()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95% interval."""
        return self.ends()[1]

    @property
    def least(self) -> float:
        """The least true effect whose 95% interval leaves zero in 80% of such experiments."""
        return (_quantile(0.975, self.freedom) + _quantile(0.8, self.freedom)) * self.error


def _quantile(share: float, freedom: float) -> float:
    from scipy import stats

    return float(stats.t.ppf(share, freedom))


def contrast(arms: Sequence[Arm]) -> Contrast:
    """Estimate a weighted sum of methods' means, with its error for other trainings and other test vehicles.

    *Another training.* Trainings of one seed are no more alike than others, so the arms are not paired. Each arm's
    variance is moderated by its prior (Smyth 2004): a mean of both, weighted by their degrees of freedom.

    *Other test vehicles.* A vehicle can be easier for one method than for another. The variance of that is the variance
    over vehicles of the contrast, less what the trainings' own noise adds to it. Arms with equally many vehicles are
    contrasted vehicle by vehicle. If these are other vehicles, the estimate is right as well, because nothing connects
    them. Where an arm's ``shares`` are unknown, so is this part, and the interval holds for these test vehicles only.

    The degrees of freedom of the sum are Satterthwaite's. If the seed of the benchmark varies with that of the
    training, pass the differences seed by seed as one arm without shares: their scatter then holds all that varies.

    >>> found = contrast([Arm(1, np.array([0.5, 0.7])), Arm(-1, np.array([0.3, 0.5]))])
    >>> round(found.mean, 3), round(found.error, 3), round(found.freedom, 3)
    (0.2, 0.141, 2.0)

    Returns:
        The contrast. Without an arm or with one that has no training, all is NaN; where an arm has one training, the
        mean alone is known.
    """
    if not arms or not all(len(arm.values) for arm in arms):
        return Contrast(np.nan)
    mean = float(sum(arm.weight * np.mean(arm.values) for arm in arms))
    if any(len(arm.values) < 2 for arm in arms):
        return Contrast(mean)
    terms = [_training_term(arm) for arm in arms]
    if all(arm.shares.size for arm in arms):
        by_vehicles: dict[int, list[Arm]] = {}
        for arm in arms:
            by_vehicles.setdefault(arm.shares.shape[1], []).append(arm)
        terms += [(_vehicle_variance(group), number - 1) for number, group in by_vehicles.items()]
    variance = sum(term for term, _ in terms)
    spread = sum(term**2 / freedom for term, freedom in terms)
    return Contrast(mean, float(np.sqrt(variance)), float(variance**2 / spread) if spread else np.inf)


def difference(values: Sequence[float], baseline: Sequence[float], prior: Prior = NO_PRIOR) -> Contrast:
    """The `contrast` of two methods of which only the trainings' scores are known."""
    return contrast([Arm(1, np.asarray(values), prior=prior), Arm(-1, np.asarray(baseline), prior=prior)])


def _training_term(arm: Arm) -> tuple[float, float]:
    """What one arm's trainings add to the variance of a contrast, and its degrees of freedom."""
    freedom, prior = len(arm.values) - 1, arm.prior
    if np.isinf(prior.freedom):
        return arm.weight**2 * prior.variance / len(arm.values), np.inf
    total = prior.freedom + freedom
    variance = (prior.freedom * prior.variance + freedom * np.var(arm.values, ddof=1)) / total
    return float(arm.weight**2 * variance / len(arm.values)), total


def _vehicle_variance(arms: Sequence[Arm]) -> float:
    """What the choice of test vehicles adds to the variance of a contrast of arms with equally many of them."""
    over_vehicles = sum(arm.weight * arm.shares.mean(axis=0) for arm in arms).var(ddof=1)
    noise = sum(arm.weight**2 / len(arm.shares) * arm.shares.var(axis=0, ddof=1).mean() for arm in arms)
    number: int = arms[0].shares.shape[1]
    return max(0.0, float(over_vehicles - noise)) / number


def fit_prior(samples: Sequence[np.ndarray]) -> Prior:
    """Estimate how variances scatter from method to method, from (N,) values of trainings of each (Smyth 2004, 6.2).

    A method's variance is drawn from a scaled inverse chi-squared distribution, whose two numbers are fitted to the
    mean and the variance of the logarithms of the samples' variances.

    Returns:
        The prior; none where fewer than `ENOUGH` samples have a variance. Its degrees of freedom are infinite where the
        variances scatter no more than samples of one variance do.
    """
    from scipy import optimize, special

    samples = [sample for sample in samples if len(sample) > 1 and np.ptp(sample) > 0]
    if len(samples) < ENOUGH:
        return NO_PRIOR
    halves = np.array([len(sample) - 1 for sample in samples]) / 2
    logs = np.log([np.var(sample, ddof=1) for sample in samples]) - special.digamma(halves) + np.log(halves)
    apart = logs.var(ddof=1) - special.polygamma(1, halves).mean()
    if apart < 1e-6:
        return Prior(float(np.exp(logs.mean())), np.inf)
    half = optimize.brentq(lambda guess: special.polygamma(1, guess) - apart, 1e-6, 1e7)
    return Prior(float(np.exp(logs.mean() + special.digamma(half) - np.log(half))), 2 * half)


def verdict(found: Contrast, expect: str = "above", bound: float = 0.0) -> str:
    """What a contrast says of a claim that it lies "above" or "below" a bound, or "within" so much of zero.

    *Supported*: the whole 95% interval lies there; for "within" two one-sided tests at 5% agree, which is the 90%
    interval. *Contradicted*: the 95% interval ends before it is half a point (`HALF_A_POINT`) on the claim's side of
    the bound; for "within", it lies wholly outside. *Undecided*: neither. *Not measured yet*: there is no interval.
    """
    low, high = found.ends()
    if np.isnan(low):
        return PENDING
    if expect == "within":
        inner = found.ends(0.9)
        held, against = -bound < inner[0] and inner[1] < bound, low > bound or high < -bound
    elif expect == "above":
        held, against = low > bound, high < bound + HALF_A_POINT
    else:
        held, against = high < bound, low > bound - HALF_A_POINT
    return SUPPORTED if held else CONTRADICTED if against else UNDECIDED


class Line(NamedTuple):
    """A straight line through gains: its ``slope`` for each doubling, and the gain that it ``reaches`` at a number."""

    slope: Contrast
    reaches: Contrast


def gain_line(numbers: Sequence[int], gains: np.ndarray, at: int) -> Line:
    """Fit gains against the logarithm to base 2 of the number of training vehicles, and go on to another number.

    Each seed has its own benchmark, on which all its numbers are learnt, so a line is fitted for each seed. The
    intervals are over these lines. Beyond the largest number it is an extrapolation: the interval says how far the line
    may be off, not whether the gain goes on along a line.

    Args:
        numbers: (K,) of training vehicles, at least two different ones.
        gains: (S, K) one row for each seed; rows with NaN do not count.
        at: the number of training vehicles to go on to.

    Raises:
        PartregError: the shapes do not fit, or there are fewer than two different numbers.
    """
    gains = np.asarray(gains, dtype=np.float64)
    if gains.ndim != 2 or gains.shape[1] != len(numbers) or len(set(numbers)) < 2:
        raise PartregError(f"{gains.shape} gains at {len(numbers)} numbers of vehicles, expected a column for each.")
    whole = gains[~np.isnan(gains).any(axis=1)]
    slopes, starts = np.polyfit(np.log2(numbers), whole.T, 1) if len(whole) else np.empty((2, 0))
    return Line(contrast([Arm(1, slopes)]), contrast([Arm(1, starts + slopes * np.log2(at))]))


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

"""Intervals and verdicts: worked by hand, on simulated experiments, and against an audit of the kept trainings."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from partreg.errors import PartregError
from partreg.retrieval.statistics import (
    CONTRADICTED,
    NO_PRIOR,
    PENDING,
    SUPPORTED,
    UNDECIDED,
    Arm,
    Contrast,
    Prior,
    bootstrap_over_vehicles,
    contrast,
    difference,
    fit_prior,
    gain_line,
    verdict,
)

SCORES = st.lists(st.integers(0, 1000).map(lambda number: number / 1000), min_size=2, max_size=8)
KNOWN = Prior(0.0072**2, 5)  # about that of the kept trainings


def test_an_interval_worked_by_hand():
    one = contrast([Arm(1, np.array([0.10, 0.08, 0.09]))])
    half = 4.302652729911275 * 0.01 / math.sqrt(3)  # t at 0.975 for two degrees of freedom; the spread is 0.01
    assert (one.mean, one.low, one.high) == pytest.approx((0.09, 0.09 - half, 0.09 + half))
    assert one.least == pytest.approx((4.302652729911275 + 1.060660171779821) * 0.01 / math.sqrt(3))


def test_a_prior_is_weighted_by_its_degrees_of_freedom():
    # The spread is 0.01 with two degrees of freedom, the prior's 0.02 with four: together (2 + 16) / 6 = 3 of 1e-4.
    one = contrast([Arm(2, np.array([0.10, 0.08, 0.09]), prior=Prior(4e-4, 4))])
    assert one.error == pytest.approx(2 * math.sqrt(3e-4 / 3))
    assert (one.mean, one.freedom) == pytest.approx((0.18, 6))
    sure = contrast([Arm(1, np.array([0.10, 0.08, 0.09]), prior=Prior(4e-4, math.inf))])
    assert (sure.error, sure.high - sure.mean) == pytest.approx((0.02 / 3**0.5, 1.959963984540054 * 0.02 / 3**0.5))


def test_other_vehicles_add_what_the_trainings_noise_does_not():
    # By vehicle the difference is 1, 0, 1, 0, and no training differs from another: the variance is 1/3 over 4.
    shares = np.tile([1.0, 0.0, 1.0, 0.0], (2, 1))
    arms = [Arm(1, np.array([0.5, 0.5]), shares), Arm(-1, np.array([0.0, 0.0]), np.zeros((2, 4)))]
    assert contrast(arms).error == pytest.approx(math.sqrt(1 / 12))
    assert contrast(arms).freedom == pytest.approx(3)
    # Each training finds its own half of the vehicles: that scatters over vehicles, but is no trait of the method.
    shares = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]])
    noisy = [Arm(1, np.array([0.5, 0.5]), shares), Arm(-1, np.array([0.0, 0.0]), np.zeros((2, 4)))]
    assert contrast(noisy).error == 0
    # Other vehicles on either side cannot be paired, and both sides count.
    apart = [Arm(1, np.array([0.5, 0.5]), np.tile([1.0, 0, 1, 0], (2, 1))), Arm(-1, np.zeros(2), np.eye(2, 3))]
    assert contrast(apart).error >= math.sqrt(1 / 12)


def test_one_training_has_no_interval_and_none_has_no_mean():
    alone = difference([0.5], [0.3, 0.4])
    assert (alone.mean, alone.low) == pytest.approx((0.15, math.nan), nan_ok=True)
    assert verdict(alone) == PENDING
    assert math.isnan(difference([], [0.3, 0.4]).mean)
    assert math.isnan(contrast([]).mean)


@settings(deadline=None)  # the first example waits for scipy
@given(SCORES, SCORES)
def test_without_a_prior_it_is_welchs_interval_and_turns_round_with_the_difference(mine, theirs):
    found, turned = difference(mine, theirs), difference(theirs, mine)
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-found.mean, -found.high, -found.low))
    if np.ptp(mine) > 1e-6 and np.ptp(theirs) > 1e-6:  # scipy warns otherwise
        expected = stats.ttest_ind(mine, theirs, equal_var=False)
        ends = expected.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((ends.low, ends.high))


def simulated(rng, seeds, vehicles=300):
    """One experiment: two methods whose scores differ by one point, and the variance of each drawn from `KNOWN`."""
    arms, taste = [], 0.15 * rng.normal(size=(2, vehicles))  # how far a vehicle suits each of the two methods
    for sign, mean, suits in zip((1, -1), (0.18, 0.17), taste, strict=True):
        run = math.sqrt(KNOWN.variance * KNOWN.freedom / rng.chisquare(KNOWN.freedom)) * rng.normal(size=(seeds, 1))
        noise = 0.1 * rng.normal(size=(seeds, vehicles))
        noise -= noise.mean(axis=1, keepdims=True)  # its mean is in `run`
        shares = mean + run + suits + noise
        arms.append(Arm(sign, shares.mean(axis=1), shares, KNOWN))
    return arms


@pytest.mark.parametrize("seeds", [3, 5, 15])
def test_95_of_100_intervals_hold_the_truth_for_other_trainings_and_vehicles(seeds):
    rng = np.random.default_rng(seeds)
    held = 0
    for _ in range(2_000):
        low, high = contrast(simulated(rng, seeds)).ends()
        held += low < 0.01 < high
    assert 0.93 < held / 2_000 < 0.97


@pytest.mark.parametrize("seeds", [3, 5, 15])
def test_without_the_vehicles_too_few_intervals_hold_it(seeds):
    rng, held = np.random.default_rng(seeds), 0
    for _ in range(500):
        arms = [Arm(arm.weight, arm.values, prior=arm.prior) for arm in simulated(rng, seeds)]
        low, high = contrast(arms).ends()
        held += low < 0.01 < high
    assert held / 500 < 0.93


@pytest.mark.parametrize("seeds", [3, 5, 15])
def test_with_a_benchmark_for_each_seed_the_differences_hold_all_that_varies(seeds):
    rng = np.random.default_rng(seeds)
    gains = 0.01 + 0.012 * rng.normal(size=(2_000, seeds))
    ends = np.array([contrast([Arm(1, some)]).ends() for some in gains])
    assert 0.93 < np.mean((ends[:, 0] < 0.01) & (ends[:, 1] > 0.01)) < 0.97


def test_the_least_effect_that_can_be_seen_is_seen_in_four_of_five_experiments():
    rng = np.random.default_rng(1)
    samples = 0.01 * rng.normal(size=(2_000, 2, 8))
    least = difference(*(0.01 * np.array([[-1, 1] * 4, [-1, 1] * 4]) * math.sqrt(7 / 8))).least
    seen = np.mean([difference(mine + least, theirs).low > 0 for mine, theirs in samples])
    assert 0.77 < seen < 0.83


def test_a_prior_comes_back_from_variances_that_were_drawn_from_it():
    rng = np.random.default_rng(0)
    spreads = np.sqrt(4e-4 * 6 / rng.chisquare(6, size=(4_000, 1)))
    found = fit_prior(spreads * rng.normal(size=(4_000, 4)))
    assert found.variance == pytest.approx(4e-4, rel=0.05)
    assert found.freedom == pytest.approx(6, rel=0.12)


def test_variances_that_are_all_alike_are_known_and_few_tell_nothing():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(40, 5))
    alike = fit_prior([sample / sample.std(ddof=1) for sample in samples])
    assert alike.freedom == math.inf
    assert fit_prior(samples[:9]) == NO_PRIOR
    assert fit_prior([np.ones(5)] * 40) == NO_PRIOR


@pytest.mark.parametrize(
    ("expect", "bound", "low", "high", "says"),
    [
        ("above", 0.0, 0.001, 0.03, SUPPORTED),
        ("above", 0.0, -0.01, 0.03, UNDECIDED),
        ("above", 0.0, -0.01, 0.004, CONTRADICTED),
        ("above", 0.02, 0.01, 0.024, CONTRADICTED),
        ("below", 0.0, -0.03, -0.001, SUPPORTED),
        ("below", 0.0, -0.004, 0.01, CONTRADICTED),
        ("below", 0.0, -0.006, 0.01, UNDECIDED),
        ("within", 0.01, -0.005, 0.0105, SUPPORTED),  # its 90% interval ends at 0.0093
        ("within", 0.01, -0.005, 0.013, UNDECIDED),
        ("within", 0.01, 0.012, 0.03, CONTRADICTED),
    ],
)
def test_a_verdict_follows_from_where_the_interval_lies(expect, bound, low, high, says):
    found = Contrast((low + high) / 2, (high - low) / 2 / 1.959963984540054, math.inf)
    assert verdict(found, expect, bound) == says


def test_a_line_is_fitted_for_each_seed_and_goes_on():
    numbers = [125, 250, 500, 1000]
    slopes, starts = np.array([[0.01], [0.03], [0.02]]), np.array([[0.1], [0.2], [0.3]])
    gains = starts + slopes * np.log2(np.array(numbers) / 125)
    line = gain_line(numbers, np.vstack([gains, [0.1, math.nan, 0.1, 0.1]]), 2000)
    assert line.slope.mean == pytest.approx(0.02)
    assert line.slope.error == pytest.approx(0.01 / math.sqrt(3))
    assert line.reaches.mean == pytest.approx(0.2 + 4 * 0.02)
    assert math.isnan(gain_line(numbers, np.empty((0, 4)), 2000).slope.mean)
    with pytest.raises(PartregError, match="expected a column for each"):
        gain_line(numbers, gains[:, :3], 2000)


def test_a_line_holds_the_truth_where_seeds_share_a_benchmark():
    rng, numbers = np.random.default_rng(2), np.array([125, 250, 500, 1000, 2000])
    truth = 0.05 - 0.004 * np.log2(numbers)
    shape = (2_000, 5, 1)
    own = 0.01 * rng.normal(size=shape) + 0.002 * rng.normal(size=shape) * np.log2(numbers / 500)
    gains = truth + own + 0.01 * rng.normal(size=(2_000, 5, 5))
    ends = np.array([gain_line(list(numbers), some, 13_164).reaches.ends() for some in gains])
    there = 0.05 - 0.004 * math.log2(13_164)
    assert 0.93 < np.mean((ends[:, 0] < there) & (there < ends[:, 1])) < 0.97


def test_bootstrap_resamples_vehicles():
    # Two vehicles of three queries, one always right and one always wrong: the mean is 0, 1/2 or 1.
    values, vehicles = np.array([1.0, 1, 1, 0, 0, 0, np.nan]), np.array([1, 1, 1, 2, 2, 2, 3])
    assert bootstrap_over_vehicles(values, vehicles) == (0, 1)
    assert bootstrap_over_vehicles(np.ones(6), np.arange(6) // 2) == (1, 1)


def test_bootstrap_is_wider_over_vehicles_than_over_images():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.integers(0, 2, 50), 10).astype(float)
    low, high = bootstrap_over_vehicles(values, np.repeat(np.arange(50), 10), seed=1)
    as_images = bootstrap_over_vehicles(values, np.arange(500), seed=1)
    assert low < values.mean() < high
    assert (high - low) > 2 * (as_images[1] - as_images[0])
    assert (low, high) == bootstrap_over_vehicles(values, np.repeat(np.arange(50), 10), seed=1)


def test_bootstrap_refuses_what_does_not_fit():
    with pytest.raises(PartregError, match="at least 2"):
        bootstrap_over_vehicles(np.ones(3), np.ones(3))
    with pytest.raises(PartregError, match="one vehicle for each value"):
        bootstrap_over_vehicles(np.ones(3), np.ones(2))

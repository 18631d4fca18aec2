"""Means and their intervals: worked by hand, against scipy, and by what must hold for all numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from partreg.errors import PartregError
from partreg.retrieval.statistics import bootstrap_over_vehicles, mean_gain, mean_interval, paired_difference

SCORES = st.integers(0, 1000).map(lambda number: number / 1000)
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=8)


def test_an_interval_worked_by_hand():
    half = 4.302652729911275 * 0.01 / math.sqrt(3)  # t at 0.975 for two degrees of freedom; the spread is 0.01
    assert mean_interval([0.10, 0.08, 0.09]) == pytest.approx((0.09, 0.09 - half, 0.09 + half))
    half = 12.706204736174694 * 0.5  # one degree of freedom; the spread is sqrt(1/2), over sqrt(2)
    assert mean_interval([0, 1]) == pytest.approx((0.5, 0.5 - half, 0.5 + half))


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert mean_interval([0.5]) == pytest.approx((0.5, math.nan, math.nan), nan_ok=True)
    assert all(math.isnan(number) for number in mean_interval([]))


def test_equal_values_have_an_interval_without_width():
    assert mean_interval([0.3] * 3) == pytest.approx((0.3, 0.3, 0.3))


def test_a_difference_is_taken_pair_by_pair():
    # Both vary from seed to seed by far more than they differ.
    mine, theirs = [0.50, 0.70, 0.90], [0.40, 0.62, 0.81]
    assert paired_difference(mine, theirs) == pytest.approx(mean_interval([0.10, 0.08, 0.09]))


def test_values_without_a_partner_are_refused():
    with pytest.raises(PartregError, match="3 values and 1 to pair them with, expected as many of both"):
        paired_difference([0.1, 0.2, 0.3], [0.1])


@given(PAIRS)
def test_the_interval_is_scipys_and_turns_round_with_the_difference(pairs):
    mine, theirs = np.array(pairs).T
    mean, low, high = paired_difference(mine, theirs)
    assert low <= mean <= high
    assert paired_difference(theirs, mine) == pytest.approx((-mean, -high, -low))
    if np.ptp(mine - theirs) > 1e-6:  # scipy has no interval for equal differences
        expected = stats.ttest_rel(mine, theirs).confidence_interval(0.95)
        assert (low, high) == pytest.approx((expected.low, expected.high))


@given(PAIRS, SCORES)
def test_what_both_of_a_pair_share_drops_out(pairs, shift):
    mine, theirs = np.array(pairs).T
    each = shift * np.arange(len(mine))  # something of its own for each seed
    assert paired_difference(mine + each, theirs + each) == pytest.approx(paired_difference(mine, theirs), abs=1e-9)


def test_a_mean_gain_is_over_seeds_and_not_over_gains():
    first, second = [0.00, 0.02, 0.04], [0.20, 0.22, 0.24, 0.9]
    assert mean_gain([first, second]) == pytest.approx(mean_interval([0.10, 0.12, 0.14]))
    assert mean_gain([first] * 7) == pytest.approx(mean_interval(first))  # a gain told seven times is no surer
    assert math.isnan(mean_gain([]).mean)
    assert math.isnan(mean_gain([[0.1, 0.2], []]).mean)


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

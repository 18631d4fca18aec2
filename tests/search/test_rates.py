"""What a rate of false matches misses, with intervals over vehicles; and where the rate holds."""

import numpy as np
import pytest

from partreg.search import rates
from partreg.search.threshold import Pairs, calibrate, pairs_of, rate_at


def near_duplicates(seed, models=30, vehicles=6, images=3, width=24):
    """Features of vehicles that come in models, of which some are plain; the model and the vehicle of each picture."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(rng.normal(size=(models, width)), vehicles, axis=0)
    means = (kinds + 0.5 * rng.normal(size=kinds.shape)) * rng.uniform(0.5, 1.2, (len(kinds), 1))
    vehicle = np.repeat(np.arange(models * vehicles), images)
    found = means[vehicle] + 0.5 * rng.normal(size=(len(vehicle), width))
    return found.astype(np.float32), vehicle // vehicles, vehicle


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    features, _, vehicle = near_duplicates(1)
    return pairs_of(features, vehicle)


def test_what_a_rate_misses(pairs):
    found = rates.missed_by_rate(pairs, [0.005, 0.02])
    for place, rate in enumerate([0.005, 0.02]):
        calibrated = calibrate(pairs, rate)
        assert found.distances[place] == calibrated.distance
        assert found.missed[place] == pytest.approx(calibrated.missed)
    assert (found.low < found.missed).all()
    assert (found.missed < found.high).all()
    assert found.missed[0] > found.missed[1] > 0


def test_each_vehicle_is_left_out_with_a_threshold_of_its_own(pairs):
    found = rates.missed_by_rate(pairs, [0.02])
    for vehicle in (0, 17, 50):
        without = calibrate(pairs.of(pairs.vehicles != vehicle), 0.02)
        assert found.without[vehicle, 0] == pytest.approx(without.missed, abs=3e-3)  # between two of 400 thresholds


def test_the_interval_of_what_is_missed_holds_for_other_vehicles():
    truth = np.mean([rates.missed_by_rate(drawing(1000 + seed), [0.02]).missed[0] for seed in range(40)])
    found = [rates.missed_by_rate(drawing(seed), [0.02]) for seed in range(40)]
    assert sum(one.low[0] <= truth <= one.high[0] for one in found) >= 35
    assert np.mean([one.high[0] - one.low[0] for one in found]) < 0.2


def drawing(seed):
    """Pairs of other vehicles, drawn in the same way."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(80, 16))
    vehicle = np.repeat(np.arange(80), 3)
    return pairs_of((means[vehicle] + 0.5 * rng.normal(size=(240, 16))).astype(np.float32), vehicle)


def test_nothing_is_told_where_calibration_would_refuse(pairs):
    found = rates.missed_by_rate(pairs, [1e-9, 0.1])
    assert np.isnan([found.missed[0], found.low[0], found.distances[0]]).all()
    assert not np.isnan([found.missed[1], found.low[1], found.distances[1]]).any()
    few = rates.missed_by_rate(pairs.of(pairs.vehicles < 9), [0.1])
    assert np.isnan([*few.missed, *few.low, *few.high]).all()
    assert rates.in_halves(pairs.of(pairs.vehicles < 19), 0.1).empty
    table = rates.carried({"all": pairs.of(pairs.vehicles < 19)}, 0.1).iloc[0]
    assert np.isnan([table.low, *table.measured, *table.missed]).all()


def test_a_curve_begins_where_ten_pairs_decide(pairs):
    found = rates.curve(pairs, points=20)
    assert found.rates[0] * len(pairs.different) == pytest.approx(10)
    assert found.rates[-1] == pytest.approx(0.5)
    assert (np.diff(found.missed) <= 0).all()
    assert not np.isnan(found.missed).any()


def test_two_networks_are_compared_vehicle_by_vehicle(pairs):
    features, _, vehicle = near_duplicates(1)
    noise = 0.3 * np.random.default_rng(0).normal(size=features.shape)
    good, bad = (rates.missed_by_rate(one, [0.02]) for one in (pairs, pairs_of(features + noise, vehicle)))
    less = rates.missed_less(good, bad)
    assert less.mean == pytest.approx(bad.missed[0] - good.missed[0])
    assert 0 < less.low < less.mean < less.high
    assert less.high - less.low < (good.high - good.low + bad.high - bad.low)[0]  # they saw the same vehicles
    assert rates.missed_less(good, good) == pytest.approx((0, 0, 0))


@pytest.fixture(scope="module")
def splits(pairs):
    return rates.in_halves(pairs, 0.01)


def test_the_rate_holds_on_the_other_half_in_95_of_100_splits(pairs, splits):
    found = splits
    assert len(found) == 100
    assert found.held.sum() >= 95
    assert (found.held == ((found.low <= found.measured) & (found.measured <= found.high))).all()
    assert (found.high / found.low).median() < 8, "an interval that promises nothing is always right"
    first = rates.half(pairs.vehicles, 3)
    threshold = calibrate(pairs.of(first), 0.01)
    assert found.measured[3] == rate_at(pairs.of(~first), threshold.distance)[0]


def test_an_interval_that_forgets_the_other_half_would_not(splits):
    shares = splits[["low", "high", "measured"]]
    log_odds = np.log(shares / (1 - shares))
    narrow = (log_odds.high - log_odds.low) / 2 / np.sqrt(2) * 1.96 / 2.43  # of one half, at 95%
    middle = (log_odds.high + log_odds.low) / 2
    assert ((log_odds.measured - middle).abs() <= narrow).sum() < 95


def test_halves_are_of_vehicles():
    vehicles = np.repeat(np.arange(11), [1, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    first = rates.half(vehicles, 0)
    assert len(set(vehicles[first])) == 5
    assert not set(vehicles[first]) & set(vehicles[~first])
    assert (first != rates.half(vehicles, 1)).any()


def test_a_rate_of_all_pairs_fails_on_near_duplicates():
    features, kind, vehicle = near_duplicates(2)
    every = pairs_of(features, vehicle)
    found = rates.carried({"all": every, "alike": every.only(kind[:, None] == kind)}, 0.02)
    assert found.index.tolist() == [("all", "all"), ("all", "alike"), ("alike", "all"), ("alike", "alike")]
    crossed = found.loc["all", "alike"]
    assert crossed.measured.low > 5 * crossed.high
    assert found.loc["alike", "all"].measured.high < 0.02
    for name in ("all", "alike"):
        same = found.loc[name, name]
        assert same.low <= same.measured.mean <= same.high
        assert same.measured.low < same.measured.mean < same.measured.high
    assert found.loc["alike", "alike"].missed.mean > found.loc["all", "all"].missed.mean


def test_a_kind_without_pairs_is_unknown():
    features, _, vehicle = near_duplicates(2)
    every = pairs_of(features, vehicle)
    found = rates.carried({"all": every, "none": every.only(np.zeros((len(vehicle),) * 2, bool))}, 0.02)
    assert np.isnan(found.loc["all", "none"].measured).all()
    assert np.isnan(found.loc["none", "all"].low)
    assert found.loc["all", "all"].measured.mean > 0


def test_false_matches_by_hand():
    pairs = pairs_of(np.array([[0.0], [0.1], [1.0], [3.0]]), [0, 0, 1, 2])
    assert rates.false_matches(pairs, 1.0).tolist() == [1, 1, 2, 0]


def test_vehicles_are_drawn_whole():
    vehicles = np.repeat([7, 3, 9, 4], [2, 3, 4, 1])
    assert rates.drawn(vehicles, 10).all()
    some = rates.drawn(vehicles, 6)
    assert 0 < some.sum() <= 6
    assert not set(vehicles[some]) & set(vehicles[~some])
    assert not rates.drawn(vehicles, 0).any()

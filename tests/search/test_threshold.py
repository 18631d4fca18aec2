"""A threshold is the quantile that it should be, and its interval keeps its promise on other vehicles."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from partreg import files
from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.search import threshold as thresholds
from partreg.search.threshold import (
    PROMISE,
    Threshold,
    calibrate,
    count,
    interval,
    missed_at,
    pairs_of,
    rate_at,
    read_threshold,
    verdict,
    write_threshold,
)
from tests.search.conftest import draw

LINE = np.arange(12.0)[:, None] ** 2  # of 12 vehicles, one picture each


def vehicles_and_features(rng, vehicles=100, images=3, width=32, noise=0.3):
    """Features of vehicles with means of their own, and the vehicle of each."""
    means = rng.standard_normal((vehicles, width), dtype=np.float32)
    drawn = noise * rng.standard_normal((vehicles * images, width), dtype=np.float32)
    return np.repeat(means, images, axis=0) + drawn, np.repeat(np.arange(vehicles), images)


def test_the_pairs_by_hand():
    features = np.concatenate([LINE, [[4.5]]])
    pairs = pairs_of(features, [*range(12), 2])
    assert pairs.same.tolist() == [0.5]
    assert len(pairs.different) == 13 * 12 / 2 - 1
    assert pairs.different[:5].tolist() == pytest.approx([1, 3, 3.5, 4, 4.5])


def test_pairs_that_do_not_count_are_nowhere():
    features = np.concatenate([LINE, [[4.5]]])
    pairs = pairs_of(features, [*range(12), 2])
    kept = np.ones((13, 13), bool)
    kept[0] = kept[:, 0] = kept[2, 12] = kept[12, 2] = False
    some = pairs.only(kept)
    assert some.same.size == 0
    assert len(some.different) == 12 * 11 / 2 - 1
    counts = count(some, np.array([1.0, 3.0]))
    assert counts.near[:3].tolist() == [[0, 0], [0, 1], [0, 1]]  # the pictures lie at 1 and 4; 0 and 4.5 do not count
    assert counts.own.sum() == 0
    rest = pairs.of(np.arange(13) > 0)
    assert rest.vehicles.tolist() == [*range(11), 1]
    assert rest.same.tolist() == [0.5]


def test_the_share_that_is_missed_and_its_variance():
    rng = np.random.default_rng(3)
    features, vehicles = vehicles_and_features(rng, 12, 3, 4)
    found = [
        [np.linalg.norm(a - b) > 1 for i, a in enumerate(own) for b in own[:i]]
        for own in (features[vehicles == vehicle] for vehicle in range(12))
    ]
    without = np.array([np.mean(found[:out] + found[out + 1 :]) for out in range(12)])
    missed, variance, _ = missed_at(pairs_of(features, vehicles), 1.0)
    assert 0 < missed < 1
    assert missed == pytest.approx(np.mean(found))
    assert variance == pytest.approx(11 / 12 * np.square(without - without.mean()).sum())


def test_an_interval_where_no_pair_or_every_pair_counts():
    low, high = interval(0.0, 0.0, 99)
    assert low == 0
    assert (1 - high) ** 100 == pytest.approx(0.025)  # of 100 vehicles none had such a pair
    assert interval(1.0, 0.0, 99) == pytest.approx((1 - high, 1))
    assert interval(0.3, 0.0, 99) == pytest.approx((0.3, 0.3))
    assert np.isnan(interval(float("nan"), 0.1, 5)).all()
    assert np.isnan(interval(0.0, 0.0, 0)).all()  # of one vehicle


def test_the_threshold_by_hand():
    found = calibrate(pairs_of(LINE, range(12)), 0.16)
    assert found.pairs == 66
    squares = sorted(float(abs(a - b)) for i, a in enumerate(LINE[:, 0]) for b in LINE[:i, 0])
    assert found.distance == squares[int(0.16 * 66) - 1]
    assert found.vehicles == 12
    assert found.missed == -1
    assert (found.rates[0], found.distances[0]) == (pytest.approx(1 / 66), squares[0])
    assert (found.rates[-1], found.distances[-1]) == (pytest.approx(1), squares[-1])
    assert found.low < 10 / 66 < found.high
    assert found.nearest <= found.distance <= found.farthest


def test_the_variance_is_that_of_leaving_each_vehicle_out():
    rng = np.random.default_rng(3)
    features, vehicles = vehicles_and_features(rng, 12, 3, 4)
    vehicles[5] = 11  # vehicles with other numbers of pictures
    rate, variance, freedom = rate_at(pairs_of(features, vehicles), 2.0)

    def plain(kept):
        near = every = 0
        for i in kept:
            for j in kept:
                if i < j and vehicles[i] != vehicles[j]:
                    every += 1
                    near += np.linalg.norm(features[i] - features[j]) <= 2.0
        return near / every

    without = np.array([plain(np.flatnonzero(vehicles != vehicle)) for vehicle in range(12)])
    assert rate == pytest.approx(plain(range(36)))
    assert variance == pytest.approx(11 / 12 * np.square(without - without.mean()).sum())
    assert freedom == 11  # the shares are no more spread than normal ones


def test_the_rate_of_other_vehicles_lies_in_the_interval_95_times_in_100():
    inside, unsure = 0, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        learnt, others = (pairs_of(*vehicles_and_features(rng)) for _ in range(2))
        found = calibrate(learnt, 0.01)
        rate, _, _ = rate_at(others, found.distance)
        inside += found.low <= rate <= found.high
        unsure.append(found.high / found.low)
    assert inside >= 95
    assert np.median(unsure) < 10, "an interval that promises nothing is always right"


def test_a_vehicle_like_all_others_takes_freedom():
    rng = np.random.default_rng(0)
    features, vehicles = vehicles_and_features(rng, 40)
    features[vehicles == 7] = features.mean(axis=0)
    assert rate_at(pairs_of(features, vehicles), 7.0)[2] < 10


def test_an_interval_over_pairs_would_break_that_promise():
    inside = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        learnt, others = (pairs_of(*vehicles_and_features(rng)) for _ in range(2))
        found = calibrate(learnt, 0.01)
        low, high = interval(0.01, 2 * 0.01 * 0.99 / found.pairs, found.pairs, PROMISE)
        inside += low <= rate_at(others, found.distance)[0] <= high
    assert inside < 15


def test_verdicts():
    found = calibrate(pairs_of(LINE, range(12)), 0.16)
    said = [verdict(found, distance).same for distance in (found.nearest - 0.1, found.distance, found.farthest + 0.1)]
    assert said == ["yes", "unsure", "no"]
    assert verdict(found, 0.5).rate == 0
    assert "less than 0.02 of the pairs" in str(verdict(found, 0.5))
    assert verdict(found, found.distances[-1] + 1).rate == pytest.approx(1)
    assert verdict(found, found.distance).rate == pytest.approx(0.16, abs=0.02)


def test_it_does_not_depend_on_the_order_or_the_names():
    rng = np.random.default_rng(0)
    features, vehicles = vehicles_and_features(rng, 30)
    order = rng.permutation(len(vehicles))
    one, two = (
        calibrate(pairs_of(f, v), 0.05) for f, v in [(features, vehicles), (features[order], 7 * vehicles[order])]
    )
    assert two.distance == pytest.approx(one.distance, rel=1e-6)
    assert (two.low, two.high, two.missed) == pytest.approx((one.low, one.high, one.missed))


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_a_rate_is_a_share(rate):
    with pytest.raises(PartregError, match="expected a share of pairs between 0 and 1"):
        calibrate(pairs_of(LINE, range(12)), rate)


def test_too_little_to_calibrate_on_is_refused(monkeypatch):
    with pytest.raises(PartregError, match=r"a\.csv: 66 pairs .* of 0\.01; expected 1,000 pairs or more"):
        calibrate(pairs_of(LINE, range(12)), 0.01, source="a.csv")
    with pytest.raises(PartregError, match="expected 10 vehicles or more to calibrate on, found 4"):
        calibrate(pairs_of(LINE, np.arange(12) // 3), 0.5)
    few = np.isin(np.arange(12), (3, 7))
    with pytest.raises(PartregError, match="expected 10 vehicles or more to calibrate on, found 2"):
        calibrate(pairs_of(LINE, range(12)).only(few[:, None] & few), 0.5)  # the others are in no pair
    with pytest.raises(PartregError, match="hold NaN"):
        pairs_of(LINE * np.nan, range(12))
    monkeypatch.setattr(thresholds, "MOST", 11)
    with pytest.raises(PartregError, match=r"the distances of 12 pictures take 0\.0 GB; expected at most 11 pictures"):
        pairs_of(LINE, range(12))


def test_it_is_read_as_it_was_written(tmp_path):
    found = calibrate(pairs_of(LINE, range(12)), 0.16, weights="abc")
    path = write_threshold(tmp_path, found)
    assert read_threshold(tmp_path, "abc") == found
    with pytest.raises(PartregError, match="calibrated for another network"):
        read_threshold(tmp_path, "abd")
    with pytest.raises(PartregError, match=r"none/threshold\.json: no threshold yet; calibrate one by"):
        read_threshold(tmp_path / "none")
    values = json.loads(path.read_text())
    for change, words in [
        ({"distance": -1}, "distance is -1; expected a number of at least 0"),
        ({"rates": []}, "rates is"),
        ({"distances": values["distances"][::-1]}, "expected as many distances as rates, both rising"),
        ({"more": 1}, "'more' is unknown"),
    ]:
        files.write_json(path, values | change)
        with pytest.raises(PartregError, match=words):
            read_threshold(tmp_path, "abc")
    assert isinstance(found, Threshold)


def test_from_pictures_to_a_verdict(pictures, network, tmp_path):
    from partreg.search.index import index_folder

    lines = ["path,vehicle,split"]
    for vehicle in range(12):
        for number in range(2):
            draw(pictures / f"{vehicle}_{number}.png", 100 + vehicle)
            lines.append(f"{vehicle}_{number}.png,{vehicle},query")
    draw(pictures / "learnt.png", 100)
    (pictures / "images.csv").write_text("\n".join([*lines, "learnt.png,99,train"]) + "\n")
    folder = index_folder(pictures, network).index.folder

    def run(*words):
        return CliRunner().invoke(commands, list(map(str, words)))

    refused = run("same", folder, pictures / "0_0.png", pictures / "0_1.png")
    assert "no threshold yet" in str(refused.exception)
    done = run("calibrate", folder, pictures / "images.csv", "--rate", 0.1)
    assert done.exit_code == 0, done.output
    assert "from 264 pairs of 12 vehicles" in done.output
    assert "0.0% of the pairs of one vehicle are farther" in done.output
    first = run("same", folder, pictures / "0_0.png", pictures / "0_1.png")
    assert first.output.startswith("yes: distance 0.0000; less than 0.004 of the pairs")
    index = thresholds.read_threshold(folder, json.loads((folder / "index.json").read_text())["weights"])
    far = max(
        (
            json.loads(run("same", folder, pictures / "0_0.png", pictures / f"{k}_0.png", "--json").output)
            for k in (3, 7)
        ),
        key=lambda said: said["distance"],
    )
    assert far["same"] == verdict(index, far["distance"]).same

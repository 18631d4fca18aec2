import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines.spacetime import GAP, PRIOR, TransitionModel, distances, places, training_tracks
from partreg.errors import PartregError

DISTANCES = pd.DataFrame([[0.0, 100, 400], [100, 0, 200], [400, 200, 0]], index=[1, 2, 5], columns=[1, 2, 5])
DECADE = np.log(10)


def seen(*rows):
    """Images by (vehicle, camera, time)."""
    return pd.DataFrame(rows, columns=["vehicle", "camera", "time"])


def test_provid_relation_by_hand():
    train = seen((1, 1, 500), (2, 2, 1500), (3, 1, -1))  # Tmax is 1000, the unknown time is none
    found = distances(seen((0, 1, 100)), seen((0, 2, 600), (0, 5, 350), (0, 1, 900), (0, 5, 5000)), DISTANCES, train)
    assert found.tolist() == [[0.5 * 0.25, 0.25 * 1, 0.8 * 0, 1.0]]


@pytest.mark.parametrize("unknown", [(0, -1, 300), (0, 2, -1), (0, 77, 300)])
def test_provid_relation_is_the_mean_where_it_is_unknown(unknown):
    train, known = seen((1, 1, 0), (2, 2, 1000)), [(0, 5, 200), (0, 5, 800)]
    assert distances(seen((0, 1, 0)), seen(known[0], unknown, known[1]), DISTANCES, train).tolist() == [[0.2, 0.5, 0.8]]
    assert distances(seen(unknown), seen(*known), DISTANCES, train).tolist() == [[0, 0]]


def test_provid_relation_needs_a_scale():
    with pytest.raises(PartregError, match="longest time between training images is 0 and"):
        distances(seen((0, 1, 0)), seen((0, 1, 0)), DISTANCES, seen((1, 1, -1)))
    with pytest.raises(PartregError, match="largest distance of two cameras 0"):
        distances(seen((0, 1, 0)), seen((0, 1, 0)), DISTANCES * 0, seen((1, 1, 0), (1, 2, 9)))


def test_places_go_by_the_numbers_of_the_cameras():
    assert places(seen((0, 5, 0), (0, 3, 0), (0, 1, 0), (0, -1, 0)), DISTANCES).tolist() == [2, -1, 0, -1]


def test_training_tracks_end_with_the_vehicle_the_camera_or_a_break():
    images = seen((4, 2, 30), (4, 1, 20), (4, 1, 20 + GAP), (4, 1, 21 + 2 * GAP), (3, 2, 25), (4, 1, 10))
    assert training_tracks(images).tolist() == [3, 1, 1, 2, 0, 1]
    assert training_tracks(images[:0]).tolist() == []


# Vehicles 1 and 2 take 10^2 and 10^4 from camera 1 to 2 or back, vehicle 3 takes 10^6 between 5 and 7.
TRAIN = seen(
    (1, 1, 0), (1, 2, 100), (2, 2, 0), (2, 1, 10_000), (3, 5, 0), (3, 7, 10**6), (4, 5, 9), (5, -1, 5), (5, 1, 9)
)


def test_log_normal_fit_by_hand():
    model = TransitionModel.fit(TRAIN)
    assert model.cameras.tolist() == [1, 2, 5, 7]
    # In decades: all times have mean 4 and variance 8/3; those of 1 and 2 mean 3, mean square 10; that of 5 and 7 is 6.
    mean, square = np.full((5, 5), 4.0), np.full((5, 5), 8 / 3 + 16)
    mean[0, 1] = mean[1, 0] = (2 * 3 + PRIOR * 4) / (2 + PRIOR)
    square[0, 1] = square[1, 0] = (2 * 10 + PRIOR * (8 / 3 + 16)) / (2 + PRIOR)
    mean[2, 3] = mean[3, 2] = (6 + PRIOR * 4) / (1 + PRIOR)
    square[2, 3] = square[3, 2] = (36 + PRIOR * (8 / 3 + 16)) / (1 + PRIOR)
    np.testing.assert_allclose(model.mean, mean * DECADE, rtol=1e-12)
    np.testing.assert_allclose(model.deviation, np.sqrt(square - mean**2) * DECADE, rtol=1e-12)


def test_every_two_tracks_of_a_vehicle_count_at_their_mean_times():
    model = TransitionModel.fit(seen((1, 1, 0), (1, 1, 20), (1, 2, 110), (1, 5, 1010), (2, 9, 7)))
    logs = np.log([100, 1000, 900])  # 1 to 2, 1 to 5, 2 to 5
    np.testing.assert_allclose(model.mean[-1, -1], logs.mean())
    np.testing.assert_allclose(model.mean[0, 2], (logs[1] + PRIOR * logs.mean()) / (1 + PRIOR))


def test_a_camera_that_is_passed_twice_counts_once():
    model, logs = TransitionModel.fit(seen((1, 1, 0), (1, 1, 1000), (2, 1, 0), (2, 2, 10))), np.log([1000, 10])
    np.testing.assert_allclose(model.mean[0, 0], (logs[0] + PRIOR * logs.mean()) / (1 + PRIOR))


def test_many_times_outweigh_those_of_the_other_cameras():
    chance = np.random.default_rng(0)
    rows = [(v, c, t) for v, s in enumerate(chance.normal(5, 0.3, 2000)) for c, t in ((1, 0), (2, round(np.exp(s))))]
    model = TransitionModel.fit(seen(*rows, (9000, 5, 0), (9000, 7, 10**6)))
    assert model.mean[0, 1] == pytest.approx(5, abs=0.03)
    assert model.deviation[0, 1] == pytest.approx(0.3, abs=0.03)


def test_equal_times_leave_a_deviation():
    model = TransitionModel.fit(seen((1, 1, 0), (1, 2, 100), (2, 1, 0), (2, 2, 100)))
    assert (model.deviation > 0).all()
    assert np.isfinite(model.probability(seen((0, 1, 0)), seen((0, 2, 0), (0, 2, 10**8)))).all()


def test_probability_is_1_at_the_mode_and_falls_on_both_sides():
    model = TransitionModel(np.array([1, 2]), np.full((3, 3), np.log(1000) + 0.25), np.full((3, 3), 0.5))
    times = [1, 10, 100, 500, 1000, 2000, 5000, 10**6]
    found = model.probability(seen((0, 1, 0)), seen(*[(0, 2, time) for time in times]))[0]
    assert found[4] == pytest.approx(1)
    assert (np.diff(found[:5]) > 0).all()
    assert (np.diff(found[4:]) < 0).all()
    assert found[5] == pytest.approx(np.exp(-2 * np.log(2) ** 2))


def test_probability_is_a_log_normal_density_over_its_maximum():
    from scipy.stats import lognorm

    model, times = TransitionModel.fit(TRAIN), np.geomspace(1, 10**7, 30).astype(int)
    found = model.probability(seen((0, 1, 0)), seen(*[(0, 2, time) for time in times]))[0]
    density = lognorm(s=model.deviation[0, 1], scale=np.exp(model.mean[0, 1])).pdf
    mode = np.exp(model.mean[0, 1] - model.deviation[0, 1] ** 2)
    np.testing.assert_allclose(found, density(times) / density(mode), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.just(0), st.sampled_from([-1, 1, 2, 5, 7, 99]), st.integers(-1, 10**8)), min_size=1))
def test_probability_is_symmetric_in_range_and_even_where_unknown(rows):
    found = TransitionModel.fit(TRAIN).probability(seen(*rows), seen(*rows))
    assert (found == found.T).all()
    assert found.min() >= 0
    assert found.max() <= 1
    unknown = np.array([camera < 0 or time < 0 for _, camera, time in rows])
    assert (found[unknown] == 0.5).all()


def test_a_camera_that_was_never_seen_has_the_overall_times():
    model = TransitionModel.fit(TRAIN)
    one, other = seen((0, 99, 0)), seen((0, 1, 3000))
    expected = np.exp(-((np.log(3000) - 4 * DECADE + 8 / 3 * DECADE**2) ** 2) / (2 * 8 / 3 * DECADE**2))
    assert model.probability(one, other)[0, 0] == pytest.approx(expected)


def test_fit_needs_a_vehicle_that_was_seen_twice():
    with pytest.raises(PartregError, match="no training vehicle has two tracks"):
        TransitionModel.fit(seen((1, 1, 5), (2, 1, 7), (1, -1, 9), (1, 2, -1)))

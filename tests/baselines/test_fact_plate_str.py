import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import fact_plate_snn, fact_plate_str
from partreg.baselines.fact_plate_str import WEIGHT, ranked_again


def test_the_shortlist_by_hand(monkeypatch):
    monkeypatch.setattr(fact_plate_str, "SHORTLIST", 2)
    found = ranked_again(np.array([[1.0, 0.5, 4, 3]]), np.array([[0.0, 0.3, 0.0, 0.6]]))
    # 1 and 0.5 are the list, whose largest are 1 and 0.3; 4 and 3 keep their order behind it.
    expected = [1 - WEIGHT, (1 - WEIGHT) * 0.5 + WEIGHT, 6, 5]
    np.testing.assert_allclose(found, [expected])


def test_the_list_is_scaled_by_itself_whatever_lies_behind(monkeypatch):
    monkeypatch.setattr(fact_plate_str, "SHORTLIST", 2)
    near, relation = [0.2, 0.4], [0.5, 0.1]
    expected = [0.9 * 0.5 + 0.1, 0.9 + 0.1 * 0.2]
    for behind, far in ((0.5, 0.0), (1e6, 1e3)):
        found = ranked_again(np.array([[*near, behind]]), np.array([[*relation, far]]))
        np.testing.assert_allclose(found[0, :2], expected)


def test_what_the_coarse_filter_left_out_is_not_taken_for_a_distance(monkeypatch):
    monkeypatch.setattr(fact_plate_snn, "SHORTLIST", 0.25)
    chance = np.random.default_rng(0)
    fact, plates, relation = (chance.random((3, 8)) for _ in range(3))
    before = fact_plate_snn.ranked_again(fact, plates)  # two of eight are let through
    found = ranked_again(before, relation)
    assert (found < 2).sum(1).tolist() == [2, 2, 2]
    for row, values in enumerate(found):
        near = np.flatnonzero(values < 2)
        joined = (
            0.9 * before[row, near] / before[row, near].max() + 0.1 * relation[row, near] / relation[row, near].max()
        )
        np.testing.assert_allclose(values[near], joined)
        behind = np.flatnonzero(values >= 2)
        assert (values[behind].argsort() == before[row, behind].argsort()).all()


def test_time_and_place_decide_between_equally_near_images():
    assert ranked_again(np.ones((1, 3)), np.array([[0.3, 0.1, 0.2]]))[0].argsort().tolist() == [1, 2, 0]


def test_no_relation_leaves_the_order():
    before = np.random.default_rng(0).random((3, 300))
    assert (ranked_again(before, np.zeros((3, 300))).argsort(1) == before.argsort(1)).all()
    assert ranked_again(np.zeros((1, 2)), np.zeros((1, 2))).tolist() == [[0, 0]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_the_shortlist_stays_ahead_and_the_rest_in_order(seed, number):
    chance = np.random.default_rng(seed)
    before, relation = chance.random((2, number)), chance.random((2, number))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_plate_str, "SHORTLIST", number // 2)
        found = ranked_again(before, relation)
    order, cut = before.argsort(1), number // 2
    after = found.argsort(1)
    assert (np.sort(after[:, :cut]) == np.sort(order[:, :cut])).all()
    assert (after[:, cut:] == order[:, cut:]).all()
    assert (np.take_along_axis(found, order[:, :cut], 1) <= 1).all()
    assert np.isfinite(found).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_longer_time_never_brings_an_image_nearer(seed):
    chance = np.random.default_rng(seed)
    before, relation = chance.random((1, 6)), chance.random((1, 6))
    relation[0, 5] = 1  # keeps the scale
    longer = relation.copy()
    longer[0, 2] += (1 - longer[0, 2]) * chance.random()
    assert ranked_again(before, longer)[0, 2] >= ranked_again(before, relation)[0, 2]

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import fact_plate_str
from partreg.baselines.fact_plate_str import WEIGHT, distances


def test_the_shortlist_by_hand(monkeypatch):
    monkeypatch.setattr(fact_plate_str, "SHORTLIST", 2)
    found = distances(np.array([[2.0, 1, 4, 3]]), np.array([[0.0, 0.3, 0.0, 0.6]]))
    expected = [(1 - WEIGHT) * 0.5, (1 - WEIGHT) * 0.25 + WEIGHT * 0.5, 3, 2.75]
    np.testing.assert_allclose(found, [expected])


def test_time_and_place_decide_between_equally_near_images():
    assert distances(np.ones((1, 3)), np.array([[0.3, 0.1, 0.2]]))[0].argsort().tolist() == [1, 2, 0]


def test_no_relation_leaves_the_order():
    before = np.random.default_rng(0).random((3, 300))
    assert (distances(before, np.zeros((3, 300))).argsort(1) == before.argsort(1)).all()
    assert distances(np.zeros((1, 2)), np.zeros((1, 2))).tolist() == [[0, 0]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_the_shortlist_stays_ahead_and_the_rest_in_order(seed, number):
    chance = np.random.default_rng(seed)
    before, relation = chance.random((2, number)), chance.random((2, number))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_plate_str, "SHORTLIST", number // 2)
        found = distances(before, relation)
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
    assert distances(before, longer)[0, 2] >= distances(before, relation)[0, 2]

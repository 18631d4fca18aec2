import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partreg.baselines import fact_plate_rec, fact_plate_snn

NAN = np.nan
FINITE = st.floats(0, 10, allow_nan=False, width=32)


def test_images_of_the_plate_that_is_read_come_first():
    fact = np.array([[1.0, 2.0, 5.0, 3.0], [4.0, 3.0, 2.0, 1.0]])
    found = fact_plate_rec.plates_first(fact, ["AB123", ""], ["AB128", "AB123", "AB123", ""])
    # FACT runs from 1 to 5, so that 1 becomes 0, 2 becomes 1/4 and so on
    assert found.tolist() == [[2.0, 0.25, 1.0, 2.5], [2.75, 2.5, 2.25, 2.0]]
    assert found[0].argsort().tolist() == [1, 2, 0, 3]


def test_two_images_without_a_plate_do_not_match():
    fact = np.array([[1.0, 0.0]])
    assert fact_plate_rec.plates_first(fact, [""], ["", ""]).tolist() == [[3.0, 2.0]]
    assert fact_plate_rec.plates_first(fact, ["A"], ["A", ""]).tolist() == [[1.0, 2.0]]


def test_unit():
    assert fact_plate_rec.unit(np.array([[2.0, 4.0], [3.0, 2.5]])).tolist() == [[0.0, 1.0], [0.5, 0.25]]
    assert fact_plate_rec.unit(np.full((2, 2), 7.0)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert fact_plate_rec.unit(np.zeros((0, 3))).shape == (0, 3)


@given(arrays(np.float32, (3, 5), elements=FINITE), st.lists(st.sampled_from(["", "A", "B"]), min_size=8, max_size=8))
def test_facts_order_holds_among_matches_and_among_the_others(fact, texts):
    found = fact_plate_rec.plates_first(fact, texts[:3], texts[3:])
    for row, text in enumerate(texts[:3]):
        match = np.array([text == other and text != "" for other in texts[3:]])
        assert found[row][match].max(initial=0) < found[row][~match].min(initial=2.1)
        for group in (match, ~match):
            first = found[row][group][fact[row][group].argsort(kind="stable")]
            assert (np.diff(first) >= 0).all()


def test_plates_re_rank_the_shortlist_only(monkeypatch):
    monkeypatch.setattr(fact_plate_snn, "SHORTLIST", 0.6)
    monkeypatch.setattr(fact_plate_snn, "WEIGHT", 0.75)
    fact = np.array([[0.0, 4.0, 8.0, 2.0, 6.0]])  # unit: 0, 1/2, 1, 1/4, 3/4
    snn = np.array([[1.0, 0.0, 0.0, NAN, 0.0]])
    # the three nearest are 0, 3 and 1: 1/4 * 0 + 3/4 * 1, appearance alone, 1/4 * 1/2 + 3/4 * 0
    assert fact_plate_snn.ranked_again(fact, snn).tolist() == [[0.75, 0.125, 3.0, 0.25, 2.75]]


def test_a_query_without_a_plate_is_ranked_by_its_appearance():
    fact = np.array([[3.0, 1.0, 2.0], [0.0, 4.0, 1.0]])
    found = fact_plate_snn.ranked_again(fact, np.full((2, 3), NAN))
    assert (found.argsort(1) == fact.argsort(1)).all()
    assert np.isfinite(found).all()


def test_the_shortlist_takes_equals_in_the_gallerys_order(monkeypatch):
    monkeypatch.setattr(fact_plate_snn, "SHORTLIST", 0.5)
    found = fact_plate_snn.ranked_again(np.array([[1.0, 0.0, 1.0, 1.0]]), np.zeros((1, 4)))
    assert found.tolist() == [[0.5, 0.0, 3.0, 3.0]]


@pytest.mark.parametrize(("gallery", "count"), [(1, 1), (10, 1), (11, 2), (40, 4)])
def test_the_shortlist_is_a_tenth_of_the_gallery(gallery, count):
    fact = np.arange(gallery, dtype=float)[None, ::-1]
    found = fact_plate_snn.ranked_again(fact, np.ones((1, gallery)))
    assert (found < 2).sum() == count
    assert (found[0, -count:] < 2).all()


@given(arrays(np.float32, (2, 12), elements=FINITE), arrays(np.float32, (2, 12), elements=st.floats(0, 1, width=32)))
def test_what_the_filter_leaves_out_keeps_its_order_behind(fact, snn):
    found = fact_plate_snn.ranked_again(fact, snn)
    assert ((found >= 0) & (found <= 3)).all()
    for row, values in enumerate(found):
        behind = values >= 2
        assert behind.sum() == 10
        assert fact[row][~behind].max() <= fact[row][behind].min()
        assert (np.diff(values[behind][fact[row][behind].argsort(kind="stable")]) >= 0).all()

"""CMC, AP and HIT against numbers worked by hand, and against references that are slow and obvious."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_reference import slow_average_precision, slow_group_rank, slow_order

from partreg.errors import PartregError
from partreg.retrieval.metrics import (
    AP_RULES,
    TIES,
    MatchRanks,
    average_precision,
    cmc,
    group_ranks,
    match_ranks,
    mean_average_precision,
)


def columns(mask: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(row) for row in mask]


def rank_all(distances, query_ids, gallery_ids, query_cameras=None, gallery_cameras=None) -> MatchRanks:
    same = np.equal.outer(query_ids, gallery_ids)
    junk = np.zeros_like(same) if query_cameras is None else same & np.equal.outer(query_cameras, gallery_cameras)
    return match_ranks(np.array(distances, dtype=np.float32), columns(same & ~junk), columns(junk))


def test_cmc_of_five_queries_with_one_match_each():
    distances = [[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4, 0]]
    ranks = rank_all(distances, range(5), range(5))
    assert ranks.first().tolist() == [1, 1, 3, 4, 1]
    assert cmc(ranks.first(), 5).tolist() == [0.6, 0.6, 0.8, 1, 1]


def test_cmc_counts_the_first_match_only():
    ranks = rank_all([[0, 1, 2, 3]] * 4, [0, 0, 1, 1], [0, 0, 1, 1])
    assert cmc(ranks.first(), 4).tolist() == [0.5, 0.5, 1, 1]


def test_cmc_without_the_query_camera():
    ranks = rank_all([[0, 1, 2, 3, 4]] * 5, [0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0] * 5, [0, 1, 1, 1, 1])
    assert cmc(ranks.first(), 5).tolist() == [0.6, 0.6, 0.6, 1, 1]


def test_the_worked_example_of_the_protocols_page():
    # Nearest first: junk, match, wrong, match, wrong, wrong, match. Without junk the matches stand at 1, 3 and 6.
    ranks = match_ranks(np.arange(7.0)[None], [np.array([1, 3, 6])], [np.array([0])])
    assert ranks.stable.tolist() == [1, 3, 6]
    assert average_precision(ranks, "rectangular")[0] == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert average_precision(ranks, "trapezoidal")[0] == pytest.approx(
        ((1 + 1) / 2 + (1 / 2 + 2 / 3) / 2 + (2 / 5 + 3 / 6) / 2) / 3
    )
    assert average_precision(ranks, "sklearn")[0] == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)


def test_ties_by_hand():
    # Columns 0 to 3 at one distance, of which 1 and 3 match; column 4 is junk at the same distance.
    ranks = match_ranks(np.array([[2.0, 2, 2, 2, 2]]), [np.array([1, 3])], [np.array([4])])
    assert ranks.stable.tolist() == [2, 4]
    assert ranks.relevant.tolist() == [1, 2]
    assert ranks.together.tolist() == [4, 4]
    assert average_precision(ranks, "sklearn")[0] == pytest.approx(2 / 4)
    assert average_precision(ranks, "rectangular")[0] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert average_precision(ranks, "rectangular", ties="relevant")[0] == 1


def test_ties_as_scikit_learn_1_9_counts_them():
    # average_precision_score([0, 1, 1, 0, 1, 0, 1], [9, 9, 8, 7, 7, 7, 1])
    ranks = match_ranks(-np.array([[9.0, 9, 8, 7, 7, 7, 1]]), [np.array([1, 2, 4, 6])])
    assert average_precision(ranks, "sklearn")[0] == pytest.approx(0.5595238095238095, abs=1e-15)
    assert average_precision(ranks, "rectangular")[0] == pytest.approx((1 / 2 + 2 / 3 + 3 / 5 + 4 / 7) / 4)


def test_a_query_without_a_match_is_left_out():
    ranks = match_ranks(np.array([[0.0, 1], [0, 1]]), [np.array([1]), np.array([], dtype=int)])
    assert ranks.first().tolist() == [2, 0]
    values = average_precision(ranks)
    assert values[0] == 0.5
    assert np.isnan(values[1])
    assert mean_average_precision(values) == 0.5
    assert cmc(ranks.first(), 2).tolist() == [0, 1]


def test_no_query_with_a_match_is_an_error():
    with pytest.raises(PartregError, match="no query has a match"):
        cmc(np.zeros(3, dtype=int), 5)
    with pytest.raises(PartregError, match="no query has a match"):
        mean_average_precision(np.full(3, np.nan))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_distances_must_be_finite(value):
    distances = np.array([[0.0, value, 2.0]])
    with pytest.raises(PartregError, match="NaN or infinite"):
        match_ranks(distances, [np.array([0])], [np.array([2])])
    assert match_ranks(distances, [np.array([0])], [np.array([1])]).stable.tolist() == [1], "junk may be anything"


def test_shapes_must_fit():
    with pytest.raises(PartregError, match="one list of matches and of junk"):
        match_ranks(np.zeros((2, 3)), [np.array([0])])


@pytest.mark.parametrize("arguments", [{"rule": "oxford"}, {"ties": "random"}])
def test_rules_must_be_known(arguments):
    ranks = match_ranks(np.zeros((1, 1)), [np.array([0])])
    with pytest.raises(PartregError, match="expected one of"):
        average_precision(ranks, **arguments)


def test_groups_by_hand():
    # Tracks: 0 = columns 0, 1; 1 = columns 2, 3 (the match); 2 = column 4 (junk); 3 = column 5.
    distances = np.array(
        [[0.3, 0.4, 0.9, 0.5, 0.0, 0.6], [0.5, 0.8, 0.5, 0.9, 0.0, 0.6], [0.9, 0.8, 0.5, 0.9, 0.0, 0.5]]
    )
    good, junk, groups = [np.array([2, 3])] * 3, [np.array([4])] * 3, np.array([0, 0, 1, 1, 2, 3])
    ranks = match_ranks(distances, good, junk)
    # Behind track 0; tied with track 0, which has the lower number; tied with track 3, which has the higher one.
    assert group_ranks(distances, good, junk, groups, ranks).tolist() == [2, 2, 1]


@st.composite
def retrievals(draw):
    """Distances with many ties, and for each gallery image whether it is a match (1), junk (2) or neither (0)."""
    queries, gallery = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    values = draw(st.sampled_from([3, 10, 1000]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    distances = rng.integers(-2, values, (queries, gallery)).astype(draw(st.sampled_from(["f4", "f8"])))
    kinds = rng.choice(
        3, (queries, gallery), p=draw(st.sampled_from([[0.5, 0.4, 0.1], [0.9, 0.1, 0], [0.2, 0.2, 0.6]]))
    )
    return distances, kinds, rng.integers(0, 5, gallery)


def pure(kinds: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Make every group one of matches or of others (as a track is one vehicle), leaving junk where it is."""
    return np.where(kinds == 2, 2, (kinds.sum(axis=1, keepdims=True) + groups) % 3 == 1)


@settings(max_examples=300, deadline=None)
@given(retrievals())
def test_ranks_agree_with_the_whole_order(case):
    distances, kinds, _ = case
    ranks = match_ranks(distances, columns(kinds == 1), columns(kinds == 2))
    ends = np.cumsum(ranks.counts)
    for query, (row, kind) in enumerate(zip(distances, kinds, strict=True)):
        part = slice(ends[query] - ranks.counts[query], ends[query])
        for ties in ("stable", "relevant"):
            matched = (kind[slow_order(row, kind, ties)] == 1).nonzero()[0] + 1
            assert getattr(ranks, ties)[part].tolist() == matched.tolist()
        expected = sorted(int(((row <= value) & (kind != 2)).sum()) for value in row[kind == 1])
        assert ranks.together[part].tolist() == expected


@settings(max_examples=300, deadline=None)
@given(retrievals(), st.sampled_from(AP_RULES), st.sampled_from(TIES))
def test_average_precision_agrees_with_the_definition(case, rule, ties):
    distances, kinds, _ = case
    values = average_precision(match_ranks(distances, columns(kinds == 1), columns(kinds == 2)), rule, ties)
    for value, row, kind in zip(values, distances, kinds, strict=True):
        if (kind == 1).any():
            assert value == pytest.approx(slow_average_precision(row, kind, rule, ties), abs=1e-12)
            assert 0 < value <= 1
        else:
            assert np.isnan(value)


@settings(max_examples=300, deadline=None)
@given(retrievals())
def test_group_ranks_agree_with_the_definition(case):
    distances, kinds, groups = case
    kinds = pure(kinds, groups)
    good, junk = columns(kinds == 1), columns(kinds == 2)
    found = group_ranks(distances, good, junk, groups, match_ranks(distances, good, junk))
    assert found.tolist() == [slow_group_rank(row, kind, groups) for row, kind in zip(distances, kinds, strict=True)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 12))
def test_cmc_agrees_with_equation_4(first, k_max):
    ranks = np.array(first)
    if not (ranks > 0).any():
        return
    asked = ranks[ranks > 0]
    expected = [np.mean([rank <= k for rank in asked]) for k in range(1, k_max + 1)]
    assert cmc(ranks, k_max).tolist() == pytest.approx(expected)

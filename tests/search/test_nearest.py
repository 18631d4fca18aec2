"""Exact search equals sorting all distances, ties by index order, with FAISS and without."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partreg.errors import PartregError
from partreg.retrieval.distances import l2
from partreg.search import fast, nearest
from partreg.search.fast import search

WHOLE = st.integers(-3, 3).map(float)  # few values, so that many distances tie
FAISS = pytest.param(True, marks=pytest.mark.skipif(fast.faiss() is None, reason="faiss-cpu is not installed here"))


@pytest.fixture(params=[False, FAISS], ids=["numpy", "faiss"])
def engine(request, monkeypatch):
    """Search without FAISS, and with it where there is one."""
    if not request.param:
        monkeypatch.setattr(fast, "faiss", lambda: None)


def sorted_whole(query, gallery, top):
    """All distances as sums of squared differences, sorted; slow and plain."""
    distances = [[sum((a - b) ** 2 for a, b in zip(q, g, strict=True)) ** 0.5 for g in gallery] for q in query]
    rows = np.argsort(np.array(distances).reshape(len(query), len(gallery)), axis=1, kind="stable")[:, :top]
    return rows, np.take_along_axis(np.array(distances), rows, axis=1)


def test_by_hand(engine):
    gallery = np.array([[3.0, 4.0], [0.0, 1.0], [0.0, -1.0], [0.0, 1.0]], np.float32)
    found = search(np.zeros((1, 2), np.float32), gallery, top=4)
    assert found.rows.tolist() == [[1, 2, 3, 0]]
    assert found.distances.tolist() == [[1, 1, 1, 5]]
    assert found.exact


@settings(max_examples=60, deadline=None)
@given(data=st.data(), top=st.integers(1, 12), block=st.integers(1, 5), held=st.integers(1, 60))
def test_it_equals_brute_force_whatever_the_blocks(data, top, block, held):
    gallery = data.draw(arrays(np.float32, st.tuples(st.integers(1, 14), st.just(3)), elements=WHOLE))
    query = data.draw(arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=WHOLE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "ROWS", block)
        patch.setattr(nearest, "VALUES", held)
        rows, distances = nearest.nearest(query, gallery, top)
    expected_rows, expected = sorted_whole(query.tolist(), gallery.tolist(), top)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_it_agrees_with_l2_on_real_numbers(engine, offset):
    rng = np.random.default_rng(0)
    gallery = (rng.standard_normal((3000, 16)) + offset).astype(np.float32)
    gallery[2000:2500] = gallery[:500]  # copies, to tie with what lies in another block
    query = np.concatenate([gallery[:5], (rng.standard_normal((5, 16)) + offset).astype(np.float32)])
    found = search(query, gallery, top=10)
    distances = np.sqrt(np.square(query[:, None].astype(float) - gallery).sum(2))
    np.testing.assert_array_equal(found.rows, np.argsort(distances, axis=1, kind="stable")[:, :10])
    np.testing.assert_allclose(found.distances, np.sort(l2(query, gallery), axis=1)[:, :10], rtol=1e-4, atol=1e-4)
    assert found.rows[:5, :2].tolist() == [[row, 2000 + row] for row in range(5)]


def test_a_collapsed_network_gives_the_first_in_order(engine):
    found = search(np.ones((2, 4), np.float32), np.ones((500, 4), np.float32), top=3)
    assert found.rows.tolist() == [[0, 1, 2]] * 2
    assert found.distances.tolist() == [[0, 0, 0]] * 2


def test_a_small_gallery_and_an_empty_one(engine):
    assert search(np.zeros((2, 3)), np.ones((1, 3)), top=10).rows.tolist() == [[0], [0]]
    assert search(np.zeros((2, 3)), np.ones((0, 3)), top=10).rows.shape == (2, 0)


@pytest.mark.parametrize(
    ("query", "gallery", "top", "words"),
    [
        (np.zeros((1, 2)), np.zeros((1, 3)), 1, "width 2 cannot be compared with gallery features of width 3"),
        (np.full((1, 2), np.nan), np.zeros((1, 2)), 1, "query features hold NaN"),
        (np.zeros((1, 2)), np.full((1, 2), np.inf), 1, "gallery features hold NaN"),
        (np.zeros(2), np.zeros((1, 2)), 1, "expected \\(images, width\\)"),
        (np.zeros((1, 2)), np.zeros((1, 2)), 0, "top is 0; expected 1 or more"),
    ],
)
def test_what_cannot_be_compared_is_refused(query, gallery, top, words):
    with pytest.raises(PartregError, match=words):
        search(query, gallery, top)


@pytest.mark.skipif(fast.faiss() is None, reason="faiss-cpu is not installed here")
def test_cells_find_what_is_near_and_are_kept(tmp_path):
    rng = np.random.default_rng(0)
    centres = 20 * rng.standard_normal((40, 8))
    gallery = (centres[rng.integers(0, 40, 5000)] + rng.standard_normal((5000, 8))).astype(np.float32)
    query = gallery[::500]
    kept = tmp_path / "cells.faiss"
    found = search(query, gallery, 10, kept=kept, exact_up_to=1000)
    assert not found.exact
    assert (found.rows == nearest.nearest(query, gallery, 10)[0]).mean() > 0.95
    written = kept.read_bytes()
    again = search(query, gallery, 10, kept=kept, exact_up_to=1000)
    np.testing.assert_array_equal(again.rows, found.rows)
    kept.write_bytes(b"nothing of FAISS")
    np.testing.assert_array_equal(search(query, gallery, 10, kept=kept, exact_up_to=1000).rows, found.rows)
    assert kept.read_bytes() == written
    assert search(query, gallery, 10, exact_up_to=5000).exact

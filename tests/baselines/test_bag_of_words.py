import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import bag_of_words
from partreg.baselines.bag_of_words import Codebook, assign, count, learn_idf, learn_words, weigh
from partreg.errors import PartregError

LINE = np.array([[0.0], [1], [10]], dtype=np.float32)


def test_words_are_the_centres_of_clusters():
    places = np.repeat(np.array([[-8, 0], [8, 0], [0, 8]], dtype=np.float32), 20, axis=0)
    descriptors = places + np.tile(np.array([[-1, 0], [1, 0]], dtype=np.float32), (30, 1))
    # A beginning may be unlucky (two words in one cluster), so the best of ten counts.
    best = min((learn_words(descriptors, 3, seed) for seed in range(10)), key=lambda words: spread(descriptors, words))
    np.testing.assert_allclose(sorted(best.tolist()), [[-8, 0], [0, 8], [8, 0]], atol=1)
    assert best.dtype == np.float32


def spread(descriptors, words):
    return ((descriptors[:, None] - words) ** 2).sum(-1).min(1).sum()


def test_a_seed_gives_the_same_words():
    descriptors = np.random.default_rng(0).standard_normal((500, 4)).astype(np.float32)
    first, second, other = (learn_words(descriptors, 20, seed) for seed in (3, 3, 4))
    assert first.tolist() == second.tolist()
    assert first.tolist() != other.tolist()


def test_more_words_than_descriptors():
    with pytest.raises(PartregError, match="3 descriptors for 4 words"):
        learn_words(np.zeros((3, 2), dtype=np.float32), 4, 0)


def test_the_nearest_words_by_hand():
    descriptors = np.array([[0.4], [0.6], [6], [-3]], dtype=np.float32)
    assert assign(LINE, descriptors, 1).tolist() == [[0], [1], [2], [0]]
    assert np.sort(assign(LINE, descriptors, 2)).tolist() == [[0, 1], [0, 1], [1, 2], [0, 1]]
    assert np.sort(assign(LINE, descriptors, 5)).tolist() == [[0, 1, 2]] * 4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_no_word_left_out_is_nearer(seed, words, nearest):
    rng = np.random.default_rng(seed)
    words, descriptors = (rng.standard_normal((n, 3)).astype(np.float32) for n in (words, 20))
    distances = np.linalg.norm(descriptors[:, None] - words, axis=2)
    found = assign(words, descriptors, nearest)
    taken = np.take_along_axis(distances, found, axis=1)
    np.testing.assert_allclose(np.sort(taken), np.sort(distances)[:, :nearest], atol=1e-5)
    assert all(len(set(row)) == len(row) for row in found.tolist())


def test_blocks_change_nothing(monkeypatch):
    descriptors = np.random.default_rng(0).standard_normal((10, 1)).astype(np.float32)
    whole = assign(LINE, descriptors, 1)
    monkeypatch.setattr(bag_of_words, "ROWS", 3)
    assert assign(LINE, descriptors, 1).tolist() == whole.tolist()


def test_counts_by_hand():
    # Two images, two stripes, three descriptors each.
    descriptors = np.array([[[0, 0, 9], [1, 1, 1]], [[9, 9, 9], [0, 1, 9]]], dtype=np.float32)[..., None]
    assert count(LINE, descriptors, 1).tolist() == [[[2, 0, 1], [0, 3, 0]], [[0, 0, 3], [1, 1, 1]]]
    assert count(LINE, descriptors, 2).tolist() == [[[2, 3, 1], [3, 3, 0]], [[0, 3, 3], [2, 3, 1]]]


def test_idf_by_hand():
    # Of three images all hold word 0, one holds word 1 (in its second stripe, twice), none word 2.
    counts = np.array([[[1, 0, 0], [0, 2, 0]], [[5, 0, 0], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]])
    expected = [1, 1 + np.log(4 / 2), 1 + np.log(4 / 1)]
    np.testing.assert_allclose(learn_idf([counts]), expected, rtol=1e-6)
    np.testing.assert_allclose(learn_idf([counts[:2], counts[2:]]), expected, rtol=1e-6)


def test_weights_by_hand():
    codebook = Codebook(LINE[:2], np.array([1, 2], dtype=np.float32))
    found = weigh(codebook, np.array([[[9, 0], [4, 1]]]))  # roots 3 0 2 1, times idf 3 0 2 2, length sqrt(17)
    np.testing.assert_allclose(found, np.array([[3, 0, 2, 2]]) / np.sqrt(17), rtol=1e-6)
    assert found.dtype == np.float32

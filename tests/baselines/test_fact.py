import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import bag_of_words, fact


def images(number, seed=0, side=40):
    return np.random.default_rng(seed).integers(0, 256, (number, side, side, 3), dtype=np.uint8)


def test_distances_by_hand():
    cnn = np.array([[1.0, 3, 2], [5, 5, 5]])
    cn = np.array([[0.0, 0, 4], [1, 2, 3]])
    sift = np.array([[10.0, 20, 10], [0, 1, 4]])
    found = fact.added(cnn, cn, sift)
    # Query 1: 0, 1, 0.5 by 0.7; 0, 0, 1 by 0.2; 0, 1, 0 by 0.1. Query 2: 0 by 0.7; 0, 0.5, 1 by 0.2; 0, 0.25, 1 by 0.1.
    np.testing.assert_allclose(found, [[0, 0.8, 0.55], [0, 0.125, 0.3]], atol=1e-6)
    assert found.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_and_other_queries_change_nothing(seed, factor, shift):
    cnn, cn, sift = np.random.default_rng(seed).uniform(0, 1, (3, 4, 6))
    found = fact.added(cnn, cn, sift)
    assert 0 <= found.min() <= found.max() <= 1 + 1e-6
    np.testing.assert_allclose(fact.added(factor * cnn + shift, cn, sift), found, atol=1e-5)
    np.testing.assert_allclose(fact.added(cnn[:1], cn[:1], sift[:1]), found[:1], atol=1e-6)


def test_a_grid_of_descriptors():
    pixels = images(2, side=40)
    pixels[1, :, :] = 100
    found = fact.sift(pixels)
    assert (found.shape, found.dtype) == ((2, 1, 16, 128), np.float32)
    assert found[0].any(axis=-1).all()
    assert not found[1].any()
    assert fact.sift(images(1, side=16)).shape == (1, 1, 1, 128)


def test_the_places_by_hand():
    # An edge before column 60 lies in the windows of 24 pixels about 48, 56, 64 and 72. SIFT shares pixels among cells
    # of 6 pixels and blurs by 1.6, so windows up to 12 + 3 + 6 pixels away may see it faintly; those farther may not.
    pixels = np.zeros((1, 128, 128, 3), dtype=np.uint8)
    pixels[:, :, 60:] = 255
    seen = fact.sift(pixels).any(axis=-1).reshape(15, 15)
    columns = set((8 * (1 + np.flatnonzero(seen.any(axis=0)))).tolist())
    assert {48, 56, 64, 72} <= columns <= {40, 48, 56, 64, 72, 80}
    assert seen[:, 5:9].all()  # the columns of 48 to 72, in every row


def test_the_codebook_grows_with_the_images(monkeypatch):
    pixels = images(30)
    codebook = fact.fit(pixels, 0)
    assert codebook.words.shape == (30, 128)
    assert fact.fit(pixels, 0).words.tolist() == codebook.words.tolist()
    assert fact.fit(pixels, 1).words.tolist() != codebook.words.tolist()
    monkeypatch.setattr(fact, "WORDS", 12)
    assert fact.fit(pixels, 0).words.shape == (12, 128)


def test_features_by_hand(monkeypatch):
    pixels = images(3)
    descriptors = fact.sift(pixels)
    # Words: image 0's first descriptor and image 1's second; each descriptor counts for the nearer of the two.
    words = np.stack([descriptors[0, 0, 0], descriptors[1, 0, 1]])
    codebook = fact.Codebook(words, np.array([1, 3], dtype=np.float32))
    distances = np.linalg.norm(descriptors[:, 0, :, None] - words, axis=-1)
    second = distances.argmin(axis=-1).sum(axis=-1)
    expected = np.sqrt(np.stack([16 - second, second], axis=1)) * [1, 3]
    found = fact.features(fact.LOCAL, codebook, pixels)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)
    assert found.dtype == np.float32
    monkeypatch.setattr(bag_of_words, "CHUNK", 2)
    np.testing.assert_allclose(fact.features(fact.LOCAL, codebook, pixels), found, atol=1e-6)

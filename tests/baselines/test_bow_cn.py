import numpy as np
import pytest

from partreg.baselines import bag_of_words, bow_cn
from partreg.baselines.bag_of_words import Codebook, Local, features
from partreg.baselines.color_names import COLORS, color_names
from partreg.retrieval.distances import l2

RED, BLUE = (255, 0, 0), (0, 0, 255)


def painted(top, bottom, height=64, width=8):
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[: height // 2], image[height // 2 :] = top, bottom
    return image


def names(color):
    return color_names(np.array(color, dtype=np.uint8))


@pytest.fixture(scope="module")
def learned():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    pixels = pixels.repeat(8, axis=1).repeat(8, axis=2)
    return pixels, bow_cn.fit(pixels, 0)


def test_a_descriptor_by_hand():
    image = painted(RED, BLUE)
    image[0, :2] = BLUE  # 2 of the 16 pixels of the first patch
    found = bow_cn.descriptors(image[None])
    assert found.shape == (1, 16, 2, 11)  # a stripe is one row of two patches
    np.testing.assert_allclose(found[0, 0, 0], np.sqrt((14 * names(RED) + 2 * names(BLUE)) / 16), rtol=1e-5)
    np.testing.assert_allclose(found[0, 0, 1], np.sqrt(names(RED)), rtol=1e-5)
    np.testing.assert_allclose(found[0, 8:], np.tile(np.sqrt(names(BLUE)), (8, 2, 1)), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, rtol=1e-5)


def test_a_stripe_holds_whole_rows_of_patches():
    image = np.zeros((128, 128, 3), dtype=np.uint8)
    image[8:16] = RED  # the second of 16 stripes of 8 pixels
    found = bow_cn.descriptors(image[None])
    assert found.shape == (1, 16, 64, 11)
    red = (found.argmax(axis=-1) == COLORS.index("red")).sum(axis=-1)
    assert red.tolist() == [[0, 64, *[0] * 14]]


def test_features_of_two_words_by_hand():
    codebook = Codebook(np.sqrt([names(RED), names(BLUE)]), np.ones(2, dtype=np.float32))
    bow_nearest = features(bow_cn.LOCAL, codebook, np.stack([painted(RED, BLUE)]))
    # Each patch counts for its 10 nearest words, here for both, so all 32 counts are equal.
    np.testing.assert_allclose(bow_nearest, np.full((1, 32), 32**-0.5), rtol=1e-6)


def test_features_of_one_word_a_patch():
    local = Local(bow_cn.descriptors, nearest=1)
    codebook = Codebook(np.sqrt([names(RED), names(BLUE)]), np.ones(2, dtype=np.float32))
    found = features(local, codebook, np.stack([painted(RED, BLUE)])).reshape(16, 2)
    np.testing.assert_allclose(found, [[0.25, 0]] * 8 + [[0, 0.25]] * 8, rtol=1e-6)


def test_the_published_length_and_the_seed(learned, monkeypatch):
    pixels, codebook = learned
    found = features(bow_cn.LOCAL, codebook, pixels)
    assert (found.shape, found.dtype) == ((6, 5600), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    again = bow_cn.fit(pixels, 0)
    assert (again.words.tolist(), again.idf.tolist()) == (codebook.words.tolist(), codebook.idf.tolist())
    assert bow_cn.fit(pixels, 1).words.tolist() != codebook.words.tolist()
    monkeypatch.setattr(bag_of_words, "CHUNK", 4)
    np.testing.assert_allclose(features(bow_cn.LOCAL, codebook, pixels), found, atol=1e-6)


def test_colors_moved_along_a_stripe_change_nothing_but_across_stripes_do(learned):
    pixels, codebook = learned
    found = features(
        bow_cn.LOCAL, codebook, np.stack([pixels[0], np.roll(pixels[0], 8, axis=1), np.roll(pixels[0], 8, axis=0)])
    )
    distances = l2(found[:1], found)[0]
    assert distances[1] < 1e-3 < 0.1 < distances[2]

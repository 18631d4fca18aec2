import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import lomo


def images(number, seed=0, side=128):
    return np.random.default_rng(seed).integers(0, 256, (number, side, side, 3), dtype=np.uint8)


def test_siltp_by_hand():
    gray = np.array([[[0, 131, 0], [100, 100, 69], [0, 71, 0]]], dtype=np.float32)
    # Of the centre: right 69 < 70 is darker (2), above 131 > 130 brighter (1), left and below are near it (0, 0).
    assert lomo.siltp(gray, 1)[0, 1, 1] == 2 + 3 * 1
    # Of the top right corner, 0: right and above are itself, left 131 is brighter, below 69 is brighter.
    assert lomo.siltp(gray, 1)[0, 0, 2] == 9 * 1 + 27 * 1


def test_siltp_at_a_larger_radius():
    gray = np.full((1, 5, 5), 100, dtype=np.float32)
    gray[0, 2, 4], gray[0, 4, 2], gray[0, 2, 3] = 200, 10, 200
    # Right at 2 pixels 200 is brighter (1), below at 2 pixels 10 is darker (2); the centre's next pixel is not read.
    assert lomo.siltp(gray, 2)[0, 2, 2] == 1 + 27 * 2
    assert lomo.siltp(gray, 1)[0, 2, 2] == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-6, 6), st.sampled_from([1, 3, 5]))
def test_siltp_does_not_change_with_the_light(seed, power, radius):
    gray = np.random.default_rng(seed).uniform(0, 1, (2, 9, 12)).astype(np.float32)
    codes = lomo.siltp(gray, radius)
    assert 0 <= codes.min() <= codes.max() <= 80
    assert (lomo.siltp(gray * np.float32(2.0**power), radius) == codes).all()


def test_the_largest_count_along_a_row_by_hand():
    codes = np.zeros((1, 15, 20), dtype=np.int64)
    codes[0, 0, 0] = 1  # only in the first of three windows of the first row
    codes[0, 0:5, 10] = 1  # in the second and third window of the first row
    codes[0, 12, 7:10] = 2  # in the first and second window of the second row
    # Windows of 100 pixels: rows from 0 and 5, columns from 0, 5 and 10.
    assert lomo.row_maxima(codes, 3).tolist() == [[[99, 5, 0], [100, 0, 3]]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 27), st.integers(10, 27))
def test_row_maxima_agree_with_the_definition(seed, height, width):
    codes = np.random.default_rng(seed).integers(0, 4, (2, height, width))
    expected = [
        [
            np.max([np.bincount(image[y : y + 10, x : x + 10].ravel(), minlength=4) for x in range(0, width - 9, 5)], 0)
            for y in range(0, height - 9, 5)
        ]
        for image in codes
    ]
    assert lomo.row_maxima(codes, 4).tolist() == np.array(expected).tolist()


def test_the_pyramid_by_hand():
    image = np.array([[[0, 2, 9], [4, 7, 9], [9, 9, 9]]], dtype=np.float32).repeat(2, 1).repeat(2, 2)
    first, second, third = lomo.pyramid(image)
    assert first is image
    assert second.tolist() == [[[0, 2, 9], [4, 7, 9], [9, 9, 9]]]
    assert third.tolist() == [[[3.25]]]
    assert list(lomo.pyramid(image, np.floor))[2].tolist() == [[[3]]]


def test_color_codes_by_hand():
    colors = np.array([[[[1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0.5, 1]]]], dtype=np.float32)
    bins = lomo.hsv_bins(colors)
    # Hues 0 and 210 degrees of 360 lie in bins 0 and 4; a bin that would be the ninth is the eighth.
    assert bins.tolist() == [[[[0, 7, 7], [0, 0, 0], [0, 0, 7], [4, 7, 7]]]]
    assert lomo.color_codes(bins).tolist() == [[[7 * 8 + 7 * 64, 0, 7 * 64, 4 + 7 * 8 + 7 * 64]]]


def test_retinex_takes_out_the_light():
    rng = np.random.default_rng(0)
    scene = rng.uniform(0.2, 0.4, (1, 60, 40, 3)).astype(np.float32)
    light = np.linspace(1, 2.4, 60, dtype=np.float32)[None, :, None, None]
    before = np.abs(scene * light - scene).mean() / scene.std()
    dark, bright = lomo.retinex(scene), lomo.retinex(scene * light)
    after = np.abs(dark - bright).mean() / dark.std()
    assert dark.dtype == np.float32
    assert dark.min() >= 0
    assert dark.max() <= 1
    assert after < before / 5
    np.testing.assert_allclose(lomo.retinex(np.full((1, 20, 20, 3), 0.3, dtype=np.float32)), 0.5, atol=0.1)


def test_the_published_length_and_unit_descriptors(monkeypatch):
    pixels = images(3)
    found = lomo.features(pixels)
    assert (found.shape, found.dtype) == ((3, 26960), np.float32)
    parts = np.split(found, [40 * 512, 40 * (512 + 81)], axis=1)
    assert [part.shape[1] for part in parts] == [20480, 3240, 3240]
    np.testing.assert_allclose([np.linalg.norm(part, axis=1) for part in parts], 1, rtol=1e-5)
    monkeypatch.setattr(lomo, "CHUNK", 2)
    np.testing.assert_allclose(lomo.features(pixels), found, atol=1e-6)
    assert lomo.features(pixels[:0]).shape == (0, 26960)


def test_features_agree_with_the_definition():
    pixels = np.random.default_rng(1).integers(0, 256, (1, 128, 48, 3), dtype=np.uint8)
    small = pixels[0].astype(np.float32) / 255
    bins = lomo.hsv_bins(lomo.retinex(small[None]))[0].astype(np.float64)
    gray = small.astype(np.float64) @ [0.299, 0.587, 0.114]
    counts = {"color": [], 3: [], 5: []}
    for _ in range(3):
        counts["color"] += slow_rows(bins[..., 0] + 8 * bins[..., 1] + 64 * bins[..., 2], 512)
        for radius in (3, 5):
            counts[radius] += slow_rows(lomo.siltp(gray[None].astype(np.float32), radius)[0], 81)
        bins, gray = np.floor(halved(bins)), halved(gray)
    parts = [np.log(1 + np.concatenate(part)) for part in counts.values()]
    expected = np.concatenate([part / np.linalg.norm(part) for part in parts])
    assert np.abs(lomo.features(pixels)[0] - expected).max() < 1e-5


def slow_rows(codes, bins):
    height, width = codes.shape
    tops, lefts = range(0, height - 9, 5), range(0, width - 9, 5)
    windows = [[codes[y : y + 10, x : x + 10].ravel().astype(int) for x in lefts] for y in tops]
    return [np.max([np.bincount(window, minlength=bins) for window in row], axis=0) for row in windows]


def halved(image):
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def test_log_of_the_counts_by_hand():
    codes = np.zeros((1, 10, 10), dtype=np.int64)
    codes[0, 0, :3] = 1
    logs = np.log([98, 4])
    np.testing.assert_allclose(lomo._unit([codes], 2), [logs / np.linalg.norm(logs)], rtol=1e-6)

import numpy as np

from partreg.figures.alike import two_alike


def test_two_alike_differ_little_and_most_of_it_is_behind_the_windscreen():
    size = 140
    picture = two_alike(size)
    left, right = picture[:, :size].astype(int), picture[:, -size:].astype(int)
    assert picture.shape == (size + size // 40 + size * 3 // 7, 2 * size + size // 40, 3)
    differ = np.abs(left - right).max(axis=2) > 40
    vehicle, windscreen = differ[:size], differ[size + size // 40 :]
    assert 0 < vehicle.mean() < 0.1  # one model, one colour, one street
    assert windscreen.mean() > 2 * vehicle.mean()

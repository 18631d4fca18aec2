from dataclasses import replace

import numpy as np
import pytest

from partreg.synthetic.cameras import make_cameras
from partreg.synthetic.marks import PLATE_NEAR, plate_crop, plate_width

CLEAR = replace(make_cameras("all", 0)[0], blur=0.0, noise=0.0, contrast=1.0, exposure=1.0)


def crop(text="AB12345", camera=CLEAR, turn=0.0, fall=0.2, roll=0.0, distance=10.0, seed=0):
    return plate_crop(text, camera, turn, fall, roll, distance, seed).astype(float)


def sharpness(image):
    return np.abs(np.diff(image, axis=1)).mean() / image.std()


def test_the_width_of_a_plate():
    assert plate_width(0.0, 10.0) == pytest.approx(PLATE_NEAR / 10)
    assert plate_width(np.pi / 3, 10.0) == plate_width(-np.pi / 3, 10.0) == pytest.approx(PLATE_NEAR / 20)


def test_a_crop_is_the_same_every_time_and_another_with_another_seed():
    assert crop().shape == (24, 72, 3)
    assert (crop() == crop()).all()
    assert (crop(seed=1) != crop()).any()


def test_far_and_blurred_plates_are_harder_to_read():
    seeds = range(8)
    near, far = ([sharpness(crop(distance=d, seed=s)) for s in seeds] for d in (10.0, 24.0))
    blurred = [sharpness(crop(camera=replace(CLEAR, blur=1.5), seed=s)) for s in seeds]
    noisy = [np.abs(crop(camera=replace(CLEAR, noise=0.05), seed=s) - crop(seed=s)).mean() for s in seeds]
    assert all(n > f for n, f in zip(near, far, strict=True))
    assert all(n > b for n, b in zip(near, blurred, strict=True))
    assert min(noisy) > 2


@pytest.mark.parametrize(("turn", "rises"), [(0.7, -1), (-0.7, 1)])
def test_a_plate_seen_from_the_side_is_sheared(turn, rises):
    """The blue of the plate stands lower on the side that is nearer to a camera from above."""
    image = crop(turn=turn, fall=0.5)
    blue = image[..., 2] - image[..., 0] > 25
    rows = np.arange(24)[:, None]
    middles = [(rows * part).sum() / part.sum() for part in (blue[:, 8:20], blue[:, -20:-8])]
    assert np.sign(middles[0] - middles[1]) == rises
    assert abs(middles[0] - middles[1]) > 2

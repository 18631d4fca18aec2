import numpy as np
import pandas as pd
import pytest

from partreg.synthetic import Benchmark, dials


def test_model_and_colour_find_one_in_as_many_as_share_them():
    rows = pd.DataFrame({"vehicle": [1, 1, 2, 2, 3, 3], "model": [0, 0, 0, 0, 1, 1], "color": [5, 5, 5, 5, 5, 5]})
    assert dials.informed_cmc1(rows) == (4 * 0.5 + 2 * 1.0) / 6


def test_thumbnails_and_borders_of_a_small_picture():
    picture = np.zeros((1, 6, 6, 3), np.uint8)
    picture[0, :, 0] = 255
    assert dials.thumbnails(picture, 6).reshape(6, 6, 3)[:, 0].min() == 1.0
    edge = dials.borders(picture, 3)
    assert edge.shape == (1, 3 * 8)
    assert edge.sum() == pytest.approx(3 * 3 * 0.5, rel=0.01)  # three cells of the left column, half white


def test_rows_hold_one_image_a_vehicle_of_one_model_colour_and_view():
    images = pd.DataFrame(
        {
            "vehicle": [1, 1, 2, 3, 4, 4, 5],
            "model": [0, 0, 0, 0, 1, 1, 1],
            "color": [5, 5, 5, 5, 6, 6, 6],
            "view": ["front", "front", "front", "rear", "rear", "rear", "rear"],
            "whole": [False, True, True, True, False, False, False],
        }
    )
    assert dials.near_duplicate_rows(images, 3, 4) == [[1, 2], [4, 6]]
    assert dials.near_duplicate_rows(images, 1, 1) == [[1]]
    assert dials.near_duplicate_rows(images[["vehicle", "model", "color"]], 1, 9) == [[0, 2, 3]]


def test_pictures_in_memory_are_those_of_the_layout(vehicleid_root, tiny):
    small = Benchmark(**{**vars(tiny), "train_vehicles": 2, "test_vehicles": (2,), "images_per_vehicle": 2})
    pictures, rows = dials.take_pictures(small)
    assert pictures.shape == (8, 40, 40, 3)
    assert rows.train.sum() == 4
    views = dials.read_views(vehicleid_root)
    assert len(views) == 27
    assert views["view"].isin(["front", "rear", "unknown"]).all()
    assert views.whole.dtype == bool

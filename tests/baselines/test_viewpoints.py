from pathlib import Path

import pandas as pd
import pytest
import torch

from partreg.baselines.viewpoints import REGIONS, VIEWS, region_members, view_indices, view_targets
from partreg.datasets.side import KEYPOINTS, ORIENTATIONS


def test_the_eight_orientations_are_five_views():
    assert ORIENTATIONS == ("front", "rear", "left", "left front", "left rear", "right", "right front", "right rear")
    assert view_indices(ORIENTATIONS).tolist() == [0, 1, 2, 3, 4, 2, 3, 4]
    assert VIEWS == ("front", "rear", "side", "front_side", "rear_side")


def test_an_unknown_orientation_is_minus_one_and_a_foreign_one_an_error():
    found = view_indices(["", "rear", ""])
    assert found.tolist() == [-1, 1, -1]
    assert found.dtype == "int64"
    with pytest.raises(KeyError, match="above"):
        view_indices(["above"])


def test_targets_stand_in_the_order_of_the_images(tmp_path: Path):
    (tmp_path / "orientation.csv").write_text("image,orientation\na.jpg,left rear\nb.jpg,\nc.jpg,front\n")
    images = pd.DataFrame({"image": ["c.jpg", "b.jpg", "a.jpg", "d.jpg"]})
    assert view_targets(tmp_path, images)["view"].tolist() == [0, -1, 4, -1]


def mirrored(point: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(word, word) for word in point.split("_"))


def test_regions_are_mirror_images_and_hold_every_point():
    points = {region: set(names) for region, names in REGIONS.items()}
    assert all(len(points[region]) == len(names) for region, names in REGIONS.items())
    assert {mirrored(point) for point in points["left"]} == points["right"]
    for region in ("front", "back"):
        assert {mirrored(point) for point in points[region]} == points[region]
    assert set.union(*points.values()) == set(KEYPOINTS)
    assert not points["left"] & points["right"]
    assert not points["front"] & points["back"]


def test_members_by_the_numbers_of_the_annotation():
    numbers = [(row.nonzero().flatten() + 1).tolist() for row in region_members()]
    assert numbers == [
        [5, 6, 7, 8, 9, 10, 13, 14],
        [15, 16, 17, 18, 19, 20],
        [1, 2, 6, 8, 11, 14, 15, 17],
        [3, 4, 5, 7, 12, 13, 16, 18],
    ]
    assert region_members().dtype == torch.float32

"""Views and regions of a vehicle, for the methods that learn from them (OIFE and VAMI in Tables 1 to 3).

The annotation is that of Wang et al. (ICCV 2017): 20 key points and eight orientations; see `partreg.datasets.side`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from partreg.datasets.side import KEYPOINTS, read_orientation

# The five views of VAMI (Zhou and Shao, CVPR 2018). Left and right count as one, so a flip changes no view.
VIEWS = ("front", "rear", "side", "front_side", "rear_side")
VIEW_OF = {
    "front": "front", "rear": "rear", "left": "side", "right": "side", "left front": "front_side",
    "right front": "front_side", "left rear": "rear_side", "right rear": "rear_side",
}  # fmt: skip

# The four regions of OIFE and the key points of each; a corner belongs to both faces that meet there. The groups are
# given from memory of the publication (*assumed*): C1 to C4, in the order of `KEYPOINTS`.
REGIONS = {
    "front": (
        "right_fog_lamp", "left_fog_lamp", "right_headlight", "left_headlight", "front_logo", "front_plate",
        "right_front_top", "left_front_top",
    ),
    "back": (
        "left_back_top", "right_back_top", "left_rear_lamp", "right_rear_lamp", "rear_logo", "rear_plate",
    ),
    "left": (
        "left_front_wheel", "left_back_wheel", "left_fog_lamp", "left_headlight", "left_mirror", "left_front_top",
        "left_back_top", "left_rear_lamp",
    ),
    "right": (
        "right_front_wheel", "right_back_wheel", "right_fog_lamp", "right_headlight", "right_mirror",
        "right_front_top", "right_back_top", "right_rear_lamp",
    ),
}  # fmt: skip


def view_indices(orientations: Iterable[str]) -> np.ndarray:
    """The place in `VIEWS` of each orientation, (N,) int64; -1 for "", which is unknown.

    Raises:
        KeyError: a name that is none of `partreg.datasets.side.ORIENTATIONS`.
    """
    return np.array([VIEWS.index(VIEW_OF[name]) if name else -1 for name in map(str, orientations)], np.int64)


def view_targets(root: str | Path, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return VAMI's targets of training images: "view", (N,) int64 places in `VIEWS`, -1 where unknown.

    Raises:
        PartregError: the data set has no readable orientation.csv.
    """
    return {"view": view_indices(read_orientation(root, images))}


def region_members() -> Tensor:
    """Which key points each region has, (4, 20) float32 of 0 and 1, in the orders of `REGIONS` and `KEYPOINTS`."""
    return torch.tensor([[float(point in points) for point in KEYPOINTS] for points in REGIONS.values()])

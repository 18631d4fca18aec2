"""Figure 5, activation maps with parts and without over any image of some vehicles, for the reader's hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from partreg.figures.maps import cam_grid
from partreg.parts.boxes import BRANCH_BOXES, PARTS
from partreg.touch.thing import Thing, boxes_by_name, picture, rounded, still

IMAGES = 4  # of a vehicle, at most
SIDE = 160  # of a picture, in pixels
ALT = (
    "Images of vehicles, and the same images under the activation maps of two networks. The thing to touch needs "
    "scripts: it fades the maps in and out and gives the share of each map that lies on the parts."
)


def activation(
    maps: Mapping[str, np.ndarray], images: pd.DataFrame, boxes: np.ndarray, vehicles: Iterable[Any]
) -> Thing:
    """Return activation maps of some vehicles' images, with the share of them that lies on parts.

    Args:
        maps: by each network's name, (N, S, S), see `partreg.reid.activation.activation_maps`.
        images: N images with ``vehicle`` and ``path``.
        boxes: (N, 4, 4) part boxes in the order of `PART_BOXES`; NaN for a missing one.
        vehicles: those whose images are shown, `IMAGES` of each.
    """
    rows = [np.flatnonzero(images["vehicle"] == vehicle)[:IMAGES] for vehicle in vehicles]
    data = {
        "networks": list(maps),
        "parts": {part: list(BRANCH_BOXES[part]) for part in PARTS},
        "vehicles": [
            {
                "name": f"{number} of {len(rows)}",
                "images": [
                    _image(images["path"].iloc[row], [one[row] for one in maps.values()], boxes[row]) for row in some
                ],
            }
            for number, some in enumerate(rows, start=1)
        ],
    }
    first = [int(some[0]) for some in rows]
    sheet = cam_grid([images["path"].iloc[row] for row in first], {name: one[first] for name, one in maps.items()})
    return Thing("activation", data, still(sheet), ALT)


def _image(path: str, maps: list[np.ndarray], corners: np.ndarray) -> dict[str, Any]:
    """Return an image's picture, its boxes by name, and each network's map, row after row, with its cells a side."""
    return {
        "picture": picture(path, SIDE),
        "boxes": boxes_by_name(corners),
        "maps": [rounded(one.ravel()) for one in maps],
        "grids": [len(one) for one in maps],
    }

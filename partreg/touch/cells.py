"""Section 3.2, from a part's box to the cells of the feature map, for the reader's hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from partreg.figures.sheets import Picture, as_pixels, image_grid
from partreg.parts.boxes import CORNERS, PART_BOXES
from partreg.reid.network import Trunk
from partreg.touch.thing import Thing, picture, rounded, still

GRIDS = range(2, 17)
ALT = (
    "A picture of a vehicle with its part boxes. The thing to touch needs scripts: it lays a grid over the picture, "
    "marks the cells that a box covers, and gives the average of what these cells hold."
)


def boxes_to_cells(
    image: Picture, corners: torch.Tensor, network: Trunk, grid: int, names: tuple[str, ...] = PART_BOXES
) -> Thing:
    """Return a box to move over a picture: the cells that it covers on S x S cells, and their average.

    Args:
        image: a path or an array, as in `partreg.figures.sheets.as_pixels`.
        corners: (K, 4) the image's boxes in the order of ``names``; NaN for a missing one. Without any, one box in the
            middle is there to move.
        network: its last feature map is shown, see `channel_maps`.
        grid: S at the start; the nearest of `GRIDS`.
        names: of K parts.
    """
    grid = min(max(grid, GRIDS[0]), GRIDS[-1])
    pixels = as_pixels(image)
    boxes = [
        {"name": name.replace("_", " "), "corners": rounded(box, 3)}
        for name, box in zip(names, corners, strict=True)
        if not box.isnan().any()
    ]
    channel, maps = channel_maps(pixels, network, grid)
    data = {
        "picture": picture(pixels),
        "boxes": boxes or [{"name": "middle", "corners": [0.25, 0.25, 0.75, 0.75]}],
        "grid": grid,
        "maps": [
            {"name": "the picture's colours", "unit": "red, green, blue", "digits": 0, "values": colour_maps(pixels)},
            {"name": f"channel {channel} of the network's map", "unit": "value", "digits": 2, "values": maps},
        ],
    }
    drawn = pd.DataFrame(corners.numpy(), columns=list(CORNERS)).assign(part=names)
    return Thing("cells", data, still(image_grid([pixels], 1, boxes=[drawn], pixels=256)), ALT)


def colour_maps(pixels: np.ndarray) -> dict[int, Any]:
    """Return the mean red, green and blue, 0 to 255, of each cell: (S, S, 3) as lists, by S.

    >>> colour_maps(np.full((4, 4, 3), 7, np.uint8))[2]
    [[[7.0, 7.0, 7.0], [7.0, 7.0, 7.0]], [[7.0, 7.0, 7.0], [7.0, 7.0, 7.0]]]
    """
    image = torch.tensor(pixels).permute(2, 0, 1).float()
    means = {S: torch.nn.functional.adaptive_avg_pool2d(image, S).permute(1, 2, 0) for S in GRIDS}
    return {S: rounded(mean, 1) for S, mean in means.items()}


def channel_maps(pixels: np.ndarray, network: Trunk, grid: int) -> tuple[int, dict[int, Any]]:
    """Return one channel of the network's last map, for the picture in as many pixels as give S x S cells.

    Returns:
        The number of the channel, from 0, whose values differ most at S = ``grid``; (S, S, 1) as lists, by S.
    """
    image = torch.tensor(pixels).permute(2, 0, 1).float()[None]

    def last_map(side: int) -> torch.Tensor:
        resized = torch.nn.functional.interpolate(image, (side, side), mode="bilinear", antialias=True)
        return network.feature_map(resized.round())[0]

    with torch.inference_mode():
        stride = 128 // last_map(128).shape[-1]
        channel = int(last_map(grid * stride).std((1, 2)).argmax())
        maps = {S: last_map(S * stride)[channel, :, :, None] for S in GRIDS}
    return channel, {S: rounded(found, 3) for S, found in maps.items()}

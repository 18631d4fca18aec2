"""Class activation maps laid over their images, with and without part regularization (Figure 5 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from partreg.figures.sheets import Picture, as_pixels, image_grid

COLORMAP = "viridis"
STRENGTH = 0.55  # share of the map's colour where it is strongest; elsewhere a third of that


def overlay(image: Picture, cam: np.ndarray) -> np.ndarray:
    """Lay a class activation map over its image.

    Negative values, of cells that speak against the class, count as zero; then each map is scaled by its own maximum.
    Bright cells are the ones that this image's decision rests on. The brightness of two maps does not compare.

    Args:
        image: a path or an array, as in `partreg.figures.sheets.as_pixels`.
        cam: (S, S) over the grid of the feature map, in any unit. Cell i is drawn over the i-th strip, though a
            ResNet's neurons look up to half a cell farther up and left (see `partreg.parts.cells`).

    Returns:
        (height, width, 3) uint8, of the image's size.

    Raises:
        ValueError: ``cam`` is not a matrix of finite numbers.
    """
    cam = np.asarray(cam, dtype=np.float32)
    if cam.ndim != 2 or not np.isfinite(cam).all():
        raise ValueError(f"cam: expected a finite (S, S) map, got shape {cam.shape}")
    pixels = as_pixels(image)
    height, width = pixels.shape[:2]
    heat = np.maximum(cam, 0)
    heat = heat / heat.max() if heat.max() > 0 else heat
    heat = np.clip(cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    color = colormaps[COLORMAP](heat)[..., :3] * 255
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    share = STRENGTH * (1 + 2 * heat[..., None]) / 3
    return ((1 - share) * grey + share * color).round().astype(np.uint8)


def cam_grid(images: Sequence[Picture], cams: Mapping[str, Sequence[np.ndarray]], columns: int = 6) -> Figure:
    """Draw Figure 5: a row of images, and under it a row of maps of the same images for each network.

    Args:
        images: more than ``columns`` of them continue in another block of rows.
        cams: by a network's label ("PR", "NoPR"), an (S, S) map for each image.
        columns: images in a row.

    Raises:
        ValueError: a network does not have one map for each image.
    """
    for label, maps in cams.items():
        if len(maps) != len(images):
            raise ValueError(f"{label}: expected one map for each of the {len(images)} images, got {len(maps)}")
    cells, rows = [], []
    for start in range(0, len(images), columns):
        block = images[start : start + columns]
        blank = [None] * (columns - len(block))
        cells += [*block, *blank]
        for maps in cams.values():
            cells += [*map(overlay, block, maps[start : start + columns]), *blank]
        rows += ["image", *cams]
    return image_grid(cells, columns, rows=rows)

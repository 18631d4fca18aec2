"""Color Names: how likely people are to use each of the 11 basic colour terms of English for a colour.

The terms are Berlin and Kay's (1969). The descriptor is that of van de Weijer et al., "Learning Color Names for
Real-World Applications" (IEEE TIP 2009), as Zheng et al. (ICCV 2015) and FACT (ICME 2016) use it. *Assumed*: the table
from colours to names. The published one was learned from web images. Ours assigns each colour softly, by its distance
in CIELAB to a few typical colours of each name, which are chosen by hand. Both tables have 32 levels a channel, so that
a pixel's names are one look-up.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from skimage.color import rgb2lab

LEVELS = 32  # of each channel
WIDTH = 15.0  # of the soft assignment, in CIELAB units: colours nearer than this to a border have both names

# Typical colours of each name, red, green, blue; several where a name spans light and dark.
PROTOTYPES = {
    "black": [(0, 0, 0), (25, 25, 25)],
    "blue": [(0, 0, 255), (0, 0, 110), (30, 80, 180), (70, 130, 200), (120, 180, 240), (0, 255, 255)],
    "brown": [(70, 40, 20), (110, 65, 30), (139, 69, 19), (150, 105, 70)],
    "grey": [(80, 80, 80), (115, 115, 115), (150, 150, 150), (185, 185, 185)],
    "green": [(0, 255, 0), (0, 130, 0), (25, 75, 35), (95, 125, 45), (70, 170, 90), (150, 215, 140)],
    "orange": [(255, 128, 0), (255, 165, 0), (225, 100, 20)],
    "pink": [(255, 192, 203), (255, 105, 180), (235, 60, 140), (240, 150, 170)],
    "purple": [(128, 0, 128), (70, 20, 110), (150, 50, 220), (150, 100, 180), (195, 160, 220)],
    "red": [(255, 0, 0), (190, 20, 30), (130, 0, 10), (215, 60, 55)],
    "white": [(255, 255, 255), (230, 230, 230)],
    "yellow": [(255, 255, 0), (255, 215, 0), (205, 185, 45), (240, 230, 130)],
}
COLORS = tuple(PROTOTYPES)


@cache
def table() -> np.ndarray:
    """Return the table from colours to names, (32, 32, 32, 11) float32, read-only; the 11 probabilities add up to 1.

    A name's weight is exp(-d^2 / (2 WIDTH^2)), where d is the distance of the colour to the nearest typical colour of
    the name. Indices are red, green and blue divided by 8; the last axis is in the order of ``COLORS``.
    """
    centres = (np.arange(LEVELS) + 0.5) * 256 / LEVELS
    colors = rgb2lab(np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), axis=-1) / 255)
    squares = [_to_nearest(colors, rgb2lab(np.array(prototypes) / 255)) for prototypes in PROTOTYPES.values()]
    squares = np.stack(squares, axis=-1)
    # The nearest name's exponent is 0, so a colour far from all prototypes keeps a name.
    weights = np.exp((squares.min(axis=-1, keepdims=True) - squares) / (2 * WIDTH**2))
    names = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    names.flags.writeable = False
    return names


def _to_nearest(colors: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """Return the squared distance of each colour (..., 3) to the nearest of the prototypes (P, 3)."""
    return ((colors[..., None, :] - prototypes) ** 2).sum(axis=-1).min(axis=-1)


def color_names(pixels: np.ndarray) -> np.ndarray:
    """Look up the probability of each of the 11 names for each pixel.

    Args:
        pixels: (..., 3) uint8, red, green, blue.

    Returns:
        (..., 11) float32 in the order of ``COLORS``; those of a pixel add up to 1.
    """
    level = (pixels >> 3).astype(np.intp)
    return table().reshape(-1, len(COLORS))[(level[..., 0] << 10) | (level[..., 1] << 5) | level[..., 2]]

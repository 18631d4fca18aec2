"""Convert stored colours to light and back: the transfer curve of the pictures."""

from __future__ import annotations

import numpy as np

# Linear light of each stored 8-bit value, float32 in [0, 1].
LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
STEPS = 4096
# The stored value of linear light in STEPS steps up to 1.5: a gamma with a soft shoulder, as cameras have.
_light = np.linspace(0, 1.5, STEPS)
_curve = np.where(_light < 0.6, _light, 0.6 + 0.4 * (1 - np.exp(-(_light - 0.6) / 0.4)))
STORED = (np.clip(_curve, 0, 1) ** (1 / 2.2)).astype(np.float32)


def to_stored(light: np.ndarray) -> np.ndarray:
    """Convert linear light, of any shape, to stored brightness in [0, 1]."""
    return STORED[np.clip(light * ((STEPS - 1) / 1.5), 0, STEPS - 1).astype(np.int32)]

"""Section 4.1: the tracks of a gallery as numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd


def track_numbers(gallery: pd.DataFrame) -> np.ndarray:
    """(G,) each gallery image's track as a number from 0, by first appearance; "" is a track of the image's own."""
    names = gallery["track"].where(gallery["track"] != "", "/" + gallery["image"])
    return pd.factorize(names)[0]

"""Section 4.1: number the tracks of a gallery."""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.errors import PartregError


def track_numbers(gallery: pd.DataFrame) -> np.ndarray:
    """(G,) number of each gallery image's track, from 0 in order of appearance; "" is a track of the image's own.

    >>> gallery = pd.DataFrame({"image": ["a", "b", "c"], "vehicle": [1, 1, 2]})
    >>> gallery["track"] = ["t", "t", ""]
    >>> track_numbers(gallery)
    array([0, 0, 1])

    Raises:
        PartregError: a track holds images of two vehicles, so that no track could be right or wrong.
    """
    names = gallery["track"].where(gallery["track"] != "", "/" + gallery["image"])
    numbers: np.ndarray = pd.factorize(names)[0]
    vehicles = gallery.groupby(names.to_numpy(), sort=False)["vehicle"].nunique()
    if (vehicles > 1).any():
        raise PartregError(
            f"the track {(vehicles > 1).idxmax()!r} holds images of two vehicles, expected one vehicle in it; split it."
        )
    return numbers

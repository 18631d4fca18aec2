"""Section 4.1: number the tracks of a gallery."""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.errors import PartregError


def track_numbers(gallery: pd.DataFrame) -> np.ndarray:
    """(G,) number of each gallery image's track, from 0 in order of appearance; "" is a track of the image's own.

    >>> gallery = pd.DataFrame({"image": ["a", "b", "c"], "vehicle": [1, 1, 2], "track": ["t", "t", ""]})
    >>> track_numbers(gallery)
    array([0, 0, 1])

    Raises:
        PartregError: a track holds images of two vehicles, so that no track could be right or wrong.
    """
    names = gallery["track"].where(gallery["track"] != "", "/" + gallery["image"])
    numbers: np.ndarray = pd.factorize(names)[0]
    seen = pd.DataFrame({"track": numbers, "vehicle": gallery["vehicle"].to_numpy()}).drop_duplicates()
    mixed = seen["track"].duplicated().to_numpy()
    if mixed.any():
        track = names.iloc[int(np.flatnonzero(numbers == seen["track"][mixed].iloc[0])[0])]
        raise PartregError(f"the track {track!r} holds images of two vehicles, expected one vehicle in it; split it.")
    return numbers

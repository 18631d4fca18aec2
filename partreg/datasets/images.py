"""Section 4.1: the table of images that the whole project uses, one row an image, whatever the layout on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from partreg.errors import PartregError

IMAGE_COLUMNS = ("image", "path", "vehicle", "camera", "time", "track", "model", "color", "type")
TEXT = ("image", "path", "track")
REQUIRED = ("image", "path", "vehicle")


def images_table(columns: Mapping[str, Any] | pd.DataFrame, source: str = "the table of images") -> pd.DataFrame:
    """Make a table of images: check types, and fill missing columns as unknown.

    Args:
        columns: at least ``image`` (path relative to the data set's root, "/" between folders, unique), ``path``
            (to open) and ``vehicle`` (whole number, at least 0); ``camera``, ``time``, ``model``, ``color`` and
            ``type`` are whole numbers, -1 where unknown; ``track`` is a name, "" where unknown.
        source: the table's file, for errors.

    Returns:
        A frame with exactly ``IMAGE_COLUMNS``, rows in the order given, indexed 0..N-1.

    Raises:
        PartregError: a required column is missing, a value is no whole number, or an image appears twice.
    """
    given = pd.DataFrame(columns)
    missing = [name for name in REQUIRED if name not in given]
    if missing:
        raise PartregError(f"{source}: expected the columns {', '.join(REQUIRED)}, {missing[0]!r} is missing; add it.")
    table = {}
    for name in IMAGE_COLUMNS:
        if name in TEXT:
            table[name] = given[name].astype(str).to_numpy() if name in given else np.full(len(given), "", dtype=object)
        else:
            table[name] = _integers(given, name, source)
    frame = pd.DataFrame(table).astype(dict.fromkeys(TEXT, "str"))
    for row in np.flatnonzero(frame["vehicle"] < 0):
        raise PartregError(f"{source}: row {row} has vehicle {frame['vehicle'][row]}, expected 0 or more; fix it.")
    twice = frame["image"].duplicated()
    if twice.any():
        name = frame["image"][twice].iloc[0]
        raise PartregError(f"{source}: the image {name!r} appears twice, expected once; delete one of its rows.")
    return frame


def _integers(given: pd.DataFrame, name: str, source: str) -> np.ndarray:
    if name not in given:
        return np.full(len(given), -1, dtype=np.int64)
    if pd.api.types.is_integer_dtype(given[name]):
        return np.asarray(given[name], dtype=np.int64)
    numbers: np.ndarray = pd.to_numeric(given[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    # Beyond 2^53, two whole numbers may be the same float, which would make one vehicle of two.
    bad = ~np.isfinite(numbers) | (numbers != np.floor(numbers)) | (np.abs(numbers) >= 2**53)
    bad |= given[name].map(lambda value: isinstance(value, bool | np.bool_)).to_numpy(dtype=bool)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        what = f"row {row} has {given[name].iloc[row]!r} as {name}, expected a whole number"
        raise PartregError(f"{source}: {what}; fix it.")
    return numbers.astype(np.int64)

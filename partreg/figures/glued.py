"""Numbers in a chapter's prose: the text names a value by ``{glue:text}``, and a cell sets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from myst_nb import glue


def glue_all(values: Mapping[str, Any]) -> None:
    """Put each value where the book's prose names it; the cell itself shows nothing.

    Args:
        values: by name, which is unique in a chapter; a string appears without quotes, a number by its format there.
    """
    for name, value in values.items():
        glue(name, value, display=False)

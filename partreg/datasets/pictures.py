"""Section 4.1: one way to open a picture, the same for people, detector and network.

Photographs may be turned by their EXIF orientation, or have 16 bits, CMYK or a palette. A detector that turns them and
a network that does not would see different pixels. So the whole project opens pictures here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from partreg.errors import PartregError

SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N", "I")
# Errors that Pillow raises for files that are damaged or no pictures. ImportError: once ultralytics is loaded, its
# Image.open asks for a plug-in if Pillow does not know the format.
BROKEN = (
    OSError, SyntaxError, ValueError, ImportError, OverflowError, EOFError, TypeError, Image.DecompressionBombError,
)  # fmt: skip
TURNED = range(2, 9)  # EXIF orientations of a picture that is not stored upright
SWAPPED = range(5, 9)  # those in which width and height are swapped
ORIENTATION = 0x0112


def open_picture(path: str | Path) -> Image.Image:
    """Open a picture whole, upright by its EXIF orientation, as RGB with 8 bits a channel.

    16 bits of grey are scaled to 8 (65,535 becomes 255); CMYK and palettes are converted; transparency is dropped.

    Raises:
        PartregError: the file is missing, truncated or no picture, has more than 16 bits a channel, or more pixels than
            a picture may have (179 million).
    """
    try:
        with Image.open(path) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
        if upright.mode in SIXTEEN:
            values = np.asarray(upright).astype(np.int64)
            if values.min() < 0 or values.max() > 65_535:
                raise ValueError("more than 16 bits a channel, expected 8 or 16")
            upright = Image.fromarray((values * 255 // 65_535).astype(np.uint8))
        if upright.mode == "F":
            raise ValueError("floating-point pixels, expected 8 or 16 bits a channel")
        return upright.convert("RGB")
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such picture; run `partreg check` on its data set.") from error
    except BROKEN as error:
        raise PartregError(
            f"{path}: not a readable image ({reason(error)}); run `partreg check --decode` on its data set, "
            "which finds truncated pictures too."
        ) from error


def read_picture(path: str | Path) -> np.ndarray:
    """Open a picture as an array (height, width, 3) uint8: red, green, blue; errors are those of `open_picture`."""
    return np.asarray(open_picture(path))


def picture_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels of the upright picture; reads only its header, see `picture_header`."""
    width, height, orientation = picture_header(path)
    return (height, width) if orientation in SWAPPED else (width, height)


def picture_header(path: str | Path) -> tuple[int, int, int]:
    """Width and height in pixels of the stored picture, and its EXIF orientation (1, upright, if it has none).

    Raises:
        PartregError: it is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(ORIENTATION, 1)
            return (*image.size, orientation if orientation in TURNED else 1)
    except BROKEN as error:
        what = f"not a readable image ({reason(error)})"
        raise PartregError(f"{path}: {what}; replace it, or delete it from its list.") from error


def fault(path: str | Path, decode: bool) -> str:
    """Say what is wrong with a picture file; "" if nothing is. Reads its header, or with ``decode`` all of it."""
    try:
        open_picture(path) if decode else picture_size(path)
    except PartregError as error:
        return reason(error.__cause__ or error)
    return ""


def reason(error: BaseException) -> str:
    """Shorten a library's error to a few words on one line."""
    if isinstance(error, UnidentifiedImageError | ImportError):
        return "no format of pictures that is known here"
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:120]

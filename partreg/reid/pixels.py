"""Section 3.2, "All input image were re-sized into H x W": each image is decoded and resized once for all runs.

The pixels of a list lie in one file, memory-mapped by every run and process that needs it: N x size x size x 3 bytes,
7.4 GB for VeRi-776's 37,778 training images at 256 px.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from partreg import files
from partreg.datasets.contents import contents
from partreg.datasets.pictures import open_picture
from partreg.errors import PartregError


def fingerprint(images: pd.DataFrame, folder: str | Path | None = None) -> str:
    """Sixteen hexadecimal digits for the images of a table: their names, and what their files hold.

    A picture that was replaced counts as another, whatever its name and size; where the files lie does not matter. With
    ``folder``, `partreg.datasets.contents` remembers there what it has read.

    Raises:
        PartregError: an image is missing.
    """
    digest = hashlib.sha256()
    for name, content in zip(images["image"], contents(images["path"].tolist(), folder), strict=True):
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()[:16]


def decoded(images: pd.DataFrame, size: int, folder: str | Path, threads: int = 2) -> np.ndarray:
    """Every image of a table as size x size pixels, from ``folder`` if the same pictures were decoded before.

    Two processes that decode the same list at once each write a file of their own and rename it: the work is done
    twice, and the result is whole and the same.

    Args:
        images: the table; its ``image`` and ``path`` are read.
        size: height and width in pixels; the image's proportions are not kept, as in the paper.
        folder: where the files of pixels lie.
        threads: images decoded at a time.

    Returns:
        (N, size, size, 3) uint8, red, green, blue; read-only and memory-mapped.

    Raises:
        PartregError: an image is missing or cannot be decoded, or the table is empty.
    """
    if images.empty:
        raise PartregError("images: expected at least one image, got an empty table; check the list it came from.")
    path = Path(folder) / f"{fingerprint(images, folder)}-{size}.npy"
    if not path.exists():
        with files.whole(path) as temporary, ThreadPoolExecutor(threads) as pool:
            shape = (len(images), size, size, 3)
            pixels = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            reserve(temporary)
            found = pool.map(lambda name: decode(name, size), images["path"])
            for row, image in enumerate(tqdm(found, "decoding", len(images), mininterval=1, leave=False)):
                pixels[row] = image
            pixels.flush()
            del pixels
    stored: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return stored


def reserve(path: Path) -> None:
    """Take the disk that a file without content needs, where the system can.

    On a full disk that is an error; without it, memory that is written and has no place in the file ends the process.

    Raises:
        OSError: there is not so much.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def decode(path: str | Path, size: int) -> np.ndarray:
    """One image file as (size, size, 3) uint8, red, green, blue, resized with antialiasing.

    Raises:
        PartregError: it is missing or cannot be decoded whole.
    """
    return np.array(open_picture(path).resize((size, size), Image.Resampling.BILINEAR))

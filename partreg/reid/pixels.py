"""Section 3.2, "All input image were re-sized into H x W": decode and resize each image once for all runs.

One file holds the pixels of a list, and every run and process that needs them maps it into memory: N x size x size x 3
bytes, 7.4 GB for VeRi-776's 37,778 training images at 256 px.
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
    """Digest of a table's images, 16 hexadecimal digits: of their names and of the bytes of their files.

    A replaced picture changes the digest, whatever its name and size; moved files do not. If ``folder`` is given,
    `partreg.datasets.contents` remembers there what it has read.

    Raises:
        PartregError: an image is missing.
    """
    digest = hashlib.sha256()
    for name, content in zip(images["image"], contents(images["path"].tolist(), folder), strict=True):
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()[:16]


def decoded(images: pd.DataFrame, size: int, folder: str | Path, threads: int = 2) -> np.ndarray:
    """Decode every image of a table to size x size pixels, or read them from ``folder`` if they were decoded before.

    If two processes decode the same list at once, each writes its own file and renames it: the work is done twice, and
    the result is whole and the same.

    Args:
        images: the table of images, with ``image`` and ``path``.
        size: height and width in pixels; images do not keep their proportions, as in the paper.
        folder: the folder of the files of pixels.
        threads: images to decode at a time.

    Returns:
        (N, size, size, 3) uint8, red, green, blue; read-only and memory-mapped.

    Raises:
        PartregError: an image is missing or cannot be decoded, or the table is empty.
    """
    if images.empty:
        raise PartregError("images: expected at least one image, got an empty table; check its list.")
    path = Path(folder) / f"{fingerprint(images, folder)}-{size}.npy"
    if not path.exists():
        with files.whole(path) as temporary, ThreadPoolExecutor(threads) as pool:
            shape = (len(images), size, size, 3)
            pixels = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            reserve(temporary)
            arrays = pool.map(lambda name: decode(name, size), images["path"])
            for row, image in enumerate(tqdm(arrays, "decoding images", len(images), mininterval=1, leave=False)):
                pixels[row] = image
            pixels.flush()
            del pixels
    stored: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return stored


def reserve(path: Path) -> None:
    """Reserve the disk space of a new, empty file, if the system can.

    On a full disk this raises an error. Without it, the system would kill the process when it writes to mapped memory
    that has no space on the disk.

    Raises:
        OSError: the disk has too little space.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def decode(path: str | Path, size: int) -> np.ndarray:
    """Decode one image file to (size, size, 3) uint8, red, green, blue, resized with antialiasing.

    Raises:
        PartregError: the file is missing or cannot be decoded whole.
    """
    return np.array(open_picture(path).resize((size, size), Image.Resampling.BILINEAR))

"""LOMO of Table 3: local maximal occurrence of colours and textures, nothing learned.

Liao et al., "Person Re-identification by Local Maximal Occurrence Representation and Metric Learning" (CVPR 2015),
Section 3, with the details of the authors' published code. Windows of 10x10 pixels, 5 pixels apart, have a histogram of
HSV colour (8x8x8 bins, after Retinex) and two of SILTP texture (radii 3 and 5). Along each row of windows, each bin
keeps its largest count, because a detail may lie anywhere in its row. This is done at three scales. The logarithm
log(1 + x) follows, and each of the three descriptors is scaled to length 1: 26,960 numbers for an image of 128x48
pixels. Table 3 compares them by L2, without the paper's learned metric.

*Assumed*: images of vehicles are square and are squeezed to 128x48, which gives the published length. The authors
publish their Retinex as a compiled file only. Ours follows Jobson et al., "A Multiscale Retinex for Bridging the Gap
Between Color Images and the Human Observation of Scenes" (IEEE TIP 1997), with the two scales that LOMO's paper names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from partreg.baselines.declaration import Declaration
from partreg.baselines.task import Cost, Task, compared

HEIGHT, WIDTH = 128, 48  # pixels
CELL = 5  # pixels: the windows' step; a window is 2x2 cells
SCALES = 3
BINS = 8  # of each channel of HSV
RADII = (3, 5)
TAU = 0.3  # of SILTP
PATTERNS = 81  # of SILTP with 4 neighbours
LENGTH = (24 + 11 + 5) * (BINS**3 + len(RADII) * PATTERNS)  # rows of windows of the three scales, and their bins
SIGMAS = (5.0, 20.0)  # of Retinex, pixels
RESTORATION = 125.0  # Jobson et al.'s alpha
SPREAD = 2.0  # standard deviations about the mean that Retinex's result keeps, *assumed*
CHUNK = 32  # images at a time: about 100 MB


def features(pixels: np.ndarray) -> np.ndarray:
    """Describe images.

    Args:
        pixels: (N, H, W, 3) uint8, red, green, blue; resized to 128x48 here.

    Returns:
        (N, 26960) float32: HSV, then SILTP at radius 3, then at 5, each of length 1; to be compared by L2.
    """
    described = np.empty((len(pixels), LENGTH), dtype=np.float32)
    for start in range(0, len(pixels), CHUNK):
        chunk = pixels[start : start + CHUNK]
        small = [cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for image in chunk]
        images = np.array(small, dtype=np.float32) / 255
        gray = images @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
        colors = [color_codes(scale) for scale in pyramid(hsv_bins(retinex(images)), np.floor)]
        parts = [_unit(colors, BINS**3)]
        parts += [_unit([siltp(scale, radius) for scale in pyramid(gray)], PATTERNS) for radius in RADII]
        described[start : start + CHUNK] = np.concatenate(parts, axis=1)
    return described


def _unit(codes: list[np.ndarray], bins: int) -> np.ndarray:
    """Return one descriptor (N, D) float32 of length 1 from the codes of all scales."""
    counts = np.concatenate([row_maxima(scale, bins).reshape(len(scale), -1) for scale in codes], axis=1)
    logs = np.log1p(counts, dtype=np.float32)
    return logs / np.linalg.norm(logs, axis=1, keepdims=True)


def retinex(images: np.ndarray) -> np.ndarray:
    """Divide out the light by a multiscale Retinex with colour restoration, so that cameras show equal colours.

    The result is the mean over two Gaussian surrounds of log(pixel / surround), times the log of the channel's share of
    the pixel. *Assumed*: 1 is added to all pixels before. Then each image, all channels together, is scaled linearly:
    its mean plus 2 standard deviations becomes 1, its mean minus 2 becomes 0.

    Args:
        images: (N, H, W, 3) float32 in [0, 1].

    Returns:
        The same shape, float32 in [0, 1]; about 0.5 throughout an image of one colour.
    """
    light = images * 255 + 1
    logs = np.log(light)
    contrast = logs - sum(np.log(_blur(light, sigma)) for sigma in SIGMAS) / len(SIGMAS)
    restored = contrast * (math.log(RESTORATION) + logs - np.log(light.sum(axis=3, keepdims=True)))
    mean = restored.mean(axis=(1, 2, 3), keepdims=True)
    spread = SPREAD * restored.std(axis=(1, 2, 3), keepdims=True)
    return np.clip((restored - mean) / (2 * np.maximum(spread, 1e-4)) + 0.5, 0, 1)


def _blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur images (N, H, W, 3) by a Gaussian as two matrix products, which is fastest for so wide a Gaussian."""
    down, across = (gaussian_filter1d(np.eye(side, dtype=np.float32), sigma, axis=0) for side in images.shape[1:3])
    number, height, width, channels = images.shape
    blurred = (down @ images.reshape(number, height, -1)).reshape(number * height, width, channels)
    return (across @ blurred).reshape(images.shape)


def hsv_bins(images: np.ndarray) -> np.ndarray:
    """Return the bins, 0 to 7 as float32, of hue, saturation and value of images (N, H, W, 3) float32 RGB in [0, 1]."""
    rows = cv2.cvtColor(images.reshape(-1, *images.shape[2:]), cv2.COLOR_RGB2HSV).reshape(images.shape)
    return np.minimum(np.floor(rows * np.array([BINS / 360, BINS, BINS], dtype=np.float32)), BINS - 1)


def color_codes(bins: np.ndarray) -> np.ndarray:
    """Return one number from 0 to 511 for each pixel's bins (N, H, W, 3): (N, H, W) int64; hue changes fastest."""
    return (bins @ np.array([1, BINS, BINS**2], dtype=np.float32)).astype(np.int64)


def pyramid(images: np.ndarray, rounding: np.ufunc = np.positive) -> Iterator[np.ndarray]:
    """Yield images (N, H, W, ...) at three scales; each has the means of 2x2 pixels of the one before.

    An odd row or column is cut off. The authors average the bins of colour, not the colours, and round down. They do so
    with hue, too, though it is an angle.
    """
    yield images
    for _ in range(SCALES - 1):
        height, width = (side // 2 * 2 for side in images.shape[1:3])
        even, odd = images[:, 0:height:2, :width], images[:, 1:height:2, :width]
        images = rounding((even[:, :, 0::2] + even[:, :, 1::2] + odd[:, :, 0::2] + odd[:, :, 1::2]) / 4)
        yield images


def siltp(gray: np.ndarray, radius: int) -> np.ndarray:
    """Compute scale invariant local ternary patterns (Liao et al., CVPR 2010) of 4 neighbours.

    A neighbour gives 1 if it is brighter than 1.3 times the pixel, 2 if it is darker than 0.7 times, else 0. These are
    digits in base 3; from the last one, they belong to the neighbours to the right, above, left and below. Outside the
    image, its edge pixels are repeated.

    Args:
        gray: (N, H, W) float32, at least 0; the patterns stay the same when an image is multiplied by a number.
        radius: pixels to the neighbours.

    Returns:
        (N, H, W) int64, 0 to 80.
    """
    height, width = gray.shape[1:]
    padded = np.pad(gray, ((0, 0), (radius, radius), (radius, radius)), mode="edge")
    low, high = (1 - TAU) * gray, (1 + TAU) * gray
    codes = np.zeros(gray.shape, dtype=np.int64)
    for digit, (down, right) in enumerate([(0, 1), (-1, 0), (0, -1), (1, 0)]):
        y, x = radius * (1 + down), radius * (1 + right)
        neighbour = padded[:, y : y + height, x : x + width]
        codes += 3**digit * ((neighbour > high) + 2 * (neighbour < low))
    return codes


def row_maxima(codes: np.ndarray, bins: int) -> np.ndarray:
    """Count codes in all 10x10 windows, 5 pixels apart, and keep each bin's largest count along each row of windows.

    Args:
        codes: (N, H, W) int64, 0 to bins - 1; H and W at least 10.
        bins: of a histogram.

    Returns:
        (N, rows, bins) int64 counts, 0 to 100; rows = (H - 10) // 5 + 1.
    """
    number, down, across = len(codes), codes.shape[1] // CELL, codes.shape[2] // CELL
    cells = codes[:, : down * CELL, : across * CELL].reshape(number, down, CELL, across, CELL)
    place = np.arange(number * down * across).reshape(number, down, 1, across, 1)
    counts = np.bincount((cells + bins * place).ravel(), minlength=place.size * bins)
    # A cell holds 25 pixels and a window 100, so a byte is enough.
    counts = counts.astype(np.uint8).reshape(number, down, across, bins)
    rows = counts[:, :-1] + counts[:, 1:]
    return (rows[:, :, :-1] + rows[:, :, 1:]).max(axis=2).astype(np.int64)


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """Return the (Q, G) L2 distances of the features, and their cost."""
    return compared(task, features)


DECLARATION = Declaration(
    name="LOMO", tables=("veri",), takes_a_while=True,
    publication="Liao et al. 2015", citation="liao2015lomo", feature="26,960 numbers", replaced=False,
    alt="Flow chart: windows of an image at three scales give a colour and a texture histogram; the maximum along "
    "each row of windows makes 26,960 numbers. No box is learnt.",
    nodes={
        "image": ("image,\n128 × 48", "input", 0, 0.5),
        "windows": ("three scales,\nwindows of\n10 × 10 pixels", "fixed", 1, 0.5),
        "color": ("colour: HSV\nhistogram", "fixed", 2, 0), "texture": ("texture: SILTP\nat two radii", "fixed", 2, 1),
        "most": ("maximum along\na row, logarithm", "fixed", 3, 0),
        "feature": ("26,960\nnumbers,\nL2 distance", "compared", 3, 1),
    },
    edges=("image windows color most feature", "windows texture most"),
)  # fmt: skip

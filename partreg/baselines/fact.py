"""FACT of Table 3: fusion of attributes and color features.

Liu et al., "Large-scale Vehicle Re-identification in Urban Surveillance Videos" (ICME 2016), add three distances: 0.7
of that between a network's features (`partreg.baselines.googlenet`), 0.2 of BOW-CN's (`partreg.baselines.bow_cn`) and
0.1 of BOW-SIFT's, which is here. BOW-SIFT counts SIFT descriptors (Lowe, IJCV 2004) as up to 10,000 visual words, see
`partreg.baselines.bag_of_words`.

*Assumed*: descriptors are upright, on a grid 8 pixels apart, and each describes a window of 24 pixels. Only the nearest
word counts. There are no stripes. With fewer than 10,000 training images, the codebook has one word for each of them:
then a word still occurs in many images, and learning takes about a minute.
"""

from __future__ import annotations

import math
import time
from functools import partial

import cv2
import numpy as np

from partreg.baselines.bag_of_words import Codebook, Local, features, learn
from partreg.baselines.declaration import Declaration
from partreg.baselines.task import Cost, Task, compared, timed

CNN, CN, SIFT = 0.7, 0.2, 0.1  # weights of the three distances
STEP = 8  # pixels between descriptors
DIAMETER = 4  # of a key point; OpenCV's descriptor covers six times that
WORDS = 10_000
DESCRIPTORS_A_WORD = 25  # drawn to learn the words from


def added(cnn: np.ndarray, cn: np.ndarray, sift: np.ndarray) -> np.ndarray:
    """Add 0.7 of the network's distances, 0.2 of BOW-CN's and 0.1 of BOW-SIFT's, each scaled to [0, 1] first.

    *Assumed*: each query's distances are scaled by their own smallest and largest value, so that its result does not
    depend on the other queries. Where all are equal, they become 0.

    Args:
        cnn: (Q, G) distances of the network's features.
        cn: (Q, G) those of BOW-CN.
        sift: (Q, G) those of BOW-SIFT.

    Returns:
        (Q, G) float32 in [0, 1].
    """
    return CNN * _stretched(cnn) + CN * _stretched(cn) + SIFT * _stretched(sift)


def _stretched(part: np.ndarray) -> np.ndarray:
    low, high = part.min(axis=1, keepdims=True), part.max(axis=1, keepdims=True)
    return ((part - low) / np.where(high > low, high - low, 1)).astype(np.float32)


def fit(train_pixels: np.ndarray, seed: int) -> Codebook:
    """Learn BOW-SIFT's words, min(10000, N), and their weights.

    Args:
        train_pixels: (N, H, W, 3) uint8, red, green, blue, H and W at least 16.
        seed: of the descriptors drawn and of k-means.

    Raises:
        PartregError: there are too few descriptors for the words.
    """
    words = min(WORDS, len(train_pixels))
    each = math.ceil(words * DESCRIPTORS_A_WORD / max(len(train_pixels), 1))
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(sift(image[None])[0, 0])[:each] for image in train_pixels]
    return learn(LOCAL, train_pixels, np.concatenate(drawn), words, seed)


def sift(pixels: np.ndarray) -> np.ndarray:
    """Compute SIFT descriptors on a grid.

    Args:
        pixels: (N, H, W, 3) uint8, red, green, blue, H and W at least 16.

    Returns:
        (N, 1, P, 128) float32, 0 to 255, of P = (H // 8 - 1) (W // 8 - 1) places, row by row; 0 where a window has one
        colour only.
    """
    down, across = (range(STEP, side - STEP + 1, STEP) for side in pixels.shape[1:3])
    places = [cv2.KeyPoint(float(x), float(y), DIAMETER, 0.0) for y in down for x in across]
    extractor = cv2.SIFT_create()
    described = [extractor.compute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), places)[1] for image in pixels]
    return np.array(described, dtype=np.float32).reshape(len(pixels), 1, len(places), 128)


LOCAL = Local(sift, nearest=1)


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """Return the (Q, G) sums of the three distances, and their cost."""
    started = time.perf_counter()
    codebook = fit(task.pixels(task.train), task.seed)
    texture, cost = compared(task, partial(features, LOCAL, codebook), time.perf_counter() - started)
    cnn, names = task.built_on["googlenet"], task.built_on["bow_cn"]
    return timed(partial(added, cnn.distances, names.distances, texture), cost + cnn.cost + names.cost)


DECLARATION = Declaration(
    name="FACT", tables=("veri",), training=("model labels",), built_on=("googlenet", "bow_cn"), takes_a_while=True,
    publication="Liu et al. 2016 (ICME)", citation="liu2016fact", feature="1,024 + 5,600 + 10,000 numbers",
    alt="Flow chart: an image is described three times, by GoogLeNet, by colours and by texture; the three distances "
    "are normalised and added with the weights 0.7, 0.2 and 0.1.",
    nodes={
        "image": ("image", "input", 0, 1), "cnn": ("GoogLeNet:\ncar models", "learnt", 1, 0),
        "cn": ("BOW-CN:\ncolour", "learnt", 1, 1), "sift": ("BOW-SIFT:\ntexture", "learnt", 1, 2),
        "one": ("distance,\nnormalised,\n× 0.7", "fixed", 2, 0),
        "two": ("distance,\nnormalised,\n× 0.2", "fixed", 2, 1),
        "three": ("distance,\nnormalised,\n× 0.1", "fixed", 2, 2), "sum": ("their sum", "compared", 3, 1),
    },
    edges=("image cnn one sum", "image cn two sum", "image sift three sum"),
)  # fmt: skip

"""BOW-CN of Table 3: bags of colour words in stripes, no network.

Zheng et al., "Scalable Person Re-identification: A Benchmark" (ICCV 2015), on vehicles as in FACT (Liu et al., ICME
2016): the mean Color Names of 4x4 patches, a codebook of 350 words, 16 horizontal stripes, 5,600 numbers an image.

*Assumed*: the images are square as given, not 128x64; no Gaussian mask, as a vehicle fills its box where a person does
not; each patch counts for its 10 nearest words (Zheng et al.'s multiple assignment) in training and test images alike;
the words are learned from the data set's own training images.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from partreg.baselines.bag_of_words import Codebook, Local, features, learn
from partreg.baselines.color_names import COLORS, color_names
from partreg.baselines.declaration import Declaration
from partreg.baselines.task import Cost, Task, compared

PATCH = 4  # pixels; patches do not overlap
STRIPES = 16
WORDS = 350
NEAREST = 10  # words a patch counts for
IMAGES, EACH = 1_000, 100  # the words are learned from so many training images and patches of each


def fit(train_pixels: np.ndarray, seed: int) -> Codebook:
    """Learn 350 words and their weights.

    Args:
        train_pixels: (N, H, W, 3) uint8, red, green, blue; H a multiple of 64, W of 4.
        seed: of the patches drawn and of k-means.

    Raises:
        PartregError: there are too few patches.
    """
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(len(train_pixels))[:IMAGES])
    described = (descriptors(train_pixels[row : row + 1]).reshape(-1, len(COLORS)) for row in drawn)
    patches = [rng.permutation(image)[:EACH] for image in described]
    return learn(LOCAL, train_pixels, np.concatenate(patches), WORDS, seed)


def descriptors(pixels: np.ndarray) -> np.ndarray:
    """Return the square root of the mean Color Names of each patch. The mean adds up to 1, so the root has length 1.

    Args:
        pixels: (N, H, W, 3) uint8; H a multiple of 64, W of 4.

    Returns:
        (N, 16, P, 11) float32, the P patches of each of 16 stripes, left to right and from the top.
    """
    number, height, width, _ = pixels.shape
    names = color_names(pixels).reshape(number, height // PATCH, PATCH, width // PATCH, PATCH, len(COLORS))
    return np.sqrt(names.sum(axis=2).sum(axis=3) / PATCH**2).reshape(number, STRIPES, -1, len(COLORS))


LOCAL = Local(descriptors, NEAREST)


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) L2 distances of the features, and their cost; the words are learned from the training images."""
    started = time.perf_counter()
    codebook = fit(task.pixels(task.train), task.seed)
    return compared(task, partial(features, LOCAL, codebook), time.perf_counter() - started)


DECLARATION = Declaration(
    name="BOW-CN", tables=("veri",), takes_a_while=True,
    publication="Zheng et al. 2015", citation="zheng2015bow", feature="5,600 numbers", replaced=False,
    alt="Flow chart: small patches of an image are described by eleven color names, replaced by the nearest of 350 "
    "code words, ten for each patch, and counted in 16 stripes to make 5,600 numbers.",
    nodes={
        "image": ("image", "input", 0, 0), "patches": ("patches of\n4 × 4 pixels,\n11 Color Names", "fixed", 1, 0),
        "words": ("350 code words\nby k-means", "learnt", 2, 0),
        "counts": ("counts in 16\nstripes, TF-IDF\nweights", "fixed", 2, 1),
        "feature": ("5,600 numbers,\nL2 distance", "compared", 3, 1),
    },
    edges=("image patches words counts feature",),
)  # fmt: skip

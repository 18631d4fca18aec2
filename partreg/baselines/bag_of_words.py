"""Bags of visual words, for BOW-CN and BOW-SIFT of Table 3.

Local descriptors are replaced by the nearest words of a codebook and counted (Sivic and Zisserman, ICCV 2003). The
details follow Zheng et al., "Scalable Person Re-identification: A Benchmark" (ICCV 2015): histograms of horizontal
stripes side by side, several words for a descriptor, the square root of the counts against burstiness, TF-IDF, unit
length. Their negative evidence (the training mean is subtracted) changes no L2 distance and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from partreg.errors import PartregError

ROWS = 2048  # descriptors compared with the words at a time: 80 MB of distances for 10,000 words
BATCH = 4096  # of k-means
ITERATIONS = 5  # of k-means over all descriptors (*assumed*); each has many batches
CHUNK = 32  # images at a time: 25 MB of Color Names of 128x128 pixels


@dataclass(frozen=True)
class Local:
    """How images are described locally.

    Attributes:
        describe: from pixels (N, H, W, 3) uint8, red, green, blue, to descriptors (N, S, P, D) float32: S stripes, and
            P descriptors in each.
        nearest: words that a descriptor counts for.
    """

    describe: Callable[[np.ndarray], np.ndarray]
    nearest: int


@dataclass(frozen=True)
class Codebook:
    """Words and weights learned from training images.

    Attributes:
        words: (W, D) float32.
        idf: (W,) float32, the weight of each word.
    """

    words: np.ndarray
    idf: np.ndarray


def learn(local: Local, pixels: np.ndarray, descriptors: np.ndarray, words: int, seed: int) -> Codebook:
    """Learn words from descriptors (M, D) that were drawn, and their weights from all training images.

    Raises:
        PartregError: there are fewer descriptors than words.
    """
    learned = learn_words(descriptors, words, seed)
    return Codebook(learned, learn_idf(_counts(local, learned, pixels)))


def features(local: Local, codebook: Codebook, pixels: np.ndarray) -> np.ndarray:
    """Describe images (N, H, W, 3): (N, S * W) float32 of length 1, to be compared by L2; the top stripe first."""
    stripes, start = local.describe(pixels[:1]).shape[1], 0
    described = np.empty((len(pixels), stripes * len(codebook.words)), dtype=np.float32)
    for counts in _counts(local, codebook.words, pixels):
        described[start : start + len(counts)] = weigh(codebook, counts)
        start += len(counts)
    return described


def _counts(local: Local, words: np.ndarray, pixels: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(pixels), CHUNK):
        yield count(words, local.describe(pixels[start : start + CHUNK]), local.nearest)


def learn_words(descriptors: np.ndarray, words: int, seed: int) -> np.ndarray:
    """Learn the codebook's words: (words, D) float32, the centres of k-means over descriptors (M, D).

    Mini-batch k-means starts from random descriptors (*assumed*): the better start of k-means++ takes minutes for
    10,000 words. The same seed gives the same words.

    Raises:
        PartregError: there are fewer descriptors than words.
    """
    if len(descriptors) < words:
        raise PartregError(f"{len(descriptors)} descriptors for {words} words, expected one a word; give more images.")
    means = MiniBatchKMeans(
        words, init="random", n_init=1, max_iter=ITERATIONS, batch_size=BATCH, reassignment_ratio=0, random_state=seed
    )
    return means.fit(descriptors).cluster_centers_.astype(np.float32)


def assign(words: np.ndarray, descriptors: np.ndarray, nearest: int) -> np.ndarray:
    """Find the words nearest to each descriptor, in L2.

    Args:
        words: (W, D) float32.
        descriptors: (M, D) float32.
        nearest: words for a descriptor; all of them where the codebook is smaller.

    Returns:
        (M, nearest) int64 rows of ``words``, in no order.
    """
    nearest = min(nearest, len(words))
    chosen = np.empty((len(descriptors), nearest), dtype=np.int64)
    half = (words**2).sum(axis=1) / 2
    for start in range(0, len(descriptors), ROWS):
        # Half the squared distance, without the descriptor's own square, which is the same for all words.
        distances = half - descriptors[start : start + ROWS] @ words.T
        if nearest == 1:
            chosen[start : start + ROWS, 0] = distances.argmin(axis=1)
        else:
            chosen[start : start + ROWS] = np.argpartition(distances, nearest - 1, axis=1)[:, :nearest]
    return chosen


def count(words: np.ndarray, descriptors: np.ndarray, nearest: int) -> np.ndarray:
    """Count each word in each stripe.

    Args:
        words: (W, D) float32.
        descriptors: (N, S, P, D) float32: N images, S stripes, P descriptors in each.
        nearest: words for a descriptor.

    Returns:
        (N, S, W) int64.
    """
    images, stripes, _, width = descriptors.shape
    indices = assign(words, descriptors.reshape(-1, width), nearest).reshape(images * stripes, -1)
    bins = indices + len(words) * np.arange(images * stripes)[:, None]
    counts = np.bincount(bins.ravel(), minlength=images * stripes * len(words))
    return counts.reshape(images, stripes, len(words))


def learn_idf(counts: Iterable[np.ndarray]) -> np.ndarray:
    """Return each word's inverse document frequency, log((1 + N) / (1 + n)) + 1 where n of N images hold the word.

    *Assumed*: the smoothed form of scikit-learn, in which a word that every image holds keeps weight 1.

    Args:
        counts: (n, S, W) counts of the training images, a chunk at a time.

    Returns:
        (W,) float32.
    """
    total, holding = 0, 0
    for chunk in counts:
        total += len(chunk)
        holding = holding + chunk.any(axis=1).sum(axis=0)
    return (np.log((1 + total) / (1 + holding)) + 1).astype(np.float32)


def weigh(codebook: Codebook, counts: np.ndarray) -> np.ndarray:
    """Turn counts (N, S, W) into features (N, S * W) float32 of length 1: square root, times idf, over all stripes.

    *Assumed*: the order of the three steps; the square root is Zheng et al.'s division of each count by its own root.
    """
    features = np.sqrt(counts, dtype=np.float32) * codebook.idf
    features = features.reshape(len(counts), -1)
    return features / np.linalg.norm(features, axis=1, keepdims=True)

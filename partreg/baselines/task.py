"""What a method receives to compare VeRi-776's query and gallery images, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from partreg.retrieval.distances import l2


@dataclass(frozen=True)
class Cost:
    """What a method costs, measured on this run's device while other work may have shared it.

    Attributes:
        training: seconds of training, codebooks and plate nets included.
        width: numbers kept for each gallery image; 0 where that is not a feature (a plate's text).
        query: seconds for one query: its feature, and its distances to the whole gallery. The queries share the time
            for plates and paths of the whole gallery.
    """

    training: float = 0.0
    width: int = 0
    query: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.training + other.training, self.width + other.width, self.query + other.query)


class Made(NamedTuple):
    """Another method's results: its (Q, G) distances, their cost, and the folder of its nets."""

    distances: np.ndarray
    cost: Cost
    folder: Path


@dataclass(frozen=True)
class Task:
    """What a method may use.

    Attributes:
        root: folder of VeRi-776 with the side files.
        train: training images, without the vehicles held out.
        query: Q images.
        gallery: G images.
        seed: of everything random.
        epochs: of the profile's networks; small nets beside them take no more.
        folder: of this method's own nets.
        pixels: decodes N images, (N, 128, 128, 3) uint8, for hand-crafted features.
        features: this method's own network on the "train", "query" or "gallery" images, (N, D) float32.
        network_cost: what this network costs, known once ``features`` was called.
        built_on: results of the methods that this one is built on, by their modules.
    """

    root: Path
    train: pd.DataFrame
    query: pd.DataFrame
    gallery: pd.DataFrame
    seed: int
    epochs: int
    folder: Path
    pixels: Callable[[pd.DataFrame], np.ndarray]
    features: Callable[[str], np.ndarray]
    network_cost: Callable[[], Cost]
    built_on: Mapping[str, Made]


def network_distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) L2 distances of a network's features, and their cost, for a method that is one network only."""
    query, gallery = task.features("query"), task.features("gallery")
    return timed(partial(l2, query, gallery), task.network_cost())


def timed(compare: Callable[[], np.ndarray], cost: Cost) -> tuple[np.ndarray, Cost]:
    """Return the distances that ``compare`` computes, and ``cost`` plus their time for each query."""
    started = time.perf_counter()
    distances = compare()
    return distances, cost + Cost(query=(time.perf_counter() - started) / len(distances))


def compared(
    task: Task, describe: Callable[[np.ndarray], np.ndarray], training: float = 0.0
) -> tuple[np.ndarray, Cost]:
    """(Q, G) L2 distances of the features that ``describe`` computes from pixels, and what they cost.

    Args:
        task: with the query and gallery images.
        describe: from pixels (N, 128, 128, 3) to features (N, D).
        training: seconds of training before.
    """
    images, queries = task.pixels(pd.concat([task.query, task.gallery], ignore_index=True)), len(task.query)
    started = time.perf_counter()
    features = describe(images)
    cost = Cost(training, features.shape[1], (time.perf_counter() - started) / len(images))
    return timed(partial(l2, features[:queries], features[queries:]), cost)

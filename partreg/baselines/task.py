"""What a method is given to compare VeRi-776's query and gallery images by, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from partreg import files
from partreg.retrieval.distances import l2


@dataclass(frozen=True)
class Cost:
    """What a method costs, measured on this run's device while other work may have shared it.

    Attributes:
        training: seconds of training, codebooks and plate nets included.
        width: numbers kept for each gallery image; 0 where that is not a feature (a plate's text).
        query: seconds for one query: its feature, and its distances to the whole gallery. Plates and paths of the whole
            gallery are worked out on the way, and their time is shared among the queries.
    """

    training: float = 0.0
    width: int = 0
    query: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.training + other.training, self.width + other.width, self.query + other.query)


class Made(NamedTuple):
    """What another method has made: its (Q, G) distances, their cost, and the folder where its nets lie."""

    distances: np.ndarray
    cost: Cost
    folder: Path


@dataclass(frozen=True)
class Task:
    """What a method may look at, and what it starts from.

    Attributes:
        root: of VeRi-776, where side files lie.
        train: training images of the vehicles that no network holds out.
        query: Q images.
        gallery: G images.
        seed: of everything random.
        epochs: of the profile's networks; small nets beside them take no more.
        folder: of this method's own nets.
        pixels: decodes N images, (N, 128, 128, 3) uint8, for hand-crafted features.
        features: this method's own network on the "train", "query" or "gallery" images, (N, D) float32.
        network_cost: what this network costs, once it has been asked for features.
        built_on: what the methods have made that this one is built on, by their modules.
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
    """(Q, G) L2 distances of a network's features, and their cost: a method that is one network and nothing else."""
    query, gallery = task.features("query"), task.features("gallery")
    return timed(partial(l2, query, gallery), task.network_cost())


def timed(compare: Callable[[], np.ndarray], cost: Cost) -> tuple[np.ndarray, Cost]:
    """The distances that ``compare`` gives, and ``cost`` with the time that they took, a query."""
    started = time.perf_counter()
    found = compare()
    return found, cost + Cost(query=(time.perf_counter() - started) / len(found))


def compared(
    task: Task, describe: Callable[[np.ndarray], np.ndarray], training: float = 0.0
) -> tuple[np.ndarray, Cost]:
    """(Q, G) L2 distances of the features that ``describe`` computes from pixels, and what they cost.

    Args:
        task: whose query and gallery images are described.
        describe: from pixels (N, 128, 128, 3) to features (N, D).
        training: seconds that were needed before.
    """
    images, queries = task.pixels(pd.concat([task.query, task.gallery], ignore_index=True)), len(task.query)
    started = time.perf_counter()
    found = describe(images)
    cost = Cost(training, found.shape[1], (time.perf_counter() - started) / len(images))
    return timed(partial(l2, found[:queries], found[queries:]), cost)


def net_seconds(folder: Path, train: Callable[[], Any]) -> float:
    """Train a small net beside the images' and give the seconds that it took, also where it was there before.

    A net whose time was lost, because the process was killed between the two, is trained again.
    """
    path = folder / "net.json"
    if not path.exists():
        (folder / "weights.pt").unlink(missing_ok=True)
        started = time.perf_counter()
        train()
        files.write_json(path, {"seconds": time.perf_counter() - started})
    return files.read_json(path)["seconds"]

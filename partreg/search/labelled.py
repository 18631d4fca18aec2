"""Features with their vehicles: those of an index, or of anybody, in the order of an ``images.csv``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from partreg import files
from partreg.datasets import own
from partreg.datasets.table_csv import as_table, read_csv
from partreg.errors import PartregError
from partreg.retrieval.distances import check_features
from partreg.search.store import is_index, read_index


@dataclass(frozen=True)
class Labelled:
    """Images with features.

    Attributes:
        images: their table (`partreg.datasets.images`), with ``split`` where the CSV has it.
        features: (N, D), in its order.
        weights: the SHA-256 of the network's weights, "" if unknown.
        folder: of the index, or of the file of features.
    """

    images: pd.DataFrame
    features: np.ndarray
    weights: str
    folder: Path

    def held_out(self) -> Labelled:
        """The same without the images that the CSV gives to training."""
        if "split" not in self.images:
            return self
        kept = (self.images["split"] != "train").to_numpy()
        return Labelled(self.images[kept].reset_index(drop=True), self.features[kept], self.weights, self.folder)


def read_labelled(source: str | Path, listed: str | Path) -> Labelled:
    """Read features and what they show.

    Args:
        source: the folder of an index, from which the images are taken by their paths; or a .npy file of (N, D) numbers
            in the order of the CSV.
        listed: the CSV (`partreg.datasets.table_csv`); for an index, also a folder with a folder for each vehicle, or
            with a CSV (`partreg.datasets.own`).

    Raises:
        PartregError: one of the two is missing or damaged, or they do not fit.
    """
    source, listed = Path(source), Path(listed)
    if not source.is_file() and not is_index(source) and source.suffix == ".npy":
        raise PartregError(f"{source}: no such file; check the path.")
    if source.suffix == ".npz":
        raise PartregError(f"{source}: a .npz file says its own vehicles; leave {listed} out, or give a .npy file.")
    index = None if source.is_file() else read_index(source)
    if index is None and listed.is_dir():
        raise PartregError(f"{listed}: a folder, expected a CSV in the order of {source}; give the CSV itself.")
    if listed.is_dir():
        listed = own.source(listed)
        images = as_table(own.read_rows(listed), str(listed))
    else:
        images = read_csv(listed)
    if images.empty:
        raise PartregError(f"{listed}: expected images, found none; list some.")
    if index is None:
        features = check_features(_array(source), f"{source}:")
        if len(features) != len(images):
            raise PartregError(
                f"{source}: {len(features):,} features, but {listed} lists {len(images):,} images; expected one row of "
                "features for each line, in the same order."
            )
        return Labelled(images, features, "", source.parent)
    rows = {os.path.realpath(index.root / name): row for row, name in enumerate(index.names)}
    at = [rows.get(os.path.realpath(path), -1) for path in images["path"]]
    if absent := [name for name, row in zip(images["image"], at, strict=True) if row < 0]:
        raise PartregError(
            f"{listed}: {len(absent):,} of its images are not in {source}, the first is {absent[0]!r}; expected "
            f"pictures under {index.root}; take their lines out, or run `partreg index` on their folder."
        )
    return Labelled(images, index.features[at], index.weights, index.folder)


def _array(path: Path) -> np.ndarray:
    """The numbers of a file of the reader's own, which no command of ours can make again."""
    try:
        return files.read_array(path)
    except PartregError as error:
        raise PartregError(
            f"{path}: expected an array of numbers in NumPy's format; write it again by numpy.save(path, features), "
            "without objects in it."
        ) from error

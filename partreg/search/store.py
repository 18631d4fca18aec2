"""An index on disk: the features of a folder's pictures, and the network that made them.

``index.json`` names the other two files by what they hold, ``features-<state>.npy`` and ``pictures-<state>.csv``. It is
written last and in one piece. So an index is the old one or the new one, whenever its writer is killed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic.dataclasses import dataclass as guarded

from partreg import files
from partreg.errors import PartregError
from partreg.guard import Guarded, one_of
from partreg.retrieval.distances import check_features
from partreg.search.pictures import FOREIGN, within

VERSION = 1
HEADING = ["path", "content"]
STATE = "[0-9a-f]" * 12  # in the names of an index's files
DIGEST = re.compile(r"[0-9a-f]{16}")


@guarded(frozen=True)
class About(Guarded):
    """What ``index.json`` says.

    Attributes:
        version: of the format, `VERSION`.
        state: 12 hexadecimal digits in the names of the other two files.
        pictures: the folder of the pictures, relative to the index.
        network: the folder of the network, or its ONNX file, relative to the index.
        run: the network's description (`partreg.reid.run.Run`).
        weights: the SHA-256 of its ``weights.pt``, or of the ONNX file.
    """

    version: Annotated[int, one_of((VERSION,))]
    state: str
    pictures: str
    network: str
    run: dict[str, Any]
    weights: str


@dataclass(frozen=True)
class Index:
    """The features of a folder's pictures.

    Attributes:
        folder: of the index.
        root: the folder of the pictures.
        network: the folder of the network, or its ONNX file.
        run: the network's description, by field.
        weights: the SHA-256 of the network's ``weights.pt``, or of the ONNX file.
        names: (N) paths of the pictures under ``root``, sorted.
        contents: (N) digests of the pictures' bytes, 16 hexadecimal digits each.
        features: (N, D) float32, finite.
    """

    folder: Path
    root: Path
    network: Path
    run: dict[str, Any]
    weights: str
    names: list[str]
    contents: list[str]
    features: np.ndarray

    @property
    def state(self) -> str:
        """12 hexadecimal digits, others for other pictures or features."""
        return hashlib.sha256(_table(self).encode() + self.features.tobytes()).hexdigest()[:12]

    def path(self, name: str) -> Path:
        """The path to open of one of its pictures.

        Raises:
            PartregError: the name leads out of the folder of the pictures, by itself or by a link.
        """
        path = files.inside(self.root, name)
        if not within(self.root, path):
            raise PartregError(f"{path}: {FOREIGN} {self.root}; replace it by the picture itself.")
        return path


class OtherVersionError(PartregError):
    """An index is not damaged, but of another version of this library."""


def is_index(folder: str | Path) -> bool:
    """Whether a folder holds an index."""
    return (Path(folder) / "index.json").is_file()


def read_index(folder: str | Path) -> Index:
    """Read an index.

    Raises:
        PartregError: it is missing or damaged, its files do not fit each other, or a feature is NaN.
    """
    folder = Path(folder)
    if not is_index(folder):
        found = "no index.json in it" if folder.is_dir() else "no such folder"
        made = f"`partreg index PICTURES --network RUN --to {folder}`"
        raise PartregError(f"{folder}: expected an index, found {found}; make it by {made}.")
    try:
        return _read(folder)
    except OtherVersionError:
        raise
    except PartregError as error:
        raise PartregError(
            f"{folder}: the index is damaged ({error}); delete this folder, and run `partreg index` again."
        ) from error


def _read(folder: Path) -> Index:
    """Read the files of an index."""
    said = files.read_json(folder / "index.json")
    version = said.get("version") if isinstance(said, dict) else None
    if isinstance(version, int) and version != VERSION:
        raise OtherVersionError(
            f"{folder}: the index is of version {version}, and this partreg reads version {VERSION}; make another one "
            "with `partreg index --to`."
        )
    about = About.of(said, str(folder / "index.json"))
    array, listed = _places(folder, about.state)
    root, network = (Path(os.path.normpath(folder / place)) for place in (about.pictures, about.network))
    names, contents = _read_pictures(listed, root)
    features = check_features(files.read_array(array), f"{array}:")
    if features.dtype != np.float32 or len(features) != len(names):
        found = f"{len(features)} rows of {features.dtype}"
        raise PartregError(
            f"{array}: expected {len(names)} rows of float32, one a line of {listed.name}, found {found}."
        )
    index = Index(folder, root, network, about.run, about.weights, names, contents, features)
    if index.state != about.state:
        raise PartregError(f"{listed.name} and {array.name} are not what was written under these names")
    return index


def write_index(index: Index) -> None:
    """Write an index; until the last step, an older one in its folder stays as it is."""
    array, listed = _places(index.folder, index.state)
    files.write_text(listed, _table(index))
    with files.whole(array) as temporary:
        np.save(temporary, index.features, allow_pickle=False)
    pictures, network = (os.path.relpath(place, index.folder) for place in (index.root, index.network))
    about = About(VERSION, index.state, pictures, network, index.run, index.weights)
    files.write_json(index.folder / "index.json", asdict(about))
    for pattern in (f"features-{STATE}.npy", f"pictures-{STATE}.csv", f"cells-{STATE}*.faiss"):
        for old in set(index.folder.glob(pattern)) - {array, listed}:
            old.unlink()


def _table(index: Index) -> str:
    columns = dict(zip(HEADING, (index.names, index.contents), strict=True))
    return str(pd.DataFrame(columns, dtype=object).to_csv(index=False, lineterminator="\n"))


def _places(folder: Path, state: str) -> tuple[Path, Path]:
    if not re.fullmatch(STATE, state):
        raise PartregError(
            f"{folder / 'index.json'}: state is {state[:40]!r}; expected 12 hexadecimal digits; delete {folder} and "
            "make the index again."
        )
    return folder / f"features-{state}.npy", folder / f"pictures-{state}.csv"


def _read_pictures(path: Path, root: Path) -> tuple[list[str], list[str]]:
    """The names and digests that a list of pictures holds."""
    again = f"delete {path.parent} and make the index again."
    try:
        rows = list(csv.reader(io.StringIO(files.read_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise PartregError(f"{path}: could not be read as a CSV ({error}); {again}") from error
    if not rows or rows[0] != HEADING:
        raise PartregError(f"{path}:1: expected the heading {','.join(HEADING)}; {again}")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not DIGEST.fullmatch(row[1]):
            raise PartregError(f"{path}:{line}: expected a path and 16 hexadecimal digits, found {row!r:.80}; {again}")
        files.inside(root, row[0])
    return [row[0] for row in rows[1:]], [row[1] for row in rows[1:]]

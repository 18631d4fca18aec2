"""Features of pictures that lie anywhere, by a trained network; a broken picture does not stop the others.

The network is a folder of `partreg.reid.train.train`, or a file of `partreg.reid.export.to_onnx`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partreg import files
from partreg.baselines import method
from partreg.datasets.pictures import reason
from partreg.errors import PartregError
from partreg.reid.device import choose_device, reproducible
from partreg.reid.export import described, from_onnx
from partreg.reid.features import compute, load
from partreg.reid.network import Trunk
from partreg.reid.pixels import decode
from partreg.search.store import Index

BATCH = 128  # pictures that are decoded and computed at a time


@dataclass(frozen=True)
class Network:
    """A trained network, ready for pictures.

    Attributes:
        path: where it lies: a folder, or an ONNX file.
        run: its description, by field.
        weights: the SHA-256 of its ``weights.pt``, or of the ONNX file.
        size: side of its square images, in pixels.
        trunk: the network itself; None for an ONNX file.
        session: of ONNX Runtime, for an ONNX file.
    """

    path: Path
    run: dict[str, Any]
    weights: str
    size: int
    trunk: Trunk | None
    session: Any = None

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """(N, D) float32 features of (N, size, size, 3) uint8 pixels, red, green, blue."""
        if self.trunk is None:
            found: np.ndarray = self.session.run(None, {"pictures": pixels})[0]
            return found
        with reproducible(torch.get_num_threads(), self.trunk.device):
            return compute(self.trunk, pixels, None)


def load_network(place: str | Path) -> Network:
    """Load the network that lies in a folder of `partreg.reid.train.train`, of whichever method, or in an ONNX file.

    Raises:
        PartregError: there is none, or it needs boxes of parts when it is used.
    """
    place = Path(place)
    if place.suffix == ".onnx" and not place.is_dir():
        exported, session = from_onnx(place)
        return Network(place, asdict(exported), files.sha256(place), exported.size, None, session)
    run, trunk, _ = load(place, str(choose_device()), method(described(place).method))
    if not run.use_global:
        raise PartregError(
            f"{place / 'run.json'}: use_global is false, so the network needs boxes of parts, which a folder of "
            "pictures has not; take a network with a global branch."
        )
    return Network(place, asdict(run), files.sha256(place / "weights.pt"), run.size, trunk)


def network_of(index: Index, place: str | Path = "") -> Network:
    """Load the network that made an index, from where it was or from another ``place``.

    Raises:
        PartregError: there is no network, or another one.
    """
    if not place and not index.network.exists():
        raise PartregError(
            f"{index.folder / 'index.json'}: the network {index.network} is not there any more; say where it is by "
            "--network FOLDER or --model FILE.onnx."
        )
    network = load_network(place or index.network)
    refuse_other(index, network)
    return network


def refuse_other(index: Index, network: Network) -> None:
    """Refuse a network that did not make an index: features of two networks cannot be compared.

    Raises:
        PartregError: its weights are others.
    """
    if network.weights != index.weights:
        raise PartregError(
            f"{index.folder}: made by a network with other weights than {network.path} (SHA-256 "
            f"{index.weights[:12]}, not {network.weights[:12]}), and features of two networks cannot be compared; "
            f"take the network of the index, or make another index by --to FOLDER."
        )


def batches(network: Network, paths: Sequence[Path]) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Yield for each `BATCH` of pictures their features and what is wrong with each.

    The features are (B, D) float32, a row of NaN for a picture that cannot be read; what is wrong is "" otherwise.

    Raises:
        PartregError: a feature is NaN, though the picture is whole.
    """
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        with ThreadPoolExecutor(2) as pool:
            opened = list(pool.map(lambda path: _decoded(path, network.size), batch))
        wrong = [found if isinstance(found, str) else "" for found in opened]
        whole = [found for found in opened if not isinstance(found, str)]
        if not whole:
            yield np.full((len(batch), 0), np.nan, np.float32), wrong
            continue
        computed = network.features(np.stack(whole))
        if not np.isfinite(computed).all():
            raise PartregError(
                f"{network.path}: the network's features hold NaN or infinite values; train it again with a lower "
                "learning rate."
            )
        features = np.full((len(batch), computed.shape[1]), np.nan, np.float32)
        features[[not why for why in wrong]] = computed
        yield features, wrong


def features_of(network: Network, paths: Sequence[str | Path]) -> np.ndarray:
    """(N, D) float32 features of some pictures.

    Raises:
        PartregError: one of them cannot be read.
    """
    found = []
    for number, (features, wrong) in enumerate(batches(network, [Path(path) for path in paths])):
        for path, why in zip(paths[number * BATCH :], wrong, strict=False):
            if why:
                raise PartregError(f"{path}: expected a picture ({why}); give another file.")
        found.append(features)
    return np.concatenate(found)


def _decoded(path: Path, size: int) -> np.ndarray | str:
    """A picture's pixels, or what is wrong with it."""
    try:
        return decode(path, size)
    except PartregError as error:
        if path.is_dir():
            return "a folder"
        absent = isinstance(error.__cause__, FileNotFoundError)
        return "no such file" if absent else reason(error.__cause__ or error)

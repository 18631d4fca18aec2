"""A network with random weights, saved as a training saves it, and a folder of drawn pictures."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from partreg import files
from partreg.reid.network import make_network
from partreg.reid.run import Run
from partreg.search.index import index_folder

RUN = Run(backbone="tiny", size=32, dim=8, parts=())


def saved(folder: Path, run: Run = RUN) -> Path:
    """A network before training, in a folder of its own."""
    folder.mkdir(parents=True)
    network = make_network(run, 3)
    files.write_json(folder / "run.json", asdict(run))
    state = {"network": network.state_dict(), "vehicles": torch.arange(3), "classes": {"vehicle": 3}}
    files.write_weights(folder / "weights.pt", state)
    return folder


def draw(path: Path, seed: int) -> Path:
    """A picture of 40 x 36 pixels, a colour for each seed."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 40, (36, 40, 3)) + chance.integers(0, 215, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def network(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("networks") / "one")


@pytest.fixture(scope="session")
def other_network(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("networks") / "two", RUN.changed(seed=1))


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Four pictures in two folders."""
    for number, name in enumerate(["lot/a.png", "lot/b.JPG", "c.png", "d ü,1.png"]):
        draw(tmp_path / "photos" / name, number)
    return tmp_path / "photos"


@pytest.fixture
def indexed(pictures, network) -> Path:
    """The folder of their index."""
    return index_folder(pictures, network).index.folder

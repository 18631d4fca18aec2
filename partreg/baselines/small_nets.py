"""Small nets for plates and paths, beside the networks for whole images: trained once, kept in a method's folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from partreg import files
from partreg.errors import PartregError


def train_once(folder: Path, train: Callable[[], nn.Module]) -> float:
    """Train a net unless ``folder`` has it, keep its weights there, and return the seconds that its training took.

    A net without its time, because the process was killed between the two, is trained again.
    """
    path = folder / "net.json"
    if not path.exists():
        started = time.perf_counter()
        files.write_weights(folder / "weights.pt", train().state_dict())
        files.write_json(path, {"seconds": time.perf_counter() - started})
    return files.read_json(path)["seconds"]


def load(net: nn.Module, folder: Path) -> nn.Module:
    """Return ``net`` with the weights that `train_once` kept in ``folder``, in evaluation mode.

    Raises:
        PartregError: the weights are missing, or another net's.
    """
    path = folder / "weights.pt"
    try:
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds for files that are not its own
        raise PartregError(
            f"{path}: not readable weights of a {type(net).__name__} ({error}); train it anew."
        ) from error
    return net.to(memory_format=torch.channels_last).eval()

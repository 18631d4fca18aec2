"""Start a network from another one: the weights of a trained network's backbone, in a file (Section 3.3)."""

from __future__ import annotations

from pathlib import Path

import torch

from partreg.errors import PartregError
from partreg.files import write_weights

BACKBONE = "backbone."


def write_backbone(network: str | Path, path: str | Path) -> None:
    """Write the weights of a trained network's backbone, which another run takes as its ``weights``.

    Args:
        network: the folder of the trained network, with ``weights.pt``.
        path: the file to write, a state dict in torchvision's names.

    Raises:
        PartregError: there is no trained network in the folder.
    """
    weights = Path(network) / "weights.pt"
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)["network"]
    except Exception as error:  # torch raises errors of many classes for files that are not its own
        raise PartregError(
            f"{weights}: expected the weights of a trained network ({type(error).__name__}); give the folder of one, "
            "as build/PROFILE/runs/KEY."
        ) from error
    mine = {name: value for name, value in state.items() if name.startswith(BACKBONE)}
    write_weights(path, {name.removeprefix(BACKBONE): value for name, value in mine.items()})

"""Figure 5: class activation maps, which show where in an image the network recognizes an identity."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from partreg.reid.device import choose_device, reproducible
from partreg.reid.features import load
from partreg.reid.network import PartRegularizedNet
from partreg.reid.pixels import decoded


@torch.no_grad()
def class_activation(
    network: PartRegularizedNet, images: Tensor, labels: Tensor | None = None, branch: str = "global"
) -> Tensor:
    """Compute how much each cell of the last feature map speaks for an identity.

    Pooling, the 1 x 1 convolution and the classifier are linear, so we may change their order: score each cell first
    and pool last. The mean of a map over the cells that its branch pools is the branch's logit.

    Args:
        network: the network, in evaluation mode.
        images: (B, 3, H, H), red, green, blue, values 0 to 255.
        labels: (B,) the identity's column among the logits; None for the one that the global branch scores highest.
        branch: the branch whose classifier scores.

    Returns:
        (B, S, S) float32, in units of the logit.
    """
    feature_map = network.feature_map(images)
    embed, classify = (network.get_parameter(f"{layer}.{branch}.weight") for layer in ("embed", "classify"))
    if labels is None:
        labels = classify.matmul(embed).matmul(feature_map.mean((2, 3)).T).argmax(0)
    return torch.einsum("bchw,dc,bd->bhw", feature_map, embed, classify[labels])


def share_on_cells(cams: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Compute the share of each map's positive part that lies in given cells.

    >>> cam = np.array([[[3.0, 1.0], [-2.0, 0.0]]])
    >>> window = np.array([[[[True, False], [True, False]]]])
    >>> float(share_on_cells(cam, window)[0, 0])  # 3 of 3 + 1; negative cells do not count
    0.75

    Args:
        cams: (N, S, S) class activation maps.
        cells: (N, P, S, S) bool.

    Returns:
        (N, P) in [0, 1]; NaN if no cell is given.
    """
    positive = np.maximum(cams, 0)[:, None]
    inside = (positive * cells).sum((2, 3)) / positive.sum((2, 3)).clip(1e-9)
    return np.where(cells.any((2, 3)), inside, np.nan)


def activation_maps(
    folder: str | Path,
    images: pd.DataFrame,
    *,
    pixels: str | Path,
    own: bool = False,
) -> np.ndarray:
    """Compute class activation maps of images with a trained network.

    Args:
        folder: the folder of the trained network.
        images: the table of images.
        pixels: folder of decoded images, see `partreg.reid.pixels`.
        own: map the image's own vehicle, which the network must have learnt. Otherwise map the learnt vehicle that it
            predicts, the only choice for a vehicle that it never saw.

    Returns:
        (N, S, S) float32.

    Raises:
        ValueError: ``own`` for a vehicle that the network did not learn.
    """
    run, loaded, vehicles = load(folder, str(choose_device()))
    network = cast(PartRegularizedNet, loaded)
    where = network.device
    labels = torch.from_numpy(pd.Index(vehicles).get_indexer(images["vehicle"])).to(where) if own else None
    if labels is not None and bool((labels < 0).any()):
        raise ValueError("own: expected images of the vehicles that the network learnt")
    maps = []
    with reproducible(1, where):
        data = decoded(images, run.size, pixels)
        for start in range(0, len(images), 64):
            rows = slice(start, start + 64)
            batch = torch.from_numpy(np.array(data[rows])).permute(0, 3, 1, 2).to(where)
            maps.append(class_activation(network, batch, labels if labels is None else labels[rows]).cpu())
    return torch.cat(maps).numpy()

"""Likeness maps: which cells of one image answer to which of another, for vehicles that the network never saw.

Section 3.2 averages the last feature map over its cells, and the layer after it is linear without a bias. So the two
may change places, as in `partreg.reid.activation`: each cell has a feature of its own, and the global feature is their
mean. The inner product of two global features is then a sum over all pairs of cells, and the squared L2 distance, which
ranks a gallery, is the sum of their squared lengths less twice this sum. Both are exact.

It is exact for this network only. After a maximum, a generalized mean or a scaling to length 1, as other methods have
them, no cell has a feature of its own, and such maps would be approximations; here are none. Nor do the maps say which
*pixels* count: a cell sees far beyond its borders. `hiding` therefore tests them. It hides the cells that a map marks,
and measures how much farther apart the two images are.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from partreg.errors import PartregError
from partreg.reid.device import choose_device, reproducible
from partreg.reid.features import load
from partreg.reid.network import PartRegularizedNet
from partreg.reid.pixels import decoded

SHARE = 0.15  # of an image's cells, which `strongest` marks
DRAWS = 4  # of random cells for each pair of images
HIDDEN = ("likeness", "strongest", "random")  # which cells of an image are hidden, see `hiding`


@torch.no_grad()
def cell_features(network: PartRegularizedNet, images: Tensor) -> Tensor:
    """Compute the feature of each cell; their mean over the cells is the global feature.

    Args:
        network: the network, in evaluation mode, with a global branch.
        images: (B, 3, H, H), red, green, blue, values 0 to 255.

    Returns:
        (B, S, S, D) float32, in units of the feature.

    Raises:
        PartregError: the network's feature is no mean over cells, as those of other methods.
    """
    if type(network) is not PartRegularizedNet or not network.use_global:
        raise PartregError(
            f"{type(network).__name__}: its feature is no mean over all cells, so there is no likeness map of it; "
            "take a network of the paper's own method (partreg) with a global branch."
        )
    feature_map = network.feature_map(images)
    with torch.autocast(feature_map.device.type, enabled=False):
        return torch.einsum("bchw,dc->bhwd", feature_map, network.get_parameter("embed.global.weight"))


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute what each pair of cells of two images adds to the inner product of their global features.

    One row of two cells, which look different ways. The second cell of the one and the first of the other give
    4 * 2 / (2 * 2):

    >>> first = np.array([[[2.0, 0.0], [0.0, 4.0]]])
    >>> second = np.array([[[0.0, 2.0], [0.0, 0.0]]])
    >>> likeness(first, second)[0, 1, 0, 0]
    np.float64(2.0)
    >>> likeness(first, second).sum() == first.mean((0, 1)) @ second.mean((0, 1))
    np.True_

    Args:
        first: (R, S, D) features of one image's cells, from `cell_features`.
        second: (R', S', D) those of the other's, from the same network.

    Returns:
        (R, S, R', S') float64, of either sign. The sum is the inner product of the two global features; with their
        lengths it gives the squared distance, see the top of this module.
    """
    cells = first[..., 0].size * second[..., 0].size
    return np.tensordot(first.astype(np.float64), second.astype(np.float64), (2, 2)) / cells


def strongest(values: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Mark the cells of each map with the largest values.

    Args:
        values: (N, R, S) in any unit.
        share: of the cells that are marked, at least one; of equal cells the first ones.

    Returns:
        (N, R, S) bool.
    """
    flat = values.reshape(len(values), -1)
    order = np.argsort(-flat, axis=1, kind="stable")[:, : max(round(share * flat.shape[1]), 1)]
    marked = np.zeros(flat.shape, bool)
    np.put_along_axis(marked, order, True, axis=1)
    return marked.reshape(values.shape)


def matches(pairs: np.ndarray, count: int = 5) -> np.ndarray:
    """Choose the pairs of cells that are most alike: the best pair first, then the best of the cells that are left.

    Args:
        pairs: (R, S, R', S') from `likeness`.
        count: how many; fewer where no other pair adds to the likeness.

    Returns:
        (K, 4) row and column of the first image's cell, row and column of the second's.
    """
    left = pairs.copy()
    found: list[tuple[np.intp, ...]] = []
    while len(found) < count:
        place = np.unravel_index(left.argmax(), left.shape)
        if left[place] <= 0:
            break
        found.append(place)
        left[place[:2]] = 0
        left[:, :, place[2], place[3]] = 0
    return np.array(found, dtype=np.int64).reshape(-1, 4)


def hide(images: Tensor, cells: Tensor) -> Tensor:
    """Replace the pixels of some cells by the image's mean colour.

    Args:
        images: (B, 3, H, W), in any number type.
        cells: (B, S, S) bool; cell i is the i-th strip of the image.

    Returns:
        (B, 3, H, W) float32.
    """
    images = images.float()
    hidden = F.interpolate(cells[:, None].float(), size=images.shape[-2:], mode="nearest") > 0
    return torch.where(hidden, images.mean((2, 3), keepdim=True), images)


def hiding(
    folder: str | Path,
    images: pd.DataFrame,
    pairs: np.ndarray,
    *,
    pixels: str | Path,
    share: float = SHARE,
) -> pd.DataFrame:
    """Hide cells of the first image of each pair; how much farther from the second one is it then?

    ``likeness`` hides the cells that are most like the second image (the sums of `likeness` over the second's cells),
    ``strongest`` those whose own features are longest, whatever the second image shows, and ``random`` as many cells
    drawn by chance, the mean of `DRAWS` draws.

    Args:
        folder: the folder of the trained network.
        images: the table of images.
        pairs: (N, 2) rows of the table.
        pixels: folder of decoded images, see `partreg.reid.pixels`.
        share: of the cells that are hidden.

    Returns:
        N rows with the columns `HIDDEN`: by how much the L2 distance grows, as a fraction of the mean distance of all
        pairs; negative where it shrinks.

    Raises:
        PartregError: the folder has no trained network of the paper's own method, or an image cannot be read.
    """
    run, loaded, _ = load(folder, str(choose_device()))
    network = cast(PartRegularizedNet, loaded)
    data, chance = decoded(images, run.size, pixels), np.random.default_rng(0)
    found: list[np.ndarray] = []
    with reproducible(1, network.device):
        for start in range(0, len(pairs), 64):
            both = np.array(data[pairs[start : start + 64].T])  # (2, B, H, H, 3)
            first, second = (torch.from_numpy(side).permute(0, 3, 1, 2).to(network.device) for side in both)
            found.append(_growth(network, first, second, share, chance))
    growth = np.concatenate(found, axis=1)
    return pd.DataFrame((growth[1:] / growth[0].mean()).T, columns=list(HIDDEN))


def _growth(
    network: PartRegularizedNet, first: Tensor, second: Tensor, share: float, chance: np.random.Generator
) -> np.ndarray:
    """(4, B) the distance of each pair, and by how much it grows for each of `HIDDEN`."""
    cells, other = cell_features(network, first).cpu().numpy(), cell_features(network, second).mean((1, 2))

    def distance(images: Tensor) -> np.ndarray:
        apart: Tensor = (cell_features(network, images).mean((1, 2)) - other).norm(dim=1)
        return np.asarray(apart.cpu())

    def hidden(values: np.ndarray) -> np.ndarray:
        marked = torch.from_numpy(strongest(values, share)).to(first.device)
        grown: np.ndarray = distance(hide(first, marked)) - before
        return grown

    before = distance(first)
    alike = np.einsum("bhwd,bd->bhw", cells, other.cpu().numpy())  # the sums of `likeness` over the second's cells
    drawn = [hidden(chance.random(cells.shape[:3])) for _ in range(DRAWS)]
    return np.stack([before, hidden(alike), hidden(np.linalg.norm(cells, axis=3)), np.mean(drawn, axis=0)])

"""Table 3, Plate-SNN: Liu et al., "A Deep Learning-Based Approach to Progressive Vehicle Re-id." (ECCV 2016).

A siamese net compares two number plates without reading them: two copies of a LeNet-like net share their weights and
learn by the contrastive loss on pairs of crops. The publication gives LeNet's two layers of convolution and of pooling
(20 and 50 channels, 5 x 5) and its layer of 500. *Assumed*: the feature's width (256, of length 1; wider in the
publication), batch normalisation, the margin, Adam, and that every pair of a batch counts, where the pairs of one plate
weigh as much in sum as the pairs of two.

Alone, as in Table 3, it cannot rank images without a plate: see `ranked`.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partreg.baselines.declaration import Declaration
from partreg.baselines.metric_losses import contrastive, root
from partreg.baselines.plates import (
    EPOCHS,
    HEIGHT,
    WIDTH,
    computed,
    disturbed,
    learn,
    load_crops,
    prepared,
    rows_with_plates,
)
from partreg.baselines.small_nets import load, train_once
from partreg.baselines.task import Cost, Task, timed
from partreg.datasets.side import read_plates
from partreg.errors import PartregError
from partreg.reid.device import mixed_precision
from partreg.retrieval.distances import l2

WIDE, MARGIN, RATE = 256, 1.0, 1e-3  # assumed
EACH = 4  # crops of a vehicle in a batch, assumed


class PlateNet(nn.Module):
    """LeNet on plates: crops (B, 1, 32, 96) to features (B, 256) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 20, 5), nn.BatchNorm2d(20), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5), nn.BatchNorm2d(50), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        cells = ((HEIGHT - 4) // 2 - 4) // 2 * (((WIDTH - 4) // 2 - 4) // 2)
        self.embed = nn.Sequential(nn.Linear(50 * cells, 500), nn.ReLU(), nn.Linear(500, WIDE))

    def forward(self, crops: Tensor) -> Tensor:
        """Features (B, 256) of prepared crops (B, 1, 32, 96)."""
        with mixed_precision(crops.device):
            embedded = self.embed(self.features(crops.contiguous(memory_format=torch.channels_last)).flatten(1))
        return F.normalize(embedded.float(), dim=1)


def pair_loss(features: Tensor, vehicles: Tensor, margin: float = MARGIN) -> Tensor:
    """Return the contrastive loss of all pairs of a batch, half from pairs of one vehicle, half from pairs of two.

    Args:
        features: (B, D) of length 1.
        vehicles: (B,) int64.
        margin: distance from which two plates are different enough.

    Returns:
        Scalar; a kind of pair that the batch lacks counts as 0.
    """
    first, second = torch.triu_indices(len(features), len(features), offset=1)
    gaps = root((features[first] - features[second]).square().sum(1))
    same = vehicles[first] == vehicles[second]
    kinds = [contrastive(gaps[kind], same[kind], margin) for kind in (same, ~same) if kind.any()]
    return 0.5 * torch.stack(kinds).sum()


def by_vehicle(vehicles: Tensor, rng: torch.Generator) -> Tensor:
    """Draw the rows of one epoch, as many as there are: random vehicles, each with `EACH` random rows.

    A vehicle with fewer than `EACH` rows repeats them.
    """
    names, counts = vehicles.unique(return_counts=True)
    shuffled = torch.argsort(vehicles + 0.99 * torch.rand(len(vehicles), generator=rng, dtype=torch.float64))
    turns = -(-len(vehicles) // (EACH * len(names)))
    drawn = torch.cat([torch.randperm(len(names), generator=rng) for _ in range(turns)])
    first = (torch.rand(len(drawn), generator=rng) * counts[drawn]).long()
    places = (first[:, None] + torch.arange(EACH)) % counts[drawn, None]
    return shuffled[(counts.cumsum(0) - counts)[drawn, None] + places].flatten()[: len(vehicles)]


def train(crops: np.ndarray, has: np.ndarray, vehicles: np.ndarray, *, epochs: int, seed: int) -> nn.Module:
    """Train the siamese net on the plates of the training half.

    Args:
        crops: (N, 32, 96) uint8, see `partreg.baselines.plates.load_crops`.
        has: (N,) bool, whether there is a plate; the others are left out.
        vehicles: (N,) whole numbers.
        epochs: passes over the crops.
        seed: of the first weights, the pairs and the disturbances.

    Raises:
        PartregError: fewer than two vehicles have plates.
    """
    rows = rows_with_plates(has)
    names, numbers = np.unique(np.asarray(vehicles)[rows], return_inverse=True)
    if len(names) < 2:
        raise PartregError("plates.csv: expected plates of at least two training vehicles, found one; add others.")
    labels, pictures = torch.from_numpy(numbers.astype(np.int64)), torch.from_numpy(crops[rows])

    def loss(net: nn.Module, chosen: Tensor, rng: torch.Generator) -> Tensor:
        return pair_loss(net(disturbed(prepared(pictures[chosen]), rng)), labels[chosen])

    return learn(PlateNet, loss, lambda rng: by_vehicle(labels, rng), epochs, seed, RATE, "Plate-SNN")


def plate_distances(
    net: nn.Module, query: tuple[np.ndarray, np.ndarray], gallery: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Compare the plates of query and gallery images.

    Args:
        net: from `train`.
        query: crops (Q, 32, 96) uint8 and whether there is one, (Q,) bool.
        gallery: the same of G images.

    Returns:
        (Q, G) float32: half the L2 distance of the features, in [0, 1], NaN where either image has no plate.
    """
    apart = np.full((len(query[1]), len(gallery[1])), np.nan, np.float32)
    if query[1].any() and gallery[1].any():
        probes, others = (computed(net, crops[has]).numpy() for crops, has in (query, gallery))
        # Not from 2 - 2 cos: for nearly equal plates float32 leaves it only a few values.
        apart[np.ix_(query[1], gallery[1])] = np.minimum(l2(probes, others) / 2, 1)
    return apart


def ranked(distances: np.ndarray) -> np.ndarray:
    """Make distances of plates finite: images without a plate come last, in the gallery's order (*assumed*).

    A query without a plate ranks the whole gallery in the gallery's order.

    Args:
        distances: (Q, G) in [0, 1], NaN where unknown.

    Returns:
        (Q, G) float64; unknown ones rise from left to right from above 1 to 2.
    """
    last = 1 + np.arange(1, distances.shape[1] + 1) / distances.shape[1]
    return np.where(np.isnan(distances), last, distances)


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances of plates alone, see `ranked`, and their cost; the net learns from the training images."""
    crops, has = load_crops(read_plates(task.root, task.train))
    query, gallery = (load_crops(read_plates(task.root, images)) for images in (task.query, task.gallery))
    how = {"epochs": min(task.epochs, EPOCHS), "seed": task.seed}
    learn_plates = partial(train, crops, has, task.train.vehicle.to_numpy(), **how)
    cost = Cost(training=train_once(task.folder, learn_plates), width=WIDE)
    apart, cost = timed(partial(plate_distances, load(PlateNet(), task.folder), query, gallery), cost)
    return ranked(apart), cost


DECLARATION = Declaration(
    name="Plate-SNN", tables=("veri",), training=("identities", "number plates"), test=("number plates",),
    takes_a_while=True,
    publication="Liu et al. 2016 (ECCV)", citation="liu2016provid", feature="1,000 numbers (assumed)", replaced=False,
    alt="Flow chart: two pictures of number plates pass through one small network; their features are compared. In "
    "training a contrastive loss is taken over pairs.",
    nodes={
        "query": ("plate of the\nquery", "input", 0, 0), "gallery": ("plate of the\ngallery image", "input", 0, 1),
        "net": ("LeNet-like net,\none for both", "learnt", 1, 0.5),
        "feature": ("plate features,\nL2 distance", "compared", 2, 0.5),
        "loss": ("contrastive loss\non pairs", "fixed", 3, 0.5, True),
    },
    edges=("query net feature loss", "gallery net"),
)  # fmt: skip

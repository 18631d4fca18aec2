"""How a method learns: the paper's own, and the form of the other methods of Tables 1 to 3 (`partreg.baselines`).

All methods share the training loop, the features and the protocols. A method adds only its network, its loss, the order
of the images, and the targets it needs besides identities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from partreg.errors import PartregError
from partreg.reid.loss import agreement_loss, branch_losses, part_regularized_loss
from partreg.reid.network import Output, Trunk, part_regularized_net
from partreg.reid.run import Run


def shuffled(run: Run, labels: Tensor, rng: torch.Generator) -> Tensor:
    """Draw one epoch's batches: each image once, in random order; an incomplete last batch is left out.

    Args:
        run: gives the batch size, ``batch``.
        labels: (N,) vehicles.
        rng: generator of the order.

    Returns:
        (steps, batch) rows of the images.

    Raises:
        PartregError: there are fewer images than a batch needs.
    """
    _demand_images(run, len(labels))
    steps = len(labels) // run.batch
    return torch.randperm(len(labels), generator=rng)[: steps * run.batch].view(steps, run.batch)


def _demand_images(run: Run, images: int) -> None:
    if run.batch > images:
        raise PartregError(
            f"run: batch is {run.batch}, but there are {images} images to learn from; choose a batch of at most that."
        )


def by_identity(run: Run, labels: Tensor, rng: torch.Generator) -> Tensor:
    """Draw one epoch's batches: several images of each of several vehicles, for losses that compare images.

    A batch has four images of each vehicle (*assumed*; the usual number); a batch of 4 or 6 has two or three of two
    vehicles. An epoch has as many images as one of `shuffled`. All vehicles come equally often, however many images
    they have, so a vehicle with few images shows them again. After the last vehicle the next turn begins within the
    same batch, so a vehicle can be in it twice.

    Args:
        run: gives the batch size, ``batch``.
        labels: (N,) vehicles, each of 0 to V - 1 at least once.
        rng: generator of the order.

    Returns:
        (steps, batch) rows of the images, those of a vehicle side by side.

    Raises:
        PartregError: a batch is neither 6 nor a multiple of 4, or needs more images or vehicles than there are.
    """
    _demand_images(run, len(labels))
    if run.batch != 6 and run.batch % 4:
        raise PartregError(
            f"run: batch is {run.batch}, but {run.method} compares four images of each vehicle in a batch; choose a "
            "multiple of 4."
        )
    vehicles, counts = max(run.batch // 4, 2), torch.bincount(labels)
    each, steps = run.batch // vehicles, len(labels) // run.batch
    if vehicles > len(counts):
        raise PartregError(
            f"run: batch is {run.batch}, which holds {vehicles} vehicles, but there are {len(counts)} to learn from; "
            f"choose a batch of at most {4 * len(counts)}."
        )
    mixed = torch.randperm(len(labels), generator=rng)
    grouped = mixed[torch.sort(labels[mixed], stable=True).indices]
    turns = -(-steps * vehicles // len(counts))
    order = torch.stack([torch.randperm(len(counts), generator=rng) for _ in range(turns)])
    # In its n-th turn a vehicle shows its next images; after the last one it starts again.
    turn = torch.arange(turns)[:, None, None] * each + torch.arange(each)
    places = (counts.cumsum(0) - counts)[order][..., None] + turn % counts[order][..., None]
    return grouped[places].view(-1, each)[: steps * vehicles].reshape(steps, vehicles * each)


def no_targets(root: Path, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return no targets: the method learns from pixels and identities only."""
    return {}


@dataclass(frozen=True)
class Method:
    """What distinguishes a method from the others.

    Attributes:
        network: builds the network from the run and the numbers of classes ("vehicle", and for each whole-numbered
            target one more than its largest value).
        losses: computes scalars of a batch from run, network, output and targets. Training minimises the first, "loss";
            the history records all. Targets are "vehicle" (B,) and those of ``targets``, augmented like the pixels.
        order: draws one epoch's batches, (steps, batch).
        targets: reads further targets of the training images from the data set's root: arrays, one row an image.
        recordable: whether a step does the same operations on every batch and branches on no value, so that a GPU may
            record it; see `partreg.reid.step`.
    """

    network: Callable[[Run, dict[str, int]], Trunk]
    losses: Callable[[Run, Trunk, Output, dict[str, Tensor]], dict[str, Tensor]]
    order: Callable[[Run, Tensor, torch.Generator], Tensor] = shuffled
    targets: Callable[[Path, pd.DataFrame], dict[str, np.ndarray]] = no_targets
    recordable: bool = False


def part_regularized_losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compute Eq. 3, its terms without lambda, and each branch's accuracy on the batch, a fraction."""
    losses = branch_losses(output, targets["vehicle"])
    hits = {branch: (logits.argmax(1) == targets["vehicle"]).float().mean() for branch, logits in output.logits.items()}
    total = part_regularized_loss(losses, run.part_weight, run.global_weight)
    if run.agreement:
        losses["agreement"] = agreement_loss(output)
        total = total + run.agreement * losses["agreement"]
    return {
        "loss": total,
        **{f"loss_{branch}": loss for branch, loss in losses.items()},
        **{f"accuracy_{branch}": hit for branch, hit in hits.items()},
    }


PART_REGULARIZED = Method(part_regularized_net, part_regularized_losses, recordable=True)

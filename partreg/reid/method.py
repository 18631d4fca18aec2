"""How a method learns: the paper's own, and the form that the other rows of Tables 1 to 3 take (`partreg.baselines`).

The training loop, the features and the protocols are the same for all rows; a method only says what network is built,
what its loss is, in which order images are met, and what it is told of them besides pixels and identities.
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
    """One epoch's batches, each image once in a random order; the few images over wait for another epoch.

    Args:
        run: whose ``batch`` is taken.
        labels: (N,) vehicles.
        rng: what the order is drawn from.

    Returns:
        (steps, batch) rows of the images.

    Raises:
        PartregError: a batch is larger than all images.
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
    """One epoch's batches of several images of each of several vehicles, for losses that compare images.

    Four images of each vehicle (*assumed*; the usual number); in a batch of 4 or 6, two or three of two vehicles. An
    epoch is as many image passes as `shuffled` gives; vehicles are met equally often, whatever their images, and one
    that has fewer images than that shows them again. Where all have been met, the next turn begins within the batch,
    so that a vehicle can be in it twice.

    Args:
        run: whose ``batch`` is taken.
        labels: (N,) vehicles, 0 to V - 1, each there.
        rng: what the order is drawn from.

    Returns:
        (steps, batch) rows of the images, those of a vehicle side by side.

    Raises:
        PartregError: a batch is neither 6 nor a multiple of 4, is larger than all images, or holds more vehicles than
            there are.
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
    # In its n-th turn a vehicle shows its next images, and begins anew where they are used up.
    turn = torch.arange(turns)[:, None, None] * each + torch.arange(each)
    places = (counts.cumsum(0) - counts)[order][..., None] + turn % counts[order][..., None]
    return grouped[places].view(-1, each)[: steps * vehicles].reshape(steps, vehicles * each)


def no_targets(root: Path, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """A method that is told of nothing but pixels and identities."""
    return {}


@dataclass(frozen=True)
class Method:
    """A method, as far as it differs from the others.

    Attributes:
        network: builds it from the run and the numbers of classes ("vehicle", and one more than the largest of each
            whole-numbered target).
        losses: scalars of a batch from run, network, output and targets. The first, "loss", is minimised; the others
            stand in the history beside it. Targets are "vehicle" (B,) and what ``targets`` gives, moved as the pixels.
        order: one epoch's batches, (steps, batch).
        targets: what it is told of the training images besides, from the data set's root: arrays, a row an image.
        recordable: whether its step does the same operations on every batch and looks at no value, so that a GPU may
            record it; see `partreg.reid.step`.
    """

    network: Callable[[Run, dict[str, int]], Trunk]
    losses: Callable[[Run, Trunk, Output, dict[str, Tensor]], dict[str, Tensor]]
    order: Callable[[Run, Tensor, torch.Generator], Tensor] = shuffled
    targets: Callable[[Path, pd.DataFrame], dict[str, np.ndarray]] = no_targets
    recordable: bool = False


def part_regularized_losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Eq. 3, its summands without lambda, and the share of images that each branch puts to their own vehicle."""
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

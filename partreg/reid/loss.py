"""Section 3.1 and 3.2: the loss of the global feature (Eq. 1), and the same with the parts' identity losses (Eq. 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from partreg.reid.network import Output


def global_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute Eq. 1: E(phi(x; theta)^T w, y), the cross entropy of identities, mean over the batch.

    Args:
        logits: (B, V) the scores phi(x; theta)^T w.
        labels: (B,) int64 in [0, V).
    """
    return F.cross_entropy(logits, labels)


def part_loss(logits: Tensor, labels: Tensor, present: Tensor) -> Tensor:
    """Compute one part's term of Eq. 3 without lambda: E((phi(x; theta) (.) M_p)^T w_p, y), mean over the batch.

    An image without the part has an empty M_p and adds nothing; each of the others counts as much as in Eq. 1.

    >>> logits, labels = torch.zeros(2, 4), torch.tensor([0, 1])
    >>> whole = part_loss(logits, labels, torch.tensor([True, True]))  # log 4: a guess
    >>> half = part_loss(logits, labels, torch.tensor([True, False]))
    >>> round(whole.item(), 4), round(half.item(), 4)
    (1.3863, 0.6931)

    Args:
        logits: (B, V).
        labels: (B,) int64 in [0, V): "vehicle identification label to approximate the part label".
        present: (B,) bool, whether the image has the part.
    """
    losses = F.cross_entropy(logits, labels, reduction="none")
    return losses.masked_fill(~present, 0).mean()


def branch_losses(output: Output, labels: Tensor) -> dict[str, Tensor]:
    """Compute the terms of Eq. 3 without lambda, one for each branch of the network."""
    return {
        branch: global_loss(logits, labels) if branch == "global" else part_loss(logits, labels, output.present[branch])
        for branch, logits in output.logits.items()
    }


def part_regularized_loss(losses: dict[str, Tensor], part_weight: float, global_weight: float = 1.0) -> Tensor:
    """Compute Eq. 3: the global loss plus lambda times the loss of each part. Without parts it is Eq. 1.

    >>> losses = {"global": torch.tensor(2.0), "window": torch.tensor(1.0)}
    >>> losses["light"] = torch.tensor(3.0)
    >>> round(part_regularized_loss(losses, part_weight=0.3).item(), 4)  # 2 + 0.3 (1 + 3)
    3.2

    Args:
        losses: from `branch_losses`.
        part_weight: lambda, which the paper does not print.
        global_weight: 1 in Eq. 3.
    """
    weights = {branch: global_weight if branch == "global" else part_weight for branch in losses}
    return sum(weights[name] * loss for name, loss in losses.items())  # type: ignore[return-value]  # sum starts from 0


def agreement_loss(output: Output) -> Tensor:
    """Measure how far the global prediction is from the parts' mean prediction, mean over the batch.

    An extension of this book, not of the paper: the Kullback-Leibler divergence of the global softmax from the mean
    softmax of the parts that the image has. It changes the global branch only; an image without parts adds nothing.
    """
    parts = [branch for branch in output.logits if branch != "global"]
    present = torch.stack([output.present[part] for part in parts]).float()
    predictions = torch.stack([output.logits[part].detach().softmax(1) for part in parts])
    mean = torch.einsum("pb,pbv->bv", present, predictions) / present.sum(0).clamp(min=1)[:, None]
    divergence = F.kl_div(output.logits["global"].log_softmax(1), mean, reduction="none").sum(1)
    return divergence.masked_fill(~present.any(0), 0).mean()

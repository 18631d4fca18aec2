"""Losses that pull the images of a vehicle together and push those of different vehicles apart.

All compare every image of a batch with every other, so a batch should hold several images of each vehicle. They are
means over the batch, so that a learning rate does not depend on its size. Gradients are finite everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

ZERO = 1e-12  # smaller squared distances count as this one, because a root has no slope at 0


def squared_distances(features: Tensor, others: Tensor) -> Tensor:
    """Squared Euclidean distances between two sets of features, (N, D) and (M, D): (N, M), at least 0."""
    # Distances do not change when both sets move together; around the origin the subtraction below loses least.
    centre = others.detach().mean(0)
    features, others = features - centre, others - centre
    squares = features.square().sum(1)[:, None] + others.square().sum(1) - 2 * features @ others.T
    return squares.clamp(min=0)


def root(squares: Tensor) -> Tensor:
    """Distances from squared ones, of any shape; equal features are 1e-6 apart and have no gradient."""
    return squares.clamp(min=ZERO).sqrt()


def contrastive(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    """The contrastive loss of Hadsell, Chopra and LeCun (CVPR 2006), mean over the pairs.

    Args:
        distances: (P,) Euclidean distances of pairs; `root` makes them from squared ones.
        same: (P,) bool, whether both are of one vehicle.
        margin: the distance from which two different vehicles are far enough apart.

    Returns:
        Scalar: d^2 / 2 for a pair of one vehicle, max(0, margin - d)^2 / 2 for another.
    """
    return (torch.where(same, distances, (margin - distances).clamp(min=0)).square() / 2).mean()


def triplet(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """FaceNet's hinge on squared distances (Schroff et al., CVPR 2015): ``max(0, |a - p|^2 + margin - |a - n|^2)``.

    Every triplet of the batch counts once (*assumed*): a and p two images of one vehicle, n one of another. That is the
    mean of what triplets drawn at random from the batch would give.

    Args:
        features: (B, D), usually of length 1.
        labels: (B,) int64, the vehicle.
        margin: of the squared distances.

    Returns:
        Scalar, the mean over the triplets; 0 where the batch has none.
    """
    squares = squared_distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    triplets = positive[:, :, None] & ~same[:, None, :]  # (anchor, positive, negative)
    hinges = (squares[:, :, None] + margin - squares[:, None, :]).clamp(min=0)
    return hinges.where(triplets, 0).sum() / triplets.sum().clamp(min=1)


def coupled_clusters(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The coupled clusters loss (CCL) of Liu et al., "Deep relative distance learning" (CVPR 2016).

    The images of a vehicle are a set of positives, c their mean; x* is the negative nearest to c, out of all images of
    other vehicles in the batch (*assumed*). Each positive x_i adds
    ``1/2 max(0, |f(x_i) - c|^2 + margin - |f(x*) - c|^2)``.
    The gradient goes through c, too (*assumed*), and the sum is divided by the number of images (*assumed*).

    Args:
        features: (B, D), usually of length 1.
        labels: (B,) int64, the vehicle.
        margin: the publication's alpha, of the squared distances.

    Returns:
        Scalar; a batch of one vehicle has no negatives and gives 0.
    """
    same = labels[:, None] == labels
    weights = same.to(features)
    # One row an image: the centre of its vehicle, and from there the squared distances to all images.
    centres = weights @ features / weights.sum(1, keepdim=True)
    squares = squared_distances(centres, features)
    nearest_negative = squares.masked_fill(same, torch.inf).amin(1)
    return ((squares.diagonal() + margin - nearest_negative).clamp(min=0) / 2).mean()


def batch_hard(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The triplet loss of Hermans, Beyer and Leibe, "In defense of the triplet loss" (2017), with hardest examples.

    Each image is an anchor once: max(0, margin + its distance to the farthest image of its vehicle - its distance to
    the nearest image of another one), not squared.

    Args:
        features: (B, D).
        labels: (B,) int64, the vehicle.
        margin: of the distances.

    Returns:
        Scalar, the mean over the anchors; an image that is alone has its positive at 1e-6, and a batch of one vehicle
        gives 0.
    """
    distances = root(squared_distances(features, features))
    same = labels[:, None] == labels
    farthest_positive = distances.masked_fill(~same, 0).amax(1)
    nearest_negative = distances.masked_fill(same, torch.inf).amin(1)
    return (farthest_positive + margin - nearest_negative).clamp(min=0).mean()

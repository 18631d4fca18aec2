"""VAMI: Zhou and Shao, "Viewpoint-aware attentive multi-view inference for vehicle re-identification" (CVPR 2018); the
rows "VAMI" of Tables 1 to 3.

A classifier of five views says from where an image was taken. Given that view, attention picks the core region of each
of the five views on the trunk's map, and a generator infers from each region what the vehicle's feature in that view
would be. A discriminator tells inferred features from real ones, which are means over the batch's images of the same
vehicle in that view; generator and trunk learn to deceive it. The single-view feature and the five inferred ones,
concatenated and reduced, are compared; they learn identities and, by a contrastive loss, distances.

*Assumed* throughout: widths (all that of the run's feature), the form of attention (a softmax over cells of the product
of key and query), the given view as the classifier's own probabilities, in training as at test; a discriminator that
also sees the image's single-view feature and compares directions only; one optimizer for all, hence a gradient reversal
(Ganin and Lempitsky, ICML 2015) where the publication takes turns; a compared feature of length 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partreg.baselines.declaration import Declaration
from partreg.baselines.metric_losses import contrastive, root, squared_distances
from partreg.datasets.side import read_orientation
from partreg.reid.method import Method, by_identity
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run

# Left and right count as one, so a flip changes no view.
VIEWS = ("front", "rear", "side", "front_side", "rear_side")
VIEW_OF = {
    "front": "front", "rear": "rear", "left": "side", "right": "side", "left front": "front_side",
    "right front": "front_side", "left rear": "rear_side", "right rear": "rear_side",
}  # fmt: skip
ATTENTION = 32  # width of the attention's keys and queries (*assumed*)
VIEW_WEIGHT = 0.5  # of the view classifier's loss beside the identity loss (*assumed*)
ADVERSARIAL_WEIGHT = 0.1  # of the discriminator's loss (*assumed*)
CONTRASTIVE_WEIGHT = 1.0  # of the distances' loss (*assumed*)


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return -gradient


reverse_gradient = _Reversed.apply  # returns the values themselves; their gradient comes back with the opposite sign


class VamiNet(Trunk):
    """Trunk, view classifier, attention, generator, discriminator, and the layer that fuses the views."""

    def __init__(self, run: Run, classes: dict[str, int]) -> None:
        super().__init__(run.backbone, run.last_stride, run.pixels)
        dim, vehicles = run.dim, classes["vehicle"]
        views = len(VIEWS)
        self.view = nn.Linear(self.channels, views)
        self.single = nn.Linear(self.channels, dim, bias=False)
        self.key = nn.Linear(self.channels, ATTENTION, bias=False)
        self.query = nn.Linear(views, views * ATTENTION)
        self.attended = nn.Linear(self.channels, dim, bias=False)
        self.generator = nn.Sequential(nn.Linear(dim + 2 * views, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.discriminator = nn.Sequential(nn.Linear(2 * dim + views, dim), nn.LeakyReLU(0.2), nn.Linear(dim, 1))
        self.fuse = nn.Linear((1 + views) * dim, dim, bias=False)
        self.classify = nn.Linear(dim, vehicles, bias=False)

    def only_for_training(self) -> list[nn.Parameter]:
        """The discriminator and the classifier of vehicles."""
        return [*self.discriminator.parameters(), *self.classify.parameters()]

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """The multi-view feature of images (B, 3, H, H), values 0 to 255; boxes are unused.

        Returns:
            `Output` with a feature of length 1, logits "vehicle" (B, V) and "view" (B, 5), and extra: "single" (B, dim)
            and "inferred" (B, 5, dim).
        """
        feature_map = self.feature_map(images)
        with torch.autocast(feature_map.device.type, enabled=False):
            pooled = feature_map.mean((2, 3))
            view = self.view(pooled)
            # Only labels of views teach the classifier of views.
            given = view.detach().softmax(1)
            single = self.single(pooled)
            inferred = self.infer(self.attend(feature_map, given), given)
            fused = self.fuse(torch.cat([single, inferred.flatten(1)], dim=1))
            logits = {"vehicle": self.classify(fused), "view": view}
        return Output(F.normalize(fused), logits, extra={"single": single, "inferred": inferred})

    def attend(self, feature_map: Tensor, given: Tensor) -> Tensor:
        """The core region of each view: means of the map (B, C, S, S), weighted by one attention map a view.

        Args:
            feature_map: (B, C, S, S).
            given: (B, 5) probabilities of the view that the image was taken from, which the queries depend on.

        Returns:
            (B, 5, C).
        """
        cells = feature_map.flatten(2).mT
        queries = self.query(given).unflatten(1, (len(VIEWS), ATTENTION))
        attention = (queries @ self.key(cells).mT / ATTENTION**0.5).softmax(-1)
        return attention @ cells

    def infer(self, regions: Tensor, given: Tensor) -> Tensor:
        """The generator: features of all views (B, 5, dim) from their regions (B, 5, C) and the given view (B, 5)."""
        wanted = _one_hot_views(regions)
        given = given[:, None].expand(-1, len(VIEWS), -1)
        return self.generator(torch.cat([self.attended(regions), wanted, given], dim=2))

    def discriminate(self, single: Tensor, features: Tensor) -> Tensor:
        """How real features (B, 5, dim) of the vehicles seen as ``single`` (B, dim) are: logits (B, 5), a view each."""
        seen = F.normalize(single, dim=1)[:, None].expand_as(features)
        looked_at = torch.cat([F.normalize(features, dim=2), seen, _one_hot_views(features)], dim=2)
        return self.discriminator(looked_at).squeeze(2)


def _one_hot_views(like: Tensor) -> Tensor:
    return torch.eye(len(VIEWS)).to(like).expand(len(like), -1, -1)


def multi_view_features(single: Tensor, vehicles: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
    """Return the real multi-view features: means over the batch's images of the same vehicle, view by view.

    Args:
        single: (B, D) single-view features.
        vehicles: (B,) int64.
        views: (B,) int64 places in `VIEWS`, -1 where unknown; such an image is in no mean.

    Returns:
        (B, 5, D), zero where the batch has no such image, and (B, 5) bool, where it has one.
    """
    in_view = (views[:, None] == torch.arange(len(VIEWS), device=views.device)).to(single)
    same = (vehicles[:, None] == vehicles).to(single)
    counts = same @ in_view
    sums = torch.einsum("bj,jv,jd->bvd", same, in_view, single)
    return sums / counts.clamp(min=1)[..., None], counts > 0


def adversarial_loss(network: VamiNet, output: Output, targets: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the discriminator's cross entropy on real and inferred features, and its accuracy.

    It learns to lower the loss; behind the reversed gradient, generator and trunk learn to raise it. Only the views of
    the vehicle in the batch count, real and inferred alike, the image's own view too (*assumed*).
    """
    # Real features and the single-view ones get no gradient: nothing learns to look inferred.
    single = output.extra["single"].detach()
    real, known = multi_view_features(single, targets["vehicle"], targets["view"])
    on_real = network.discriminate(single, real)
    on_inferred = network.discriminate(single, reverse_gradient(output.extra["inferred"]))
    entropy = (F.softplus(-on_real) + F.softplus(on_inferred)) / 2
    right = ((on_real > 0).float() + (on_inferred <= 0).float()) / 2
    return _mean_where(entropy, known), _mean_where(right, known)


def view_loss(logits: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
    """The view classifier's cross entropy and accuracy over the images whose view is known; both 0 where none is.

    Args:
        logits: (B, 5).
        views: (B,) int64, -1 where unknown.
    """
    known = views >= 0
    entropy = F.cross_entropy(logits, views.clamp(min=0), reduction="none")
    return _mean_where(entropy, known), _mean_where((logits.argmax(1) == views).float(), known)


def metric_loss(feature: Tensor, vehicles: Tensor, margin: float) -> Tensor:
    """The contrastive loss of all pairs of the batch (*assumed*), for features (B, D) and vehicles (B,)."""
    first, second = torch.triu_indices(len(feature), len(feature), 1, device=feature.device)
    distances = root(squared_distances(feature, feature))[first, second]
    return contrastive(distances, vehicles[first] == vehicles[second], margin)


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return values.where(mask, 0).sum() / mask.sum().clamp(min=1)


def losses(run: Run, network: VamiNet, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The identity loss, plus the weighted losses of distances, views and the discriminator.

    Args:
        run: its ``margin`` lies between features of length 1, at most 2 apart.
        network: its discriminator is used.
        output: of the network.
        targets: "vehicle" (B,) and "view" (B,), -1 where unknown.
    """
    vehicle = targets["vehicle"]
    identity = F.cross_entropy(output.logits["vehicle"], vehicle)
    metric = metric_loss(output.feature, vehicle, run.margin)
    view, view_accuracy = view_loss(output.logits["view"], targets["view"])
    adversarial, right = adversarial_loss(network, output, targets)
    weighted = CONTRASTIVE_WEIGHT * metric + VIEW_WEIGHT * view + ADVERSARIAL_WEIGHT * adversarial
    return {
        "loss": identity + weighted,
        "loss_vehicle": identity,
        "loss_metric": metric,
        "loss_view": view,
        "loss_adversarial": adversarial,
        "accuracy_vehicle": (output.logits["vehicle"].argmax(1) == vehicle).float().mean(),
        "accuracy_view": view_accuracy,
        "accuracy_adversarial": right,
    }


def view_targets(root: Path, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return VAMI's targets of training images: "view", (N,) int64 places in `VIEWS`, -1 where unknown.

    Raises:
        PartregError: the data set has no readable orientation.csv.
    """
    views = [VIEWS.index(VIEW_OF[name]) if name else -1 for name in read_orientation(root, images)]
    return {"view": np.array(views, np.int64)}


METHOD = Method(network=VamiNet, losses=losses, order=by_identity, targets=view_targets)

DECLARATION = Declaration(
    name="VAMI", tables=("vehicleid", "veri"), training=("identities", "orientation"),
    tried=({"margin": 1.0, "lr": 0.03}, {"margin": 1.0, "lr": 0.01}, {"lr": 0.03, "margin": 0.5}),
    publication="Zhou and Shao 2018", citation="zhou2018vami", feature="not known here",
    alt="Flow chart: from the image of one view, attention for each of five views and a generator infer the features "
    "of the unseen views; in training a discriminator tells them from features of real views.",
    nodes={
        "image": ("image,\none view", "input", 0, 0), "others": ("other views of\nthe vehicle", "input", 0, 2, True),
        "net": ("feature network", "learnt", 1, 0), "view": ("view classifier:\nfive views", "learnt", 1, 1),
        "real": ("feature network\nof real views", "learnt", 1, 2, True),
        "attention": ("attention for\neach view", "learnt", 2, 0),
        "generator": ("generator: the\nunseen views'\nfeatures", "learnt", 2, 1),
        "judge": ("discriminator:\nreal or inferred?", "learnt", 2, 2, True),
        "feature": ("multi-view\nfeature,\nL2 distance", "compared", 3, 1),
        "loss": ("contrastive loss\non pairs", "fixed", 3, 2, True),
    },
    edges=("image net attention generator feature loss", "net view attention", "others real judge", "generator judge"),
)  # fmt: skip

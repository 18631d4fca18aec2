"""A strong baseline of later years: "Bag of tricks" (Luo et al., CVPR workshops 2019), with or without the parts.

The tricks: batches of a few images of each vehicle, cross entropy with smoothed labels beside the batch-hard triplet
loss, and between the two a layer that normalizes over the batch (BN neck); random erasing ("erase" in ``run.augment``),
warm-up, and the last stage's stride 1 (``run.last_stride``). Pooling is GeM (Radenovic et al., PAMI 2019) instead of
the mean. The feature is embedded to ``run.dim`` first, as in the paper (*assumed*; Luo et al. keep 2,048).

The triplet loss compares directions from the batch's mean (*assumed*; Luo et al. take the features as they are, from
pretrained weights). Random weights give all images nearly the same feature. From there the hardest triplets pull all
images into one point, where the loss stays at its margin and teaches nothing.

With a margin of 0 (``run.margin``), the triplet loss and its batches are left out. From random weights these cost more
than they give, and so does erasing; GeM, the neck and smoothed labels are what is left of the recipe then.

With ``run.parts``, the part branches of Section 3.2 are added, each with a neck of its own, by Eq. 3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partreg.baselines.declaration import Declaration
from partreg.baselines.metric_losses import batch_hard
from partreg.reid.loss import part_loss, part_regularized_loss
from partreg.reid.method import Method, by_identity, shuffled
from partreg.reid.network import Output, PartRegularizedNet, Trunk
from partreg.reid.run import Run

SMOOTHING = 0.1  # share of a label that is spread over all identities
DARKEST = 1e-6  # GeM takes logarithms, so values of the map below this one count as it


class StrongNet(PartRegularizedNet):
    """The network of Fig. 2 with GeM pooling in the global branch and a BN neck in every branch."""

    def __init__(
        self, vehicles: int, backbone: str, parts: tuple[str, ...], dim: int, last_stride: int, pixels: str
    ) -> None:
        super().__init__(vehicles, backbone, parts, True, dim, last_stride, pixels)
        self.power = nn.Parameter(torch.tensor(3.0))
        self.neck = nn.ModuleDict({name: nn.BatchNorm1d(dim) for name in self.branches})
        for neck in self.neck.values():
            neck.bias.requires_grad_(False)  # "without shift": the classifier's planes go through the origin

    def only_for_training(self) -> list[nn.Parameter]:
        """Classifiers and part branches, those with their necks."""
        return [*super().only_for_training(), *(p for part in self.parts for p in self.neck[part].parameters())]

    def normalized(self, branch: str, features: Tensor, present: Tensor) -> Tensor:
        """The neck of a part on features (B, D): over the images that have it, zero for the others.

        In training, a part that only one image of the batch has stays zero: one image has no spread.
        """
        normalized = torch.zeros_like(features)
        rows = present.nonzero().flatten()
        if len(rows) > (1 if self.training else 0):
            normalized[rows] = self.neck[branch](features[rows])
        return normalized

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """Features, identity scores and, as extra "before_neck" (B, dim), the global feature for the triplet loss.

        The feature is the global one after the neck, scaled to length 1: its L2 distances rank as the cosine of the
        publication does. Without boxes the part branches are left out.

        Args:
            images: (B, 3, H, H), 0 to 255.
            boxes: (B, K, 4) relative to the image, NaN where missing, or None.
        """
        feature_map = self.feature_map(images)
        cells = self.cells(boxes, len(images), feature_map.shape[-1]).to(feature_map.device)
        parts = self.parts if boxes is not None else ()
        with torch.autocast(feature_map.device.type, enabled=False):
            before = self.embed["global"](generalized_mean(feature_map, self.power))
            after = {"global": self.neck["global"](before)}
            present = dict(zip(("global", *parts), cells.flatten(2).any(2).unbind(1), strict=True))
            for part, pooled in zip(parts, self.pooled(feature_map, cells[:, 1:]).unbind(1), strict=True):
                after[part] = self.normalized(part, self.embed[part](pooled), present[part])
            logits = {branch: self.classify[branch](feature) for branch, feature in after.items()}
            return Output(F.normalize(after["global"]), logits, present, {"before_neck": before})


def generalized_mean(feature_map: Tensor, power: Tensor) -> Tensor:
    """GeM pooling of (B, C, S, S): (mean of x^power)^(1 / power), (B, C); 1 is the mean, infinity the maximum."""
    logs = feature_map.clamp(min=DARKEST).log().flatten(2)
    return ((torch.logsumexp(power * logs, 2) - math.log(logs.shape[2])) / power).exp()


def network(run: Run, classes: dict[str, int]) -> StrongNet:
    """The network that ``run`` describes, for ``classes["vehicle"]`` training identities."""
    return StrongNet(classes["vehicle"], run.backbone, run.parts, run.dim, run.last_stride, run.pixels)


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Eq. 3, with smoothed labels and the batch-hard triplet loss (``run.margin``) in the global branch; its summands.

    The parts' losses are Eq. 3's own: labels as they are, and an image without the part adds nothing.
    """
    vehicles = targets["vehicle"]
    identity = F.cross_entropy(output.logits["global"], vehicles, label_smoothing=SMOOTHING)
    before = output.extra["before_neck"]
    hard = {"triplet": batch_hard(F.normalize(before - before.mean(0)), vehicles, run.margin)} if run.margin else {}
    parts = {
        branch: part_loss(logits, vehicles, output.present[branch])
        for branch, logits in output.logits.items()
        if branch != "global"
    }
    return {
        "loss": part_regularized_loss({"global": identity + sum(hard.values()), **parts}, run.part_weight),
        "loss_global": identity,
        **{f"loss_{name}": loss for name, loss in hard.items()},
        **{f"loss_{part}": loss for part, loss in parts.items()},
        "accuracy_global": (output.logits["global"].argmax(1) == vehicles).float().mean(),
    }


def order(run: Run, labels: Tensor, rng: torch.Generator) -> Tensor:
    """One epoch's batches: several images of each vehicle for the triplet loss; without it, each image once."""
    return (by_identity if run.margin else shuffled)(run, labels, rng)


METHOD = Method(network, losses, order)

DECLARATION = Declaration(
    name="Strong baseline", training=("identities",),
    run={"augment": ("flip", "affine", "color", "erase")},
    tried=(
        {"size": 96, "margin": 0.3, "lr": 0.1}, {"size": 96, "margin": 0.3, "lr": 0.03},
        {"size": 96, "margin": 0.3, "lr": 0.01},
    ),
    publication="Luo et al. 2019", feature="2,048 numbers",
    alt="Flow chart: a pooled feature map passes through a batch normalisation to the feature; in training a triplet "
    "loss stands before it and a softmax after it; part branches can be added.",
    nodes={
        "image": ("image", "input", 0, 0), "net": ("ResNet-50,\nlast stride 1", "learnt", 1, 0),
        "parts": ("part branches\nof this paper,\nin one variant", "learnt", 1, 1, True),
        "pool": ("GeM pooling of\nall cells", "learnt", 2, 0),
        "neck": ("batch normal-\nisation (neck)", "learnt", 2, 1),
        "triplet": ("triplet loss on\nhardest pairs", "fixed", 3, 0, True),
        "feature": ("feature,\nL2 distance", "compared", 3, 1),
        "softmax": ("softmax over\nvehicles", "learnt", 3, 2, True),
    },
    edges=("image net pool neck feature", "net parts", "pool triplet", "neck softmax"),
)  # fmt: skip

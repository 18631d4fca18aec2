"""VGG + triplet loss, as Liu et al., "Deep relative distance learning" (CVPR 2016), compare with on VehicleID.

In the original, VGG_CNN_M_1024 gives a feature of 1,024 numbers and length 1, and the loss is a hinge on the squared
distances of an anchor, a positive and a negative. Here the network has the backbone and the width of feature of all
methods, ``run.backbone`` and ``run.dim`` (*assumed*).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partreg.baselines.declaration import Declaration
from partreg.baselines.metric_losses import triplet
from partreg.reid.method import Method, by_identity
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run


class UnitFeatureNet(Trunk):
    """A backbone, average pooling, one linear layer, and a feature of length 1; it has no classifier."""

    def __init__(self, run: Run, classes: dict[str, int]) -> None:
        super().__init__(run.backbone, run.last_stride, run.pixels)
        self.embed = nn.Linear(self.channels, run.dim, bias=False)

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """Features (B, dim) of length 1 of images (B, 3, H, H), 0 to 255; boxes are unused."""
        feature_map = self.feature_map(images)
        with torch.autocast(feature_map.device.type, enabled=False):
            return Output(F.normalize(self.embed(feature_map.mean((2, 3)))))


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The triplet loss of a batch, with ``run.margin`` between squared distances."""
    return {"loss": triplet(output.feature, targets["vehicle"], run.margin)}


METHOD = Method(UnitFeatureNet, losses, by_identity)

DECLARATION = Declaration(
    name="VGG+Triplet Loss", tables=("vehicleid",), training=("identities",),
    tried=({"margin": 0.3, "lr": 0.03}, {"margin": 0.3, "lr": 0.01}, {"lr": 0.03, "margin": 0.5}),
    publication="Ding et al. 2015; as run by Liu et al. 2016", citation="ding2015deep", feature="1,024 numbers",
    alt="Flow chart: an image passes through one network to a feature of length 1; in training an image of the same "
    "vehicle and one of another join it, and a triplet loss wants the same vehicle nearer by a margin.",
    nodes={
        "image": ("image\n(anchor)", "input", 0, 0), "positive": ("same vehicle\n(positive)", "input", 0, 1, True),
        "negative": ("other vehicle\n(negative)", "input", 0, 2, True),
        "net": ("VGG_CNN_M,\none network\nfor all three", "learnt", 1, 1),
        "feature": ("1,024 numbers,\nlength 1,\nL2 distance", "compared", 2, 1),
        "loss": ("triplet loss:\npositive nearer\nby a margin", "fixed", 3, 1, True),
    },
    edges=("image net feature loss", "positive net", "negative net"),
)  # fmt: skip

"""Mixed Diff + CCL: deep relative distance learning (DRDL), Liu et al., CVPR 2016.

One branch of the network learns the vehicle's model by softmax, the other learns what differs between vehicles by the
coupled clusters loss (CCL); a last layer on both is trained by a second CCL, and its output is the feature. Backbone
and widths are those of all methods, ``run.backbone`` and ``run.dim``, and the three losses weigh the same (*assumed*).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partreg.baselines.declaration import Declaration
from partreg.baselines.googlenet import model_accuracy, model_loss, models_of
from partreg.baselines.metric_losses import coupled_clusters
from partreg.reid.method import Method, by_identity
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run


class MixedDifferenceNet(Trunk):
    """The mixed difference network; features have length 1, as in `vgg_triplet.UnitFeatureNet` (*assumed*)."""

    def __init__(self, run: Run, classes: dict[str, int]) -> None:
        super().__init__(run.backbone, run.last_stride, run.pixels)
        dim, models = run.dim, classes["model"]
        self.model = branch(self.channels, dim)
        self.difference = branch(self.channels, dim)
        self.both = branch(2 * dim, dim)
        self.classify = nn.Linear(dim, models)

    def only_for_training(self) -> list[nn.Parameter]:
        """The classifier of models."""
        return list(self.classify.parameters())

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """Features (B, dim), the models' logits (B, M), and extra "difference" (B, dim), the second branch's feature.

        Args:
            images: (B, 3, H, H), 0 to 255.
            boxes: unused.
        """
        feature_map = self.feature_map(images)
        with torch.autocast(feature_map.device.type, enabled=False):
            pooled = feature_map.mean((2, 3))
            model, difference = self.model(pooled), self.difference(pooled)
            feature = self.both(torch.cat([model, difference], 1).relu())
            logits = self.classify(model.relu())
            return Output(F.normalize(feature), {"model": logits}, extra={"difference": F.normalize(difference)})


def branch(inside: int, outside: int) -> nn.Sequential:
    """A fully connected layer whose numbers have mean 0 and spread 1 over the batch (*assumed*)."""
    return nn.Sequential(nn.Linear(inside, outside, bias=False), nn.BatchNorm1d(outside, affine=False))


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The sum of the model's softmax loss and of CCL on either feature, ``run.margin`` their alpha; and each of them.

    An image whose model is unknown (-1) adds nothing to the first.
    """
    logits, models, vehicles = output.logits["model"], targets["model"], targets["vehicle"]
    summands = {
        "loss_model": model_loss(logits, models),
        "loss_difference": coupled_clusters(output.extra["difference"], vehicles, run.margin),
        "loss_feature": coupled_clusters(output.feature, vehicles, run.margin),
    }
    return {"loss": sum(summands.values()), **summands, "accuracy_model": model_accuracy(logits, models)}


METHOD = Method(MixedDifferenceNet, losses, by_identity, models_of)

DECLARATION = Declaration(
    name="Mixed Diff+CCL", tables=("vehicleid",), training=("identities", "model labels"),
    tried=({"margin": 1.0, "lr": 0.03}, {"margin": 1.0, "lr": 0.01}, {"lr": 0.03, "margin": 0.5}),
    publication="Liu et al. 2016 (DRDL)", citation="liu2016drdl", feature="1,024 numbers (assumed)",
    alt="Flow chart: an image passes through shared layers into two branches, one for the vehicle's model, one for "
    "what sets vehicles of a model apart; both are joined into the feature that is compared.",
    nodes={
        "image": ("image", "input", 0, 1), "trunk": ("shared layers\n(VGG_CNN_M)", "learnt", 1, 1),
        "model": ("branch for the\nvehicle's model", "learnt", 2, 0),
        "vehicle": ("branch for what\nsets vehicles of\na model apart", "learnt", 2, 2),
        "softmax": ("softmax over\nmodels", "learnt", 3, 0, True),
        "feature": ("joined, a layer:\n1,024 numbers,\nL2 distance", "compared", 3, 1),
        "loss": ("CCL on this\nbranch and on\nthe joined one", "fixed", 3, 2, True),
    },
    edges=("image trunk model softmax", "trunk vehicle loss", "model feature loss", "vehicle feature"),
)  # fmt: skip

"""GoogLeNet on VeRi-776: a network that knows vehicle models only, its feature compared by the L2 distance.

Yang et al., "A large-scale car dataset for fine-grained categorization and verification" (CVPR 2015), fine-tuned
GoogLeNet to the 431 models of CompCars; Liu et al. (ICME 2016) compare its feature on VeRi-776. Here the network is the
paper's without parts, with the backbone and width of feature of all methods, and learns the models of the VehicleID
layout's training images by softmax (*assumed*: we did not have CompCars' images).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import Tensor

from partreg.baselines.declaration import Declaration
from partreg.datasets.side import read_models
from partreg.errors import PartregError
from partreg.reid.method import Method
from partreg.reid.network import Output, PartRegularizedNet, Trunk
from partreg.reid.run import Run


def models_of(root: Path, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """The target "model", (N,) int64, -1 where unknown.

    Raises:
        PartregError: the model of every image is unknown.
    """
    models = read_models(root, images)
    if not (models >= 0).any():
        raise PartregError(
            f"{Path(root) / 'attribute' / 'model_attr.txt'}: expected lines '<vehicle> <model>', found the model of "
            "none of the training vehicles; add the file that VehicleID comes with."
        )
    return {"model": models.copy()}


def model_loss(logits: Tensor, models: Tensor) -> Tensor:
    """The cross entropy of vehicle models, mean over the images whose model is known, 0 where there are none.

    Args:
        logits: (B, M).
        models: (B,) int64 in [0, M), or -1 for unknown.
    """
    known = (models >= 0).sum()
    return F.cross_entropy(logits, models, ignore_index=-1, reduction="sum") / known.clamp(min=1)


def model_accuracy(logits: Tensor, models: Tensor) -> Tensor:
    """The share of right models among the images whose model is known, 0 where there are none; as `model_loss`."""
    known = models >= 0
    return (logits.argmax(1) == models).sum() / known.sum().clamp(min=1)


def network(run: Run, classes: dict[str, int]) -> PartRegularizedNet:
    """Table 4's network without parts, for ``classes["model"]`` models instead of identities."""
    return PartRegularizedNet(classes["model"], run.backbone, (), True, run.dim, run.last_stride, run.pixels)


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The loss of the models, and the share of images put to their own."""
    logits, models = output.logits["global"], targets["model"]
    return {"loss": model_loss(logits, models), "accuracy_model": model_accuracy(logits, models)}


METHOD = Method(network, losses, targets=models_of)

DECLARATION = Declaration(
    name="GoogLeNet", tables=("veri",), training=("model labels",), learns_from="vehicleid",
    tried=({"lr": 0.03}, {"lr": 0.01}),
    publication="Yang et al. 2015", citation="yang2015compcars", feature="1,024 numbers",
    alt="Flow chart: an image passes through GoogLeNet to a feature of 1,024 numbers; in training a softmax tells car"
    " models apart, not vehicles.",
    nodes={
        "image": ("image", "input", 0, 0), "net": ("GoogLeNet,\nfine-tuned", "learnt", 1, 0),
        "feature": ("1,024 numbers,\nL2 distance", "compared", 2, 0),
        "softmax": ("softmax over\n431 car models", "learnt", 3, 0, True),
    },
    edges=("image net feature softmax",),
)  # fmt: skip

"""VGG + CCL: the network of `vgg_triplet` with the coupled clusters loss of the same publication.

Liu et al., "Deep relative distance learning" (CVPR 2016); `vgg_triplet` and
`metric_losses.coupled_clusters` say what is *assumed*.
"""

from __future__ import annotations

from torch import Tensor

from partreg.baselines.declaration import Declaration
from partreg.baselines.metric_losses import coupled_clusters
from partreg.baselines.vgg_triplet import UnitFeatureNet
from partreg.reid.method import Method, by_identity
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The coupled clusters loss of a batch, ``run.margin`` its alpha."""
    return {"loss": coupled_clusters(output.feature, targets["vehicle"], run.margin)}


METHOD = Method(UnitFeatureNet, losses, by_identity)

DECLARATION = Declaration(
    name="VGG+CCL", tables=("vehicleid",), training=("identities",),
    tried=({"margin": 1.0, "lr": 0.03}, {"margin": 1.0, "lr": 0.01}, {"lr": 0.03, "margin": 0.5}),
    publication="Liu et al. 2016 (DRDL)", citation="liu2016drdl", feature="1,024 numbers",
    alt="Flow chart: images of one vehicle and of others pass through one network; the mean of the vehicle's features"
    " is taken, and the loss wants its images nearer to that mean than any other image.",
    nodes={
        "image": ("image", "input", 0, 0), "positives": ("more of the\nsame vehicle", "input", 0, 1, True),
        "negatives": ("other vehicles", "input", 0, 2, True),
        "net": ("VGG_CNN_M,\none network\nfor all", "learnt", 1, 1),
        "feature": ("1,024 numbers,\nlength 1,\nL2 distance", "compared", 2, 1),
        "mean": ("mean of the\nvehicle's images", "fixed", 3, 0, True),
        "loss": ("CCL: own images\nnearer to it than\nany other", "fixed", 3, 1, True),
    },
    edges=("image net feature mean loss", "positives net", "negatives net", "feature loss"),
)  # fmt: skip

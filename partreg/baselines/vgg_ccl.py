"""VGG + CCL: the network of `vgg_triplet` with the coupled clusters loss of the same publication.

Liu et al., "Deep relative distance learning" (CVPR 2016); what is assumed of either stands in `vgg_triplet` and in
`metric_losses.coupled_clusters`.
"""

from __future__ import annotations

from torch import Tensor

from partreg.baselines.metric_losses import coupled_clusters
from partreg.baselines.vgg_triplet import unit_feature_net
from partreg.reid.method import Method, by_identity
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The coupled clusters loss of a batch, ``run.margin`` its alpha."""
    return {"loss": coupled_clusters(output.feature, targets["vehicle"], run.margin)}


METHOD = Method(unit_feature_net, losses, by_identity)

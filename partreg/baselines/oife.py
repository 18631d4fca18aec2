"""OIFE: Wang et al., "Orientation invariant feature embedding and spatial temporal regularization for vehicle
re-identification" (ICCV 2017), its appearance part; the rows "OIFE" of Tables 1 to 3.

A small hourglass net answers with a map for each of 20 key points. The maps of a face's points together are its mask,
for the front, the back, the left and the right of the vehicle. A global branch and one branch for each mask look at the
trunk's feature map, and their features are fused to the one that is compared.

The trunk, the width of the feature and the training are those of all methods here. *Assumed*: the key-point net trains
together with the rest, not before it, and on smaller images; it says in which cell a point is, or that it is hidden,
and learns by cross entropy, because a squared error of maps that are mostly zero teaches almost nothing in so few
steps; the masks weigh the trunk's last map, not an early one; every branch is as wide as the fused feature, which is a
linear layer on the rectified branches; every branch has an identity loss, as the fused feature has.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partreg.baselines.declaration import Declaration
from partreg.datasets.side import KEYPOINTS, read_keypoints
from partreg.reid.method import Method
from partreg.reid.network import Output, Trunk
from partreg.reid.run import Run

# The four regions of OIFE and the key points of each; a corner belongs to both faces that meet there. The groups are
# given from memory of the publication (*assumed*): C1 to C4, in the order of `KEYPOINTS`.
REGIONS = {
    "front": (
        "right_fog_lamp", "left_fog_lamp", "right_headlight", "left_headlight", "front_logo", "front_plate",
        "right_front_top", "left_front_top",
    ),
    "back": (
        "left_back_top", "right_back_top", "left_rear_lamp", "right_rear_lamp", "rear_logo", "rear_plate",
    ),
    "left": (
        "left_front_wheel", "left_back_wheel", "left_fog_lamp", "left_headlight", "left_mirror", "left_front_top",
        "left_back_top", "left_rear_lamp",
    ),
    "right": (
        "right_front_wheel", "right_back_wheel", "right_fog_lamp", "right_headlight", "right_mirror",
        "right_front_top", "right_back_top", "right_rear_lamp",
    ),
}  # fmt: skip
BRANCHES = ("global", *REGIONS)
SIDE = 48  # pixels of the images that key points are looked for in (*assumed*); a map's cells are 4 x 4 of them
WIDTH = 32  # channels of the key-point net (*assumed*)
SPREAD = 1.0  # cells, standard deviation of the target's bump (*assumed*)
BRANCH_WEIGHT = 0.2  # of each branch's identity loss beside the fused feature's (*assumed*)
KEYPOINT_WEIGHT = 3.0  # of the key points' loss, which moves the key-point net alone (*assumed*)


class KeypointNet(nn.Module):
    """An hourglass: down to a quarter of the maps' side and up again, with a skip connection at each size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_layer(3, WIDTH, 2), _layer(WIDTH, WIDTH, 2), _layer(WIDTH, WIDTH))
        self.to_half, self.to_quarter = _layer(WIDTH, WIDTH, 2), _layer(WIDTH, WIDTH, 2)
        self.at_quarter, self.at_half, self.at_full = (_layer(WIDTH, WIDTH) for _ in range(3))
        self.points = nn.Conv2d(WIDTH, len(KEYPOINTS), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (B, 20, 12, 12) of where the points are in images (B, 3, H, W), values 0 to 255; see `answers`."""
        images = F.interpolate(images.float(), (SIDE, SIDE), mode="bilinear", antialias=True)
        full = self.stem((images - 127.5) / 64)
        half = self.to_half(full)
        quarter = self.at_quarter(self.to_quarter(half))
        half = self.at_half(half + F.interpolate(quarter, scale_factor=2))
        return self.points(self.at_full(full + F.interpolate(half, scale_factor=2)))


def _layer(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class OifeNet(Trunk):
    """Trunk, key-point net, a global branch and four of regions, and the layer that fuses them."""

    def __init__(self, run: Run, classes: dict[str, int]) -> None:
        super().__init__(run.backbone, run.last_stride, run.pixels)
        dim, vehicles = run.dim, classes["vehicle"]
        self.keypoints = KeypointNet()
        self.embed = nn.ModuleDict({branch: nn.Linear(self.channels, dim, bias=False) for branch in BRANCHES})
        self.fuse = nn.Linear(len(BRANCHES) * dim, dim, bias=False)
        self.classify = nn.ModuleDict({name: nn.Linear(dim, vehicles, bias=False) for name in ("fused", *BRANCHES)})

    def only_for_training(self) -> list[nn.Parameter]:
        """All classifiers; key points are predicted at test, too."""
        return [*self.classify.parameters()]

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """The fused feature of images (B, 3, H, H), values 0 to 255; boxes are unused.

        Returns:
            `Output` with logits "fused" and of each branch, and extra["points"], scores (B, 20, 12, 12) float32.
        """
        feature_map, points = self.feature_map(images), self.keypoints(images).float()
        with torch.autocast(feature_map.device.type, enabled=False):
            # Identities do not move key points: the masks are taken as they are.
            masks = region_masks(responses(points.detach()), feature_map.shape[-1])
            regions = torch.einsum("bchw,brhw->brc", feature_map, masks)
            pooled = (feature_map.mean((2, 3)), *regions.unbind(1))
            features = {branch: self.embed[branch](part) for branch, part in zip(BRANCHES, pooled, strict=True)}
            features["fused"] = self.fuse(torch.cat(list(features.values()), dim=1).relu())
            logits = {name: layer(features[name]) for name, layer in self.classify.items()}
        return Output(features["fused"], logits, extra={"points": points})


def answers(scores: Tensor) -> Tensor:
    """Return log-probabilities of the cells of each point, row by row, and last that it is hidden, with the score 0.

    Args:
        scores: (B, 20, G, G).

    Returns:
        (B, 20, G * G + 1).
    """
    return F.pad(scores.flatten(2), (0, 1)).log_softmax(2)


def responses(scores: Tensor) -> Tensor:
    """Return the probability that each key point is seen in each cell, (B, 20, G, G), at most 1 in sum."""
    return answers(scores)[..., :-1].exp().view_as(scores)


def region_members() -> Tensor:
    """Which key points each region has, (4, 20) float32 of 0 and 1, in the orders of `REGIONS` and `KEYPOINTS`."""
    return torch.tensor([[float(point in points) for point in KEYPOINTS] for points in REGIONS.values()])


def region_masks(maps: Tensor, grid: int) -> Tensor:
    """Weigh each cell of the trunk's map for each region by the mean of the region's key-point maps.

    The weights of a region add up to the share of its points that are seen (*assumed*), so a face that is turned away
    has almost no feature.

    Args:
        maps: (B, 20, G, G) of `responses`.
        grid: S, the side of the trunk's map.

    Returns:
        (B, 4, S, S) in the order of `REGIONS`.
    """
    members = region_members().to(maps)
    masks = torch.einsum("rk,bkhw->brhw", members / members.sum(1, keepdim=True), maps)
    shares = masks.sum((2, 3), keepdim=True)
    masks = F.interpolate(masks, (grid, grid), mode="bilinear", antialias=True)
    return masks * shares / masks.sum((2, 3), keepdim=True).clamp(min=1e-9)


def heat_maps(keypoints: Tensor, grid: int) -> Tensor:
    """Return the target maps: for each point that is seen a bump of `SPREAD` cells that adds up to 1.

    Args:
        keypoints: (B, 20, 3), x and y relative to the image's sides, and 1 where the point is seen, 0 where not.
        grid: G, the side of the maps.

    Returns:
        (B, 20, G, G); zero where the point is not seen.
    """
    centres = torch.arange(grid, device=keypoints.device) + 0.5
    away = (keypoints[..., :2, None] * grid - centres).square() / (2 * SPREAD**2)  # (B, 20, axis, G)
    across, down = (-away).softmax(-1).unbind(2)
    return (down[..., None] * across[..., None, :]).where((keypoints[..., 2] > 0)[..., None, None], 0)


def keypoint_loss(scores: Tensor, keypoints: Tensor) -> Tensor:
    """Return the cross entropy of the key points' cells, mean over the points of images that have any.

    The net learns that a point is hidden, too, or else a face that is turned away would get a mask. An image without a
    seen point counts as not annotated, and adds nothing.

    Args:
        scores: (B, 20, G, G).
        keypoints: (B, 20, 3), see `heat_maps`.
    """
    seen = keypoints[..., 2] > 0
    wanted = torch.cat([heat_maps(keypoints, scores.shape[-1]).flatten(2), (~seen)[..., None]], dim=2)
    entropy = -(wanted * answers(scores)).sum(2)
    annotated = seen.any(1)
    return entropy.mean(1).where(annotated, 0).sum() / annotated.sum().clamp(min=1)


def losses(run: Run, network: Trunk, output: Output, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The fused feature's identity loss, plus `BRANCH_WEIGHT` of each branch's, plus the key points' loss.

    Args:
        run: unused.
        network: unused.
        output: of `OifeNet`.
        targets: "vehicle" (B,) and "keypoints" (B, 20, 3).
    """
    vehicle = targets["vehicle"]
    identity = {name: F.cross_entropy(logits, vehicle) for name, logits in output.logits.items()}
    branches = sum(identity[branch] for branch in BRANCHES)
    keypoints = keypoint_loss(output.extra["points"], targets["keypoints"])
    return {
        "loss": identity["fused"] + BRANCH_WEIGHT * branches + KEYPOINT_WEIGHT * keypoints,
        "loss_fused": identity["fused"],
        "loss_branches": branches / len(BRANCHES),
        "loss_keypoints": keypoints,
        "accuracy_vehicle": (output.logits["fused"].argmax(1) == vehicle).float().mean(),
    }


def targets(root: Path, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return OIFE's targets of training images: "keypoints", see `read_keypoints`; at test it predicts them."""
    return {"keypoints": read_keypoints(root, images)}


METHOD = Method(network=OifeNet, losses=losses, targets=targets)

DECLARATION = Declaration(
    name="OIFE", tables=("vehicleid", "veri"), training=("identities", "key points"),
    tried=({"lr": 0.03}, {"lr": 0.01}),
    publication="Wang et al. 2017", citation="wang2017oife", feature="256 numbers (assumed)",
    alt="Flow chart: an hourglass network finds 20 key points, which make masks for front, rear, left and right; the "
    "masks cut four region branches out of a feature map, and these are fused with a global branch.",
    nodes={
        "image": ("image", "input", 0, 1), "points": ("hourglass net:\n20 key points", "learnt", 1, 0),
        "trunk": ("backbone:\nfeature map", "learnt", 1, 2),
        "masks": ("masks: front,\nrear, left, right", "fixed", 2, 0),
        "regions": ("four region\nbranches", "learnt", 2, 1), "whole": ("global branch", "learnt", 2, 2),
        "feature": ("fused:\n256 numbers,\nL2 distance", "compared", 3, 1),
        "softmax": ("softmax over\nvehicles", "learnt", 3, 2, True),
    },
    edges=("image points masks regions feature softmax", "image trunk regions", "trunk whole feature"),
)  # fmt: skip

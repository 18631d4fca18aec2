"""Section 3.2: "any convolutional backbone can be used here". Each is one entry of `BACKBONES`.

Programs that list or schedule networks read their descriptions, which read this table. torch takes seconds to load, so
only the functions that build a backbone import it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def torchvision_resnet(name: str, last_stride: int) -> tuple[nn.Sequential, int]:
    """Build a ResNet of torchvision up to its last stage."""
    from torch import nn
    from torchvision import models

    full = getattr(models, name)(weights=None)
    for module in full.layer4.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.stride = (last_stride, last_stride)
    layers = OrderedDict((name, module) for name, module in full.named_children() if name not in ("avgpool", "fc"))
    return nn.Sequential(layers), full.fc.in_features


def squeezenet(name: str, last_stride: int) -> tuple[nn.Sequential, int]:
    """Build a SqueezeNet of torchvision; ``last_stride`` is the stride of its last pooling."""
    from torch import nn
    from torchvision import models

    features = getattr(models, name)(weights=None).features
    if last_stride == 1:
        last_pool = [module for module in features if isinstance(module, nn.MaxPool2d)][-1]
        last_pool.stride, last_pool.padding = 1, 1
    return nn.Sequential(OrderedDict(features=features)), 512


def small_resnet(name: str, last_stride: int) -> tuple[nn.Sequential, int]:
    """Build a ResNet for CPUs: a usual stem, then one basic block a stage with 1, 2, 4, 8 times 16 or 32 channels."""
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    width = {"tiny": 16, "small": 32}[name]
    stem = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    layers, inside = [*stem, nn.MaxPool2d(3, 2, 1)], width
    for outside, stride in ((width, 1), (2 * width, 2), (4 * width, 2), (8 * width, last_stride)):
        shortcut = None
        if inside != outside:
            shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        layers.append(BasicBlock(inside, outside, stride, shortcut))
        inside = outside
    backbone = nn.Sequential(*layers)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return backbone, inside


@dataclass(frozen=True)
class Backbone:
    """Facts about a backbone.

    Attributes:
        build: returns its layers before the classifier, under torchvision's names, and their number of channels, from
            its name and the stride of its last stage: stride 1 keeps the map's size there, which doubles S.
        published: whether torchvision has ImageNet weights for it, under its name.
        stages: whether its last children are the stages of a ResNet, so that parts may pool an earlier one.
    """

    build: Callable[[str, int], tuple[nn.Sequential, int]] = torchvision_resnet
    published: bool = True
    stages: bool = True


BACKBONES: Mapping[str, Backbone] = {
    "tiny": Backbone(small_resnet, published=False),
    "small": Backbone(small_resnet, published=False),
    "resnet18": Backbone(),
    "resnet34": Backbone(),
    "resnet50": Backbone(),  # the paper's
    "squeezenet1_0": Backbone(squeezenet, stages=False),
}


def make_backbone(name: str, last_stride: int) -> tuple[nn.Sequential, int]:
    """Build a backbone of `BACKBONES` before training; also returns its number of channels. See `Backbone`."""
    return BACKBONES[name].build(name, last_stride)

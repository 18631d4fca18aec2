"""Section 3.2: "any convolutional backbone can be used here": two small ones of this book, torchvision's, or timm's.

For torchvision and timm, nothing is listed. The layers before the classifier, their number of channels, and the stride
of the last stage are found by passing one picture through the network.

Programs that list or schedule networks read their descriptions. torch takes seconds to load, so only the functions that
build a backbone import it, and a name is looked up when its network is built.
"""

from __future__ import annotations

import difflib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from partreg.errors import PartregError

if TYPE_CHECKING:
    from torch import Tensor, nn

WIDTHS = {"tiny": 16, "small": 32}  # this book's own backbones, which nobody publishes weights of
TIMM = "timm/"  # how the name of one of timm's begins
SIDE = 128  # pixels of the picture that shows how a backbone computes
STAGES = (["layer1", "layer2", "layer3", "layer4"], ["4", "5", "6", "7"])  # of torchvision's ResNets, and of our own


def make_backbone(name: str, last_stride: int) -> tuple[nn.Module, int]:
    """Build a backbone before training, up to its last feature map.

    Args:
        name: "tiny" or "small", a classifier of torchvision ("resnet50"), or "timm/" and a network of timm.
        last_stride: stride of its last stage: 1 keeps the map's size there, which doubles S.

    Returns:
        The layers, whose weights have the library's names, and their number of channels.

    Raises:
        PartregError: nobody has this name, the network has no feature map, or its last stage has no stride to change.
    """
    if name in WIDTHS:
        return small_resnet(name, last_stride)
    backbone = timm_model(name) if name.startswith(TIMM) else torchvision_layers(name)
    for module in backbone.modules():
        if type(module).__name__ in ("StochasticDepth", "DropPath", "Dropout"):
            vars(module).update({rate: 0.0 for rate in ("p", "drop_prob") if hasattr(module, rate)})
    found = shown(backbone.eval(), name)
    if found.ndim != 4 or found.shape[2] != found.shape[3] or not 1 < found.shape[2] < SIDE:
        raise PartregError(
            f"backbone: the last layer of {name} gives {tuple(found.shape)[1:]} for a picture, expected a map of "
            "channels on a square grid; choose a convolutional network, such as resnet50."
        )
    if last_stride == 1:
        keep_last_size(backbone, name, found.shape[2])
    return backbone.train(), found.shape[1]


def torchvision_layers(name: str) -> nn.Sequential:
    """Build a classifier of torchvision without its end: pooling and what comes after it.

    The last child that runs is the classifier. Those before it that have no weights pool or drop out. The others, one
    after the other, must compute what the next child receives, or what it receives after averaging.

    Raises:
        PartregError: torchvision has no classifier of this name, or it computes in another way.
    """
    from torch import nn
    from torchvision import models

    names = models.list_models(module=models)
    if name not in names:
        near = "".join(f"did you mean {one!r}? " for one in difflib.get_close_matches(name, [*WIDTHS, *names], 1))
        raise PartregError(
            f"backbone: {name!r} is unknown; {near}expected tiny, small, a classifier of torchvision such as resnet50, "
            f"or {TIMM}<a network of timm>."
        )
    full = models.get_model(name, weights=None).eval()
    ran = children_that_run(full, name)
    end = len(ran) - 1
    while end > 1 and not list(ran[end - 1][1].parameters()):
        end -= 1
    layers = OrderedDict((label, module) for label, module, _ in ran[:end])
    given = ran[end][2]
    for more in ({}, {"relu": nn.ReLU(inplace=True)}):  # DenseNet's last one is no child
        backbone = nn.Sequential(OrderedDict({**layers, **more}))
        if agrees(shown(backbone, name), given):
            return backbone
    raise PartregError(
        f"backbone: the layers of {name} do not run one after the other, so partreg does not find its feature map; "
        f"choose another network, or {TIMM}{name} if timm has it."
    )


def timm_model(name: str, pretrained: bool = False) -> Any:
    """Build a network of timm without pooling and classifier, perhaps with its weights, which timm then fetches.

    Raises:
        PartregError: timm is not installed, or cannot build this network, or cannot fetch its weights.
    """
    try:
        import timm
    except ImportError as error:
        raise PartregError(
            f"backbone: {name} needs timm, which is not installed here; run: python -m pip install timm"
        ) from error
    try:
        return timm.create_model(name.removeprefix(TIMM), pretrained, num_classes=0, global_pool="").eval()
    except Exception as error:  # timm's networks raise errors of many classes
        why = f"{type(error).__name__}: {str(error)[:80]!r}"
        raise PartregError(
            f"backbone: timm cannot give {name}{' with its weights' * pretrained} ({why}); timm.list_models() has the "
            "names, and weights=<file> takes a state dict."
        ) from error


def picture() -> Tensor:
    """A picture, (1, 3, SIDE, SIDE) float32, with no two pixels alike; drawn without random numbers."""
    import torch

    return torch.linspace(-2, 2, 3 * SIDE * SIDE).mul(99).sin().view(1, 3, SIDE, SIDE)


def shown(network: nn.Module, name: str) -> Tensor:
    """Return what the network of this name computes from `picture`.

    Raises:
        PartregError: it takes no picture of this size.
    """
    import torch

    try:
        with torch.no_grad():
            found: Tensor = network(picture())
    except (RuntimeError, AssertionError, ValueError) as error:
        raise PartregError(
            f"backbone: {name} takes no picture of {SIDE} pixels ({str(error).splitlines()[0][:80]}); choose a network "
            "for pictures of any size, such as resnet50."
        ) from error
    return found


def children_that_run(network: nn.Module, name: str) -> list[tuple[str, nn.Module, Any]]:
    """Return name, module and input of each child of a network that runs, in order."""
    ran: list[tuple[str, nn.Module, Any]] = []

    def note(label: str) -> Any:
        return lambda module, given: ran.append((label, module, given[0].clone()))

    hooks = [child.register_forward_pre_hook(note(label)) for label, child in network.named_children()]
    shown(network, name)
    for hook in hooks:
        hook.remove()
    return ran


def agrees(found: Tensor, given: Tensor) -> bool:
    """Return whether a layer receives this map, or the averages of its channels."""
    import torch

    if found.ndim == 4 and found.shape != given.shape:
        found, given = found.mean((2, 3)), given.flatten(1)
    return found.shape == given.shape and torch.allclose(found, given, rtol=1e-3, atol=1e-5)


def keep_last_size(backbone: nn.Module, name: str, side: int) -> None:
    """Set the stride of the last stage to 1: of the layers that make a larger map into one of ``side``, the last.

    A layer with an odd kernel gets the padding that keeps the map's size. With an even kernel, a convolution pads one
    more cell at the end, and a pooling is left out.

    Raises:
        PartregError: there is no such layer, or the map does not grow.
    """
    from torch import nn

    halving: list[Any] = []

    def note(module: Any, given: Any, found: Tensor) -> None:
        if found.shape[-1] == side < given[0].shape[-1]:
            halving.append(module)

    kinds = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
    hooks = [module.register_forward_hook(note) for module in backbone.modules() if isinstance(module, kinds)]
    shown(backbone, name)
    for hook in hooks:
        hook.remove()
    for module in halving:
        kernel = nn.modules.utils._pair(module.kernel_size)
        spread = nn.modules.utils._pair(getattr(module, "dilation", 1))
        odd = all(size % 2 for size in kernel)
        module.stride = (1, 1)
        if odd:
            module.padding = tuple(step * (size // 2) for step, size in zip(spread, kernel, strict=True))
        elif isinstance(module, nn.Conv2d):
            module.padding = "same"
        else:
            module.kernel_size, module.padding = (1, 1), (0, 0)
    try:
        grown = shown(backbone, name).shape[2] > side
    except PartregError:  # its branches no longer fit together
        grown = False
    if not grown:
        raise PartregError(
            f"backbone: the last stage of {name} has no stride that partreg can change; say last_stride=2."
        )


def has_stages(backbone: nn.Module) -> bool:
    """Return whether a backbone's last children are the stages of a ResNet, so that parts may pool an earlier one."""
    return [name for name, _ in backbone.named_children()][-4:] in STAGES


def small_resnet(name: str, last_stride: int) -> tuple[nn.Sequential, int]:
    """Build a ResNet for CPUs: a usual stem, then one basic block a stage with 1, 2, 4, 8 times 16 or 32 channels."""
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    width = WIDTHS[name]
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

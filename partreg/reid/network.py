"""Section 3.2, top to bottom: one backbone, a global branch, and a branch for each part on the same feature map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torchvision import models

from partreg.errors import PartregError
from partreg.parts.boxes import PARTS
from partreg.parts.cells import branch_cells
from partreg.reid.backbones import TIMM, has_stages, make_backbone, timm_model
from partreg.reid.run import Run, weights_file

# Mean and spread of the pixels, 0 to 255, with which the two families of published weights were trained.
RGB = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
CAFFE_BGR = ((104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
BUILDING = Lock()  # all threads share the random state from which weights are drawn


@dataclass(frozen=True)
class Output:
    """The output of a network for B images.

    Attributes:
        feature: (B, D) float32, which retrieval compares: the global feature, or the parts' side by side.
        logits: for each branch (B, V) float32, one column for each training identity; the phi(x)^T w of Eq. 1 and 3.
        present: for each branch (B,) bool, whether the image has any of its cells; always true for "global".
        extra: by name, other tensors that the loss of another method needs.
        features: for each branch (B, D) float32; only the paper's own network gives them.
    """

    feature: Tensor
    logits: dict[str, Tensor] = field(default_factory=dict)
    present: dict[str, Tensor] = field(default_factory=dict)
    extra: dict[str, Tensor] = field(default_factory=dict)
    features: dict[str, Tensor] = field(default_factory=dict)


Net = TypeVar("Net", bound="Trunk")


class Trunk(nn.Module):
    """The backbone that all branches share; every network of Tables 1 to 3 builds on it."""

    use_global = True  # its feature describes the whole image; without a global branch, features need boxes

    scale: Tensor
    offset: Tensor
    gain: Tensor

    def __init__(self, backbone: str, last_stride: int, pixels: str) -> None:
        super().__init__()
        self.bgr = pixels == "caffe"
        mean, spread = CAFFE_BGR if self.bgr else RGB
        scale = 1 / torch.tensor(spread).view(3, 1, 1)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", -torch.tensor(mean).view(3, 1, 1) * scale, persistent=False)

        # 1 for a backbone that is trained from scratch; see `calibrate`.
        self.register_buffer("gain", torch.tensor(1.0))

        # "All four branches share the same backbone network, any convolutional backbone can be used here."
        self.backbone: Any
        self.backbone, self.channels = make_backbone(backbone, last_stride)

    @property
    def device(self) -> torch.device:
        """The device that holds the network."""
        return self.scale.device

    def feature_map(self, images: Tensor) -> Tensor:
        """The backbone's last map.

        Args:
            images: (B, 3, H, H), red, green, blue, values 0 to 255, of any number type.

        Returns:
            (B, C, S, S) float32.
        """
        return self.feature_maps(images)[1]

    def feature_maps(self, images: Tensor, stage: int = 4) -> tuple[Tensor, Tensor]:
        """The map after a stage of the backbone, and the last map (the same for stage 4). See `feature_map`."""
        images = images.flip(1) if self.bgr else images
        images = torch.addcmul(self.offset, images.float(), self.scale)
        if stage == 4:
            last = self.backbone(images).float() * self.gain
            return last, last
        early = self.backbone[: stage - 4](images)
        return early.float() * self.gain, self.backbone[stage - 4 :](early).float() * self.gain

    def only_for_training(self) -> list[nn.Parameter]:
        """Parameters that features do not need."""
        return []

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Scale the map so that its values have a root mean square of 1 on these images.

        The maps of pretrained backbones differ in scale by a factor of 50. A ResNet normalizes its layers; SqueezeNet
        does not and has much larger values, so a learning rate that suits the one makes the other diverge. All
        distances between features change by the same factor, so no rank list changes.
        """
        training = self.training
        self.eval()
        self.gain.fill_(1.0)
        self.gain.fill_(1 / self.feature_map(images).square().mean().sqrt().clamp(min=1e-6))
        self.train(training)


class PartRegularizedNet(Trunk):
    """The network of Fig. 2. Without parts it is Table 4's baseline; without the global branch, Table 4's sixth row."""

    def __init__(
        self,
        vehicles: int,
        backbone: str = "small",
        parts: tuple[str, ...] = PARTS,
        use_global: bool = True,
        dim: int = 256,
        last_stride: int = 1,
        pixels: str = "rgb",
        part_stage: int = 4,
    ) -> None:
        super().__init__(backbone, last_stride, pixels)
        self.parts = parts
        self.use_global = use_global
        self.part_stage = part_stage
        if part_stage != 4 and not has_stages(self.backbone):
            raise PartregError(f"part_stage is {part_stage}; expected 4, for {backbone} has no stages.")
        if taken := [part for part in parts if hasattr(nn.ModuleDict, part)]:
            raise PartregError(f"parts: {taken[0]!r} is a word of torch's own; give this class another name.")
        self.branches = ("global",) * use_global + parts
        # "a 1 x 1 convolutional layer to extract the final 256-d global feature vector"
        # (Section 4.2): on the 1 x 1 map after pooling, that is a linear layer. It has
        # no bias: a bias moves all features alike and changes no distance.
        # Each stage of a ResNet has half the channels of the next.
        channels = {
            branch: self.channels if branch == "global" else self.channels >> 4 - part_stage for branch in self.branches
        }
        self.embed = nn.ModuleDict({branch: nn.Linear(channels[branch], dim, bias=False) for branch in self.branches})
        # The w of Eq. 1, and the w_l of Eq. 3, one for each part.
        self.classify = nn.ModuleDict({branch: nn.Linear(dim, vehicles, bias=False) for branch in self.branches})

    def only_for_training(self) -> list[nn.Parameter]:
        """Parameters that features do not need: all classifiers, and the part branches beside a global branch."""
        parts = [p for part in self.parts for p in self.embed[part].parameters()] if self.use_global else []
        return [*self.classify.parameters(), *parts]

    def cells(self, boxes: Tensor | None, images: int, grid: int) -> Tensor:
        """Mark the cells of the S x S grid that each branch pools: all for "global", else those its boxes overlap.

        Args:
            boxes: (B, K, 4) boxes relative to the image in the order of the parts' definition, NaN where missing.
            images: B.
            grid: S.

        Returns:
            (B, branches, S, S) bool, on the device of the boxes, or on the network's if there are none.
        """
        if boxes is None:
            return torch.ones(images, 1, grid, grid, dtype=torch.bool, device=self.device)
        everywhere = boxes.new_ones((images, int(self.use_global), grid, grid), dtype=torch.bool)
        return torch.cat([everywhere, branch_cells(boxes, self.parts, grid)], dim=1) if self.parts else everywhere

    def pooled(self, feature_map: Tensor, cells: Tensor) -> Tensor:
        """Average the map over the cells of each branch, for all branches at once: the (.) of Eq. 2 and 3.

        Args:
            feature_map: (B, C, S, S).
            cells: (B, P, S, S) bool.

        Returns:
            (B, P, C); zero for a branch without cells.
        """
        weights = cells / cells.sum((2, 3), keepdim=True).clamp(min=1)
        return torch.einsum("bchw,bphw->bpc", feature_map, weights.to(feature_map))

    def forward(self, images: Tensor, boxes: Tensor | None = None) -> Output:
        """Compute features and identity scores of a batch.

        Args:
            images: (B, 3, H, H), red, green, blue, values 0 to 255.
            boxes: (B, K, 4) boxes relative to the image in the order of the parts' definition, NaN where missing. None
                skips the part branches, as Section 4.2 does "at test stage"; this needs a global branch.

        Raises:
            ValueError: no boxes for a network without a global branch.
        """
        if boxes is None and not self.use_global:
            raise ValueError("without a global branch the network needs boxes")
        feature_map, last = self.feature_maps(images, 4 if boxes is None else self.part_stage)
        cells = self.cells(boxes, len(images), feature_map.shape[-1]).to(feature_map.device)
        branches = self.branches if boxes is not None else ("global",)
        # The branches are small, so they compute in float32, whatever the backbone has.
        with torch.autocast(feature_map.device.type, enabled=False):
            pooled = list(self.pooled(feature_map, cells).unbind(1))
            if self.use_global and feature_map is not last:
                pooled[0] = last.mean((2, 3))
            features = {branch: self.embed[branch](part) for branch, part in zip(branches, pooled, strict=True)}
            logits = {branch: self.classify[branch](feature) for branch, feature in features.items()}
        present = dict(zip(branches, cells.flatten(2).any(2).unbind(1), strict=True))
        feature = features["global"] if self.use_global else torch.cat(list(features.values()), dim=1)
        return Output(feature, logits, present, features=features)


def part_regularized_net(run: Run, classes: dict[str, int]) -> PartRegularizedNet:
    """Build the paper's network as ``run`` describes it, for ``classes["vehicle"]`` training identities."""
    return PartRegularizedNet(
        classes["vehicle"],
        run.backbone,
        run.parts,
        run.use_global,
        run.dim,
        run.last_stride,
        run.pixels,
        run.part_stage,
    )


def make_network(run: Run, vehicles: int) -> PartRegularizedNet:
    """Build the paper's network before training, for ``vehicles`` training identities; see `built`."""
    return built(run, {"vehicle": vehicles}, part_regularized_net)


def built(run: Run, classes: dict[str, int], network: Callable[[Run, dict[str, int]], Net]) -> Net:
    """Build the network of any method, before training.

    The run's seed decides the initial weights, drawn in this order: the backbone, the feature layers of all branches,
    the classifiers of all branches. So two runs with the same seed and different parts start from the same backbone and
    global feature, but from different global classifiers. torch's global random state does not change.

    Args:
        run: the description.
        classes: number of classes by name: "vehicle", and others that the method learns.
        network: builds the network from the run and the classes.

    Raises:
        PartregError: the weights cannot be fetched or read, or do not fit the backbone or the run's pixels.
    """
    with BUILDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        untrained = network(run, classes)
    if run.weights:
        load_backbone(untrained.backbone, run.backbone, run.weights)
        check_pixels(run)
    return untrained


def check_pixels(run: Run) -> None:
    """Refuse published weights with pixels that they were not trained on; other files cannot be recognized.

    Raises:
        PartregError: the run gives torchvision's weights Caffe's pixels, or timm's pixels that they do not expect.
    """
    if run.backbone.startswith(TIMM):
        expected = timm_model(run.backbone).pretrained_cfg
        means = [round(255 * value, 3) for value in expected.get("mean", ())]
        if run.weights == "imagenet" and means != list(RGB[0]):
            raise PartregError(
                f"weights: timm's weights of {run.backbone} expect pixels with the means {means}, which partreg does "
                f"not have; choose a network whose weights expect {list(RGB[0])}."
            )
        return
    if run.pixels == "rgb" or run.backbone not in models.list_models(module=models):
        return
    # torchvision names each file by the first digits of its hash.
    published = {
        str(entry.url).rsplit("-", 1)[-1].removesuffix(".pth") for entry in models.get_model_weights(run.backbone)
    }
    if run.weights_content[:8] in published:
        raise PartregError(
            f"{run.weights}: these are torchvision's own weights of {run.backbone}, which expect pixels=rgb, not "
            f"{run.pixels}; set pixels=rgb."
        )


def load_backbone(backbone: nn.Module, name: str, weights: str) -> None:
    """Load trained weights into a backbone; their classifier is left out.

    Args:
        backbone: from `partreg.reid.backbones.make_backbone`.
        name: its name in the run.
        weights: "imagenet" to fetch torchvision's first ImageNet weights (from the original training recipe) or timm's
            own, "rendered" for the file `partreg.reid.run.START`, or a file with a state dict in the names of either.

    Raises:
        PartregError: the weights cannot be fetched or read, or a layer is missing or has another shape.
    """
    state = _imagenet(name) if weights == "imagenet" else _from_file(weights_file(weights))
    for layer, own in backbone.state_dict().items():
        if layer not in state and layer.endswith("num_batches_tracked"):
            state[layer] = own  # a counter that older files lack
        given = state.get(layer)
        if not isinstance(given, Tensor) or given.shape != own.shape:
            what = tuple(given.shape) if isinstance(given, Tensor) else "missing"
            raise PartregError(
                f"{weights}: layer {layer} is {what}, but {name} has it as {tuple(own.shape)}; "
                f"give weights=<file> with {'timm' if name.startswith(TIMM) else 'torchvision'}'s state dict of {name}."
            )
    backbone.load_state_dict({layer: state[layer] for layer in backbone.state_dict()})


def _imagenet(name: str) -> dict[str, Tensor]:
    if name.startswith(TIMM):
        return dict(timm_model(name, pretrained=True).state_dict())
    published = models.get_model_weights(name).IMAGENET1K_V1
    try:
        return dict(published.get_state_dict(progress=True, check_hash=True, weights_only=True, map_location="cpu"))
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; a wrong hash is a RuntimeError
        raise PartregError(
            f"{published.url}: the ImageNet weights of {name} could not be fetched ({error}); fetch that file where "
            "there is a network and pass it as weights=<file>."
        ) from error


def _from_file(path: str) -> dict[str, Tensor]:
    try:
        state = _safetensors(path) if path.endswith(".safetensors") else torch.load(path, "cpu", weights_only=True)
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file of weights; check the path given as weights=<file>.") from error
    except Exception as error:  # torch raises many kinds for files that are not its own
        raise PartregError(
            f"{path}: expected a state dict saved by torch.save, tensors only ({type(error).__name__}); "
            "save model.state_dict() again."
        ) from error
    if not isinstance(state, dict):
        raise PartregError(f"{path}: expected a state dict, found {type(state).__name__}; save model.state_dict().")
    return dict(state)


def _safetensors(path: str) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(path))

"""The description of one trained network (Sections 3.3 and 4.2): all that decides its weights, and nothing else.

A table notebook only collects runs: a run's ``key`` names its folder, so the same description is never trained twice
and tables that share a run share its weights.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from partreg.errors import PartregError
from partreg.files import parse_json
from partreg.parts.boxes import PARTS

SMALL = ("tiny", "small")  # of this book, for CPUs
BACKBONES = (*SMALL, "resnet18", "resnet34", "resnet50", "squeezenet1_0")
AUGMENTATIONS = ("flip", "affine", "color", "erase")
CHOICES = {
    "dataset": ("vehicleid", "veri"),
    "boxes": ("filled", "detected", "truth", "tight", "shuffled", "random", "whole"),
    "backbone": BACKBONES,
    "pixels": ("rgb", "caffe"),
    "last_stride": (1, 2),
    "part_stage": (2, 3, 4),
    "schedule": ("cosine", "exponential"),
}
RANGES = {  # closed intervals; whatever lies outside is a typing error
    "size": (32, 2048),
    "dim": (1, 4096),
    "global_weight": (0.0, 1e3),
    "part_weight": (0.0, 1e3),
    "hidden": (0.0, 1.0),
    "part_dropout": (0.0, 1.0),
    "agreement": (0.0, 1e3),
    "margin": (0.0, 1e3),
    "epochs": (1, 10_000),
    "batch": (2, 65_536),
    "lr": (0.0, 1e3),
    "decay": (1e-6, 1.0),
    "warmup": (0.0, 1e4),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
    "held_out": (0, 10**7),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class Run:
    """One network and its training, as Section 3 describes them; what the paper leaves open is marked *assumed*.

    Attributes:
        dataset: "vehicleid" or "veri", whose training half is learnt.
        data: digest of the images, lists, boxes, side files and code that it is trained with.
        method: "partreg", the paper's, or that of another row of Tables 1 to 3, by its module in `partreg.baselines`.
        parts: which part branches there are, any of ("window", "light", "brand"); none is Table 4's baseline.
        use_global: whether there is the global branch; without it, the feature is the part features side by side.
        boxes: "filled" as detected and averaged; "detected" alone; "truth" of the rendered benchmark, or "tight", the
            same with lights not extended down; and the controls "shuffled" (between images), "random" (another
            place, the same size) and "whole" (every cell).
        hidden: share of the detected windows and lights that is taken away before any is averaged, 0 to 1.
        size: images are resized to size x size pixels; smaller ones are enlarged, which shows nothing more.
        backbone: one of `BACKBONES`; the paper's is ResNet-50.
        weights: what the backbone starts from: "" random, "imagenet", or a file of a state dict in torchvision's names.
        pixels: what that backbone expects: "rgb" (torchvision's mean and spread) or "caffe" (BGR minus 104, 117, 123).
        last_stride: stride of the backbone's last stage (*assumed* 1: S = 6 at 96 px, 16 at 256 px).
        part_stage: stage of the ResNet whose map the part branches pool: 4, the last, is the paper's; 2 and 3 are
            extensions of this book.
        dim: width of every branch's feature (256 in Section 4.2; *assumed* the same for the parts).
        part_weight: lambda, the weight of each part's loss in Eq. 3 (*assumed* 0.3).
        global_weight: weight of the global loss, 1 in Eq. 3; the control of equal total weight has less.
        part_dropout: how often a part of a training image is taken for missing, 0 in the paper (an extension).
        agreement: weight of a penalty between part and global predictions, 0 in the paper (an extension).
        margin: of the losses that compare distances; the paper's method has none.
        epochs: passes over the training images (*assumed*).
        batch: images in a step (*assumed*).
        lr: first, or after warm-up, learning rate; 0.01 in Section 3.3 for pretrained weights.
        schedule: "exponential" (Section 3.3) or "cosine" (*assumed*, for training from scratch).
        decay: factor an epoch of the exponential schedule (*assumed*).
        warmup: epochs over which the rate grows from nothing (*assumed*).
        momentum: of SGD (*assumed*).
        weight_decay: of SGD (*assumed*).
        augment: which of `AUGMENTATIONS` are applied (*assumed* all but "erase").
        held_out: training identities kept for validation.
        seed: of everything random.
    """

    dataset: str = "vehicleid"
    data: str = ""
    method: str = "partreg"
    parts: tuple[str, ...] = PARTS
    use_global: bool = True
    boxes: str = "filled"
    hidden: float = 0.0
    size: int = 96
    backbone: str = "small"
    weights: str = ""
    pixels: str = "rgb"
    last_stride: int = 1
    part_stage: int = 4
    dim: int = 256
    part_weight: float = 0.3
    global_weight: float = 1.0
    part_dropout: float = 0.0
    agreement: float = 0.0
    margin: float = 0.3
    epochs: int = 20
    batch: int = 32
    lr: float = 0.1
    schedule: str = "cosine"
    decay: float = 0.95
    warmup: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    augment: tuple[str, ...] = ("flip", "affine", "color")
    held_out: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _typed(field.name, getattr(self, field.name), field.default))
        for name, allowed in CHOICES.items():
            _demand(getattr(self, name) in allowed, name, getattr(self, name), f"one of {_listed(allowed)}")
        for name, (low, high) in RANGES.items():
            _demand(low <= getattr(self, name) <= high, name, getattr(self, name), f"a value from {low} to {high}")
        for name, allowed in (("parts", PARTS), ("augment", AUGMENTATIONS)):
            value = getattr(self, name)
            _demand(set(value) <= set(allowed), name, ",".join(value), f"names out of {_listed(allowed)}")
            # The order of the names means nothing, so it must not make two runs of one.
            object.__setattr__(self, name, tuple(word for word in allowed if word in value))
        _demand(self.use_global or self.parts, "parts", "", "at least one part where use_global is false")
        _demand(
            self.backbone not in SMALL or self.weights != "imagenet",
            "weights",
            self.weights,
            f"'' or a file, for nobody publishes ImageNet weights of {self.backbone}",
        )
        _demand(
            self.weights != "imagenet" or self.pixels == "rgb", "pixels", self.pixels, "rgb for torchvision's weights"
        )
        staged = "resnet" in self.backbone or self.backbone in SMALL
        _demand(self.part_stage == 4 or staged, "part_stage", self.part_stage, f"4, for {self.backbone} has no stages")

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits that are the same for the same description; weights from a file count as its bytes.

        Raises:
            PartregError: the file of weights cannot be read.
        """
        values = {**asdict(self), "weights": self.weights_content}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def weights_content(self) -> str:
        """``weights``, or the SHA-256 of the file that it names.

        Raises:
            PartregError: the file cannot be read.
        """
        return self.weights if self.weights in ("", "imagenet") else _file_hash(self.weights)

    @property
    def detects(self) -> bool:
        """Whether its boxes come from the detector: not without parts, nor where every cell or the truth serves."""
        return bool(self.parts) and self.boxes not in ("whole", "truth", "tight")

    @property
    def branches(self) -> tuple[str, ...]:
        """The branches of the network: "global" where there is one, then the parts."""
        return ("global",) * self.use_global + self.parts

    @property
    def branches_name(self) -> str:
        """The branches as Table 4 writes them, "Global+Window+Light+Brand"; a control or another method is named."""
        if self.method != "partreg":
            return "+".join([self.method, *self.parts])
        control = {"filled": "", "whole": ", whole map"}.get(self.boxes, f", boxes {self.boxes}")
        names = "+".join(branch.capitalize() for branch in self.branches)
        return names + control if self.parts else "Baseline (w/o parts)"

    @property
    def name(self) -> str:
        """A name for people, as in "vehicleid, Global+Window, small, 96 px, seed 0"."""
        return f"{self.dataset}, {self.branches_name}, {self.backbone}, {self.size} px, seed {self.seed}"

    def changed(self, **changes: Any) -> Run:
        """The same run but for ``changes``, whose values may be written as text ("window,light")."""
        return from_dict({**asdict(self), **changes})

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal run."""
        return json.dumps(asdict(self))


def from_dict(values: dict[str, Any], source: str = "run") -> Run:
    """A run from a dictionary of its fields; those left out take their defaults.

    Raises:
        PartregError: no dictionary, a field is unknown or its value not allowed; the sentence starts with ``source``.
    """
    if not isinstance(values, dict):
        raise PartregError(f'{source}: expected a JSON object such as {{"dataset": "veri"}}; got {str(values)[:40]!r}.')
    known = [field.name for field in fields(Run)]
    unknown = [name for name in values if name not in known]
    if unknown:
        raise PartregError(f"{source}: a run has no field {unknown[0]!r}; its fields are {', '.join(known)}.")
    try:
        return Run(**values)
    except PartregError as error:
        raise PartregError(f"{source}: {str(error).removeprefix('run: ')}") from error


def from_json(text: str, source: str = "run") -> Run:
    """A run from the text that `Run.to_json` gives.

    Raises:
        PartregError: the text is not a JSON object of a run's fields.
    """
    return from_dict(parse_json(text, source), source)


def _typed(name: str, value: Any, default: Any) -> Any:
    """``value`` in the type of the field's default, where that loses nothing."""
    if isinstance(default, tuple) and isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        return tuple(str(word) for word in value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    if isinstance(default, int) and isinstance(value, float) and value.is_integer():
        return int(value)
    kind = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of names"}
    _demand(type(value) is type(default), name, value, kind[type(default)])
    return value


def _demand(holds: bool, name: str, value: Any, expected: str) -> None:
    if not holds:
        raise PartregError(f"run: {name} is {value!r}; expected {expected}.")


def _listed(allowed: tuple) -> str:
    return ", ".join(str(value) for value in allowed)


def _file_hash(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise PartregError(f"{path}: no such file of weights; check the path given as weights=<file>.") from error
    if not Path(path).is_file():
        raise PartregError(f"{path}: expected a file of weights, found a folder; check the path given as weights.")
    return _hash_of_bytes(path, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


@lru_cache
def _hash_of_bytes(path: str, modified: int, changed: int, length: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

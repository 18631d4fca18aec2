"""The description of one trained network (Sections 3.3 and 4.2): all that decides its weights, and nothing else.

A table notebook only collects runs: a run's ``key`` names its folder, so the same description is never trained twice
and tables that share a run share its weights.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from partreg.datasets import DATASETS
from partreg.errors import PartregError
from partreg.files import sha256
from partreg.guard import Guarded, expected, number, objection, one_of, some_of, whole, words_in
from partreg.parts.boxes import BRANCH_BOXES, OWN_NAME, PARTS, TAKEN
from partreg.reid.backbones import WIDTHS

BOXES = ("filled", "detected", "truth", "tight", "shuffled", "random", "whole")
AUGMENTATIONS = ("flip", "affine", "color", "erase")
WORDS = ("", "imagenet", "rendered")  # what weights may be beside a file
START = Path(__file__).with_name("start.pt")  # what "rendered" stands for; ``make start`` makes it


def branch_names(value: Any) -> tuple[str, ...]:
    """Branches of the car, or of a reader's own parts, in one order; see `partreg.parts.boxes.definition_of`."""
    words = words_in(value)
    if isinstance(words, list | tuple) and all(isinstance(one, str) and OWN_NAME.fullmatch(one) for one in words):
        if set(words) <= set(BRANCH_BOXES):
            return tuple(part for part in BRANCH_BOXES if part in words)
        if not TAKEN & set(words):
            return tuple(sorted(set(words)))
    raise expected(f"names out of {', '.join(BRANCH_BOXES)}; or those of parts of your own alone")


@dataclass(frozen=True)
class Run(Guarded):
    """One network and its training, as Section 3 describes them; what the paper leaves open is marked *assumed*.

    Attributes:
        dataset: "vehicleid" or "veri", whose training half is learnt.
        data: digest of the images, lists, boxes, side files and code that it is trained with.
        boxes: "filled" as detected and averaged; "detected" alone; "truth" of the rendered benchmark, or "tight", the
            same with lights not extended down; and the controls "shuffled" (between images), "random" (another
            place, the same size) and "whole" (every cell).
        hidden: share of the detected windows and lights that is taken away before any is averaged, 0 to 1.
        size: images are resized to size x size pixels; smaller ones are enlarged, which shows nothing more.
        augment: which of `AUGMENTATIONS` are applied (*assumed* all but "erase").
        held_out: training identities kept for validation.
        method: "partreg", the paper's, or another one, by its module in `partreg.baselines`: that of another row of
            Tables 1 to 3, or of none.
        parts: which part branches there are, any of ("window", "light", "brand"); none is Table 4's baseline. Where
            the annotations are of other things than cars, any of their classes.
        use_global: whether there is the global branch; without it, the feature is the part features side by side.
        backbone: a name that `partreg.reid.backbones.make_backbone` takes; the paper's is ResNet-50.
        weights: what the backbone starts from: "" random, "imagenet", "rendered" (what "small" learnt from 3,000
            rendered vehicles of other models, `START`), or a file of a state dict in torchvision's names, or timm's.
        pixels: what that backbone expects: "rgb" (torchvision's mean and spread) or "caffe" (BGR minus 104, 117, 123).
        last_stride: stride of the backbone's last stage (*assumed* 1: S = 6 at 96 px, 16 at 256 px).
        part_stage: stage of the ResNet whose map the part branches pool: 4, the last, is the paper's; 2 and 3 are
            extensions of this book.
        dim: width of every branch's feature (256 in Section 4.2; *assumed* the same for the parts).
        part_weight: lambda, the weight of each part's loss in Eq. 3 (*assumed* 0.3).
        global_weight: weight of the global loss, 1 in Eq. 3; the control of equal total weight has less.
        part_dropout: how often a part of a training image is taken for missing, 0 in the paper (an extension).
        agreement: weight of a penalty between part and global predictions, 0 in the paper (an extension).
        margin: of the losses that compare distances; the paper's method has none. At 0, the strong baseline has none
            either.
        epochs: passes over the training images (*assumed*).
        batch: images in a step (*assumed*).
        lr: first, or after warm-up, learning rate; 0.01 in Section 3.3 for pretrained weights.
        schedule: "exponential" (Section 3.3) or "cosine" (*assumed*, for training from scratch).
        decay: factor an epoch of the exponential schedule (*assumed*).
        warmup: epochs over which the rate grows from nothing (*assumed*).
        momentum: of SGD (*assumed*).
        weight_decay: of SGD (*assumed*).
        seed: of everything random.
    """

    # What it is trained on (Sections 3.2 and 4.1).
    dataset: Annotated[str, one_of(DATASETS)] = "vehicleid"
    data: str = ""
    boxes: Annotated[str, one_of(BOXES)] = "filled"
    hidden: Annotated[float, number(0, 1)] = 0.0
    size: Annotated[int, whole(32, 2048)] = 96
    augment: Annotated[tuple[str, ...], some_of(AUGMENTATIONS)] = ("flip", "affine", "color")
    held_out: Annotated[int, whole(0, 10**7)] = 0
    # The network (Section 3.2 and Figure 2).
    method: str = "partreg"
    parts: Annotated[tuple[str, ...], BeforeValidator(branch_names)] = PARTS
    use_global: bool = True
    backbone: str = "small"
    weights: str = ""
    pixels: Annotated[str, one_of(("rgb", "caffe"))] = "rgb"
    last_stride: Annotated[int, one_of((1, 2))] = 1
    part_stage: Annotated[int, one_of((2, 3, 4))] = 4
    dim: Annotated[int, whole(1, 4096)] = 256
    # The loss (Section 3.3, Eq. 1 to 3).
    part_weight: Annotated[float, number(0, 1e3)] = 0.3
    global_weight: Annotated[float, number(0, 1e3)] = 1.0
    part_dropout: Annotated[float, number(0, 1)] = 0.0
    agreement: Annotated[float, number(0, 1e3)] = 0.0
    margin: Annotated[float, number(0, 1e3)] = 0.3
    # How the loss is made small (Section 3.3).
    epochs: Annotated[int, whole(1, 10_000)] = 20
    batch: Annotated[int, whole(2, 65_536)] = 32
    lr: Annotated[float, number(0, 1e3)] = 0.1
    schedule: Annotated[str, one_of(("cosine", "exponential"))] = "cosine"
    decay: Annotated[float, number(1e-6, 1)] = 0.95
    warmup: Annotated[float, number(0, 1e4)] = 2.0
    momentum: Annotated[float, number(0, 1)] = 0.9
    weight_decay: Annotated[float, number(0, 1)] = 5e-4
    seed: Annotated[int, whole(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        if not (self.use_global or self.parts):
            raise objection("parts is (); expected at least one part where use_global is false.")
        if self.weights == "imagenet" and self.backbone in WIDTHS:
            words = f"'' or a file, for nobody publishes ImageNet weights of {self.backbone}"
            raise objection(f"weights is 'imagenet'; expected {words}.")
        if self.weights == "rendered" and self.backbone != "small":
            words = f"'' or a file where the backbone is {self.backbone}, for 'rendered' is of small"
            raise objection(f"weights is 'rendered'; expected {words}.")
        if self.weights in ("imagenet", "rendered") and self.pixels != "rgb":
            raise objection(f"pixels is {self.pixels!r}; expected rgb, which {self.weights!r} learnt from.")

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits, the same for the same description; weights from a file count as its bytes."""
        values = {**asdict(self), "weights": self.weights_content}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def weights_content(self) -> str:
        """``weights``, or the SHA-256 of the file that it stands for, which must be there."""
        return self.weights if self.weights in ("", "imagenet") else _file_hash(weights_file(self.weights))

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
        return replace(self, **changes)

    def to_json(self) -> str:
        """One line of JSON, the text of a run.json; `from_dict` makes an equal run of what it says."""
        return json.dumps(asdict(self))


def from_dict(values: dict[str, Any], source: str = "run") -> Run:
    """A run from a dictionary of its fields; the sentence about one that it does not take starts with ``source``."""
    return Run.of(values, source)


def weights_file(weights: str) -> str:
    """Return the path of the file that ``weights`` stand for: `START` for "rendered", otherwise themselves."""
    return str(START) if weights == "rendered" else weights


def _file_hash(path: str) -> str:
    if not os.path.isfile(path):
        found = "a folder" if os.path.isdir(path) else "none"
        raise PartregError(
            f"{path}: expected a file of weights, found {found}; check the path given as weights=<file>."
        )
    status = os.stat(path)
    return _hash_of_bytes(path, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


@lru_cache
def _hash_of_bytes(path: str, modified: int, changed: int, length: int) -> str:
    return sha256(path)

"""Section 4.2, the test stage: features of images, whose L2 distances rank a gallery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from partreg import files
from partreg.errors import PartregError
from partreg.parts.boxes import CAR, definition_of, to_array
from partreg.reid.device import choose_device, mixed_precision, reproducible
from partreg.reid.method import PART_REGULARIZED, Method
from partreg.reid.network import Trunk, built
from partreg.reid.pixels import decoded
from partreg.reid.run import Run, from_dict


def load(folder: str | Path, device: str = "cpu", method: Method = PART_REGULARIZED) -> tuple[Run, Trunk, list[int]]:
    """Load a trained network: its run, the network ready for testing, and the vehicle of each logit.

    Raises:
        PartregError: the folder holds no trained network, or one of another method or description, or its backbone
            needs a package that is not there.
    """
    folder = Path(folder)
    run = from_dict(files.read_json(folder / "run.json"), str(folder / "run.json"))
    try:
        saved = torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
        network = built(run.changed(weights=""), saved["classes"], method.network)
        network.load_state_dict(saved["network"])
    except PartregError:  # its backbone cannot be built here
        raise
    except Exception as error:  # torch raises errors of many classes for files that are not its own
        raise PartregError(
            f"{folder / 'weights.pt'}: not the weights of the run beside it ({type(error).__name__}); "
            "delete the folder and train the run again."
        ) from error
    facts = files.read_json(folder / "training.json") if (folder / "training.json").exists() else {}
    if facts.get("learnt_from", {"run": run.to_json()})["run"] != run.to_json():
        raise PartregError(
            f"{folder / 'run.json'}: another description than that of the weights beside it; delete the folder and "
            "train the run again."
        )
    network.eval()
    network.to(choose_device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return run, network, saved["vehicles"].tolist()


def part_boxes(run: Run, boxes: pd.DataFrame | None, images: pd.DataFrame) -> Tensor | None:
    """The part boxes of a run, or the boxes that replace them in the controls under Table 4.

    Args:
        run: its ``boxes`` is "whole" to use the whole image as every part; "shuffled" to use the boxes of another
            image, drawn once from the run's seed: the same number and sizes, in about the usual places; "random" to
            move each box to a place drawn once, at its own size. Any other value names the table of boxes.
        boxes: the boxes table; may be None if the run has no parts or uses the whole image.
        images: the images, in the order of the result.

    Returns:
        (N, K, 4) float32 in the order of the parts' definition, NaN where missing; None if the run has no parts.

    Raises:
        PartregError: the run has parts, but none of the images has a box, or a part has another name than the boxes.
    """
    if not run.parts:
        return None
    definition = definition_of(run.parts)
    if run.boxes == "whole":
        return torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(len(images), len(definition.boxes), 4).clone()
    known = set() if boxes is None else set(boxes["part"])
    absent = [name for name in definition.boxes if name not in known]
    if known and len(absent) > (len(definition.boxes) - 1 if definition is CAR else 0):
        raise PartregError(
            f"boxes: expected boxes of {', '.join(absent)}, found boxes of {', '.join(sorted(known))}; choose parts "
            "among these."
        )
    corners = None if boxes is None else torch.from_numpy(to_array(boxes, images, definition.boxes).astype(np.float32))
    if corners is None or bool(corners.isnan().all()):
        raise PartregError(
            f"boxes: expected part boxes of the {len(images)} images, found none; "
            "detect and fill them first, or train a run with parts=()."
        )
    rng = np.random.default_rng(run.seed)
    if run.boxes == "shuffled":
        corners = corners[rng.permutation(len(corners))]
    if run.boxes == "random":
        size = corners[..., 2:] - corners[..., :2]
        first = torch.from_numpy(rng.random(size.shape, dtype=np.float32)) * (1 - size)
        corners = torch.cat([first, first + size], -1)
    return corners


@torch.inference_mode()
def compute(
    network: Trunk, pixels: np.ndarray, boxes: Tensor | None, batch: int = 128, fused: bool = False
) -> np.ndarray:
    """Compute features of decoded images, in the network's mode and on its device.

    Args:
        network: the network; its device is where it computes.
        pixels: (N, size, size, 3) uint8, red, green, blue.
        boxes: (N, K, 4) boxes of K parts; None for a network with a global branch, whose feature needs none.
        batch: images at a time.
        fused: return the features of all branches side by side, which gives "similar performance" (Section 4.2).

    Returns:
        (N, D) float32.
    """
    device = network.device
    boxes = None if network.use_global and not fused else boxes
    features = []
    for start in range(0, len(pixels), batch):
        images = torch.from_numpy(np.array(pixels[start : start + batch])).permute(0, 3, 1, 2).to(device)
        part = None if boxes is None else boxes[start : start + batch].to(device)
        with mixed_precision(device):
            output = network(images, part)
        feature = torch.cat(list(output.features.values()), dim=1) if fused else output.feature
        features.append(feature.float().cpu())
    return torch.cat(features).numpy()


def extract(
    folder: str | Path,
    images: pd.DataFrame,
    boxes: pd.DataFrame | None = None,
    *,
    pixels: str | Path,
    method: Method = PART_REGULARIZED,
    device: str = "",
    batch: int = 128,
    fused: bool = False,
) -> np.ndarray:
    """Extract features of images by a trained network: "we only use global branch at test stage".

    Args:
        folder: the folder of the trained network.
        images: the table of images.
        boxes: their boxes; only a network without a global branch, or ``fused``, needs them.
        pixels: folder of decoded images, see `partreg.reid.pixels`.
        method: the method that trained the network.
        device: "" for a GPU if there is one.
        batch: images at a time.
        fused: return the features of all branches side by side instead of the global one.

    Returns:
        (N, D) float32 in the table's order; D is 256 for the global feature, and 256 for each branch side by side: 768
        for three parts without it, 1,024 where ``fused`` adds it.

    Raises:
        PartregError: the folder has no trained network, an image cannot be read, or boxes are needed and missing.
    """
    run, network, _ = load(folder, str(choose_device(device)), method)
    boxes = part_boxes(run, boxes, images) if fused or not run.use_global else None
    with reproducible(1, network.device):
        return compute(network, decoded(images, run.size, pixels), boxes, batch, fused)

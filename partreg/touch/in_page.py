"""The networks themselves in the reader's browser: a picture of the reader's own, its maps, and its nearest vehicles.

`network_files` writes what the page loads beside the book: each network as ONNX, and one file with pictures and a
gallery. ``in_page.js`` computes with them, by ONNX Runtime in WebAssembly, and sends nothing anywhere. This needs a
page that is served; from a file, and without scripts, a still picture is in its place.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from partreg import files
from partreg.datasets.pictures import open_picture
from partreg.errors import PartregError
from partreg.figures.sheets import image_grid
from partreg.parts.boxes import BRANCH_BOXES
from partreg.reid.export import TOLERANCE, session_of, traced
from partreg.reid.features import load
from partreg.reid.network import PartRegularizedNet
from partreg.reid.pixels import decode
from partreg.retrieval.distances import l2
from partreg.retrieval.protocols import single_match_ranks
from partreg.touch.thing import boxes_by_name, data_uri, image_uri, picture, still

OUTPUTS = ("map", "features", "activation")
SIDE = 96  # of a picture of the gallery, in pixels
MOST = 20_000_000  # bytes of all files; what the page loads besides them takes less than 5 million
KINDS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}  # files that a browser reads as Python does
ALT = (
    "Pictures of vehicles with their part boxes. Where the book is served over HTTP and scripts are on, two networks "
    "run here on one of these pictures or on yours: their maps, the cells of the boxes, and the nearest vehicles."
)


class Shown(nn.Module):
    """What the page shows of a network: its feature map, its feature, and an activation map of each branch."""

    def __init__(self, network: PartRegularizedNet) -> None:
        super().__init__()
        self.network = network
        # Branches on an earlier stage's map have no activation on the last one.
        self.branches = tuple(one for one in network.branches if one == "global" or network.part_stage == 4)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute (N, C, S, S), (N, D) and (N, branches, S, S) for pictures (N, H, H, 3) uint8.

        The activation maps are those of `partreg.reid.activation.class_activation` for the learnt vehicle that the
        global branch scores highest.
        """
        feature_map = self.network.feature_map(pictures.permute(0, 3, 1, 2))
        feature = self.network.embed["global"](feature_map.mean((2, 3)))
        likeliest = self.network.classify["global"](feature).argmax(1)
        maps = []
        for branch in self.branches:
            embed, classify = (
                self.network.get_parameter(f"{layer}.{branch}.weight") for layer in ("embed", "classify")
            )
            weights = classify[likeliest].matmul(embed)  # one number a channel
            maps.append((feature_map * weights[:, :, None, None]).sum(1))
        return feature_map, feature, torch.stack(maps, 1)


@dataclass(frozen=True)
class InPage:
    """The networks of a page, ready to load.

    Attributes:
        still: the picture where they cannot run, as a data URI.
        size: bytes of all files; above `MOST`, none was written and the still picture stays.
        difference: see `largest_difference`, on the pictures that the reader may take.
        ranks: by each network's name, the place of the right vehicle in the gallery, from 1, for each such picture.
    """

    still: str
    size: int
    difference: float
    ranks: Mapping[str, np.ndarray]

    def _repr_html_(self) -> str:
        """Return the still picture; ``in_page.js`` puts what runs after it."""
        alt = html.escape(ALT)
        if self.size > MOST:
            said = f"The networks of this copy take {self.size / 1e6:.0f} MB, which is too much for a page to load."
            return f'<figure class="touch-still-only"><img src="{self.still}" alt="{alt}"><p>{said}</p></figure>'
        return f'<figure class="in-page" data-bytes="{self.size}"><img src="{self.still}" alt="{alt}"></figure>'


@dataclass(frozen=True)
class Ready:
    """A network as the page loads it.

    Attributes:
        network: the library's, on the CPU.
        size: side of its pictures in pixels.
        content: of its ONNX file.
        branches: those that have an activation map.
        session: of ONNX Runtime, on this content.
    """

    network: PartRegularizedNet
    size: int
    content: bytes
    branches: tuple[str, ...]
    session: Any

    def compute(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Return `OUTPUTS` of (N, size, size, 3) uint8 pixels, by ONNX Runtime."""
        return self.session.run(list(OUTPUTS), {"pictures": pixels})

    def pixels(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Return (N, size, size, 3) uint8 pixels of files."""
        return np.stack([decode(path, self.size) for path in paths])


def ready(folder: str | Path) -> Ready:
    """Load the network in a folder, and export what the page shows of it.

    Raises:
        PartregError: the folder has no trained network of the paper's with a global branch, or a package is missing.
    """
    run, network, _ = load(folder)
    if type(network) is not PartRegularizedNet or not network.use_global:  # a subclass computes something else
        raise PartregError(f"{folder}: expected a network of the paper's with a global branch; give another one.")
    stage = Shown(network).eval()
    content = traced(stage, run.size, OUTPUTS)
    return Ready(network, run.size, content, stage.branches, session_of(content))


@torch.inference_mode()
def largest_difference(one: Ready, pixels: np.ndarray) -> float:
    """Return the largest difference between ONNX Runtime's `OUTPUTS` and the library's in float32.

    Raises:
        PartregError: it is above `TOLERANCE`, as a share of the largest number if this is above 1.
    """
    found = []
    library = Shown(one.network)(torch.from_numpy(pixels))
    for name, ours, theirs in zip(OUTPUTS, library, one.compute(pixels), strict=True):
        difference = float(np.abs(theirs - ours.numpy()).max())
        if not difference <= TOLERANCE * max(1.0, float(ours.abs().max())):
            raise PartregError(f"{name}: ONNX Runtime's numbers differ by {difference:g} from the library's.")
        found.append(difference)
    return max(found)


def network_files(
    folder: str | Path,
    networks: Mapping[str, str | Path],
    images: pd.DataFrame,
    gallery: Sequence[int],
    pictures: Sequence[int],
    boxes: np.ndarray,
) -> InPage:
    """Write what the page loads into a folder: ``page.json``, and each network as ``0.onnx``, ``1.onnx`` and so on.

    Args:
        folder: of these files, and of no others.
        networks: the folders of trained networks of the paper's, by the names that the page shows; the first one's
            part branches are shown.
        images: N images with ``vehicle`` and ``path``.
        gallery: rows of the gallery, one image of each vehicle.
        pictures: rows of the pictures that a reader may take; their vehicles are in the gallery.
        boxes: (N, 4, 4) part boxes in the order of `PART_BOXES`; NaN for a missing one.

    Raises:
        PartregError: a folder has no such network, a package is missing, or ONNX Runtime's numbers are not the
            library's, see `largest_difference`.
    """
    paths, vehicles = images["path"].to_numpy(), images["vehicle"].to_numpy()
    gallery, pictures = np.asarray(gallery), np.asarray(pictures)
    right = (vehicles[pictures][:, None] == vehicles[gallery]).argmax(1)
    loaded = {name: ready(place) for name, place in networks.items()}
    difference = max(largest_difference(one, one.pixels(paths[pictures])) for one in loaded.values())
    described, ranks = [], {}
    for number, (name, one) in enumerate(loaded.items()):
        listed, asked = (one.compute(one.pixels(paths[rows]))[1] for rows in (gallery, pictures))
        ranks[name] = single_match_ranks(l2(asked, listed), right, np.arange(len(listed)))
        about = {"name": name, "file": f"{number}.onnx", "size": one.size, "branches": one.branches}
        described.append(about | {"features": base64.b64encode(listed.astype("<f4").tobytes()).decode()})
    page = {
        "networks": described,
        "channels": min(one.network.channels for one in loaded.values()),
        "parts": {part: BRANCH_BOXES[part] for part in next(iter(loaded.values())).network.parts},
        "gallery": [picture(paths[row], SIDE) for row in gallery],
        "pictures": [
            {"picture": _whole(paths[row]), "boxes": boxes_by_name(boxes[row]), "right": int(answer)}
            for row, answer in zip(pictures, right, strict=True)
        ],
    }
    size = _write(Path(folder), [one.content for one in loaded.values()], page)
    sheet = image_grid(list(paths[pictures[:6]]), 3, boxes=list(boxes[pictures[:6]]))
    return InPage(still(sheet), size, difference, ranks)


def _write(folder: Path, contents: Sequence[bytes], page: dict[str, Any]) -> int:
    """Write the files in place of older ones, unless they are too many bytes; gives how many these are."""
    text = json.dumps(page, separators=(",", ":"))
    size = len(text) + sum(map(len, contents))
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.onnx"), folder / "page.json"]:
        old.unlink(missing_ok=True)
    if size <= MOST:
        for number, content in enumerate(contents):
            with files.whole(folder / f"{number}.onnx") as temporary:
                temporary.write_bytes(content)
        files.write_text(folder / "page.json", text)
    return size


def _whole(path: str | Path) -> str:
    """A picture with all its pixels as a data URI: its own file where a browser reads that as Python does."""
    kind = KINDS.get(Path(path).suffix.lower())
    return data_uri(Path(path).read_bytes(), kind) if kind else image_uri(open_picture(path), "png")

"""The likeness of two pictures that lie anywhere, by one or more trained networks: as lines, a figure or a page."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure

from partreg import files
from partreg.datasets.pictures import read_picture
from partreg.errors import PartregError
from partreg.figures.likeness import likeness_sheet
from partreg.figures.sheets import DPI
from partreg.reid.device import mixed_precision, reproducible
from partreg.reid.likeness import cell_features, likeness, matches
from partreg.reid.network import PartRegularizedNet
from partreg.reid.pixels import decode
from partreg.search.extract import Network
from partreg.search.page import document
from partreg.touch.thing import data_uri


@dataclass(frozen=True)
class Alike:
    """How like each other two pictures are for one network.

    Attributes:
        label: the network's folder, and whether it learnt with parts.
        distance: of the two global features (L2).
        pairs: (S, S, S, S) float64, what each pair of cells adds to the inner product of the features.
    """

    label: str
    distance: float
    pairs: np.ndarray

    def __str__(self) -> str:
        lines = [
            f"{number:4d}  {first[0]},{first[1]} and {second[0]},{second[1]}"
            for number, (first, second) in enumerate(self.best(), start=1)
        ]
        head = f"{self.label}: distance {self.distance:.4f}; cells that are most alike (row,column from 1):"
        return "\n".join([head, *lines])

    def best(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Row and column, from 1, of the first picture's cell and of the second's, for the pairs most alike."""
        return [((a, b), (c, d)) for a, b, c, d in (matches(self.pairs) + 1).tolist()]


def alike(network: Network, first: str | Path, second: str | Path) -> Alike:
    """Compute the likeness of two pictures.

    Raises:
        PartregError: a picture cannot be read, or the network is of another method than the paper's.
    """
    one, other = (cells(network, decode(path, network.size)) for path in (first, second))
    parts = "with parts" if network.run["parts"] else "without parts"
    distance = float(np.linalg.norm(one.mean((0, 1)) - other.mean((0, 1))))
    return Alike(f"{network.path.name} ({parts})", distance, likeness(one, other))


def cells(network: Network, pixels: np.ndarray) -> np.ndarray:
    """(S, S, D) float32 features of the cells of one picture, (H, H, 3) uint8, see `cell_features`.

    Raises:
        PartregError: the network is an ONNX file, which gives no cells, or of another method than the paper's.
    """
    if network.trunk is None:
        raise PartregError(f"{network.path}: gives features but no cells; take the folder of the trained network.")
    trunk = cast(PartRegularizedNet, network.trunk)
    # in the precision of `partreg.reid.features.compute`, so that the distance is the one that a search gives
    with reproducible(torch.get_num_threads(), trunk.device), mixed_precision(trunk.device):
        batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(trunk.device)
        found: np.ndarray = cell_features(trunk, batch)[0].cpu().numpy()
    return found


def likeness_figure(first: str | Path, second: str | Path, found: Sequence[Alike]) -> Figure:
    """The maps of all networks, see `partreg.figures.likeness.likeness_sheet`."""
    return likeness_sheet(read_picture(first), read_picture(second), {one.label: one.pairs for one in found})


def likeness_page(first: str | Path, second: str | Path, found: Sequence[Alike]) -> str:
    """An HTML page that opens offline: the figure, and its numbers as a table for each network."""
    alt = f"{first} and {second}, and below them their likeness maps; the tables say which cells are most alike."
    likeness_figure(first, second, found).savefig(file := io.BytesIO(), format="jpeg", dpi=DPI)
    source = data_uri(file.getvalue(), "jpeg")
    body = f'<p><img class="wide" src="{source}" alt="{html.escape(alt)}"></p>\n' + "\n".join(map(_table, found))
    return document(f"Likeness of {Path(first).name} and {Path(second).name}", body)


def _table(one: Alike) -> str:
    rows = "\n".join(
        f"<tr><th scope=row>{number}</th><td>{a}, {b}</td><td>{c}, {d}</td></tr>"
        for number, ((a, b), (c, d)) in enumerate(one.best(), start=1)
    )
    size = " x ".join(map(str, one.pairs.shape[:2]))
    caption = f"{html.escape(one.label)}: distance {one.distance:.4f}. Row and column of {size} cells, from 1."
    head = "<tr><th scope=col>number</th><th scope=col>first picture</th><th scope=col>second picture</th></tr>"
    return f"<table><caption>{caption}</caption>\n{head}\n{rows}\n</table>"


def write_figure(to: str | Path, first: str | Path, second: str | Path, found: Sequence[Alike]) -> None:
    """Write the figure to a picture file, whole or not at all.

    Raises:
        PartregError: the file's name does not end as one of a picture that can be drawn, or it cannot be written.
    """
    figure = likeness_figure(first, second, found)
    kinds = figure.canvas.get_supported_filetypes()
    kind = Path(to).suffix.removeprefix(".").lower()
    if kind not in kinds:
        raise PartregError(f"{to}: cannot draw a file of this kind; give a name that ends in .png, .svg or .pdf.")
    with files.whole(to) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI)

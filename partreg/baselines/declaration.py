"""The declaration with which a method's module ends, checked when it is created."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

from partreg.datasets.layouts import LAYOUTS
from partreg.errors import PartregError
from partreg.reid.run import Run

TABLES = {name: layout.tables for name, layout in LAYOUTS.items() if layout.tables}  # the paper's, of each data set
KINDS = ("input", "learnt", "fixed", "compared")
# What a method may need besides images, and the side files that it then requires: the data set of a file, "" for the
# one that the network learns from; its name, and alternatives.
INPUTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "identities": (),
    "model labels": (("vehicleid", "attribute/model_attr.txt", "models.csv", "truth/images.csv"),),
    "key points": (("", "keypoints.csv"),),
    "orientation": (("", "orientation.csv"),),
    "number plates": (("veri", "plates.csv"),),
    "cameras": (),
    "time": (),
    "camera distances": (("veri", "camera_Dist.txt"), ("veri", "camera_ID.txt")),
}


@dataclass(frozen=True)
class Node:
    """A box of a drawing.

    Attributes:
        text: its words, at most three lines.
        kind: one of `KINDS`.
        column: 0 to 3, from left to right.
        row: from the top, halves allowed.
        training: needed in training only, drawn with a dashed outline.
    """

    text: str
    kind: str
    column: int
    row: float
    training: bool = False


@dataclass(frozen=True)
class Declaration:
    """What tables, texts and the workflow must know of a method. Only the name is required.

    What is needed, ``built_on``, ``learns_from`` and ``run`` decide results and are part of their keys. The rest is
    text and drawing: changing it makes no result due.

    Attributes:
        name: as in the paper's tables.
        tables: the data sets whose tables list it, keys of `TABLES`; () for a method beyond the tables.
        training: what it needs besides images in training, words of `INPUTS`.
        test: the same when a query is asked.
        built_on: the methods whose distances on VeRi-776 it starts from, by their modules.
        learns_from: the data set that its network learns from, if not the one that it is judged on.
        takes_a_while: whether its distances take minutes besides a network's training, so that a job of their own
            computes them.
        run: fields of `partreg.reid.run.Run` that belong to it.
        tried: settings that we tried on validation vehicles, in this order.
        publication: authors and year.
        citation: its key in the book's bibliography, as the paper attributes it.
        feature: how many numbers are compared, as published.
        replaced: whether the profile's backbone replaces the publication's network.
        alt: the drawing in words.
        nodes: the drawing's boxes by a short name, each the values of a `Node`.
        edges: its arrows as chains of these names: "image net feature" is two arrows.
        trains: whether the module has a ``METHOD``; `partreg.baselines.declarations` sets this and the next one.
        compares: whether it has a function ``distances``.
    """

    name: str
    tables: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    built_on: tuple[str, ...] = ()
    learns_from: str = ""
    takes_a_while: bool = False
    run: Mapping[str, Any] = field(default_factory=dict)
    tried: tuple[Mapping[str, Any], ...] = ()
    publication: str = ""
    citation: str = ""
    feature: str = ""
    replaced: bool = True
    alt: str = ""
    nodes: Mapping[str, Any] = field(default_factory=dict)
    edges: tuple[str, ...] = ()
    trains: bool = False
    compares: bool = False

    def __post_init__(self) -> None:
        try:
            boxes = {name: box if isinstance(box, Node) else Node(*box) for name, box in self.nodes.items()}
        except TypeError as error:
            raise PartregError(f"nodes: expected (text, kind, column, row) for each box: {error}.") from error
        object.__setattr__(self, "nodes", boxes)
        settings = [name for changes in (self.run, *self.tried) for name in changes]
        self._known("tables", self.tables, TABLES)
        self._known("training", self.training, INPUTS)
        self._known("test", self.test, INPUTS)
        self._known("learns_from", [self.learns_from], ("", *TABLES))
        self._known("run or tried", settings, [entry.name for entry in fields(Run)])
        self._known("nodes", [node.kind for node in boxes.values()], KINDS)
        self._known("edges", [name for pair in self.arrows for name in pair], boxes)

    def _known(self, name: str, words: Iterable[str], expected: Iterable[str]) -> None:
        if wrong := [word for word in words if word not in expected]:
            raise PartregError(
                f"{name}: {wrong[0]!r} is unknown; expected some of {', '.join(filter(None, expected))}."
            )

    @property
    def arrows(self) -> tuple[tuple[str, str], ...]:
        """The arrows of the drawing, from box to box."""
        return tuple(pair for chain in self.edges for pair in pairwise(chain.split()))

    @property
    def needs(self) -> tuple[str, ...]:
        """Everything it needs besides images, in training or for a query."""
        return tuple(dict.fromkeys([*self.training, *self.test]))

    @property
    def side_files(self) -> tuple[tuple[str, ...], ...]:
        """The side files that it requires, as in `INPUTS`."""
        return tuple(file for word in self.needs for file in INPUTS[word])

    @property
    def home(self) -> str:
        """The data set that its network learns from by default: that of its first table."""
        return self.learns_from or (*self.tables, "vehicleid")[0]

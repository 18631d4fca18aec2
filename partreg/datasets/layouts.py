"""The layouts of Section 4.1's data sets, and of a reader's own: each is one entry of `LAYOUTS`.

Readers are named, not imported: whatever is made from one layout does not depend on the code that reads another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from partreg.datasets.suffixes import SUFFIXES
from partreg.errors import PartregError


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        name: as its publication writes it.
        check: "module:function" of what finds all faults of its lists, as `partreg.datasets.check.vehicleid_lists`.
        known_by: patterns under a folder, of which one at least finds something.
        readers: for which of `partreg.datasets.DATASETS` the folder can be given, with "module:function" of what reads
            it then: as a `partreg.datasets.vehicleid.VehicleID` for "vehicleid", a `partreg.datasets.veri.VeRi` for
            "veri".
        files: patterns, under the folder, of all files that the readers read, and of the folders that they list.
        lists: patterns of those that have a line an image.
        tables: numbers of the paper's tables of this data set.
    """

    name: str
    check: str
    known_by: tuple[str, ...]
    readers: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    tables: tuple[int, ...] = ()

    def module(self, dataset: str) -> str:
        """The module of its reader for a data set."""
        return self.readers[dataset].split(":")[0]

    def knows(self, root: Path) -> bool:
        """Whether a folder looks like this."""
        return any(next(root.glob(name), None) for name in self.known_by)


# In a folder for each vehicle; in any case, such as "*/*.[pP][nN][gG]".
PICTURES = tuple("*/*." + "".join(f"[{one}{one.upper()}]" for one in end[1:]) for end in SUFFIXES)

LAYOUTS: Mapping[str, Layout] = {
    "vehicleid": Layout(
        name="VehicleID",
        check="partreg.datasets.check:vehicleid_lists",
        known_by=("train_test_split",),
        readers={"vehicleid": "partreg.datasets.vehicleid:read_vehicleid"},
        files=("train_test_split/*.txt", "attribute/*.txt"),
        lists=("train_test_split/*.txt",),
        tables=(1, 2),
    ),
    "veri": Layout(
        name="VeRi-776",
        check="partreg.datasets.check:veri_lists",
        known_by=("name_train.txt", "name_query.txt", "name_test.txt"),
        readers={"veri": "partreg.datasets.veri:read_veri"},
        files=("*.txt", "*.xml"),
        lists=("name_*.txt",),
        tables=(3,),
    ),
    "own": Layout(
        name="your own pictures",
        check="partreg.datasets.check:own_lists",
        known_by=("images.csv", *PICTURES),
        readers={"vehicleid": "partreg.datasets.own:read_galleries", "veri": "partreg.datasets.own:read_cameras"},
        files=("images.csv", "*/"),
        lists=("images.csv",),
    ),
}


def layout_of(root: str | Path) -> str:
    """Recognize which of `LAYOUTS` a folder has, see `recognized`.

    Raises:
        PartregError: none of them.
    """
    root = Path(root)
    if name := recognized(root):
        return name
    marks = [f"{layout.known_by[0]} ({layout.name})" for layout in LAYOUTS.values()]
    found = "none of them" if root.is_dir() else "a file" if root.exists() else "no such folder"
    raise PartregError(
        f"{root}: expected a folder with {', '.join(marks[:-1])} or {marks[-1]}, found {found}; give the folder that "
        "holds them, or one that holds a folder of pictures for each vehicle."
    )


def recognized(root: Path) -> str:
    """The first of `LAYOUTS` that knows a folder; "own" only where no other does, for many folders hold pictures.

    A file that ends in .csv is "own", too.
    """
    if root.is_file() and root.suffix == ".csv":
        return "own"
    in_order = sorted(LAYOUTS, key=lambda name: name == "own")
    return next((name for name in in_order if LAYOUTS[name].knows(root)), "")


def given_for(dataset: str, root: Path) -> Layout:
    """The layout of a folder that is given for a data set, if that can be; else the data set's own.

    The reader of that one says what the folder lacks.
    """
    fit = LAYOUTS[recognized(root) or dataset]
    return fit if dataset in fit.readers else LAYOUTS[dataset]


def function(place: str) -> Callable[..., Any]:
    """A function from its place, "module:function"."""
    module, name = place.split(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found

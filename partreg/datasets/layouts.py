"""The layouts of Section 4.1's data sets, and of a reader's own: each is one entry of `LAYOUTS`.

Readers are named, not imported: whatever is made from one layout does not depend on the code that reads another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from partreg.errors import PartregError


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        name: as its publication writes it.
        check: "module:function" of what finds all faults of its lists, as `partreg.datasets.check.vehicleid_lists`.
        known_by: names under a folder, of which one at least is there.
        reader: "module:function" of what reads a folder; "" where it cannot be given for a data set.
        dataset: for which of `partreg.datasets.DATASETS` the folder can be given, for its reader gives the same:
            "vehicleid" (`partreg.datasets.vehicleid.VehicleID`) or "veri" (`partreg.datasets.veri.VeRi`); "" for none.
        files: patterns, under the folder, of all files that the reader reads.
        lists: patterns of those that have a line an image.
        tables: numbers of the paper's tables of this data set.
    """

    name: str
    check: str
    known_by: tuple[str, ...]
    reader: str = ""
    dataset: str = ""
    files: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    tables: tuple[int, ...] = ()

    @property
    def module(self) -> str:
        """The module of its reader."""
        return self.reader.split(":")[0]

    def knows(self, root: Path) -> bool:
        """Whether a folder looks like this."""
        return any((root / name).exists() for name in self.known_by)


LAYOUTS: Mapping[str, Layout] = {
    "vehicleid": Layout(
        name="VehicleID",
        check="partreg.datasets.check:vehicleid_lists",
        known_by=("train_test_split",),
        reader="partreg.datasets.vehicleid:read_vehicleid",
        dataset="vehicleid",
        files=("train_test_split/*.txt", "attribute/*.txt"),
        lists=("train_test_split/*.txt",),
        tables=(1, 2),
    ),
    "veri": Layout(
        name="VeRi-776",
        check="partreg.datasets.check:veri_lists",
        known_by=("name_train.txt", "name_query.txt", "name_test.txt"),
        reader="partreg.datasets.veri:read_veri",
        dataset="veri",
        files=("*.txt", "*.xml"),
        lists=("name_*.txt",),
        tables=(3,),
    ),
    "csv": Layout("your own", "partreg.datasets.check:csv_lists", ("images.csv",)),
}


def layout_of(root: str | Path) -> str:
    """Recognize which of `LAYOUTS` a folder has; a file that ends in .csv is "csv", too.

    Raises:
        PartregError: none of them.
    """
    root = Path(root)
    if root.is_file() and root.suffix == ".csv":
        return "csv"
    for name, layout in LAYOUTS.items():
        if layout.knows(root):
            return name
    marks = [f"{layout.known_by[0]} ({layout.name})" for layout in LAYOUTS.values()]
    raise PartregError(
        f"{root}: expected a folder with {', '.join(marks[:-1])} or {marks[-1]}, "
        f"found {'none of them' if root.is_dir() else 'no such folder'}; give the folder that holds them."
    )


def given_for(dataset: str, root: Path) -> Layout:
    """The layout of a folder that is given for a data set: that data set's own, unless the folder has another one."""
    fit = [layout for layout in LAYOUTS.values() if layout.dataset == dataset and layout.knows(root)]
    return (*fit, LAYOUTS[dataset])[0]


def function(place: str) -> Callable[..., Any]:
    """A function from its place, "module:function"."""
    module, name = place.split(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found

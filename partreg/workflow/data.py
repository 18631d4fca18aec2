"""Read the data sets of a workspace: the benchmark is rendered first, and each is parsed once a process."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from partreg.datasets.layouts import function, given_for, layout_of
from partreg.datasets.lines import Problem
from partreg.errors import PartregError
from partreg.files import locked
from partreg.synthetic.benchmark import described
from partreg.synthetic.layouts import write_layout
from partreg.workflow.profile import Workspace

RENDERED = "truth/done.json"  # a folder that was rendered here has it
LISTS = 3  # of VehicleID's test lists, the shortest, which are called Small, Medium and Large


def read(dataset: str, root: Path) -> Any:
    """Return a data set from disk, a copy for the caller; it is parsed once a process while its lists stay the same.

    Of VehicleID's test lists it has the three shortest.

    Raises:
        PartregError: the folder has another layout, or something is wrong in its lists.
    """
    layout_of(root)  # refuses a folder that nobody's pictures lie in like this
    layout = given_for(dataset, root)
    stats = [(path, path.stat()) for pattern in layout.files for path in sorted(root.glob(pattern))]
    listed = tuple((path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats)
    return copy.deepcopy(_parsed(layout.readers[dataset], layout.check, root, listed))


@lru_cache(maxsize=8)
def _parsed(reader: str, check: str, root: Path, listed: tuple) -> Any:
    found, problems = function(reader)(root), list[Problem]()
    if not (root / RENDERED).exists():  # a vehicle to learn and to test, for example, would make scores meaningless
        function(check)(root, problems)
    if problems:
        more = f" (and {len(problems) - 1:,} more)" if problems[1:] else ""
        raise PartregError(f"{problems[0]} `partreg check {root}` shows what is wrong in the lists{more}.")
    if hasattr(found, "tests"):  # the paper judges by three lists; the others of the data set are up to 13,164 vehicles
        return replace(found, tests=dict(list(found.tests.items())[:LISTS]))
    return found


def data(ws: Workspace, dataset: str) -> Any:
    """Return a `partreg.datasets.vehicleid.VehicleID` or `partreg.datasets.veri.VeRi`, rendered first if need be."""
    root = ws.root(dataset)
    done = root / RENDERED
    if ws.is_synthetic(dataset) and not done.exists():
        with locked(root):
            if not done.exists():
                write_layout(benchmark(ws), root, dataset, jobs=os.cpu_count() or 1)
    return read(dataset, root)


def load_vehicleid(ws: Workspace) -> Any:
    """Return the data set in VehicleID's layout, rendered first where it is the benchmark."""
    return data(ws, "vehicleid")


def load_veri(ws: Workspace) -> Any:
    """Return the data set in VeRi-776's layout, rendered first where it is the benchmark."""
    return data(ws, "veri")


def benchmark(ws: Workspace) -> Any:
    """Return the description of the rendered benchmark that the profile asks for."""
    return described(ws.profile.benchmark)


def test_images(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Return all images that need features: VehicleID's test lists, or VeRi-776's queries and then its gallery."""
    return tests_of(data(ws, dataset))


def tests_of(found: Any) -> pd.DataFrame:
    """Return the `test_images` of a data set that was read."""
    if hasattr(found, "tests"):
        return pd.concat(found.tests.values()).drop_duplicates("image").sort_values("image").reset_index(drop=True)
    return pd.concat([found.query, found.gallery], ignore_index=True)


def all_images(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Return training and test images, in that order."""
    return pd.concat([data(ws, dataset).train, test_images(ws, dataset)], ignore_index=True)

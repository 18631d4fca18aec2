"""Section 4.1: VehicleID_V1.0 as it is distributed.

``image/<name>.jpg``, ``train_test_split/train_list.txt`` and ``test_list_<vehicles>.txt`` (lines ``image vehicle``,
without extension), and, if present, ``attribute/{img2vid,model_attr,color_attr}.txt``. It has no cameras.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from partreg.datasets.images import images_table
from partreg.datasets.lines import NUMBER, OnProblem, Problem, read_listed, read_numbers, stop

TRAIN_LIST = "train_test_split/train_list.txt"
PAIR = "an image name and a vehicle number, such as '0000001 25'"


@dataclass(frozen=True)
class VehicleID:
    """The data set's tables of images: for training, and for each test list by its number, ascending."""

    root: Path
    train: pd.DataFrame
    tests: dict[int, pd.DataFrame]


def read_vehicleid(root: str | Path) -> VehicleID:
    """Read a folder in the layout of VehicleID_V1.0, without opening its images.

    Raises:
        PartregError: a list is missing, or one of its lines is wrong; the error names file and line.
    """
    root = Path(root)
    lists = read_lists(root)
    models = read_numbers(root / "attribute/model_attr.txt", "a vehicle and its model")
    colors = read_numbers(root / "attribute/color_attr.txt", "a vehicle and its colour")

    def table(listed: pd.DataFrame) -> pd.DataFrame:
        vehicle = listed["vehicle"]
        model = vehicle.map(models).fillna(-1).astype("int64")
        color = vehicle.map(colors).fillna(-1).astype("int64")
        return images_table(listed.assign(model=model, color=color))

    tests = {test_size(name): table(listed) for name, listed in lists.items() if name != TRAIN_LIST}
    return VehicleID(root, table(lists[TRAIN_LIST]), tests)


def test_size(name: str | Path) -> int:
    """Number of vehicles in a test list's name: 800 for ``.../test_list_800.txt``."""
    return int(re.findall(r"[0-9]+", Path(name).stem)[-1])


def read_lists(root: Path, on_problem: OnProblem = stop) -> dict[str, pd.DataFrame]:
    """Read the training list and the test lists, by path under ``root``, test lists by ascending number.

    Each is a frame with the columns image, path, vehicle, line (in its file).
    """
    candidates = (root / "train_test_split").glob("test_list_*.txt")
    tests = sorted((path for path in candidates if re.fullmatch(r"test_list_[0-9]{1,9}", path.stem)), key=test_size)
    if not tests:
        message = "expected test_list_<vehicles>.txt, found none; add one."
        on_problem(Problem(str(root / "train_test_split"), 0, message))
    for path, other in pairwise(tests):
        if test_size(path) == test_size(other):
            message = f"{path.name} has the same number, expected one list of each; rename or remove one of them."
            on_problem(Problem(str(other), 0, message))
    names = [TRAIN_LIST, *(path.relative_to(root).as_posix() for path in tests)]
    return {name: _read_list(root, name, on_problem) for name in names}


def _read_list(root: Path, name: str, on_problem: OnProblem) -> pd.DataFrame:
    rows = []
    for line, (image, vehicle) in read_listed(root / name, 2, PAIR, NUMBER, on_problem):
        rows.append((f"image/{image}.jpg", str(root / "image" / f"{image}.jpg"), int(vehicle), line))
    return pd.DataFrame(rows, columns=["image", "path", "vehicle", "line"])

"""Section 4.1 on your own pictures: listed in a CSV, or in a folder for each vehicle, they stand for either data set.

``images.csv`` is as `partreg.datasets.table_csv` says. Without it, each folder under the root is a vehicle and has its
name; its pictures lie directly in it.

They are judged by what is there. For VehicleID, all images that are not to train on are test images. If nothing says
which those are, a seed divides the vehicles. For VeRi-776, the CSV must have queries, a gallery and cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from partreg.datasets import table_csv
from partreg.datasets.lines import OnProblem, Problem, stop
from partreg.datasets.split import hold_out
from partreg.datasets.suffixes import SUFFIXES
from partreg.datasets.table_csv import CSV_NAME, NAME, NOBODY, SPLITS, as_table, numbered
from partreg.datasets.vehicleid import VehicleID
from partreg.datasets.veri import VeRi, no_match
from partreg.errors import PartregError

SEED = 0  # of the division into vehicles to train on and to test on
FEWEST = 4  # vehicles that can be divided: two to train on, two to test on


@dataclass(frozen=True)
class OwnVehicleID(VehicleID):
    """Your own pictures as VehicleID; the tables have a column ``vehicle_name``, too.

    Attributes:
        divided: how the vehicles were divided, in words; "" where the CSV says it.
        lacks: why the pictures cannot stand for VeRi-776, in words; "" where they can.
    """

    divided: str = ""
    lacks: str = ""


def source(root: str | Path) -> Path:
    """The CSV of a folder, or the folder itself where each vehicle has a folder in it."""
    root = Path(root)
    return root / CSV_NAME if (root / CSV_NAME).exists() else root


def read_rows(path: Path, on_problem: OnProblem = stop) -> pd.DataFrame:
    """The good rows of `source`, as of `partreg.datasets.table_csv.read_rows`; those of folders have the line 0."""
    return _in_folders(path, on_problem) if path.is_dir() else table_csv.read_rows(path, on_problem)


def _in_folders(root: Path, on_problem: OnProblem) -> pd.DataFrame:
    rows = []
    for path in sorted(root.glob("*/*")):
        vehicle, image = path.parent.name, f"{path.parent.name}/{path.name}"
        if path.suffix.lower() not in SUFFIXES or vehicle.startswith(".") or path.name.startswith("."):
            continue
        if vehicle.lower() in NOBODY:
            message = f"expected the name of a vehicle, found {vehicle!r}; take the folder out."
        elif image != image.encode(errors="ignore").decode():
            message = f"expected a name in UTF-8, found {ascii(image)[:60]}; rename it."
        else:
            rows.append((image, vehicle, str(path)))
            continue
        on_problem(Problem(str(root), 0, message))
    frame = pd.DataFrame(rows, columns=["path", NAME, "opened"])
    return frame.assign(vehicle=numbered(frame[NAME].tolist()), line=0)


def read_galleries(root: str | Path) -> OwnVehicleID:
    """Read your own pictures as VehicleID, without opening them: a half to train on, and one test list.

    Raises:
        PartregError: the CSV is wrong (the error names its line), there are too few vehicles to divide, nothing is to
            train on or to test on, or a vehicle is both.
    """
    path = source(root)
    images = _read(path)
    lacks = lacking(images)
    train, test, divided = _by_split(images, path) if "split" in images else _by_seed(images, path)
    train, test = (some.drop(columns="split", errors="ignore").reset_index(drop=True) for some in (train, test))
    return OwnVehicleID(Path(root), train, {int(test["vehicle"].nunique()): test}, divided, lacks)


def read_cameras(root: str | Path) -> VeRi:
    """Read your own pictures as VeRi-776, without opening them. A gallery image without a track is one of its own.

    Raises:
        PartregError: the CSV is wrong (the error names its line), it lacks what VeRi-776's rules need (the error names
            the column), or a track mixes vehicles or cameras.
    """
    path = source(root)
    images = _read(path)
    if lacks := lacking(images):
        raise PartregError(
            f"{path}: these pictures cannot be judged by VeRi-776's rules: {lacks}; add what they "
            "need, or give the folder as vehicleid alone."
        )
    parts = {name: images[images["split"] == name] for name in SPLITS}
    _both(parts["train"], images[images["split"] != "train"], path)
    train, query, gallery = (part.drop(columns="split").reset_index(drop=True) for part in parts.values())
    gallery["track"] = gallery["track"].where(gallery["track"] != "", gallery["image"])
    mixed = gallery.groupby("track")[["vehicle", "camera"]].nunique().max(axis=1)
    for track in mixed.index[mixed > 1][:1]:
        raise PartregError(f"{path}: the track {track!r} mixes vehicles or cameras, expected one of each; split it.")
    return VeRi(Path(root), train, query, gallery, gallery.groupby("track")["image"].apply(list).to_dict())


def uses(root: str | Path) -> dict[str, str]:
    """Say for each data set whether one's own pictures can stand for it: "yes", or "no: " and why."""
    found = {}
    for name, read in (("VehicleID", read_galleries), ("VeRi-776", read_cameras)):
        try:
            read(root)
            found[name] = "yes"
        except PartregError as error:
            found[name] = f"no: {error}"
    return found


def lacking(images: pd.DataFrame) -> str:
    """Say what a table of images lacks for VeRi-776's rules, such as a column; "" for nothing."""
    if "split" not in images:
        return "the column 'split' is missing"
    absent = [name for name in SPLITS if name not in set(images["split"])]
    if absent:
        return f"no image has the split {absent[0]!r}"
    if (images["camera"] < 0).all():
        return "the column 'camera' is missing"
    why = no_match(*(images[images["split"] == name] for name in ("query", "gallery")))
    return why.split(";")[0].rstrip(".")


def _read(path: Path) -> pd.DataFrame:
    return as_table(read_rows(path), str(path))


def _by_split(images: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    learnt = images["split"] == "train"
    for what, some in (("train", learnt), ("query or gallery", ~learnt)):
        if not some.any():
            raise PartregError(f"{path}: no image has the split {what}; give it to some, or leave the column out.")
    _both(images[learnt], images[~learnt], path)
    return images[learnt], images[~learnt], ""


def _by_seed(images: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    names = sorted(set(images[NAME]))
    if len(names) < FEWEST:
        raise PartregError(
            f"{path}: expected {FEWEST} vehicles or more, to train on some and test on others, found {len(names)} "
            f"({', '.join(names)[:60]}); add some, or the lists of VehicleID or VeRi-776 if it is one of these."
        )
    train, test = hold_out(images, len(names) // 2, SEED)
    kept, left = len(names) - len(names) // 2, len(names) // 2
    why = f"seed {SEED} drew {kept} of the {len(names)} vehicles to train on and {left} to test on"
    return train, test, f"{why}, for there is no column 'split'"


def _both(train: pd.DataFrame, test: pd.DataFrame, path: Path) -> None:
    """Refuse vehicles that are to train on and to test on."""
    twice = sorted(set(train[NAME]) & set(test[NAME]))
    if twice:
        raise PartregError(
            f"{path}: vehicle {twice[0]} is both to train on and to test on, expected one of them; change its split."
        )

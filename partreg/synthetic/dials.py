"""Measure the effect of the benchmark's two dials without a network, from thumbnails only (notebook 00, Figure 1).

`near_duplicates` sets how many vehicles share model and colour, `shortcuts` how often street and light give a training
vehicle away. A thumbnail shows little more than shape, colour and background.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from partreg.datasets.kinds import facts, kinds
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid
from partreg.synthetic.render import Studio


def take_pictures(benchmark: Benchmark) -> tuple[np.ndarray, pd.DataFrame]:
    """Render VehicleID's layout of a small benchmark in memory.

    Returns:
        The pictures (N, S, S, 3) uint8 RGB, and a row for each with vehicle, model, color, camera, train (bool).
    """
    plan = plan_vehicleid(benchmark)
    studio = Studio(plan.models, plan.vehicles, plan.cameras, benchmark.size)
    pictures, rows = [], []
    for shot in tqdm(plan.shots, desc="rendering", unit="image", mininterval=1, leave=False):
        vehicle = plan.vehicles[shot.vehicle - 1]
        pictures.append(studio.take(shot).image)
        about = {"vehicle": vehicle.identity, "model": vehicle.model, "color": vehicle.color}
        rows.append(about | {"camera": shot.moment.camera, "train": vehicle.identity in plan.train})
    return np.stack(pictures), pd.DataFrame(rows)


def thumbnails(pictures: np.ndarray, side: int = 8) -> np.ndarray:
    """Shrink pictures (N, S, S, 3) uint8 to ``side`` x ``side``: (N, 3 * side**2) float32 in [0, 1]."""
    small = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
    return (np.stack(small).reshape(len(pictures), -1) / np.float32(255)).astype(np.float32)


def borders(pictures: np.ndarray, side: int = 12) -> np.ndarray:
    """Return the outermost cells of each thumbnail, mostly street: (N, 3 * (4 * side - 4)) float32 in [0, 1]."""
    small = thumbnails(pictures, side).reshape(len(pictures), side, side, 3)
    edge = np.ones((side, side), bool)
    edge[1:-1, 1:-1] = False
    return np.ascontiguousarray(small[:, edge].reshape(len(pictures), -1))


def informed_cmc1(rows: pd.DataFrame) -> float:
    """Return the CMC@1, in [0, 1], of a method that knows just model and colour, exactly (`partreg.datasets.kinds`)."""
    return facts(rows)["informed"]


def near_duplicate_rows(images: pd.DataFrame, rows: int, columns: int) -> list[list[int]]:
    """Choose groups of near-duplicates: the largest of one model and colour, with one image of each vehicle.

    Args:
        images: a table with vehicle, model, color and, if known, ``view`` (a row shows its commonest view only) and
            ``whole`` (bool; an image that is not whole appears only if its vehicle has no other).
        rows: number of groups.
        columns: largest number of vehicles in each.

    Returns:
        For each group the positions in ``images`` of its pictures, without groups of a single vehicle and without
        images of unknown model or colour.
    """
    missing = {name: value for name, value in (("view", "unknown"), ("whole", True)) if name not in images}
    frame = images.reset_index(drop=True).assign(**missing)
    chosen, seen = [], {}
    known = frame[kinds(frame) >= 0]
    sizes = known.groupby(["model", "color", "view"])["vehicle"].nunique().sort_values(ascending=False, kind="stable")
    for model, color, view in sizes.index[sizes > 1]:
        # One row for a model and colour, and for variety at most two of the same colour.
        if (model, color) in seen or sum(c == color for _, c in seen) >= 2:
            continue
        seen[model, color] = view
        group = frame[(frame.model == model) & (frame.color == color) & (frame["view"] == view)]
        group = group.sort_values("whole", ascending=False, kind="stable").drop_duplicates("vehicle")
        chosen.append([int(k) for k in group.index[:columns]])
        if len(chosen) == rows:
            break
    return chosen


def read_views(root: str | Path) -> pd.DataFrame:
    """Read the truth of each image of a rendered layout: image, view, orientation, whole (bool).

    Args:
        root: folder of the layout, with a ``truth`` folder in it.

    Returns:
        One row an image; ``whole`` is true if every part has a box and at least nine tenths of it are visible.
    """
    folder = Path(root) / "truth"
    poses = pd.read_csv(folder / "orientation.csv", usecols=["image", "view", "orientation"])
    least = pd.read_csv(folder / "visibility.csv").groupby("image")[["visibility", "present"]].min()
    whole = (least["visibility"] >= 0.9) & (least["present"] == 1)
    return poses.assign(whole=poses["image"].map(whole))

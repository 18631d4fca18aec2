"""A part of `make real`: does a ranking of methods on rendered vehicles hold on photographs?

Each method learns 60 vehicles with two images each, from the start and by the settings of the profile ``laptop``, but
for smaller batches. It is tested in galleries of 40 other vehicles: on photographs, and on rendered vehicles. This is
done in each of `DRAWS`, which is also the seed of the training. On photographs, a draw divides the 100 cars anew, so
that five draws test each car twice. On rendered vehicles, a draw is a benchmark of its own, of models that neither the
start nor the part detector has seen; it has six galleries, because rendered vehicles are not scarce. `NEAR_DUPLICATES`
was chosen before any score was seen: a gallery has about as many vehicles of one model and colour as we counted by eye
among the photographs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.baselines import bag_of_words, bow_cn, lomo, table_methods
from partreg.datasets.vehicleid import read_vehicleid
from partreg.reid.pixels import decoded
from partreg.retrieval.expected import expected_hits
from partreg.workflow import CONTROLS, STRONG, TABLE_4, features, make_run, method_run, open_workspace, test_images
from partreg.workflow.data import load_vehicleid
from partreg.workflow.profile import Workspace

SIDES = ("photographs", "rendered")
DRAWS = range(5)
LEARNT, GALLERY, GALLERIES = 60, 40, 6  # vehicles to learn, and in a gallery; galleries of rendered vehicles
APART = 20  # cars by which a draw's tested ones are shifted
NEAR_DUPLICATES, FIRST_SEED = 2.5, 10
BATCH = 16  # as in `tests.real.SMALL`, for so few vehicles; all else is the profile's
WHOLE = "Three extra heads on the whole map"
OWN: dict[str, dict[str, Any]] = {
    "Baseline": {"parts": ()},
    "Full model": {},
    **{name: TABLE_4[name] for name in ("Global+Window", "Window+Light+Brand")},
    WHOLE: CONTROLS[WHOLE],
    "Pulled to the parts": {"agreement": 1.0},
}
BY_HAND, PIXELS = ("BOW-CN", "LOMO"), 128  # no network; as `partreg.workflow.methods` has them
METHODS = (*OWN, *(name for name in table_methods("vehicleid") if name.startswith("VGG")), *STRONG, *BY_HAND)


def measure(method: str, side: str, draw: int, folder: Path, cars: Path, detector: Path) -> dict[str, Any]:
    """Train a method in one draw, and return its CMC@1, as a mean over all galleries and vehicle by vehicle.

    Args:
        method: one of `METHODS`.
        side: one of `SIDES`.
        draw: one of `DRAWS`.
        folder: of all that is made.
        cars: of the photographs, in the layout of VehicleID.
        detector: weights of the part detector.

    Returns:
        ``cmc1``, and ``shares``, a text of one number for each tested vehicle. The vehicles of a side stand in one
        order, and those of the draw are at the places from ``first`` on, of ``among``; after the last comes the first.
    """
    ws = workspace(side, draw, folder, cars, detector)
    (test,) = load_vehicleid(ws).tests.values()
    order, first, among = tested_vehicles(side, draw, test, cars)
    run = network(ws, method, draw)
    found = by_hand(ws, method, draw) if run is None else features(ws, run, test_images(ws, "vehicleid"), "test")
    vehicles, hits = test.vehicle.to_numpy(), np.empty(len(test))
    for start in range(0, len(order), GALLERY):
        rows = np.isin(vehicles, order[start : start + GALLERY])
        hits[rows] = expected_hits(found[rows], vehicles[rows])
    shares = pd.Series(hits).groupby(vehicles).mean()[order]
    return {
        **{"cmc1": round(float(shares.mean()), 4), "shares": " ".join(f"{share:.3g}" for share in shares)},
        **{"first": first, "among": among, "test_vehicles": len(order)},
        **({"size": run.size, "epochs": run.epochs} if run else {"size": PIXELS, "epochs": 0}),
    }


def tested_vehicles(side: str, draw: int, test: pd.DataFrame, cars: Path) -> tuple[list[int], int, int]:
    """Return the tested vehicles of a draw in order, the place of the first, and how many places its side has."""
    if side == "photographs":
        every = sorted_cars(cars)
        return tested(every, draw), APART * draw, len(every)
    order = sorted(test.vehicle.unique())
    return order, len(order) * draw, len(order) * len(DRAWS)


def workspace(side: str, draw: int, folder: Path, cars: Path, detector: Path) -> Workspace:
    """Return the workspace of a draw: of photographs divided anew, or of rendered vehicles."""
    own = {"reid": {"batch": BATCH}, "held_out": {"vehicleid": 0}, "detector": {"weights": str(detector)}}
    if side == "photographs":
        divided = divide(cars, draw, folder / f"photographs-{draw}" / "VehicleID_V1.0")
        return open_workspace("laptop", output=str(folder), vehicleid=str(divided), overrides=own)
    vehicles = {"seed": FIRST_SEED + draw, "train_vehicles": LEARNT, "test_vehicles": [GALLERY * GALLERIES]}
    vehicles |= {"images_per_vehicle": 2, "near_duplicates": NEAR_DUPLICATES}
    return open_workspace("laptop", output=str(folder), overrides={**own, "benchmark": vehicles})


def sorted_cars(root: Path) -> list[int]:
    """Return the numbers of all cars of the photographs, to learn and to test."""
    found = read_vehicleid(root)
    return sorted({*found.train.vehicle, *(car for test in found.tests.values() for car in test.vehicle)})


def tested(cars: list[int], draw: int) -> list[int]:
    """Return the cars that a draw tests, out of all in one random order; five draws test each car twice."""
    order = np.random.default_rng(0).permutation(cars)
    return [int(car) for car in np.roll(order, -APART * draw)[:GALLERY]]


def divide(root: Path, draw: int, folder: Path) -> Path:
    """Copy the photographs with the lists of a draw, in the layout of VehicleID, and return their folder."""
    if not (folder / "train_test_split" / "train_list.txt").exists():
        found, chosen = read_vehicleid(root), tested(sorted_cars(root), draw)
        images = pd.concat([found.train, *found.tests.values()]).drop_duplicates("image")
        shutil.copytree(root / "image", folder / "image", dirs_exist_ok=True)
        for name, listed in (
            (f"test_list_{GALLERY}", images[images.vehicle.isin(chosen)]),
            ("train_list", images[~images.vehicle.isin(chosen)]),
        ):
            lines = [f"{Path(row.image).stem} {row.vehicle}" for row in listed.itertuples()]
            files.write_text(folder / "train_test_split" / f"{name}.txt", "\n".join([*lines, ""]))
    return folder


def network(ws: Workspace, method: str, seed: int) -> Any:
    """Return the description of a method's network; None for a method that has none."""
    if method in BY_HAND:
        return None
    if method in OWN:
        return make_run(ws, "vehicleid", seed=seed, **OWN[method])
    if method in STRONG:
        return method_run(ws, "vehicleid", "strong", seed=seed, **STRONG[method])
    return method_run(ws, "vehicleid", table_methods("vehicleid")[method], seed=seed)


def by_hand(ws: Workspace, method: str, seed: int) -> np.ndarray:
    """Return the features of the test images by a method without a network."""
    pixels = decoded(test_images(ws, "vehicleid"), PIXELS, ws.pixels)
    if method == "LOMO":
        return lomo.features(pixels)
    codebook = bow_cn.fit(decoded(load_vehicleid(ws).train, PIXELS, ws.pixels), seed)
    return bag_of_words.features(bow_cn.LOCAL, codebook, pixels)

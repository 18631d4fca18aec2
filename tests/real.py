"""`make real`: what rendered vehicles are worth on real photographs, and how many annotated images are enough.

It needs a finished book of the profile ``laptop`` in ``build/laptop``, and the photographs in ``../shared/real``, or
where PARTREG_REAL points: ``car_parts`` (annotated for the detector) and ``khoa_cars`` (identities). Each measurement
leaves a record in ``build/real``, so a run that was stopped goes on where it was. The tables beside the records are
written after each: ``real_detectors.csv``, ``real_annotated.csv``, ``real_starts.csv``, ``real_walk.csv`` and
``real_ranking.csv``, of which `tests.real_ranking` says more.
``python -m tests.real starts`` makes one table alone.

The 100 photographs that test the detector are the same for all seeds, and no setting was chosen on them.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from partreg import files
from partreg.errors import PartregError
from partreg.parts import annotation, detector
from partreg.parts.finetune import finetune
from partreg.parts.formats import Annotations, read_coco
from partreg.retrieval.statistics import bootstrap_over_vehicles
from partreg.studies.evidence import backbone_weights
from partreg.workflow import make_run, open_workspace, test_images, vehicleid_scores
from partreg.workflow.keys import detector_folder
from partreg.workflow.profile import REPOSITORY, Workspace
from tests import real_ranking
from tests.origin import origin
from tests.walk import steps, walk

FOLDER = REPOSITORY / "build" / "real"
SEEDS = (0, 1, 2)
LEARNT, TESTED = 200, 300  # photographs to train on; rendered pictures to test on
# How many pictures are annotated, and the detector's settings. Each detector of a size, in pixels, sees equally many
# pictures, VIEWS, however few are annotated. LARGE is the size of the page's command.
RENDERED, PHOTOGRAPHS = (50, 100, 200, 300, 500), (50, 100)
VIEWS, SMALLER, LARGE, BATCH = {96: 3000, 128: 6000, 160: 8000}, 128, 160, 8
# How the network learns 60 vehicles: SMALL as the book does, SQUEEZE from ImageNet. SHOWN: how it learns the rendered.
SMALL = {"backbone": "small", "weights": "", "epochs": 60, "batch": 16, "lr": 0.1, "held_out": 0, "size": 96}
SQUEEZE = {
    **{"backbone": "squeezenet1_0", "pixels": "caffe", "last_stride": 2, "batch": 8, "size": 96, "held_out": 0},
    **{"schedule": "exponential", "lr": 0.003, "warmup": 1, "epochs": 30},
}
SHOWN = {"epochs": 4}
PARTS = ("window", "light", "brand")
DETECTORS = (
    *("pictures", "start", "annotated", "seed", "front_window", "rear_window", "left_light", "right_light", "tested"),
    *("size", "epochs", "seconds", "profile", "device", "commit", "clean", "made"),
)
STARTS = (
    *("start", "backbone", "parts", "seed", "cmc1", "low", "high", "shares", "test_vehicles", "size", "epochs"),
    *("profile", "device", "commit", "clean", "made"),
)
RANKING = (
    *("side", "draw", "method", "cmc1", "shares", "first", "among", "test_vehicles", "size", "epochs"),
    *("profile", "device", "commit", "clean", "made"),
)
COLUMNS = {
    **dict.fromkeys(("real_detectors", "real_annotated"), DETECTORS),
    **{"real_starts": STARTS, "real_ranking": RANKING},
    **{"real_walk": ("step", "seconds", "profile", "device", "commit", "clean", "made")},
}


def photographs() -> Path:
    """Return the folder of real photographs."""
    folder = Path(os.environ.get("PARTREG_REAL", REPOSITORY.parent / "shared" / "real"))
    if not folder.is_dir():
        raise PartregError(f"{folder}: no such folder; set PARTREG_REAL to that of the photographs.")
    return folder


def book() -> Workspace:
    """Return the workspace of the finished book, whose pictures, detector and networks serve as a start."""
    ws = open_workspace("laptop")
    if not (detector_folder(ws) / "weights.pt").is_file():
        raise PartregError(f"{detector_folder(ws)}: no detector of rendered vehicles yet; run make book first.")
    return ws


def annotated_halves(pictures: str, seed: int) -> tuple[Annotations, Annotations, Path]:
    """Return the annotated pictures to draw from and to test on, and their folder."""
    if pictures == "photographs":
        root = photographs() / "car_parts"
        return *annotation.split(read_coco(root / "annotations.json"), LEARNT), root / "images"
    ws = book()
    truth, tests = annotation.read_truth(ws.vehicleid), test_images(ws, "vehicleid")
    learnt = annotation.jitter(truth.subset(train_names(ws)), annotation.JITTER, seed)
    return learnt, truth.subset(list(annotation.sample(tests, TESTED)["image"])), ws.vehicleid


def train_names(ws: Workspace) -> list[str]:
    """Return the names of the rendered training images."""
    from partreg.workflow import load_vehicleid

    return list(load_vehicleid(ws).train["image"])


def detector_path(pictures: str, start: str, annotated: int, seed: int, size: int) -> Path:
    """Return the folder of one detector."""
    return FOLDER / "detectors" / f"{pictures}-{start}-{annotated}-{seed}-{size}"


def measure_detector(pictures: str, start: str, annotated: int, seed: int, size: int) -> dict[str, Any]:
    """Train a detector on so many pictures, and return its average precision for each class."""
    learnt, tested, root = annotated_halves(pictures, seed)
    chosen = learnt.subset(list(annotation.sample(learnt.images, annotated, seed)["image"]))
    how = {"size": size, "epochs": round(VIEWS[size] / annotated), "batch": BATCH, "seed": seed}
    begin = detector_folder(book()) / "weights.pt" if start == "rendered" else ""
    began = time.process_time()
    folder = detector_path(pictures, start, annotated, seed, size)
    weights = finetune(*annotation.located(chosen, root), folder, begin, **how)
    seconds = round(time.process_time() - began)
    images, truth = annotation.located(tested, root)
    found = detector.average_precision(detector.predict(weights, images), truth)["ap"].round(4).to_dict()
    return {**found, "tested": len(images), "epochs": how["epochs"], "seconds": seconds}


def recipes() -> dict[str, dict[str, Any]]:
    """Return what each start of a network changes."""
    ws, imagenet = book(), str(photographs() / "weights" / "squeezenet1_0_imagenet.pth")
    small = make_run(ws, "vehicleid", parts=(), size=96)
    squeeze = make_run(ws, "vehicleid", parts=(), weights=imagenet, **{**SQUEEZE, **SHOWN})
    return {
        "none": SMALL,
        "rendered": {**SMALL, "lr": 0.01, "weights": str(backbone_weights(ws, small))},
        "ImageNet": {**SQUEEZE, "weights": imagenet},
        "both": {**SQUEEZE, "weights": str(backbone_weights(ws, squeeze))},
    }


def measure_start(start: str, parts: bool, seed: int) -> dict[str, Any]:
    """Train a network on the 60 vehicles, and return its CMC@1 on the 40 others, also vehicle by vehicle."""
    eyes = detector_path("photographs", "rendered", LEARNT, 0, SMALLER) / "weights.pt"
    own = {"detector": {"weights": str(eyes)}} if parts else {}
    ws = open_workspace(
        "laptop",
        output=str(FOLDER / "khoa"),
        vehicleid=str(photographs() / "khoa_cars" / "VehicleID_V1.0"),
        overrides=own,
    )
    how = {**recipes()[start], "parts": PARTS if parts else (), "seed": seed}
    run = make_run(ws, "vehicleid", **how)
    scores = vehicleid_scores(ws, run)
    found = scores[max(scores)]
    shares = pd.Series(found.hits).groupby(np.asarray(found.vehicles)).mean()
    low, high = bootstrap_over_vehicles(found.hits, found.vehicles)
    return {
        **{"backbone": run.backbone, "cmc1": round(found.cmc1, 4), "low": round(low, 4), "high": round(high, 4)},
        **{"shares": " ".join(f"{share:.4g}" for share in shares), "test_vehicles": len(shares)},
        **{"size": run.size, "epochs": run.epochs},
    }


def measure_ranking(side: str, draw: int, method: str) -> dict[str, Any]:
    """Train a method on 60 vehicles of a side, and return its CMC@1 on others, see `tests.real_ranking.measure`."""
    own = detector_path("photographs", "rendered", LEARNT, 0, SMALLER)
    eyes = (own if side == "photographs" else detector_folder(book())) / "weights.pt"
    cars = photographs() / "khoa_cars" / "VehicleID_V1.0"
    return real_ranking.measure(method, side, draw, FOLDER / "ranking", cars, eyes)


def measure_walk() -> dict[str, Any]:
    """Walk from the photographs to an index by the page's commands; return the processor seconds of each step.

    The detector is the one that `measure_detector` trained by the same settings, so its time is taken from there.
    """
    trained = {"pictures": "photographs", "start": "rendered", "annotated": LEARNT, "seed": 0, "size": LARGE}
    folder, root = FOLDER / "walk", photographs()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(detector_path(**trained), folder / "detector")
    parts = root / "car_parts"
    places = {"CARS": root / "khoa_cars" / "VehicleID_V1.0", "ANNOTATIONS": parts / "annotations.json"}
    places |= {"PHOTOGRAPHS": parts / "images", "BOOK": book().folder}
    used = walk(folder, {name: str(path) for name, path in places.items()})[0]
    used["Train the detector"] += files.read_json(record_path("real_detectors", trained))["seconds"]
    return {name: round(seconds, 1) for name, seconds in used.items()}


def jobs() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield each measurement: its table, its function, and what it is of; the most important ones first."""
    for size, start in itertools.product((SMALLER, LARGE), ("rendered", "none")):
        for seed in SEEDS:
            what = {"pictures": "photographs", "start": start, "annotated": LEARNT, "seed": seed, "size": size}
            yield "real_detectors", measure_detector, what
    for parts in (False, True):
        for seed in SEEDS:
            for start in ("none", "rendered", "ImageNet", "both"):
                yield "real_starts", measure_start, {"start": start, "parts": parts, "seed": seed}
    for draw, side, method in itertools.product(real_ranking.DRAWS, real_ranking.SIDES, real_ranking.METHODS):
        yield "real_ranking", measure_ranking, {"side": side, "draw": draw, "method": method}
    yield "real_walk", measure_walk, {}
    for annotated in RENDERED:
        what = {"pictures": "rendered", "start": "none", "annotated": annotated, "seed": 0, "size": min(VIEWS)}
        yield "real_annotated", measure_detector, what
    for annotated in PHOTOGRAPHS:
        what = {"pictures": "photographs", "start": "rendered", "annotated": annotated, "seed": 0, "size": SMALLER}
        yield "real_annotated", measure_detector, what


def record_path(table: str, what: dict[str, Any]) -> Path:
    """Return the path of a measurement's record."""
    return FOLDER / "records" / table / f"{'-'.join(map(str, what.values())) or 'all'}.json"


def record(table: str, measure: Any, what: dict[str, Any]) -> None:
    """Make one measurement, unless its record is there."""
    path = record_path(table, what)
    if not path.exists():
        found = {**what, **measure(**what), "profile": "laptop", **origin()}
        files.write_json(path, found)
        print(found, flush=True)


def write_tables() -> None:
    """Write a table of the records that are there, in the order of the jobs."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table, _, what in jobs():
        if (path := record_path(table, what)).exists():
            found.setdefault(table, []).append(files.read_json(path))
    for table, rows in found.items():
        columns = list(COLUMNS[table])
        kept = pd.DataFrame([row for one in rows for row in spread(one)], columns=columns)
        files.write_text(FOLDER / f"{table}.csv", kept.to_csv(index=False))


def spread(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a record: a row for each step of the walk, or the record itself."""
    walked = [name for name in steps() if name in found]
    return [{**found, "step": name, "seconds": found[name]} for name in walked] or [found]


def main(arguments: list[str]) -> int:
    """Make all measurements that are not there yet, or those of one table; the exit status."""
    torch.set_num_threads(1)
    for table, measure, what in jobs():
        if not arguments or table.removeprefix("real_") in arguments:
            record(table, measure, what)
            write_tables()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The stages of the method, each made once: data, annotations, detector, boxes, networks, features, scores."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.files import locked
from partreg.reid.run import Run
from partreg.workflow.profile import Workspace
from partreg.workflow.provenance import provenance


def vehicleid(ws: Workspace) -> Any:
    """The data set in VehicleID's layout (`partreg.datasets.VehicleID`), rendered first where it is the benchmark."""
    from partreg.datasets.vehicleid import read_vehicleid

    _render(ws, "vehicleid")
    return read_vehicleid(ws.vehicleid)


def veri(ws: Workspace) -> Any:
    """The data set in VeRi-776's layout (`partreg.datasets.VeRi`), rendered first where it is the benchmark."""
    from partreg.datasets.veri import read_veri

    _render(ws, "veri")
    return read_veri(ws.veri)


def _render(ws: Workspace, dataset: str) -> None:
    from partreg import synthetic

    root = ws.root(dataset)
    if ws.is_synthetic(dataset) and not (root / "truth" / "done.json").exists():
        with locked(root):
            if not (root / "truth" / "done.json").exists():
                write = {"vehicleid": synthetic.write_vehicleid, "veri": synthetic.write_veri}[dataset]
                write(benchmark(ws), root, jobs=os.cpu_count() or 1)


def benchmark(ws: Workspace) -> Any:
    """The description of the rendered benchmark (`partreg.synthetic.Benchmark`) that the profile asks for."""
    from partreg.synthetic.benchmark import described

    return described(ws.profile.benchmark)


def train_images(ws: Workspace, dataset: str, held_out: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training images, and those of the ``held_out`` vehicles on which settings are chosen."""
    from partreg.datasets.split import hold_out

    data = vehicleid(ws) if dataset == "vehicleid" else veri(ws)
    return hold_out(data.train, held_out, seed=0)


def test_images(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Every image that features are needed of: all test lists of VehicleID, or VeRi-776's queries, then its gallery."""
    if dataset == "vehicleid":
        tests = pd.concat(vehicleid(ws).tests.values())
        return tests.drop_duplicates("image").sort_values("image").reset_index(drop=True)
    data = veri(ws)
    return pd.concat([data.query, data.gallery], ignore_index=True)


def all_images(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Training and test images, in that order."""
    data = vehicleid(ws) if dataset == "vehicleid" else veri(ws)
    return pd.concat([data.train, test_images(ws, dataset)], ignore_index=True)


def annotations(ws: Workspace) -> Path:
    """COCO file of the annotated part boxes: the reader's own, or the one that notebook 01 writes."""
    return Path(ws.profile.annotations or ws.parts / "annotations.json")


def annotated_sets(ws: Workspace) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Images and objects that the detector learns from, and those of a reader's own left to test it (Section 4.1).

    On the benchmark all annotated images are learnt from, and the second pair is empty: there the truth tests it.
    """
    from partreg.parts import annotation

    drawn = annotation.annotated(annotations(ws), ws.vehicleid, ws.profile.annotate)
    pair = drawn, drawn.subset([])
    if ws.profile.annotations:
        pair = annotation.split(drawn, ws.profile.annotate, ws.profile.detector.get("seed", 0))
    return [annotation.located(some, ws.profile.photographs or ws.vehicleid) for some in pair]


def boxes_file(ws: Workspace, dataset: str, kind: str) -> Path:
    """CSV of the "detected" or "filled" boxes of ``dataset``, written by notebooks 02 and 03."""
    return ws.parts / f"{dataset}_{kind}.csv"


def detected_boxes(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Boxes found by the detector in all images of ``dataset`` (Section 3.2), which is trained first where need be."""
    from partreg.parts import boxes, detector

    path = boxes_file(ws, dataset, "detected")
    with locked(path):
        if not path.exists():
            found = detector.detect(detector_weights(ws), all_images(ws, dataset))
            boxes.write_boxes(boxes.infer_brand(found), path)
    return boxes.read_boxes(path)


def detector_weights(ws: Workspace) -> Path:
    """Weights of the trained detector; trains it on the annotations first where they are absent (Section 3.3)."""
    from partreg.parts import detector

    folder = ws.parts / "detector"
    with locked(folder):
        if not (folder / "weights.pt").exists():
            images, objects = annotated_sets(ws)[0]
            detector.train_detector(images, objects, folder, **ws.profile.detector)
    return folder / "weights.pt"


def filled_boxes(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Detected boxes with the missing ones filled (Section 3.2).

    Training images take the average over their vehicle's other images. The vehicle of a test image is what the network
    is asked for, so test images take only the average over all vehicles; the row without a global branch needs them.
    """
    from partreg.parts import boxes
    from partreg.parts.missing import fill_missing

    path = boxes_file(ws, dataset, "filled")
    found = detected_boxes(ws, dataset)
    with locked(path):
        if not path.exists():
            data = vehicleid(ws) if dataset == "vehicleid" else veri(ws)
            tests = test_images(ws, dataset)
            strangers = tests.assign(vehicle=range(len(tests)))
            parts = [(data.train, found[found.image.isin(data.train.image)])]
            parts += [(strangers, found[~found.image.isin(data.train.image)])]
            filled = [fill_missing(some, images) for images, some in parts]
            boxes.write_boxes(pd.concat(filled, ignore_index=True), path)
    return boxes.read_boxes(path)


def run_boxes(ws: Workspace, run: Run) -> pd.DataFrame | None:
    """The boxes table that a network learns from (Section 3.2, and the controls under Table 4); None without parts.

    Raises:
        PartregError: the true boxes of images that were not rendered here.
    """
    from partreg.parts import annotation, boxes
    from partreg.parts.missing import fill_missing, hide

    if not run.parts:
        return None
    if run.boxes in ("truth", "tight"):
        if not ws.is_synthetic(run.dataset):
            raise PartregError(f"{ws.root(run.dataset)}: nobody knows the true boxes of photographs; use boxes=filled.")
        _render(ws, run.dataset)
        true = boxes.read_boxes(ws.root(run.dataset) / "truth" / "boxes.csv")
        if run.boxes == "tight":
            true = boxes.tight_lights(true, annotation.read_truth(ws.root(run.dataset)).objects)
        return true
    if run.boxes == "detected" or run.hidden:
        left = hide(detected_boxes(ws, run.dataset), run.hidden, run.seed)[0]
        if run.boxes == "detected":
            return boxes.infer_brand(left)
        return fill_missing(left, (vehicleid(ws) if run.dataset == "vehicleid" else veri(ws)).train)
    return filled_boxes(ws, run.dataset)


def run_folder(ws: Workspace, run: Run) -> Path:
    """Where the network of ``run`` lies, named by the description's digest."""
    return ws.folder / "runs" / run.key


def trained(ws: Workspace, run: Run, watch: pd.DataFrame | None = None) -> Path:
    """Folder of the trained network (Section 3.3); trains it where absent, from its last checkpoint on.

    ``watch`` are test images whose CMC@1 stands in the history beside that of the validation images.
    """
    folder = run_folder(ws, run)
    with locked(folder):
        if not (folder / "provenance.json").exists():
            from partreg import baselines
            from partreg.reid.train import train

            started = time.time()
            images, validation = train_images(ws, run.dataset, run.held_out)
            boxes = run_boxes(ws, run)
            how = {"method": baselines.method(run.method), "root": ws.root(run.dataset), "test": watch}
            train(run, images, boxes, folder, ws.folder / "pixels", validation, **how)
            seconds = round(time.time() - started, 1)
            files.write_json(folder / "provenance.json", {**provenance(ws), "seconds": seconds})
    return folder


def features(ws: Workspace, run: Run, images: pd.DataFrame, name: str) -> np.ndarray:
    """Test-time features of ``images``, (N, D) float32, extracted once and kept as ``features_<name>.npy``.

    How many seconds an image took stands in ``features_<name>.json`` beside it.
    """
    from partreg import baselines
    from partreg.reid.features import extract

    folder = trained(ws, run)
    path = folder / f"features_{name}.npy"
    with locked(path):
        if not path.exists():
            boxes = None if run.use_global else filled_boxes(ws, run.dataset)
            started, pixels, method = time.perf_counter(), ws.folder / "pixels", baselines.method(run.method)
            found = extract(folder, images, boxes, pixels=pixels, method=method)
            seconds = (time.perf_counter() - started) / len(images)
            files.write_json(path.with_suffix(".json"), {"seconds_per_image": seconds})
            with files.whole(path) as temporary:
                np.save(temporary, found, allow_pickle=False)
    return files.read_array(path)


def fused_features(ws: Workspace, run: Run) -> np.ndarray:
    """All branches' features of VehicleID's test images side by side, (N, D) float32 (Section 4.2), made each time."""
    from partreg.reid.features import extract

    images, boxes = test_images(ws, "vehicleid"), filled_boxes(ws, "vehicleid")
    return extract(trained(ws, run), images, boxes, pixels=ws.folder / "pixels", fused=True)


def backbone_weights(ws: Workspace, run: Run) -> Path:
    """A trained network's backbone as a file of weights that another run may start from."""
    import torch

    path = trained(ws, run) / "backbone.pt"
    with locked(path):
        if not path.exists():
            state = torch.load(path.with_name("weights.pt"), map_location="cpu", weights_only=True)["network"]
            mine = {name: value for name, value in state.items() if name.startswith("backbone.")}
            files.write_weights(path, {name.removeprefix("backbone."): value for name, value in mine.items()})
    return path


def vehicleid_scores(ws: Workspace, run: Run) -> dict[int, Any]:
    """`partreg.retrieval.VehicleIDScores` of each test list, by its number (Tables 1, 2, 4, 5)."""
    found = features(ws, run, test_images(ws, "vehicleid"), "test")
    return {number: vehicleid_protocol(ws, found, number) for number in vehicleid(ws).tests}


def vehicleid_protocol(ws: Workspace, found: np.ndarray, number: int) -> Any:
    """`partreg.retrieval.VehicleIDScores` of one test list, from features in the order of `test_images`."""
    from partreg.retrieval import protocols

    test = vehicleid(ws).tests[number]
    mine = pd.DataFrame(found, index=test_images(ws, "vehicleid").image).loc[test.image].to_numpy()
    return protocols.vehicleid(mine, test.vehicle.to_numpy(), galleries=ws.profile.galleries)


def veri_scores(ws: Workspace, run: Run, rule: str = "rectangular") -> Any:
    """`partreg.retrieval.VeRiScores` of the queries against the gallery and its tracks (Tables 3, 6)."""
    from partreg.retrieval import protocols

    data = veri(ws)
    found = features(ws, run, test_images(ws, "veri"), "test")
    return protocols.veri(found[: len(data.query)], found[len(data.query) :], data.query, data.gallery, rule=rule)


def scores(ws: Workspace, run: Run) -> dict[str, Any]:
    """The scores of ``run`` as fractions, kept as ``scores.json``: by list for VehicleID, by name for VeRi-776."""
    path = run_folder(ws, run) / "scores.json"
    if not path.exists():
        if run.dataset == "vehicleid":
            found = {str(n): {"cmc1": s.cmc1, "cmc5": s.cmc5} for n, s in vehicleid_scores(ws, run).items()}
        else:
            s = veri_scores(ws, run)
            found = {"mAP": s.mAP, "hit1": s.hit1, "hit5": s.hit5}
        files.write_json(path, found)
    return files.read_json(path)

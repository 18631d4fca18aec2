"""Make each stage of the method once: data, annotations, detector, boxes, networks, features, scores.

Modules that load torch are imported where they are used, so that the Snakefile and what only lists need not wait.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import baselines, files
from partreg.annotate.session import LABELS, Session
from partreg.datasets.split import hold_out
from partreg.errors import PartregError
from partreg.files import locked
from partreg.parts import annotation, boxes, formats, missing
from partreg.reid.pixels import fingerprint
from partreg.reid.run import Run
from partreg.retrieval import protocols
from partreg.workflow import keys
from partreg.workflow.data import all_images, data, load_vehicleid, test_images, tests_of
from partreg.workflow.keys import annotations, boxes_file, detector_folder, run_folder
from partreg.workflow.profile import Workspace, digest, drawn_boxes, finished_boxes
from partreg.workflow.provenance import origin, origins, parts_origins, provenance
from partreg.workflow.runs import own_parts


def train_images(ws: Workspace, dataset: str, held_out: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training images, and those of the ``held_out`` vehicles on which settings are chosen."""
    return halves(data(ws, dataset).train, held_out)


def halves(train: pd.DataFrame, held_out: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a training half in the same way; the same vehicles are held out in all runs."""
    return hold_out(train, held_out, seed=0)


def drawing(ws: Workspace, finish: bool = False) -> Any:
    """Return the reader's drawing session of notebook 01 (`partreg.annotate.session.Session`), finished or not.

    With ``finish``, the boxes become those that the detector learns from as soon as all images are drawn.
    """
    found = load_vehicleid(ws)
    chosen = annotation.sample(found.train, ws.profile.annotate)
    sizes = {row.image: annotation.upright_size(row.path) for row in chosen.itertuples()}
    complete = finished_boxes(ws) if finish else None
    return Session(found.root, drawn_boxes(ws), LABELS, sizes, complete=complete)


def annotated(ws: Workspace) -> Any:
    """Return the annotated images (`partreg.parts.formats.Annotations`) that the detector learns from and is tested on.

    They are a file of the reader's, or what was drawn to the end in notebook 01, or on the benchmark a stand-in's.
    Where there is none of these, a PartregError is raised.
    """
    root = ws.vehicleid if ws.drawn_elsewhere else load_vehicleid(ws).root  # rendered by now
    if not ws.profile.annotations and not (root / "truth" / "parts.json").exists():
        done, asked, _ = drawing(ws).progress().values()
        raise PartregError(
            f"{drawn_boxes(ws)}: {done} of {asked} images are drawn, and only the rendered benchmark has a "
            "stand-in; draw all in notebook 01 (interactive = True), or give annotations=file photographs=folder."
        )
    found = annotation.annotated(annotations(ws), root, ws.profile.annotate, ws.profile.names)
    return annotation.upright(found, ws.profile.photographs or root)


def shown_boxes(ws: Workspace, interactive: bool = False) -> tuple[Any, str]:
    """Return the annotated images that notebook 01 shows, perhaps those drawn so far, and who drew them for what."""
    if ws.profile.annotations:
        who = f"others, in `{annotations(ws).name}`" if ws.drawn_elsewhere else "you, in this chapter"
        return annotated(ws), f"drawn by {who}. The detector of the next chapter learns from them."
    path, (done, asked, _) = drawn_boxes(ws), drawing(ws).progress().values()
    yours = f"You have drawn {done} of {asked} images, kept in `{path.relative_to(ws.folder)}`."
    if interactive and not (ws.vehicleid / "truth" / "parts.json").exists():
        wait = " The detector learns from them once all are drawn: then run the cells below again."
        none = boxes.objects_table(dict.fromkeys(boxes.OBJECT_COLUMNS, ()))
        nothing = formats.Annotations(pd.DataFrame(columns=["image", "width", "height"]), none)
        return formats.read_coco(path) if done else nothing, f"drawn by you. {yours}{wait}"
    told = "drawn by the benchmark's stand-in. The detector of the next chapter learns from them."
    wait = " It will learn from yours instead once all are drawn."
    return annotated(ws), told + (f" {yours}{wait}" if done or interactive else "")


def annotated_sets(ws: Workspace) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Return images and objects for the detector to learn, and those of a reader's file left to test it (Section 4.1).

    All that was drawn in notebook 01, by a reader or the stand-in, is for learning.
    """
    count, folder = ws.profile.annotate if ws.drawn_elsewhere else 0, ws.profile.photographs or ws.vehicleid
    return learnt_and_left(annotated(ws), folder, count, ws.profile.detector["seed"])


def learnt_and_left(drawn: Any, folder: str | Path, count: int, seed: int) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Return annotations as images and objects to learn from, and those left to test the detector.

    If ``count`` is 0, all are for learning, and the second pair is empty: on the benchmark the truth tests it.
    """
    pair = annotation.split(drawn, count, seed) if count else (drawn, drawn.subset([]))
    return [annotation.located(some, folder) for some in pair]


def detected_boxes(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Return the boxes that the detector finds in all images of ``dataset`` (Section 3.2); train it first if needed.

    If the profile has no detector, they are the true ones, as of a detector that makes no mistake.

    Raises:
        PartregError: there is no detector, and the images were not rendered here.
    """
    from partreg.parts import detector

    if not ws.profile.detector:
        return known_boxes(ws, dataset, "detected")
    path = boxes_file(ws, dataset, "detected")
    with locked(path):
        if not path.exists():
            found = detector.detect(detector_weights(ws), all_images(ws, dataset))
            files.write_json(path.with_suffix(".provenance.json"), provenance(ws))
            boxes.write_boxes(found, path)
    return boxes.read_boxes(path)


def detector_weights(ws: Workspace) -> Path:
    """Return the weights of the detector; train it on the annotations first where they are absent (Section 3.3).

    Weights that the profile names are taken as they are.

    Raises:
        PartregError: the profile has no detector.
    """
    from partreg.parts import detector

    if not ws.profile.detector:
        raise PartregError(f"profile {ws.profile.name!r} has no detector to train; give it one.")
    folder = detector_folder(ws)
    if ws.profile.detector.get("weights"):
        return folder / "weights.pt"
    with locked(folder):
        if not (folder / "weights.pt").exists():
            files.write_json(folder / "provenance.json", provenance(ws))
        images, objects = annotated_sets(ws)[0]
        return detector.train_detector(images, objects, folder, **ws.profile.detector)


def filled_boxes(ws: Workspace, dataset: str) -> pd.DataFrame:
    """Return the detected boxes with the missing ones filled (Section 3.2), see `filled`."""
    path = boxes_file(ws, dataset, "filled")
    found = detected_boxes(ws, dataset)
    with locked(path):
        if not path.exists():
            train, tests = data(ws, dataset).train, test_images(ws, dataset)
            if found.empty:
                raise PartregError(
                    f"{boxes_file(ws, dataset, 'detected')}: the detector found no part in {len(train) + len(tests):,} "
                    "images, so all boxes would be the whole image; train it for more epochs or on larger images "
                    "(the profile's detector), or look at its annotations."
                )
            boxes.write_boxes(filled(found, train, tests, own_parts(ws)), path)
    return boxes.read_boxes(path)


def filled(found: pd.DataFrame, train: pd.DataFrame, tests: pd.DataFrame, parts: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return the detected boxes of a data set with the missing ones filled (Section 3.2): the car's, or own ``parts``.

    Training images take the average over their vehicle's other images. The vehicle of a test image is what the network
    must find, so test images take only the average over all vehicles. The network without a global branch needs them.
    """
    strangers = tests.assign(vehicle=range(len(tests)))
    pairs = [(train, found[found.image.isin(train.image)]), (strangers, found[~found.image.isin(train.image)])]
    parts = parts or missing.seen_parts(found)
    return pd.concat([missing.fill_missing(some, images, parts) for images, some in pairs], ignore_index=True)


def run_boxes(ws: Workspace, run: Run) -> pd.DataFrame | None:
    """Return the table of boxes that a network learns from (Section 3.2, controls under Table 4); None without parts.

    Raises:
        PartregError: the true boxes of images that were not rendered here.
    """
    if not run.parts:
        return None
    if run.boxes in ("truth", "tight"):
        return known_boxes(ws, run.dataset, run.boxes)
    if run.boxes == "detected" or run.hidden:
        found = detected_boxes(ws, run.dataset)
        train = None if run.boxes == "detected" else data(ws, run.dataset).train
        return hidden_boxes(found, run, train, own_parts(ws))
    return filled_boxes(ws, run.dataset)


def known_boxes(ws: Workspace, dataset: str, kind: str) -> pd.DataFrame:
    """Return the true boxes of a data set; of the ``kind`` "tight", those with lights not extended down.

    Raises:
        PartregError: its images were not rendered here.
    """
    if not ws.is_synthetic(dataset):
        use = "use boxes=filled" if ws.profile.detector else "give the profile a detector"
        raise PartregError(f"{ws.root(dataset)}: nobody knows the true boxes of photographs; {use}.")
    return true_boxes(data(ws, dataset).root, kind == "tight")


def true_boxes(root: Path, tight: bool) -> pd.DataFrame:
    """Return the true boxes of a rendered data set, or the same with lights not extended down."""
    true = boxes.read_boxes(root / "truth" / "boxes.csv")
    return boxes.tight_lights(true, annotation.read_truth(root).objects) if tight else true


def hidden_boxes(
    found: pd.DataFrame, run: Run, train: pd.DataFrame | None, parts: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return detected boxes without some of them; if training images are given, the missing ones are then filled."""
    left = missing.hide(found, run.hidden, run.seed)[0]
    return boxes.infer_brand(left) if train is None else missing.fill_missing(left, train, parts)


def trained(ws: Workspace, run: Run, watch: pd.DataFrame | None = None, scored: bool = True) -> Path:
    """Return the folder of the trained network (Section 3.3); train it where absent, from its last checkpoint on.

    ``watch`` are test images; the history gives their CMC@1 beside that of the validation images. The code that scores
    both decides no weights. Its digest is kept as "scored_by", see `history`, and that of these images as "watched",
    see `watched_key`. The origin of the boxes is kept as "boxes", and where the pictures are from as "data". Unless
    ``scored``, the held-out vehicles are not scored while it learns.

    Raises:
        PartregError: it learnt from other pictures than the rendered benchmark has now: one was replaced.
    """
    folder = run_folder(ws, run)
    with locked(folder):
        if not (folder / "provenance.json").exists():
            from partreg.reid.train import train

            images, validation = train_images(ws, run.dataset, run.held_out)
            how = {"method": baselines.method(run.method), "root": ws.root(run.dataset), "score": validation_score}
            train(run, images, run_boxes(ws, run), folder, ws.pixels, validation if scored else None, test=watch, **how)
            facts = {"seconds": files.read_json(folder / "training.json")["seconds"], "scored_by": keys.validated()}
            boxed = [asdict(one) for one in parts_origins(ws, run.dataset)] if run.detects else []
            pictures = origin(ws, run.dataset, "trained").data
            facts |= {"watched": watched_key(ws, watch), "boxes": boxed, "data": pictures}
            files.write_json(folder / "provenance.json", {**provenance(ws), **facts})
    refuse_other_pictures(ws, run)
    return folder


def refuse_other_pictures(ws: Workspace, run: Run) -> None:
    """Stop if a trained network learnt from other pictures than the rendered benchmark has now: one was replaced.

    The key of rendered pictures covers their recipe only, because they need not be there yet. So it cannot notice this.
    """
    folder, root = run_folder(ws, run), ws.root(run.dataset)
    if ws.is_synthetic(run.dataset) and (root / "truth" / "done.json").exists():
        learnt = files.read_json(folder / "training.json")["learnt_from"]["pictures"]
        if fingerprint(train_images(ws, run.dataset, run.held_out)[0], ws.pixels) != learnt:
            raise PartregError(
                f"{folder}: this network learnt from other pictures than {root} holds now; delete both folders and run "
                "the same command again."
            )


def watched_key(ws: Workspace, watch: pd.DataFrame | None) -> str:
    """Return a digest of the test images that are scored while a network learns; its own key does not cover them."""
    return "" if watch is None else digest(keys.described(watch, ws.pixels))


def validation_score(found: np.ndarray, vehicles: np.ndarray) -> float:
    """Return CMC@1 by VehicleID's protocol, while a network learns, of images that it does not learn."""
    return float(protocols.vehicleid_protocol(found, vehicles, galleries=10, seed=0).cmc1)


def history(ws: Workspace, run: Run) -> pd.DataFrame:
    """Return the history of a trained network, see `partreg.reid.train.train`.

    Scores on images that are not learnt are NaN if the code that scores has changed since: only a new training could
    give them.
    """
    folder = trained(ws, run)
    found = pd.read_csv(folder / "history.csv")
    if files.read_json(folder / "provenance.json").get("scored_by") == keys.validated():
        return found
    return found.assign(**dict.fromkeys(found.columns.intersection(["cmc1", "cmc1_test"]), float("nan")))


def features(ws: Workspace, run: Run, images: pd.DataFrame, name: str) -> np.ndarray:
    """Return the test-time features of ``images``, (N, D) float32, extracted once and kept as ``features_<name>.npy``.

    ``features_<name>.json`` beside it has the seconds that an image took, and ``features_<name>.key`` the key. Features
    are extracted anew if the images or the code have changed. The key is removed before the work begins and written
    when it is done, so a kill at any moment leaves no features under another key.
    """
    path = run_folder(ws, run) / f"features_{name}.npy"
    stamp, key = path.with_suffix(".key"), digest(keys.extracted(ws, run, images))
    with locked(path):
        if not (path.exists() and stamp.exists() and stamp.read_text(encoding="utf-8").strip() == key):
            from partreg.reid.features import extract

            stamp.unlink(missing_ok=True)
            folder, filled = trained(ws, run), None if run.use_global else filled_boxes(ws, run.dataset)
            started = time.perf_counter()
            found = extract(folder, images, filled, pixels=ws.pixels, method=baselines.method(run.method))
            seconds = (time.perf_counter() - started) / len(images)
            files.write_json(path.with_suffix(".json"), {**provenance(ws), "seconds_per_image": seconds})
            with files.whole(path) as temporary:
                np.save(temporary, found, allow_pickle=False)
            files.write_text(stamp, f"{key}\n")
    refuse_other_pictures(ws, run)
    return files.read_array(path)


def vehicleid_scores(ws: Workspace, run: Run) -> dict[int, Any]:
    """Return `partreg.retrieval.protocols.VehicleIDScores` of each test list, by its number (Tables 1, 2, 4, 5)."""
    lists, images = data(ws, "vehicleid").tests, test_images(ws, "vehicleid")
    found, steps = features(ws, run, images, "test"), origins(ws, run)
    judged = {
        number: replace(vehicleid_judged(found, images, test, ws.profile.galleries), origins=steps)
        for number, test in lists.items()
    }
    leave_scores(ws, run, {str(number): {"cmc1": one.cmc1, "cmc5": one.cmc5} for number, one in judged.items()})
    return judged


def vehicleid_judged(found: np.ndarray, images: pd.DataFrame, test: pd.DataFrame, galleries: int) -> Any:
    """Return the scores of one test list, from the features of ``images``, which contain those of the list."""
    mine = pd.DataFrame(found, index=images.image).loc[test.image].to_numpy()
    return protocols.vehicleid_protocol(mine, test.vehicle.to_numpy(), galleries=galleries)


def veri_scores(ws: Workspace, run: Run) -> Any:
    """Return `partreg.retrieval.protocols.VeRiScores` of the queries over gallery and tracks (Tables 3, 6)."""
    read = data(ws, "veri")
    found = features(ws, run, tests_of(read), "test")
    judged = veri_judged(found, read)
    leave_scores(ws, run, {name: getattr(judged, name) for name in ("mAP", "hit1", "hit5")})
    return replace(judged, origins=origins(ws, run))


def veri_judged(found: np.ndarray, among: Any) -> Any:
    """Return the scores on VeRi-776, from the features of its queries and then its gallery."""
    queries = len(among.query)
    return protocols.veri_protocol(found[:queries], found[queries:], among.query, among.gallery)


def leave_scores(ws: Workspace, run: Run, found: dict[str, Any]) -> None:
    """Leave a network's scores in its folder as ``scores.json``, where they are not there yet."""
    path = run_folder(ws, run) / "scores.json"
    if not path.exists() or files.read_json(path) != found:
        files.write_json(path, found)


def scores(ws: Workspace, run: Run) -> dict[str, Any]:
    """Return a network's scores as fractions, by list (VehicleID) or name (VeRi-776), as ``scores.json`` has them."""
    (vehicleid_scores if run.dataset == "vehicleid" else veri_scores)(ws, run)
    found: dict[str, Any] = files.read_json(run_folder(ws, run) / "scores.json")
    return found

"""The other rows of Tables 1 to 3, each judged as the paper's own: features or distances, scores, and what they cost.

A row of Table 3 need not be one network: FACT adds three distances, and three build on FACT. Each ingredient is
made once, by whoever asks first, and kept as ``rows/<method>-<key>/distances.npy``.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.datasets import side
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.retrieval import protocols
from partreg.retrieval.distances import l2
from partreg.workflow.profile import Workspace, code_key, data_key, digest, needed_code
from partreg.workflow.provenance import provenance
from partreg.workflow.runs import TABLE_1, TABLE_3, lacking, method_run, other_rows
from partreg.workflow.stages import (
    features,
    locked,
    test_images,
    train_images,
    trained,
    vehicleid_scores,
    veri,
)

BY_HAND = 128  # pixels of the images that hand-crafted features are computed from
PLATE_EPOCHS, PATH_EPOCHS = 15, 20  # of the small nets beside the images', or the profile's where it has fewer
# What each method of Table 3 is made of, besides the images; a network is named by itself.
BUILT_ON = {
    "bow_cn": (),
    "lomo": (),
    "googlenet": (),
    "fact": ("googlenet", "bow_cn"),
    "plate_snn": (),
    "fact_plate_rec": ("fact",),
    "fact_plate_snn": ("fact", "plate_snn"),
    "fact_plate_str": ("fact_plate_snn",),
    "siamese_path": (),
    "oife": (),
    "oife_st": ("oife",),
    "vami": (),
}
# What of partreg.baselines `measure` calls for a row beside the row's own module and its ingredients.
BESIDE = {"fact_plate_rec": "plates", "fact_plate_str": "spacetime"}
# Those that take a while besides a network's training: each is made by a papermill run of its own.
SLOW = ("bow_cn", "lomo", "fact", "plate_snn", "fact_plate_rec", "siamese_path")


@dataclass(frozen=True)
class Cost:
    """What a row costs, measured on this run's device while other work may have shared it.

    Attributes:
        training: seconds of training, codebooks and plate nets included.
        width: numbers kept for each gallery image; 0 where that is not a feature (a plate's text).
        query: seconds for one query: its feature, and its distances to the whole gallery. Plates and paths of the whole
            gallery are worked out on the way, and their time is shared among the queries.
    """

    training: float = 0.0
    width: int = 0
    query: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.training + other.training, self.width + other.width, self.query + other.query)


@dataclass(frozen=True)
class Judged:
    """A row: for VehicleID the scores of each test list by its number, for VeRi-776 one, and what they cost."""

    scores: Any
    cost: Cost


def judge(ws: Workspace, dataset: str, method: str, seed: int | None = None, **changes: Any) -> Judged:
    """Scores and cost of another row, which is trained first where need be.

    Args:
        ws: the workspace.
        dataset: "vehicleid" (Tables 1 and 2) or "veri" (Table 3).
        method: by its module in `partreg.baselines`.
        seed: of training; the profile's first unless given.
        changes: of `partreg.reid.run.Run`'s fields, where the method is one network.

    Raises:
        PartregError: the method is no row of that data set, or a side file that it needs is not there.
    """
    seed = ws.profile.seeds[0] if seed is None else seed
    check_row(dataset, method)
    if gap := lacking(ws, dataset, method):
        raise PartregError(f"{method} cannot be run, for there is no {gap}.")
    if dataset == "vehicleid":
        run = method_run(ws, dataset, method, **{"seed": seed, **changes})
        scores = vehicleid_scores(ws, run)
        return Judged(scores, network_cost(ws, run, "test", max(len(np.unique(s.vehicles)) for s in scores.values())))
    if changes and not is_network(method):
        raise PartregError(
            f"method {method!r} is no network of its own: {', '.join(changes)} cannot be changed for it."
        )
    from partreg.workflow.origins import row_origins

    data = veri(ws)
    found, cost = distances(ws, method, seed, **changes)
    scores = protocols.veri_scores(found, data.query, data.gallery)
    return Judged(replace(scores, origins=row_origins(ws, method, seed, **changes)), cost)


def check_row(dataset: str, method: str) -> None:
    """Raise a PartregError where ``method`` is no row of the tables of ``dataset``."""
    rows = {
        "vehicleid": (*TABLE_1.values(), "googlenet", "siamese_path", "strong"),
        "veri": (*TABLE_3.values(), "strong"),
    }
    if dataset not in rows or method not in rows[dataset]:
        raise PartregError(
            f"method {method!r} with dataset {dataset!r}: expected one of {', '.join(rows.get(dataset, rows))}."
        )


def slow_rows(ws: Workspace) -> list[str]:
    """Those of `SLOW` that can be run here."""
    return [method for method in SLOW if method in other_rows(ws, "veri").values()]


def row_folder(ws: Workspace, method: str, seed: int, **changes: Any) -> Path:
    """Where the distances of a row of Table 3 lie, named by what they are made from."""
    return ws.folder / "rows" / f"{method}-{row_key(ws, method, seed, **changes)}"


def row_key(ws: Workspace, method: str, seed: int, **changes: Any) -> str:
    """Twelve hexadecimal digits for a row of Table 3: its data, its code, its networks and all that it is built on."""
    ingredients = [row_key(ws, name, seed) for name in BUILT_ON.get(method, ())]
    networks = [network(ws, method, seed, **changes).key] if is_network(method) else []
    modules = [name for one in (method, BESIDE.get(method, method)) for name in needed_code(f"baselines/{one}")]
    code = code_key(*sorted({*modules, "datasets/side", "retrieval/distances", "workflow/rows"}))
    learnt = [ws.profile.held_out["veri"], ws.profile.reid["epochs"], seed]
    return digest(data_key(ws, "veri"), code, learnt, ingredients, networks)


def is_network(method: str) -> bool:
    """Whether a row of Table 3 trains a network on images of its own."""
    return method in ("googlenet", "siamese_path", "oife", "vami", "strong")


def network(ws: Workspace, method: str, seed: int, **changes: Any) -> Run:
    """The network that a row of Table 3 trains; GoogLeNet learns models, which only VehicleID lists."""
    return method_run(ws, "vehicleid" if method == "googlenet" else "veri", method, **{"seed": seed, **changes})


def distances(ws: Workspace, method: str, seed: int, **changes: Any) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances of a row of Table 3, smaller is nearer, and their cost; made once and kept."""
    folder = row_folder(ws, method, seed, **changes)
    with locked(folder):
        if not (folder / "provenance.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            found, cost = measure(ws, method, seed, folder, **changes)
            with files.whole(folder / "distances.npy") as temporary:
                np.save(temporary, found, allow_pickle=False)  # as they are: fewer digits make equal what is not
            files.write_json(folder / "cost.json", asdict(cost))
            files.write_json(folder / "provenance.json", provenance(ws))
    return files.read_array(folder / "distances.npy"), Cost(**files.read_json(folder / "cost.json"))


def measure(ws: Workspace, method: str, seed: int, folder: Path, **changes: Any) -> tuple[np.ndarray, Cost]:
    """Make the distances of a row of Table 3 from its ingredients."""
    if method in ("bow_cn", "lomo"):
        return by_hand(ws, method, seed)
    if method == "fact":
        return fact_distances(ws, seed)
    if method in ("plate_snn", "fact_plate_rec"):
        return plate_distances(ws, method, seed, folder)
    if method == "fact_plate_snn":
        return fused(ws, seed)
    if method in ("fact_plate_str", "oife_st", "siamese_path"):
        return spacetime_distances(ws, method, seed, folder, **changes)
    run = network(ws, method, seed, **changes)
    query, gallery = network_features(ws, run)
    return timed(partial(l2, query, gallery), network_cost(ws, run, "veri", 0))


def timed(compare: Any, cost: Cost) -> tuple[np.ndarray, Cost]:
    """The distances that ``compare`` gives, and ``cost`` with the time that they took, a query."""
    started = time.perf_counter()
    found = compare()
    return found, cost + Cost(query=(time.perf_counter() - started) / len(found))


def network_features(ws: Workspace, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """A network's features of VeRi-776's query and gallery images."""
    found = features(ws, run, test_images(ws, "veri"), "veri")
    queries = len(veri(ws).query)
    return found[:queries], found[queries:]


def network_cost(ws: Workspace, run: Run, name: str, gallery: int) -> Cost:
    """What a trained network costs; with a ``gallery``, the time of one query's distances to so many features too."""
    folder = trained(ws, run)
    one = files.read_json(folder / f"features_{name}.json")["seconds_per_image"]
    found = np.load(folder / f"features_{name}.npy", mmap_mode="r", allow_pickle=False)
    cost = Cost(files.read_json(folder / "training.json")["seconds"], found.shape[1], one)
    return timed(partial(l2, found[:64], found[:gallery]), cost)[1] if gallery else cost


def pixels_of(ws: Workspace, images: pd.DataFrame) -> np.ndarray:
    """Decoded images for hand-crafted features, (N, 128, 128, 3) uint8."""
    from partreg.reid.pixels import decoded

    return decoded(images, BY_HAND, ws.folder / "pixels")


def by_hand(ws: Workspace, method: str, seed: int) -> tuple[np.ndarray, Cost]:
    """BOW-CN and LOMO: features without identities, compared by L2."""
    from partreg.baselines import bow_cn, lomo

    started = time.perf_counter()
    describe = lomo.features
    if method == "bow_cn":
        training, _ = train_images(ws, "veri", ws.profile.held_out["veri"])
        describe = partial(bow_cn.features, bow_cn.fit(pixels_of(ws, training), seed))
    seconds = time.perf_counter() - started if method == "bow_cn" else 0.0
    return compared(ws, describe, seconds)


def compared(ws: Workspace, describe: Any, training: float) -> tuple[np.ndarray, Cost]:
    """L2 distances of features that ``describe`` computes from pixels, and what they cost."""
    images, queries = pixels_of(ws, test_images(ws, "veri")), len(veri(ws).query)
    started = time.perf_counter()
    found = describe(images)
    cost = Cost(training, found.shape[1], (time.perf_counter() - started) / len(images))
    return timed(partial(l2, found[:queries], found[queries:]), cost)


def fact_distances(ws: Workspace, seed: int) -> tuple[np.ndarray, Cost]:
    """FACT: the distances of the network, of colour names and of SIFT, added."""
    from partreg.baselines import fact

    started = time.perf_counter()
    training, _ = train_images(ws, "veri", ws.profile.held_out["veri"])
    codebook = fact.fit_sift(pixels_of(ws, training), seed)
    sift, cost = compared(ws, partial(fact.sift_features, codebook), time.perf_counter() - started)
    (cnn, cnn_cost), (names, names_cost) = (distances(ws, name, seed) for name in ("googlenet", "bow_cn"))
    return timed(partial(fact.distances, cnn, names, sift), cost + cnn_cost + names_cost)


def plate_crops(ws: Workspace, images: pd.DataFrame) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """The plates listed for images, and their crops with whether there is one."""
    from partreg.baselines import plates

    listed = side.read_plates(ws.veri, images)
    return listed, plates.load_crops(listed)


def plate_distances(ws: Workspace, method: str, seed: int, folder: Path) -> tuple[np.ndarray, Cost]:
    """Plate-SNN, and FACT with what a reader makes of the plates."""
    from partreg.baselines import fact_plate_rec, plate_snn, plates

    training, _ = train_images(ws, "veri", ws.profile.held_out["veri"])
    data, (listed, (crops, has)) = veri(ws), plate_crops(ws, training)
    query, gallery = (plate_crops(ws, some)[1] for some in (data.query, data.gallery))
    epochs = min(ws.profile.reid["epochs"], PLATE_EPOCHS)
    started = time.perf_counter()
    if method == "plate_snn":
        plate_snn.train(crops, has, training.vehicle.to_numpy(), folder, epochs=epochs, seed=seed)
        cost = Cost(training=time.perf_counter() - started, width=plate_snn.WIDE)
        found, cost = timed(partial(plate_snn.distances, folder, query, gallery), cost)
        return plate_snn.ranked(found), cost
    plates.train_reader(crops, has, listed.plate.tolist(), folder, epochs=epochs, seed=seed)
    cost = Cost(training=time.perf_counter() - started)
    appearance, appearance_cost = distances(ws, "fact", seed)

    def compare() -> np.ndarray:
        return fact_plate_rec.distances(appearance, *(plates.read(folder, *some) for some in (query, gallery)))

    return timed(compare, cost + appearance_cost)


def fused(ws: Workspace, seed: int) -> tuple[np.ndarray, Cost]:
    """FACT+Plate-SNN: FACT's list, ranked again by the plates."""
    from partreg.baselines import fact_plate_snn, plate_snn

    (appearance, cost), (_, plate_cost) = (distances(ws, name, seed) for name in ("fact", "plate_snn"))
    data, folder = veri(ws), row_folder(ws, "plate_snn", seed)
    plate = plate_snn.distances(folder, *(plate_crops(ws, some)[1] for some in (data.query, data.gallery)))
    return timed(partial(fact_plate_snn.distances, appearance, plate), cost + plate_cost)


def spacetime_distances(ws: Workspace, method: str, seed: int, folder: Path, **changes: Any) -> tuple[np.ndarray, Cost]:
    """The rows that also know when and where: FACT+Plate+STR, OIFE+ST and Siamese+Path."""
    from partreg.baselines import fact_plate_str, oife_st, siamese_path, spacetime

    data = veri(ws)
    training, _ = train_images(ws, "veri", ws.profile.held_out["veri"])
    if method == "oife_st":
        appearance, cost = distances(ws, "oife", seed)
        transitions = spacetime.TransitionModel.fit(training)
        return timed(partial(oife_st.distances, appearance, data.query, data.gallery, transitions), cost)
    cameras = side.read_camera_distances(ws.veri)
    if method == "fact_plate_str":
        appearance, cost = distances(ws, "fact_plate_snn", seed)
        apart = partial(spacetime.distances, data.query, data.gallery, cameras, training)
        return timed(lambda: fact_plate_str.distances(appearance, apart()), cost)
    run = network(ws, method, seed, **changes)
    query, gallery = network_features(ws, run)
    learnt, epochs = features(ws, run, training, "train"), min(ws.profile.reid["epochs"], PATH_EPOCHS)
    started = time.perf_counter()
    siamese_path.train_path(learnt, training, cameras, folder, epochs=epochs, seed=seed)
    cost = network_cost(ws, run, "veri", 0) + Cost(training=time.perf_counter() - started)
    return timed(partial(siamese_path.distances, folder, query, gallery, data.query, data.gallery, cameras), cost)

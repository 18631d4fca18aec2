"""The other rows of Tables 1 to 3, each judged as the paper's own: features or distances, scores, and what they cost.

A row of Table 3 need not be one network: FACT adds three distances, and three build on FACT. Each ingredient is
made once, by whoever asks first, and kept as ``rows/<method>-<key>/distances.npy``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
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
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.data import test_images, veri
from partreg.workflow.profile import Workspace, digest
from partreg.workflow.provenance import provenance
from partreg.workflow.runs import TABLE_1, TABLE_3, lacking, method_run, other_rows
from partreg.workflow.stages import features, locked, trained, vehicleid_scores

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
# For each row that one is built on: its distances, its cost, and the folder where its nets lie.
BuiltOn = dict[str, tuple[np.ndarray, "Cost", Path]]
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
    return digest(row_recipe(ws, method, seed, **changes))


def row_recipe(ws: Workspace, method: str, seed: int, **changes: Any) -> keys.Recipe:
    """What the distances of a row of Table 3 are made of, see `partreg.workflow.keys`."""
    roots = [f"partreg.workflow.rows:{maker(method).__name__}", "partreg.datasets.veri"]
    recipe: keys.Recipe = {
        "images": [keys.images(ws, "veri", half) for half in ("train", "test")],
        "side": keys.side(ws, "veri", method),
        "learnt": [ws.profile.held_out["veri"], ws.profile.reid["epochs"], seed],
        "built_on": {name: row_recipe(ws, name, seed) for name in BUILT_ON.get(method, ())},
    }
    if is_network(method):
        recipe["network"] = network(ws, method, seed, **changes).key
        roots += ["partreg.reid.features", f"partreg.baselines.{method}"]
    return {**recipe, "code": code_key(*roots)}


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
    """Make the distances of a row of Table 3 from the rows that it is built on."""
    built_on = {name: (*distances(ws, name, seed), row_folder(ws, name, seed)) for name in BUILT_ON.get(method, ())}
    return maker(method)(ws, method, seed, folder, built_on, **changes)


def network_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn, **changes: Any
) -> tuple[np.ndarray, Cost]:
    """A row that is one network: its features, compared by L2."""
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

    return decoded(images, BY_HAND, ws.pixels)


def learnt_images(ws: Workspace) -> pd.DataFrame:
    """VeRi-776's training images of the vehicles that no network holds out: what else is learnt, is learnt from these.

    As in `partreg.workflow.stages.halves`; here, for a row's key to hold the code that divides them.
    """
    from partreg.datasets.split import hold_out

    return hold_out(veri(ws).train, ws.profile.held_out["veri"], seed=0)[0]


def bow_cn_distances(ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn) -> tuple[np.ndarray, Cost]:
    """BOW-CN: words of colour names, compared by L2."""
    from partreg.baselines import bow_cn

    started = time.perf_counter()
    training = learnt_images(ws)
    describe = partial(bow_cn.features, bow_cn.fit(pixels_of(ws, training), seed))
    return compared(ws, describe, time.perf_counter() - started)


def lomo_distances(ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn) -> tuple[np.ndarray, Cost]:
    """LOMO: features that learn nothing, compared by L2."""
    from partreg.baselines import lomo

    return compared(ws, lomo.features, 0.0)


def compared(ws: Workspace, describe: Any, training: float) -> tuple[np.ndarray, Cost]:
    """L2 distances of features that ``describe`` computes from pixels, and what they cost."""
    images, queries = pixels_of(ws, test_images(ws, "veri")), len(veri(ws).query)
    started = time.perf_counter()
    found = describe(images)
    cost = Cost(training, found.shape[1], (time.perf_counter() - started) / len(images))
    return timed(partial(l2, found[:queries], found[queries:]), cost)


def fact_distances(ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn) -> tuple[np.ndarray, Cost]:
    """FACT: the distances of the network, of colour names and of SIFT, added."""
    from partreg.baselines import fact

    started = time.perf_counter()
    training = learnt_images(ws)
    codebook = fact.fit_sift(pixels_of(ws, training), seed)
    sift, cost = compared(ws, partial(fact.sift_features, codebook), time.perf_counter() - started)
    (cnn, cnn_cost, _), (names, names_cost, _) = (built_on[name] for name in ("googlenet", "bow_cn"))
    return timed(partial(fact.distances, cnn, names, sift), cost + cnn_cost + names_cost)


def plate_crops(ws: Workspace, images: pd.DataFrame) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """The plates listed for images, and their crops with whether there is one."""
    from partreg.baselines import plates

    listed = side.read_plates(ws.veri, images)
    return listed, plates.load_crops(listed)


def net_seconds(folder: Path, train: Callable[[], Any]) -> float:
    """Train a small net beside the images' and give the seconds that it took, also where it was there before.

    A net whose time was lost, because the process was killed between the two, is trained again.
    """
    path = folder / "net.json"
    if not path.exists():
        (folder / "weights.pt").unlink(missing_ok=True)
        started = time.perf_counter()
        train()
        files.write_json(path, {"seconds": time.perf_counter() - started})
    return files.read_json(path)["seconds"]


def plate_snn_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn
) -> tuple[np.ndarray, Cost]:
    """Plate-SNN: a siamese net on the pictures of the plates."""
    from partreg.baselines import plate_snn

    training = learnt_images(ws)
    data, (crops, has) = veri(ws), plate_crops(ws, training)[1]
    query, gallery = (plate_crops(ws, some)[1] for some in (data.query, data.gallery))
    how = {"epochs": min(ws.profile.reid["epochs"], PLATE_EPOCHS), "seed": seed}
    train = partial(plate_snn.train, crops, has, training.vehicle.to_numpy(), folder, **how)
    cost = Cost(training=net_seconds(folder, train), width=plate_snn.WIDE)
    found, cost = timed(partial(plate_snn.distances, folder, query, gallery), cost)
    return plate_snn.ranked(found), cost


def fact_plate_rec_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn
) -> tuple[np.ndarray, Cost]:
    """FACT+Plate-REC: FACT's list, and what a reader makes of the plates."""
    from partreg.baselines import fact_plate_rec, plates

    training = learnt_images(ws)
    data, (listed, (crops, has)) = veri(ws), plate_crops(ws, training)
    query, gallery = (plate_crops(ws, some)[1] for some in (data.query, data.gallery))
    how = {"epochs": min(ws.profile.reid["epochs"], PLATE_EPOCHS), "seed": seed}
    train = partial(plates.train_reader, crops, has, listed.plate.tolist(), folder, **how)
    cost = Cost(training=net_seconds(folder, train))
    appearance, appearance_cost, _ = built_on["fact"]

    def compare() -> np.ndarray:
        return fact_plate_rec.distances(appearance, *(plates.read(folder, *some) for some in (query, gallery)))

    return timed(compare, cost + appearance_cost)


def fact_plate_snn_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn
) -> tuple[np.ndarray, Cost]:
    """FACT+Plate-SNN: FACT's list, ranked again by the plates."""
    from partreg.baselines import fact_plate_snn, plate_snn

    (appearance, cost, _), (_, plate_cost, net) = (built_on[name] for name in ("fact", "plate_snn"))
    data = veri(ws)
    plate = plate_snn.distances(net, *(plate_crops(ws, some)[1] for some in (data.query, data.gallery)))
    return timed(partial(fact_plate_snn.distances, appearance, plate), cost + plate_cost)


def fact_plate_str_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn
) -> tuple[np.ndarray, Cost]:
    """FACT+Plate+STR: FACT+Plate-SNN's list, and how likely the times and places are."""
    from partreg.baselines import fact_plate_str, spacetime

    data = veri(ws)
    training = learnt_images(ws)
    cameras = side.read_camera_distances(ws.veri)
    appearance, cost, _ = built_on["fact_plate_snn"]
    apart = partial(spacetime.distances, data.query, data.gallery, cameras, training)
    return timed(lambda: fact_plate_str.distances(appearance, apart()), cost)


def oife_st_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn
) -> tuple[np.ndarray, Cost]:
    """OIFE+ST: OIFE's list, and how likely the times and places are."""
    from partreg.baselines import oife_st, spacetime

    data, (appearance, cost, _) = veri(ws), built_on["oife"]
    transitions = spacetime.TransitionModel.fit(learnt_images(ws))
    return timed(partial(oife_st.distances, appearance, data.query, data.gallery, transitions), cost)


def siamese_path_distances(
    ws: Workspace, method: str, seed: int, folder: Path, built_on: BuiltOn, **changes: Any
) -> tuple[np.ndarray, Cost]:
    """Siamese+Path: a network's features, and paths through the cameras that a second net judges."""
    from partreg.baselines import siamese_path

    data = veri(ws)
    training = learnt_images(ws)
    cameras = side.read_camera_distances(ws.veri)
    run = network(ws, method, seed, **changes)
    query, gallery = network_features(ws, run)
    learnt = features(ws, run, training, "train")
    how = {"epochs": min(ws.profile.reid["epochs"], PATH_EPOCHS), "seed": seed}
    train = partial(siamese_path.train_path, learnt, training, cameras, folder, **how)
    cost = network_cost(ws, run, "veri", 0) + Cost(training=net_seconds(folder, train))
    return timed(partial(siamese_path.distances, folder, query, gallery, data.query, data.gallery, cameras), cost)


# How each row is made that is more than a network. A row's key holds the code of its own function here.
MAKERS = {
    "bow_cn": bow_cn_distances,
    "lomo": lomo_distances,
    "fact": fact_distances,
    "plate_snn": plate_snn_distances,
    "fact_plate_rec": fact_plate_rec_distances,
    "fact_plate_snn": fact_plate_snn_distances,
    "fact_plate_str": fact_plate_str_distances,
    "oife_st": oife_st_distances,
    "siamese_path": siamese_path_distances,
}


def maker(method: str) -> Callable[..., tuple[np.ndarray, Cost]]:
    """What makes the distances of a row of Table 3."""
    return MAKERS.get(method, network_distances)

"""Judge each method of `partreg.baselines` as the paper's own: its scores, and what they cost.

A method on VeRi-776 need not be one network: FACT adds three distances, and three methods build on FACT. Each makes its
distances once, whoever asks first; they are kept as ``methods/<method>-<key>/distances.npy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.baselines import declarations, judged_on
from partreg.baselines.declaration import TABLES
from partreg.baselines.task import Cost, Made, Task, network_distances, timed
from partreg.errors import PartregError
from partreg.figures.origins import Origin, collected
from partreg.reid.run import Run
from partreg.retrieval import protocols
from partreg.retrieval.distances import l2
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.data import load_veri, test_images
from partreg.workflow.profile import Workspace, digest
from partreg.workflow.provenance import left_origin, origin, origins, provenance
from partreg.workflow.runs import lacking, method_run
from partreg.workflow.stages import features, locked, trained, vehicleid_scores

BY_HAND = 128  # pixels of the images that hand-crafted features are computed from


@dataclass(frozen=True)
class Judged:
    """A method: for VehicleID the scores of each test list by its number, for VeRi-776 one, and what they cost."""

    scores: Any
    cost: Cost


def judge(ws: Workspace, dataset: str, method: str, seed: int | None = None, **changes: Any) -> Judged:
    """Return scores and cost of a method of "vehicleid" (Tables 1 and 2) or "veri" (Table 3); train it first if needed.

    The seed is the profile's first unless given; ``changes`` are of `partreg.reid.run.Run`'s fields, for one network.

    Raises:
        PartregError: the method is none of that data set's, or a side file that it needs is not there.
    """
    seed = ws.profile.seeds[0] if seed is None else seed
    check_method(dataset, method)
    if gap := lacking(ws, dataset, method):
        raise PartregError(f"{method} cannot be run, for there is no {gap}.")
    if dataset == "vehicleid":
        run = method_run(ws, dataset, method, seed=seed, **changes)
        scores = vehicleid_scores(ws, run)
        return Judged(scores, network_cost(ws, run, "test", max(len(np.unique(s.vehicles)) for s in scores.values())))
    if changes and not declarations()[method].trains:
        raise PartregError(
            f"method {method!r} is no network of its own: {', '.join(changes)} cannot be changed for it."
        )
    data = load_veri(ws)
    found, cost = distances(ws, method, seed, **changes)
    scores = protocols.veri_scores(found, data.query, data.gallery)
    return Judged(replace(scores, origins=method_origins(ws, method, seed, **changes)), cost)


def check_method(dataset: str, method: str) -> None:
    """Raise a PartregError where ``method`` cannot be judged on ``dataset``."""
    if dataset not in TABLES or method not in judged_on(dataset):
        expected = judged_on(dataset) if dataset in TABLES else TABLES
        raise PartregError(f"method {method!r} with dataset {dataset!r}: expected one of {', '.join(expected)}.")


def method_networks(ws: Workspace, dataset: str, method: str, seed: int, **changes: Any) -> dict[str, Run]:
    """Return the description of every network that a method is made of, by the method that trains it."""
    about = declarations()[method]
    found = {method: method_run(ws, dataset, method, seed=seed, **changes)} if about.trains else {}
    for part in about.built_on:
        found |= method_networks(ws, dataset, part, seed)
    return found


def method_folder(ws: Workspace, method: str, seed: int, **changes: Any) -> Path:
    """Return the folder of the distances of a method on VeRi-776, named by what they are made from."""
    return ws.folder / "methods" / f"{method}-{method_key(ws, method, seed, **changes)}"


def method_key(ws: Workspace, method: str, seed: int, **changes: Any) -> str:
    """Return twelve hexadecimal digits of a method on VeRi-776: its data, code and network, and what it is built on."""
    return digest(method_recipe(ws, method, seed, **changes))


def method_recipe(ws: Workspace, method: str, seed: int, **changes: Any) -> keys.Recipe:
    """Return what the distances of a method on VeRi-776 are made of, see `partreg.workflow.keys`."""
    about = declarations()[method]
    compares = f"partreg.baselines.{method}:distances" if about.compares else "partreg.baselines.task:network_distances"
    roots = [compares, "partreg.workflow.methods:task", "partreg.datasets.veri"]
    recipe: keys.Recipe = {
        "images": [keys.images(ws, "veri", half) for half in ("train", "test")],
        "side": keys.side(ws, "veri", method),
        "learnt": [ws.profile.held_out["veri"], ws.profile.reid["epochs"], seed],
        "built_on": [[name, method_recipe(ws, name, seed)] for name in about.built_on],
    }
    if about.trains:
        recipe["network"] = method_run(ws, "veri", method, seed=seed, **changes).key
        roots += ["partreg.reid.features", *keys.method_code(method)]
    return {**recipe, "code": code_key(*roots)}


def method_origins(ws: Workspace, method: str, seed: int, **changes: Any) -> tuple[Origin, ...]:
    """Return where a method's distances came from: all that it is built on, its network, itself, and this process."""
    about, path = declarations()[method], method_folder(ws, method, seed, **changes) / "provenance.json"
    return collected(
        [method_origins(ws, name, seed) for name in about.built_on],
        origins(ws, method_run(ws, "veri", method, seed=seed, **changes), "veri") if about.trains else (),
        left_origin(ws, "veri", "measured", path, seed=seed),
        origin(ws, "veri", "judged"),
    )


def distances(ws: Workspace, method: str, seed: int, **changes: Any) -> tuple[np.ndarray, Cost]:
    """Return the (Q, G) distances of a method on VeRi-776, smaller is nearer, and their cost; made once and kept."""
    folder = method_folder(ws, method, seed, **changes)
    with locked(folder):
        if not (folder / "provenance.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            found, cost = measure(ws, method, seed, folder, **changes)
            with files.whole(folder / "distances.npy") as temporary:
                np.save(temporary, found, allow_pickle=False)  # all digits: fewer would make ties
            files.write_json(folder / "cost.json", asdict(cost))
            files.write_json(folder / "provenance.json", provenance(ws))
    return files.read_array(folder / "distances.npy"), Cost(**files.read_json(folder / "cost.json"))


def measure(ws: Workspace, method: str, seed: int, folder: Path, **changes: Any) -> tuple[np.ndarray, Cost]:
    """Make the distances of a method from the methods that it is built on."""
    about = declarations()[method]
    made = {name: Made(*distances(ws, name, seed), method_folder(ws, name, seed)) for name in about.built_on}
    run = method_run(ws, "veri", method, seed=seed, **changes) if about.trains else None
    compare = import_module(f"partreg.baselines.{method}").distances if about.compares else network_distances
    return compare(task(ws, run, seed, folder, made))


def task(ws: Workspace, run: Run | None, seed: int, folder: Path, made: Mapping[str, Made]) -> Task:
    """Return what a method receives, with features if it has a network; every key holds this function's code."""
    from partreg.datasets.split import hold_out
    from partreg.reid.pixels import decoded

    data = load_veri(ws)
    train = hold_out(data.train, ws.profile.held_out["veri"], seed=0)[0]  # as for networks: `stages.halves`

    @cache
    def tested() -> np.ndarray:
        return features(ws, run, test_images(ws, "veri"), "veri")

    def of_network(half: str) -> np.ndarray:
        if half == "train":
            return features(ws, run, train, "train")
        return tested()[: len(data.query)] if half == "query" else tested()[len(data.query) :]

    def pixels(images: pd.DataFrame) -> np.ndarray:
        return decoded(images, BY_HAND, ws.pixels)

    cost = partial(network_cost, ws, run, "veri", 0)
    epochs = ws.profile.reid["epochs"]
    return Task(ws.veri, train, data.query, data.gallery, seed, epochs, folder, pixels, of_network, cost, made)


def network_cost(ws: Workspace, run: Run, name: str, gallery: int) -> Cost:
    """Return what a trained network costs; with a ``gallery``, also the time of a query's distances to so many."""
    folder = trained(ws, run)
    one = files.read_json(folder / f"features_{name}.json")["seconds_per_image"]
    found = np.load(folder / f"features_{name}.npy", mmap_mode="r", allow_pickle=False)
    cost = Cost(files.read_json(folder / "training.json")["seconds"], found.shape[1], one)
    return timed(partial(l2, found[:64], found[:gallery]), cost)[1] if gallery else cost

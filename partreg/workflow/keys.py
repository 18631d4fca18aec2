"""Say what each kept result is made of. A digest of that is its key: equal keys mean the same work on the same things.

A *recipe* is a nested dictionary: the settings that decide a result, digests of the files that are read for it, the
recipes of the results that it is made from, and under "code" a digest of the code (`partreg.workflow.code`). Nothing
else is in it, so a changed figure trains no network. Files are told apart by their bytes. This holds for pictures, too:
they are read once, and again where their size or times change (`partreg.datasets.contents`). For rendered pictures the
recipe holds what renders them, because they need not be there yet.

`partreg.workflow.stages` keeps each result under its key. If a stage does more than call one function of the library,
its work is a function there, and a recipe names it by its place: "partreg.workflow.stages:filled".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from partreg.baselines import declarations
from partreg.datasets.contents import contents
from partreg.datasets.layouts import given_for
from partreg.datasets.side import read_columns
from partreg.errors import PartregError
from partreg.files import inside, read_json, sha256
from partreg.reid.run import Run
from partreg.workflow import data
from partreg.workflow.code import code_key
from partreg.workflow.profile import Workspace, digest

Recipe = dict[str, Any]


def images(ws: Workspace, dataset: str, half: str) -> Recipe:
    """Return the recipe of the images of a data set's "train" or "test" half: which vehicles are in which pictures.

    Pictures of a reader's own are looked at once a process.
    """
    reader = given_for(dataset, ws.root(dataset)).module(dataset)
    if ws.is_synthetic(dataset):
        return {"rendered": ws.profile.benchmark, "code": code_key("partreg.synthetic.layouts", reader)}
    return {**_own_images(dataset, ws.root(dataset), half, ws.pixels), "code": code_key(reader)}


@cache
def _own_images(dataset: str, root: Path, half: str, pixels: Path) -> Recipe:
    found = data.read(dataset, root)
    table = found.train if half == "train" else data.tests_of(found)
    return described(table, pixels)


def described(table: pd.DataFrame, ledger: Path) -> Recipe:
    """Return the recipe of a table of images: its list and its pictures; their folder does not matter."""
    listed = table.drop(columns="path").to_csv(index=False)
    pictures = contents(table["path"].tolist(), ledger)
    return {"list": hashlib.sha256(listed.encode()).hexdigest()[:16], "pictures": digest(pictures)}


def tests(ws: Workspace, dataset: str) -> Recipe:
    """Return the recipe of the test half, with the images of each test list in order: it decides the galleries."""
    if ws.is_synthetic(dataset):
        return images(ws, dataset, "test")
    lists = getattr(data.read(dataset, ws.root(dataset)), "tests", {})  # VeRi-776 has queries and a gallery instead
    return {
        **images(ws, dataset, "test"),
        "lists": {str(number): digest(table["image"].tolist()) for number, table in lists.items()},
    }


def annotated(ws: Workspace) -> Recipe:
    """Return the recipe of the annotated boxes: a reader's file, or the stand-in's, made from the training images."""
    if ws.profile.annotations:
        return {"file": sha256(ws.profile.annotations)}
    code = code_key("partreg.parts.annotation")
    return {"images": images(ws, "vehicleid", "train"), "count": ws.profile.annotate, "code": code}


def annotations(ws: Workspace) -> Path:
    """Return the COCO file of the annotated part boxes: the reader's own, or the stand-in's that notebook 01 writes."""
    return Path(ws.profile.annotations or ws.folder / f"parts-{digest(annotated(ws))}" / "annotations.json")


def detector(ws: Workspace) -> Recipe:
    """Return the recipe of the part detector's weights; of weights that are given, their digests."""
    if given := ws.profile.detector.get("weights"):
        described = Path(given).with_name("detector.json")
        return {"weights": [sha256(path) for path in (given, described)], "code": code_key("partreg.parts.detector")}
    recipe: Recipe = {"annotations": annotated(ws), "settings": ws.profile.detector}
    if ws.profile.annotations:
        recipe |= {"count": ws.profile.annotate if ws.drawn_elsewhere else 0, "names": ws.profile.names}
        recipe |= {"pictures": _annotated_pictures(ws)}
    return {**recipe, "code": code_key("partreg.parts.detector", "partreg.workflow.stages:learnt_and_left")}


def _annotated_pictures(ws: Workspace) -> str:
    """Return a digest of the pictures that a reader's annotations name; "" where reading them will find a fault."""
    folder = Path(ws.profile.photographs or ws.vehicleid)
    try:
        names = sorted({str(entry["file_name"]) for entry in read_json(ws.profile.annotations)["images"]})
    except (PartregError, TypeError, KeyError):
        return ""
    there = [path for name in names if (path := inside(folder, name)).is_file()]
    return digest(names, contents(there, ws.pixels))


def detector_folder(ws: Workspace) -> Path:
    """Return the folder of the trained detector: that of the weights which the profile names, or our own."""
    if given := ws.profile.detector.get("weights"):
        return Path(given).parent
    return ws.folder / f"parts-{digest(detector(ws))}" / "detector"


def detected(ws: Workspace, dataset: str, half: str) -> Recipe:
    """Return the recipe of the boxes that the detector finds in a half; of the true ones without a detector."""
    if not ws.profile.detector:
        return {"truth": images(ws, dataset, half), "code": code_key("partreg.workflow.stages:true_boxes")}
    return {"detector": detector(ws), "images": images(ws, dataset, half), "code": code_key("partreg.parts.detector")}


def filled(ws: Workspace, dataset: str, half: str) -> Recipe:
    """Return the recipe of the same boxes with the missing ones filled in; each half is averaged by itself."""
    return {"detected": detected(ws, dataset, half), "code": code_key("partreg.workflow.stages:filled")}


def boxes_key(ws: Workspace, dataset: str, kind: str) -> str:
    """Return the key of a file of "detected" or "filled" boxes, which holds both halves."""
    recipe = {"detected": detected, "filled": filled}[kind]
    return digest(dataset, *(recipe(ws, dataset, half) for half in ("train", "test")))


def boxes_file(ws: Workspace, dataset: str, kind: str) -> Path:
    """CSV of the "detected" or "filled" boxes of ``dataset``, written by notebooks 02 and 03."""
    return ws.folder / f"parts-{boxes_key(ws, dataset, kind)}" / f"{dataset}_{kind}.csv"


def learnt_boxes(ws: Workspace, run: Run) -> Recipe:
    """Return the recipe of the boxes that a network learns from; {} without parts, or if each is the whole image."""
    if not run.parts or run.boxes == "whole":
        return {}
    if run.boxes in ("truth", "tight"):
        return {"truth": images(ws, run.dataset, "train"), "code": code_key("partreg.workflow.stages:true_boxes")}
    if run.boxes == "detected" or run.hidden:
        code = code_key("partreg.workflow.stages:hidden_boxes")
        return {"detected": detected(ws, run.dataset, "train"), "code": code}
    return {"filled": filled(ws, run.dataset, "train")}


def side(ws: Workspace, dataset: str, method: str) -> Recipe:
    """Return digests of the side files that a method reads; for the rendered benchmark, its recipe."""
    found = {}
    for owner, *names in declarations()[method].side_files if method in declarations() else ():
        place = owner or dataset
        if not ws.is_synthetic(place):
            found |= {f"{place}/{path.name}": _side_hash(path, ws) for path in side_paths(ws.root(place), names)}
    return found


def side_paths(root: Path, names: Sequence[str]) -> list[Path]:
    """Return those of the named files that are under a data set's root, or under its ``truth``."""
    return [path for name in names for place in ("", "truth") if (path := root / place / name).is_file()]


def _side_hash(path: Path, ws: Workspace) -> str:
    """Return the hash of a side file; that of plates.csv covers its crops, unless reading it will find a fault."""
    if path.name != "plates.csv":
        return sha256(path)
    try:
        crops = read_columns(path, ("image", "crop"))[2][:, 1]
        there = [place for name in crops if name and (place := inside(path.parent, name)).is_file()]
    except PartregError:
        there = []
    return digest(sha256(path), contents(there, ws.pixels))


def network(ws: Workspace, run: Run) -> Recipe:
    """Return the recipe of a network besides the fields of its `Run`: images, boxes, side files and code."""
    return {
        "images": images(ws, run.dataset, "train"),
        "boxes": learnt_boxes(ws, run),
        "side": side(ws, run.dataset, run.method),
        "code": code_key("partreg.reid.train", "partreg.workflow.stages:halves", *method_code(run.method)),
    }


def run_folder(ws: Workspace, run: Run) -> Path:
    """Return the folder of a network."""
    return ws.folder / "runs" / run.key


def method_code(method: str) -> list[str]:
    """Return the code of a method's network, as roots; the paper's own is that of `partreg.reid` and needs none."""
    return [] if method == "partreg" else [f"partreg.baselines.{method}:METHOD"]


def extracted(ws: Workspace, run: Run, table: pd.DataFrame) -> Recipe:
    """Return the recipe of a trained network's features of the images of a table, as these are now."""
    return {
        "network": run.key,
        "images": described(table, ws.pixels),
        "boxes": {} if run.use_global else [filled(ws, run.dataset, half) for half in ("train", "test")],
        "code": code_key("partreg.reid.features", *method_code(run.method)),
    }


def judging(dataset: str) -> str:
    """Return the code that extracts features from test images and scores them."""
    return code_key("partreg.reid.features", f"partreg.workflow.stages:{dataset}_judged", f"partreg.datasets.{dataset}")


def validated() -> str:
    """Return the code that scores held-out images while a network learns; it decides columns of a history only."""
    return code_key("partreg.workflow.stages:validation_score")


def parts_of(recipe: Any) -> tuple[Any, list[str]]:
    """Return a recipe without its code, and the code apart, in the recipe's order."""
    if not isinstance(recipe, dict | list | tuple):
        return recipe, []
    pairs = recipe.items() if isinstance(recipe, dict) else enumerate(recipe)
    found = {name: (None, [value]) if name == "code" else parts_of(value) for name, value in pairs}
    rest = {name: inner for name, (inner, _) in found.items() if name != "code"}
    return rest if isinstance(recipe, dict) else [*rest.values()], [one for _, codes in found.values() for one in codes]

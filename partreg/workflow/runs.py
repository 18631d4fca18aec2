"""Describe the networks of the book: one for each method and seed of Tables 1 to 6, and for the controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from partreg import paper
from partreg.baselines import declarations, table_methods
from partreg.baselines.declaration import TABLES
from partreg.datasets.layouts import given_for
from partreg.errors import PartregError
from partreg.figures import tables
from partreg.guard import known
from partreg.parts.boxes import BRANCH_BOXES, CLASSES, PARTS, classes_of
from partreg.parts.formats import read_coco
from partreg.reid.run import Run, from_dict
from partreg.workflow import data, keys
from partreg.workflow.profile import Workspace, digest

TABLE_4 = {
    "Global+Light+Brand+Window": {},
    "Global+Light+Brand": {"parts": ("light", "brand")},
    "Global+Light+Window": {"parts": ("light", "window")},
    "Global+Window+Brand": {"parts": ("window", "brand")},
    "Global+Window": {"parts": ("window",)},
    "Window+Light+Brand": {"use_global": False},
    "Baseline (w/o parts)": {"parts": ()},
}
# Beyond the tables: do parts still help where the baseline is strong?
STRONG = {"Strong baseline": {}, "Strong baseline + parts": {"parts": PARTS}}
CONTROLS = {
    "Three extra heads on the whole map": {"boxes": "whole"},
    "Boxes shuffled between images": {"boxes": "shuffled"},
    "Boxes of the same size in random places": {"boxes": "random"},
}


def own_parts(ws: Workspace) -> tuple[str, ...]:
    """Return the classes of a reader's annotations where these are of other things than cars; () for cars."""
    path = ws.profile.annotations
    return _own_parts(path, Path(path).stat().st_mtime_ns, tuple(ws.profile.names.items())) if path else ()


@cache
def _own_parts(path: str, changed: int, names: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    try:
        found = classes_of(read_coco(path, dict(names)).objects["name"])
    except PartregError:  # which chapter 01 shows
        return ()
    return () if found == CLASSES else found


def make_run(ws: Workspace, dataset: str, **changes: Any) -> Run:
    """Return the description of one training: the profile's, with ``changes`` of `partreg.reid.run.Run`'s fields.

    It is the full model at the data set's last size and the first seed, unless changed. Its parts are the paper's, or
    those of a reader's annotations, see `own_parts`.

    Raises:
        PartregError: a change is not allowed, or a part is not the car's and nobody annotated others.
    """
    asked = ws.profile
    start = {"dataset": dataset, "seed": asked.seeds[0], "parts": own_parts(ws) or PARTS}
    start |= {"size": asked.sizes[dataset][-1], "held_out": asked.held_out[dataset]}
    run = from_dict({**start, **asked.reid, **changes}, f"profile {asked.name}")
    if not asked.annotations:
        known(f"profile {asked.name}: parts", run.parts, BRANCH_BOXES)
    return run.changed(data=digest(keys.network(ws, run)))


def control_changes(ws: Workspace) -> dict[str, dict[str, Any]]:
    """Return what each control under Table 4 changes in the full model.

    The last one keeps the proportions of Eq. 3's terms, which together weigh 1, as much as the baseline's only term.
    """
    part_weight = ws.profile.reid["part_weight"]
    total = 1 + len(PARTS) * part_weight
    equal = {"global_weight": 1 / total, "part_weight": part_weight / total}
    return {**CONTROLS, "Equal total weight of the losses": equal}


def compared_size(ws: Workspace, dataset: str) -> int:
    """Return the size in pixels that stands for the paper's 256 (`figures.tables.pair_sizes`), or the largest."""
    sizes = ws.profile.sizes[dataset]
    return tables.pair_sizes(paper.SIZES[dataset], sizes).get(256, max(sizes))


def method_run(ws: Workspace, dataset: str, method: str, **changes: Any) -> Run:
    """Return the description of another method's network: the profile's budget, backbone and width, its own settings.

    It is trained at the size that stands for the paper's 256 px, like the networks that it is compared with. It is
    trained on ``dataset``, where it is judged, unless it learns from the other one: GoogLeNet does, because only
    VehicleID's lists have models.
    """
    about = declarations()[method]
    dataset = about.learns_from or dataset
    own = {"parts": (), "size": compared_size(ws, dataset), **about.run}
    own |= ws.profile.methods.get(method, {})
    return make_run(ws, dataset, **{**own, "method": method, **changes})


def lacking(ws: Workspace, dataset: str, method: str) -> str:
    """Return what a method lacks, in words; "" where nothing is missing, as for the paper's own.

    It may lack a side file, named by its path; or, if it also learns from the other data set, images of the same kind.
    """
    for owner, *names in declarations()[method].side_files if method in declarations() else ():
        root = ws.root(owner or dataset)
        if ws.is_synthetic(owner or dataset) != ws.is_synthetic(dataset):
            mine, other = ("rendered vehicles", "photographs")[:: 1 if ws.is_synthetic(dataset) else -1]
            return f"{root.name} of {mine} to learn from, as {ws.root(dataset).name} is; it is of {other}"
        if not (keys.side_paths(root, names) or ws.is_synthetic(owner or dataset)):
            return f"{root.name}/{names[0]}"
    return ""


def other_methods(ws: Workspace, dataset: str) -> dict[str, str]:
    """Return the other methods of a data set's tables that can be run here, by the paper's names."""
    found = table_methods(dataset) if ws.profile.other_methods else {}
    return {row: method for row, method in found.items() if not lacking(ws, dataset, method)}


def data_words(ws: Workspace, dataset: str) -> str:
    """Return for captions which images were used, and what found their parts where that was made for other images.

    Of a reader's own pictures, they also say how these were divided, or why VeRi-776 is rendered.
    """
    rendered, layout = ws.is_synthetic(dataset), given_for(dataset, ws.root(dataset)).name
    words = tables.data_words(layout, "" if rendered else ws.root(dataset).name)
    if dataset == "vehicleid" and not rendered:
        words += f"; {said}" if (said := getattr(data.load_vehicleid(ws), "divided", "")) else ""
    elif rendered and not ws.is_synthetic("vehicleid"):
        own = data.load_vehicleid(ws)
        words += f"; {own.root.name} cannot stand for it: {said}" if (said := getattr(own, "lacks", "")) else ""
    learnt_on_rendered = ws.is_synthetic("vehicleid") and not ws.profile.annotations
    if learnt_on_rendered == rendered:
        return words
    other = "rendered vehicles" if learnt_on_rendered else "photographs"
    return f"{words}; their part boxes come from a detector that learnt from {other}"


def left_out(ws: Workspace, dataset: str) -> list[str]:
    """Return a sentence for each other method that is not run here: a file is missing, or the reader left it out."""
    if not ws.profile.other_methods:
        return ["The other methods were left out on request."]
    found, sentences = table_methods(dataset), []
    for row in paper.ROWS[TABLES[dataset][0]]:
        gap = lacking(ws, dataset, found[row]) if row in found else "module of partreg.baselines that declares it"
        sentences += [f"{row}: not run, for there is no {gap}."] if gap and row != paper.OURS else []
    return sentences


def strong_runs(ws: Workspace, seeds: Sequence[int]) -> dict[str, list[Run]]:
    """Return the strong baseline without and with parts, a run for each seed."""
    return {
        name: [method_run(ws, "vehicleid", "strong", seed=seed, **changes) for seed in seeds]
        for name, changes in STRONG.items()
    }


def networks(ws: Workspace) -> dict[str, Run]:
    """Return every network of the book once, by its key."""
    return {run.key: run for table in runs(ws).values() for row in table.values() for run in row}


def runs(ws: Workspace) -> dict[str, dict[str, list[Run]]]:
    """Return every network of the book, by table and method, one for each seed; tables share runs.

    Raises:
        PartregError: the annotations are of other things than cars, whose parts the tables are of.
    """
    seeds = ws.profile.seeds
    if own := own_parts(ws):
        raise PartregError(
            f"{ws.profile.annotations}: the parts are {', '.join(own)}, but the book's tables are of a car's; say "
            f"which of its parts they are, as names={{{own[0]}: front_window}}, or run chapters 01 to 04 by papermill."
        )

    def seeded(dataset: str, **changes: Any) -> list[Run]:
        return [make_run(ws, dataset, seed=seed, **changes) for seed in seeds]

    def others(dataset: str) -> dict[str, list[Run]]:
        return {
            row: [method_run(ws, dataset, method, seed=seed) for seed in seeds]
            for row, method in other_methods(ws, dataset).items()
            if declarations()[method].trains
        }

    found = {
        "table_4": {name: seeded("vehicleid", **changes) for name, changes in TABLE_4.items()},
        "controls": {name: seeded("vehicleid", **changes) for name, changes in control_changes(ws).items()},
        "table_5": {str(size): seeded("vehicleid", size=size) for size in ws.profile.sizes["vehicleid"]},
        "table_6": {str(size): seeded("veri", size=size) for size in ws.profile.sizes["veri"]},
    }
    if ws.profile.other_methods:
        found |= {"table_1": others("vehicleid"), "table_3": others("veri"), "strong": strong_runs(ws, seeds)}
    return found

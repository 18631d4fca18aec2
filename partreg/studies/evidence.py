"""The study ``evidence``: test what the paper says by trainings of small networks.

`listed` gives every training: the networks of Table 4, its controls and what the paper leaves open, with several seeds;
other input sizes; and the cells of the question when parts pay. In a cell, one thing about the benchmark is changed.
``make reference`` runs all of them with the profile ``reference`` and makes three tables of the records: runs.csv,
curves.csv and hits.csv. The committed ones, under ``reference/``, are renewed by ``make keep WHAT=evidence``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.errors import DivergedError, PartregError
from partreg.files import locked
from partreg.paper import BASELINE, FULL
from partreg.parts.boxes import PARTS, to_array
from partreg.reid.run import Run
from partreg.retrieval.protocols import draw_gallery
from partreg.studies.effects import COLUMNS, WITHDRAWN, Evidence, read_evidence
from partreg.studies.study import Job, Record, Study, record_path, rendered
from partreg.synthetic.benchmark import described as described_benchmark
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.data import load_vehicleid, test_images
from partreg.workflow.profile import Workspace
from partreg.workflow.runs import CONTROLS, TABLE_4, control_changes, make_run
from partreg.workflow.stages import (
    detected_boxes,
    features,
    filled_boxes,
    history,
    trained,
    vehicleid_judged,
    vehicleid_scores,
    veri_scores,
    watched_key,
)

OTHER_MODELS, IMAGENET_FILE = "other models", "imagenet file"  # in the place of weights until a training begins
# Networks beyond Table 4 and its controls. Tables and claims call them by these names.
BOXES = {
    "True boxes": {"boxes": "truth"},
    "True boxes, lights not extended": {"boxes": "tight"},
    "Detected boxes, none averaged": {"boxes": "detected"},
}
HIDDEN = {
    f"{share}% of parts hidden, {done}": {"boxes": boxes, "hidden": share / 100}
    for share in (5, 20, 50)
    for done, boxes in (("averaged", "filled"), ("left out", "detected"))
}
ALONE = {"Global+Light": {"parts": ("light",)}, "Global+Brand": {"parts": ("brand",)}}
# Every subset of the parts beside the global branch, for `partreg.studies.effects.main_effect`.
FACTORIAL = {
    row: changes.get("parts", PARTS) for row, changes in {**TABLE_4, **ALONE}.items() if "use_global" not in changes
}
WEIGHTS = {f"Part weight {value:g}": {"part_weight": value} for value in (0.1, 1.0, 3.0)}
PAIRS = {
    "half the learning rate": {"lr": 0.05},
    "last stride 2": {"last_stride": 2},
    "pretrained on other models": {"weights": OTHER_MODELS, "lr": 0.05},
    "SqueezeNet from ImageNet": {
        "backbone": "squeezenet1_0",
        "weights": IMAGENET_FILE,
        "last_stride": 2,
        "lr": 0.003,
        "epochs": 20,
        "schedule": "exponential",
        "warmup": 1.0,
    },
}


def paired(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the changes of the baseline and of the full model for each setting; it is named after the method."""
    return {
        f"{name}, {words}": {**changes, **more}
        for words, more in settings.items()
        for name, changes in ((BASELINE, {"parts": ()}), (FULL, {}))
    }


EXTENSIONS = {
    "Parts on the map of stage 3": {"part_stage": 3},
    "Parts on the map of stage 2": {"part_stage": 2},
    "Parts dropped half of the time": {"part_dropout": 0.5},
    "Global prediction pulled to the parts'": {"agreement": 1.0},
}
# Does the last of these gain by the parts? Not chosen among them, but shown beside.
PULLED_ELSEWHERE = {"Global prediction pulled to whole-map heads'": {"boxes": "whole", "agreement": 1.0}}
WHOLE = next(row for row, changes in CONTROLS.items() if changes == {"boxes": "whole"})
BUDGETED = (BASELINE, FULL, WHOLE)  # trained for shorter, too


def as_job(ws: Workspace, run: Run, study: str, row: str, budget: str = "long", cell: str = "") -> Job:
    """Return the job of one training and what it is for.

    The ``study`` is "rows" (Table 4, its controls, and what is left open), "budgets" (some of these, trained for
    shorter), "sizes" (Tables 5 and 6) or "cells" (when parts pay: ``cell`` is what is changed of the benchmark, as
    "shortcuts=1.0", or "base"). The ``row`` is the network's name in tables and claims; the ``budget`` is "long" for
    the profile's epochs, "middle" or "short".
    """
    what = {"study": study, "cell": cell, "row": row, "budget": budget}
    words = (study, run.dataset, cell, row, f"{run.size} px", budget, f"seed {run.seed}")
    boxes = run.detects or not run.use_global or looked_at(what)
    return Job(what, ", ".join(word for word in words if word), ws, recipe(ws, run, what), run, boxes)


def looked_at(what: Record) -> bool:
    """Return whether the record also says where the network looks and what its first answers are."""
    return what["study"] == "rows" and what["row"] in (FULL, BASELINE)


def fused(what: Record) -> bool:
    """Return whether the features of all branches side by side are scored, too."""
    return what["study"] == "rows" and what["row"] == FULL


def recipe(ws: Workspace, run: Run, what: Record) -> keys.Recipe:
    """Return what a record is made of, see `partreg.workflow.keys`."""
    layout, here = run.dataset, "partreg.studies.evidence:"
    tests = {"images": keys.tests(ws, layout), "galleries": ws.profile.galleries}
    parts: keys.Recipe = {
        "run": {**asdict(run), "data": ""},
        "network": keys.network(ws, run),
        "scores": {**tests, "code": keys.judging(layout)},
    }
    if layout == "vehicleid":
        parts["history"] = {"code": [keys.validated(), code_key(f"{here}from_history", f"{here}from_scores")]}
    if run.weights == OTHER_MODELS:
        parts["weights"] = keys.network(*strangers(ws))
    if run.weights == IMAGENET_FILE:
        parts["weights"] = with_weights(ws, run).weights_content
    if looked_at(what):
        code = code_key(f"{here}on_parts", f"{here}same_model")
        parts["looked at"] = {"boxes": keys.detected(ws, layout, "test"), "code": code}
    if fused(what) or not run.use_global:
        parts["boxes"] = keys.filled(ws, layout, "test")
    return parts


def rows(ws: Workspace) -> dict[str, dict[str, Any]]:
    """Return the changes of the full model for each method of the study "rows"; those with weights only with a file."""
    plan = ws.profile.evidence
    if plan.get("weights") and "pixels" not in plan:
        raise PartregError(f"profile {ws.profile.name}: evidence has weights, but not their pixels; add rgb or caffe.")
    table = {**TABLE_4, **control_changes(ws), **BOXES, **HIDDEN, **ALONE, **WEIGHTS, **paired(PAIRS)}
    table |= EXTENSIONS | PULLED_ELSEWHERE
    for row in [row for row, changes in table.items() if changes.get("weights") == IMAGENET_FILE]:
        if plan.get("weights"):
            table[row] = {**table[row], "pixels": plan["pixels"]}  # they follow the file
        else:
            del table[row]
    return table


def listed(ws: Workspace) -> list[Job]:
    """List every training that the profile's ``evidence`` asks for, one study after the other; [] where it is empty.

    In "rows", the baseline, the full model and the controls have every seed, others the first three. In "cells", the
    boxes are the true ones.
    """
    plan = ws.profile.evidence
    if not plan:
        return []
    table, few, small = rows(ws), plan["cell_seeds"], benchmarks(ws)
    epochs = {"long": ws.profile.reid["epochs"], "short": plan["short"], "middle": plan["middle"]}
    pair, main = {BASELINE: {"parts": ()}, FULL: {"boxes": "truth"}}, {BASELINE, FULL, *control_changes(ws)}
    jobs = [
        as_job(ws, described(ws, "vehicleid", seed=seed, **changes), "rows", row)
        for seed, (row, changes) in product(plan["seeds"], table.items())
        if row in main or seed in plan["seeds"][:3]
    ]
    for seed, (cell, here), budget, row in product(few, small.items(), ("long", "short"), pair):
        run = described(here, "vehicleid", seed=seed, epochs=epochs[budget], **pair[row])
        jobs.append(as_job(here, run, "cells", row, budget, cell))
    for seed, budget, row in product(few, ("short", "middle"), [row for row in table if row in BUDGETED]):
        run = described(ws, "vehicleid", seed=seed, epochs=epochs[budget], **table[row])
        jobs.append(as_job(ws, run, "budgets", row, budget))
    for dataset, sizes in ws.profile.sizes.items():  # the last of VehicleID's is that of "rows"
        for size, seed in product(sizes if dataset == "veri" else sizes[:-1], few):
            jobs.append(as_job(ws, described(ws, dataset, size=size, seed=seed), "sizes", FULL))
    return jobs


def benchmarks(ws: Workspace) -> dict[str, Workspace]:
    """Return the small rendered workspaces of "cells": the base, and one for each value of each axis.

    ``train_vehicles`` are those learnt; validation vehicles come on top. The test gallery is that of the base, however
    many vehicles are learnt.
    """
    base = ws.profile.evidence["base"]
    changes = {
        f"{axis}={value:g}": {axis: value} for axis, some in ws.profile.evidence["axes"].items() for value in some
    }
    workspaces = {}
    for name, changed in ({"base": {}} | changes).items():
        fields = {**base, **changed}
        sizes = {**ws.profile.sizes, "vehicleid": [fields.pop("pixels")]}
        held_out = {**ws.profile.held_out, "vehicleid": fields.pop("held_out")}
        fields["train_vehicles"] += held_out["vehicleid"]
        if fields["train_vehicles"] != (learnt := base["train_vehicles"] + held_out["vehicleid"]):
            pool = described_benchmark({**ws.profile.benchmark, "test_vehicles": fields["test_vehicles"]}).pool
            fields["fleet"] = learnt + pool
        if fields["images_per_vehicle"] != base["images_per_vehicle"]:
            fields["test_images"] = base["images_per_vehicle"]
        workspaces[name] = rendered(ws, "cells", fields, sizes=sizes, held_out=held_out)
    return workspaces


def described(ws: Workspace, dataset: str, **changes: Any) -> Run:
    """Return the description of a network; words stand for its weights, which need not be there yet."""
    return make_run(ws, dataset, **{**changes, "weights": ""}).changed(weights=changes.get("weights", ""))


def with_weights(ws: Workspace, run: Run, **fields: Any) -> Run:
    """Return the run with the file in place of the words for its weights; learn other models first if needed.

    ``fields`` are those of `strangers`.
    """
    if run.weights == OTHER_MODELS:
        return run.changed(weights=str(backbone_weights(*strangers(ws, **fields))))
    return run.changed(weights=ws.profile.evidence["weights"]) if run.weights == IMAGENET_FILE else run


def strangers(ws: Workspace, **fields: Any) -> tuple[Workspace, Run]:
    """Return the benchmark of the next seed, whose models are others, and the baseline that learns them.

    ``fields`` of its description differ from the profile's.
    """
    other = replace(ws.profile, benchmark={**ws.profile.benchmark, "seed": ws.profile.benchmark["seed"] + 1})
    there = replace(ws, profile=other)
    return there, make_run(there, "vehicleid", parts=(), **fields)


def backbone_weights(ws: Workspace, run: Run) -> Path:
    """Return a file with the weights of a trained network's backbone, from which another run may start."""
    from partreg.reid.start import write_backbone

    path = trained(ws, run) / "backbone.pt"
    with locked(path):
        if not path.exists():
            write_backbone(path.parent, path)
    return path


def measure(job: Job) -> Record:
    """Train a job's network and score it; if its loss stops being a number, the record says so.

    Raises:
        PartregError: whatever else goes wrong.
    """
    run, ws = job.run, job.workspace
    facts = {name: getattr(run, name) for name in ("dataset", "seed", "size", "epochs")}
    try:
        run = with_weights(ws, run)
        if run.dataset == "vehicleid":
            facts |= vehicleid_record(ws, run, job.what)
        else:
            scores = veri_scores(ws, run)
            facts |= {name: getattr(scores, name) for name in ("mAP", "hit1", "hit5")} | training_columns(ws, run)
        return {**facts, "outcome": "done"}
    except DivergedError as error:
        return {**facts, "outcome": str(error)}


def vehicleid_record(ws: Workspace, run: Run, what: Record) -> Record:
    """Return scores on the three longest test lists, curves, and the share of hits of each vehicle of the longest.

    A vehicle with a single image, which is never a query, has no share and is left out.

    Raises:
        PartregError: the network was trained before without being scored on these test images on its way.
    """
    tests = load_vehicleid(ws).tests
    longest = tests[max(tests)]
    folder = trained(ws, run, watch=longest)
    past, watched = history(ws, run), files.read_json(folder / "provenance.json").get("watched")
    scored = "cmc1_test" in past and not np.isnan(past["cmc1_test"].iloc[-1])
    if not scored or watched != watched_key(ws, longest):
        raise PartregError(
            f"{folder}: these test images were not scored on the way, or by other code; delete it and run again."
        )
    scored_lists = sorted(vehicleid_scores(ws, run).items())[-3:]
    record = training_columns(ws, run) | from_scores(dict(scored_lists)) | from_history(past)
    if looked_at(what):
        record |= {"on_parts": on_parts(ws, run), "same_model": same_model(ws, run, longest)}
    if fused(what):
        images, wide = test_images(ws, "vehicleid"), fused_features(ws, run)
        scores = vehicleid_judged(wide, images, longest, ws.profile.galleries)
        record |= {"cmc1_fused": scores.cmc1, "cmc5_fused": scores.cmc5, "hits_fused": vehicle_hits(scores)}
    for name in {"hits", "hits_fused"} & set(record):
        record[name] = [one for one in record[name] if not np.isnan(one)]
    return record


def fused_features(ws: Workspace, run: Run) -> np.ndarray:
    """Return all branches' features of VehicleID's test images side by side, (N, D) float32 (Section 4.2); not kept."""
    from partreg.reid.features import extract

    images, boxes = test_images(ws, "vehicleid"), filled_boxes(ws, "vehicleid")
    return extract(trained(ws, run), images, boxes, pixels=ws.pixels, fused=True)


def from_scores(scores: dict[int, Any]) -> Record:
    """Return CMC on all test lists, and the share of hits of each vehicle of the longest."""
    lists = zip(("small", "medium", "large")[-len(scores) :], sorted(scores), strict=True)
    cmc = {f"{rank}_{name}": getattr(scores[number], rank) for name, number in lists for rank in ("cmc1", "cmc5")}
    return {"hits": vehicle_hits(scores[max(scores)]), **cmc}


def vehicle_hits(scores: Any) -> list[float]:
    """Return for each test vehicle the share of its queries that found it at rank 1, by ascending vehicle number."""
    return pd.Series(scores.hits).groupby(scores.vehicles).mean().round(4).tolist()


def global_accuracy(past: pd.DataFrame) -> list[float | None]:
    """Return the share of training images that the global branch gives to their own vehicle, by epoch.

    It is None for each epoch of a network without that branch: another branch's accuracy says something else.
    """
    return past.accuracy_global.tolist() if "accuracy_global" in past else [None] * len(past)


def from_history(past: pd.DataFrame) -> Record:
    """Return the best epoch, the last accuracy, and the curves of the scored epochs."""
    watched = past.dropna(subset="cmc1_test")
    curve = {name: watched[name].tolist() for name in ("epoch", "cmc1", "cmc1_test")}
    record = {**best_epoch(past), "curve": {**curve, "accuracy": global_accuracy(watched)}}
    accuracy = global_accuracy(past)[-1]
    return record if accuracy is None else {**record, "accuracy": accuracy}


def best_epoch(past: pd.DataFrame) -> Record:
    """Return the epoch that is best on validation vehicles, and the test vehicles' score then; {} without validation.

    Of equal epochs, the first counts.
    """
    scored = past.dropna(subset=["cmc1", "cmc1_test"])
    if scored.empty:
        return {}
    best = scored.loc[scored.cmc1.idxmax()]
    return {
        "validation": float(scored.cmc1.iloc[-1]),
        "best_epoch": int(best.epoch),
        "best_validation": float(best.cmc1),
        "cmc1_best": float(best.cmc1_test),
    }


def on_parts(ws: Workspace, run: Run) -> float:
    """Return the mean share of the global branch's activation on parts that are seen in the test images (Figure 5)."""
    import torch  # here, so that a process that only lists the trainings need not wait for it

    from partreg.parts.cells import branch_cells
    from partreg.reid.activation import activation_maps, share_on_cells

    images = test_images(ws, "vehicleid")
    cams = activation_maps(trained(ws, run), images, pixels=ws.pixels)
    seen = torch.from_numpy(to_array(detected_boxes(ws, "vehicleid"), images))
    cells = branch_cells(seen, PARTS, cams.shape[-1]).any(dim=1, keepdim=True).numpy()
    return float(np.nanmean(share_on_cells(cams, cells)))


def same_model(ws: Workspace, run: Run, test: pd.DataFrame) -> float:
    """Return the share of the first ten answers that are of the query's own model, over a test list (Figure 6)."""
    from partreg.figures.ranklist import rank_lists

    images, vehicles, models = test_images(ws, "vehicleid"), test.vehicle.to_numpy(), test.model.to_numpy()
    mine = pd.DataFrame(features(ws, run, images, "test"), index=images.image).loc[test.image].to_numpy()
    gallery = draw_gallery(vehicles, np.random.default_rng(0))
    queries = np.setdiff1d(np.arange(len(test)), gallery)
    answers = rank_lists(mine, vehicles, queries, gallery).results
    return float((models[answers] == models[queries][:, None]).mean())


def training_columns(ws: Workspace, run: Run) -> Record:
    """Return how a network came about: images, passes, parameters, time, device and commit."""
    folder = trained(ws, run)
    training, provenance = (files.read_json(folder / f"{name}.json") for name in ("training", "provenance"))
    return {
        **{name: training[name] for name in ("vehicles", "images", "parameters_at_test", "seconds")},
        "passes": run.epochs * (training["images"] // run.batch) * run.batch,
        "profile": ws.profile.name,
        **{name: provenance[name] for name in ("device", "commit", "clean")},
    }


def tabulate(records: list[Record]) -> dict[str, pd.DataFrame]:
    """Return the tables runs, curves and hits, see `partreg.studies.effects.Evidence`."""
    curves = [
        {"key": record["key"], **dict(zip(curve, values, strict=True))}
        for record in records
        for curve in [record.get("curve", {})]
        for values in zip(*curve.values(), strict=True)
    ]
    hits = [
        {"key": record["key"], "which": which, "hits": " ".join(f"{value:g}" for value in record[which])}
        for record in records
        for which in ("hits", "hits_fused")
        if which in record
    ]
    lines = {"runs": records, "curves": curves, "hits": hits}
    tables = {name: pd.DataFrame(some, columns=list(COLUMNS[name])).round(4) for name, some in lines.items()}
    # An epoch, or empty: of VeRi no curve is kept.
    return tables | {"runs": tables["runs"].astype({"best_epoch": "Int64"})}


def as_record(row: dict[str, Any], tables: Evidence) -> Record:
    """Return the record of a line of runs.csv, with its curve and its hits."""
    record = {name: value for name, value in row.items() if value == value}  # what is empty is NaN
    curve = tables.curves[tables.curves.key == row["key"]]
    if len(curve):
        curve = curve.astype(object).where(curve.notna(), None)  # JSON has no NaN
        record["curve"] = {name: curve[name].tolist() for name in COLUMNS["curves"][1:]}
    for share in tables.hits[tables.hits.key == row["key"]].itertuples():
        record[share.which] = [float(value) for value in share.hits.split()]
    return record


def restore(ws: Workspace, folder: Path) -> tuple[int, int]:
    """Make wanted records from kept tables if their code is today's, so that only the others are run.

    Returns:
        How many were made, and how many more are wanted, but are of older code, see ``make restamp``.
    """
    tables, wanted = read_evidence(folder), {job.description: job for job in listed(ws)}
    runs, taken = tables.runs[tables.runs.key.isin(wanted)], 0
    current = runs.code == runs.key.map(lambda key: wanted[key].code)
    for row in runs[current & ~runs.outcome.str.startswith(WITHDRAWN)].to_dict("records"):
        path = record_path(ws, STUDY, wanted[row["key"]].key)
        if not path.exists():
            files.write_json(path, as_record(row, tables))
            taken += 1
    return taken, int((~current).sum())


STUDY = Study(
    *("evidence", "reference", COLUMNS, listed, measure, tabulate),
    without_jobs="evidence is empty, so make reference has nothing to train; start from profile: reference, or take "
    "over evidence: from profiles/reference.yaml under overrides.",
)

"""The study ``evidence``: what is true of the paper, by trainings of small networks.

`listed` gives every training: the rows of Table 4, its controls and what the paper leaves open with several seeds;
other input sizes; and the cells of the question when parts pay, in which one thing about the benchmark is changed at a
time.
``make reference`` runs all of them with the profile ``reference`` and makes three tables of the records: runs.csv,
curves.csv and hits.csv. The committed ones, under ``reference/``, are renewed by ``make keep WHAT=evidence``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.paper import BASELINE, FULL
from partreg.parts.boxes import PARTS, to_array
from partreg.reid.run import Run
from partreg.retrieval.protocols import draw_gallery
from partreg.synthetic.benchmark import described as described_benchmark
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.data import test_images, vehicleid
from partreg.workflow.effects import COLUMNS, WITHDRAWN, Evidence, read_evidence
from partreg.workflow.profile import Workspace
from partreg.workflow.runs import CONTROLS, TABLE_4, control_changes, make_run
from partreg.workflow.stages import (
    backbone_weights,
    detected_boxes,
    features,
    fused_features,
    history,
    trained,
    vehicleid_judged,
    vehicleid_scores,
    veri_scores,
    watched_key,
)
from partreg.workflow.study import Job, Record, Study, record_path, rendered

OTHER_MODELS, IMAGENET_FILE = "other models", "imagenet file"  # what stands for weights until a training begins
# Rows beyond Table 4 and its controls. Names are what tables and claims call them.
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
PAIRED = {
    f"{name}, {words}": {**changes, **more}
    for words, more in PAIRS.items()
    for name, changes in ((BASELINE, {"parts": ()}), (FULL, {}))
}
EXTENSIONS = {
    "Parts on the map of stage 3": {"part_stage": 3},
    "Parts on the map of stage 2": {"part_stage": 2},
    "Parts dropped half of the time": {"part_dropout": 0.5},
    "Global prediction pulled to the parts'": {"agreement": 1.0},
}
# Is it the parts that the last of these gains by? Not chosen among them, but shown beside.
PULLED_ELSEWHERE = {"Global prediction pulled to whole-map heads'": {"boxes": "whole", "agreement": 1.0}}
WHOLE = next(row for row, changes in CONTROLS.items() if changes == {"boxes": "whole"})
BUDGETED = (BASELINE, FULL, WHOLE)  # trained for shorter, too


def as_job(ws: Workspace, run: Run, study: str, row: str, budget: str = "long", cell: str = "") -> Job:
    """The job of one training and what it is for.

    Args:
        ws: where its data and its network lie.
        run: the description; its weights may still be the words "other models" or "imagenet file".
        study: "rows" (Table 4, controls, what is left open), "budgets" (some of these, trained for shorter), "sizes"
            (Tables 5 and 6) or "cells" (when parts pay).
        row: the network's name in tables and claims.
        budget: "long" for the profile's epochs, "short" for a few, "middle" for some between.
        cell: of "cells", what is changed of the benchmark, as "shortcuts=1.0"; "base" or "" where nothing is.
    """
    what = {"study": study, "cell": cell, "row": row, "budget": budget}
    words = (study, run.dataset, cell, row, f"{run.size} px", budget, f"seed {run.seed}")
    boxes = run.detects or not run.use_global or looked_at(what)
    return Job(what, ", ".join(word for word in words if word), ws, recipe(ws, run, what), run, boxes)


def looked_at(what: Record) -> bool:
    """Whether it is also recorded where the network looks and what its first answers are."""
    return what["study"] == "rows" and what["row"] in (FULL, BASELINE)


def fused(what: Record) -> bool:
    """Whether the features of all branches side by side are scored, too."""
    return what["study"] == "rows" and what["row"] == FULL


def recipe(ws: Workspace, run: Run, what: Record) -> keys.Recipe:
    """What a record is made of, see `partreg.workflow.keys`."""
    layout, here = run.dataset, "partreg.workflow.evidence:"
    tests = {"images": keys.tests(ws, layout), "galleries": ws.profile.galleries}
    made: keys.Recipe = {
        "run": {**asdict(run), "data": ""},
        "network": keys.network(ws, run),
        "scores": {**tests, "code": keys.judging(layout)},
    }
    if layout == "vehicleid":
        made["history"] = {"code": [keys.validated(), code_key(f"{here}from_history", f"{here}from_scores")]}
    if run.weights == OTHER_MODELS:
        made["weights"] = keys.network(*strangers(ws))
    if run.weights == IMAGENET_FILE:
        made["weights"] = with_weights(ws, run).weights_content
    if looked_at(what):
        code = code_key(f"{here}on_parts", f"{here}same_model")
        made["looked at"] = {"boxes": keys.detected(ws, layout, "test"), "code": code}
    if fused(what) or not run.use_global:
        made["boxes"] = keys.filled(ws, layout, "test")
    return made


def rows(ws: Workspace) -> dict[str, dict[str, Any]]:
    """What each row of the study "rows" changes of the full model, by its name."""
    table = {**TABLE_4, **control_changes(ws), **BOXES, **HIDDEN, **ALONE, **WEIGHTS, **PAIRED}
    table |= EXTENSIONS | PULLED_ELSEWHERE
    imagenet = {row: changes for row, changes in table.items() if changes.get("weights") == IMAGENET_FILE}
    if not ws.profile.evidence.get("weights"):
        return {row: changes for row, changes in table.items() if row not in imagenet}
    if "pixels" not in ws.profile.evidence:
        raise PartregError(f"profile {ws.profile.name}: evidence has weights, but not their pixels; add rgb or caffe.")
    expected = {"pixels": ws.profile.evidence["pixels"]}  # they follow the file
    return table | {row: {**changes, **expected} for row, changes in imagenet.items()}


def main_rows(ws: Workspace) -> tuple[str, ...]:
    """The rows with the most seeds: the baseline, the full model, and the controls that stand under Table 4."""
    return (BASELINE, FULL, *control_changes(ws))


def listed(ws: Workspace) -> list[Job]:
    """Every training; none where the profile asks for none."""
    return list(trainings(ws, ws.profile.evidence)) if ws.profile.evidence else []


def trainings(ws: Workspace, plan: dict[str, Any]) -> Iterator[Job]:
    """Every training that the profile's ``evidence`` asks for, one study after the other.

    Main rows have every seed, others the first three. In a cell the boxes are the true ones.
    """
    table, main, few = rows(ws), main_rows(ws), plan["cell_seeds"]
    for seed, (row, changes) in product(plan["seeds"], table.items()):
        if row in main or seed in plan["seeds"][:3]:
            yield as_job(ws, described(ws, "vehicleid", seed=seed, **changes), "rows", row)
    epochs = {"long": ws.profile.reid["epochs"], "short": plan["short"], "middle": plan["middle"]}
    pair, every = {BASELINE: {"parts": ()}, FULL: {"boxes": "truth"}}, cells(ws)
    for seed, cell, budget, row in product(few, every, ("long", "short"), pair):
        run = described(every[cell], "vehicleid", seed=seed, epochs=epochs[budget], **pair[row])
        yield as_job(every[cell], run, "cells", row, budget, cell)
    for seed, budget, row in product(few, ("short", "middle"), [row for row in table if row in BUDGETED]):
        run = described(ws, "vehicleid", seed=seed, epochs=epochs[budget], **table[row])
        yield as_job(ws, run, "budgets", row, budget)
    for dataset, sizes in ws.profile.sizes.items():  # the last of VehicleID's is that of "rows"
        for size, seed in product(sizes if dataset == "veri" else sizes[:-1], few):
            yield as_job(ws, described(ws, dataset, size=size, seed=seed), "sizes", FULL)


def cells(ws: Workspace) -> dict[str, Workspace]:
    """The benchmarks of the question when parts pay: the base, and one for each value of each axis."""
    axes = ws.profile.evidence["axes"].items()
    changes = {f"{axis}={value:g}": {axis: value} for axis, values in axes for value in values}
    return {name: cell_workspace(ws, one) for name, one in ({"base": {}} | changes).items()}


def cell_workspace(ws: Workspace, changes: dict[str, Any]) -> Workspace:
    """A small rendered workspace of its own. ``train_vehicles`` are those learnt; validation vehicles come on top.

    However much is learnt, the test gallery is that of the base.
    """
    base = ws.profile.evidence["base"]
    fields = {**base, **changes}
    size, held_out = fields.pop("pixels"), fields.pop("held_out")
    fields["train_vehicles"] += held_out
    learnt = base["train_vehicles"] + held_out
    if fields["train_vehicles"] != learnt:
        pool = described_benchmark({**ws.profile.benchmark, "test_vehicles": fields["test_vehicles"]}).pool
        fields["fleet"] = learnt + pool
    if fields["images_per_vehicle"] != base["images_per_vehicle"]:
        fields["test_images"] = base["images_per_vehicle"]
    sizes, held = {**ws.profile.sizes, "vehicleid": [size]}, {**ws.profile.held_out, "vehicleid": held_out}
    return rendered(ws, "cells", fields, sizes=sizes, held_out=held)


def described(ws: Workspace, dataset: str, **changes: Any) -> Run:
    """The description of a network whose weights are perhaps still to be made, and so named by words."""
    return make_run(ws, dataset, **{**changes, "weights": ""}).changed(weights=changes.get("weights", ""))


def with_weights(ws: Workspace, run: Run) -> Run:
    """The run with the file that its words for weights stand for; other models are learnt first where need be."""
    if run.weights == OTHER_MODELS:
        return run.changed(weights=str(backbone_weights(*strangers(ws))))
    if run.weights == IMAGENET_FILE:
        return run.changed(weights=ws.profile.evidence["weights"])
    return run


def strangers(ws: Workspace) -> tuple[Workspace, Run]:
    """A benchmark of other models, and the network that learns them."""
    other = replace(ws.profile, benchmark={**ws.profile.benchmark, "seed": ws.profile.benchmark["seed"] + 1})
    there = Workspace(other, ws.folder / "other")
    return there, make_run(there, "vehicleid", parts=())


def measure(job: Job) -> Record:
    """Train a job's network and score it; where its loss is no number any more, that is the record.

    Raises:
        PartregError: whatever else goes wrong.
    """
    run, here = job.run, job.workspace
    facts = {"dataset": run.dataset, "seed": run.seed, "size": run.size, "epochs": run.epochs}
    try:
        run = with_weights(here, run)
        if run.dataset == "vehicleid":
            facts |= vehicleid_record(here, run, job.what)
        else:
            scores = veri_scores(here, run)
            facts |= {"mAP": scores.mAP, "hit1": scores.hit1, "hit5": scores.hit5, **made(here, run)}
        return {**facts, "outcome": "done"}
    except PartregError as error:
        if "the loss is" not in str(error):  # a full disk, say, which has nothing to do with the network
            raise
        return {**facts, "outcome": str(error)}


def vehicleid_record(ws: Workspace, run: Run, what: Record) -> Record:
    """Scores on all test lists, curves, and the share of hits of each test vehicle of the longest list.

    Raises:
        PartregError: the network was trained before without being scored on these test images on its way.
    """
    tests = vehicleid(ws).tests
    longest = max(tests)
    folder = trained(ws, run, watch=tests[longest])
    past, watched = history(ws, run), files.read_json(folder / "provenance.json").get("watched")
    scored = "cmc1_test" in past and not np.isnan(past["cmc1_test"].iloc[-1])
    if not scored or watched != watched_key(ws, tests[longest]):
        raise PartregError(
            f"{folder}: these test images were not scored on the way, or by other code; delete it and run again."
        )
    scores = vehicleid_scores(ws, run)
    found: dict[str, Any] = {**made(ws, run), **from_scores(scores), **from_history(past)}
    if looked_at(what):
        found |= {"on_parts": on_parts(ws, run), "same_model": same_model(ws, run, longest)}
    if fused(what):
        images, wide = test_images(ws, "vehicleid"), fused_features(ws, run)
        judged = vehicleid_judged(wide, images, tests[longest], ws.profile.galleries)
        found |= {"cmc1_fused": judged.cmc1, "cmc5_fused": judged.cmc5, "hits_fused": vehicle_hits(judged)}
    return found


def from_scores(scores: dict[int, Any]) -> dict[str, Any]:
    """CMC of all test lists, and the share of hits of each vehicle of the longest."""
    found: dict[str, Any] = {"hits": vehicle_hits(scores[max(scores)])}
    for name, number in zip(("small", "medium", "large")[-len(scores) :], sorted(scores), strict=True):
        found |= {f"cmc1_{name}": scores[number].cmc1, f"cmc5_{name}": scores[number].cmc5}
    return found


def global_accuracy(past: pd.DataFrame) -> list[float | None]:
    """The share of training images that the global branch puts to their own vehicle, by epoch.

    None for each in a network without that branch: another branch's accuracy says something else.
    """
    return past.accuracy_global.tolist() if "accuracy_global" in past else [None] * len(past)


def from_history(past: pd.DataFrame) -> dict[str, Any]:
    """The best epoch, the last accuracy, and the curves of the scored epochs."""
    found, accuracy = best_epoch(past), global_accuracy(past)[-1]
    if accuracy is not None:
        found["accuracy"] = accuracy
    watched = past.dropna(subset="cmc1_test")
    found["curve"] = {name: watched[name].tolist() for name in ("epoch", "cmc1", "cmc1_test")}
    found["curve"]["accuracy"] = global_accuracy(watched)
    return found


def best_epoch(history: pd.DataFrame) -> dict[str, Any]:
    """The epoch that is best on validation identities, and what the test identities have then; {} without validation.

    The first of equal epochs counts.
    """
    scored = history.dropna(subset=["cmc1", "cmc1_test"])
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
    """The mean share of the global branch's activation that lies on parts seen in the test images (Figure 5)."""
    import torch  # here, for whoever only lists the trainings need not wait for it

    from partreg.parts.cells import branch_cells
    from partreg.reid.activation import activation_maps, share_on_cells

    images = test_images(ws, "vehicleid")
    cams = activation_maps(trained(ws, run), images, pixels=ws.pixels)
    seen = torch.from_numpy(to_array(detected_boxes(ws, "vehicleid"), images))
    cells = branch_cells(seen, PARTS, cams.shape[-1]).any(dim=1, keepdim=True).numpy()
    return float(np.nanmean(share_on_cells(cams, cells)))


def same_model(ws: Workspace, run: Run, number: int) -> float:
    """Of the first ten answers to each query of a test list, the share that are of the query's own model (Figure 6)."""
    from partreg.figures.ranklist import rank_lists

    images, test = test_images(ws, "vehicleid"), vehicleid(ws).tests[number]
    mine = pd.DataFrame(features(ws, run, images, "test"), index=images.image).loc[test.image].to_numpy()
    gallery = draw_gallery(test.vehicle.to_numpy(), np.random.default_rng(0))
    queries = np.setdiff1d(np.arange(len(test)), gallery)
    lists = rank_lists(mine, test.vehicle.to_numpy(), queries, gallery)
    models = test.model.to_numpy()
    return float((models[lists.results] == models[queries][:, None]).mean())


def vehicle_hits(scores: Any) -> list[float]:
    """The share of its queries that found each test vehicle at rank 1, by ascending vehicle number."""
    return pd.Series(scores.hits).groupby(scores.vehicles).mean().round(4).tolist()


def made(ws: Workspace, run: Run) -> dict[str, Any]:
    """How a network came about: images, passes, parameters, time, device and commit."""
    folder = trained(ws, run)
    training, provenance = (files.read_json(folder / f"{name}.json") for name in ("training", "provenance"))
    return {
        "vehicles": training["vehicles"],
        "images": training["images"],
        "passes": run.epochs * (training["images"] // run.batch) * run.batch,
        "parameters_at_test": training["parameters_at_test"],
        "seconds": training["seconds"],
        "profile": ws.profile.name,
        **{name: provenance[name] for name in ("device", "commit", "clean")},
    }


def tabulate(records: list[Record]) -> dict[str, pd.DataFrame]:
    """The tables runs, curves and hits, see `partreg.workflow.effects.Evidence`."""
    runs, curves, hits = [], [], []
    for record in records:
        one = dict(record)
        curve = one.pop("curve", {})
        curves += [
            {"key": one["key"], **dict(zip(curve, values, strict=True))} for values in zip(*curve.values(), strict=True)
        ]
        for name in ("hits", "hits_fused"):
            if name in one:
                shares = " ".join(f"{value:g}" for value in one.pop(name))
                hits.append({"key": one["key"], "which": name, "hits": shares})
        runs.append(one)
    found = {"runs": runs, "curves": curves, "hits": hits}
    frames = {name: pd.DataFrame(rows_, columns=list(COLUMNS[name])).round(4) for name, rows_ in found.items()}
    frames["runs"] = frames["runs"].astype({"best_epoch": "Int64"})  # an epoch, or empty: of VeRi no curve is kept
    return frames


def restore(ws: Workspace, folder: Path) -> tuple[int, int]:
    """Make records of the study `evidence` anew from kept tables, where they are wanted and their code is today's.

    So what was run elsewhere need not be run again, and what is missing can be added.

    Returns:
        How many were made, and how many more are wanted but of older code, see ``make restamp``.
    """
    tables = read_evidence(folder)
    wanted, taken, older = {job.description: job for job in STUDY.listed(ws)}, 0, 0
    for row in tables.runs.to_dict("records"):
        job = wanted.get(row["key"])
        if job is None or job.code != row["code"]:
            older += job is not None
            continue
        path = record_path(ws, STUDY, job.key)
        if not path.exists() and not row["outcome"].startswith(WITHDRAWN):
            files.write_json(path, as_record(row, tables))
            taken += 1
    return taken, older


def as_record(row: dict[str, Any], tables: Evidence) -> Record:
    """The record that a row of runs.csv came from, with its curve and its hits."""
    record = {name: value for name, value in row.items() if value == value}  # what is empty is NaN
    curve = tables.curves[tables.curves.key == row["key"]]
    if len(curve):
        curve = curve.astype(object).where(curve.notna(), None)  # JSON has no NaN
        record["curve"] = {name: curve[name].tolist() for name in COLUMNS["curves"][1:]}
    for share in tables.hits[tables.hits.key == row["key"]].itertuples():
        record[share.which] = [float(value) for value in share.hits.split()]
    return record


STUDY = Study(
    *("evidence", "reference", COLUMNS, listed, measure, tabulate),
    without_jobs="evidence is empty, so make reference has nothing to train; start from profile: reference, or take "
    "over evidence: from profiles/reference.yaml under overrides.",
)

"""What is true of the paper: controls, convergence and the question when parts pay, by trainings of small networks.

`jobs` lists every training: the rows of Table 4, its controls and what the paper leaves open with several seeds; other
input sizes; and the cells of the question when parts pay, in which one thing about the benchmark is changed at a time.
Each is run once, alone and in any order, and leaves one record. ``make reference`` runs all of them with the profile
``reference`` and makes three tables of the records, beside them: runs.csv, curves.csv and hits.csv. The committed ones,
under ``reference/``, are renewed by ``make keep WHAT=evidence``.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
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
from partreg.synthetic.benchmark import with_enough_models
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.data import test_images, vehicleid
from partreg.workflow.effects import COLUMNS, WITHDRAWN, Evidence, read_evidence
from partreg.workflow.notebooks import TerminalLines, reported
from partreg.workflow.profile import REFERENCE, Workspace, digest, open_workspace
from partreg.workflow.runs import CONTROLS, TABLE_4, control_changes, make_run
from partreg.workflow.stages import (
    backbone_weights,
    detected_boxes,
    features,
    fused_features,
    history,
    trained,
    vehicleid_protocol,
    vehicleid_scores,
    veri_scores,
    watched_key,
)

ORIGIN = ("code", "seconds", "profile", "device", "commit", "clean")  # how a record came about: no results
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
WHOLE = next(iter(CONTROLS))


@dataclass(frozen=True)
class Job:
    """One training and what it is for.

    Attributes:
        study: "rows" (Table 4, controls, what is left open), "budgets" (some of these, trained for shorter), "sizes"
            (Tables 5 and 6) or "cells" (when parts pay).
        cell: of "cells", what is changed of the benchmark, as "shortcuts=1.0"; "base" or "" where nothing is.
        row: the network's name in tables and claims.
        budget: "long" for the profile's epochs, "short" for a few, "middle" for some between.
        run: the description; its weights may still be the words "other models" or "imagenet file".
        workspace: where its data and its network lie.
    """

    study: str
    cell: str
    row: str
    budget: str
    run: Run
    workspace: Workspace = field(repr=False)

    @property
    def key(self) -> str:
        """What its record is called: the digest of what is done, and that of the code that does it."""
        return f"{self.description}-{self.code}"

    @property
    def description(self) -> str:
        """Twelve hexadecimal digits for the same training for the same purpose, whatever the code."""
        return digest(keys.parts_of(recipe(self))[0])

    @property
    def code(self) -> str:
        """Twelve hexadecimal digits for all code that decides the record."""
        return digest(keys.parts_of(recipe(self))[1])

    @property
    def needs_boxes(self) -> bool:
        """Whether the detector's boxes must be there: to learn from, or to fuse the full model's features."""
        return self.run.detects or not self.run.use_global or self.looked_at

    @property
    def looked_at(self) -> bool:
        """Whether it is also recorded where the network looks and what its first answers are."""
        return self.study == "rows" and self.row in (FULL, BASELINE)

    @property
    def fused(self) -> bool:
        """Whether the features of all branches side by side are scored, too."""
        return self.study == "rows" and self.row == FULL

    @property
    def label(self) -> str:
        """What it is called on the terminal."""
        words = [
            self.study,
            self.run.dataset,
            self.cell,
            self.row,
            f"{self.run.size} px",
            self.budget,
            f"seed {self.run.seed}",
        ]
        return ", ".join(word for word in words if word)


def recipe(job: Job) -> keys.Recipe:
    """What a record is made of, see `partreg.workflow.keys`."""
    ws, run = job.workspace, job.run
    layout, here = run.dataset, "partreg.workflow.evidence:"
    tests = {"images": keys.tests(ws, layout), "galleries": ws.profile.galleries}
    made: keys.Recipe = {
        "purpose": [job.study, job.cell, job.row, job.budget],
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
    if job.looked_at:
        code = code_key(f"{here}on_parts", f"{here}same_model")
        made["looked at"] = {"boxes": keys.detected(ws, layout, "test"), "code": code}
    if job.fused or not run.use_global:
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


def jobs(ws: Workspace) -> dict[str, Job]:
    """Every training by its key; none where the profile asks for none."""
    plan = ws.profile.evidence
    if not plan:
        return {}
    few = plan["cell_seeds"]
    found = [*row_jobs(ws, plan["seeds"]), *cell_jobs(ws, few), *budget_jobs(ws, few), *size_jobs(ws, few)]
    return {job.key: job for job in found}


def row_jobs(ws: Workspace, seeds: Sequence[int]) -> list[Job]:
    """The study "rows": main rows with every seed, the others with the first three."""
    few, table = list(seeds)[:3], rows(ws)
    return [
        Job("rows", "", row, "long", described(ws, "vehicleid", seed=seed, **changes), ws)
        for seed in seeds
        for row, changes in table.items()
        if row in main_rows(ws) or seed in few
    ]


def budget_jobs(ws: Workspace, seeds: Sequence[int]) -> list[Job]:
    """The study "budgets": baseline, full model and heads on the whole map, trained for shorter than in "rows"."""
    table = {row: changes for row, changes in rows(ws).items() if row in (BASELINE, FULL, WHOLE)}
    return [
        Job("budgets", "", row, budget, described(ws, "vehicleid", seed=seed, epochs=epochs, **changes), ws)
        for seed in seeds
        for budget, epochs in ((name, ws.profile.evidence[name]) for name in ("short", "middle"))
        for row, changes in table.items()
    ]


def size_jobs(ws: Workspace, seeds: Sequence[int]) -> list[Job]:
    """The study "sizes": the full model at the sizes of Tables 5 and 6 that no other study has."""
    found = []
    for dataset, sizes in ws.profile.sizes.items():
        for size in sizes if dataset == "veri" else sizes[:-1]:
            runs = [described(ws, dataset, size=size, seed=seed) for seed in seeds]
            found += [Job("sizes", "", FULL, "long", run, ws) for run in runs]
    return found


def cells(ws: Workspace) -> dict[str, Workspace]:
    """The benchmarks of the question when parts pay: the base, and one for each value of each axis."""
    plan = ws.profile.evidence
    settings = {"base": {}} | {
        f"{axis}={value:g}": {axis: value} for axis, values in plan["axes"].items() for value in values
    }
    return {name: cell_workspace(ws, changes) for name, changes in settings.items()}


def cell_workspace(ws: Workspace, changes: dict[str, Any]) -> Workspace:
    """A small rendered workspace of its own. ``train_vehicles`` are those learnt; validation vehicles come on top.

    However much is learnt, the test gallery is that of the base. More kinds than the benchmark's models have colours
    take more models.
    """
    plan = ws.profile.evidence
    base, fields = plan["base"], {**ws.profile.benchmark, **plan["base"], **changes}
    size, held_out = fields.pop("pixels"), fields.pop("held_out")
    fields["train_vehicles"] += held_out
    learnt = base["train_vehicles"] + held_out
    if fields["train_vehicles"] != learnt:
        pool = described_benchmark({**ws.profile.benchmark, "test_vehicles": fields["test_vehicles"]}).pool
        fields["fleet"] = learnt + pool
    if fields["images_per_vehicle"] != base["images_per_vehicle"]:
        fields["test_images"] = base["images_per_vehicle"]
    profile = replace(
        ws.profile,
        benchmark=with_enough_models(fields),
        sizes={**ws.profile.sizes, "vehicleid": [size]},
        held_out={**ws.profile.held_out, "vehicleid": held_out},
        vehicleid="",
        veri="",
    )
    return Workspace(profile, ws.folder / "cells")


def cell_jobs(ws: Workspace, seeds: Sequence[int]) -> list[Job]:
    """The study "cells": with and without parts, at a short budget and trained on. Boxes are the true ones."""
    found = []
    for seed in seeds:
        for name, here in cells(ws).items():
            for budget, epochs in (("long", here.profile.reid["epochs"]), ("short", ws.profile.evidence["short"])):
                for row, changes in ((BASELINE, {"parts": ()}), (FULL, {"boxes": "truth"})):
                    run = described(here, "vehicleid", seed=seed, epochs=epochs, **changes)
                    found.append(Job("cells", name, row, budget, run, here))
    return found


def described(ws: Workspace, dataset: str, **changes: Any) -> Run:
    """The description of a network whose weights are perhaps still to be made, and so named by words."""
    words = changes.pop("weights", "")
    return make_run(ws, dataset, **changes).changed(weights=words)


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


def record_path(ws: Workspace, key: str) -> Path:
    """Where the record of a job lies."""
    return ws.folder / "evidence" / f"{key}.json"


def measure(ws: Workspace, job: Job) -> None:
    """Train a job's network and leave its record, also where its loss is no number any more: then that is the record.

    Raises:
        PartregError: whatever else goes wrong; no record is left, and the job is due again.
    """
    facts = {"study": job.study, "cell": job.cell, "row": job.row, "budget": job.budget}
    facts |= {"key": job.description, "code": job.code}
    run, here = job.run, job.workspace
    facts |= {"dataset": run.dataset, "seed": run.seed, "size": run.size, "epochs": run.epochs}
    try:
        run = with_weights(here, run)
        if run.dataset == "vehicleid":
            facts |= vehicleid_record(here, run, job.fused, job.looked_at)
        else:
            scores = veri_scores(here, run)
            facts |= {"mAP": scores.mAP, "hit1": scores.hit1, "hit5": scores.hit5, **made(here, run)}
        facts["outcome"] = "done"
    except PartregError as error:
        if "the loss is" not in str(error):  # a full disk, say, which has nothing to do with the network
            raise
        facts["outcome"] = str(error)
    files.write_json(record_path(ws, job.key), facts)


def vehicleid_record(ws: Workspace, run: Run, fused: bool, looked_at: bool) -> dict[str, Any]:
    """Scores on all test lists, curves, and the share of hits of each test vehicle of the longest list.

    Args:
        ws: where the data lie.
        run: the network, with a file for its weights.
        fused: score the features of all branches side by side, too.
        looked_at: say what share of its activation lies on parts, and of its first answers on the query's model, too.

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
    if looked_at:
        found |= {"on_parts": on_parts(ws, run), "same_model": same_model(ws, run, longest)}
    if fused:
        judged = vehicleid_protocol(ws, fused_features(ws, run), longest)
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


def collect(ws: Workspace, folder: Path) -> None:
    """Write runs.csv, curves.csv and hits.csv into ``folder`` from the records that are there."""
    paths = [path for key in jobs(ws) if (path := record_path(ws, key)).exists()]
    for name, table in tables([files.read_json(path) for path in paths]).items():
        files.write_text(folder / f"{name}.csv", table)


def tables(records: list[dict[str, Any]]) -> dict[str, str]:
    """Records as the texts of runs.csv, curves.csv and hits.csv, by name."""
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
    found = {}
    for name, table in {"runs": runs, "curves": curves, "hits": hits}.items():
        frame = pd.DataFrame(table).reindex(columns=list(COLUMNS[name])).round(4)
        if name == "runs":
            frame = frame.astype({"best_epoch": "Int64"})  # an epoch, or empty: of VeRi no curve is kept
        found[name] = frame.to_csv(index=False)
    return found


def restore(ws: Workspace, folder: Path) -> tuple[int, int]:
    """Make records anew from kept tables, where their description is wanted and their code is today's.

    So what was run elsewhere need not be run again, and what is missing can be added.

    Returns:
        How many were made, and how many more are wanted but of older code, see `restamp`.
    """
    kept = read_evidence(folder)
    curves, wanted, taken, older = dict(list(kept.curves.groupby("key"))), jobs(ws), 0, 0
    descriptions = {job.description for job in wanted.values()}
    for row in kept.runs.to_dict("records"):
        key = f"{row['key']}-{row['code']}"
        older += key not in wanted and row["key"] in descriptions
        if key not in wanted or record_path(ws, key).exists() or row["outcome"].startswith(WITHDRAWN):
            continue
        files.write_json(record_path(ws, key), as_record(row, curves.get(row["key"]), kept.hits))
        taken += 1
    return taken, older


def of_older_code(runs: pd.DataFrame) -> pd.Series:
    """Which of the kept trainings, rows of runs.csv, no code of today's copy made or was stamped for."""
    return ~runs.code.isin({job.code for job in jobs(open_workspace("reference")).values()})


def as_record(row: dict[str, Any], curve: pd.DataFrame | None, hits: pd.DataFrame) -> dict[str, Any]:
    """The record that a row of runs.csv, its curve and its hits came from."""
    record = {name: value for name, value in row.items() if value == value}  # what is empty is NaN
    if curve is not None:
        curve = curve.astype(object).where(curve.notna(), None)  # JSON has no NaN
        record["curve"] = {name: curve[name].tolist() for name in COLUMNS["curves"][1:]}
    for share in hits[hits.key == row["key"]].itertuples():
        record[share.which] = [float(value) for value in share.hits.split()]
    return record


def restamp(ws: Workspace, folder: Path, each: int = 1) -> list[str]:
    """Put today's code under kept trainings that it leaves as they were, to the last digit that is kept.

    Kept trainings of one code, which one code of today would make, go together. Of each such group those are trained
    again that took the least time. Where all numbers are the same, the group's ``code`` in runs.csv becomes today's.

    Args:
        ws: the workspace of the kept trainings.
        folder: of the kept tables.
        each: how many of a group to train again.

    Returns:
        A line for each group: what was tried, and whether it agreed.
    """
    text = pd.read_csv(folder / "runs.csv", dtype=str, keep_default_na=False)
    kept, wanted = read_evidence(folder), {job.description: job for job in jobs(ws).values()}
    due = text[text.key.isin(wanted)].assign(now=lambda rows_: [wanted[key].code for key in rows_.key])
    lines = []
    for (old, now), group in due[due.code != due.now].groupby(["code", "now"], sort=False):
        sample = group.loc[pd.to_numeric(group.seconds, errors="coerce").sort_values(kind="stable").index[:each], "key"]
        apart = [words for key in sample for words in differences(ws, wanted[key], kept)]
        if not apart:
            text.loc[group.index, "code"] = now
            files.write_text(folder / "runs.csv", text.to_csv(index=False))
        labels = "; ".join(wanted[key].label for key in sample)
        lines.append(
            f"{old or 'no code'} to {now}, {len(group)} trainings ({labels}): {'; '.join(apart) or 'the same'}"
        )
    return lines


def differences(ws: Workspace, job: Job, kept: Evidence) -> list[str]:
    """Train a kept training's network again; the names of the numbers that differ from the kept ones."""
    measure(ws, job)
    again = files.read_json(record_path(ws, job.key))
    row = kept.runs[kept.runs.key == job.description].iloc[0].to_dict()
    before = as_record(row, dict(list(kept.curves.groupby("key"))).get(job.description), kept.hits)
    mine, theirs = (tables([{**one, "code": ""}]) for one in (again, before))
    frames = [pd.read_csv(io.StringIO(one["runs"]), dtype=str, keep_default_na=False) for one in (mine, theirs)]
    columns = [name for name in COLUMNS["runs"] if name not in ORIGIN]
    differ = [name for name in columns if frames[0][name][0] != frames[1][name][0]]
    return differ + [name for name in ("curves", "hits") if mine[name] != theirs[name]]


def main(arguments: list[str]) -> int:
    """``python -m partreg.workflow.evidence JSON-of-choices [key | restamp]``: the tables, a training, `restamp`."""
    ws = open_workspace(**json.loads(arguments[0]))
    if len(arguments) == 1:
        return reported("evidence", lambda: collect(ws, ws.folder / "evidence"))
    if arguments[1] == "restamp":
        return reported("restamp", lambda: print("\n".join(restamp(ws, REFERENCE)), flush=True))
    job = jobs(ws)[arguments[1]]

    def work() -> None:
        with contextlib.redirect_stderr(TerminalLines(job.label)):  # around the work alone: a failure is heard
            measure(ws, job)

    return reported(job.label, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

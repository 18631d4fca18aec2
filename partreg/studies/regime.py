"""The study ``regime``: from a hundred training vehicles to thousands, each seed on a benchmark of its own.

*The curve*: the baseline and the full model against the number of training vehicles, once with the epochs fixed and
once with the steps fixed. *The table*: the parts of Table 4, its controls and the global prediction pulled to the
parts', at the largest of these numbers. *The pairs*: the baseline and the full model there, with larger images and with
a start that has seen other vehicles. The part boxes are the true ones, missing ones averaged (Section 3.2).

The benchmark is rendered once for each seed, with all vehicles. To learn a smaller number, the others are held out. So
the smaller sets lie within the larger ones, and no test image changes. ``make reference PROFILE=regime`` runs all of
it, seed by seed, and makes a table of the records, regime.csv.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from partreg.errors import DivergedError, PartregError
from partreg.paper import BASELINE, FULL
from partreg.reid.run import Run
from partreg.retrieval.expected import expected_cmc1, expected_hits
from partreg.studies.evidence import (
    ALONE,
    EXTENSIONS,
    OTHER_MODELS,
    PAIRS,
    PULLED_ELSEWHERE,
    global_accuracy,
    paired,
    strangers,
    training_columns,
    with_weights,
)
from partreg.studies.study import Job, Record, Study, rendered
from partreg.workflow import keys
from partreg.workflow.code import code_key
from partreg.workflow.data import load_vehicleid, test_images
from partreg.workflow.profile import Workspace
from partreg.workflow.runs import CONTROLS, TABLE_4, make_run
from partreg.workflow.stages import features, history, train_images, trained

PULLED = "Global prediction pulled to the parts'"
# The same with the part branches on an earlier map, whose cells see less of the image. Chosen on held-out vehicles, see
# reference/gpu.
DEEPER = {
    f"{row}, map of stage 3": {**changes, "part_stage": 3}
    for row, changes in ((PULLED, EXTENSIONS[PULLED]), *PULLED_ELSEWHERE.items())
}
MAIN = {
    **CONTROLS,
    PULLED: EXTENSIONS[PULLED],
    **PULLED_ELSEWHERE,
    **DEEPER,
}  # at the largest number, beside the curve's
# What is asked again with other images and from another start, for the baseline and the full model.
STARTED = "pretrained on other models"
AGAIN = {"images of 128 px": {"size": 128}, STARTED: PAIRS[STARTED]}
COLUMNS = {
    "regime": (
        *("key", "code", "row", "learnt", "epochs", "size", "seed", "benchmark", "cmc1", "validation", "accuracy"),
        *("images", "passes", "parameters_at_test", "seconds", "profile", "device", "commit", "clean", "outcome"),
    ),
}


def listed(ws: Workspace) -> list[Job]:
    """List every training that the profile's ``regime`` asks for, in the order in which they run; [] where it is empty.

    All of one seed come before those of the next, and in a seed few vehicles come before many. So a study that was
    stopped has about the same seeds everywhere.
    """
    plan = ws.profile.regime
    if not plan:
        return []
    found = [
        (seed, row, learnt, epochs, changes)
        for seed in range(max(plan["seeds"].values()))
        for row, learnt, epochs, changes in trainings(plan, seed)
    ]
    return [
        as_job(ws, seed, row, learnt, epochs, changes, priority=len(found) - turn)
        for turn, (seed, row, learnt, epochs, changes) in enumerate(found)
    ]


def trainings(plan: dict[str, Any], seed: int) -> Iterator[tuple[str, int, int, dict[str, Any]]]:
    """List name, training vehicles, epochs and changes of the full model for each training of one seed, in order.

    With fixed steps, each number of vehicles is learnt for as many steps as ``even`` vehicles have; there the two
    curves meet.
    """
    most, pair = max(plan["vehicles"]), {BASELINE: TABLE_4[BASELINE], FULL: TABLE_4[FULL]}
    others = {row: changes for row, changes in {**TABLE_4, **ALONE}.items() if row not in pair}
    if seed < plan["seeds"]["curve"]:
        for learnt in sorted(plan["vehicles"]):
            steps = max(1, round(plan["epochs"] * plan["even"] / learnt))
            for epochs in dict.fromkeys((plan["epochs"], steps)):
                yield from ((row, learnt, epochs, changes) for row, changes in pair.items())
    for group, rows in (("table", MAIN), ("others", others), ("pairs", paired(AGAIN))):
        if seed < plan["seeds"][group]:
            yield from ((row, most, plan["epochs"], changes) for row, changes in rows.items())


def as_job(ws: Workspace, seed: int, row: str, learnt: int, epochs: int, changes: Record, priority: int) -> Job:
    """Return the job of one training: benchmark and training share a seed; the warm-up keeps its share of epochs."""
    here = rendered(ws, "regime", {"seed": seed})
    held_out = here.profile.benchmark["train_vehicles"] - learnt
    if held_out < here.profile.held_out["vehicleid"]:
        raise PartregError(
            f"profile {ws.profile.name}: regime learns {learnt} vehicles, but of the benchmark's "
            f"{learnt + held_out} training vehicles {here.profile.held_out['vehicleid']} are held out; render more."
        )
    warmup = ws.profile.reid.get("warmup", 0) * epochs / ws.profile.regime["epochs"]
    fields = {"seed": seed, "held_out": held_out, "epochs": epochs, "warmup": warmup}
    run = make_run(here, "vehicleid", **fields, **changes)
    what = {"row": row, "learnt": learnt, "epochs": epochs, "seed": seed, "benchmark": seed}
    recipe: keys.Recipe = {
        "run": {**asdict(run), "data": ""},
        "network": keys.network(here, run),
        "scores": {"images": keys.tests(here, "vehicleid"), "code": judging()},
    }
    if run.weights == OTHER_MODELS:
        there, start = strangers(here, **as_long(run))
        recipe["weights"] = {"run": {**asdict(start), "data": ""}, "network": keys.network(there, start)}
    label = f"regime, {row}, {learnt} vehicles, {epochs} epochs, seed {seed}"
    return Job(what, label, here, recipe, run, priority=priority)


def as_long(run: Run) -> Record:
    """Return the fields by which a start is the baseline of the next seed, trained for as long as ``run``."""
    return {"seed": run.seed + 1, **{name: getattr(run, name) for name in ("held_out", "epochs", "warmup")}}


def judging() -> list[str]:
    """Return the code that extracts features of test and validation images and scores them."""
    here = "partreg.studies.regime:judged"
    return [code_key("partreg.reid.features", here, "partreg.datasets.vehicleid"), code_key("partreg.datasets.split")]


def measure(job: Job) -> Record:
    """Train a job's network and score it; if its loss stops being a number, the record says so.

    Raises:
        PartregError: whatever else goes wrong.
    """
    run, ws = job.run, job.workspace
    try:
        run = with_weights(ws, run, **as_long(run))
        trained(ws, run, scored=False)
    except DivergedError as error:
        return {"outcome": str(error)}
    images, tests = test_images(ws, "vehicleid"), load_vehicleid(ws).tests
    found, longest = pd.DataFrame(features(ws, run, images, "test"), index=images.image), tests[max(tests)]
    held_out = train_images(ws, "vehicleid", ws.profile.held_out["vehicleid"])[1]
    validation = judged(features(ws, run, held_out, "validation"), held_out) if len(held_out) else None
    return {
        **training_columns(ws, run),
        "size": run.size,
        "cmc1": judged(found.loc[longest.image].to_numpy(), longest),
        "validation": validation,
        "accuracy": global_accuracy(history(ws, run))[-1],
        "outcome": "done",
    }


def judged(found: np.ndarray, images: pd.DataFrame) -> float:
    """Return CMC@1, the mean over every gallery that could be drawn, of features (N, D) and the table of N images."""
    vehicles = images.vehicle.to_numpy()
    return expected_cmc1(expected_hits(found, vehicles), vehicles)


def tabulate(records: list[Record]) -> dict[str, pd.DataFrame]:
    """Return the table of trainings."""
    return {name: pd.DataFrame(records, columns=list(columns)).round(4) for name, columns in COLUMNS.items()}


STUDY = Study(
    *("regime", "reference", COLUMNS, listed, measure, tabulate),
    without_jobs="regime is empty, so there is nothing to train; start from profile: regime, or take over regime: from "
    "profiles/regime.yaml under overrides.",
)

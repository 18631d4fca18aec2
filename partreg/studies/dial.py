"""Turn the dial near_duplicates, all else equal, on small rendered benchmarks: where does each method break?

A second question goes beyond the tables: do parts still help where the baseline is strong? The study ``dial`` answers
both for every method; ``make keep WHAT=dial`` puts the answers under ``reference/``. The study ``own_dial`` has the few
points that a book's own run shows in chapter 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.retrieval import protocols
from partreg.retrieval.statistics import bootstrap_over_vehicles
from partreg.studies.study import Job, Record, Study, rendered
from partreg.synthetic.dials import informed_cmc1
from partreg.workflow import keys, methods
from partreg.workflow.code import code_key
from partreg.workflow.data import load_vehicleid, load_veri
from partreg.workflow.profile import Workspace
from partreg.workflow.runs import STRONG, compared_size, make_run, method_run, strong_runs, table_methods
from partreg.workflow.stages import vehicleid_scores, veri_scores

SETTINGS, SEEDS = (1, 4, 16), (0, 1, 2)  # what `make reference` runs
# The methods of each layout, and what each changes.
ROWS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    layout: {
        "Baseline": ("partreg", {"parts": ()}),
        "Ours": ("partreg", {}),
        **{name: (method, {}) for name, method in table_methods(layout).items()},
        **{name: ("strong", changes) for name, changes in strong.items()},
    }
    for layout, strong in {"vehicleid": STRONG, "veri": {}}.items()
}
COLUMNS = (
    *("clean", "cmc1", "commit", "device", "epochs", "high", "informed", "layout", "low", "method", "near_duplicates"),
    *("profile", "row", "seed", "size", "test_vehicles", "train_vehicles"),
)
STRONG_COLUMNS = ("row", "seed", "cmc1", "low", "high", "cmc5", "profile", "commit", "clean", "device")


def workspace(ws: Workspace, near_duplicates: float) -> Workspace:
    """Return the small rendered workspace in which the dial is set to ``near_duplicates``."""
    dial = ws.profile.dial
    return rendered(
        ws,
        "dial",
        {**dial["benchmark"], "near_duplicates": float(near_duplicates)},
        reid={**ws.profile.reid, "epochs": dial["epochs"]},
        sizes={name: [dial["size"]] for name in ws.profile.sizes},
        held_out=dict.fromkeys(ws.profile.held_out, 0),
    )


def row_run(ws: Workspace, layout: str, row: str) -> Run | None:
    """Return the network of a method of `ROWS`, at the size of all of them; None for other methods of Table 3."""
    method, changes = ROWS[layout][row]
    if method == "partreg":
        return make_run(ws, layout, size=compared_size(ws, layout), **changes)
    return method_run(ws, layout, method, **changes) if layout == "vehicleid" else None


def row_recipe(ws: Workspace, layout: str, row: str) -> keys.Recipe:
    """Return what the score of a method of `ROWS` is made of, see `partreg.workflow.keys`."""
    (method, changes), run = ROWS[layout][row], row_run(ws, layout, row)
    return {
        "profile": ws.profile.name,
        "made of": run.key if run else methods.method_key(ws, method, ws.profile.seeds[0], **changes),
        "galleries": ws.profile.galleries,
        "code": [keys.judging(layout), code_key("partreg.studies.dial:scored")],
    }


def scored(ws: Workspace, layout: str, row: str) -> Record:
    """Return a method's CMC@1 on VehicleID's longest list, or its HIT@1 on VeRi-776, see `score_columns`."""
    (method, changes), run = ROWS[layout][row], row_run(ws, layout, row)
    if layout == "vehicleid":
        scores = longest_list(ws, run)
    else:
        scores = veri_scores(ws, run) if run else methods.judge(ws, layout, method, **changes).scores
    return {
        "method": method,
        "seed": ws.profile.seeds[0],
        "test_vehicles": len(np.unique(scores.vehicles)),
        "size": compared_size(ws, layout),
        "epochs": ws.profile.reid["epochs"],
        **score_columns(scores, scores.cmc1 if layout == "vehicleid" else scores.hit1),
    }


def longest_list(ws: Workspace, run: Run) -> Any:
    """Return a network's scores on VehicleID's longest test list."""
    scores = vehicleid_scores(ws, run)
    return scores[max(scores)]


def score_columns(scores: Any, rank_1: float) -> Record:
    """Return the score at rank 1, the ends of its 95% interval over test vehicles, all fractions, and its origin.

    The origin is profile, commit and device of its trainings, where it has any.
    """
    low, high = bootstrap_over_vehicles(scores.hits, scores.vehicles)
    origins = [one for one in scores.origins if one.seed is not None] or scores.origins
    profiles, commits, devices = (
        dict.fromkeys(getattr(one, name) for one in origins) for name in ("profile", "commit", "device")
    )
    return {
        **{"cmc1": round(rank_1, 4), "low": round(low, 4), "high": round(high, 4)},
        **{"profile": " ".join(profiles), "commit": " ".join(commits), "device": ", ".join(devices)},
        "clean": all(one.clean for one in origins),
    }


def informed(ws: Workspace, layout: str, draws: int = 10) -> float:
    """Return the score of knowing model and colour exactly, and nothing else, by the layout's protocol, in [0, 1].

    On VehicleID's longest list it is 1 / n among n vehicles alike, on average; on VeRi-776 the tracks of vehicles alike
    are put in random order, several times.
    """
    data, rng = load_vehicleid(ws) if layout == "vehicleid" else load_veri(ws), np.random.default_rng(0)
    truth = pd.read_csv(ws.root(layout) / "truth" / "images.csv")  # rendered by now
    if layout == "vehicleid":
        return informed_cmc1(truth[truth.image.isin(data.tests[max(data.tests)].image)])
    kinds = dict(zip(truth.vehicle, truth.model.astype(str) + " " + truth.color.astype(str), strict=True))
    query, gallery = (some.vehicle.map(kinds).to_numpy() for some in (data.query, data.gallery))
    differ = query[:, None] != gallery
    drawn = (
        protocols.veri_scores(differ + 0.5 * rng.random(differ.shape), data.query, data.gallery) for _ in range(draws)
    )
    return float(np.mean([scores.hit1 for scores in drawn]))


def guessing(layout: str, vehicles: int, tracks: int) -> float:
    """Return the score of a random order, in [0, 1], for so many test vehicles with so many ``tracks`` each.

    It is CMC@1 with one gallery image of each vehicle, or HIT@1 over the tracks of all. Each track of a vehicle is of
    another camera, and the query's own is left out.
    """
    return 1 / vehicles if layout == "vehicleid" else (tracks - 1) / (vehicles * tracks - 1)


def strong_row(ws: Workspace, run: Run) -> Record:
    """Return the score of one training of the strong baseline on VehicleID's longest list, and where it comes from."""
    scores = longest_list(ws, run)
    return {"seed": run.seed, "cmc5": round(scores.cmc5, 4), **score_columns(scores, scores.cmc1)}


def strong_rows(ws: Workspace, seeds: Sequence[int]) -> pd.DataFrame:
    """Return the scores of the strong baseline with and without parts, one line for each seed."""
    table = [{"row": row, **strong_row(ws, run)} for row, some in strong_runs(ws, seeds).items() for run in some]
    return pd.DataFrame(table, columns=list(STRONG_COLUMNS))


def point_job(ws: Workspace, near_duplicates: float, layout: str, row: str) -> Job:
    """Return the job of one point: a setting of the dial, a layout and one of its methods."""
    here = workspace(ws, near_duplicates)
    what = {"near_duplicates": float(near_duplicates), "layout": layout, "row": row}
    code = code_key("partreg.studies.dial:measure", f"partreg.datasets.{layout}")
    recipe = {"score": row_recipe(here, layout, row), "code": code}
    return Job(what, f"near-duplicates {near_duplicates:g}, {layout}, {row}", here, recipe, table="dial")


def listed(ws: Workspace) -> list[Job]:
    """List every method at every setting of `SETTINGS`, and the strong baseline with every seed of `SEEDS`.

    The list is empty where the profile does not describe a benchmark, of which small ones could be rendered.
    """
    if not ws.profile.benchmark and not ws.profile.dial["benchmark"]:
        return []
    jobs = [point_job(ws, n, layout, row) for n in SETTINGS for layout, table in ROWS.items() for row in table]
    code = [keys.judging("vehicleid"), code_key("partreg.studies.dial:strong_row")]
    shared = {"galleries": ws.profile.galleries, "tests": keys.tests(ws, "vehicleid"), "code": code}
    for row, some in strong_runs(ws, SEEDS).items():
        for run in some:
            recipe = {"run": run.key, **shared}
            jobs.append(Job({"row": row}, f"{row}, seed {run.seed}", ws, recipe, run, run.detects, "strong"))
    return jobs


def listed_own(ws: Workspace) -> list[Job]:
    """List the points that the book's own run shows, as the profile has them; none without the other methods.

    Raises:
        PartregError: the profile names a layout or a method that does not exist.
    """
    dial = ws.profile.dial
    known = sorted({row for table in ROWS.values() for row in table})
    if wrong := [*sorted({*dial["rows"]} - {*known}), *sorted({*dial["layouts"]} - {*ROWS})]:
        raise PartregError(
            f"dial: {wrong[0]!r} is no row or layout; expected layouts out of {', '.join(ROWS)} and rows out of "
            f"{', '.join(known)}."
        )
    asked = product(dial["near_duplicates"], dial["layouts"], dial["rows"]) if ws.profile.other_methods else ()
    return [point_job(ws, n, layout, row) for n, layout, row in asked if row in ROWS[layout]]


def measure(job: Job) -> Record:
    """Return the record of a point, with the score of `informed` there, or of a training of the strong baseline."""
    ws = job.workspace
    if job.table == "strong":
        return strong_row(ws, job.run)
    layout, row = job.what["layout"], job.what["row"]
    learnt = ws.profile.benchmark["train_vehicles" if layout == "vehicleid" else "veri_train_vehicles"]
    return {"informed": round(informed(ws, layout), 4), "train_vehicles": learnt, **scored(ws, layout, row)}


STUDY = Study(
    *("dial", "reference", {"dial": COLUMNS, "strong": STRONG_COLUMNS}, listed, measure),
    without_jobs="it says nothing of a benchmark to render; take over benchmark: from profiles/laptop.yaml under "
    "overrides.",
)
OWN = Study("own_dial", "book", {}, listed_own, measure)


def own_points(ws: Workspace) -> pd.DataFrame:
    """Return the points of the book's own run, one in each line, and make absent ones; columns as in `COLUMNS`."""
    return pd.DataFrame([OWN.record(ws, job) for job in OWN.listed(ws)], columns=list(COLUMNS))

"""Where does each method break? The dial near_duplicates turned, all else equal, on small rendered benchmarks.

And the second question beyond the tables: do parts still help where the baseline is strong? `make reference` answers
both for every row, a piece at a time; ``make keep WHAT=dial`` puts the answers under ``reference/``. A book's own run
shows a few points.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.figures.origins import Origin
from partreg.retrieval.protocols import veri_scores as veri_protocol
from partreg.retrieval.statistics import bootstrap_over_vehicles
from partreg.synthetic.benchmark import with_enough_models
from partreg.synthetic.dials import informed_cmc1
from partreg.workflow import keys, rows
from partreg.workflow.code import code_key
from partreg.workflow.data import vehicleid, veri
from partreg.workflow.keep import own_table
from partreg.workflow.notebooks import TerminalLines, reported
from partreg.workflow.profile import Profile, Workspace, digest, open_workspace
from partreg.workflow.runs import STRONG, TABLE_1, TABLE_3, compared_size, make_run, method_run, strong_runs
from partreg.workflow.stages import vehicleid_scores, veri_scores

SETTINGS, SEEDS = (1, 4, 16), (0, 1, 2)  # what `make reference` runs
# The rows of each layout: the method, and what it changes.
ROWS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "vehicleid": {
        "Baseline": ("partreg", {"parts": ()}),
        "Ours": ("partreg", {}),
        **{name: (method, {}) for name, method in TABLE_1.items()},
        **{name: ("strong", changes) for name, changes in STRONG.items()},
    },
    "veri": {
        "Baseline": ("partreg", {"parts": ()}),
        "Ours": ("partreg", {}),
        **{name: (method, {}) for name, method in TABLE_3.items()},
    },
}


def workspace(ws: Workspace, near_duplicates: float) -> Workspace:
    """The small workspace in which the dial is set to ``near_duplicates``; always rendered, in a folder of its own.

    Where there are more kinds than the benchmark's models have colours, it has more models.
    """
    dial = ws.profile.dial
    fields: dict[str, Any] = {
        "vehicleid": "",
        "veri": "",
        "annotations": "",
        "photographs": "",
        "benchmark": with_enough_models(
            {**ws.profile.benchmark, **dial["benchmark"], "near_duplicates": float(near_duplicates)}
        ),
        "reid": {**ws.profile.reid, "epochs": dial["epochs"]},
        "sizes": {name: [dial["size"]] * 2 for name in ws.profile.sizes},
        "held_out": dict.fromkeys(ws.profile.held_out, 0),
    }
    profile: Profile = replace(ws.profile, **fields)
    return Workspace(profile, ws.folder / "dial")


def scored(ws: Workspace, layout: str, row: str) -> dict[str, Any]:
    """CMC@1 of a row of `ROWS` on VehicleID's longest list, or HIT@1 on VeRi-776, and where it comes from.

    It is a fraction, as is its 95% interval over test vehicles, ``low`` to ``high``.
    """
    method, changes = ROWS[layout][row]
    size = compared_size(ws, layout)  # of all rows, so that they can be compared
    if method == "partreg":
        run = make_run(ws, layout, size=size, **changes)
        scores = vehicleid_scores(ws, run) if layout == "vehicleid" else veri_scores(ws, run)
    else:
        scores = rows.judge(ws, layout, method, **changes).scores
    last = scores[max(scores)] if layout == "vehicleid" else scores
    value = last.cmc1 if layout == "vehicleid" else last.hit1
    low, high = bootstrap_over_vehicles(last.hits, last.vehicles)
    return {
        "layout": layout,
        "row": row,
        "method": method,
        "cmc1": round(value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "seed": ws.profile.seeds[0],
        "test_vehicles": len(np.unique(last.vehicles)),
        "size": size,
        "epochs": ws.profile.reid["epochs"],
        **told(last.origins),
    }


def told(origins: Sequence[Origin]) -> dict[str, Any]:
    """Profile, commit and device of a score for a line of a table: of its trainings, where it has any."""
    origins = [one for one in origins if one.seed is not None] or origins
    words = {name: " ".join(dict.fromkeys(getattr(one, name) for one in origins)) for name in ("profile", "commit")}
    devices = ", ".join(dict.fromkeys(one.device for one in origins))
    return {**words, "clean": all(one.clean for one in origins), "device": devices}


def informed(ws: Workspace, layout: str, draws: int = 10) -> float:
    """What knowing model and colour exactly, and nothing else, scores by the layout's protocol, in [0, 1].

    On VehicleID's longest list it is 1 / n among n vehicles alike, on average; on VeRi-776 the tracks of vehicles alike
    are put in random order, several times.
    """
    data, chance = vehicleid(ws) if layout == "vehicleid" else veri(ws), np.random.default_rng(0)
    truth = pd.read_csv(ws.root(layout) / "truth" / "images.csv")  # rendered by now
    if layout == "vehicleid":
        return informed_cmc1(truth[truth.image.isin(data.tests[max(data.tests)].image)])
    kinds = dict(zip(truth.vehicle, truth.model.astype(str) + " " + truth.color.astype(str), strict=True))
    query, gallery = (some.vehicle.map(kinds).to_numpy() for some in (data.query, data.gallery))
    differ = query[:, None] != gallery
    found = [differ + 0.5 * chance.random(differ.shape) for _ in range(draws)]
    return float(np.mean([veri_protocol(one, data.query, data.gallery).hit1 for one in found]))


def guessing(layout: str, vehicles: int, tracks: int) -> float:
    """The score of a random order, in [0, 1], for so many test vehicles with so many ``tracks`` each.

    CMC@1 with one gallery image of each vehicle; HIT@1 over the tracks of all, each of another camera, the query's own
    left out.
    """
    return 1 / vehicles if layout == "vehicleid" else (tracks - 1) / (vehicles * tracks - 1)


def point(ws: Workspace, layout: str, row: str) -> dict[str, Any]:
    """The score of a row in a workspace of the dial, how the dial was set, and what `informed` says there."""
    sizes = ws.profile.benchmark
    return {
        "near_duplicates": sizes["near_duplicates"],
        "informed": round(informed(ws, layout), 4),
        "train_vehicles": sizes["train_vehicles" if layout == "vehicleid" else "veri_train_vehicles"],
        **scored(ws, layout, row),
    }


def turned(ws: Workspace, every: bool) -> list[tuple[float, str]]:
    """The settings of the dial and their layouts: all of `make reference`, or those that the book's own run shows."""
    if every:
        return [(float(n), layout) for n in SETTINGS for layout in ROWS]
    dial = ws.profile.dial
    return [(float(n), layout) for n in dial["near_duplicates"] for layout in dial["layouts"] if ws.profile.other_rows]


def points_path(ws: Workspace, near_duplicates: float, layout: str, every: bool) -> Path:
    """Where the points of one setting lie: of every row, or of those that the book's own run shows.

    The name ends in a digest of all that they are made of, so that none is taken for one of other settings or code.
    """
    here = workspace(ws, near_duplicates)
    made_of = [point_recipe(here, layout, row) for row in chosen_rows(ws, layout, every)]
    key = digest(here.profile.name, made_of, code_key("partreg.workflow.dial:point", f"partreg.datasets.{layout}"))
    return ws.folder / "dial" / f"{layout}-{near_duplicates:g}-{'every' if every else 'own'}-{key}.json"


def point_recipe(here: Workspace, layout: str, row: str) -> Any:
    """What the score of a row in a workspace of the dial is made of, see `partreg.workflow.keys`."""
    method, changes = ROWS[layout][row]
    if method == "partreg":
        made = make_run(here, layout, size=compared_size(here, layout), **changes).key
    elif layout == "vehicleid":
        made = method_run(here, layout, method, **{"seed": here.profile.seeds[0], **changes}).key
    else:
        made = rows.row_key(here, method, here.profile.seeds[0], **changes)
    return [row, made, here.profile.galleries, keys.judging(layout)]


def chosen_rows(ws: Workspace, layout: str, every: bool) -> list[str]:
    """The rows of a layout: every one, or those that the profile names.

    Raises:
        PartregError: the profile names a layout or a row that there is not.
    """
    known = {row for rows_ in ROWS.values() for row in rows_}
    wrong = [row for row in ws.profile.dial["rows"] if row not in known] + [
        name for name in [layout] if name not in ROWS
    ]
    if wrong:
        raise PartregError(
            f"dial: {wrong[0]!r} is no row or layout; expected layouts out of {', '.join(ROWS)} and rows out of "
            f"{', '.join(sorted(known))}."
        )
    return list(ROWS[layout]) if every else [row for row in ws.profile.dial["rows"] if row in ROWS[layout]]


def measure(ws: Workspace, near_duplicates: float, layout: str, every: bool) -> None:
    """Make the points of one setting; each row's network is kept, so that a stopped run goes on where it was."""
    from tqdm import tqdm

    here = workspace(ws, near_duplicates)
    chosen = chosen_rows(ws, layout, every)
    found = [point(here, layout, row) for row in tqdm(chosen, f"{layout}, {near_duplicates:g}", mininterval=1)]
    files.write_json(points_path(ws, near_duplicates, layout, every), found)


def own_points(ws: Workspace) -> pd.DataFrame:
    """The points of the book's own run, a row a point, made where they are not there; see `point` for the columns."""
    found = []
    for near_duplicates, layout in turned(ws, every=False):
        path = points_path(ws, near_duplicates, layout, every=False)
        if not path.exists():
            measure(ws, near_duplicates, layout, every=False)
        found += files.read_json(path)
    return pd.DataFrame(found)


def strong_rows(ws: Workspace, seeds: tuple[int, ...]) -> pd.DataFrame:
    """The strong baseline with and without parts, a row a seed, on VehicleID's longest list."""
    table = []
    for name, trained in strong_runs(ws, seeds).items():
        for run in trained:
            scores = vehicleid_scores(ws, run)
            last = scores[max(scores)]
            low, high = bootstrap_over_vehicles(last.hits, last.vehicles)
            values = {"cmc1": last.cmc1, "low": low, "high": high, "cmc5": last.cmc5}
            table.append(
                {
                    "row": name,
                    "seed": run.seed,
                    **{key: round(value, 4) for key, value in values.items()},
                    **told(last.origins),
                }
            )
    return pd.DataFrame(table)


def write_reference(ws: Workspace) -> None:
    """The tables ``dial.csv`` and ``strong.csv`` of the results folder, from what has been run."""
    paths = [points_path(ws, n, layout, every=True) for n, layout in turned(ws, every=True)]
    points = [one for path in paths if path.exists() for one in files.read_json(path)]
    if points:
        files.write_text(own_table(ws, "dial"), pd.DataFrame(points).to_csv(index=False))
    files.write_text(own_table(ws, "strong"), strong_rows(ws, SEEDS).to_csv(index=False))


def dial_label(near_duplicates: float | str, layout: str, which: str = "") -> str:
    """What the points of one setting are called on the terminal."""
    return f"near-duplicates {float(near_duplicates):g}, {layout}" + (", every row" if which == "every" else "")


def main(arguments: list[str]) -> int:
    """``python -m partreg.workflow.dial JSON-of-choices [near_duplicates layout every]``; without them, the tables."""
    choices, *which = arguments

    def work() -> None:
        ws = open_workspace(**json.loads(choices))
        if which:
            with contextlib.redirect_stderr(TerminalLines(dial_label(*which))):
                measure(ws, float(which[0]), which[1], every=which[2] == "every")
        else:
            write_reference(ws)

    return reported(dial_label(*which) if which else "reference", work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

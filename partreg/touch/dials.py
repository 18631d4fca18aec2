"""The benchmark's two dials, near-duplicates and shortcuts, for the reader's hand (Figure 1, Section 4.1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from partreg.datasets.kinds import facts, kinds, vehicles_alike
from partreg.figures.sheets import image_rows
from partreg.synthetic.benchmark import Benchmark, Plan, plan_vehicleid
from partreg.synthetic.dials import informed_cmc1
from partreg.synthetic.render import Shot, Studio
from partreg.touch.thing import Thing, picture, still

NEAR = (1, 2, 4, 8, 12)
SHORTCUTS = (0.0, 0.25, 0.5, 0.75, 1.0)
ALIKE = 8.0  # near-duplicates while the second dial is turned
VEHICLES, TRAINED = 8, 3  # shown at each setting of the first dial, and of the second
LARGE, SIZE = 160, 96  # of a picture, in pixels: large where a reader compares windscreens
ALT = (
    "Rows of eight vehicles, a row for each setting of the dial near_duplicates: where it is low all differ in shape "
    "and colour, where it is high many look the same. The thing to touch needs scripts: it turns both dials."
)


def two_dials(base: Benchmark) -> Thing:
    """Return small benchmarks that differ in one dial alone, with a few pictures of each and what gives away whom.

    Only what is shown is rendered; the scores are counted in the plan of all images. The first dial's vehicles are all
    drawn from one place in one light, the second's as the benchmark has them.

    Args:
        base: all but the dials and the size of the pictures.
    """
    plain = replace(base, size=SIZE, shortcuts=0.0)
    plans = {value: plan_vehicleid(replace(plain, near_duplicates=float(value))) for value in NEAR}
    front = min((shot for shot in plans[NEAR[0]].shots if not shot.occluder), key=lambda shot: abs(shot.azimuth))
    album: list[np.ndarray] = []
    near = [{"value": value, **_near(plan, front, album)} for value, plan in plans.items()]
    rows = {value: album[VEHICLES * place :][:VEHICLES] for place, value in list(enumerate(NEAR))[::2]}
    taken: dict[Shot, int] = {}  # most pictures appear at several settings
    shortcuts = []
    for value in SHORTCUTS:
        plan = plan_vehicleid(replace(plain, near_duplicates=ALIKE, shortcuts=value))
        shortcuts.append({"value": value, **_streets(plan, taken, album)})
    data = {"near": near, "shortcuts": shortcuts, "pictures": [picture(one, LARGE) for one in album]}
    return Thing("dials", data, still(image_rows(rows, pixels=96)), ALT)


def planned(plan: Plan) -> pd.DataFrame:
    """Return a row for each planned image: vehicle, model, color, and ``street``, a number for its street and light."""
    fleet = {vehicle.identity: vehicle for vehicle in plan.vehicles}
    taken = [(fleet[shot.vehicle], shot.moment.seed) for shot in plan.shots]
    rows = [(vehicle.identity, vehicle.model, vehicle.color, street) for vehicle, street in taken]
    return pd.DataFrame(rows, columns=["vehicle", "model", "color", "street"])


def same_street(rows: pd.DataFrame, vehicles: Collection[int]) -> float:
    """Return the share of pairs of images of one vehicle that show one street in one light, the mean over vehicles.

    >>> rows = pd.DataFrame({"vehicle": [1, 1, 1, 2, 2], "street": [7, 7, 8, 9, 9]})
    >>> round(same_street(rows, {1}), 4), same_street(rows, {2})
    (0.3333, 1.0)
    """
    counts = rows[rows["vehicle"].isin(vehicles)].groupby(["vehicle", "street"]).size()
    alike, all_of = (counts * (counts - 1)).groupby("vehicle").sum(), counts.groupby("vehicle").sum()
    return float((alike / (all_of * (all_of - 1))).mean())


def _near(plan: Plan, front: Shot, album: list[np.ndarray]) -> dict[str, Any]:
    """Describe a benchmark by what its vehicles share, and put pictures of some test vehicles into the album."""
    rows = planned(plan)
    about, studio = facts(rows), Studio(plan.models, plan.vehicles, plan.cameras, LARGE)
    each = rows.assign(kind=kinds(rows), alike=vehicles_alike(rows)).drop_duplicates("vehicle").set_index("vehicle")
    shown = []
    for vehicle in sorted(plan.tests[max(plan.tests)])[:VEHICLES]:
        kind, alike = (int(each[name][vehicle]) for name in ("kind", "alike"))
        shown.append({"picture": len(album), "kind": kind, "alike": alike})
        album.append(studio.take(replace(front, vehicle=vehicle)).image)
    counts = {"vehicles": about["known"], "groups": about["groups"], "largest": about["largest"]}
    return {"informed": informed_cmc1(rows), **counts, "shown": shown}


def _streets(plan: Plan, taken: dict[Shot, int], album: list[np.ndarray]) -> dict[str, Any]:
    """Describe a benchmark by how often streets repeat, and put its pictures of some training vehicles into the album.

    ``taken`` says where in the album the picture of a shot stands, over all settings of the dial.
    """
    rows, studio = planned(plan), Studio(plan.models, plan.vehicles, plan.cameras, SIZE)
    vehicles = []
    for vehicle in sorted(plan.train)[:TRAINED]:
        shots = [shot for shot in plan.shots if shot.vehicle == vehicle]
        for shot in shots:
            if shot not in taken:
                taken[shot] = len(album)
                album.append(studio.take(shot).image)
        vehicles.append([{"picture": taken[shot], "street": shot.moment.seed} for shot in shots])
    unseen = set(rows["vehicle"]) - plan.train
    return {"same": same_street(rows, plan.train), "unseen": same_street(rows, unseen), "vehicles": vehicles}

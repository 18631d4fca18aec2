"""What parts gain in every kept training, by data, budget and network (chapter 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from partreg.figures.tables import in_points
from partreg.paper import BASELINE, FULL
from partreg.retrieval.statistics import SUPPORTED, verdict
from partreg.studies import effects
from partreg.workflow.profile import read_profile

BUDGETS = ("short", "middle", "long")
STUDIES = {"short": "budgets", "middle": "budgets", "long": "rows"}  # of the profile's own vehicles, by budget
# What changes from cell to cell of the study "cells".
AXES = {
    "near_duplicates": "vehicles of one model and colour",
    "shortcuts": "how far background gives the vehicle away",
    "train_vehicles": "training vehicles",
    "images_per_vehicle": "images of each vehicle",
    "pixels": "input size, pixels",
}
BY_BUDGET, BY_NETWORK = "the budget", "the network"
# Of the study "regime", whose seeds have a benchmark each; its long budget is that of its profile's epochs.
BY_VEHICLES, BY_LARGE = "training vehicles, up to thousands", "the network, with thousands of vehicles"


def gains(kept: effects.Evidence, axes: Mapping[str, str]) -> pd.DataFrame:
    """Return the gain of every network over its baseline, of the same study, data and budget.

    Args:
        kept: the tables of kept trainings.
        axes: what changes from cell to cell of the study "cells", and what to call it.

    Returns:
        A row for each point: ``series`` (what changes: one of ``axes``' names, `BY_BUDGET`, `BY_NETWORK`, `BY_VEHICLES`
        or `BY_LARGE`), ``value`` (of an axis or a number of vehicles; "" for the others), ``network``, ``budget``;
        ``mean``, ``low`` and ``high`` of the gain, fractions, see `partreg.studies.effects.effect`; ``keys``, those of
        the network's trainings and of the baseline's; and ``said``, what must be said beside them. One point may stand
        in several series.
    """
    runs = kept.runs[(kept.runs.outcome == "done") & (kept.runs.dataset == "vehicleid") & (kept.runs.study != "sizes")]
    shorter = set(runs.row[runs.study == "budgets"])
    found = []
    for study, cell, budget, row in runs[["study", "cell", "budget", "row"]].drop_duplicates().itertuples(index=False):
        rival = BASELINE + row.removeprefix(FULL) if row.startswith(FULL) else BASELINE
        sides = [{"study": study, "cell": cell, "budget": budget, "row": name} for name in (row, rival)]
        trainings = [effects.chosen(kept, side) for side in sides]
        if study == effects.REGIME:  # the gain is that of the seeds that both have
            trainings = effects.of_common_seeds(trainings)
        keys = [list(one.key) for one in trainings]
        if row.startswith(BASELINE) or not all(keys):
            continue
        gain = effects.effect(kept, sides[:1], sides[1:])
        point = {"network": row, "budget": budget, "mean": gain.mean, "low": gain.low, "high": gain.high}
        point |= {"keys": keys, "said": " ".join(gain.said)}
        if study == effects.REGIME:
            found += [{**place, **point, "budget": BUDGETS[-1]} for place in _regime(cell, budget, row)]
        else:
            found += [{**place, **point} for place in _places(study, cell, row in shorter, axes)]
    table = pd.DataFrame(found, columns=["series", "value", "network", "budget", "mean", "low", "high", "keys", "said"])
    order = [*axes.values(), BY_VEHICLES, BY_BUDGET, BY_NETWORK, BY_LARGE]
    places = pd.DataFrame(
        {
            "series": table.series.map(order.index),
            "value": pd.to_numeric(table.value),
            "budget": table.budget.map(BUDGETS.index),
        }
    )
    return table.loc[places.sort_values(list(places), kind="stable").index].reset_index(drop=True)


def cell_pairs() -> dict[tuple[str, str], effects.Pair]:
    """Return full model and baseline in every cell of the study "cells", by the budget and by the cell in words."""
    axes = read_profile("reference")["evidence"]["axes"]
    names = {"base": "base"} | {
        f"{axis}={value:g}": f"{words}: {value:g}" for axis, words in AXES.items() for value in axes[axis]
    }
    return {
        (budget, words): against(FULL, study="cells", cell=cell, budget=budget)
        for budget in ("short", "long")
        for cell, words in names.items()
    }


def against(row: str, rival: str = BASELINE, **of: str) -> effects.Pair:
    """Return a method and its rival among the kept trainings; ``of`` is what they have in common."""
    return {**of, "row": row}, {**of, "row": rival}


def over_cells(kept: effects.Evidence, budget: str) -> dict[str, str]:
    """Return in words in how many cells parts help and harm after a budget, and their mean gain by the images' size."""
    pairs = {cell: pair for (of, cell), pair in cell_pairs().items() if of == budget}
    found = {cell: effects.effect(kept, [mine], [theirs]) for cell, (mine, theirs) in pairs.items()}
    found = {cell: one for cell, one in found.items() if one.values}
    small = [cell for cell in found if cell.startswith(AXES["pixels"])]
    return {
        "cells": f"{sum(verdict(one) == SUPPORTED for one in found.values())} of {len(found)}",
        "harmed": str(sum(one.high < 0 for one in found.values())),
        "gain": in_points(effects.mean_gain(kept, [pairs[cell] for cell in found if cell not in small])),
        "small": in_points(effects.mean_gain(kept, [pairs[cell] for cell in small])),
    }


def by_budget(kept: effects.Evidence, row: str) -> dict[str, effects.Pair]:
    """Return a method and the baseline after each budget, with its passes, and each at its own best epoch."""
    pairs = {budget: against(row, study=study, budget=budget) for budget, study in STUDIES.items()}
    passes = {budget: effects.chosen(kept, theirs).passes.mean() / 1000 for budget, (_, theirs) in pairs.items()}
    named = {f"{budget}, {passes[budget]:.0f} thousand passes": pair for budget, pair in pairs.items()}
    return named | {"long, each at its own best epoch": against(row, score="cmc1_best")}


def _places(study: str, cell: str, shorter: bool, axes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the series in which a point stands, and where; ``shorter`` says whether its network has all budgets."""
    if study == "cells":
        base = read_profile("reference")["evidence"]["base"]
        if cell == "base":
            return [{"series": words, "value": f"{base[axis]:g}"} for axis, words in axes.items()]
        axis, value = cell.split("=")
        return [{"series": axes[axis], "value": value}] if axis in axes else []
    series = ([BY_BUDGET] if shorter else []) + ([BY_NETWORK] if study == "rows" else [])
    return [{"series": one, "value": ""} for one in series]


def _regime(cell: str, budget: str, row: str) -> list[dict[str, Any]]:
    """Return the same for a network of the study "regime"; those of another number of epochs stand in none."""
    most = effects.largest()
    if budget != most["budget"]:
        return []
    curve = [{"series": BY_VEHICLES, "value": str(effects.vehicles_of(cell))}] if row == FULL else []
    return curve + ([{"series": BY_LARGE, "value": ""}] if cell == most["cell"] else [])

"""What parts gain in every kept training, as points to choose from (chapter 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from partreg.paper import BASELINE, FULL
from partreg.workflow import effects
from partreg.workflow.profile import read_profile

BUDGETS = ("short", "middle", "long")
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
        ``mean``, ``low`` and ``high`` of the gain, fractions, see `partreg.workflow.effects.effect`; ``keys``, those of
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
            trainings = [one[one.index.isin(trainings[0].index.intersection(trainings[1].index))] for one in trainings]
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
    curve = [{"series": BY_VEHICLES, "value": cell.split()[0]}] if row == FULL else []
    return curve + ([{"series": BY_LARGE, "value": ""}] if cell == most["cell"] else [])

"""The points of chapter 13's thing to touch; each is what `partreg.studies.effects.effect` says of its trainings."""

import numpy as np
import pandas as pd
import pytest

from partreg.figures import tables
from partreg.paper import BASELINE, FULL
from partreg.studies import effects, points

AXES = {"train_vehicles": "training vehicles", "shortcuts": "shortcuts"}


@pytest.fixture(scope="module")
def kept():
    return effects.read_evidence()


@pytest.fixture(scope="module")
def gains(kept):
    return points.gains(kept, AXES)


def test_a_point_is_the_effect_of_the_trainings_behind_it(kept, gains):
    runs = kept.runs.set_index("key")
    for point in gains.itertuples():
        mine, theirs = (runs.loc[keys] for keys in point.keys)
        assert set(mine.row) == {point.network}
        assert theirs.row.str.startswith(BASELINE).all()
        both = pd.concat([mine, theirs])
        regime = set(both.study) == {effects.REGIME}
        assert set(both.budget) == {effects.largest()["budget"] if regime else point.budget}
        assert len(both[["study", "cell"]].drop_duplicates()) == 1
        of = {"study": both.study.iloc[0], "cell": both.cell.iloc[0], "budget": both.budget.iloc[0]}
        one = effects.effect(kept, [{**of, "row": mine.row.iloc[0]}], [{**of, "row": theirs.row.iloc[0]}])
        np.testing.assert_equal((point.mean, point.low, point.high), (one.mean, one.low, one.high))
        assert point.mean == pytest.approx(mine.cmc1_large.mean() - theirs.cmc1_large.mean())


def test_an_axis_holds_its_cells_and_the_base_in_order(gains):
    vehicles = gains[gains.series == "training vehicles"]
    assert vehicles.value.tolist() == ["40", "40", "120", "120", "240", "240"]
    assert vehicles.budget.tolist() == ["short", "long"] * 3
    base = gains[gains.value.isin(["120", "0.2"]) & (gains.budget == "long")]
    assert base.series.tolist() == list(AXES.values())
    assert base["mean"].nunique() == 1
    assert set(gains.series) == {
        *AXES.values(), points.BY_BUDGET, points.BY_NETWORK, points.BY_VEHICLES, points.BY_LARGE,
    }  # fmt: skip
    many = gains[gains.series == points.BY_VEHICLES]
    assert many.value.tolist() == ["125", "250", "500", "1000", "2000"]
    assert set(many.network) == {FULL}
    assert FULL in set(gains[gains.series == points.BY_LARGE].network)


def test_a_network_is_compared_with_the_baseline_of_its_own_kind(kept, gains):
    row = kept.runs.set_index("key").row
    rivals = {point.network: set(row[point.keys[1]]) for point in gains.itertuples()}
    assert rivals[FULL] == {BASELINE}
    assert rivals[f"{FULL}, last stride 2"] == {f"{BASELINE}, last stride 2"}
    assert not any(name.startswith(BASELINE) for name in rivals)


def test_only_networks_of_every_budget_are_compared_by_budget(gains):
    budgets = gains[gains.series == points.BY_BUDGET].groupby("network").budget.agg(list)
    assert budgets[FULL] == list(points.BUDGETS)
    assert set(map(len, budgets)) == {3}


def test_a_withdrawn_training_is_no_point(kept):
    runs = kept.runs.copy()
    runs.loc[runs.row == FULL, "outcome"] = effects.WITHDRAWN + "it was wrong."
    fewer = points.gains(effects.Evidence(runs, kept.curves, kept.hits), AXES)
    assert FULL not in set(fewer.network)
    assert len(fewer)


def test_without_evidence_there_are_no_points(kept, tmp_path):
    assert points.gains(effects.read_evidence(tmp_path), AXES).empty


def test_the_cells_that_are_compared_are_those_that_are_kept(kept):
    pairs = points.cell_pairs()
    compared = {(side["budget"], side["cell"], side["row"]) for pair in pairs.values() for side in pair}
    runs = kept.runs[kept.runs.study == "cells"]
    assert compared == set(zip(runs.budget, runs.cell, runs.row, strict=True))
    assert {cell for _, cell in pairs} >= {"base", "input size, pixels: 32", "training vehicles: 40"}


@pytest.mark.parametrize("budget", ["short", "long"])
def test_cells_in_which_parts_help_or_harm_are_counted(kept, budget):
    every = points.gains(kept, points.AXES)
    cells = every[every.series.isin(points.AXES.values()) & (every.budget == budget)].drop_duplicates("mean")
    counted = points.over_cells(kept, budget)
    assert counted["cells"] == f"{(cells.low > 0).sum()} of {len(cells)}"
    assert counted["harmed"] == str((cells.high < 0).sum())
    small = cells[cells.series == points.AXES["pixels"]]  # the base stands under the first axis
    for name, some in (("gain", cells.drop(small.index)), ("small", small)):
        assert counted[name].startswith(tables.signed(some["mean"].mean()))


def test_budgets_of_a_network_name_their_passes(kept):
    pairs = points.by_budget(kept, FULL)
    assert [words.split(",")[0] for words in pairs] == [*points.BUDGETS, "long"]
    assert all(mine["row"] == FULL and theirs["row"] == BASELINE for mine, theirs in pairs.values())
    assert pairs["long, each at its own best epoch"][0]["score"] == "cmc1_best"
    passes = [int(words.split()[1]) for words in [*pairs][:3]]
    assert passes == sorted(passes)

"""Gains by the number of training vehicles, on a table made up here."""

import math

import numpy as np
import pandas as pd
import pytest

from partreg import paper
from partreg.studies import curve
from partreg.workflow.profile import read_profile


def test_gains_by_number_of_vehicles_are_of_one_benchmark_each(tmp_path):
    assert curve.gains_by_seed(curve.kept_runs(tmp_path)) == {}
    plan = read_profile("regime")["regime"]
    even, epochs = plan["even"], plan["epochs"]
    fixed = {"epochs": lambda learnt: epochs, "steps": lambda learnt: epochs * even // learnt}
    lines = [
        (row, learnt, spent(learnt), seed, gain * learnt / 1000 + 0.1 * seed, "done")
        for spent in fixed.values()
        for learnt in (500, even)
        if spent is fixed["epochs"] or learnt != even  # there the curves meet
        for seed in range(2)
        for row, gain in ((paper.FULL, 0.02), (paper.BASELINE, 0.01))
    ]
    lines.append((paper.FULL, even, epochs, 2, 0.9, "done"))  # the baseline of this seed failed
    lines.append((paper.BASELINE, even, epochs, 2, math.nan, "the loss is nan"))
    table = pd.DataFrame(lines, columns=["row", "learnt", "epochs", "seed", "cmc1", "outcome"])
    table.to_csv(tmp_path / "regime.csv", index=False)
    found = curve.gains_by_seed(curve.kept_runs(tmp_path))
    for one in found.values():
        assert one.loc[[0, 1]].to_numpy() == pytest.approx(np.array([[0.005, 0.01]] * 2))
        assert math.isnan(one.loc[2, even])
    assert list(found) == ["epochs fixed", "steps fixed"]
    assert curve.by_number(found)["vehicles", 500, "steps fixed"].mean == pytest.approx(0.005)
    told = curve.fitted(found, 4 * even)  # the gain doubles with the vehicles, by 0.5 points from 500 on
    assert told.loc["steps fixed"].tolist() == ["+0.5 (+0.5 to +0.5)", "+2.0 (+2.0 to +2.0)", 2]


def test_the_gain_on_a_gpu_is_that_of_the_means_with_an_interval_over_vehicles(tmp_path):
    shared = {"network": "tiny", "vehicles": 4000}
    rows = [(paper.FULL, 0, 0.5, "0 1"), (paper.FULL, 1, 0.5, "0 1"), (paper.BASELINE, 0, 0.25, "0.25 0.25")]
    rows.append((paper.BASELINE, 1, 0.25, "0.25 0.25"))
    table = pd.DataFrame(rows, columns=["row", "seed", "cmc1", "hits"]).assign(**shared)
    (tmp_path / "gpu").mkdir()
    table.drop(columns="hits").to_csv(tmp_path / "gpu" / "table_4.csv", index=False)
    table.drop(columns=["cmc1", "vehicles"]).to_csv(tmp_path / "gpu" / "hits.csv", index=False)
    found = curve.on_gpu(tmp_path)["tiny", 4000]
    assert found.mean == pytest.approx(0.25)
    assert found.error == pytest.approx(0.5)  # gains of -0.25 and 0.75: their deviation, 0.7071, over the root of 2

import numpy as np
import pandas as pd
import pytest

from partreg.figures.intervals import cmc_chart, control_chart, interval_chart, seed_chart
from partreg.retrieval.protocols import VehicleIDScores
from partreg.retrieval.statistics import Estimate

GAINS = {"Global+Light+Brand+Window": Estimate(0.08, 0.05, 0.11), "b": Estimate(0.01, -0.02, 0.04)}


def test_the_chart_shows_points_intervals_and_the_papers_numbers():
    ax = interval_chart(GAINS, {"Global+Light+Brand+Window": 0.097}, "gain").axes[0]
    reproduced, published = ax.lines[0], ax.lines[1]
    assert reproduced.get_xdata() == pytest.approx([8, 1])
    assert published.get_xdata() == pytest.approx([9.7, np.nan], nan_ok=True)
    assert [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()] == [
        pytest.approx([5, 11]),
        pytest.approx([-2, 4]),
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Global+Light+Brand+\nWindow", "b"]


def test_what_is_kept_stands_below_each_point():
    kept = {"b": Estimate(0.03, 0.02, 0.04), "Global+Light+Brand+Window": Estimate(0.06, 0.01, 0.11)}
    figure = interval_chart(GAINS, {}, "gain", kept)
    squares = figure.axes[0].lines[2]
    assert squares.get_xdata() == pytest.approx([6, 3])  # by name, in the order of the gains
    assert all(squares.get_ydata() > figure.axes[0].lines[0].get_ydata())
    assert [line.get_marker() for line in figure.axes[0].lines[:3]] == ["o", "D", "s"]
    assert figure.axes[0].collections[-1].get_segments()[0][:, 0] == pytest.approx([1, 11])
    assert "reference" in figure.legends[0].texts[-1].get_text()


def test_a_control_stands_below_its_variation():
    controls = {"b": Estimate(-0.03, -0.05, -0.01), "Global+Light+Brand+Window": Estimate(0, -0.01, 0.01)}
    figure = control_chart(GAINS, controls, "gain, points")
    (ax,) = figure.axes
    above, below = ax.lines[:2]
    assert above.get_xdata() == pytest.approx([8, 1])
    assert below.get_xdata() == pytest.approx([0, -3])  # by name, in the order of the gains
    assert all(below.get_ydata() > above.get_ydata())
    assert ax.collections[1].get_segments()[1][:, 0] == pytest.approx([-5, -1])
    assert (above.get_marker(), below.get_marker()) == ("o", "D")  # told apart without colour
    assert [label.get_text() for label in ax.get_yticklabels()][1] == "b"
    assert [text.get_text() for text in figure.legends[0].texts] == [
        "at the parts, 95% interval",
        "the same on the whole map",
    ]


def test_a_cmc_curve_is_a_mean_in_a_band_over_galleries():
    cmc = np.array([[0.2, 0.6, 1.0], [0.4, 0.6, 1.0]])
    one = VehicleIDScores(cmc, np.ones(4), np.ones(4), np.arange(4), 1)
    ax = cmc_chart({"Small": one, "Large": one}).axes[0]
    assert ax.lines[1].get_ydata() == pytest.approx([30, 60, 100])
    band = ax.collections[0].get_paths()[0].vertices
    assert {round(y) for x, y in band if x == 1} == {20, 40}
    assert [text.get_text() for text in ax.get_legend().texts] == ["Small", "Large"]


def test_seeds_are_ordered_by_their_difference_and_the_mean_is_below():
    figure = seed_chart(pd.Series({0: 0.02, 1: -0.01}), Estimate(0.005, -0.03, 0.04), "gain, points")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["seed 1", "seed 0", "mean"]
    dots, mean = ax.lines[:2]
    assert (list(dots.get_xdata()), list(dots.get_ydata())) == ([-1, 2], [0, 1])
    assert (list(mean.get_xdata()), list(mean.get_ydata())) == ([0.5], [2])
    assert ax.collections[-1].get_segments()[0].tolist() == [[-3, 2], [4, 2]]

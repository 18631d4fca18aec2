"""Charts of two errors: what is drawn is what was measured, and is told apart without colour."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.figures import thresholds
from partreg.retrieval.statistics import Estimate

UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def a_curve(*missed):
    missed = np.array(missed)
    return SimpleNamespace(rates=np.array([0.001, 0.01, 0.1]), missed=missed, low=missed - 0.05, high=missed + 0.05)


def test_histograms_have_one_area_and_their_errors_are_filled():
    figure = thresholds.distance_chart(np.array([2.0, 3.0, 4.0, 4.0]), np.array([1.0, 3.5]), 2.5)
    (ax,) = figure.axes
    two, false, one, missed = (patch.get_data() for patch in ax.patches)
    assert [part.values.sum() for part in (two, false, one, missed)] == pytest.approx([100, 25, 100, 50])
    assert two.edges[-1] == 4
    assert ax.lines[0].get_xdata() == [2.5, 2.5]
    assert len({patch.get_linestyle() for patch in ax.patches[::2]}) == 2
    assert len({patch.get_hatch() for patch in ax.patches[1::2]}) == 2


def test_roc_shows_what_is_found_and_det_what_is_missed():
    curves = {"with parts": a_curve(0.9, 0.6, 0.2), "without": a_curve(0.95, 0.7, 0.3)}
    figure = thresholds.roc_and_det(curves, 0.01)
    roc, det = figure.axes
    assert roc.lines[0].get_ydata() == pytest.approx([10, 40, 80])
    assert det.lines[1].get_ydata() == pytest.approx([0.95, 0.7, 0.3])
    assert (roc.get_xscale(), det.get_xscale(), det.get_yscale()) == ("log", "function", "function")
    band = det.collections[0].get_paths()[0].vertices
    assert {round(y, 2) for x, y in band if x == 0.01} == {0.55, 0.65}
    for ax in (roc, det):
        assert [line.get_linestyle() for line in ax.lines] == ["-", "--", ":"]
        assert ax.lines[2].get_xdata() == [0.01, 0.01]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "1", "5", "20", "50"]
    places = det.transData.transform([(0.01, 0.5), (0.01, 0.2), (0.01, 0.8)])[:, 1]
    assert places[0] - places[1] == pytest.approx(places[2] - places[0])  # normal deviates
    assert det.get_ylim() == pytest.approx((0.05, 0.999), abs=0.05)
    figure.canvas.draw()


def test_curves_that_nobody_knows_are_drawn_empty():
    nothing = a_curve(np.nan, np.nan, np.nan)
    thresholds.roc_and_det({"with parts": nothing}, 0.01).canvas.draw()
    empty = pd.DataFrame(columns=["low", "high", "measured", "held"])
    thresholds.splits_chart(empty, 0.01).canvas.draw()
    thresholds.distance_chart(np.array([]), np.array([]), 1.0).canvas.draw()


def test_splits_are_sorted_and_those_outside_have_another_mark():
    rows = [(0.01, 0.03, 0.02, True), (0.01, 0.02, 0.04, False), (0.0, 0.02, 0.01, True)]
    figure = thresholds.splits_chart(pd.DataFrame(rows, columns=["low", "high", "measured", "held"]), 0.015)
    inside, outside, asked = figure.axes[0].lines
    assert inside.get_ydata() == pytest.approx([1, 2])
    assert outside.get_xdata() == [2]
    assert outside.get_ydata() == pytest.approx([4])
    assert inside.get_marker() != outside.get_marker()
    assert asked.get_ydata() == [1.5, 1.5]
    bars = figure.axes[0].collections[0].get_segments()
    assert bars[0][:, 1] == pytest.approx([0, 2])


def test_pairs_stand_one_above_the_other(tmp_path):
    colors = {name: (40 * number, 0, 0) for number, name in enumerate("abcd")}
    for name, color in colors.items():
        Image.new("RGB", (16, 16), color).save(tmp_path / f"{name}.png")
    images = pd.DataFrame({"path": [tmp_path / f"{name}.png" for name in colors]})
    rows = {"one/two": np.array([[0, 1], [2, 3]]), "none/of them": np.empty((0, 2), int)}
    ax = thresholds.pair_sheet(images, rows, number=2).axes[0]
    found = [(tuple(image.get_extent()), image.get_array()[8, 8].tolist()) for image in ax.images]
    above, below = ({place[0]: color[0] for place, color in found[start : start + 2]} for start in (0, 2))
    assert {(above[x], below[x]) for x in above} == {(0, 40), (80, 120)}
    assert [text.get_text() for text in ax.texts] == ["one", "two", "none", "of them"]


def test_shares_in_words():
    assert thresholds.share(Estimate(0.0123, 0.0081, 0.0169)) == "1.2% (0.81 to 1.7)"
    assert thresholds.share(Estimate(0.0123, np.nan, np.nan)) == "1.2%"
    assert thresholds.share(UNKNOWN) == "–"


def carried(**rows):
    names = {"a": "all pairs", "n": "near-duplicates", "o": "one camera", "t": "two cameras"}
    index = pd.MultiIndex.from_tuples([(names[key[0]], names[key[1]]) for key in rows])
    return pd.DataFrame(rows.values(), index=index, columns=["low", "high", "measured", "missed"])


def row(measured, missed):
    return 0.005, 0.02, Estimate(measured, measured / 2, measured * 2), Estimate(missed, missed / 2, missed * 2)


def test_a_carried_rate_in_words():
    by_kind = carried(aa=row(0.01, 0.3), an=row(0.1, 0.3), na=row(0.001, 0.4), nn=(np.nan, np.nan, UNKNOWN, UNKNOWN))
    words = thresholds.carried_words(by_kind)
    assert words.loc["all pairs", "near-duplicates"].tolist() == ["0.5 to 2%", "10% (5 to 20)", "30% (15 to 60)"]
    assert words.loc["near-duplicates", "near-duplicates"].tolist() == ["–", "–", "–"]
    by_camera = carried(oo=row(0.01, 0.2), ot=row(0.002, 0.9), to=row(0.03, 0.1), tt=row(0.01, 0.8))
    splits = pd.DataFrame({"held": [True, True, False]})
    assert thresholds.held_words({"held": splits, "none": splits[:0]}) == {"held": "2 of 3", "none": "0 of 0"}
    assert thresholds.failure_words(by_kind, by_camera) == {
        "alike_measured": "10.0%",
        "alike_missed": "–",
        "alike_own": "–",
        "one_camera": "3.0%",
        "two_cameras": "0.2%",
        "two_missed": "90.0%",
    }


def test_a_search_in_words():
    words = thresholds.search_words([100, 10_000], 0.01, {"with parts": [0.5, np.nan]})
    assert words.loc["100"].tolist() == ["1", "1%", "50.0%"]
    assert words.loc["10,000"].tolist() == ["100", "0.01%", "–"]
    assert thresholds.found_words(np.array([0, 1, 2, 3, 100])) == {
        "mean_found": "21",
        "median_found": "2",
        "many_found": "61",
    }


def test_pairs_of_one_kind_are_counted_where_the_kind_is_known():
    kind = np.array([0, 0, 1, -1, -1])
    different = np.triu(np.ones((5, 5), bool), 1)
    near = different & (np.arange(5)[:, None] == 0)
    words = thresholds.alike_words(kind, different, near)
    assert words == {"alike_all": "33.3%", "alike_false": "50.0%"}  # of 3 pairs, of 2
    assert thresholds.alike_words(np.full(5, -1), different, near) == {"alike_all": "–", "alike_false": "–"}
    assert thresholds.alike_words(kind, different, np.zeros((5, 5), bool))["alike_false"] == "–"

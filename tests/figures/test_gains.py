import pandas as pd
import pytest

from partreg.figures.gains import curve_chart, dial_panels, gain_panels, gain_slopes
from partreg.paper import OURS
from partreg.retrieval.statistics import Contrast


def curves(seeds):
    rows = [("without", seed, epoch, 0.1 * epoch + 0.02 * seed) for seed in seeds for epoch in (1, 2)]
    rows += [("with", seed, epoch, 0.2 * epoch + 0.02 * seed) for seed in seeds for epoch in (1, 2)]
    table = pd.DataFrame(rows, columns=["row", "seed", "epoch", "cmc1"])
    return table.assign(cmc1_test=table.cmc1 / 2)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_curves_are_means_over_seeds_in_percent():
    figure = curve_chart(curves((0, 1)), {"cmc1": "validation", "cmc1_test": "test"})
    above, below = figure.axes
    assert [line.get_ydata() for line in above.lines[:2]] == [pytest.approx([11, 21]), pytest.approx([21, 41])]
    assert below.lines[0].get_ydata() == pytest.approx([5.5, 10.5])
    assert len(above.collections) == 2  # a band for each row
    assert (above.get_title(), below.get_title()) == ("validation", "test")
    assert above.get_ylabel() == "CMC@1, %"
    assert len({line.get_linestyle() for line in above.lines[:2]}) == 2  # told apart without colour
    assert legend(figure) == ["without", "with"]


def test_gains_stand_at_their_values_in_order_with_their_intervals():
    t = 12.706204736174694  # Student's t for one degree of freedom
    gains = {
        ("alike", 16.0, "short"): Contrast(0.03, 0.04 / t, 1),
        ("alike", 2.0, "short"): Contrast(0.01, 0.01 / t, 1),
        ("alike", 2.0, "long"): Contrast(0.05),
    }
    figure = gain_panels(gains, {"alike": "of a kind"})
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "16"]
    short, long = ax.containers
    assert short.lines[0].get_ydata() == pytest.approx([1, 3])
    assert short.lines[2][0].get_segments()[1][:, 1] == pytest.approx([-1, 7])
    assert long.lines[0].get_ydata() == pytest.approx([5])
    assert short.lines[0].get_xdata()[0] < 0 < long.lines[0].get_xdata()[0]  # neither hides the other
    assert ax.get_xlabel() == "of a kind"
    assert legend(figure) == ["short", "long"]


def points(*rows):
    return pd.DataFrame(rows, columns=["row", "near_duplicates", "cmc1", "low", "high"])


def test_each_method_has_a_chart_with_its_interval_before_all_others():
    kept = points(
        (OURS, 1, 0.5, 0.4, 0.55), (OURS, 4, 0.3, 0.2, 0.4), ("LOMO", 1, 0.2, 0.1, 0.3), ("LOMO", 4, 0.1, 0, 0.2)
    )
    figure = dial_panels(kept, points(("LOMO", 2, 0.25, 0.2, 0.3)), 0.01, "HIT@1, %")
    ours, lomo = figure.axes
    assert (ours.get_title(), lomo.get_title()) == (OURS, "LOMO")
    assert list(lomo.get_xticks()) == [1, 2, 4]
    (mine,) = ours.containers
    assert mine.lines[0].get_ydata() == pytest.approx([50, 30])
    assert mine.lines[2][0].get_segments()[0][:, 1] == pytest.approx([40, 55])
    kept_lomo, own_lomo = lomo.containers
    assert kept_lomo.lines[0].get_xdata() == pytest.approx([1, 4])
    assert (own_lomo.lines[0].get_xdata(), own_lomo.lines[0].get_ydata()) == (pytest.approx([2]), pytest.approx([25]))
    dashed = [line.get_ydata() for line in lomo.lines if line.get_linestyle() == "--"]
    assert dashed == [pytest.approx([50, 30])]  # ours
    assert [line.get_ydata()[0] for line in lomo.lines if line.get_linestyle() == ":"] == [pytest.approx(1)]
    assert sorted(legend(figure)) == sorted([OURS, "guessing", "this method, 95% interval", "in this book's own run"])


def test_a_reader_without_points_of_his_own_sees_those_of_the_repository():
    figure = dial_panels(points((OURS, 1, 0.5, 0.4, 0.55)), points(), 0.01, "CMC@1, %")
    assert len(figure.axes[0].containers) == 1


def test_seeds_are_lines_and_the_gain_has_its_interval():
    pairs = pd.DataFrame({"without": [0.1, 0.2], "with": [0.12, 0.24]})
    kept_gain = Contrast(0.03, 0.01, 1)
    figure = gain_slopes({"repository": (pairs, kept_gain), "this run": (pairs[:1], Contrast(0.02))}, 0.05)
    left, right = figure.axes
    assert [line.get_ydata() for line in left.lines[:2]] == [pytest.approx([10, 12]), pytest.approx([20, 24])]
    kept, own = right.containers
    assert kept.lines[0].get_ydata() == pytest.approx([3])
    assert kept.lines[2][0].get_segments()[0][:, 1] == pytest.approx([3 - 12.706204736174694, 3 + 12.706204736174694])
    assert own.lines[0].get_ydata() == pytest.approx([2])
    assert not own.lines[2][0].get_segments()[0].size  # one pair has no interval
    assert sorted(legend(figure)) == ["guessing", "repository", "this run"]
    alone = gain_slopes({"repository": (pairs, kept_gain), "this run": (pairs[:0], kept_gain)}, 0.05)
    assert sorted(legend(alone)) == ["guessing", "repository"]

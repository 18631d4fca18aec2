import numpy as np
import pandas as pd
import pytest

from partreg.figures.gains import Gain, curve_chart, gain_panels


def curves(seeds):
    rows = [("without", seed, epoch, 0.1 * epoch + 0.02 * seed) for seed in seeds for epoch in (1, 2)]
    rows += [("with", seed, epoch, 0.2 * epoch + 0.02 * seed) for seed in seeds for epoch in (1, 2)]
    table = pd.DataFrame(rows, columns=["row", "seed", "epoch", "cmc1"])
    return table.assign(cmc1_test=table.cmc1 / 2)


def test_curves_are_means_over_seeds_in_percent():
    figure = curve_chart(curves((0, 1)), {"cmc1": "validation", "cmc1_test": "test"}, "CMC@1, %")
    above, below = figure.axes
    assert [line.get_ydata() for line in above.lines] == [pytest.approx([11, 21]), pytest.approx([21, 41])]
    assert below.lines[0].get_ydata() == pytest.approx([5.5, 10.5])
    assert len(above.collections) == 2  # a band for each row
    assert (above.get_title(), below.get_title()) == ("validation", "test")
    assert len({line.get_linestyle() for line in above.lines}) == 2  # told apart without colour


def test_one_seed_has_no_band_and_no_curve_is_no_error():
    assert not curve_chart(curves((0,)), {"cmc1": "validation"}, "%").axes[0].collections
    nothing = curve_chart(curves((0,))[:0], {"cmc1": "validation"}, "%")
    assert not nothing.axes[0].lines


def test_gains_stand_at_their_values_in_order_with_their_intervals():
    short = {4.0: Gain(0.03, 0.01, 0.05), 1.0: Gain(0.01, -0.01, 0.03)}
    figure = gain_panels(
        {"alike": {"short": short, "long": {1.0: Gain(0.02, np.nan, np.nan)}}}, {"alike": "vehicles alike"}
    )
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "4"]
    first, second = (container.lines[0].get_ydata() for container in ax.containers)
    assert first == pytest.approx([1, 3])
    assert second == pytest.approx([2])
    bars = ax.containers[0].lines[2][0].get_segments()
    assert bars[1][:, 1] == pytest.approx([1, 5])
    assert ax.get_xlabel() == "vehicles alike"
    assert not figure.axes[1].get_visible()

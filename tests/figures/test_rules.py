import numpy as np
import pandas as pd
import pytest

from partreg.datasets.images import images_table
from partreg.figures.rules import LEVELS, rounded, rule_words, tie_chart
from partreg.retrieval import variants


def test_rounded_by_hand():
    assert rounded(np.array([[2.0, 3.0, 6.0]]), 1).tolist() == [[0, 0, 0]]
    assert rounded(np.array([[2.0, 3.0, 6.0]]), 2).tolist() == [[0, 0, 1]]
    assert rounded(np.array([[2.0, 3.0, 6.0]]), 4).tolist() == [[0, 1, 3]]
    assert rounded(np.full((1, 3), 5.0), 4).tolist() == [[0, 0, 0]]


def test_at_one_level_only_the_rule_speaks():
    names = ["a", "b", "c", "d", "e"]
    gallery = images_table({"image": names, "path": names, "vehicle": [1, 2, 1, 1, 2], "camera": [1, 1, 2, 3, 2]})
    chart = tie_chart(np.array([[0, 0.1, 0.7, 0.9, 0.3]]), gallery[:1], gallery)
    # Image a is junk; of b, c, d, e the matches are c and d.
    assert chart.table.index.tolist() == list(LEVELS)
    assert chart.table.loc[1].tolist() == pytest.approx([(1 / 2 + 2 / 3) / 2, 1, 2 / 4])
    assert chart.table.loc[4096].tolist() == pytest.approx([(1 / 3 + 2 / 4) / 2] * 3)
    assert len({line.get_linestyle() for line in chart.figure.axes[0].lines}) == 3


def test_words_say_how_far_rules_are_apart():
    toolboxes = pd.Series({"partreg": 0.5, "VeRi-776's own evaluation": 0.512, "regob/vehicle_reid": 0.47})
    wholes = [
        (variants.WHOLE, "stable", 0.6, 0.5),
        (variants.WHOLE, "worst", 0.6, 0.4),
        (variants.NO_QUERIES, "stable", 0.63, 1),
    ]
    lines = [*wholes, (variants.NO_JUNK, "stable", 0.7, 1)]
    rules = pd.DataFrame(lines, columns=["gallery", "ties", "rank1", "mAP"]).assign(rule="rectangular")
    other = rules.assign(rule="trapezoidal", mAP=0.9, rank1=0.9)
    by_score = pd.DataFrame({"mAP": [0.3, 0.7], "trapezoidal": [-0.02, 0.01], "no_queries": [0, 0.005]})
    words = rule_words(toolboxes, pd.concat([rules, other]), [0.1, 0.2, 0.25, 0.3, 0.07], by_score)
    assert words == {
        "toolbox_range": "0.500 to 0.512",
        "trapezoidal_apart": "+1.2",
        "junk_apart": "+50.0",
        "rank1_fewer": "+3.0",
        "rank1_junk": "+10.0",
        "ties_apart": "10.00",
        "widest_at": "0.30",
        "levels": f"{max(LEVELS):,}",
        "draws_apart": "5.0",
        "swap_apart": "−3.0",
        "trapezoidal_range": "−2.00 to +1.00",
        "no_queries_range": "+0.00 to +0.50",
    }

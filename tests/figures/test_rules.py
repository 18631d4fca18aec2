import numpy as np
import pytest

from partreg.datasets.images import images_table
from partreg.figures.rules import LEVELS, rounded, tie_chart


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

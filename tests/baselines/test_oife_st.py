import math

import numpy as np
import pandas as pd
import pytest

from partreg.baselines.oife_st import ALPHA, BETA, joined, spatio_temporal
from partreg.baselines.spacetime import TransitionModel

MODEL = TransitionModel(np.array([1, 2]), np.full((3, 3), np.log(1000) + 0.25), np.full((3, 3), 0.5))


def seen(*rows):
    """Images by (camera, time)."""
    return pd.DataFrame(rows, columns=["camera", "time"])


def test_spatio_temporal_distance_by_hand():
    found = spatio_temporal(np.array([0, 0.25, 0.5, 1]))
    expected = [1 / (1 + math.exp(ALPHA * (p - 0.5))) for p in (0, 0.25, 0.5, 1)]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
    assert found[2] == 0.5
    assert found[0] + found[3] == pytest.approx(1)


def test_a_likelier_time_is_nearer():
    assert (np.diff(spatio_temporal(np.linspace(0, 1, 101))) < 0).all()


def test_the_sum_by_hand():
    # 1000 later is the likeliest time, one later is out of question, an unknown time is neither.
    found = joined(np.array([[1.0, 2, 3]]), seen((1, 0)), seen((2, 1000), (2, 1), (2, -1)), MODEL)
    s = [1 / (1 + math.exp(ALPHA / 2)), 1 / (1 + math.exp(-ALPHA / 2)), 0.5]
    assert found[0].tolist() == pytest.approx([0.5 + BETA * s[0], 1 + BETA * s[1], 1.5 + BETA * s[2]], rel=1e-9)


def test_without_times_the_order_is_the_visual_one_and_lengths_do_not_count():
    visual = np.random.default_rng(0).random((4, 9))
    query, gallery = seen(*[(1, -1)] * 4), seen(*[(2, 5)] * 9)
    found = joined(visual, query, gallery, MODEL)
    assert (found.argsort(1) == visual.argsort(1)).all()
    np.testing.assert_allclose(joined(1000 * visual, query, gallery, MODEL), found)


def test_equal_features_are_finite():
    assert joined(np.zeros((1, 1)), seen((1, 0)), seen((2, 9)), MODEL).tolist() == pytest.approx(
        BETA * spatio_temporal(MODEL.probability(seen((1, 0)), seen((2, 9))))
    )

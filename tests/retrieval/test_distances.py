import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.errors import PartregError
from partreg.retrieval.distances import BLOCK, check_features, l2


def test_l2_by_hand():
    distances = l2(np.array([[0.0, 0], [3, 4]]), np.array([[3.0, 4], [0, 0], [3, 0]]))
    assert distances.tolist() == [[5, 0, 3], [0, 5, 4]]
    assert distances.dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.floats(-1e3, 1e3))
def test_l2_agrees_with_the_definition_far_from_the_origin(seed, queries, gallery, width, centre):
    rng = np.random.default_rng(seed)
    left = (centre + rng.standard_normal((queries, width))).astype(np.float32)
    right = (centre + rng.standard_normal((gallery, width))).astype(np.float32)
    expected = np.sqrt(((left[:, None].astype(np.float64) - right[None]) ** 2).sum(-1))
    np.testing.assert_allclose(l2(left, right), expected, rtol=1e-4, atol=1e-4)


def test_l2_does_not_depend_on_the_blocks():
    rng = np.random.default_rng(0)
    query, gallery = rng.standard_normal((BLOCK + 3, 4)), rng.standard_normal((5, 4))
    np.testing.assert_allclose(l2(query, gallery)[-3:], l2(query[-3:], gallery), rtol=1e-6)


def test_a_feature_is_at_no_distance_from_itself():
    features = 100 + np.random.default_rng(0).standard_normal((20, 256)).astype(np.float32)
    assert np.diag(l2(features, features)).max() < 1e-5


@pytest.mark.parametrize(
    ("features", "rows", "sentence"),
    [
        (np.zeros(3), None, r"shape \(3,\), expected \(images, width\)"),
        (np.array([["0.5"]]), None, "are of type <U3, expected real numbers"),
        (np.zeros((1, 2), complex), None, "are of type complex128, expected real numbers"),
        (np.zeros((3, 2)), 4, r"shape \(3, 2\), expected \(4, width\)"),
        (np.array([[0.0], [np.nan]]), None, r"NaN or infinite values \(1 rows, the first 1\)"),
        (np.array([[np.inf], [np.nan]]), None, r"NaN or infinite values \(2 rows, the first 0\)"),
    ],
)
def test_features_that_cannot_be_judged(features, rows, sentence):
    with pytest.raises(PartregError, match=f"query features .*{sentence}"):
        check_features(features, "query", rows)


def test_widths_must_agree():
    with pytest.raises(PartregError, match="width 2 cannot be compared with gallery features of width 3"):
        l2(np.zeros((1, 2)), np.zeros((1, 3)))

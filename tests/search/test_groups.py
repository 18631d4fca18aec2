"""Groups are those of average-link clustering, written out; what does not fit into memory is refused."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.search import groups
from partreg.search.groups import Groups, group
from tests.search.conftest import draw


def plain(features, threshold):
    """Join the two nearest groups until none are near enough."""
    found = [[row] for row in range(len(features))]
    while len(found) > 1:
        means = {
            (i, j): np.mean([np.linalg.norm(features[a] - features[b]) for a in found[i] for b in found[j]])
            for i in range(len(found))
            for j in range(i)
        }
        (i, j), least = min(means.items(), key=lambda item: item[1])
        if least > threshold:
            break
        found[j] += found.pop(i)
    numbers = np.empty(len(features), int)
    for number, rows in enumerate(sorted(found, key=min), start=1):
        numbers[rows] = number
    return numbers


def test_by_hand():
    # 0 and 2 join at 2; 5 is 5 and 3 from them, 4 in the mean: under single link it would join at 3.
    features = np.array([[0.0], [5.0], [2.0]])
    assert group(features, 3.5).tolist() == [1, 2, 1]
    assert group(features, 4.0).tolist() == [1, 1, 1]
    assert group(features, 1.9).tolist() == [1, 2, 3]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12), threshold=st.floats(0.1, 4))
def test_it_equals_joining_by_hand(seed, count, threshold):
    features = np.random.default_rng(seed).standard_normal((count, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "BLOCK", 5)
        found = group(features, threshold)
    np.testing.assert_array_equal(found, plain(features, threshold))


def test_small_and_equal():
    assert group(np.zeros((0, 2)), 1).tolist() == []
    assert group(np.zeros((1, 2)), 1).tolist() == [1]
    assert group(np.ones((5, 2)), 0).tolist() == [1] * 5


def test_more_pairs_than_half_of_the_memory_holds_are_refused(monkeypatch):
    assert groups.half_of_memory() > 10**6
    monkeypatch.setattr(groups, "half_of_memory", lambda: 10**6)
    with pytest.raises(PartregError, match=r"grouping 1,000 pictures needs 0\.0 GB .* at most 353 pictures"):
        group(np.zeros((1000, 2)), 1)


def test_what_cannot_be_grouped_is_refused():
    with pytest.raises(PartregError, match=r"threshold is -1; expected a distance of 0 or more"):
        group(np.zeros((3, 2)), -1)
    with pytest.raises(PartregError, match="threshold is nan"):
        group(np.zeros((3, 2)), float("nan"))
    with pytest.raises(PartregError, match="hold NaN"):
        group(np.full((3, 2), np.nan), 1)


def test_the_sentence_counts():
    said = str(Groups(["a", "b", "c", "d"], np.array([1, 2, 1, 1]), 0.5))
    assert said == "4 pictures in 2 groups at distance 0.5000; 1 group of one picture, 3 in the largest."
    assert str(Groups(["a"], np.array([1]), 0.5)).startswith("1 picture in 1 group at distance 0.5000; 1 group of one")


def test_the_command_writes_picture_and_group(indexed, pictures):
    from partreg.search.index import index_folder

    draw(pictures / 'a, "b".png', 2)  # as c.png
    index_folder(pictures)
    refused = CliRunner().invoke(commands, ["group", str(indexed)])
    assert "no threshold yet" in str(refused.exception)
    done = CliRunner().invoke(commands, ["group", str(indexed), "--threshold", "1e-5"])
    assert "5 pictures in 4 groups" in done.output
    rows = list(csv.reader((indexed / "groups.csv").read_text().splitlines()))
    assert rows[0] == ["picture", "group"]
    assert rows[1] == ['a, "b".png', "1"]
    assert rows[2] == ["c.png", "1"]
    assert [row[1] for row in rows[3:]] == ["2", "3", "4"]

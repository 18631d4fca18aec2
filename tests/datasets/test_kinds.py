"""Model and colour that are not known make no two vehicles alike."""

import numpy as np
import pandas as pd
import pytest

from partreg.datasets.kinds import facts, kinds, share_alike, vehicles_alike
from partreg.datasets.vehicleid import read_vehicleid
from partreg.synthetic.dials import informed_cmc1, near_duplicate_rows

LISTED = pd.DataFrame(
    {
        "vehicle": [1, 1, 2, 3, 4, 5, 6],
        "model": [7, 7, 7, 8, -1, -1, 7],
        "color": [0, 0, 0, 0, -1, -1, -1],
    }
)


def test_an_unknown_model_or_colour_is_no_kind_of_its_own():
    assert kinds(LISTED)[[0, 1, 2]].tolist() == [kinds(LISTED)[0]] * 3
    assert kinds(LISTED)[[4, 5, 6]].tolist() == [-1, -1, -1]
    assert vehicles_alike(LISTED).tolist() == [2, 2, 2, 1, 0, 0, 0]
    assert facts(LISTED) == {"models": 2, "known": 3, "groups": 2, "largest": 2, "informed": (3 * 0.5 + 1) / 4}
    assert informed_cmc1(LISTED) == (3 * 0.5 + 1) / 4


def test_vehicles_of_unknown_kind_are_never_shown_as_near_duplicates():
    assert near_duplicate_rows(LISTED, 6, 7) == [[0, 2]]


def test_where_nothing_is_known_nothing_is_claimed():
    unknown = LISTED.assign(model=-1)
    found = facts(unknown)
    assert (found["models"], found["known"], found["groups"], found["largest"]) == (0, 0, 0, 0)
    assert np.isnan(found["informed"])
    assert near_duplicate_rows(unknown, 6, 7) == []


def test_only_wrong_answers_of_known_kind_count():
    kind = np.array([0, 0, 1, -1, 0])
    results = np.array([[1, 2, 3, 4], [0, 1, 2, 4]])
    matches = np.array([[False, False, False, True], [False] * 4])
    # Of query 0: image 1 is alike, 2 is not, 3 is unknown, 4 is right. Query 3 is of unknown kind.
    assert share_alike(kind, np.array([0, 3]), results, matches) == 0.5
    assert np.isnan(share_alike(kind, np.array([3]), results[:1], matches[:1]))


def test_vehicleids_own_lists(real, tmp_path):
    (tmp_path / "train_test_split").mkdir()
    for name, listed in {"test_list_800.txt": "test_list_800.txt", "train_list.txt": "img2vid.txt"}.items():
        (tmp_path / "train_test_split" / name).symlink_to(real / "vehicleid_lists" / listed)
    (tmp_path / "attribute").symlink_to(real / "vehicleid_lists")
    found = facts(read_vehicleid(tmp_path).train)
    assert (found["models"], found["known"], found["largest"]) == (228, 10_086, 260)
    assert found["informed"] == pytest.approx(0.0829, abs=5e-5)

"""A data set whose lists are wrong is refused before anything is learnt or judged."""

import re

import pytest

from partreg import workflow
from partreg.errors import PartregError
from partreg.parts.boxes import BOX_COLUMNS, boxes_table
from partreg.workflow import data, stages
from tests.datasets.layouts import QUERY, TRAIN, write, write_vehicleid, write_veri

LISTS = "train_test_split/test_list_{}.txt"


@pytest.mark.parametrize(
    ("file", "lines", "sentence"),
    [
        (LISTS.format(2), ["0000004 21", "0000005 21", "0000006 12"], "vehicle 12 is in the training list too (line 3"),
        (LISTS.format(2), ["0000004 21", "0000005 21"], "expected 2 vehicles, as its name says, found 1"),
        ("train_test_split/train_list.txt", [], "expected images, found none"),
    ],
)
def test_wrong_lists_of_vehicleid_are_refused(tmp_path, file, lines, sentence):
    root = write_vehicleid(tmp_path)
    write(root / file, *lines)
    with pytest.raises(PartregError, match=f"{re.escape(file)}.*{re.escape(sentence)}.*partreg check"):
        data.read("vehicleid", root)


@pytest.mark.parametrize(
    ("file", "lines", "sentence"),
    [
        ("name_query.txt", [*QUERY, "0002_c001_00000099_0.jpg"], "is not in name_test.txt, expected it in the gallery"),
        ("name_train.txt", [*TRAIN, "0002_c009_00000099_0.jpg"], "vehicle 2 is in the training list too"),
    ],
)
def test_wrong_lists_of_veri_are_refused(tmp_path, file, lines, sentence):
    root = write_veri(tmp_path)
    write(root / file, *lines)
    with pytest.raises(PartregError, match=re.escape(sentence)):
        data.read("veri", root)


def test_the_three_shortest_lists_are_judged_as_in_the_paper(tmp_path):
    root = write_vehicleid(tmp_path)
    for count in (3, 4, 5):
        write(root / LISTS.format(count), *(f"{number:07d} {20 + number // 2}" for number in range(10, 10 + 2 * count)))
    assert list(data.read("vehicleid", root).tests) == [2, 3, 4]


def test_a_detector_that_finds_nothing_stops_what_needs_its_boxes(tmp_path, monkeypatch):
    ws = workflow.open_workspace(
        "smoke", output=str(tmp_path / "out"), vehicleid=str(write_vehicleid(tmp_path / "data"))
    )
    monkeypatch.setattr(stages, "detected_boxes", lambda *_: boxes_table(dict.fromkeys(BOX_COLUMNS, ())))
    with pytest.raises(PartregError, match="the detector found no part in 26 images, so all boxes would be the whole"):
        stages.filled_boxes(ws, "vehicleid")

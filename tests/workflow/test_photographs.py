"""The table of real photographs: which rows are run, and what may be wrong with a file of choices."""

import pandas as pd
import pytest

from partreg import workflow
from partreg.workflow import photographs

ROW = {"layout": "veri", "row": "LOMO", "cmc1": 0.5}


@pytest.fixture
def folder(tmp_path):
    """A VeRi folder as far as it is looked at before anything is read."""
    root = tmp_path / "VeRi"
    root.mkdir()
    return root


def test_rows_that_lack_a_side_file_are_left_out(folder, tmp_path):
    ws = workflow.open_workspace("smoke", output=str(tmp_path / "out"), veri=str(folder))
    # GoogLeNet, and with it FACT, would learn the models of rendered vehicles.
    expected = ["Baseline", "BOW-CN", "LOMO"]
    assert photographs.rows_here(ws) == [("veri", row) for row in expected]
    (folder / "keypoints.csv").touch()
    assert {("veri", "OIFE"), ("veri", "OIFE+ST")} < set(photographs.rows_here(ws))


def test_rows_with_parts_want_annotations(folder, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("{}")
    choices = {"output": str(tmp_path / "out"), "vehicleid": str(folder)}
    without = photographs.rows_here(workflow.open_workspace("smoke", **choices))
    assert [row for _, row in without] == ["Baseline", "VGG+Triplet Loss", "VGG+CCL", "Strong baseline"]
    both = photographs.rows_here(workflow.open_workspace("smoke", **choices, annotations=str(boxes)))
    assert {row for _, row in both} - {row for _, row in without} == {"Ours", "Strong baseline + parts"}


def test_the_table_is_written_whole(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "REFERENCE", tmp_path)
    monkeypatch.setattr(photographs, "scored", lambda ws, layout, row: {**ROW, "layout": layout, "row": row})
    choices = tmp_path / "mine.yaml"
    choices.write_text(f"profile: smoke\noutput: {tmp_path / 'out'}\nveri: {folder}\n")
    photographs.main([str(choices)])
    found = pd.read_csv(tmp_path / "photographs.csv")
    assert list(found.row) == ["Baseline", "BOW-CN", "LOMO"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile: [", "expected a YAML file of choices"),
        ("- a\n- b\n", "'no names' is no choice"),
        ("profil: smoke\n", "'profil' is no choice; expected some of profile, output"),
        ("profile: smoke\n", "neither vehicleid nor veri names a folder"),
    ],
)
def test_a_file_of_choices_that_is_wrong_is_refused_in_one_sentence(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit) as caught:
        photographs.main([str(path)])
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_file_has_to_be_there_and_be_named(tmp_path):
    with pytest.raises(SystemExit, match="expected a YAML file of choices"):
        photographs.main([str(tmp_path / "absent.yaml")])
    with pytest.raises(SystemExit, match="make photographs FILE="):
        photographs.main([])

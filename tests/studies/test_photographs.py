"""The table of real photographs: which rows are run, and where it goes."""

import json

import pandas as pd
import pytest

from partreg import workflow
from partreg.baselines import declarations, table_methods
from partreg.studies import photographs
from partreg.workflow.profile import REFERENCE
from step import run_study
from tests.datasets.layouts import write_veri

ROW = {"method": "bow_cn", "cmc1": 0.5}
FREE = [row for row, method in table_methods("veri").items() if not declarations()[method].side_files]


@pytest.fixture
def folder(tmp_path):
    """A VeRi folder as far as it is looked at before anything is read."""
    root = tmp_path / "VeRi"
    root.mkdir()
    return root


def test_rows_that_lack_a_side_file_are_left_out(folder, tmp_path):
    ws = workflow.open_workspace("smoke", output=str(tmp_path / "out"), veri=str(folder))
    # GoogLeNet, and with it FACT, would learn the models of rendered vehicles.
    expected = ["Baseline", *FREE]
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


def test_the_table_goes_into_the_results_folder_and_nowhere_else(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(photographs, "scored", lambda ws, layout, row: ROW)
    mine = tmp_path / "mine.yaml"
    mine.write_text("profile: smoke\noutput: out\nveri: VeRi\n")
    choices = json.dumps({"profile": str(mine)})
    write_veri(folder)
    for job in photographs.STUDY.jobs(workflow.open_workspace(str(mine))):
        assert run_study(choices, "photographs", job) == 0
    assert run_study(choices, "photographs") == 0
    found = pd.read_csv(tmp_path / "out" / "studies" / "photographs.csv")
    assert list(found.row) == ["Baseline", *FREE]
    assert list(found.columns) == list(pd.read_csv(REFERENCE / "photographs.csv").columns)
    assert str(tmp_path / "out") in capsys.readouterr().out

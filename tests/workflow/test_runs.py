"""The networks of the book: which there are, and which tables share them."""

import pytest

from partreg import paper, workflow
from partreg.baselines import declarations, table_methods
from partreg.errors import PartregError


def test_table_4_has_the_papers_rows_in_the_papers_order():
    assert list(workflow.TABLE_4) == list(paper.table(4).index)


def test_tables_share_the_runs_that_they_have_in_common():
    ws = workflow.open_workspace("smoke")
    tables = workflow.runs(ws)
    full = tables["table_4"]["Global+Light+Brand+Window"]
    assert full == tables["table_5"]["64"] == [workflow.make_run(ws, "vehicleid")]
    keys = {run.key for table in tables.values() for row in table.values() for run in row}
    # Table 4, its controls, Table 5's smaller size, Table 6; Table 1's others, Table 3's four, and the strong baseline.
    assert len(keys) == 7 + 4 + 1 + 3 + 5 + 4 + 2
    few = workflow.open_workspace("smoke", overrides={"other_methods": False})
    assert len(workflow.networks(few)) == 7 + 4 + 1 + 3


def test_each_seed_is_a_run_of_its_own():
    tables = workflow.runs(workflow.open_workspace("smoke", seeds="0,1,2"))
    row = tables["table_4"]["Baseline (w/o parts)"]
    assert [run.seed for run in row] == [0, 1, 2]
    assert len({run.key for run in row}) == 3


def test_the_baseline_does_not_wait_for_the_detector():
    ws = workflow.open_workspace("smoke")
    longer = workflow.open_workspace("smoke", overrides={"detector": {"epochs": 3}})
    assert workflow.make_run(ws, "vehicleid", parts=()) == workflow.make_run(longer, "vehicleid", parts=())
    assert workflow.make_run(ws, "vehicleid") != workflow.make_run(longer, "vehicleid")


def test_photographs_of_one_kind_learn_nothing_from_rendered_vehicles(tmp_path):
    """GoogLeNet learns the models of VehicleID's images, and FACT and its followers are built on it."""
    (tmp_path / "VeRi").mkdir()
    (tmp_path / "parts.json").write_text("{}")
    ws = workflow.open_workspace("smoke", output=str(tmp_path), veri=str(tmp_path / "VeRi"))
    assert list(workflow.other_methods(ws, "veri").values()) == [
        method for method in table_methods("veri").values() if not declarations()[method].side_files
    ]
    assert len(workflow.other_methods(ws, "vehicleid")) == 5
    told = [line for line in workflow.left_out(ws, "veri") if "learn from" in line]
    assert [line.split(":")[0] for line in told] == [
        "GoogLeNet",
        "FACT",
        *paper.table(3).index.intersection(["FACT+Plate-REC", "FACT+Plate-SNN", "FACT+Plate+STR"], sort=False),
    ]
    why = "there is no VehicleID_V1.0 of photographs to learn from, as VeRi is; it is of rendered vehicles."
    assert told[0] == f"GoogLeNet: not run, for {why}"
    with pytest.raises(PartregError, match=r"googlenet cannot be run, for there is no VehicleID_V1\.0 of photographs"):
        workflow.judge(ws, "veri", "googlenet")
    assert workflow.data_words(ws, "veri").endswith("from a detector that learnt from rendered vehicles")
    assert "detector" not in workflow.data_words(ws, "vehicleid")
    drawn = workflow.open_workspace("smoke", output=str(tmp_path), annotations=str(tmp_path / "parts.json"))
    assert workflow.data_words(drawn, "veri").endswith("from a detector that learnt from photographs")
    both = workflow.open_workspace(
        "smoke", output=str(tmp_path), veri=str(tmp_path / "VeRi"), annotations=str(tmp_path / "parts.json")
    )
    assert "detector" not in workflow.data_words(both, "veri")


def test_a_profile_that_names_what_is_not_there_is_refused():
    with pytest.raises(PartregError, match="profile smoke: methods: 'vgg_tripet' is unknown"):
        workflow.open_workspace("smoke", overrides={"methods": {"vgg_tripet": {"lr": 1.0}}})
    with pytest.raises(PartregError, match="profile smoke: benchmark: 'near_duplicate' is unknown"):
        workflow.open_workspace("smoke", overrides={"benchmark": {"near_duplicate": 4}})

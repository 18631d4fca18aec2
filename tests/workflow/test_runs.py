"""The networks of the book: which there are, and which tables share them."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from partreg import files, paper, workflow
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.workflow import driver
from partreg.workflow.settings import tried_runs


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
    few = workflow.open_workspace("smoke", overrides={"other_rows": False})
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


def test_make_settings_asks_snakemake_for_the_settings(tmp_path):
    command = driver.snakemake_command({"profile": "smoke"}, tmp_path, 2, "settings")
    assert command[:4] == [sys.executable, "-m", "snakemake", "settings"]
    assert files.read_json(command[command.index("--configfile") + 1]) == {"profile": "smoke"}


def test_the_costs_name_what_is_still_to_run(tmp_path):
    ws = workflow.open_workspace("smoke", output=str(tmp_path))
    book, settings = driver.costs(ws, "all"), driver.costs(ws, "settings")
    assert len(book) == 13 + 26 + 6 + 2  # the chapters but for the copied ones, networks, other rows, and the dial
    assert {driver.run_label(run) for run in tried_runs(ws)} <= set(settings)
    assert "10_rank_lists" not in settings
    done = driver.chapter_path(ws, "03_missing_parts")
    done.parent.mkdir()
    done.touch()
    assert set(book) - set(driver.costs(ws, "all")) == {"03_missing_parts"}


def test_paths_are_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"profile": "mine.yaml", "veri": "data/VeRi", "output": "/out", "seeds": "0,1"}
    here = {"profile": f"{tmp_path}/mine.yaml", "veri": f"{tmp_path}/data/VeRi", "output": "/out", "seeds": "0,1"}
    assert driver.absolute(given) == here
    assert driver.absolute({"profile": "smoke"}) == {"profile": "smoke"}


def test_a_network_learns_from_the_vehicles_that_are_not_held_out(tmp_path):
    ws = workflow.open_workspace("smoke", output=str(tmp_path))
    assert driver.learnt_from(ws, workflow.make_run(ws, "vehicleid")) == (14 - 4) * 5
    assert driver.learnt_from(ws, workflow.make_run(ws, "veri")) == (8 - 2) * 3 * 2
    (tmp_path / "train_test_split").mkdir()
    (tmp_path / "train_test_split" / "train_list.txt").write_text("1 1\n2 1\n3 2\n4 2\n")
    mine = workflow.open_workspace("smoke", output=str(tmp_path), vehicleid=str(tmp_path))
    assert driver.learnt_from(mine, Run(dataset="vehicleid")) == 2


def test_a_run_waits_for_what_a_killed_driver_left(tmp_path):
    """A driver that is killed alone leaves its Snakemake at work, which holds the lock by its descriptor."""
    child = "import os, sys, time; print('in'); sys.stdout.flush(); time.sleep(1.5); open(sys.argv[1], 'w').close()"
    script = f"""
import os, subprocess, sys
from pathlib import Path
from partreg.workflow.driver import only_one
with only_one(Path({str(tmp_path)!r})) as held:
    subprocess.Popen([sys.executable, "-c", {child!r}, {str(tmp_path / "end")!r}], pass_fds=(held,)).stdout
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False, stdout=subprocess.DEVNULL)
    assert not (tmp_path / "end").exists()
    with driver.only_one(tmp_path):
        assert (tmp_path / "end").exists(), "it waited"


def test_a_results_folder_has_no_braces(tmp_path):
    done = CliRunner().invoke(driver.main, ["--profile", "smoke", "--output", str(tmp_path / "a{b}")])
    assert done.exit_code == 1
    assert "choose a results folder without any" in done.output


def test_photographs_of_one_kind_learn_nothing_from_rendered_vehicles(tmp_path):
    """GoogLeNet learns the models of VehicleID's images, and FACT and its followers are built on it."""
    (tmp_path / "VeRi").mkdir()
    (tmp_path / "parts.json").write_text("{}")
    ws = workflow.open_workspace("smoke", output=str(tmp_path), veri=str(tmp_path / "VeRi"))
    assert list(workflow.other_rows(ws, "veri").values()) == ["bow_cn", "lomo"]  # these need no file at all
    assert len(workflow.other_rows(ws, "vehicleid")) == 5
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

"""What each chapter waits for."""

import json
import re

import nbformat
import pytest
import yaml

import needs
from needs import NEEDS, copied_run, kept_files
from partreg import workflow
from partreg.baselines import table_methods
from partreg.workflow.parameters import assigned, described_method, described_run
from partreg.workflow.runs import method_run
from tests.conftest import REPOSITORY


def test_every_notebook_is_a_chapter_with_its_needs():
    names = {path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert set(NEEDS) == names
    shown = re.findall(r"notebooks/(\w+)", yaml.dump(yaml.safe_load((REPOSITORY / "_toc.yml").read_text())))
    assert set(shown) == names


def test_what_a_chapter_waits_for_is_there_to_be_waited_for():
    tables = workflow.runs(workflow.open_workspace("smoke"))
    for name, of in NEEDS.items():
        assert not of.after or of.after < name, "no circle"
        assert set(of.networks) <= set(tables)
        assert not of.kept or len(kept_files(*of.kept)) == len(of.kept) + 4  # corrections, profiles


@pytest.mark.parametrize("profile", ["smoke", "laptop"])
def test_a_network_is_described_to_its_notebook_by_what_it_changes(profile, tmp_path):
    ws = workflow.open_workspace(profile, output=str(tmp_path), seeds="3,0")
    for run in workflow.networks(ws).values():
        given = json.loads(json.dumps(needs.parameters(ws, run)))
        seeded = workflow.open_workspace(profile, output=str(tmp_path), seeds=given["seeds"])
        if needs.trained_by(run) == "04_reid_training":
            assert described_run(seeded, given) == run
        else:
            method, dataset, seed, changes = described_method(seeded, given)
            assert method_run(seeded, dataset, method, seed=seed, **changes) == run
        notebook = nbformat.read(needs.source(needs.trained_by(run)), as_version=4)
        declared = assigned(
            next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        )
        assert set(given) <= set(declared)
    alone = needs.parameters(ws, workflow.make_run(ws, "vehicleid", seed=0))
    assert alone == {"dataset": "vehicleid", "seeds": "0"}
    two = needs.parameters(ws, workflow.make_run(ws, "veri", parts=("window", "light")))
    assert two == {"dataset": "veri", "seeds": "3", "parts": "window,light"}


def test_chapter_11_is_there_without_the_other_methods(tmp_path, monkeypatch):
    ws = workflow.open_workspace("smoke", output=str(tmp_path), overrides={"other_methods": False})
    assert copied_run(ws, "04_reid_training").method == "partreg"
    assert copied_run(ws, "11_other_methods").method == "oife"
    monkeypatch.setattr(needs, "lacking", lambda ws, dataset, method: "keypoints.csv" if method == "oife" else "")
    assert copied_run(ws, "11_other_methods").method == next(iter(table_methods("vehicleid").values()))
    monkeypatch.setattr(needs, "table_methods", lambda dataset: {"VAMI": "vami"})  # the file oife.py is gone
    assert copied_run(ws, "11_other_methods").method == "vami"


def test_every_chapter_that_shows_kept_numbers_is_due_again_where_a_correction_is_made(tmp_path, monkeypatch):
    names = [path.name for path in kept_files("dial")]
    profiles = ["reference.yaml", "laptop.yaml"]  # of which the first takes its sizes from the second
    assert names == ["dial.csv", "corrections.csv", *profiles]
    monkeypatch.setattr(needs, "REFERENCE", tmp_path)
    assert [path.name for path in kept_files("dial")] == profiles
    shown = [path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb") if "effects." in path.read_text("utf-8")]
    assert len(shown) > 5
    assert all(NEEDS[name].kept for name in shown)

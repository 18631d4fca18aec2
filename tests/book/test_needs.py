"""What each chapter waits for."""

import re

import yaml

import needs
from needs import NEEDS, copied_run
from partreg import workflow
from partreg.baselines import table_methods
from partreg.studies.effects import kept_files
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


def test_chapter_11_is_there_without_the_other_methods(tmp_path, monkeypatch):
    ws = workflow.open_workspace("smoke", output=str(tmp_path), overrides={"other_methods": False})
    assert copied_run(ws, "04_reid_training").method == "partreg"
    assert copied_run(ws, "11_other_methods").method == "oife"
    monkeypatch.setattr(needs, "lacking", lambda ws, dataset, method: "keypoints.csv" if method == "oife" else "")
    assert copied_run(ws, "11_other_methods").method == next(iter(table_methods("vehicleid").values()))
    monkeypatch.setattr(needs, "table_methods", lambda dataset: {"VAMI": "vami"})  # the file oife.py is gone
    assert copied_run(ws, "11_other_methods").method == "vami"

"""One kind of study: a job leaves one record, once, and the tables are made of what is recorded."""

import dataclasses
import json
import re

import pytest

from partreg import files, workflow
from partreg.errors import PartregError
from partreg.studies import STUDIES
from partreg.studies.study import Job, Study, record_path, table_path
from step import run_study
from tests.conftest import REPOSITORY
from tests.datasets.layouts import write_vehicleid, write_veri


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


@pytest.fixture
def done():
    """The labels of the jobs that were measured."""
    return []


@pytest.fixture
def study(done, monkeypatch):
    """A study of two jobs without any network."""

    def listed(ws):
        return [
            Job({"row": row}, f"counted, {row}", ws, {"of": row, "code": "1"}, table="counted") for row in ("a", "b")
        ]

    def measure(job):
        if job.what["row"] == "b" and not done:
            raise PartregError("no room.")
        done.append(job.label)
        return {"letters": len(job.label)}

    made = Study("count", "counting", {"counted": ("row", "letters")}, listed, measure)
    monkeypatch.setitem(STUDIES, made.name, made)
    return made


def test_a_job_is_measured_once_and_its_record_says_what_it_is(ws, study, done):
    job, _ = study.listed(ws)
    record = study.record(ws, job)
    assert job.key.startswith("counted-a-")
    assert record == {"row": "a", "letters": 10, "key": job.description, "code": job.code}
    assert study.record(ws, job) == files.read_json(record_path(ws, study, job.key)) == record
    assert done == ["counted, a"]


def test_a_key_holds_the_purpose_the_recipe_and_the_code(ws):
    start = Job({"row": "a"}, "a", ws, {"of": 1, "code": "1"})
    other = {
        "purpose": dataclasses.replace(start, what={"row": "b"}),
        "recipe": dataclasses.replace(start, recipe={"of": 2, "code": "1"}),
        "code": dataclasses.replace(start, recipe={"of": 1, "code": "2"}),
    }
    assert len({start.key, *(job.key for job in other.values())}) == 4
    assert other["code"].description == start.description
    assert start.key == f"a-{start.description}-{start.code}"


def test_what_cannot_be_measured_leaves_no_record(ws, study):
    _, job = study.listed(ws)
    with pytest.raises(PartregError, match="no room"):
        study.record(ws, job)
    assert not record_path(ws, study, job.key).exists()


def test_tables_are_made_of_what_is_recorded_in_the_order_of_the_jobs(ws, study):
    folder = record_path(ws, study, "").parent
    with pytest.raises(PartregError, match=re.escape(f"{folder}: no records yet; run make counting first.")):
        study.collect(ws)
    first, second = study.listed(ws)
    study.record(ws, first)
    assert study.collect(ws, ws.folder / "here") == [ws.folder / "here" / "counted.csv"]
    study.record(ws, second)
    files.write_json(record_path(ws, study, "of-older-code"), {"row": "c"})
    assert study.collect(ws) == [table_path(ws, "counted")]
    assert table_path(ws, "counted").read_text() == "row,letters\na,10\nb,10\n"


def test_a_workspace_without_jobs_is_told_what_to_do(ws):
    for name, profile in {"evidence": "laptop", "photographs": "smoke"}.items():
        study = STUDIES[name]
        here = workflow.Workspace(workflow.open_workspace(profile).profile, ws.folder)
        with pytest.raises(PartregError, match=f"profile '{profile}': {study.without_jobs[:20]}"):
            study.collect(here)


def test_the_command_does_a_job_or_makes_the_tables(ws, study, capsys):
    choices = json.dumps({"profile": "smoke", "output": str(ws.folder)})
    first, second = study.jobs(ws)
    assert run_study(choices, "count", second) == 1
    assert capsys.readouterr().err == "partreg: counted, b: FAILED: no room.\n"
    assert run_study(choices, "count", first) == 0
    told = capsys.readouterr().out
    assert "partreg: counted, a: started\npartreg: counted, a: done in " in told
    assert run_study(choices, "count") == 0
    assert f"partreg: count: the table is {table_path(ws, 'counted')}" in capsys.readouterr().out


def test_a_job_that_is_no_more_and_a_wrong_profile_are_told(ws, study, capsys):
    choices = json.dumps({"profile": "smoke", "output": str(ws.folder)})
    assert run_study(choices, "count", "0123-4567") == 1
    told = capsys.readouterr().err
    assert (
        "partreg: count: FAILED: no job is called 0123-4567 any more: the data, the profile or the code changed" in told
    )
    assert "run make counting again" in told
    assert run_study(json.dumps({"profile": "no_such"}), "count") == 1
    assert "partreg: count: FAILED: " in capsys.readouterr().err


def test_every_study_lists_jobs_with_keys_and_labels_of_their_own(tmp_path):
    ws = workflow.open_workspace("smoke", output=str(tmp_path / "out"), veri=str(write_veri(tmp_path)))
    for name, study in STUDIES.items():
        jobs = study.jobs(ws)
        assert name == study.name
        assert jobs
        assert len({job.label for job in jobs.values()}) == len(jobs) == len(study.listed(ws))


def test_make_runs_every_study():
    lines = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"driver.py --target (\w+)", lines)) == {*STUDIES} - {"own_dial"}  # which is the book's own
    for study in STUDIES.values():
        assert re.search(rf"^{study.target}:", lines, re.MULTILINE)


def test_the_studies_can_be_listed_for_a_profile_of_photographs_alone(tmp_path):
    where = {"vehicleid": str(write_vehicleid(tmp_path / "V")), "veri": str(write_veri(tmp_path / "R"))}
    reid = {"weights": "", "batch": 2}
    ws = workflow.open_workspace("paper", output=str(tmp_path / "out"), **where, overrides={"reid": reid})
    assert not ws.profile.benchmark
    listed = {name: study.listed(ws) for name, study in STUDIES.items()}
    assert listed["photographs"]
    assert listed["dial"] == []  # there is nothing to render
    with pytest.raises(PartregError, match="it says nothing of a benchmark to render"):
        STUDIES["dial"].collect(ws)

"""What is committed is renewed by one command alone, and the book shows the reader's own beside it."""

import re
import shutil
import subprocess

import pandas as pd
import pytest

import keep
import pages
from partreg import files, paper, workflow
from partreg.errors import PartregError
from partreg.reid.run import START
from partreg.studies import effects, evidence, regime
from partreg.studies.evidence import STUDY
from partreg.studies.study import record_path, table_path
from partreg.workflow.profile import REFERENCE
from tests.conftest import REPOSITORY


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


def test_results_are_kept_whole_or_not_at_all(tmp_path):
    mine, kept = tmp_path / "mine", tmp_path / "kept"
    mine.mkdir()
    (mine / "dial.csv").write_text("a\n1\n")
    with pytest.raises(PartregError, match=r"strong\.csv: nothing to keep; run make reference"):
        keep.keep("dial", mine, kept)
    assert not kept.exists()
    (mine / "strong.csv").write_text("b\n2\n")
    assert keep.keep("dial", mine, kept) == [kept / "dial.csv", kept / "strong.csv"]
    assert (kept / "dial.csv").read_text() == "a\n1\n"


def test_what_a_gpu_made_lies_in_a_folder_of_its_own(tmp_path):
    with pytest.raises(PartregError, match=r"tried\.csv: nothing to keep; run make gpu STUDY=regime with"):
        keep.keep("tried", tmp_path, tmp_path / "kept")
    names = ("tried.csv", "layouts.csv")
    for name in names:
        (tmp_path / name).write_text("a\n1\n")
    assert keep.keep("tried", tmp_path, tmp_path / "kept") == [tmp_path / "kept" / "gpu" / name for name in names]


def test_the_start_of_the_networks_goes_into_the_package(tmp_path):
    for name in ("start.json", "start.pt"):
        (tmp_path / name).write_text(name)
    places = [tmp_path / "kept" / "start.json", tmp_path / "package" / "start.pt"]
    assert keep.keep("start", tmp_path, tmp_path / "kept", places[1]) == places
    assert [path.read_text() for path in places] == ["start.json", "start.pt"]


def test_every_committed_result_can_be_renewed():
    places = {what: "gpu/" if what in keep.ON_GPU else "" for what in keep.TABLES}
    kept = {places[what] + name for what, (_, names) in keep.TABLES.items() for name in names} - {START.name}
    by_hand = {"by_hand.csv", "corrections.csv", "settings_random.csv"}  # written, or left as they were, by people
    there = {path.relative_to(REFERENCE).as_posix() for path in REFERENCE.rglob("*") if path.is_file()}
    not_made_yet = {"regime.csv"} - there
    assert kept == (there - by_hand) | not_made_yet


@pytest.mark.parametrize("what", ["", "photo"])
def test_what_to_keep_must_be_said(what):
    with pytest.raises(SystemExit, match=r"WHAT is .*; expected one of evidence, regime, dial, settings"):
        keep.main([what, "smoke", ""])


def test_the_folder_is_that_of_the_choices(ws):
    with pytest.raises(SystemExit, match=re.escape(f"{ws.folder / 'studies' / 'photographs.csv'}: nothing to keep")):
        keep.main(["photographs", "smoke", str(ws.folder)])


def test_the_book_shows_the_readers_own_table_under_words_of_its_own(ws):
    assert pages.own_part(ws, "photographs").startswith("None of your own lies in this book's results folder; `make ph")
    assert "`make settings` makes it" in pages.own_part(ws, "settings_others")
    path = table_path(ws, "photographs")
    path.parent.mkdir()
    pd.DataFrame({"row": ["a|b"], "cmc1": [0.5]}).to_csv(path, index=False)
    assert pages.own_part(ws, "photographs").splitlines()[2:] == ["| row | cmc1 |", "|---|---|", "| a/b | 0.5 |"]


def test_only_one_module_renews_what_is_committed():
    """Who else knows the folder reads it, but for `make restamp`, which says so."""
    folders = ("partreg", "book", "tests/fuzz", "tests/faults.py", "tests/machines.py")
    paths = [path for name in folders for path in [REPOSITORY / name, *(REPOSITORY / name).rglob("*.py")]]
    found = {path.name for path in paths if path.is_file() and re.search(r"\bREFERENCE\b", path.read_text())}
    assert found - {"curve.py", "intervals.py", "tables.py", "promises.py", "started.py"} == {
        "driver.py",
        "effects.py",
        "keep.py",
        "needs.py",
        "profile.py",
    }


def short_cell(ws):
    """A quick training of the study `evidence`."""
    return next(job for job in STUDY.listed(ws) if job.what["study"] == "cells" and job.what["budget"] == "short")


def test_kept_tables_give_the_records_back(ws):
    job = short_cell(ws)
    STUDY.record(ws, job)
    path = record_path(ws, STUDY, job.key)
    before = files.read_json(path) | {"commit": "7137688e80"}  # as a number, it would be 7.1e86
    files.write_json(path, before)
    STUDY.collect(ws, ws.folder / "kept")
    tables = {name: (ws.folder / "kept" / f"{name}.csv").read_text() for name in effects.COLUMNS}
    record_path(ws, STUDY, job.key).unlink()
    assert evidence.restore(ws, ws.folder / "kept") == (1, 0)
    assert evidence.restore(ws, ws.folder / "kept") == (0, 0)  # it is there already
    after = files.read_json(record_path(ws, STUDY, job.key))
    assert after["cmc1_large"] == pytest.approx(before["cmc1_large"], abs=1e-4)
    STUDY.collect(ws, ws.folder / "again")
    assert tables == {name: (ws.folder / "again" / f"{name}.csv").read_text() for name in effects.COLUMNS}
    stranger = workflow.open_workspace("smoke", output=str(ws.folder / "other"), overrides={"reid": {"lr": 0.2}})
    assert evidence.restore(stranger, ws.folder / "kept") == (0, 0)


def kept_of_older_code(ws, job):
    """A record of a job, kept in tables that say that other code made it."""
    STUDY.record(ws, job)
    STUDY.collect(ws, ws.folder / "kept")
    path = ws.folder / "kept" / "runs.csv"
    path.write_text(path.read_text().replace(job.code, "0123456789ab"))
    shutil.rmtree(ws.folder / "studies")
    shutil.rmtree(ws.folder / "cells" / "runs")
    return path


def test_trainings_of_older_code_are_stamped_anew_where_one_gives_the_same_to_the_last_digit(ws):
    job = short_cell(ws)
    path = kept_of_older_code(ws, job)
    kept = path.read_text()
    assert evidence.restore(ws, ws.folder / "kept") == (0, 1)
    (line,) = keep.restamp(ws, ws.folder / "kept")
    assert line == f"0123456789ab to {job.code}, 1 trainings ({job.label}): the same"
    assert path.read_text() == kept.replace("0123456789ab", job.code)
    shutil.rmtree(ws.folder / "studies")
    assert evidence.restore(ws, ws.folder / "kept") == (1, 0)
    assert keep.restamp(ws, ws.folder / "kept") == []


def test_trainings_of_older_code_stay_marked_where_one_digit_differs(ws):
    job = short_cell(ws)
    path = kept_of_older_code(ws, job)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "cmc5_large"] = f"{float(table.cmc5_large[0]) - 0.0001:g}"
    path.write_text(table.to_csv(index=False))
    kept = path.read_text()
    (line,) = keep.restamp(ws, ws.folder / "kept")
    assert line.endswith(": cmc5_large")
    assert path.read_text() == kept


@pytest.fixture
def on_a_gpu(tmp_path):
    """Two kept trainings of a row each that say that other code made them; and what both codes make of these rows."""
    jobs = regime.STUDY.listed(workflow.open_workspace("regime"))
    some = {job.what["row"]: job for job in jobs if job.what["row"] in (paper.BASELINE, paper.FULL)}
    lines = [
        {**job.what, "key": job.description, "code": "0123456789ab", "commit": "abc", "clean": True, "device": "card"}
        for job in some.values()
    ]
    pd.DataFrame(lines).to_csv(tmp_path / "regime.csv", index=False)
    made = {
        row: {"done": "x", "code": job.code, "weights": "w", "record": {"row": row, "cmc1": 0.5, "code": job.code}}
        for row, job in some.items()
    }
    old = {
        row: {**one, "code": "0123456789ab", "record": {**one["record"], "code": "0123456789ab", "seconds": 3}}
        for row, one in made.items()
    }
    return tmp_path, {"abc": old, "": made}


def test_trainings_of_a_gpu_are_stamped_where_both_codes_train_the_same_small_networks(on_a_gpu, monkeypatch):
    folder, made = on_a_gpu
    monkeypatch.setattr(keep, "again", lambda commit, changes: {row: made[commit][row] for row in changes})
    lines = keep.restamp_regime(folder)
    assert len(lines) == 2
    assert all("1 trainings on card" in line for line in lines)
    assert all(line.endswith("(1 small ones by the code of abc and by today's): the same") for line in lines)
    stamped = pd.read_csv(folder / "regime.csv")
    assert stamped.code.tolist() == [made[""][row]["code"] for row in stamped.row]
    assert keep.restamp_regime(folder) == []


def test_a_commit_is_asked_for_its_own_rows_only(on_a_gpu, monkeypatch):
    folder, made = on_a_gpu
    pd.read_csv(folder / "regime.csv").assign(commit=["abc", "def"]).to_csv(folder / "regime.csv", index=False)
    asked = {}
    monkeypatch.setattr(keep, "again", lambda commit, changes: asked.update({commit: [*changes]}) or made[commit[:0]])
    keep.restamp_regime(folder)
    assert asked == {"": [paper.BASELINE, paper.FULL], "abc": [paper.BASELINE], "def": [paper.FULL]}


def test_a_commit_with_changes_vouches_for_nothing(on_a_gpu):
    folder, _ = on_a_gpu
    pd.read_csv(folder / "regime.csv").assign(clean=False).to_csv(folder / "regime.csv", index=False)
    assert keep.restamp_regime(folder) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"weights": "v"}, "weights"), ({"record": {"row": paper.FULL, "cmc1": 0.4}}, "scores"), ({"code": "z"}, "codes")],
)
def test_one_small_network_that_differs_leaves_its_group_marked(on_a_gpu, monkeypatch, fault, words):
    folder, made = on_a_gpu
    made[""][paper.FULL] |= fault
    monkeypatch.setattr(keep, "again", lambda commit, changes: made[commit])
    assert [words in line for line in keep.restamp_regime(folder)].count(True) == 1
    codes = dict(pd.read_csv(folder / "regime.csv")[["row", "code"]].itertuples(index=False))
    assert codes == {paper.BASELINE: made[""][paper.BASELINE]["code"], paper.FULL: "0123456789ab"}


def test_the_code_of_this_copy_trains_a_small_network_of_a_row():
    started = f"{paper.BASELINE}, {regime.STARTED}"
    asked = {paper.BASELINE: {"parts": []}, started: evidence.paired(regime.AGAIN)[started]}
    found = keep.again("", asked)
    assert list(found) == [*asked]
    assert found[started]["weights"] != found[paper.BASELINE]["weights"]
    assert found[paper.BASELINE]["record"]["outcome"] == "done"
    jobs = regime.STUDY.listed(workflow.open_workspace("regime"))
    assert found[paper.BASELINE]["code"] == next(job.code for job in jobs if job.what["row"] == paper.BASELINE)
    with pytest.raises(PartregError, match=r"the code of nothing does not train here: .*; fetch that commit"):
        keep.again("nothing", {})


def test_the_code_of_the_commits_that_made_the_kept_study_trains_the_same_network():
    commits = pd.read_csv(REFERENCE / "regime.csv").commit.unique()
    there = ["git", "-C", str(REPOSITORY), "cat-file", "-e"]
    if any(subprocess.run([*there, commit], check=False, capture_output=True).returncode for commit in commits):
        pytest.skip("this copy has no history: fetch it to train with older code")
    now = keep.again("", {paper.BASELINE: {"parts": []}})[paper.BASELINE]
    for commit in commits:
        before = keep.again(commit, {paper.BASELINE: {"parts": []}})[paper.BASELINE]
        assert keep.unlike(before, now, now["code"]) == []


def test_the_book_counts_the_kept_trainings_of_older_code():
    now = STUDY.listed(workflow.open_workspace("reference"))[0].code
    runs = effects.read_evidence().runs.head(3).assign(code=[now, "0123456789ab", ""])
    assert keep.of_older_code(runs).tolist() == [False, True, True]
    table = pages.runs_table(effects.Evidence(runs, pd.DataFrame(), pd.DataFrame()))
    assert "2 of them are of older code than this copy's" in table

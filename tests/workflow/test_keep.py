"""What is committed is renewed by one command alone, and the book shows the reader's own beside it."""

import re

import pandas as pd
import pytest

from partreg import workflow
from partreg.errors import PartregError
from partreg.workflow import keep
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


def test_every_committed_result_can_be_renewed():
    places = {what: f"{what}/" if what == "gpu" else "" for what in keep.TABLES}
    kept = {places[what] + name for what, (_, names) in keep.TABLES.items() for name in names}
    by_hand = {"by_hand.csv", "corrections.csv"}  # written by people
    there = {path.relative_to(REFERENCE).as_posix() for path in REFERENCE.rglob("*") if path.is_file()}
    assert kept == there - by_hand


@pytest.mark.parametrize("what", ["", "photo"])
def test_what_to_keep_must_be_said(what):
    with pytest.raises(SystemExit, match=r"WHAT is .*; expected one of evidence, dial, settings"):
        keep.main([what, "smoke", ""])


def test_the_folder_is_that_of_the_choices(ws):
    with pytest.raises(SystemExit, match=re.escape(f"{ws.folder / 'evidence' / 'photographs.csv'}: nothing to keep")):
        keep.main(["photographs", "smoke", str(ws.folder)])


def test_the_book_shows_the_readers_own_table_under_words_of_its_own(ws):
    assert keep.own_part(ws, "photographs").startswith("None of your own lies in this book's results folder; `make ph")
    assert "`make settings` makes it" in keep.own_part(ws, "settings_others")
    path = keep.own_table(ws, "photographs")
    path.parent.mkdir()
    pd.DataFrame({"row": ["a|b"], "cmc1": [0.5]}).to_csv(path, index=False)
    assert keep.own_part(ws, "photographs").splitlines()[2:] == ["| row | cmc1 |", "| --- | --- |", "| a/b | 0.5 |"]


def test_only_one_module_renews_what_is_committed():
    """Who else knows the folder reads it, but for `make restamp`, which says so."""
    folders = ("partreg", "tests/fuzz", "tests/faults.py", "tests/machines.py")
    paths = [path for name in folders for path in [REPOSITORY / name, *(REPOSITORY / name).rglob("*.py")]]
    found = {path.name for path in paths if path.is_file() and re.search(r"\bREFERENCE\b", path.read_text())}
    assert found - {"intervals.py", "tables.py"} == {
        "driver.py",
        "effects.py",
        "evidence.py",
        "keep.py",
        "profile.py",
    }

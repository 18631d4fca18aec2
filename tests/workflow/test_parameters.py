"""The first cell of a notebook: a parameter that is misspelt or of another kind stops it, plain papermill included."""

import json
import os
import subprocess
import sys

import pytest

from partreg import workflow
from partreg.errors import PartregError
from partreg.workflow.parameters import check_injected, described_method, described_run, open_notebook
from partreg.workflow.profile import layouts
from tests.conftest import REPOSITORY

HERE = {**os.environ, "PYTHONPATH": str(REPOSITORY)}  # a kernel elsewhere imports the code beside these tests
DECLARED = 'profile = "laptop"  # a name\ninteractive = False\nrows = 3\nwords = ""\nepochs = None\noverrides = {}\n'
NOTHING = dict.fromkeys(("parts", "size", "epochs", "lr", "weights", "margin"))


def session(*injected):
    """What IPython keeps of the cells that have run, where papermill put one in, or nobody did."""
    return {"In": ["", "%matplotlib inline", DECLARED, *(f"# Parameters\n{cell}\n" for cell in injected), "later = 1"]}


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


def test_declared_parameters_of_their_kind_pass():
    check_injected(session('profile = "smoke"\ninteractive = True\nrows = 5\nwords = "a"\nepochs = 3'))
    check_injected(session('overrides = "{}"'))  # the choices are checked where they are used
    check_injected(session('seeds = "0"'))  # papermill's -f hands over all of a file, to every chapter
    check_injected(session())
    check_injected({})  # no IPython at all


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("epoch = 3", "parameters: 'epoch' is unknown; did you mean 'epochs'?"),
        ('interactive = "no"', "interactive is 'no'; expected true or false"),
        ("interactive = 0", "interactive is 0; expected true or false"),
        ("rows = 2.5", "rows is 2.5; expected a whole number"),
        ("rows = -1", "rows is -1; expected a whole number of at least 0"),
        ('rows = "3"', "rows is '3'; expected a whole number"),
        ("rows = [1, 2]", "rows is [1, 2]; expected a whole number"),
        ("words = 2024", "words is 2024; expected text"),
        ('words = ["a"]', "words is ['a']; expected text"),
        ('rows = float("nan")', "rows is None; expected a whole number"),
    ],
)
def test_others_stop_the_notebook(cell, words):
    with pytest.raises(PartregError) as caught:
        check_injected(session(cell))
    assert words in str(caught.value)


def test_the_cell_that_was_put_in_last_counts():
    check_injected(session("epoch = 3", "epochs = 3"))
    with pytest.raises(PartregError, match="'epoch' is unknown"):
        check_injected(session("epochs = 3", "epoch = 3"))
    with pytest.raises(PartregError, match="'profile' was given, but this notebook takes none"):
        check_injected({"In": ["", '# Parameters\nprofile = "smoke"\n', "import numpy"]})


def test_a_notebook_declares_the_choices_that_it_uses(tmp_path):
    cell = f'profile = "smoke"  # a name\noutput = {str(tmp_path)!r}'
    first = {"In": ["", cell], "profile": "smoke", "output": str(tmp_path)}
    ws = open_notebook(first)
    assert (ws.folder, ws.profile.seeds) == (tmp_path, [0])
    # A later cell may use a word of the choices for its own; the first cells run again all the same.
    assert open_notebook({**first, "names": ["window"], "seeds": 5}) == ws
    assert open_notebook(first, detector={"epochs": 3}).profile.detector["epochs"] == 3


@pytest.mark.parametrize(
    ("given", "found"),
    [("vehicleid,veri", ["vehicleid", "veri"]), (" veri ", ["veri"]), (["veri", "vehicleid"], ["veri", "vehicleid"])],
)
def test_layouts_are_taken_as_meant(given, found):
    assert layouts("datasets", given) == found


@pytest.mark.parametrize(
    "given", ["", "VehicleID", "vehicleid;veri", "veri,", "veri,veri", [], 2024, None, {"veri": 1}]
)
def test_layouts_that_there_are_not_are_refused(given):
    with pytest.raises(PartregError, match=r"^datasets"):
        layouts("datasets", given)


def test_a_network_is_described_by_changes(ws, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pth").write_bytes(b"a")
    given = {**NOTHING, "dataset": "veri", "parts": "window", "epochs": 5, "weights": "a.pth"}
    run = described_run(ws, given)
    assert (run.dataset, run.parts, run.epochs, run.weights) == ("veri", ("window",), 5, str(tmp_path / "a.pth"))
    assert described_run(ws, {**given, "parts": "", "weights": ""}).parts == ()
    with pytest.raises(PartregError, match=r"'~nobody-here/a\.pth' is no path here"):
        described_run(ws, {**given, "weights": "~nobody-here/a.pth"})


@pytest.mark.parametrize("dataset", ["VehicleID", "", "vehicleid,veri", 2024])
def test_one_network_learns_from_one_data_set(ws, dataset):
    with pytest.raises(PartregError, match="dataset is"):
        described_run(ws, {**NOTHING, "dataset": dataset})


def test_a_method_is_described_by_a_word_and_its_changes(ws):
    seeded = workflow.open_workspace("smoke", output=str(ws.folder), seeds="4,5")
    given = {**NOTHING, "dataset": "veri", "method": "oife", "lr": 0.2}
    assert described_method(seeded, given) == ("oife", "veri", 4, {"lr": 0.2})
    with pytest.raises(PartregError, match="method 'ofie' with dataset 'veri'"):
        described_method(ws, {**given, "method": "ofie"})


@pytest.mark.parametrize("value", ["1e-3", "no", [1, 2]])
def test_a_change_of_another_kind_is_refused(ws, value):
    with pytest.raises(PartregError, match=r"epochs is .*; expected a whole number"):
        described_run(ws, {**NOTHING, "dataset": "veri", "epochs": value})


def papermill(notebook, folder, *words):
    """Plain papermill, as a reader starts it; its exit status and what it said."""
    source = REPOSITORY / "notebooks" / f"{notebook}.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), str(folder / "out.ipynb"), "--no-progress-bar", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=HERE)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("notebook", "words", "sentence"),
    [
        ("05_vehicleid", ["-p", "profile", "smoke", "-p", "seed", "1"], "'seed' is unknown; did you mean 'seeds'?"),
        ("13_when_parts_pay", ["-p", "profile", "smoke"], "'profile' was given, but this notebook takes none."),
        ("01_part_annotation", ["-r", "interactive", "False"], "interactive is 'False'; expected true or false"),
        ("02_detector_training", ["-p", "output", "2024"], "output is 2024; expected text"),
    ],
)
def test_plain_papermill_stops_at_the_first_cell(tmp_path, notebook, words, sentence):
    code, said = papermill(notebook, tmp_path, *words)
    assert code
    assert f"PartregError: {'parameters: ' if 'unknown' in sentence or 'none' in sentence else ''}{sentence}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["out.ipynb"], "nothing was made"


def test_papermills_words_arrive_as_they_are_meant(tmp_path):
    """A number, a dictionary and a file of choices, through papermill itself and up to the workspace."""
    (tmp_path / "mine.yaml").write_text("profile: smoke\noutput: out\nseeds: [3]\noverrides: {annotate: 9}\n")
    cells = [DECLARED.splitlines()[0], *(f'{name} = ""' for name in list(workflow.CHOICES)[1:])]
    opened = "from partreg import workflow\nws = workflow.open_notebook(globals())\nprint(ws.folder, ws.profile)"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    both = [("\n".join(cells), ["parameters"]), (opened, [])]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": []}
    for number, (source, tags) in enumerate(both):
        plain = {"cell_type": "code", "execution_count": None, "outputs": [], "metadata": {"tags": tags}}
        notebook["cells"].append({**plain, "id": f"c{number}", "source": source})
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook))
    words = ["-p", "seeds", "0", "-p", "overrides", '{"reid": {"epochs": 1}}', "-p", "profile", "mine.yaml"]
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar", *words]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=HERE)
    printed = json.loads((tmp_path / "out.ipynb").read_text())["cells"][-1]["outputs"][0]["text"]
    said = "".join(printed)
    assert said.startswith(f"{tmp_path / 'out'} Profile(name='mine'")
    for words in ("seeds=[0]", "'epochs': 1", "annotate=9"):
        assert words in said

"""What a driver starts is heard to its last word, and is waited for where the driver, or what it started, is killed."""

import signal
import subprocess
import sys
import time

import psutil
import pytest
from click.testing import CliRunner

from partreg.workflow import driver
from tests.conftest import REPOSITORY

# These stand for Snakemake, which starts a notebook that is at work when the others are killed, and for the driver.
NOTEBOOK = """
import pathlib, time
print("at work", flush=True)
time.sleep(3)
pathlib.Path("done").touch()
print("done", flush=True)
"""
SNAKEMAKE = """
import subprocess, sys
subprocess.run([sys.executable, "notebook.py"])
"""
DRIVER = """
import pathlib, sys
from partreg.workflow import driver
with driver.only_one(pathlib.Path()) as lock:
    driver.follow([sys.executable, "snakemake.py"], pathlib.Path("log"), {}, stdin=lock)
"""


def test_every_line_is_heard_the_last_one_too(tmp_path):
    code = "import sys; sys.stdout.write('one\\rtwo\\n\\nthr\\xe9e'); sys.exit(3)"
    assert driver.follow([sys.executable, "-X", "utf8", "-c", code], tmp_path / "log", {}) == 3
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\ntwo\n\nthrée\n"


@pytest.mark.parametrize("victims", [1, 2], ids=["the driver", "the driver and its Snakemake"])
def test_what_a_killed_run_started_works_on_and_is_waited_for(tmp_path, victims):
    for name, code in {"notebook": NOTEBOOK, "snakemake": SNAKEMAKE, "driver": DRIVER}.items():
        (tmp_path / f"{name}.py").write_text(code)
    top = subprocess.Popen([sys.executable, "-P", "driver.py"], cwd=tmp_path)
    while "at work" not in ((tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""):
        assert top.poll() is None
        time.sleep(0.05)
    chain = [psutil.Process(top.pid), *psutil.Process(top.pid).children(recursive=True)]
    assert len(chain) == 3
    for one in chain[:victims]:
        one.send_signal(signal.SIGKILL)
    assert top.wait() == -signal.SIGKILL
    assert not (tmp_path / "done").exists()
    with driver.only_one(tmp_path):
        assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("partreg: 02_detector_training: FAILED: a.json: wrong\nmore\n", ""),
        ('Building\nPartregError in file "/a/Snakefile", line 24:\n/b/a: absent.\n  File x\n', "/b/a: absent."),
        ("one\n\ntwo\nthree\nfour\n", "two / three / four"),
    ],
)
def test_a_failure_without_a_line_of_its_own_gets_one(log, said):
    assert driver.unsaid_failure(log) == said


def test_what_stops_snakemake_itself_is_said_on_the_terminal(tmp_path, monkeypatch):
    """The driver opens the workspace as Snakemake does, so this is what only the Snakefile finds out."""

    def broken(choices, folder, cores, target, log, due):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text('PartregError in file "Snakefile", line 1:\na.pth: no such file.\n')
        return 1

    monkeypatch.setattr(driver, "brought_up_to_date", broken)
    done = CliRunner().invoke(driver.main, ["--profile", "smoke", "--output", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "partreg: FAILED: a.pth: no such file." in done.output
    assert "fix what the FAILED line says" in done.output


def test_weights_beside_a_file_of_choices_are_found_from_every_folder(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    choices = "profile: smoke\noverrides: {reid: {weights: sq.pth}}\n"
    (tmp_path / "mine" / "mine.yaml").write_text(choices)
    asked = []
    monkeypatch.setattr(driver, "brought_up_to_date", lambda choices, *_: asked.append(choices) or 0)
    monkeypatch.chdir(tmp_path)
    command = ["--profile", "mine/mine.yaml", "--output", "out"]
    done = CliRunner().invoke(driver.main, command)
    assert f"{tmp_path}/mine/sq.pth: no such file, expected for weights of 'reid'" in done.output
    (tmp_path / "mine" / "sq.pth").touch()
    assert CliRunner().invoke(driver.main, command).exit_code == 0
    monkeypatch.chdir("/")  # Snakemake and its notebooks run in folders of their own
    ws = driver.open_workspace(**asked[0])
    assert ws.profile.reid["weights"] == str(tmp_path / "mine" / "sq.pth")
    assert ws.folder == tmp_path / "out"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--seeds", "0;1"], "seeds is '0;1'"),
        (["--names", "windshield"], "names is 'windshield'; expected a dictionary"),
        (["--cores", "0"], "--cores"),
        (["--vehicleid", "no/such"], "no/such: no such path"),
        (["--veri", "~nobody-here/VeRi"], "'~nobody-here/VeRi' is no path here"),
        (["--profile", "~nobody-here/mine.yaml"], "'~nobody-here/mine.yaml' is no path here"),
        (["--target", "evidence", "--profile", "laptop"], "profile 'laptop': evidence is empty"),
    ],
)
def test_a_choice_that_is_wrong_is_refused_before_anything_runs(tmp_path, words, sentence):
    done = CliRunner().invoke(driver.main, ["--profile", "smoke", "--output", str(tmp_path / "out"), *words])
    assert done.exit_code
    assert sentence in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["SEED=1"], "SEED is no choice; expected some of PROFILE"),
        (["seeds=0"], "seeds is no choice"),
        (["BASELINES=No"], 'BASELINES is "No"; expected yes or no'),
        (["PROFILE=smoke", "FILE=mine.yaml"], "PROFILE and FILE name the same choice"),
        (["WEIGHTS=a.pth"], "WEIGHTS is read by make reference alone"),
        (["RESUME=yes"], "RESUME is read by make reference alone"),
        (["KILLS=3"], "KILLS is read by make faults alone"),
        (["PROFILE=smoke", "BASELINES=no", "NAMES={a: body}"], ""),
    ],
)
def test_make_refuses_what_it_does_not_read(words, sentence):
    command = ["make", "-n", "-C", str(REPOSITORY), "book", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not sentence)
    assert sentence in done.stderr


def test_a_file_of_choices_is_one_form_for_every_target():
    for name in ("PROFILE", "FILE"):
        for target in ("book", "photographs", "settings", "serve", "keep"):
            what = ["WHAT=photographs"] if target == "keep" else []
            command = ["make", "-n", "-C", str(REPOSITORY), target, f"{name}=mine.yaml", *what]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert ("build/mine/site" if target == "serve" else "'mine.yaml'") in printed

"""What a driver starts is heard to its last word, and is waited for where the driver, or what it started, is killed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from click.testing import CliRunner

import driver
from needs import NEEDS
from partreg import files
from partreg.workflow.profile import CHOICES
from tests.conftest import REPOSITORY

PATH = os.pathsep.join([str(REPOSITORY / "book"), str(REPOSITORY)])
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
import driver
with driver.only_one(pathlib.Path()) as lock:
    driver.follow([sys.executable, "snakemake.py"], pathlib.Path("log"), stdin=lock)
"""


def test_every_line_is_heard_the_last_one_too(tmp_path):
    code = "import sys; sys.stdout.write('one\\rtwo\\n\\nthr\\xe9e'); sys.exit(3)"
    assert driver.follow([sys.executable, "-X", "utf8", "-c", code], tmp_path / "log") == 3
    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\ntwo\n\nthrée\n"


@pytest.mark.parametrize("victims", [1, 2], ids=["the driver", "the driver and its Snakemake"])
def test_what_a_killed_run_started_works_on_and_is_waited_for(tmp_path, victims):
    for name, code in {"notebook": NOTEBOOK, "snakemake": SNAKEMAKE, "top": DRIVER}.items():
        (tmp_path / f"{name}.py").write_text(code)
    top = subprocess.Popen([sys.executable, "top.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": PATH})
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


SNAKEMAKE_SAYS = """
import time
print("Job stats:\\njob  count\\n---  -----\\nnetwork  2\\nall  1\\ntotal  3\\n\\nloss  7\\n", flush=True)
print("partreg: a: started", flush=True)
time.sleep(1.5)
print("Finished jobid: 4 (Rule: network)\\npartreg: a: done in 2 s")
"""


def test_the_terminal_shows_the_time_left_while_nothing_ends(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(driver.sys.stderr, "isatty", lambda: True, raising=False)
    assert driver.follow([sys.executable, "-c", SNAKEMAKE_SAYS], tmp_path / "log") == 0
    told = capsys.readouterr().err
    assert "0 of 3 steps" in told
    assert "00:01 gone" in told
    assert "1 of 3 steps  50%" in told
    assert "partreg: a: started" in told
    assert "Job stats" in (tmp_path / "log").read_text()


def test_every_rule_that_takes_long_is_weighed(tmp_path):
    """What Snakemake says of its steps is understood; a rule without a weight is that of a chapter or a table."""
    progress = driver.Progress()
    for target in ("all", "dial"):
        command = driver.snakemake_command({"profile": "smoke", "output": str(tmp_path)}, tmp_path, 1, target)
        said = subprocess.run([*command, "-n"], capture_output=True, text=True, check=True)
        for line in (said.stdout + said.stderr).splitlines():
            progress.hear(line)
        progress.bar.close()
        assert progress.bar.total == sum(
            n * driver.WEIGHTS.get(rule, 1) for rule, n in progress.due.items() if rule != "total"
        )
        progress.bar = driver.tqdm(disable=True)
    assert set(driver.WEIGHTS) <= set(progress.due) <= {*driver.WEIGHTS, *NEEDS, "book", "dial", "total"}


def test_snakemake_is_asked_for_the_target_with_choices_as_they_are(tmp_path):
    choices = {"profile": "smoke", "overrides": {"other_methods": False}}
    command = driver.snakemake_command(choices, tmp_path, 2, "settings")
    assert command[:4] == [sys.executable, "-m", "snakemake", "settings"]
    asked = files.read_json(command[command.index("--configfile") + 1])
    assert driver.open_workspace(**asked).profile.other_methods is False


def test_paths_are_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"profile": "mine.yaml", "veri": "data/VeRi", "output": "/out", "seeds": "0,1", "weights": "", "pixels": ""}
    here = {"profile": f"{tmp_path}/mine.yaml", "veri": f"{tmp_path}/data/VeRi", "output": "/out", "seeds": [0, 1]}
    assert driver.as_choices(True, given) == here
    more = {"profile": "smoke", "weights": "a.pth", "pixels": "rgb"}
    evidence = {"weights": f"{tmp_path}/a.pth", "pixels": "rgb"}
    overrides = {"other_methods": False, "evidence": evidence}
    assert driver.as_choices(False, more) == {"profile": "smoke", "overrides": overrides}


def test_a_run_waits_for_what_inherited_the_lock_by_its_descriptor(tmp_path):
    child = "import os, sys, time; print('in'); sys.stdout.flush(); time.sleep(1.5); open(sys.argv[1], 'w').close()"
    script = f"""
import os, subprocess, sys
from pathlib import Path
from driver import only_one
with only_one(Path({str(tmp_path)!r})) as held:
    subprocess.Popen([sys.executable, "-c", {child!r}, {str(tmp_path / "end")!r}], pass_fds=(held,)).stdout
    os.kill(os.getpid(), 9)
"""
    subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": PATH}, check=False, stdout=subprocess.DEVNULL
    )
    assert not (tmp_path / "end").exists()
    with driver.only_one(tmp_path):
        assert (tmp_path / "end").exists(), "it waited"


def test_a_results_folder_has_no_braces(tmp_path):
    done = CliRunner().invoke(driver.main, ["--profile", "smoke", "--output", str(tmp_path / "a{b}")])
    assert done.exit_code == 1
    assert "choose a results folder without any" in done.output


def test_what_stops_snakemake_itself_is_said_on_the_terminal(tmp_path, monkeypatch):
    """The driver opens the workspace as Snakemake does, so this is what only the Snakefile finds out."""

    def broken(choices, ws, cores, target):
        ws.folder.mkdir(parents=True, exist_ok=True)
        (ws.folder / driver.LOG).write_text('PartregError in file "Snakefile", line 1:\na.pth: no such file.\n')
        return 1

    monkeypatch.setattr(driver, "bring_up_to_date", broken)
    done = CliRunner().invoke(driver.main, ["--profile", "smoke", "--output", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "partreg: FAILED: a.pth: no such file." in done.output
    assert "fix what the FAILED line says" in done.output


def test_weights_beside_a_file_of_choices_are_found_from_every_folder(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    choices = "profile: smoke\noverrides: {reid: {weights: sq.pth}}\n"
    (tmp_path / "mine" / "mine.yaml").write_text(choices)
    asked = []
    monkeypatch.setattr(driver, "bring_up_to_date", lambda choices, *_: asked.append(choices) or 0)
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
        (["--seeds", "0;1"], "seeds[0] is '0;1'; expected a whole number"),
        (["--names", "windshield"], "names is 'windshield'; expected fields"),
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
        (["SEED=1"], "make book does not read SEED; expected PROFILE FILE OUTPUT"),
        (["seeds=0"], "make book does not read seeds"),
        (["BASELINES=No"], 'BASELINES is "No"; expected yes or no'),
        (["PROFILE=smoke", "FILE=mine.yaml"], "PROFILE and FILE name the same choice"),
        (["WEIGHTS=a.pth"], "make book does not read WEIGHTS"),
        (["RESUME=yes"], "make book does not read RESUME"),
        (["KILLS=3"], "make book does not read KILLS"),
        (["PROFILE=smoke", "BASELINES=no", "NAMES={a: body}"], ""),
    ],
)
def test_make_refuses_what_it_does_not_read(words, sentence):
    command = ["make", "-n", "-C", str(REPOSITORY), "book", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not sentence)
    assert sentence in done.stderr


@pytest.mark.parametrize("target", ["test", "lint", "lab", "faults", "machines", "real", "restamp", "clean"])
def test_what_is_about_the_code_refuses_a_profile(target):
    command = ["make", "-n", "-C", str(REPOSITORY), target, "PROFILE=smoke"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"make {target} does not read PROFILE; expected" in done.stderr


def test_a_file_of_choices_is_one_form_for_every_target():
    for name in ("PROFILE", "FILE"):
        for target in ("book", "photographs", "settings", "serve", "keep"):
            what = ["WHAT=photographs"] if target == "keep" else []
            command = ["make", "-n", "-C", str(REPOSITORY), target, f"{name}=mine.yaml", *what]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert ("build/mine/site" if target == "serve" else "'mine.yaml'") in printed


def test_every_choice_but_overrides_is_an_option():
    options = {option.name: option.help for option in driver.main.params}
    assert set(CHOICES) - set(options) == {"overrides"}
    told = "Root of a VeRi-776 folder, or of your own pictures with cameras, in place of the rendered benchmark."
    assert options["veri"] == told

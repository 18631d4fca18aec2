"""What a driver starts is heard to its last word, and is waited for where the driver, or what it started, is killed."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from partreg.workflow import driver

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

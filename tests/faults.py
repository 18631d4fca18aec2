"""`make faults`: the smoke chain, killed at random moments, and on disks that are read-only or full.

``python -m tests.faults [KILLS]`` makes the chain once undisturbed, then again and again while part of it is killed
(``kill -9``) at a random moment: the driver, Snakemake, a notebook, its kernel, whatever a kernel started, or all at
once. The kernels that draw the pictures and train a detector and a network, and the book's build, take too little of a
chain to be met by chance: each is killed once in every chain, at a random moment of its work. Each chain goes on until
`make book` ends well, and then every result must be the file of the undisturbed chain, by its hash. After that the
chain runs into disks that are read-only or full. What was seen is written to ``build/faults/faults.json``; ``make keep
WHAT=faults`` puts it on the book's page of promises.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from partreg import files
from partreg.verify import Difference, against_record, recorded, report
from partreg.workflow.profile import REPOSITORY
from tests.origin import origin

FOLDER = REPOSITORY / "build" / "faults"
EACH = 17  # kills in a chain
DISKS = ("ro", "size=1m", "size=4m", "size=8m", "size=16m", "size=30m")  # read-only, and too small for the chain
TRIES = 40  # runs until a chain must have ended
# What a process is, by the words of its command; the first that fits.
KINDS = {
    "driver": "driver.py",
    "Snakemake": "snakemake",
    "notebook": "step.py notebook",
    "kernel": "ipykernel",
    "study": "step.py study",
    "book's build": "publish.py",
    "Jupyter Book": "jupyter-book",
}
# What a notebook and its kernel are at.
STEPS = {
    "00_near_duplicates": "pictures",
    "02_detector_training": "detector",
    "04_reid_training": "training",
    "11_other_methods": "training",
}
WANTED = {"kernel (pictures)", "kernel (detector)", "kernel (training)", "Jupyter Book"}  # killed once in every chain
BRIEF = 8.0  # seconds after such a one is seen within which it is killed


def command(folder: Path) -> list[str]:
    return [sys.executable, str(REPOSITORY / "book" / "driver.py"), "--profile", "smoke", "--output", str(folder)]


def kind(words: str, step: str) -> str:
    """What a process is, by its command, and what it is at."""
    name = next((name for name, part in KINDS.items() if part in words), "worker")
    return f"{name} ({step})" if step and name in ("notebook", "kernel", "worker") else name


def at_work(folder: Path) -> dict[psutil.Process, str]:
    """Every process that makes a chain, with what it is: those that name its folder, and what they started.

    So what a killed driver or Snakemake left at work is among them. What is started later is named later, by the
    nearest that names the folder.
    """
    found = {}
    for top in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join(top.cmdline())
            if str(folder) in words:
                step = next((what for name, what in STEPS.items() if f"step.py notebook {name}" in words), "")
                for one in (top, *top.children(recursive=True)):
                    if one.status() != psutil.STATUS_ZOMBIE:
                        found[one] = kind(" ".join(one.cmdline()), step)
    return found


def started(folder: Path, log: Path) -> subprocess.Popen:
    with open(log, "a", encoding="utf-8") as file:
        return subprocess.Popen(command(folder), stdout=file, stderr=file, start_new_session=True)


def kill_one(folder: Path, chance: random.Random, among: set[str]) -> str:
    """Kill one process of the chain, or all of them; gives what it was, "" where nothing was left to kill.

    Where a process of the kinds ``among`` is at work, it is one of those.
    """
    alive = at_work(folder)
    if not alive:
        return ""
    kinds = set(alive.values())
    what = chance.choice(sorted(kinds & among) or [*sorted(kinds), "everything"])
    for one, name in alive.items():
        if what in (name, "everything"):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
                if what != "everything":
                    break
    return what


def disturbed(folder: Path, log: Path, kills: int, wait: float, chance: random.Random) -> Counter:
    """Make a chain while ``kills`` processes of it are killed, some ``wait`` seconds apart, until it ends well.

    Those that are ``WANTED`` are killed soon after they are first seen; as many kills are kept for them.
    """
    killed: Counter = Counter()
    for _ in range(TRIES):
        process, moment = started(folder, log), time.monotonic() + chance.uniform(0, 2 * wait)
        while killed.total() < kills and process.poll() is None:
            time.sleep(0.2)
            wanted = WANTED - set(killed)
            among = wanted & set(at_work(folder).values())
            if among:
                time.sleep(chance.uniform(0, BRIEF))
            elif time.monotonic() < moment or kills - killed.total() <= len(wanted):
                continue
            what, moment = kill_one(folder, chance, among), time.monotonic() + chance.uniform(0, 2 * wait)
            killed[what] += bool(what)
            if what in ("driver", "everything"):
                break
        if process.wait() == 0:
            return +killed
    raise AssertionError(f"{log}: the chain did not end in {TRIES} runs")


def against(folder: Path, expected: dict[str, str]) -> list[Difference]:
    """How the results in a folder differ from those of the undisturbed chain."""
    mine = recorded(folder)
    names = sorted(name for name in {*mine, *expected} if mine.get(name) != expected.get(name))
    return [*against_record(folder), *(Difference(name, "is not the undisturbed chain's") for name in names)]


def remains(folder: Path) -> list[str]:
    """What a write that was killed left behind: temporary names beside results, and half-made folders."""
    found = [path for path in folder.rglob(".*") if path.suffix != ".lock" and path.name != ".snakemake"]
    found = [path.relative_to(folder) for path in found]
    return sorted(path.as_posix() for path in found if not {".snakemake", "site"} & set(path.parts))


@contextmanager
def disk(folder: Path, how: str):
    """A file system of its own, mounted as ``how`` says; it needs the right to mount."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def refused(folder: Path, log: Path) -> str:
    """Run into something that must fail; gives the sentence that said so."""
    offset = log.stat().st_size if log.exists() else 0
    code = started(folder, log).wait()
    told = log.read_text(encoding="utf-8")[offset:]
    assert code, f"{log}: it should not have ended well"
    sentences = [line for line in told.splitlines() if "could not be written" in line or "No space left" in line]
    assert sentences, f"{log}: nothing said what to free:\n{told[-2000:]}"
    return sentences[0].strip()


def kill_chains(calm: Path, took: float, kills: int) -> dict[str, Any]:
    """Chains killed so many times in all, each compared with the undisturbed one; what was seen."""
    folder, log, expected = calm.parent, calm.parent / "chains.log", recorded(calm)
    killed, different, left, chains, chance = Counter(), 0, 0, 0, random.Random(0)
    while killed.total() < kills:
        one = folder / f"chain-{chains}"
        killed += disturbed(one, log, min(EACH, kills - killed.total()), took / EACH, chance)
        apart, behind = against(one, expected), remains(one)
        chains, different, left = chains + 1, different + len(apart), left + len(behind)
        print(f"chain {chains}: {dict(killed)}; {report(apart, len(expected))}; left behind: {behind}", flush=True)
        if not apart:
            shutil.rmtree(one)
    return {
        "kills": dict(sorted(killed.items())),
        "chains": chains,
        "files": len(expected),
        "differ": different,
        "left": left,
    }


def fill_disks(folder: Path) -> list[str]:
    """The chain on disks that are read-only or too small: what was said, and that no JSON file is half a one."""
    told = []
    for number, how in enumerate(DISKS):
        with disk(folder / f"disk-{number}", how) as small:
            told.append(refused(small / "out", folder / "full.log").replace(str(folder), ""))
            for path in small.rglob("*.json"):
                if ".snakemake" not in path.parts:
                    files.read_json(path)
    return told


def main(arguments: list[str]) -> int:
    """Do it all, and say what was seen; 1 where a result is not the undisturbed chain's."""
    kills = int(arguments[0]) if arguments else 50
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    calm, begun = FOLDER / "undisturbed", time.monotonic()
    if started(calm, FOLDER / "chains.log").wait():
        raise SystemExit(f"{FOLDER / 'chains.log'}: the undisturbed chain failed")
    took = time.monotonic() - begun
    print(f"undisturbed: {took:.0f} s, {len(recorded(calm)):,} result files", flush=True)
    found = {**kill_chains(calm, took, kills), "refused": fill_disks(FOLDER), **origin()}
    files.write_json(FOLDER / "faults.json", found)
    print("\n".join(found["refused"]), flush=True)
    return int(found["differ"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Bring the book up to date: ``python book/driver.py --profile smoke``; ``make book`` calls it.

Snakemake runs what is due. The terminal shows which notebook, how many steps, and the time left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from partreg import files
from partreg.datasets.layouts import LAYOUTS, function, layout_of
from partreg.errors import PartregError
from partreg.studies import STUDIES
from partreg.studies.evidence import restore as restored
from partreg.workflow.profile import CHOICES, REFERENCE, REPOSITORY, Workspace, open_workspace, tidy

LOG = "make.log"  # of Snakemake and all that it runs, in the results folder
# How long a step takes, in units of a chapter that only shows what others have made. The proportions turn the steps
# that have ended into a share of the work, and so into the time left.
WEIGHTS = {"all": 0, "00_near_duplicates": 20, "02_detector_training": 20, "network": 8, "method": 8, "study": 8}


def snakemake_command(choices: dict[str, Any], folder: Path, cores: int, target: str = "all") -> list[str]:
    """Return the command that brings ``target`` of the Snakefile up to date; its state is in ``folder``."""
    gpus = 1 if shutil.which("nvidia-smi") else cores
    words = [sys.executable, "-m", "snakemake", target, "--snakefile", str(REPOSITORY / "Snakefile")]
    words += ["--directory", str(folder), "--cores", str(cores), "--resources", f"gpu={gpus}"]
    # In a file and not by --config, which would turn numbers into text and other letters into escapes.
    files.write_json(folder / "choices.json", choices)
    # Snakemake's own lock would outlive a killed run; `only_one` says who is at work.
    words += ["--nolock", "--rerun-incomplete", "--keep-going"]
    return [*words, "--configfile", str(folder / "choices.json")]


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[int]:
    """Let one run at a time work in a results folder; yield the lock's file descriptor.

    A process that inherits the descriptor holds the lock, too. If only a driver or its Snakemake is killed, the
    processes that they started work on, and the next run waits until these have ended.
    """
    with open(folder / ".make.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo(f"partreg: another run is at work in {folder}; waiting for it to end.", err=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


class Progress:
    """A bar of the share of Snakemake's steps that have ended, each weighed by `WEIGHTS`, with the time left."""

    def __init__(self) -> None:
        self.due: dict[str, int] = {}
        self.bar, self.done = tqdm(disable=True), 0

    def hear(self, line: str) -> None:
        """Read a line of Snakemake's: of its table of steps, which ends with their total, or that a step has ended."""
        if self.bar.disable and (found := re.fullmatch(r"(\w+) +(\d+)", line)):
            self.due[found[1]] = int(found[2])
            if found[1] == "total":
                work = sum(count * WEIGHTS.get(rule, 1) for rule, count in self.due.items() if rule != "total")
                form = "{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, about {remaining} left"
                every = 1.0 if sys.stderr.isatty() else 60.0
                first = f"0 of {found[2]} steps"
                self.bar = tqdm(desc=first, total=work, bar_format=form, smoothing=0, mininterval=every, miniters=0)
        elif not self.bar.disable and (found := re.match(r"Finished jobid: \d+ \(Rule: (\w+)\)", line)):
            self.done += 1
            self.bar.set_description_str(f"{self.done} of {self.due['total']} steps", refresh=False)
            self.bar.update(WEIGHTS.get(found[1], 1))


def follow(command: list[str], log: Path, stdin: int | None = None) -> int:
    """Run ``command``; its words go to ``log``, its progress to the terminal. What it starts inherits ``stdin``."""
    progress = Progress()
    # Not through a pipe: if its reader is killed, Snakemake loses a thread and waits for ever. In memory, if possible:
    # then errors are heard when the disk is full, too.
    with (
        open(log, "w", encoding="utf-8", buffering=1) as file,
        tempfile.TemporaryFile(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as said,  # noqa: S108
        subprocess.Popen(command, stdin=stdin, stdout=said, stderr=subprocess.STDOUT) as process,  # noqa: S603
    ):
        for line in lines_of(process, said.fileno()):
            if line is None:
                progress.bar.update(0)  # so that its clock goes on
                continue
            file.write(f"{line}\n")
            progress.hear(line)
            if line.startswith("partreg: "):
                tqdm.write(line.rstrip(), file=sys.stderr)
    progress.bar.close()
    return process.returncode


def lines_of(process: subprocess.Popen, said: int) -> Iterator[str | None]:
    """Yield the lines that a process writes into an open file until it has ended; None after each wait."""
    place, rest, ended = 0, b"", False
    while True:
        new = os.pread(said, 1 << 20, place)
        place += len(new)
        *lines, rest = re.split(rb"\r\n|\r|\n", rest + new)
        yield from (line.decode(errors="replace") for line in lines)
        if not new and ended:
            break
        ended = process.poll() is not None  # asked before reading on, so that its last words are heard
        if not new and not ended:
            time.sleep(0.1)
            yield None
    if rest:
        yield rest.decode(errors="replace")


def bring_up_to_date(choices: dict[str, Any], ws: Workspace, cores: int, target: str) -> int:
    """Run Snakemake in the results folder of a workspace, one run at a time; return its exit status."""
    (folder := ws.folder).mkdir(parents=True, exist_ok=True)
    with only_one(folder) as descriptor:
        files.sweep(folder)
        return follow(snakemake_command(choices, folder, cores, target), folder / LOG, stdin=descriptor)


def unsaid_failure(log: str) -> str:
    """Return what stopped a run whose log has no FAILED line; "" where it has one. Snakemake may never have begun."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any(re.match(r"partreg: (.*: )?FAILED: ", line) for line in lines):
        return ""
    sentences = [after for line, after in pairwise(lines) if line.startswith("PartregError in ")]
    return sentences[-1] if sentences else " / ".join(lines[-3:])


def chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with an option for each of `CHOICES`; except overrides, which belong into a file."""
    for name, meaning in reversed(CHOICES.items()):
        if name != "overrides":
            start = "laptop" if name == "profile" else ""
            command = click.option(f"--{name}", default=start, help=f"{meaning[0].upper()}{meaning[1:]}.")(command)
    return command


@click.command()
@click.option("--target", default="all", help="Rule of the Snakefile to bring up to date.")
@click.option("--cores", type=click.IntRange(1), default=os.cpu_count(), help="Notebooks that may run at a time.")
@chosen
@click.option("--data", default="", help="Folder to stand for vehicleid, for veri, or for both, whichever it can.")
@click.option("--weights", default="", help="State dict of SqueezeNet 1.0 for the target evidence.")
@click.option("--pixels", default="", help="What these weights expect, rgb or caffe, for the target evidence.")
@click.option("--restore", is_flag=True, help="Take up kept trainings first, for the target evidence.")
@click.option("--baselines/--no-baselines", default=True, help="Whether to run the other methods of Tables 1 to 3.")
def main(target: str, cores: int, baselines: bool, restore: bool, **given: str) -> None:
    """Run whatever of the book is due and render it."""
    try:
        choices = as_choices(baselines, given)
        ws = open_workspace(**choices)
        refuse(ws, target)
        if restore:
            taken, older = restored(ws, REFERENCE)
            click.echo(f"partreg: took up {taken} kept trainings; {older} are of older code")
        with files.writable(ws.folder):
            code = bring_up_to_date(choices, ws, cores, target)
    except PartregError as error:
        raise click.ClickException(str(error)) from error
    log = ws.folder / LOG
    if code:
        if unsaid := unsaid_failure(log.read_text(encoding="utf-8")):
            click.echo(f"partreg: FAILED: {unsaid}", err=True)
        raise click.ClickException(f"{log}: not everything ran; fix what the FAILED line says and run it again.")
    if target == "all":
        click.echo(f"The book: {(ws.folder / 'site' / '_build' / 'html' / 'index.html').as_uri()}")


def as_choices(baselines: bool, given: dict[str, str]) -> dict[str, Any]:
    """Return a command's words as choices of `open_workspace`, with whole paths, for notebooks in other folders."""
    if folder := given.pop("data", ""):
        given |= {name: given.get(name) or folder for name in standing_for(Path(folder).expanduser())}
    file = {name: value for name in ("weights", "pixels") if (value := given.pop(name))}
    overrides = ({} if baselines else {"other_methods": False}) | ({"evidence": file} if file else {})
    return tidy({**given, "overrides": overrides}, Path.cwd())


def standing_for(folder: Path) -> list[str]:
    """Return the data sets that a folder can be given for, in whichever of `LAYOUTS` it is; say which one it cannot.

    Raises:
        PartregError: it is no folder, in none of the layouts, or not as its layout says.
    """
    if folder.is_file():
        raise PartregError(f"{folder}: expected a folder as data, found a file; give the folder that holds it.")
    readers = LAYOUTS[layout_of(folder)].readers
    found = function(readers["vehicleid"])(folder) if len(readers) > 1 else None
    if lacks := getattr(found, "lacks", ""):
        click.echo(f"partreg: {folder.name} stands for VehicleID alone: {lacks}", err=True)
        return ["vehicleid"]
    return [*readers]


def refuse(ws: Workspace, target: str) -> None:
    """Raise a PartregError where Snakemake could only fail: a target without jobs, a folder with braces."""
    if target in STUDIES and not STUDIES[target].listed(ws):
        raise PartregError(f"profile {ws.profile.name!r}: {STUDIES[target].without_jobs}")
    if set("{}") & set(str(ws.folder)):
        raise PartregError(f"{ws.folder}: braces are Snakemake's own signs; choose a results folder without any.")


if __name__ == "__main__":
    main()

"""`make book`: Snakemake runs what is due; the terminal shows which notebook, how many of how many, and time left."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from partreg import files
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.workflow.dial import ROWS, SEEDS, dial_label, points_path, turned
from partreg.workflow.evidence import jobs, record_path
from partreg.workflow.evidence import restore as restored
from partreg.workflow.fields import DATASETS, PATHS, whole_path
from partreg.workflow.profile import CHAPTERS, REFERENCE, REPOSITORY, Workspace, demand_repository, open_workspace
from partreg.workflow.rows import row_key, slow_rows
from partreg.workflow.runs import networks, strong_runs
from partreg.workflow.settings import tried_runs
from partreg.workflow.stages import run_folder


def chapter_path(ws: Workspace, name: str) -> Path:
    """Where the executed notebook of a chapter goes."""
    return ws.folder / "notebooks" / f"{name}.ipynb"


def run_path(ws: Workspace, run: Run) -> Path:
    """Where the executed notebook of a training run goes, beside its weights."""
    return run_folder(ws, run) / "notebook.ipynb"


def row_path(ws: Workspace, method: str, seed: int) -> Path:
    """Where the executed notebook of a row of Table 3 goes that is more than a network."""
    return ws.folder / "rows" / f"{method}-{seed}-{row_key(ws, method, seed)}.ipynb"


def row_label(method: str, seed: int) -> str:
    """What a row of Table 3 that is more than a network is called on the terminal."""
    return f"veri, {method}, seed {seed}"


def run_label(run: Run) -> str:
    """What a training run is called on the terminal; its digest tells runs apart that differ in a setting."""
    return f"{run.name} ({run.key})"


def image_count(ws: Workspace, dataset: str) -> int:
    """About how many images ``dataset`` has, before it is there: by the profile, or by the lines of its lists."""
    if not ws.is_synthetic(dataset):
        lists = {"vehicleid": "train_test_split/*.txt", "veri": "name_*.txt"}[dataset]
        return sum(path.read_bytes().count(b"\n") for path in ws.root(dataset).glob(lists))
    sizes = ws.profile.benchmark
    if dataset == "vehicleid":
        return (sizes["train_vehicles"] + sum(sizes["test_vehicles"])) * sizes["images_per_vehicle"]
    vehicles = sizes["veri_train_vehicles"] + sizes["veri_test_vehicles"]
    return vehicles * sizes["tracks_per_vehicle"] * sizes["images_per_track"]


def learnt_from(ws: Workspace, run: Run) -> float:
    """About how many images a network learns from: those of the training vehicles that are not held out."""
    if not ws.is_synthetic(run.dataset):
        return image_count(ws, run.dataset) / 2
    sizes = ws.profile.benchmark
    if run.dataset == "vehicleid":
        return (sizes["train_vehicles"] - run.held_out) * sizes["images_per_vehicle"]
    return (sizes["veri_train_vehicles"] - run.held_out) * sizes["tracks_per_vehicle"] * sizes["images_per_track"]


def costs(ws: Workspace, target: str) -> dict[str, float]:
    """Rough seconds that each notebook still to be run takes on one core, by the label that it reports itself under.

    Only their proportions matter: they turn finished notebooks into a share of the work, and so into the time left.
    """
    images = {dataset: image_count(ws, dataset) for dataset in DATASETS}
    rendered = sum(images[dataset] for dataset in DATASETS if ws.is_synthetic(dataset))
    detector = ws.profile.detector
    chapters = dict.fromkeys(CHAPTERS, 8.0)
    for copied in ("04_reid_training", "11_other_methods"):  # of networks' runs below
        del chapters[copied]
    chapters["00_near_duplicates"] += rendered / 15
    chapters["02_detector_training"] += 0.02 * ws.profile.annotate * detector["epochs"] + 0.015 * sum(images.values())
    found = {name: cost for name, cost in chapters.items() if not chapter_path(ws, name).exists()}
    due = {
        "all": [*networks(ws).values()],
        "settings": tried_runs(ws),
        "settings_others": tried_runs(ws, others=True),
        "reference": [run for row in strong_runs(ws, SEEDS).values() for run in row],
    }.get(target, [])
    if target != "all":
        found = {name: cost for name, cost in found.items() if name < "04"}
    if target == "evidence":
        waiting = [job for key, job in jobs(ws).items() if not record_path(ws, key).exists()]
        found |= {job.label: training_cost(job.workspace, job.run) for job in waiting}
    for run in due:
        if not run_path(ws, run).exists():
            found[run_label(run)] = training_cost(ws, run)
    return found | row_costs(ws, target)


def training_cost(ws: Workspace, run: Run) -> float:
    """Rough seconds that a training takes on one core."""
    speed = 800 if run.backbone == "tiny" else 330  # images of 96 px a second
    return 10.0 + run.epochs * learnt_from(ws, run) * (run.size / 96) ** 2 / speed


def row_costs(ws: Workspace, target: str) -> dict[str, float]:
    """The same for the rows of Table 3 that are more than a network, and for the dial of chapter 12."""
    found = {}
    if target == "all":
        waiting = [
            (name, seed) for name in slow_rows(ws) for seed in ws.profile.seeds if not row_path(ws, name, seed).exists()
        ]
        found = {row_label(name, seed): 60.0 for name, seed in waiting}
    dial, every = ws.profile.dial, target == "reference"
    for n, layout in turned(ws, every) if target in ("all", "reference") else []:
        if not points_path(ws, n, layout, every).exists():
            names = ROWS[layout] if every else dial["rows"]
            found[dial_label(n, layout, "every" if every else "")] = 60.0 + 1.5 * dial["epochs"] * len(names)
    return found


def absolute(choices: dict[str, str]) -> dict[str, str]:
    """The choices with whole paths, for Snakemake and its notebooks run in folders of their own."""
    paths = {"weights", "output", *PATHS}
    if choices.get("profile", "").endswith((".yaml", ".yml")):
        paths.add("profile")
    return {name: whole_path(value, Path.cwd()) if name in paths else value for name, value in choices.items()}


def snakemake_command(choices: dict[str, Any], folder: Path, cores: int, target: str = "all") -> list[str]:
    """The command that brings ``target`` of the Snakefile up to date; its state lies in ``folder``."""
    gpus = 1 if shutil.which("nvidia-smi") else cores
    words = [
        sys.executable,
        "-m",
        "snakemake",
        target,
        "--snakefile",
        str(REPOSITORY / "Snakefile"),
        "--directory",
        str(folder),
    ]
    words += ["--cores", str(cores), "--resources", f"gpu={gpus}", "--rerun-incomplete", "--keep-going"]
    # In a file and not by --config, which would turn numbers into text and other letters into escapes.
    files.write_json(folder / "choices.json", choices)
    return [*words, "--configfile", str(folder / "choices.json")]


def book_sources() -> list[Path]:
    """The files that the book is made of besides the notebooks: configuration, prose, code, profiles, reference."""
    patterns = ("_config.yml", "_toc.yml", "book/**/*", "partreg/**/*.py", "partreg/**/*.yaml", "profiles/*.yaml")
    patterns += ("reference/**/*",)
    return sorted(
        path
        for pattern in patterns
        for path in REPOSITORY.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    )


@contextlib.contextmanager
def ticking(bar: tqdm, every: float) -> Iterator[None]:
    """Draw ``bar`` anew every so many seconds, so that its clock goes on while no notebook ends."""
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(every):
            bar.refresh()

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[int]:
    """Let one run at a time work in a results folder; gives the lock's file descriptor.

    Whoever inherits the descriptor holds the lock too: where a driver or its Snakemake is killed alone, what they
    started works on, and the next run waits for it to end.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".make.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        click.echo(f"partreg: another run is at work in {folder}; waiting for it to end.", err=True)
        lock.acquire()
    try:
        yield lock._context.lock_file_fd  # there is no public name for it
    finally:
        lock.release()


def follow(command: list[str], log: Path, due: dict[str, float], cores: int = 1, stdin: int | None = None) -> int:
    """Run ``command``, its words into ``log``, and its notebooks' progress onto the terminal with the time left.

    Its standard input, which all that it starts inherit, is ``stdin``; nothing is read from it.
    """
    form = "{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, about {remaining} left"
    every = 1.0 if sys.stderr.isatty() else 60.0
    bar = tqdm(total=sum(due.values()) or 1.0, bar_format=form, smoothing=0, mininterval=every, disable=not due)
    total, done = len(due), 0
    guess = math.ceil(sum(due.values()) / max(cores, 1) / 60)
    bar.set_description_str(f"0 of {total} notebooks, some {guess} minutes at a first guess")
    # Not through a pipe: where its reader is killed, Snakemake loses its thread and waits for ever. In memory, if it
    # can be: so what went wrong is heard when the disk is full, too.
    with (
        ticking(bar, every),
        open(log, "w", encoding="utf-8", buffering=1) as file,
        tempfile.TemporaryFile(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as told,  # noqa: S108
        subprocess.Popen(command, stdin=stdin, stdout=told, stderr=subprocess.STDOUT) as process,  # noqa: S603
    ):
        for line in lines_of(process, told.fileno()):
            file.write(f"{line}\n")
            if not line.startswith("partreg: "):
                continue
            bar.write(line.rstrip(), file=sys.stderr)
            label = re.match(r"partreg: (.*): done in ", line)
            if label and label[1] in due:
                done += 1
                bar.set_description_str(f"{done} of {total} notebooks")
                bar.update(due[label[1]])
    bar.close()
    return process.returncode


def lines_of(process: subprocess.Popen, told: int) -> Iterator[str]:
    """The lines that a process writes into an open file, as they come, until it has ended."""
    place, rest = 0, b""
    while True:
        ended = process.poll() is not None  # asked before reading, so that its last words are heard
        new = os.pread(told, 1 << 20, place)
        place += len(new)
        *lines, rest = re.split(rb"\r\n|\r|\n", rest + new)
        yield from (line.decode(errors="replace") for line in lines)
        if not new and ended:
            break
        if not new:
            time.sleep(0.1)
    if rest:
        yield rest.decode(errors="replace")


def brought_up_to_date(
    choices: dict[str, Any], folder: Path, cores: int, target: str, log: Path, due: dict[str, float]
) -> int:
    """Run Snakemake in a results folder, one run at a time; its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder) as descriptor:
        files.sweep(folder)
        command = snakemake_command(choices, folder, cores, target)
        # A lock that is left here belongs to a run that was killed: ours is the one that says who is running.
        if any((folder / ".snakemake" / "locks").glob("*")):
            subprocess.run([*command, "--unlock"], capture_output=True, check=False)  # noqa: S603
        return follow(command, log, due, cores, stdin=descriptor)


def unsaid_failure(log: str) -> str:
    """What stopped a run whose log has no FAILED line, as when Snakemake could not even begin; "" where it has one."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any(re.match(r"partreg: (.*: )?FAILED: ", line) for line in lines):
        return ""
    sentences = [after for line, after in pairwise(lines) if line.startswith("PartregError in ")]
    return sentences[-1] if sentences else " / ".join(lines[-3:])


@click.command()
@click.option("--target", default="all", help="Rule of the Snakefile to bring up to date.")
@click.option("--cores", type=click.IntRange(1), default=os.cpu_count(), help="Notebooks that may run at a time.")
@click.option("--profile", default="laptop", help="smoke, laptop, paper, or a YAML file of choices.")
@click.option("--output", default="", help="Folder of results; default build/<profile>.")
@click.option("--vehicleid", default="", help="Root of VehicleID_V1.0; default the rendered benchmark.")
@click.option("--veri", default="", help="Root of VeRi-776; default the rendered benchmark.")
@click.option("--annotations", default="", help="COCO file with part boxes.")
@click.option("--photographs", default="", help="Folder of the images that it names.")
@click.option("--names", default="", help="What its categories are here, as {windshield: front_window}.")
@click.option("--seeds", default="", help="Training seeds such as 0,1,2.")
@click.option("--weights", default="", help="State dict of SqueezeNet 1.0 for the target evidence.")
@click.option("--pixels", default="", help="What these weights expect, rgb or caffe, for the target evidence.")
@click.option("--restore", is_flag=True, help="Take up kept trainings first, for the target evidence.")
@click.option("--baselines/--no-baselines", default=True, help="Whether to run the other rows of Tables 1 to 3.")
def main(target: str, cores: int, baselines: bool, restore: bool, **given: str) -> None:
    """Run whatever of the book is due and render it."""
    try:
        demand_repository("make book")
        choices: dict[str, Any] = absolute({name: value for name, value in given.items() if value})
        file = {name: choices.pop(name) for name in ("weights", "pixels") if name in choices}
        overrides = ({} if baselines else {"other_rows": False}) | ({"evidence": file} if file else {})
        if overrides:
            choices["overrides"] = overrides
        ws = open_workspace(**choices)
        if target == "evidence" and not ws.profile.evidence:
            raise PartregError(
                f"profile {ws.profile.name!r}: evidence is empty, so make reference has nothing to train; start from "
                "profile: reference, or take over evidence: from profiles/reference.yaml under overrides."
            )
        if set("{}") & set(str(ws.folder)):
            raise PartregError(f"{ws.folder}: braces are Snakemake's own signs; choose a results folder without any.")
        if restore:
            taken, older = restored(ws, REFERENCE)
            click.echo(f"partreg: took up {taken} kept trainings; {older} are of older code")
        due = costs(ws, target)
    except PartregError as error:
        raise click.ClickException(str(error)) from error
    log = ws.folder / "make.log"
    try:
        with files.writable(ws.folder):
            code = brought_up_to_date(choices, ws.folder, cores, target, log, due)
    except PartregError as error:
        raise click.ClickException(str(error)) from error
    if code:
        if unsaid := unsaid_failure(log.read_text(encoding="utf-8")):
            click.echo(f"partreg: FAILED: {unsaid}", err=True)
        raise click.ClickException(f"{log}: not everything ran; fix what the FAILED line says and run it again.")
    if target == "all":
        click.echo(f"The book: {(ws.folder / 'site' / '_build' / 'html' / 'index.html').as_uri()}")


if __name__ == "__main__":
    main()

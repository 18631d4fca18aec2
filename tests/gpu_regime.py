"""The study `partreg.studies.regime` on one GPU, many trainings at a time; and what is tried on held-out vehicles.

By hand: ``make gpu STUDY=regime``. The benchmark of one seed after the other is rendered beside the trainings. Whoever
stops the command keeps what is there, and the same command goes on from it.

- The records of the study are those of ``make reference PROFILE=regime``, in the folder where it looks for them.
- ``--out`` receives a file for each training (results/), tried.csv (`tests.gpu_tried`) and layouts.csv. After a change
  of code, take another folder or empty this one.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from partreg import files
from partreg.reid.augment import random_numbers
from partreg.reid.data import Data
from partreg.reid.device import choose_device, own_stream, reproducible
from partreg.reid.method import PART_REGULARIZED
from partreg.reid.network import make_network
from partreg.reid.pixels import decoded
from partreg.reid.run import Run
from partreg.reid.step import make_step
from partreg.studies import regime
from partreg.studies.study import Record, rendered
from partreg.synthetic.layouts import write_layout
from partreg.workflow.data import benchmark, test_images
from partreg.workflow.profile import Workspace, open_workspace
from partreg.workflow.provenance import committed, device
from partreg.workflow.stages import filled_boxes, train_images
from tests import gpu_tried
from tests.gpu_tried import Idea

LEARNT, EPOCHS, JUDGED = 1000, 40, 380  # what is tried: vehicles to learn, epochs, and held-out vehicles to judge on
TRIED_SEEDS = (0, 1)
Layouts = tuple[tuple[int, int], ...]
LAYOUTS: Layouts = ((1, 10), (4, 4), (8, 2), (12, 2))  # processes and the threads of each, which train at a time
FEW_CORES = 4  # on so many or fewer, these:
SMALL_LAYOUTS: Layouts = ((1, 2), (2, 1))
PROBED = 3.0  # seconds
PATIENCE = 600.0  # seconds, after which a worker that does not answer counts as lost
SMALL = {
    "benchmark": {"train_vehicles": 60, "test_vehicles": [12], "fleet": 30, "near_duplicates": 3},
    "held_out": {"vehicleid": 8},
    "regime": {
        "seeds": {"curve": 2, "table": 1, "others": 1, "pairs": 1},
        "vehicles": [8, 40],
        "epochs": 2,
        "even": 16,
    },
}


@dataclass(frozen=True)
class Place:
    """Where everything lies.

    Attributes:
        out: folder of the results.
        work: folder of data and networks, which may be deleted afterwards.
        records: folder of the book whose studies receive the records.
        small: whether this is a rehearsal.
    """

    out: Path
    work: Path
    records: Path
    small: bool

    def book(self, folder: Path) -> Workspace:
        """Return the study's workspace in a folder."""
        return open_workspace(profile="regime", output=str(folder), overrides=SMALL if self.small else {})

    def seed(self, seed: int) -> Workspace:
        """Return the workspace of one seed's data and networks.

        Each seed has a folder of its own. So a process reads the digests of a seed's pictures when it needs them first,
        which is after they were rendered.
        """
        return self.book(self.work / f"seed-{seed}")

    def ready(self, seed: int) -> Path:
        """Return the file which says that the pictures of a seed are rendered and decoded."""
        return self.work / f"ready-{seed}"


# Tasks --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """One training: of the "study", of a variation that is "tried", or of a "recipe"."""

    kind: str
    seed: int
    row: str
    learnt: int
    epochs: int
    idea: Idea

    def claim(self, place: Place) -> Path:
        """Return the file which says that it has begun."""
        return place.work / "claims" / self._name()

    def result(self, place: Place) -> Path:
        """Return the file of its result."""
        return place.out / "results" / f"{self._name()}.json"

    def _name(self) -> str:
        words = f"{self.kind} seed {self.seed} {self.learnt} vehicles {self.epochs} epochs {self.row}"
        return re.sub(r"[^a-z0-9.+]+", "-", words.lower())


def tasks(place: Place) -> list[Task]:
    """Return all trainings, in the order in which they begin."""
    plan = place.book(place.records).profile.regime
    size = (16, 2) if place.small else (LEARNT, EPOCHS)
    found: list[Task] = []
    for seed in range(max(plan["seeds"].values())):
        found += [
            Task("study", seed, *one, Idea(changes))
            for *one, changes in regime.trainings(plan, seed)
            if "weights" not in changes  # its start is of the next seed, which lies in another folder here
        ]
        if seed in TRIED_SEEDS:
            found += [Task("tried", seed, name, *size, idea) for name, idea in gpu_tried.VARIATIONS.items()]
            found += [Task("recipe", seed, name, *size, idea) for name, idea in gpu_tried.RECIPES.items()]
    return found


def results(place: Place) -> list[Record]:
    """Return the results that are there, in the order of the tasks."""
    return [files.read_json(path) for task in tasks(place) if (path := task.result(place)).exists()]


def measured(place: Place, task: Task) -> Record:
    """Train the network of a task and judge it: the study's on test vehicles, the others on held-out ones."""
    job = regime.as_job(place.seed(task.seed), task.seed, task.row, task.learnt, task.epochs, task.idea.changes, 0)
    if task.kind == "study":
        return regime.STUDY.record(place.book(place.records), job)
    judged_on = train_images(job.workspace, "vehicleid", 20 if place.small else JUDGED)[1]
    return gpu_tried.measured(job, task.idea.method, judged_on)


# Processes ----------------------------------------------------------------------------------------------------------


def renderer(place: Place, seeds: int, jobs: int) -> None:
    """Render the benchmark of one seed after the other with so many ``jobs``; decode it while the next is rendered."""
    with ThreadPoolExecutor(1) as pool:
        decoding = []
        for seed in range(seeds):
            if place.ready(seed).exists():
                continue
            began, ws = time.time(), rendered(place.seed(seed), "regime", {"seed": seed})
            write_layout(benchmark(ws), ws.root("vehicleid"), "vehicleid", jobs)
            print(f"seed {seed}: rendered in {time.time() - began:.1f} s", flush=True)
            decoding.append(pool.submit(decode, place, seed))
        for one in decoding:
            one.result()


def decode(place: Place, seed: int) -> None:
    """Decode the pictures of every list of a seed, fill in its boxes, and say that they are ready."""
    began, ws = time.time(), rendered(place.seed(seed), "regime", {"seed": seed})
    total, held_out = ws.profile.benchmark["train_vehicles"], ws.profile.held_out["vehicleid"]
    lists = [train_images(ws, "vehicleid", total - learnt)[0] for learnt in ws.profile.regime["vehicles"]]
    lists += [test_images(ws, "vehicleid"), train_images(ws, "vehicleid", held_out)[1]]
    for images in lists:
        decoded(images, ws.profile.sizes["vehicleid"][-1], ws.pixels, threads=4)
    filled_boxes(ws, "vehicleid")
    place.ready(seed).touch()
    print(f"seed {seed}: decoded in {time.time() - began:.1f} s", flush=True)


def worker(place: Place, orders: Queue[tuple[str, int]], answers: Queue[float]) -> None:
    """Follow orders, each with a number of threads: "probe" the speed and answer it, or "work" until no task is left.

    It answers 0 when it is there.
    """
    sys.setswitchinterval(5e-4)  # a thread that waits for the card hands over soon
    gpu = choose_device()
    torch.zeros(1, device=gpu)
    answers.put(0.0)
    with reproducible(1, gpu):  # around all threads: what each of them restores at its end is the same
        while True:
            order, threads = orders.get()
            with ThreadPoolExecutor(threads) as pool:
                if order == "probe":
                    answers.put(sum(pool.map(partial(speed, threading.Barrier(threads), gpu), range(threads))))
                else:
                    list(pool.map(work_on, [place] * threads))


def speed(begin: threading.Barrier, gpu: torch.device, seed: int) -> float:
    """Return the images a second of a small network's steps on random pictures, from when all threads have begun."""
    run = Run(backbone="tiny", size=96, boxes="truth", batch=32, seed=seed)
    pixels = np.random.default_rng(0).integers(0, 256, (256, 96, 96, 3), dtype=np.uint8)
    boxes = torch.tensor([0.3, 0.2, 0.6, 0.5]).expand(256, 4, 4).contiguous()
    with own_stream(gpu):
        data = Data(pixels, {"vehicle": torch.arange(256), "boxes": boxes}, gpu)
        network = make_network(run, 2000).to(gpu, memory_format=torch.channels_last).train()
        step, chance = make_step(run, PART_REGULARIZED, network), torch.Generator().manual_seed(0)
        order = torch.randperm(256).view(-1, 32)

        def loss(turn: int) -> torch.Tensor:
            images, targets = data.take(order[turn % len(order)])
            return step(images, targets, random_numbers(32, False, chance).to(gpu, non_blocking=True), 0.01)["loss"]

        for turn in range(6):
            loss(turn)
        begin.wait()
        began, count = time.time(), 0
        while time.time() - began < PROBED:
            [loss(turn) for turn in range(20)][-1].item()
            count += 20 * run.batch
        return count / (time.time() - began)


def work_on(place: Place) -> None:
    """Do one task after the other, the first whose pictures are ready and that nobody has begun, until all have."""
    todo = tasks(place)
    while todo:
        task = next((task for task in todo if place.ready(task.seed).exists()), None)
        if task is None:
            time.sleep(0.3)
            continue
        todo.remove(task)
        try:
            task.claim(place).touch(exist_ok=False)
        except FileExistsError:
            continue
        began = time.time()
        try:
            record = measured(place, task)
        except Exception:
            record = {"outcome": "failed", "why": traceback.format_exc()[-2000:]}
        facts = {name: getattr(task, name) for name in ("kind", "seed", "row", "learnt", "epochs")}
        files.write_json(task.result(place), {**facts, "wall": round(time.time() - began, 1), "record": record})


# The command --------------------------------------------------------------------------------------------------------


def prepare(place: Place) -> None:
    """Make the folders; tasks that have a result count as begun, and no others."""
    shutil.rmtree(place.work / "claims", ignore_errors=True)
    for folder in (place.out / "results", place.work / "claims"):
        folder.mkdir(parents=True, exist_ok=True)
    for task in tasks(place):
        if task.result(place).exists():
            task.claim(place).touch()


def probe(orders: list[Queue[tuple[str, int]]], answers: Queue[float], layouts: Layouts) -> pd.DataFrame:
    """Return the images a second that each layout trains, the lines of layouts.csv."""
    lines = []
    for processes, threads in layouts:
        for queue in orders[:processes]:
            queue.put(("probe", threads))
        rate = sum(answers.get(timeout=PATIENCE) for _ in range(processes))
        lines.append({"processes": processes, "threads": threads, "images_per_second": round(rate)})
        print(f"{processes} x {threads}: {rate:.0f} images a second", flush=True)
    return pd.DataFrame(lines).assign(cores=os.cpu_count(), device=device(), commit=committed()[0])


def best_layout(layouts: pd.DataFrame, most: int) -> tuple[int, int]:
    """Return processes and threads of the fastest layout of at most so many processes."""
    fits = layouts[layouts.processes <= most]
    best = fits.loc[fits.images_per_second.idxmax()]
    return int(best.processes), int(best.threads)


def watch(place: Place, processes: list[BaseProcess], late: list[Queue[tuple[str, int]]], threads: int) -> int:
    """Wait for all tasks, write tables as they come, and order the ``late`` workers to work once all is rendered.

    Args:
        place: where everything lies.
        processes: the renderer, and then all workers.
        late: the orders of the workers that have none yet.
        threads: how many each of these takes.

    Returns:
        How many trainings failed.

    Raises:
        RuntimeError: one of the processes failed.
    """
    total, began, said = len(tasks(place)), time.time(), 0.0
    while True:
        done = results(place)
        files.write_text(place.out / "tried.csv", gpu_tried.table(done).to_csv(index=False))
        if any(process.exitcode for process in processes):
            raise RuntimeError("the rendering or a worker ended before its time; its error is above")
        while late and processes[0].exitcode == 0:
            late.pop().put(("work", threads))
        failed = [one["record"]["why"] for one in done if one["record"]["outcome"] == "failed"]
        if time.time() - said > 15 or len(done) == total:
            said = time.time()
            learnt = sum(one["record"].get("passes", 0) for one in done) / 1e6
            ready = len(list(place.work.glob("ready-*")))
            print(
                f"{said - began:.0f} s: {len(done)} of {total} trainings, {learnt:.2f} million images learnt, "
                f"{ready} seeds rendered, {len(failed)} failed {failed[-1:]}",
                flush=True,
            )
        if len(done) == total:
            return len(failed)
        time.sleep(2)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/gpu"), help="Where the results go.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("/dev/shm/partreg"), help="Folder for the data.")
@click.option("--records", type=click.Path(path_type=Path), default=Path("build/regime"), help="The study's book.")
@click.option("--small", is_flag=True, help="A rehearsal of minutes, which a CPU manages, too.")
def main(out: Path, work: Path, records: Path, small: bool) -> None:
    """Run the study and what is tried beside it, and print how it goes; a rehearsal has folders of its own."""
    out, work = (out / "small", work / "small") if small else (out, work)
    place, cores = Place(out, work, records.absolute(), small), os.cpu_count() or 1
    prepare(place)
    layouts, context = SMALL_LAYOUTS if cores <= FEW_CORES else LAYOUTS, multiprocessing.get_context("spawn")
    # Three quarters of the processors render. Until all is rendered, a process trains on each of the others.
    jobs, seeds = max(cores * 3 // 4, 1), max(place.book(records).profile.regime["seeds"].values())
    rendering = context.Process(target=renderer, args=(place, seeds, jobs))
    rendering.start()
    answers = context.Queue()
    orders = [context.Queue() for _ in range(max(processes for processes, _ in layouts))]
    workers = [context.Process(target=worker, args=(place, queue, answers), daemon=True) for queue in orders]
    for process in workers:
        process.start()
    try:
        for _ in orders:
            answers.get(timeout=PATIENCE)
        rates = probe(orders, answers, layouts)
        files.write_text(out / "layouts.csv", rates.to_csv(index=False))
        (first, threads), (most, later) = best_layout(rates, max(cores - jobs, 1)), best_layout(rates, len(orders))
        print(f"{first} x {threads} while {jobs} processes render; {most} x {later} afterwards", flush=True)
        for queue in orders[:first]:
            queue.put(("work", threads))
        failed = watch(place, [rendering, *workers], orders[first:most], later)
    finally:
        rendering.terminate()
    if failed:
        sys.exit(f"{failed} trainings failed; {out / 'results'} says why")


if __name__ == "__main__":
    main()

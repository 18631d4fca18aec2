"""The study `partreg.workflow.regime` on one GPU, many trainings at a time; and what is tried on validation vehicles.

By hand: ``make gpu STUDY=regime``. It renders the benchmark of one seed after the other beside the trainings. Each
result is a file in ``--out``/results; whoever stops the command keeps what is there. The records of the study are those
that ``make reference PROFILE=regime`` makes, so they can be put into its folder.

Beside the study it tries, on vehicles that are held out and with 1,000 to learn:

- variations of "the global prediction pulled to the parts'", each with its control; the best of them is then trained
  like a network of the study, with its control, and judged on the test vehicles;
- the tricks of the strong recipe, one at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from partreg import files
from partreg.paper import BASELINE, FULL
from partreg.workflow import regime
from partreg.workflow.profile import Workspace, open_workspace

LEARNT, EPOCHS, JUDGED = 1000, 40, 380  # what is tried: vehicles to learn, epochs, and held-out vehicles to judge on
TRIED_SEEDS, CONFIRMED_SEEDS = (0, 1), 15
WHOLE = {"boxes": "whole"}
PULLED = {"agreement": 1.0}
# The variations by name: the changes of the full model, the idea that the loss adds, and which is the control of which.
VARIATIONS: dict[str, tuple[dict[str, Any], str]] = {
    BASELINE: ({"parts": ()}, ""),
    FULL: ({}, ""),
    "pulled": (PULLED, ""),
    "pulled, weight 0.3": ({"agreement": 0.3}, ""),
    "pulled, weight 3": ({"agreement": 3.0}, ""),
    "pulled, weight 10": ({"agreement": 10.0}, ""),
    "pulled, lambda 0.1": (PULLED | {"part_weight": 0.1}, ""),
    "pulled, lambda 1": (PULLED | {"part_weight": 1.0}, ""),
    "pulled, window": (PULLED | {"parts": ("window",)}, ""),
    "pulled, window and lights": (PULLED | {"parts": ("window", "light")}, ""),
    "pulled, soft": (PULLED, "soft"),
    "pulled, distances": (PULLED, "distances"),
    "pulled, stage 3": (PULLED | {"part_stage": 3}, ""),
}
CONTROLLED = ("pulled", "pulled, soft", "pulled, distances", "pulled, stage 3")
# Of tried.csv: what a line is of, by the kind of its task; and its columns.
TRIED = {"tried": "variation", "recipe": "recipe"}
COLUMNS = [
    *("kind", "row", "seed", "learnt", "epochs", "cmc1", "cosine", "accuracy", "passes", "seconds", "device", "commit"),
    "run",
]
TRICKS = ("identities", "smoothing", "gem", "neck", "erase")
SMALL = {
    "benchmark": {"train_vehicles": 60, "test_vehicles": [12], "fleet": 30, "near_duplicates": 3},
    "held_out": {"vehicleid": 8},
    "regime": {"seeds": {"curve": 2, "table": 1, "others": 1}, "vehicles": [8, 40], "epochs": 2, "even": 16},
}


# What is tried ------------------------------------------------------------------------------------------------------


def soft(run: Any, network: Any, output: Any, targets: Any) -> Any:
    """Eq. 3, and the global prediction pulled to the parts' at a temperature of 4."""
    from partreg.reid.loss import agreement_loss
    from partreg.reid.method import part_regularized_losses

    found = part_regularized_losses(run.changed(agreement=0.0), network, output, targets)
    cooler = replace(output, logits={branch: logits / 4 for branch, logits in output.logits.items()})
    found["agreement"] = 16 * agreement_loss(cooler)
    found["loss"] = found["loss"] + run.agreement * found["agreement"]
    return found


def distances(run: Any, network: Any, output: Any, targets: Any) -> Any:
    """Eq. 3, and the distances of the global features within a batch pulled to those of the part features."""
    import torch
    import torch.nn.functional as F

    from partreg.reid.method import part_regularized_losses

    def relative(features: Any) -> Any:
        squared = features.square().sum(1)
        apart = (squared[:, None] + squared - 2 * features @ features.T).clamp(min=1e-6).sqrt()
        return apart / apart.mean()

    found = part_regularized_losses(run.changed(agreement=0.0), network, output, targets)
    parts = torch.cat([feature.detach() for branch, feature in output.features.items() if branch != "global"], 1)
    found["agreement"] = 30 * F.smooth_l1_loss(relative(output.features["global"]), relative(parts))
    found["loss"] = found["loss"] + run.agreement * found["agreement"]
    return found


def recipe(tricks: frozenset[str]) -> Any:
    """The strong recipe with some of its tricks, as a method; "erase" is an augmentation and not here."""
    import torch
    import torch.nn.functional as F

    from partreg.baselines.metric_losses import batch_hard
    from partreg.baselines.strong import SMOOTHING, StrongNet, generalized_mean
    from partreg.reid.method import Method, by_identity, shuffled
    from partreg.reid.network import Output

    class Net(StrongNet):
        def forward(self, images: Any, boxes: Any = None) -> Any:
            maps = self.feature_map(images)
            with torch.autocast(maps.device.type, enabled=False):
                pooled = generalized_mean(maps, self.power) if "gem" in tricks else maps.mean((2, 3))
                before = self.embed["global"](pooled)
                after = self.neck["global"](before) if "neck" in tricks else before
                logits = {"global": self.classify["global"](after)}
            return Output(after, logits, {}, {"before_neck": before})

    def network(run: Any, classes: Any) -> Any:
        return Net(classes["vehicle"], run.backbone, (), run.dim, run.last_stride, run.pixels)

    def losses(run: Any, network: Any, output: Any, targets: Any) -> Any:
        smoothing = SMOOTHING if "smoothing" in tricks else 0.0
        vehicles = targets["vehicle"]
        found = {"loss_global": F.cross_entropy(output.logits["global"], vehicles, label_smoothing=smoothing)}
        if "triplet" in tricks:
            before = output.extra["before_neck"]
            found["loss_triplet"] = batch_hard(F.normalize(before - before.mean(0)), vehicles, run.margin)
        hit = (output.logits["global"].argmax(1) == vehicles).float().mean()
        return {"loss": sum(found.values()), **found, "accuracy_global": hit}

    order = by_identity if {"identities", "triplet"} & tricks else shuffled
    return Method(network, losses, order, recordable=True)


def recipes() -> dict[str, frozenset[str]]:
    """The plain recipe, the strong one, and both with one trick more or less."""
    every = frozenset((*TRICKS, "triplet"))
    found = {"plain": frozenset(), "strong": every, "plain + identities": frozenset(["identities"])}
    found["plain + triplet"] = frozenset(["identities", "triplet"])
    found |= {f"plain + {one}": frozenset([one]) for one in TRICKS[1:]}
    found["strong - triplet"] = every - {"triplet"}
    found["strong - triplet - identities"] = every - {"triplet", "identities"}
    return found | {f"strong - {one}": every - {one} for one in TRICKS[1:]}


# Jobs ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """One training: of the study, of a variation or of a recipe; ``needs_winner`` waits for the best variation."""

    kind: str
    seed: int
    row: str
    learnt: int
    epochs: int
    changes: Any
    idea: str = ""
    needs_winner: bool = False


def tasks(ws: Workspace, small: bool) -> list[Task]:
    """All trainings, in the order in which they begin."""
    plan = ws.profile.regime
    learnt, epochs = (16, 2) if small else (LEARNT, EPOCHS)
    found: list[Task] = []
    for seed in range(max(plan["seeds"].values())):
        found += [Task("study", seed, *one) for one in regime.trainings(plan, seed)]
        if seed in TRIED_SEEDS:
            tried = dict(VARIATIONS) | {
                f"{name}, whole map": (VARIATIONS[name][0] | WHOLE, VARIATIONS[name][1]) for name in CONTROLLED
            }
            found += [Task("tried", seed, name, learnt, epochs, *one) for name, one in tried.items()]
            found += [Task("recipe", seed, name, learnt, epochs, {"parts": ()}, name) for name in recipes()]
        if seed >= TRIED_SEEDS[-1]:
            late = range(seed + 1) if seed == TRIED_SEEDS[-1] else [seed]
            found += [
                Task("winner", one, row, max(plan["vehicles"]), plan["epochs"], None, needs_winner=True)
                for one in late
                if one < CONFIRMED_SEEDS
                for row in ("winner", "winner, whole map")
            ]
    return found


def methods(task: Task) -> Any:
    """How a task learns."""
    from partreg.reid.method import PART_REGULARIZED

    if task.kind == "recipe":
        return recipe(recipes()[task.idea])
    losses = {"soft": soft, "distances": distances}.get(task.idea)
    return replace(PART_REGULARIZED, losses=losses) if losses else PART_REGULARIZED


def measured(ws: Workspace, task: Task, out: Path, small: bool) -> dict[str, Any]:
    """Train the network of a task and judge it: the study's on test vehicles, what is tried on held-out ones."""
    from partreg.reid.features import extract
    from partreg.reid.train import train
    from partreg.workflow import stages

    if task.kind == "winner":
        name, changes, idea = files.read_json(out / "winner.json")
        changes |= WHOLE if "whole" in task.row else {}
        task = replace(task, changes=changes, idea=idea, row=f"{task.row}: {name}")
    changes = dict(task.changes)
    if task.kind == "recipe" and "erase" in recipes()[task.idea]:
        changes["augment"] = ("flip", "affine", "color", "erase")
    job = regime.as_job(ws, task.seed, task.row, task.learnt, task.epochs, changes, 0)
    if task.kind == "study":
        return regime.STUDY.record(ws, job)
    here, run, method = job.workspace, job.run, methods(task)
    images, _ = stages.train_images(here, "vehicleid", run.held_out)
    boxes = stages.run_boxes(here, run)
    folder = here.folder / "tried" / f"{task.kind}-{task.seed}-{run.key}-{task.row.replace(' ', '_').replace(':', '')}"
    history = train(run, images, boxes, folder, here.pixels, method=method)
    facts = files.read_json(folder / "training.json")
    record = {**job.what, "run": run.to_json(), "idea": task.idea, "seconds": facts["seconds"], "device": card()}
    record |= {"accuracy": float(history["accuracy_global"].iloc[-1]), "loss": float(history["loss"].iloc[-1])}
    record |= {"passes": run.epochs * (facts["images"] // run.batch) * run.batch, "outcome": "done"}
    if task.kind == "winner":
        test = max(stages.load_vehicleid(here).tests.items())[1]
    else:
        test = stages.train_images(here, "vehicleid", 20 if small else JUDGED)[1]
    found = extract(folder, test, pixels=here.pixels, method=method)
    record |= regime.judged(found, test)
    if task.kind == "recipe":
        record["cosine"] = regime.judged(found / np.linalg.norm(found, axis=1, keepdims=True), test)["cmc1"]
    shutil.rmtree(folder)
    return record


def card() -> str:
    """The name of the GPU."""
    return import_module("partreg.workflow.provenance").device()


# Processes ----------------------------------------------------------------------------------------------------------


def opened(work: Path, small: bool) -> Workspace:
    """The workspace of the study, in a folder that all processes share."""
    return open_workspace(profile="regime", output=str(work / "book"), overrides=SMALL if small else {})


def flag(work: Path, seed: int) -> Path:
    """A file that says that the benchmark of a seed is there."""
    return work / f"ready-{seed}"


def renderer(work: Path, small: bool, seeds: list[int], jobs: int) -> None:
    """Render the benchmarks of some seeds, decode their pictures, and say so."""
    from partreg.datasets.contents import contents
    from partreg.reid.pixels import decoded
    from partreg.synthetic.layouts import write_layout
    from partreg.workflow.data import all_images, benchmark, test_images
    from partreg.workflow.stages import train_images
    from partreg.workflow.study import rendered

    os.nice(5)
    ws = opened(work, small)
    for seed in seeds:
        began = time.time()
        here = rendered(ws, "regime", {"seed": seed})
        write_layout(benchmark(here), here.root("vehicleid"), "vehicleid", jobs)
        shown = time.time()
        paths = all_images(here, "vehicleid")["path"].tolist()
        digests = dict(zip(paths, contents(paths), strict=True))
        files.write_json(work / f"digests-{seed}.json", digests)
        use_digests(work)
        total, held_out = here.profile.benchmark["train_vehicles"], here.profile.held_out["vehicleid"]
        lists = [train_images(here, "vehicleid", total - learnt)[0] for learnt in here.profile.regime["vehicles"]]
        lists += [test_images(here, "vehicleid"), train_images(here, "vehicleid", held_out)[1]]
        for some in lists:
            decoded(some, here.profile.sizes["vehicleid"][-1], here.pixels, threads=6)
        flag(work, seed).touch()
        took = shown - began, time.time() - shown
        print(f"seed {seed}: rendered {len(paths)} in {took[0]:.1f} s, decoded in {took[1]:.1f} s", flush=True)


def use_digests(work: Path) -> None:
    """Take the digests of pictures from what the renderers wrote, so that no process reads every picture again."""
    from partreg.datasets import contents
    from partreg.reid import pixels
    from partreg.workflow import keys

    @lru_cache(maxsize=64)
    def known(path: Path) -> dict[str, str]:
        return files.read_json(path)

    def looked_up(paths: Any, folder: Any = None) -> list[str]:
        for path in sorted(work.glob("digests-*.json"), key=lambda one: one.stat().st_mtime, reverse=True):
            if str(paths[0]) in (digests := known(path)):
                return [digests[str(one)] for one in paths]
        return contents.contents(paths)

    pixels.contents = keys.contents = looked_up


def worker(number: int, work: Path, out: Path, small: bool, orders: Any, answers: Any, commit: str) -> None:
    """Wait for orders: measure the speed with some threads, or do tasks with them until none is left."""
    import torch

    from partreg.reid import device

    # By their names: packages have functions of the names of these modules.
    train, provenance = import_module("partreg.reid.train"), import_module("partreg.workflow.provenance")
    sys.setswitchinterval(5e-4)
    torch.set_num_threads(1)
    gpu = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if gpu.type == "cuda":
        torch.zeros(1, device=gpu)
    train.train.__kwdefaults__["save_every"] = 10**6
    provenance.committed = lambda: (commit, True)
    installed = provenance.version
    provenance.version = lambda name: installed(name) if name in ("torch", "numpy", "pandas", "pillow") else "-"
    use_digests(work)
    answers.put((number, "ready"))
    with device.reproducible(1, gpu):
        while True:
            order = orders.get()
            if order[0] == "probe":
                answers.put((number, probe(order[1], order[2], gpu)))
            elif order[0] == "work":
                threads = [threading.Thread(target=work_on, args=(work, out, small)) for _ in range(order[1])]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                answers.put((number, "done"))
            else:
                return


def probe(threads: int, seconds: float, gpu: Any) -> float:
    """Images a second of small networks on random pictures, some threads of them."""
    import torch

    from partreg.reid.augment import random_numbers
    from partreg.reid.data import Data
    from partreg.reid.device import own_stream
    from partreg.reid.method import PART_REGULARIZED
    from partreg.reid.network import make_network
    from partreg.reid.run import Run
    from partreg.reid.step import make_step

    counts, begin = [0] * threads, threading.Barrier(threads)

    def one(thread: int) -> None:
        run = Run(backbone="tiny", size=96, boxes="truth", batch=32, seed=thread)
        pixels = np.random.default_rng(0).integers(0, 256, (256, 96, 96, 3), dtype=np.uint8)
        boxes = torch.tensor([0.3, 0.2, 0.6, 0.5]).expand(256, 4, 4).contiguous()
        with own_stream(gpu):
            data = Data(pixels, {"vehicle": torch.arange(256), "boxes": boxes}, gpu)
            network = make_network(run, 2000).to(gpu, memory_format=torch.channels_last).train()
            step, chance = make_step(run, PART_REGULARIZED, network), torch.Generator().manual_seed(0)
            order = torch.randperm(256).view(-1, 32)

            def once(turn: int) -> Any:
                images, targets = data.take(order[turn % len(order)])
                return step(images, targets, random_numbers(32, False, chance).to(gpu, non_blocking=True), 0.01)

            for turn in range(6):
                once(turn)
            begin.wait()
            ends = time.time() + seconds
            while time.time() < ends:
                for turn in range(20):
                    losses = once(turn)
                losses["loss"].item()
                counts[thread] += 20

    running = [threading.Thread(target=one, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) * 32 / seconds


def work_on(work: Path, out: Path, small: bool) -> None:
    """Do one task after the other: the first that nobody has begun and that can begin."""
    ws = opened(work, small)
    todo = dict(enumerate(tasks(ws, small)))
    while todo:
        for number, task in list(todo.items()):
            if not flag(work, task.seed).exists() or (task.needs_winner and not (out / "winner.json").exists()):
                continue
            del todo[number]
            try:
                os.close(os.open(work / "claims" / f"{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            began = time.time()
            try:
                record = measured(ws, task, out, small)
            except Exception:
                record = {"outcome": "failed", "why": traceback.format_exc()[-2000:]}
            about = {name: value for name, value in asdict(task).items() if name != "changes"}
            about |= {"wall": round(time.time() - began, 1), "record": record}
            files.write_json(out / "results" / f"{number:04d}.json", about)
            break
        else:
            time.sleep(0.3)


def tried_table(results: Path, commit: str) -> pd.DataFrame:
    """Return a line for each training on held-out vehicles that is done, of a folder of results of one ``commit``."""
    lines = []
    for found in map(files.read_json, sorted(results.glob("[0-9]*.json"))):
        if found["kind"] in TRIED and found["record"]["outcome"] == "done":
            lines.append({**found["record"], "kind": TRIED[found["kind"]], "commit": commit})
    return pd.DataFrame(lines, columns=COLUMNS).round(4)


def choose_winner(ws: Workspace, out: Path, small: bool) -> None:
    """Write down which variation scores best on the held-out vehicles, once all have been tried."""
    wanted = [n for n, task in enumerate(tasks(ws, small)) if task.kind == "tried"]
    paths = [out / "results" / f"{n:04d}.json" for n in wanted]
    if not all(path.exists() for path in paths):
        return
    scores: dict[str, list[float]] = {}
    for found in map(files.read_json, paths):
        scores.setdefault(found["row"], []).append(found["record"].get("cmc1", 0.0))
    own = {name: float(np.mean(some)) for name, some in scores.items() if name in VARIATIONS and "pulled" in name}
    best = max(own, key=own.__getitem__)
    files.write_json(out / "winner.json", [best, *VARIATIONS[best]])
    print("winner:", best, {name: [round(one, 4) for one in some] for name, some in scores.items()}, flush=True)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/gpu-regime"), help="Where the results go.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("/dev/shm/partreg"), help="Folder for the data.")
@click.option("--small", is_flag=True, help="A rehearsal of minutes, which a CPU manages, too.")
@click.option("--layout", default="", help="Processes x threads, such as 6x4; tried out if not given.")
def main(out: Path, work: Path, small: bool, layout: str) -> None:
    """Run the study and what is tried beside it, and print how it goes."""
    began = time.time()
    commit, cores = os.environ.get("PARTREG_COMMIT", "unknown"), os.cpu_count() or 1
    for folder in (out / "results", work / "claims"):
        folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    ws = opened(work, small)
    seeds = list(range(max(ws.profile.regime["seeds"].values())))
    renderers = [
        context.Process(target=renderer, args=(work, small, seeds[half::2], max(cores // 2, 1))) for half in (0, 1)
    ]
    for one in renderers:
        one.start()
    answers = context.Queue()
    orders = [context.Queue() for _ in range(12 if cores > 4 else 2)]
    workers = [
        context.Process(target=worker, args=(number, work, out, small, queue, answers, commit))
        for number, queue in enumerate(orders)
    ]
    for one in workers:
        one.start()
    for _ in workers:
        print(f"{time.time() - began:.1f} s:", answers.get(), flush=True)
    if layout:
        best = tuple(map(int, layout.split("x")))
    else:
        tried = [(1, 10), (4, 4), (8, 2), (8, 4), (12, 2)] if cores > 4 else [(1, 2), (2, 1)]
        rates = {}
        for processes, threads in tried:
            for queue in orders[:processes]:
                queue.put(("probe", threads, 3.0))
            rates[processes, threads] = sum(answers.get()[1] for _ in range(processes))
            rate = rates[processes, threads]
            print(f"{time.time() - began:.1f} s: {processes} x {threads}: {rate:.0f} images/s", flush=True)
        best = max(rates, key=rates.__getitem__)
    print("layout", best, flush=True)
    for queue in orders[: best[0]]:
        queue.put(("work", best[1]))
    total, passed, last = len(tasks(ws, small)), 0, time.time()
    while not all((out / "results" / f"{n:04d}.json").exists() for n in range(total)):
        time.sleep(1)
        files.write_text(out / "tried.csv", tried_table(out / "results", commit).to_csv(index=False))
        if not (out / "winner.json").exists():
            choose_winner(ws, out, small)
        if time.time() - last > 15:
            done = [files.read_json(path) for path in sorted((out / "results").glob("[0-9]*.json"))]
            failed = [one["record"]["why"][-300:] for one in done if one["record"]["outcome"] == "failed"]
            now = sum(one["record"].get("passes", 0) for one in done)
            print(
                f"{time.time() - began:.0f} s: {len(done)} of {total}, {now / 1e6:.2f} M passes, "
                f"{(now - passed) / (time.time() - last):.0f} a second, {len(failed)} failed {failed[-1:]}, "
                f"ready {len(list(work.glob('ready-*')))}, {np.mean([o['wall'] for o in done[-9:]] or [0]):.1f} s each",
                flush=True,
            )
            passed, last = now, time.time()
    files.write_text(out / "tried.csv", tried_table(out / "results", commit).to_csv(index=False))
    for queue in orders:
        queue.put(("stop",))
    print(f"{time.time() - began:.1f} s: all {total} are done", flush=True)


if __name__ == "__main__":
    main()

"""What a GPU does: the same numbers as the CPU, large networks and many vehicles, and how fast. By hand: `make gpu`.

One command of at most ten minutes on one card, from a bare machine: it renders its own vehicles. `--size small` is the
rehearsal of a few minutes, which a CPU manages, too. Results lie in ``--out``: gpu.json (agreement, speed, provenance),
table_4.csv (a row a training) and hits.csv (the share of hits of each test vehicle). A part that fails is named in
gpu.json, and the others go on.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import pandas as pd
import torch

from partreg import files
from partreg.datasets.vehicleid import read_vehicleid
from partreg.parts import annotation
from partreg.parts.boxes import read_boxes
from partreg.reid import data as batches
from partreg.reid import device
from partreg.reid.augment import random_numbers
from partreg.reid.features import extract
from partreg.reid.method import PART_REGULARIZED
from partreg.reid.network import make_network
from partreg.reid.pixels import decoded
from partreg.reid.run import Run
from partreg.reid.step import Step, make_step
from partreg.reid.train import train
from partreg.retrieval.protocols import vehicleid
from partreg.synthetic import Benchmark, write_vehicleid
from partreg.workflow.runs import TABLE_4

LISTS, LISTED = 3, 300  # disjoint test lists, and vehicles of each
SMALL_RUN = Run(backbone="tiny", size=96, boxes="truth", part_weight=0.3, batch=32, lr=0.1, warmup=2.0)
LARGE_RUN = SMALL_RUN.changed(backbone="resnet50", size=256, batch=64)
FEATURES_BF16, FEATURES_FLOAT32, FIRST_LOSS, BOX = 0.02, 1e-4, 0.02, 1e-3  # tolerances: relative, but for boxes


@dataclass(frozen=True)
class Plan:
    """What is done at one size.

    Attributes:
        tiny: the benchmark on which CPU and GPU are compared.
        many: the benchmark of Table 4.
        large: the benchmark of the large network.
        seeds: of each row of Table 4.
        epochs: of the small network.
        at_once: small networks trained at a time.
        most: epochs that the large network is trained for at the most.
        timed: steps that are timed.
        detector: the detector's training.
    """

    tiny: Benchmark
    many: Benchmark
    large: Benchmark
    seeds: int
    epochs: int
    at_once: int
    most: int
    timed: int
    detector: dict[str, Any]


TINY = Benchmark(size=64, train_vehicles=24, test_vehicles=(20,), images_per_vehicle=5, models=6, near_duplicates=4)
MANY = Benchmark(
    size=128, train_vehicles=4000, test_vehicles=(1000,), images_per_vehicle=6, models=60, near_duplicates=10,
    shortcuts=0.2,
)  # fmt: skip
PLANS = {
    "full": Plan(
        TINY, MANY, replace(MANY, size=256, train_vehicles=2000, test_vehicles=(300,), models=28),
        seeds=5, epochs=15, at_once=10, most=30, timed=40,
        detector={"size": 64, "epochs": 40, "batch": 8},
    ),
    "trial": Plan(
        TINY, replace(MANY, train_vehicles=400, test_vehicles=(300,), models=10),
        replace(MANY, size=128, train_vehicles=120, test_vehicles=(20,), models=6),
        seeds=1, epochs=6, at_once=10, most=2, timed=20,
        detector={"size": 64, "epochs": 10, "batch": 8},
    ),
    "small": Plan(
        TINY, replace(MANY, size=64, train_vehicles=40, test_vehicles=(12,), models=6),
        replace(MANY, size=64, train_vehicles=24, test_vehicles=(12,), models=6),
        seeds=1, epochs=3, at_once=4, most=2, timed=8,
        detector={"size": 64, "epochs": 2, "batch": 8},
    ),
}  # fmt: skip


class Report:
    """What was found so far, written after each part."""

    def __init__(self, out: Path) -> None:
        self.out, self.started, self.found = out, time.time(), {"parts": {}, "failed": {}}
        out.mkdir(parents=True, exist_ok=True)

    def part(self, name: str, work: Callable[[], Any]) -> Any:
        """Do one part and keep what it gives, or how it failed."""
        began = time.time()
        try:
            found = work()
            self.found["parts"][name] = {"seconds": round(time.time() - began, 1), "found": found}
        except Exception:
            found = None
            self.found["failed"][name] = traceback.format_exc()[-3000:]
        print(f"{time.time() - self.started:6.1f} s: {name}: {found or self.found['failed'].get(name)}", flush=True)
        files.write_text(self.out / "gpu.json", json.dumps(self.found, indent=1, default=str))
        return found


def where_from() -> dict[str, Any]:
    """The card, the versions, the commit that the caller names (a copy of the tree has no history)."""
    card = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    return {
        "device": card, "cores": os.cpu_count(), "torch": torch.__version__, "python": platform.python_version(),
        "numpy": np.__version__, "commit": os.environ.get("PARTREG_COMMIT", "unknown"),
    }  # fmt: skip


def drawn(benchmark: Benchmark, root: Path, jobs: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training images, test images and true boxes of a benchmark, rendered first where need be."""
    write_vehicleid(benchmark, root, jobs)
    data = read_vehicleid(root)
    return data.train, next(iter(data.tests.values())), read_boxes(root / "truth" / "boxes.csv")


def apart(found: np.ndarray, right: np.ndarray) -> float:
    """The relative difference of two arrays, by their norms."""
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


def agreement(plan: Plan, work: Path, gpu: str) -> dict[str, Any]:
    """Training and features on the GPU against the CPU's, twice for determinism, and step by step against recorded."""
    images, test, boxes = drawn(plan.tiny, work / "tiny", os.cpu_count() or 1)
    run = SMALL_RUN.changed(size=64, batch=16, epochs=4)
    eager = replace(PART_REGULARIZED, recordable=False)
    ways = {"cpu": ("cpu", PART_REGULARIZED), "gpu": (gpu, PART_REGULARIZED), "again": (gpu, PART_REGULARIZED),
            "one by one": (gpu, eager)}  # fmt: skip
    history = {
        name: train(run, images, boxes, work / "agree" / name, work / "pixels", method=method, device=where)
        for name, (where, method) in ways.items()
    }
    bytes_of = {name: (work / "agree" / name / "weights.pt").read_bytes() for name in ways}
    loss = {name: table.loss.to_numpy() for name, table in history.items()}

    def on(where: str) -> np.ndarray:
        return extract(work / "agree" / "gpu", test, pixels=work / "pixels", device=where)

    mixed = on(gpu), on("cpu")
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    with mock.patch.object(device, "has_fast_bfloat16", return_value=False):
        exact = on(gpu), on("cpu")
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
    found = {
        "features, float32": apart(*exact), "tolerance, float32": FEATURES_FLOAT32,
        "features, bfloat16": apart(*mixed), "tolerance, bfloat16": FEATURES_BF16,
        "first epoch's loss": abs(loss["gpu"][0] / loss["cpu"][0] - 1), "tolerance, loss": FIRST_LOSS,
        "last epoch's loss": abs(loss["gpu"][-1] / loss["cpu"][-1] - 1),
        "trained twice: equal bytes": bytes_of["gpu"] == bytes_of["again"],
        "recorded and one by one: equal bytes": bytes_of["gpu"] == bytes_of["one by one"],
    }  # fmt: skip
    within = (
        found["features, float32"] <= FEATURES_FLOAT32
        and found["features, bfloat16"] <= FEATURES_BF16
        and found["first epoch's loss"] <= FIRST_LOSS
    )
    return {**found, "within tolerances": bool(within)}


def detector_agreement(plan: Plan, work: Path, gpu: str) -> dict[str, Any]:
    """The detector trained on the GPU, twice, and its predictions there against the CPU's with the same weights."""
    from partreg.parts import detector

    images, test, _ = drawn(plan.tiny, work / "tiny", os.cpu_count() or 1)
    truth = annotation.read_truth(work / "tiny")
    some = images.iloc[:60]
    for name in ("first", "again"):
        detector.train_detector(some, truth.objects, work / "detector" / name, **plan.detector)
    weights = work / "detector" / "first" / "weights.pt"
    here = detector.predict(weights, test, 0.25)
    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        there = detector.predict(weights, test, 0.25)
    corners = ["x0", "y0", "x1", "y1"]
    same = len(here) == len(there) and bool((here[["image", "name"]] == there[["image", "name"]]).to_numpy().all())
    apart_by = float(np.abs(here[corners].to_numpy() - there[corners].to_numpy()).max()) if same and len(here) else None
    return {
        "boxes on the GPU": len(here), "boxes on the CPU": len(there), "same images and classes": same,
        "largest difference of a corner, share of the side": apart_by, "tolerance": BOX,
        "trained twice: equal bytes": weights.read_bytes()
        == (work / "detector" / "again" / "weights.pt").read_bytes(),
    }  # fmt: skip


def seconds(step: Callable[[], Any], times: int, gpu: str) -> float:
    """Median seconds of one call, the device waited for after each fifth of them."""

    def wait() -> None:
        if gpu != "cpu":
            torch.cuda.synchronize()

    for _ in range(max(times // 4, 5)):
        step()
    wait()
    blocks = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(max(times // 5, 1)):
            step()
        wait()
        blocks.append((time.perf_counter() - began) / max(times // 5, 1))
    return float(np.median(blocks))


def bare(run: Run, vehicles: int, gpu: str) -> Callable[[], None]:
    """Forward and backward of a run's network on one batch that lies on the device: no augmentation, no update."""
    network = make_network(run, vehicles).to(gpu, memory_format=torch.channels_last).train()
    images = torch.randint(0, 256, (run.batch, run.size, run.size, 3), dtype=torch.uint8).permute(0, 3, 1, 2).to(gpu)
    boxes = torch.tensor([0.3, 0.2, 0.6, 0.5]).expand(run.batch, 4, 4).contiguous().to(gpu) if run.parts else None
    targets = {"vehicle": torch.randint(0, vehicles, (run.batch,)).to(gpu)}

    def step() -> None:
        with device.mixed_precision(torch.device(gpu)):
            output = network(images, boxes)
        PART_REGULARIZED.losses(run, network, output, targets)["loss"].backward()
        for parameter in network.parameters():
            parameter.grad = None

    return step


def speed(run: Run, work: Path, plan: Plan, gpu: str) -> dict[str, float]:
    """Images a second of whole training steps against the bare network's forward and backward on one batch."""
    count, vehicles = run.batch * max(plan.timed, 16), 2000
    path = work / f"random-{run.size}.npy"
    pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, run.size, run.size, 3))
    pixels[:] = np.random.default_rng(0).integers(0, 256, (1, run.size, run.size, 3), dtype=np.uint8)
    pixels.flush()
    pixels = np.load(path, mmap_mode="r")
    targets = {"vehicle": torch.arange(count) % vehicles}
    if run.parts:
        targets["boxes"] = torch.tensor([0.3, 0.2, 0.6, 0.5]).expand(count, 4, 4).contiguous()
    order = torch.randperm(count).view(-1, run.batch)
    chance = torch.Generator().manual_seed(0)
    found = {}

    def timed(name: str, share: float, recorded: bool) -> None:
        with mock.patch.object(batches, "HELD", share):
            data = batches.Data(pixels, targets, torch.device(gpu))
        network = make_network(run, vehicles).to(gpu, memory_format=torch.channels_last).train()
        step = (make_step if recorded else Step)(run, PART_REGULARIZED, network)

        def forever() -> Any:
            while True:
                yield from data.batches(order)

        stream = forever()

        def once() -> None:
            images, targets = next(stream)
            step(images, targets, random_numbers(run.batch, False, chance).to(gpu, non_blocking=True), 0.01)

        found[name] = run.batch / seconds(once, plan.timed, gpu)

    with device.own_stream(torch.device(gpu)):
        found["bare"] = run.batch / seconds(bare(run, vehicles, gpu), plan.timed, gpu)
        timed("from disk", 0.0, True)
        timed("held on the card", 1.0, True)
        timed("one by one", 1.0, False)
        found["bare, once more"] = run.batch / seconds(bare(run, vehicles, gpu), plan.timed, gpu)
    path.unlink()
    top = max(found["bare"], found["bare, once more"])
    ratios = {f"ratio, {name}": found[name] / top for name in ("held on the card", "from disk", "one by one")}
    return {name: round(value, 3) for name, value in {**found, **ratios}.items()}


def judged(found: np.ndarray, vehicles: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """CMC@1 and @5 over all test vehicles, their mean over disjoint lists of `LISTED` vehicles, and hits by vehicle."""
    scores = vehicleid(found, vehicles)
    mixed = np.random.default_rng(0).permutation(np.unique(vehicles))
    lists = [part for k in range(LISTS) if len(part := mixed[k * LISTED : (k + 1) * LISTED]) == LISTED]
    each = [vehicleid(found[np.isin(vehicles, part)], vehicles[np.isin(vehicles, part)]) for part in lists]
    hits = pd.Series(scores.hits).groupby(vehicles).mean().to_numpy()
    row = {"cmc1": scores.cmc1, "cmc5": scores.cmc5}
    if each:
        row |= {f"cmc1_{LISTED}": float(np.mean([s.cmc1 for s in each]))}
        row |= {f"cmc5_{LISTED}": float(np.mean([s.cmc5 for s in each]))}
    return row, hits


class Table:
    """Rows of table_4.csv and hits.csv, written as they come."""

    def __init__(self, out: Path) -> None:
        self.out, self.rows, self.hits = out, [], []

    def add(self, row: dict[str, Any], hits: np.ndarray) -> None:
        """One training's scores."""
        self.rows.append(row)
        self.hits.append(
            {**{k: row[k] for k in ("network", "row", "seed")}, "hits": " ".join(f"{h:.3f}" for h in hits)}
        )
        files.write_text(self.out / "table_4.csv", pd.DataFrame(self.rows).to_csv(index=False))
        files.write_text(self.out / "hits.csv", pd.DataFrame(self.hits).to_csv(index=False))


def trained_and_scored(
    run: Run, name: str, drawn: tuple, work: Path, folder: Path, gpu: str, table: Table
) -> dict[str, Any]:
    """One training of Table 4, from its description to its scores, for the table."""
    images, test, boxes = drawn
    history = train(run, images, boxes if run.parts else None, folder, work / "pixels", device=gpu)
    facts = files.read_json(folder / "training.json")
    found = extract(folder, test, boxes, pixels=work / "pixels", device=gpu, batch=512)
    scores, hits = judged(found, test.vehicle.to_numpy())
    row = {
        "network": run.backbone, "row": name, "seed": run.seed, "size": run.size, "vehicles": facts["vehicles"],
        "images": facts["images"], "epochs": run.epochs, "batch": run.batch, **scores,
        "loss": history.loss.iloc[-1], "accuracy": history.filter(like="accuracy").iloc[-1, 0],
        "seconds": facts["seconds"], "run": run.to_json(),
    }  # fmt: skip
    table.add(row, hits)
    return row


def table_4(plan: Plan, work: Path, gpu: str, table: Table) -> dict[str, Any]:
    """All rows of Table 4 with the small network, several trainings at a time on one card."""
    data = drawn(plan.many, work / "many", os.cpu_count() or 1)
    for images in data[:2]:
        decoded(images, SMALL_RUN.size, work / "pixels", threads=os.cpu_count() or 1)
    began = time.time()
    jobs = [
        (SMALL_RUN.changed(seed=seed, epochs=plan.epochs, **changes), name)
        for seed in range(plan.seeds)
        for name, changes in TABLE_4.items()
    ]
    with device.reproducible(1, torch.device(gpu)), ThreadPoolExecutor(plan.at_once) as pool:
        rows = list(
            pool.map(lambda job: trained_and_scored(*job, data, work, work / "runs" / job[0].key, gpu, table), jobs)
        )
    passes = sum(row["epochs"] * row["images"] for row in rows)
    means = pd.DataFrame(rows).groupby("row").cmc1.mean().round(4).to_dict()
    return {"passes": passes, "passes a second": round(passes / (time.time() - began)), "cmc1": means}


def large(plan: Plan, work: Path, gpu: str, table: Table, rate: float, left: float) -> dict[str, Any]:
    """The baseline and the full model with the large network, for as many epochs as fit into ``left`` seconds."""
    data = drawn(plan.large, work / "large", os.cpu_count() or 1)
    run = LARGE_RUN if gpu != "cpu" else SMALL_RUN
    for images in data[:2]:
        decoded(images, run.size, work / "pixels", threads=os.cpu_count() or 1)
    each = (left - 15) / 2
    epochs = int(np.clip(each * 0.9 * rate / len(data[0]), 1, plan.most))
    found = {"epochs": epochs}
    for name, changes in (("Baseline (w/o parts)", {"parts": ()}), ("Global+Light+Brand+Window", {})):
        row = trained_and_scored(
            run.changed(epochs=epochs, warmup=min(2.0, epochs / 4), **changes), name, data, work,
            work / "runs" / f"large-{bool(changes)}", gpu, table,
        )  # fmt: skip
        found[name] = {key: row[key] for key in ("cmc1", "cmc5", "loss", "seconds")}
    return found


@click.command()
@click.option("--size", type=click.Choice(list(PLANS)), default="full")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/gpu"), help="Where the results go.")
@click.option("--budget", default=570.0, help="Seconds for everything.")
@click.option("--epochs", default=0, help="Of the small network, in place of the plan's.")
@click.option("--at-once", default=0, help="Small networks trained at a time, in place of the plan's.")
@click.option(
    "--beside", type=click.Choice(["many", "large", "detector"]), help="What a process beside the main one does."
)
@click.option("--work", type=click.Path(path_type=Path), help="Folder that these processes share.")
def main(size: str, out: Path, budget: float, epochs: int, at_once: int, beside: str, work: Path) -> None:
    """Run all parts; the numbers are kept as they come."""
    plan = PLANS[size]
    plan = replace(plan, epochs=epochs or plan.epochs, at_once=at_once or plan.at_once)
    gpu = "cuda" if torch.cuda.is_available() else "cpu"
    if beside == "detector":
        files.write_json(work / "detector.json", detector_agreement(plan, work, gpu))
    elif beside:
        drawn(getattr(plan, beside), work / beside, max((os.cpu_count() or 1) - 4, 1))
    else:
        with tempfile.TemporaryDirectory(prefix="partreg-") as folder:
            everything(plan, size, Path(folder), Report(out), gpu, budget)


def everything(plan: Plan, size: str, work: Path, report: Report, gpu: str, budget: float) -> None:
    """All parts, those that need no GPU in processes beside."""

    def begin(what: str) -> subprocess.Popen:
        words = [sys.executable, "-m", "tests.gpu", "--size", size, "--beside", what, "--work", str(work)]
        return subprocess.Popen(words, stderr=open(report.out / f"{what}.log", "w"))

    sys.setswitchinterval(5e-4)
    report.part("provenance", lambda: {**where_from(), "size": size, "plan": asdict(plan)})
    speeds = {"large, with parts": LARGE_RUN, "large, baseline": LARGE_RUN.changed(parts=()), "small": SMALL_RUN}
    if gpu == "cpu":
        speeds = {name: run.changed(size=64, batch=8, backbone="tiny") for name, run in speeds.items()}
    rates = {
        name: report.part(f"speed, {name}", lambda run=run: speed(run, work, plan, gpu)) for name, run in speeds.items()
    }
    drawn(plan.tiny, work / "tiny", os.cpu_count() or 1)
    many, looked = begin("many"), begin("detector")
    report.part("agreement", lambda: agreement(plan, work, gpu))
    report.part("rendering for Table 4", many.wait)
    large_ones = begin("large")
    table = Table(report.out)
    report.part("table 4", lambda: table_4(plan, work, gpu, table))
    report.part("detector", lambda: looked.wait() or files.read_json(work / "detector.json"))
    report.part("rendering for the large network", large_ones.wait)
    rate = (rates["large, with parts"] or {}).get("held on the card", 100.0)
    report.part("large", lambda: large(plan, work, gpu, table, rate, budget - (time.time() - report.started)))


if __name__ == "__main__":
    main()

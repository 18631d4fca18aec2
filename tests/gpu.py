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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed

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
from partreg.retrieval.protocols import vehicleid_protocol
from partreg.synthetic import Benchmark, write_vehicleid
from partreg.workflow.runs import TABLE_4

SHARE = 0.3  # of all seconds, for the small networks
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
        epochs: of the small network, at the most.
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
        "numpy": np.__version__, "made": datetime.now(UTC).date().isoformat(),
        "commit": os.environ.get("PARTREG_COMMIT", "unknown"),
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
        for parameter in network.parameters():
            parameter.grad = None
        with device.mixed_precision(torch.device(gpu)):
            output = network(images, boxes)
        PART_REGULARIZED.losses(run, network, output, targets)["loss"].backward()

    return step


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """A step as a CUDA graph, on the current stream."""
    for _ in range(3):
        step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        step()
    return graph.replay


def speed_at_once(plan: Plan, work: Path, gpu: str) -> dict[str, float]:
    """Passes a second of small networks, one and several of them trained at a time."""
    rng = np.random.default_rng(0)
    names = [f"{k}" for k in range(32 * plan.timed)]
    images = pd.DataFrame({"image": names, "path": "", "vehicle": np.arange(len(names)) // 6})
    pixels = rng.integers(0, 256, (len(names), SMALL_RUN.size, SMALL_RUN.size, 3), dtype=np.uint8)
    run = SMALL_RUN.changed(boxes="whole", warmup=0.0)

    def one(job: tuple[int, int, int]) -> None:
        train(
            run.changed(seed=job[1], epochs=job[2]),
            images,
            None,
            work / "speed" / f"{job[:2]}",
            work,
            device=gpu,
            save_every=1000,
        )

    found = {}
    with mock.patch("partreg.reid.train.decoded", return_value=pixels), device.reproducible(1, torch.device(gpu)):
        for count in sorted({1, plan.at_once // 2, plan.at_once, plan.at_once * 2}):
            rates = []
            for epochs in (1, 17):  # the difference leaves out what comes before the first step
                began = time.perf_counter()
                with ThreadPoolExecutor(count) as pool:
                    list(pool.map(one, [(count * 100 + epochs, seed, epochs) for seed in range(count)]))
                rates.append(time.perf_counter() - began)
            found[str(count)] = round(count * 16 * len(images) / max(rates[1] - rates[0], 1e-3))
    return found


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
        if gpu != "cpu":
            found["bare, recorded"] = run.batch / seconds(recorded(bare(run, vehicles, gpu)), plan.timed, gpu)
        found["bare"] = run.batch / seconds(bare(run, vehicles, gpu), plan.timed, gpu)
        timed("from disk", 0.0, True)
        timed("held on the card", 1.0, True)
        timed("one by one", 1.0, False)
        found["bare, once more"] = run.batch / seconds(bare(run, vehicles, gpu), plan.timed, gpu)
    path.unlink()
    whole = ("held on the card", "from disk", "one by one")
    top = max(found["bare"], found["bare, once more"])
    ratios = {f"ratio to bare, {name}": found[name] / top for name in whole}
    if gpu != "cpu":
        ratios |= {f"ratio to bare, recorded, {name}": found[name] / found["bare, recorded"] for name in whole}
    return {name: round(value, 3) for name, value in {**found, **ratios}.items()}


def judged(found: np.ndarray, vehicles: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """CMC@1 and @5 over all test vehicles, their mean over disjoint lists of `LISTED` vehicles, and hits by vehicle."""
    scores = vehicleid_protocol(found, vehicles)
    mixed = np.random.default_rng(0).permutation(np.unique(vehicles))
    lists = [part for k in range(LISTS) if len(part := mixed[k * LISTED : (k + 1) * LISTED]) == LISTED]
    each = [vehicleid_protocol(found[np.isin(vehicles, part)], vehicles[np.isin(vehicles, part)]) for part in lists]
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


def trained(run: Run, name: str, data: tuple, work: Path, gpu: str) -> tuple[dict[str, Any], np.ndarray]:
    """One training, from its description to the features of the test images, and what is known of it."""
    images, test, boxes = data
    folder = work / "runs" / run.key
    history = train(
        run, images, boxes if run.parts else None, folder, work / "pixels", device=gpu, save_every=run.epochs
    )
    facts = files.read_json(folder / "training.json")
    row = {
        "network": run.backbone, "row": name, "seed": run.seed, "size": run.size, "vehicles": facts["vehicles"],
        "images": facts["images"], "epochs": run.epochs, "batch": run.batch, "loss": history.loss.iloc[-1],
        "accuracy": history.filter(like="accuracy").iloc[-1, 0], "seconds": facts["seconds"], "run": run.to_json(),
    }  # fmt: skip
    return row, extract(folder, test, boxes, pixels=work / "pixels", device=gpu, batch=512)


def table_4(plan: Plan, work: Path, gpu: str, table: Table, epochs: int) -> dict[str, Any]:
    """All rows of Table 4 with the small network, several trainings at a time on one card."""
    data = drawn(plan.many, work / "many", os.cpu_count() or 1)
    for images in data[:2]:
        decoded(images, SMALL_RUN.size, work / "pixels", threads=os.cpu_count() or 1)
    began = time.time()
    jobs = [
        (SMALL_RUN.changed(seed=seed, epochs=epochs, **changes), name)
        for seed in range(plan.seeds)
        for name, changes in TABLE_4.items()
    ]
    with device.reproducible(1, torch.device(gpu)), ThreadPoolExecutor(plan.at_once) as pool:
        done = list(pool.map(lambda job: trained(*job, data, work, gpu), jobs))
    took = time.time() - began
    vehicles = data[1].vehicle.to_numpy()
    for (row, _), (scores, hits) in zip(
        done, Parallel(os.cpu_count() or 1)(delayed(judged)(found, vehicles) for _, found in done), strict=True
    ):
        table.add({**row, **scores}, hits)
    passes = sum(row["epochs"] * row["images"] for row, _ in done)
    scores = pd.DataFrame(table.rows).groupby("row").cmc1.agg(["mean", "std"]).round(4)
    return {"epochs": epochs, "passes": passes, "passes a second": round(passes / took), **scores.to_dict("index")}


def large(plan: Plan, work: Path, gpu: str, table: Table, rate: float, left: float) -> dict[str, Any]:
    """The baseline and the full model with the large network, for as many epochs as fit into ``left`` seconds."""
    data = drawn(plan.large, work / "large", os.cpu_count() or 1)
    began = time.time()
    start = LARGE_RUN if gpu != "cpu" else SMALL_RUN
    for images in data[:2]:
        decoded(images, start.size, work / "pixels", threads=os.cpu_count() or 1)
    each = (left - (time.time() - began) - 20) / 2
    epochs = int(np.clip(0.92 * each * rate / len(data[0]), 1, plan.most))
    found: dict[str, Any] = {"epochs": epochs}
    for name, changes in (("Global+Light+Brand+Window", {}), ("Baseline (w/o parts)", {"parts": ()})):
        run = start.changed(epochs=epochs, warmup=min(2.0, epochs / 4), **changes)
        row, features = trained(run, name, data, work, gpu)
        scores, hits = judged(features, data[1].vehicle.to_numpy())
        table.add({**row, **scores}, hits)
        found[name] = {**scores, "loss": row["loss"], "seconds": row["seconds"]}
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
    at_once = report.part("speed, small, several at once", lambda: speed_at_once(plan, work, gpu)) or {}
    report.part("rendering for Table 4", many.wait)
    large_ones = begin("large")
    table = Table(report.out)
    best = max(at_once, key=at_once.get, default=str(plan.at_once))
    plan = replace(plan, at_once=int(best))
    passes = at_once.get(best, 1000) * budget * SHARE
    networks = plan.seeds * len(TABLE_4) * plan.many.train_vehicles * plan.many.images_per_vehicle
    epochs = int(np.clip(passes / networks, 2, plan.epochs))
    report.part("table 4", lambda: table_4(plan, work, gpu, table, epochs))
    report.part("detector", lambda: looked.wait() or files.read_json(work / "detector.json"))
    report.part("rendering for the large network", large_ones.wait)
    rate = (rates["large, with parts"] or {}).get("held on the card", 100.0)
    report.part("large", lambda: large(plan, work, gpu, table, rate, budget - (time.time() - report.started)))


if __name__ == "__main__":
    main()

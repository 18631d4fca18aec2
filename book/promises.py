"""The figures of the book's page of promises: what the last kills, spoilt files and other machines came to.

``make faults``, ``make fuzz``, ``make machines`` and ``make gpu`` make them, with where they come from; what is shown
is what is kept under ``reference/`` (``book/keep.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.retrieval.statistics import mean_interval
from partreg.workflow.profile import REFERENCE


def told(facts: Any) -> str:
    """Where kept figures come from, in a sentence; ``facts`` are those of `tests.origin.origin`."""
    commit = f"`{facts['commit']}`{'' if facts['clean'] else ' with uncommitted changes'}"
    return f"Kept from {facts['made']}, {facts['device']}, commit {commit}."


def kept(name: str, target: str) -> Callable[[Callable[[Path], list[str]]], Callable[..., str]]:
    """Let a function from a kept file to lines give Markdown for a folder, or say which command makes the file."""

    def wrap(lines: Callable[[Path], list[str]]) -> Callable[..., str]:
        @wraps(lines)
        def page(folder: Path = REFERENCE) -> str:
            if not (folder / name).exists():
                return f"Nothing is kept yet: `make {target}` makes it, `make keep WHAT={target}` keeps it.\n"
            return "\n".join([*lines(folder / name), ""])

        return page

    return wrap


@kept("faults.json", "faults")
def faults(path: Path) -> list[str]:
    """What the kills and the full disks came to, in Markdown."""
    found = files.read_json(path)
    kinds = ", ".join(f"{name} {count}" for name, count in found["kills"].items())
    lines = [
        f"{sum(found['kills'].values())} kills in {found['chains']} chains ({kinds}): "
        f"{found['differ']} of {found['chains'] * found['files']:,} result files differ from the undisturbed chain's, "
        f"and {found['left']} temporary files were left behind. {told(found)}",
        "",
        "What was said in a folder that is read-only, and on disks of 1, 4, 8, 16 and 30 MB:",
        "",
        *(f"- `{sentence}`" for sentence in found["refused"]),
    ]
    return lines


@kept("fuzz.csv", "fuzz")
def fuzz(path: Path) -> list[str]:
    """How many spoilt files each reader was given, in Markdown."""
    table = pd.read_csv(path)
    lines = [
        f"{table.files.sum():,} files, {table.failed.sum()} readers failed. {told(table.iloc[0])}",
        "",
        "| reader | files | branches reached | failed |",
        "|---|---:|---:|---:|",
        *(f"| {one.reader} | {one.files:,} | {one.branches} | {one.failed} |" for one in table.itertuples()),
    ]
    return lines


@kept("machines.csv", "machines")
def machines(path: Path) -> list[str]:
    """By how much the results of other machines differ, in Markdown."""
    table = pd.read_csv(path)
    lines = [
        f"Against one notebook at a time on the same machine. {told(table.iloc[0])}",
        "",
        "| how | results | files | differ | largest difference |",
        "|---|---|---:|---:|---:|",
    ]
    for one in table.itertuples():
        largest = "–" if not one.differ else "cannot be compared" if pd.isna(one.largest) else f"{one.largest:.2g}"
        lines.append(f"| {one.machine} | {one.results} | {one.files:,} | {one.differ:,} | {largest} |")
    return lines


@kept("machine_scores.csv", "machines")
def scores(path: Path) -> list[str]:
    """How far the scores of networks trained to the end lie apart, by machine and by seed, in Markdown."""
    table = pd.read_csv(path)
    points = 100 * table.pivot(index="machine", columns="seed", values="cmc1")
    machine, seed = (float((points.max(axis=axis) - points.min(axis=axis)).max()) for axis in (0, 1))
    lines = [
        f"For one seed, CMC@1 differs by up to {machine:.1f} points between the machines; for one machine, by up to "
        f"{seed:.1f} points between the seeds. {told(table.iloc[0])}",
        "",
        f"| CMC@1, % | {' | '.join(f'seed {seed}' for seed in points)} |",
        f"|---|{'---:|' * len(points.columns)}",
        *(f"| {name} | {' | '.join(f'{score:.1f}' for score in line)} |" for name, line in points.iterrows()),
    ]
    return lines


@kept("gpu/gpu.json", "gpu")
def gpu(path: Path) -> list[str]:
    """What a GPU gave: its agreement with the CPU, its speed and its rows of Table 4, in Markdown."""
    report = files.read_json(path)
    parts = {name: part["found"] for name, part in report["parts"].items()}
    made = parts["provenance"]
    lines = [f"{made['device']}, {made['cores']} cores, torch {made['torch']}, commit `{made['commit']}`.", ""]
    lines += [f"- {name} failed: {error.splitlines()[-1]}" for name, error in report["failed"].items()]
    lines += _gpu_table(path.with_name("table_4.csv"))
    lines += ["| compared with the CPU | found |", "|---|---:|"]
    compared = {**parts.get("agreement", {}), **{f"detector: {k}": v for k, v in parts.get("detector", {}).items()}}
    lines += [f"| {name} | {_shown(value)} |" for name, value in compared.items()]
    speeds = {name.removeprefix("speed, "): found for name, found in parts.items() if name.startswith("speed, ")}
    for name, found in speeds.items():
        lines += ["", f"| images a second: {name} | |", "|---|---:|"]
        lines += [f"| {what} | {_shown(value)} |" for what, value in found.items()]
    return lines


def _shown(value: Any) -> str:
    """A measured value with as many digits as it deserves; yes or no for a truth."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and value >= 100):
        return f"{value:,.0f}"
    return "–" if value is None else f"{value:.3g}"


def _gpu_table(path: Path) -> list[str]:
    """Rows of Table 4 by network: CMC@1 in percent, with the interval over seeds."""
    table = pd.read_csv(path)
    shared = ["network", "size", "vehicles", "images", "epochs", "batch"]
    lines = []
    for (network, size, vehicles, images, epochs, batch), rows in table.groupby(shared, sort=False):
        lines += [
            f"`{network}`, {size} px, {vehicles:,} training vehicles, {images:,} images, {epochs} epochs of batches of "
            f"{batch}, true boxes:",
            "",
            "| branches | CMC@1, % | 95% over seeds | accuracy on training images, % | seeds |",
            "|---|---:|---:|---:|---:|",
        ]
        for name, some in rows.groupby("row", sort=False):
            _, low, high = mean_interval(some.cmc1)
            span = "–" if pd.isna(low) else f"{100 * low:.1f} to {100 * high:.1f}"
            accuracy = 100 * some.accuracy.mean()
            lines.append(f"| {name} | {100 * some.cmc1.mean():.1f} | {span} | {accuracy:.1f} | {len(some)} |")
        lines.append("")
    return lines

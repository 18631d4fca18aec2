"""Report, for the page of promises, the last tests of kills, spoilt files and other machines, in Markdown.

``make faults``, ``make fuzz``, ``make machines`` and ``make gpu`` make these results, with their origins. The page
shows those that are kept under ``reference/`` (``book/keep.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.figures.tables import in_points, markdown
from partreg.retrieval.statistics import Arm, contrast
from partreg.studies.curve import on_gpu
from partreg.studies.effects import read_table
from partreg.workflow.profile import REFERENCE


def origin_words(facts: Any) -> str:
    """Say in one sentence where kept results come from; `tests.origin.origin` gives the ``facts``."""
    return f"Kept from {facts['made']}, {facts['device']}, commit {commit_words(facts)}."


def commit_words(facts: Any) -> str:
    """Write the ``commit`` of some facts, and whether it was ``clean``."""
    return f"`{facts['commit']}`{'' if facts['clean'] else ' with uncommitted changes'}"


def kept(name: str, target: str, what: str = "") -> Callable[[Callable[[Path], list[str]]], Callable[..., str]]:
    """Turn a function of a kept file, which returns lines, into one of a folder; say what makes a missing file.

    Args:
        name: the file, from the folder.
        target: of make, which makes it.
        what: the name under which ``make keep`` keeps it, if that is not the target's.
    """

    def wrap(lines: Callable[[Path], list[str]]) -> Callable[..., str]:
        @wraps(lines)
        def page(folder: Path = REFERENCE) -> str:
            if not (folder / name).exists():
                return f"Nothing is kept yet: `make {target}` makes it, `make keep WHAT={what or target}` keeps it.\n"
            return "\n".join([*lines(folder / name), ""])

        return page

    return wrap


@kept("faults.json", "faults")
def faults(path: Path) -> list[str]:
    """Report the kills and the full disks."""
    report = files.read_json(path)
    kinds = ", ".join(f"{name} {count}" for name, count in report["kills"].items())
    return [
        f"{sum(report['kills'].values())} kills in {report['chains']} chains ({kinds}): "
        f"{report['differ']} of {report['chains'] * report['files']:,} result files differ from the undisturbed "
        f"chain's, and {report['left']} temporary files were left behind. {origin_words(report)}",
        "",
        "What was said in a folder that is read-only, and on disks of 1, 4, 8, 16 and 30 MB:",
        "",
        *(f"- `{sentence}`" for sentence in report["refused"]),
    ]


@kept("fuzz.csv", "fuzz")
def fuzz(path: Path) -> list[str]:
    """Report how many spoilt files each reader received."""
    table = read_table(path)
    return [
        f"{table.files.sum():,} files, {table.failed.sum()} readers failed. {origin_words(table.iloc[0])}",
        "",
        *markdown(
            ["reader", "files:", "branches reached:", "failed:"],
            [(row.reader, f"{row.files:,}", row.branches, row.failed) for row in table.itertuples()],
        ),
    ]


@kept("machines.csv", "machines")
def machines(path: Path) -> list[str]:
    """Report by how much the results of other machines differ."""
    table = read_table(path)
    rows = []
    for row in table.itertuples():
        largest = "–" if not row.differ else "cannot be compared" if pd.isna(row.largest) else f"{row.largest:.2g}"
        rows.append((row.machine, row.results, f"{row.files:,}", f"{row.differ:,}", largest))
    return [
        f"Against one notebook at a time on the same machine. {origin_words(table.iloc[0])}",
        "",
        *markdown(["how", "results", "files:", "differ:", "largest difference:"], rows),
    ]


@kept("machine_scores.csv", "machines")
def scores(path: Path) -> list[str]:
    """Report how far the scores of fully trained networks lie apart, by machine and by seed."""
    table = read_table(path)
    points = 100 * table.pivot(index="machine", columns="seed", values="cmc1")
    machine, seed = (float((points.max(axis=axis) - points.min(axis=axis)).max()) for axis in (0, 1))
    return [
        f"For one seed, CMC@1 differs by up to {machine:.1f} points between the machines; for one machine, by up to "
        f"{seed:.1f} points between the seeds. {origin_words(table.iloc[0])}",
        "",
        *markdown(
            ["CMC@1, %", *(f"seed {seed}:" for seed in points)],
            [(name, *(f"{score:.1f}" for score in line)) for name, line in points.iterrows()],
        ),
    ]


@kept("start.json", "start")
def start(path: Path) -> list[str]:
    """Report how the network learnt that the profile laptop starts from."""
    facts = files.read_json(path)
    return [
        f"It learnt for {facts['epochs']} {{term}}`epochs <epoch>` at {facts['size']} pixels, "
        f"{facts['seconds'] / 60:.0f} minutes on one core, with {{term}}`seed` {facts['seed']}. On {facts['held_out']} "
        f"{{term}}`validation vehicles <validation vehicle>` of its own benchmark its {{term}}`CMC`@1 is "
        f"{facts['validation CMC@1 (%)']:.1f}%. {origin_words({**facts, 'made': facts['made'][:10]})}",
    ]


# Which of the compared losses has a tolerance.
JUDGED = {
    "first epoch's loss": "first epoch's loss, relative difference",
    "tolerance, loss": "tolerance of the first epoch's",
    "last epoch's loss": "last epoch's loss, relative difference; it has no tolerance, for rounding grows as it trains",
}


@kept("gpu/gpu.json", "gpu")
def gpu(path: Path) -> list[str]:
    """Report a GPU's agreement with the CPU, its speed and its networks of Table 4."""
    report = files.read_json(path)
    parts = {name: part["found"] for name, part in report["parts"].items()}
    facts = parts["provenance"]
    lines = [f"{facts['device']}, {facts['cores']} cores, torch {facts['torch']}, commit `{facts['commit']}`.", ""]
    lines += [f"- {name} failed: {error.splitlines()[-1]}" for name, error in report["failed"].items()]
    lines += _gpu_table(path.with_name("table_4.csv"))
    compared = {**parts.get("agreement", {}), **{f"detector: {k}": v for k, v in parts.get("detector", {}).items()}}
    shown = [(JUDGED.get(name, name), _shown(value)) for name, value in compared.items()]
    lines += markdown(["compared with the CPU", "found:"], shown)
    for name, speeds in parts.items():
        if name.startswith("speed, "):
            columns = [f"images a second: {name.removeprefix('speed, ')}", ":"]
            lines += ["", *markdown(columns, [(what, _shown(value)) for what, value in speeds.items()])]
    return lines


def _shown(value: Any) -> str:
    """Write a measured value with three digits or as a whole number; a truth as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and value >= 100):
        return f"{value:,.0f}"
    return "–" if value is None else f"{value:.3g}"


def _gpu_table(path: Path) -> list[str]:
    """Return a table of the networks of Table 4: CMC@1 in percent, its interval for other trainings, and the gain."""
    table = read_table(path)
    gains = on_gpu(path.parents[1])
    shared = ["network", "size", "vehicles", "images", "epochs", "batch"]
    lines = []
    for (network, size, vehicles, images, epochs, batch), rows in table.groupby(shared, sort=False):
        scores = []
        for name, seeds in rows.groupby("row", sort=False):
            low, high = contrast([Arm(1, seeds.cmc1.to_numpy())]).ends()
            span = "–" if pd.isna(low) else f"{100 * low:.1f} to {100 * high:.1f}"
            accuracy = f"{100 * seeds.accuracy.mean():.1f}"
            scores.append((name, f"{100 * seeds.cmc1.mean():.1f}", span, accuracy, len(seeds)))
        columns = ["branches", "CMC@1, %:", "95% interval:", "accuracy on training images, %:", "seeds:"]
        says = (
            f"`{network}`, {size} px, {vehicles:,} training vehicles, {images:,} images, {epochs} epochs of batches of "
            f"{batch}, true boxes:"
        )
        gain = in_points(gains[network, vehicles])
        lines += [says, "", *markdown(columns, scores), "", f"Full model minus baseline: {gain} points of CMC@1.", ""]
    return lines

"""The figures of the book's page of promises: what the last kills, spoilt files and other machines came to.

``make faults``, ``make fuzz`` and ``make machines`` make them, with where they come from; what is shown is what is
kept under ``reference/`` (`partreg.workflow.keep`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.workflow.profile import REFERENCE, open_workspace
from partreg.workflow.provenance import provenance


def origin() -> dict[str, Any]:
    """Where such a figure comes from: device, commit, whether it was clean, and the day."""
    facts = provenance(open_workspace("smoke"))
    return {**{name: facts[name] for name in ("device", "commit", "clean")}, "made": facts["made"][:10]}


def told(facts: Any) -> str:
    """`origin` in a sentence."""
    commit = f"`{facts['commit']}`{'' if facts['clean'] else ' with uncommitted changes'}"
    return f"Kept from {facts['made']}, {facts['device']}, commit {commit}."


def faults(folder: Path = REFERENCE) -> str:
    """What the kills and the full disks came to, in Markdown."""
    path = folder / "faults.json"
    if not path.exists():
        return "Nothing is kept yet: `make faults` makes it, `make keep WHAT=faults` keeps it.\n"
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
    return "\n".join([*lines, ""])


def fuzz(folder: Path = REFERENCE) -> str:
    """How many spoilt files each reader was given, in Markdown."""
    path = folder / "fuzz.csv"
    if not path.exists():
        return "Nothing is kept yet: `make fuzz` makes it, `make keep WHAT=fuzz` keeps it.\n"
    table = pd.read_csv(path)
    lines = [
        f"{table.files.sum():,} files, {table.failed.sum()} readers failed. {told(table.iloc[0])}",
        "",
        "| reader | files | branches reached | failed |",
        "|---|---:|---:|---:|",
        *(f"| {one.reader} | {one.files:,} | {one.branches} | {one.failed} |" for one in table.itertuples()),
    ]
    return "\n".join([*lines, ""])


def machines(folder: Path = REFERENCE) -> str:
    """By how much the results of other machines differ, in Markdown."""
    path = folder / "machines.csv"
    if not path.exists():
        return "Nothing is kept yet: `make machines` makes it, `make keep WHAT=machines` keeps it.\n"
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
    return "\n".join([*lines, ""])


def scores(folder: Path = REFERENCE) -> str:
    """How far the scores of networks trained to the end lie apart, by machine and by seed, in Markdown."""
    path = folder / "machine_scores.csv"
    if not path.exists():
        return "Nothing is kept yet: `make machines` makes it, `make keep WHAT=machines` keeps it.\n"
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
    return "\n".join([*lines, ""])

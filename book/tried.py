"""Report, in Markdown, what was tried on held-out vehicles on a GPU, and how fast its processes trained.

``make gpu STUDY=regime`` makes these results; ``tests/gpu_tried.py`` says what each variation and recipe is. The pages
on the GPU and on settings show those that are kept under ``reference/gpu/`` (``book/keep.py``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from partreg.figures.tables import DASH, markdown, signed
from partreg.paper import FULL
from partreg.studies.effects import read_table
from promises import kept

AGAINST = {"plain": "plain", "strong": "strong", "reduced": "plain"}  # a recipe, by the first word of its name
COMMAND = ("gpu STUDY=regime", "tried")  # makes it; WHAT keeps it
GUESSING = 2  # times the accuracy of guessing: who has less than that has learnt nothing


def changes(table: pd.DataFrame, distance: str) -> dict[str, list[float]]:
    """Return for each network of tried.csv how many points its CMC@1 changes, seed by seed.

    A variation is held against the full model, and a recipe against what `AGAINST` says.

    Args:
        table: lines of tried.csv of one kind.
        distance: the column, "cmc1" (L2) or "cosine".
    """
    points = 100 * table.pivot(index="row", columns="seed", values=distance)
    start = {name: AGAINST.get(name.split(" ")[0], FULL) for name in points.index}
    return {name: (points.loc[name] - points.loc[start[name]]).tolist() for name in points.index}


def _signed(values: list[float]) -> str:
    """Write changes in points as "+1.0, −2.0", and a dash for what they are held against."""
    return ", ".join(signed(value / 100) for value in values) if any(values) else DASH


def _percent(values: pd.Series) -> str:
    """Write fractions as percent, one for each seed."""
    return ", ".join(f"{100 * value:.1f}" for value in values)


def _origin(table: pd.DataFrame) -> str:
    """Say what the lines of tried.csv have in common, and where they come from."""
    one, seeds = table.iloc[0], " and ".join(str(seed) for seed in table.seed.unique())
    runs = table[["device", "commit"]].drop_duplicates().itertuples()
    origins = "; ".join(f"{run.device}, commit `{run.commit}`" for run in runs)
    return (
        f"Each network learnt {one.learnt:,} vehicles for {one.epochs} epochs; the numbers are of seeds {seeds}. "
        f"Kept from {origins}."
    )


@kept("gpu/tried.csv", *COMMAND)
def recipes(path: Path) -> list[str]:
    """Report the plain recipe with one trick more, and the strong one with one less."""
    table = read_table(path)
    table = table[table.kind == "recipe"].sort_values("seed", kind="stable")
    apart = changes(table, "cosine")
    rows = [
        (name, _percent(some.cosine), _signed(apart[name]), _percent(some.cmc1), _percent(some.accuracy))
        for name, some in table.groupby("row", sort=False)
    ]
    columns = ["recipe", "CMC@1 by cosine, %:", "change, points:", "CMC@1 by L2, %:", "accuracy on training images, %:"]
    idle = table[table.accuracy * table.learnt < GUESSING]
    told = [f"`{one['row']}` with seed {one['seed']}" for one in idle.to_dict("records")]
    nothing = f" Nothing was learnt, for the accuracy is that of guessing, by {', '.join(told)}." if told else ""
    return [*markdown(columns, rows), "", _origin(table) + nothing]


@kept("gpu/tried.csv", *COMMAND)
def variations(path: Path) -> list[str]:
    """Report the variations of the full model whose global prediction is pulled to the parts'."""
    table = read_table(path)
    table = table[table.kind == "variation"].sort_values("seed", kind="stable")
    apart = changes(table, "cmc1")
    rows = []
    for name in sorted(apart, key=lambda name: -np.mean(apart[name])):
        some = table[table["row"] == name]
        rows.append((name, _percent(some.cmc1), _signed(apart[name]), _percent(some.accuracy)))
    columns = ["network", "CMC@1, %:", "change, points:", "accuracy on training images, %:"]
    return [*markdown(columns, rows), "", _origin(table)]


@kept("gpu/layouts.csv", *COMMAND)
def layouts(path: Path) -> list[str]:
    """Report how fast several processes train on one card."""
    table = read_table(path)
    one = table.iloc[0]
    return [
        *markdown(
            ["processes:", "threads of each:", "images a second:"],
            [(line.processes, line.threads, f"{line.images_per_second:,}") for line in table.itertuples()],
        ),
        "",
        f"Kept from {one.device}, {one.cores} cores, commit `{one.commit}`.",
    ]

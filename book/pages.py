"""Write parts of the book's pages, in Markdown: about this copy, the profiles and the rendered benchmark."""

from __future__ import annotations

import platform
from collections import Counter

import nbformat

from keep import of_older_code
from needs import NEEDS, chapter_path, run_path
from partreg import files
from partreg.baselines import declarations
from partreg.figures.tables import markdown
from partreg.reid.run import Run
from partreg.studies.effects import REGIME, WITHDRAWN, Evidence, read_table
from partreg.studies.study import table_path
from partreg.synthetic import benchmark
from partreg.synthetic.benchmark import plan_vehicleid
from partreg.workflow.profile import Workspace, read_profile
from partreg.workflow.provenance import device, provenance
from partreg.workflow.runs import networks
from promises import commit_words

PAGES = ("settings", "settings_others", "photographs")  # kept tables beside which the reader's own are shown

# The datasheet's table: where marks are, which, and the renderer's names of these places.
MARKS = {
    "on and behind the windscreen": (
        "stickers, permits, a strip; tissue box, toy, bottle, papers, phone; ornaments on the mirror",
        {"front_glass", "front_dash", "front_hang"},
    ),
    "seats": ("covers, cushion, child seat", {"seats"}),
    "on and behind the rear window": (
        "stickers, signs; plush, cushion, box, hat on the shelf",
        {"rear_glass", "rear_shelf"},
    ),
    "lights": ("replaced, yellowed, dark, ringed lamp", {"front_lamp", "rear_lamp"}),
    "head and rear area": (
        "badge, letters, bow, frame of the plate, scratch, patch",
        {"front_badge", "rear_badge", "plate_frame", "face"},
    ),
    "sides, bonnet, wheels": ("decal, stripe, scratch, dent, another rim", {"side", "hood", "wheel"}),
}


def paper_recipe() -> str:
    """Say in two sentences which learning rates and margins the profile ``paper`` has for the other methods."""
    fields = read_profile("paper")
    own, rate = fields["methods"], fields["reid"].get("lr", Run.lr)
    rates = {method: changes["lr"] for method, changes in own.items() if changes.get("lr", rate) != rate}
    margins: dict[float, list[str]] = {}
    for method, about in declarations().items():
        if any("margin" in changes for changes in about.tried):
            margin = own.get(method, {}).get("margin", fields["reid"].get("margin", Run.margin))
            margins.setdefault(margin, []).append(about.name)
    others = "".join(f", but {declarations()[method].name} {value:g}" for method, value in rates.items())
    by_margin = "; ".join(f"{margin:g} for {', '.join(rows)}" for margin, rows in sorted(margins.items()))
    return (
        f"In the profile `paper` nothing was chosen: every network has a learning rate of {rate:g} there{others}. "
        f"The margins are {by_margin}.\n"
    )


def methods_reference() -> str:
    """List the modules of all methods for the library's reference, in the order of the paper's tables."""
    modules = [f"partreg.baselines.{method}" for method in declarations()]
    sections = [f"### {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n" for name in modules]
    return "\n".join(sections)


def marks_table() -> str:
    """Return a table of the marks that tell the vehicles of the profile ``laptop`` apart, with their number on one."""
    vehicles = plan_vehicleid(benchmark.described(read_profile("laptop")["benchmark"])).vehicles
    places = Counter(mark.place for vehicle in vehicles for mark in vehicle.marks)
    total = sum(places.values()) / len(vehicles)
    rows = [
        (where, which, f"{sum(places[name] for name in names) / len(vehicles):.2f}")
        for where, (which, names) in MARKS.items()
    ]
    head = f"Marks, {total:.1f} on average in the profile `laptop`; no single view shows them all:"
    return "\n".join([head, "", *markdown(["where", "which", "per vehicle, on average:"], rows), ""])


def statistics(ws: Workspace) -> str:
    """Return the page with the run time of each chapter and network, and with the machine that they ran on."""
    facts = provenance(ws)
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    chapters, trainings = [], []
    for name in NEEDS:
        ran = nbformat.read(chapter_path(ws, name), as_version=4).metadata.papermill
        finished = ran["end_time"][:16].replace("T", " ")
        chapters.append((f"{{doc}}`/notebooks/{name}`", finished, f"{ran['duration']:.0f}"))
    for run in sorted(networks(ws).values(), key=lambda run: run.name):
        path = run_path(ws, run)
        trained = files.read_json(path.parent / "provenance.json")
        ran = nbformat.read(path, as_version=4).metadata.papermill
        seconds = f"{trained['seconds']:.0f}", f"{ran['duration']:.0f}"
        trainings.append((run.name, f"`{run.key}`", commit_words(trained), *seconds))
    columns = ["network", "folder under `runs/`", "commit", "seconds, training:", "seconds, notebook:"]
    lines = [
        "# Run times",
        "",
        f"This copy of the book was made with the profile `{facts['profile']}` on {device()}, Python "
        f"{platform.python_version()}, commit {commit_words(facts)}.",
        f"Versions: {versions}. Times are wall-clock seconds; two notebooks may run at a time.",
        "",
        "## Chapters",
        "",
        *markdown(["chapter", "finished (UTC)", "seconds:"], chapters),
        "",
        "## Networks",
        "",
        *markdown(columns, trainings),
        "",
    ]
    return "\n".join(lines)


def copy_time(ws: Workspace) -> str:
    """Say in one sentence what the executed notebooks of this copy took together, and where."""
    paths = [*(chapter_path(ws, name) for name in NEEDS if not NEEDS[name].copied)]
    paths += [run_path(ws, run) for run in networks(ws).values()]
    paths += sorted((ws.folder / "methods").glob("*.ipynb"))
    seconds = sum(nbformat.read(path, as_version=4).metadata.papermill["duration"] for path in paths)
    return (
        f"This copy has the profile `{ws.profile.name}`. Its notebooks took {seconds / 60:.0f} minutes together, on "
        f"{device()}.\n"
    )


def own_part(ws: Workspace, name: str) -> str:
    """Return the reader's own table for the page that shows the kept one, in Markdown, or how to make it."""
    path, target = table_path(ws, name), name.split("_")[0]
    if not path.exists():
        return f"None of your own lies in this book's results folder; `make {target}` makes it.\n"
    table = read_table(path).fillna("").astype(str)
    lines = markdown(list(table.columns), table.to_numpy())
    return "\n".join(["Your own, from this book's results folder:", "", *lines, ""])


# What the studies of the kept trainings are about, in the words of the page of all runs.
STUDIES = {
    "rows": "Table 4 and beyond",
    "cells": "when parts pay",
    "budgets": "shorter budgets",
    "sizes": "Tables 5 and 6",
    REGIME: "thousands of vehicles",
}


def runs_table(evidence: Evidence) -> str:
    """Return how many trainings each network has, and each failure, for the page of all runs."""
    withdrawn = evidence.runs.outcome.str.startswith(WITHDRAWN)
    runs = evidence.runs.assign(failed=(evidence.runs.outcome != "done") & ~withdrawn)
    if runs.empty:
        return "None has been run yet.\n"
    says = (
        f"{len(runs)} trainings are kept, {int(runs.failed.sum())} of them failed; together they took "
        f"{runs.seconds.sum() / 3600:.1f} hours of training. "
        f"{int(of_older_code(runs).sum())} of them are of older code than this copy's, see [](promises.md)."
    ) + f" {int(withdrawn.sum())} of them count for nothing." * bool(withdrawn.any())
    rows = []
    named = runs.assign(study=runs.study.map(STUDIES))
    for (row, *names), group in named.groupby(["row", "study", "budget", "dataset", "cell"], sort=False):
        rows.append((row, len(group), int(group.failed.sum()), f"{group.seconds.sum() / 60:.0f}", *names))
    failures = [f"- `{run.key}` ({run.row}, seed {run.seed}): {run.outcome}" for run in runs[runs.failed].itertuples()]
    remarks = [f"- {remark}" for study in sorted(evidence.said) for remark in evidence.said[study]]
    columns = ["network", "trainings:", "failed:", "minutes:", "study", "budget", "data set", "cell"]
    return "\n".join([says, "", *markdown(columns, rows), "", *failures, *remarks, ""])

"""What is committed under ``reference/``: put there, taken up again, and stamped anew after a change of code.

``make keep WHAT=...`` puts results of one's own in place of those. Of the other targets, ``make restamp`` alone writes
there: the column ``code`` of ``runs.csv``. The book shows what is kept, with where it comes from, and beside it what
lies in its own results folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.workflow.effects import COLUMNS, WITHDRAWN, Evidence, read_evidence
from partreg.workflow.evidence import STUDY
from partreg.workflow.notebooks import reported
from partreg.workflow.profile import REFERENCE, REPOSITORY, Workspace, demand_repository, open_workspace
from partreg.workflow.studies import STUDIES
from partreg.workflow.study import Job, Record, record_path, table_path

TESTS = {  # of the code, whatever the profile
    "fuzz": ("fuzz.csv",),
    "faults": ("faults.json",),
    "machines": ("machines.csv", "machine_scores.csv"),
    "gpu": ("gpu.json", "table_4.csv", "hits.csv"),
}
# The target of make that makes it, and its files.
TABLES = {
    **{
        name: (one.target, tuple(f"{table}.csv" for table in one.tables)) for name, one in STUDIES.items() if one.tables
    },
    **{name: (name, names) for name, names in TESTS.items()},
}
PAGES = ("settings", "settings_others", "photographs")  # tables that the book shows of its own results folder, too
ORIGIN = ("code", "seconds", "profile", "device", "commit", "clean")  # how a training came about: no results


def own_part(ws: Workspace, name: str) -> str:
    """The reader's own table for the page that shows the kept one, in Markdown, or how to make it."""
    path, target = table_path(ws, name), name.split("_")[0]
    if not path.exists():
        return f"None of your own lies in this book's results folder; `make {target}` makes it.\n"
    table = pd.read_csv(path).fillna("").astype(str)
    lines = [table.columns, ["---"] * len(table.columns), *table.to_numpy()]
    lines = [f"| {' | '.join(word.replace('|', '/') for word in line)} |" for line in lines]
    return "\n".join(["Your own, from this book's results folder:", "", *lines, ""])


def keep(what: str, folder: Path, reference: Path = REFERENCE) -> list[Path]:
    """Copy the files of ``what`` from ``folder`` to ``reference``, a GPU's to a folder there; gives their new paths.

    Raises:
        PartregError: one of them has not been made; nothing is copied then.
    """
    target, names = TABLES[what]
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise PartregError(f"{folder / absent[0]}: nothing to keep; run make {target} with the same choices first.")
    place = reference / "gpu" if what == "gpu" else reference
    for name in names:
        with files.whole(place / name) as temporary:
            temporary.write_bytes((folder / name).read_bytes())
    return [place / name for name in names]


def restore(ws: Workspace, folder: Path) -> tuple[int, int]:
    """Make records of the study `evidence` anew from kept tables, where they are wanted and their code is today's.

    So what was run elsewhere need not be run again, and what is missing can be added.

    Returns:
        How many were made, and how many more are wanted but of older code, see `restamp`.
    """
    kept = read_evidence(folder)
    wanted, taken, older = {job.description: job for job in STUDY.listed(ws)}, 0, 0
    for row in kept.runs.to_dict("records"):
        job = wanted.get(row["key"])
        if job is None or job.code != row["code"]:
            older += job is not None
            continue
        path = record_path(ws, STUDY, job.key)
        if not path.exists() and not row["outcome"].startswith(WITHDRAWN):
            files.write_json(path, as_record(row, kept))
            taken += 1
    return taken, older


def as_record(row: dict[str, Any], kept: Evidence) -> Record:
    """The record that a row of runs.csv came from, with its curve and its hits."""
    record = {name: value for name, value in row.items() if value == value}  # what is empty is NaN
    curve = kept.curves[kept.curves.key == row["key"]]
    if len(curve):
        curve = curve.astype(object).where(curve.notna(), None)  # JSON has no NaN
        record["curve"] = {name: curve[name].tolist() for name in COLUMNS["curves"][1:]}
    for share in kept.hits[kept.hits.key == row["key"]].itertuples():
        record[share.which] = [float(value) for value in share.hits.split()]
    return record


def of_older_code(runs: pd.DataFrame) -> pd.Series:
    """Which of the kept trainings, rows of runs.csv, no code of today's copy made or was stamped for."""
    return ~runs.code.isin({job.code for job in STUDY.listed(open_workspace("reference"))})


def restamp(ws: Workspace, folder: Path, each: int = 1) -> list[str]:
    """Put today's code under kept trainings that it leaves as they were, to the last digit that is kept.

    Kept trainings of one code, which one code of today would make, go together. Of each such group those are trained
    again that took the least time. Where all numbers are the same, the group's ``code`` in runs.csv becomes today's.

    Args:
        ws: the workspace of the kept trainings.
        folder: of the kept tables.
        each: how many of a group to train again.

    Returns:
        A line for each group: what was tried, and whether it agreed.
    """
    text = pd.read_csv(folder / "runs.csv", dtype=str, keep_default_na=False)
    kept, wanted = read_evidence(folder), {job.description: job for job in STUDY.listed(ws)}
    due = text[text.key.isin(wanted)].assign(now=lambda rows: [wanted[key].code for key in rows.key])
    lines = []
    for (old, now), group in due[due.code != due.now].groupby(["code", "now"], sort=False):
        sample = group.loc[pd.to_numeric(group.seconds, errors="coerce").sort_values(kind="stable").index[:each], "key"]
        apart = [words for key in sample for words in differences(ws, wanted[key], kept)]
        if not apart:
            text.loc[group.index, "code"] = now
            files.write_text(folder / "runs.csv", text.to_csv(index=False))
        labels = "; ".join(wanted[key].label for key in sample)
        lines.append(
            f"{old or 'no code'} to {now}, {len(group)} trainings ({labels}): {'; '.join(apart) or 'the same'}"
        )
    return lines


def differences(ws: Workspace, job: Job, kept: Evidence) -> list[str]:
    """Train a kept training's network again; the names of the numbers that differ from the kept ones."""
    row = kept.runs[kept.runs.key == job.description].iloc[0].to_dict()
    mine, theirs = (STUDY.tabulate([record]) for record in (STUDY.record(ws, job), as_record(row, kept)))
    columns = [name for name in COLUMNS["runs"] if name not in ORIGIN]
    differ = [name for name in columns if mine["runs"][name].to_csv() != theirs["runs"][name].to_csv()]
    return differ + [name for name in ("curves", "hits") if mine[name].to_csv() != theirs[name].to_csv()]


def main(arguments: list[str]) -> None:
    """``python -m partreg.workflow.keep WHAT PROFILE [OUTPUT]``; with ``restamp`` for WHAT, see `restamp`."""
    what, profile, output = [*arguments, "", "", ""][:3]
    if what == "restamp":
        ws = open_workspace("reference")
        sys.exit(reported("restamp", lambda: print("\n".join(restamp(ws, REFERENCE)), flush=True)))
    try:
        demand_repository("make keep")
        if what not in TABLES:
            raise PartregError(f"WHAT is {what!r}; expected one of {', '.join(TABLES)}.")
        if what in TESTS:
            folder = REPOSITORY / "build" / what
        else:
            start = "reference" if what == "evidence" and profile == "laptop" else profile or "laptop"
            folder = table_path(open_workspace(start, output=output), "").parent
        for path in keep(what, folder):
            print(f"partreg: {path.relative_to(REPOSITORY)} is renewed; commit it together with the words about it.")
    except PartregError as error:
        sys.exit(f"partreg: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

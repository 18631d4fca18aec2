"""Put results under ``reference/``, which is committed, and stamp them after a change of code.

``make keep WHAT=...`` puts results of your own in place of those, and the start of the networks into the
package. One other target writes there: ``make restamp``, to the column ``code`` of ``runs.csv`` and ``regime.csv``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.reid.run import START
from partreg.studies import STUDIES, regime
from partreg.studies.effects import COLUMNS, Evidence, read_evidence
from partreg.studies.evidence import STUDY, as_record
from partreg.studies.study import Job, table_path
from partreg.workflow.profile import REFERENCE, REPOSITORY, Workspace, open_workspace
from step import reported

TESTS = {  # of the code, whatever the profile
    "fuzz": ("fuzz.csv",),
    "faults": ("faults.json",),
    "machines": ("machines.csv", "machine_scores.csv"),
    "gpu": ("gpu.json", "table_4.csv", "hits.csv"),
    "tried": ("tried.csv", "layouts.csv"),
    "real": ("real_detectors.csv", "real_annotated.csv", "real_starts.csv", "real_walk.csv", "real_ranking.csv"),
    "annotating": ("annotating.csv",),
    "start": ("start.json", "start.pt"),
}
ON_GPU = {"gpu": "gpu", "tried": "gpu STUDY=regime"}  # what lies in folders named gpu, and the target of each
# The target of make that makes it, and its files.
TABLES = {
    **{
        name: (one.target, tuple(f"{table}.csv" for table in one.tables)) for name, one in STUDIES.items() if one.tables
    },
    **{name: (ON_GPU.get(name, name), names) for name, names in TESTS.items()},
}
ORIGIN = ("code", "seconds", "profile", "device", "commit", "clean")  # how a training came about: no results


def keep(what: str, folder: Path, reference: Path = REFERENCE, start: Path = START) -> list[Path]:
    """Copy the files of ``what`` from ``folder`` to ``reference``, a GPU's to a folder there; return their new paths.

    The start of the networks alone goes into the package, to ``start``, so that it travels with the library.

    Raises:
        PartregError: one of them has not been made; nothing is copied then.
    """
    target, names = TABLES[what]
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise PartregError(f"{folder / absent[0]}: nothing to keep; run make {target} with the same choices first.")
    place = reference / "gpu" if what in ON_GPU else reference
    kept = {name: start if name == start.name else place / name for name in names}
    for name, path in kept.items():
        with files.whole(path) as temporary:
            temporary.write_bytes((folder / name).read_bytes())
    return list(kept.values())


def of_older_code(runs: pd.DataFrame) -> pd.Series:
    """Return which kept trainings are neither made by today's code nor stamped for it."""
    studies = {"reference": STUDY, "regime": regime.STUDY}
    return ~runs.code.isin({job.code for name, one in studies.items() for job in one.listed(open_workspace(name))})


def restamp(ws: Workspace, folder: Path) -> list[str]:
    """Stamp kept trainings with today's code where it gives the same numbers, to the last digit that is kept.

    A group is the kept trainings of one code that one code of today would make. The one of each group that took the
    least time is trained again, quick groups first. If all numbers are the same, the group's ``code`` in runs.csv
    becomes today's.

    Args:
        ws: the workspace of the kept trainings.
        folder: of the kept tables.

    Returns:
        A line for each group: what was tried, and whether it agreed.
    """
    text = pd.read_csv(folder / "runs.csv", dtype=str, keep_default_na=False)
    kept, wanted = read_evidence(folder), {job.description: job for job in STUDY.listed(ws)}
    due = text[text.key.isin(wanted)].assign(now=lambda rows: [wanted[key].code for key in rows.key])
    due = due.assign(took=pd.to_numeric(due.seconds, errors="coerce")).sort_values("took", kind="stable")
    lines = []
    for (old, now), group in due[due.code != due.now].groupby(["code", "now"], sort=False):
        job = wanted[group.key.iloc[0]]
        apart = differences(ws, job, kept)
        if not apart:
            text.loc[group.index, "code"] = now
            files.write_text(folder / "runs.csv", text.to_csv(index=False))
        said = "; ".join(apart) or "the same"
        lines.append(f"{old or 'no code'} to {now}, {len(group)} trainings ({job.label}): {said}")
        print(lines[-1], flush=True)
    return lines


def restamp_regime(folder: Path) -> list[str]:
    """Stamp the kept trainings of the study "regime" with today's code where both codes train the same networks.

    A GPU made most of them, and a CPU does not repeat its last digits. So here the code of the commit that made them
    and today's train, on this computer, a small network of each of their rows on a small benchmark (`again`). If all
    weights have the same bytes and all scores are the same, the ``code`` of these rows in regime.csv becomes today's.
    Which code it was before does not matter, for it may be stamped, too; but a commit with changes says nothing. What
    only a GPU does, such as to record a step, is not compared.

    Returns:
        A line for each group of one code, as `restamp`.
    """
    path, ws = folder / "regime.csv", open_workspace("regime")
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    wanted = {job.description: job.code for job in regime.STUDY.listed(ws)}
    due = text[text.key.isin(wanted)].assign(now=lambda rows: [wanted[key] for key in rows.key])
    due = due[(due.code != due.now) & (due.clean == "True")]
    changes = {row: what for row, _, _, what in regime.trainings(ws.profile.regime, 0) if row in set(due.row)}
    rows_of = {commit: list(some.unique()) for commit, some in due.groupby("commit", sort=False).row}
    asked = {"": changes} | {commit: {row: changes[row] for row in some} for commit, some in rows_of.items()}
    trained = {commit: again(commit, some) for commit, some in asked.items()} if len(due) else {}
    lines = []
    for (commit, old, now), group in due.groupby(["commit", "code", "now"], sort=False):
        rows = list(group.row.unique())
        apart = [words for row in rows for words in unlike(trained[commit][row], trained[""][row], now)]
        if not apart:
            text.loc[group.index, "code"] = now
            files.write_text(path, text.to_csv(index=False))
        devices = " and ".join(group.device.unique())
        lines.append(
            f"{old} to {now}, {len(group)} trainings on {devices} ({len(rows)} small ones by the code of {commit} and "
            f"by today's): {'; '.join(apart) or 'the same'}"
        )
        print(lines[-1], flush=True)
    return lines


def again(commit: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what ``book/again.py`` makes with the code of a commit, in a process of its own; "" for today's code.

    ``changes`` says what each row changes in the full model.

    Raises:
        PartregError: this copy of the repository has not the commit, or its code does not run.
    """
    with tempfile.TemporaryDirectory() as work:
        place = Path(work) / "code"
        files.write_json(Path(work) / "rows.json", changes)
        try:
            if commit:
                tar = ["git", "-C", str(REPOSITORY), "archive", "--output", f"{place}.tar", commit]
                subprocess.run(tar, check=True, capture_output=True)  # noqa: S603
                shutil.unpack_archive(f"{place}.tar", place, filter="data")
            here = {**os.environ, "PYTHONPATH": str(place if commit else REPOSITORY), "OMP_NUM_THREADS": "1"}
            command = [sys.executable, str(REPOSITORY / "book" / "again.py"), work]
            subprocess.run(command, check=True, capture_output=True, env=here, cwd=work)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            why = (getattr(error, "stderr", b"") or str(error).encode()).decode(errors="replace").strip()
            raise PartregError(
                f"the code of {commit or 'this copy'} does not train here: {why.splitlines()[-1]}; fetch that commit, "
                "or leave its trainings marked as of older code."
            ) from error
        found: dict[str, Any] = files.read_json(Path(work) / "again.json")
    return found


def unlike(before: dict[str, Any], now: dict[str, Any], code: str) -> list[str]:
    """Return in what two codes' trainings of one row differ; ``code`` is that of today."""
    row = now["record"]["row"]
    kept = [name for name in regime.COLUMNS["regime"] if name not in ORIGIN]
    known = [name for name in kept if name in before["record"]]  # a record of today may say more
    scores = [{name: one["record"].get(name) for name in known} for one in (before, now)]
    alike = {
        "the codes": now["code"] == code,
        "what was done": before["done"] == now["done"],
        "weights": before["weights"] == now["weights"],
        "scores": scores[0] == scores[1],
    }
    return [f"{row}: {name} differ" for name, same in alike.items() if not same]


def differences(ws: Workspace, job: Job, kept: Evidence) -> list[str]:
    """Train a kept training's network again; return the names of the numbers that differ from the kept ones."""
    row = kept.runs[kept.runs.key == job.description].iloc[0].to_dict()
    mine, theirs = (STUDY.tabulate([record]) for record in (STUDY.record(ws, job), as_record(row, kept)))
    columns = [name for name in COLUMNS["runs"] if name not in ORIGIN]
    differ = [name for name in columns if mine["runs"][name].to_csv() != theirs["runs"][name].to_csv()]
    return differ + [name for name in ("curves", "hits") if mine[name].to_csv() != theirs[name].to_csv()]


def main(arguments: list[str]) -> None:
    """Run ``python book/keep.py WHAT PROFILE [OUTPUT]``; ``restamp`` for WHAT: see `restamp_regime`, `restamp`."""
    what, profile, output = [*arguments, "", "", ""][:3]
    if what == "restamp":
        ws = open_workspace("reference")
        sys.exit(reported("restamp", lambda: (restamp_regime(REFERENCE), restamp(ws, REFERENCE))))
    try:
        if what not in TABLES:
            raise PartregError(f"WHAT is {what!r}; expected one of {', '.join(TABLES)}.")
        if what in TESTS:
            folder = REPOSITORY / "build" / ("gpu" if what in ON_GPU else what)
        else:
            start = "reference" if what == "evidence" and profile == "laptop" else profile or "laptop"
            folder = table_path(open_workspace(start, output=output), "").parent
        for path in keep(what, folder):
            print(f"partreg: {path.relative_to(REPOSITORY)} is renewed; commit it together with the words about it.")
    except PartregError as error:
        sys.exit(f"partreg: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

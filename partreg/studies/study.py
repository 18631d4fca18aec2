"""Declare a study: measurements of one kind, each made once, alone and in any order, and the tables of their records.

`partreg.studies.evidence`, `regime`, `dial`, `settings` and `photographs` declare theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.synthetic.benchmark import with_enough_models
from partreg.workflow import keys
from partreg.workflow.profile import Workspace, digest

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One measurement of a study.

    Attributes:
        what: what it is for; these columns of its record differ from those of the study's other records.
        label: its name on the terminal.
        workspace: where its data and its network are.
        recipe: all that decides its record besides ``what``, see `partreg.workflow.keys`.
        run: the network that it trains, if it trains one.
        needs_boxes: whether the detector's boxes of the study's own workspace must be there first.
        table: the table in which its record is a line.
        priority: of two jobs that could start, the one with the larger number does.
    """

    what: Record
    label: str
    workspace: Workspace
    recipe: keys.Recipe
    run: Run | None = None
    needs_boxes: bool = False
    table: str = ""
    priority: int = 0

    @cached_property
    def description(self) -> str:
        """Return twelve hexadecimal digits of the measurement and its purpose, whatever the code."""
        return digest({**keys.parts_of(self.recipe)[0], "purpose": list(self.what.values())})

    @cached_property
    def code(self) -> str:
        """Return twelve hexadecimal digits of all code that decides the record."""
        return digest(keys.parts_of(self.recipe)[1])

    @property
    def key(self) -> str:
        """Return the name of its record: words for people, what is measured, and the code that does it."""
        words = re.sub(r"[^a-z0-9.]+", "-", self.label.lower())
        return f"{words}-{self.description}-{self.code}"


@dataclass(frozen=True)
class Study:
    """The declaration of a study.

    Attributes:
        name: also that of the Snakefile's rule for its tables, and of the folder of its records.
        target: the target of make that runs it.
        tables: the tables that are made of its records, by the names of their files, with their columns.
        listed: lists all its jobs in a workspace, in the order of the tables.
        measure: makes the record of a job, without ``what``.
        tabulate: makes the tables from records, if they are more than a line for each record.
        without_jobs: what to do where a workspace has no jobs, the end of a sentence.
    """

    name: str
    target: str
    tables: Mapping[str, Sequence[str]]
    listed: Callable[[Workspace], list[Job]]
    measure: Callable[[Job], Record]
    tabulate: Callable[[list[Record]], dict[str, pd.DataFrame]] | None = None
    without_jobs: str = "there is nothing to do."

    def jobs(self, ws: Workspace) -> dict[str, Job]:
        """Return every job by its key."""
        return {job.key: job for job in self.listed(ws)}

    def record(self, ws: Workspace, job: Job) -> Record:
        """Return the record of a job; measure it first where there is none.

        Raises:
            PartregError: it cannot be measured; no record is left then, and the job is due again.
        """
        path = record_path(ws, self, job.key)
        if not path.exists():
            facts = {**job.what, "key": job.description, "code": job.code, **self.measure(job)}
            files.write_json(path, facts)
        return files.read_json(path)

    def collect(self, ws: Workspace, folder: Path | None = None) -> list[Path]:
        """Write the study's tables into ``folder``, the workspace's own unless given; return their paths.

        They hold the records that are there.

        Raises:
            PartregError: the workspace has no jobs for this study, or none has been done.
        """
        jobs = self.listed(ws)
        if not jobs:
            raise PartregError(f"profile {ws.profile.name!r}: {self.without_jobs}")
        paths = [(job.table, record_path(ws, self, job.key)) for job in jobs]
        done = [(table, files.read_json(path)) for table, path in paths if path.exists()]
        if not done:
            raise PartregError(f"{record_path(ws, self, '').parent}: no records yet; run make {self.target} first.")
        if self.tabulate:
            tables = self.tabulate([record for _, record in done])
        else:
            mine = {name: [record for table, record in done if table == name] for name in self.tables}
            tables = {name: pd.DataFrame(some, columns=list(self.tables[name])) for name, some in mine.items() if some}
        folder = folder or table_path(ws, "").parent
        for name, table in tables.items():
            files.write_text(folder / f"{name}.csv", table.to_csv(index=False))
        return [folder / f"{name}.csv" for name in tables]


def record_path(ws: Workspace, study: Study, key: str) -> Path:
    """Return the path of a job's record."""
    return ws.folder / "studies" / study.name / f"{key}.json"


def table_path(ws: Workspace, name: str) -> Path:
    """Return the path of a reader's own table, which a study made."""
    return ws.folder / "studies" / f"{name}.csv"


def rendered(ws: Workspace, name: str, benchmark: Record, **fields: Any) -> Workspace:
    """Return a workspace in the folder ``name`` of another one, with other rendered vehicles and no photographs.

    If the vehicles are of more kinds than the benchmark's models have colours, it has more models.
    """
    own = dict.fromkeys(("vehicleid", "veri", "annotations", "photographs"), "")
    vehicles = with_enough_models({**ws.profile.benchmark, **benchmark})
    return Workspace(replace(ws.profile, benchmark=vehicles, **own, **fields), ws.folder / name)

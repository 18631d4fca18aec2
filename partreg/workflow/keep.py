"""`make keep WHAT=...`: put results of one's own in place of those that are committed under ``reference/``.

Of the other targets, ``make restamp`` alone writes there: the column ``code`` of ``runs.csv``. The book shows what is
kept, with where it comes from, and beside it what lies in its own results folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from partreg.errors import PartregError
from partreg.files import whole
from partreg.workflow.profile import REFERENCE, REPOSITORY, Workspace, demand_repository, open_workspace

TABLES = {  # what makes it, and its files
    "evidence": ("reference", ("runs.csv", "curves.csv", "hits.csv")),
    "dial": ("reference", ("dial.csv", "strong.csv")),
    "settings": ("settings", ("settings.csv", "settings_others.csv")),
    "photographs": ("photographs", ("photographs.csv",)),
    "fuzz": ("fuzz", ("fuzz.csv",)),
    "faults": ("faults", ("faults.json",)),
    "machines": ("machines", ("machines.csv", "machine_scores.csv")),
    "gpu": ("gpu", ("gpu.json", "table_4.csv", "hits.csv")),
}
TESTS = ("fuzz", "faults", "machines", "gpu")  # of the code, whatever the profile
PAGES = ("settings", "settings_others", "photographs")  # tables that the book shows of its own results folder, too


def own_table(ws: Workspace, name: str) -> Path:
    """Where a table of the reader's own goes that takes more than a book's own run."""
    return ws.folder / "evidence" / f"{name}.csv"


def own_part(ws: Workspace, name: str) -> str:
    """The reader's own table for the page that shows the kept one, in Markdown, or how to make it."""
    path, target = own_table(ws, name), name.split("_")[0]
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
        with whole(place / name) as temporary:
            temporary.write_bytes((folder / name).read_bytes())
    return [place / name for name in names]


def main(arguments: list[str]) -> None:
    """``python -m partreg.workflow.keep WHAT PROFILE [OUTPUT]``."""
    what, profile, output = [*arguments, "", "", ""][:3]
    try:
        demand_repository("make keep")
        if what not in TABLES:
            raise PartregError(f"WHAT is {what!r}; expected one of {', '.join(TABLES)}.")
        if what in TESTS:
            folder = REPOSITORY / "build" / what
        else:
            start = "reference" if what == "evidence" and profile == "laptop" else profile or "laptop"
            folder = own_table(open_workspace(start, output), "").parent
        for path in keep(what, folder):
            print(f"partreg: {path.relative_to(REPOSITORY)} is renewed; commit it together with the words about it.")
    except PartregError as error:
        sys.exit(f"partreg: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

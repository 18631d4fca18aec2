"""`make photographs`: every row that real photographs allow, on a folder of them, in one table.

A row that needs side files which the folder has not is left out, as in chapters 05 and 06.
"""

from __future__ import annotations

import contextlib
import json
import sys

import pandas as pd
from tqdm import tqdm

from partreg import files
from partreg.errors import PartregError
from partreg.parts.boxes import PARTS
from partreg.workflow.dial import ROWS, scored
from partreg.workflow.fields import DATASETS
from partreg.workflow.keep import own_table
from partreg.workflow.notebooks import TerminalLines, reported
from partreg.workflow.profile import Workspace, open_workspace
from partreg.workflow.runs import lacking


def rows_here(ws: Workspace) -> list[tuple[str, str]]:
    """Layout and name of each row that can be run on a reader's own folders; rows with parts want annotations, too."""
    layouts = [name for name in DATASETS if not ws.is_synthetic(name)]
    return [
        (name, row)
        for name in layouts
        for row, (method, changes) in ROWS[name].items()
        if not lacking(ws, name, method)
        and (ws.profile.annotations or not changes.get("parts", PARTS if method == "partreg" else ()))
    ]


def table(ws: Workspace) -> pd.DataFrame:
    """A row for each of `rows_here`, see `partreg.workflow.dial.scored`; networks are trained where need be."""
    return pd.DataFrame([scored(ws, *one) for one in tqdm(rows_here(ws), "rows", mininterval=1)])


def write_table(ws: Workspace) -> None:
    """Write the table into the results folder, beside the reader's other tables.

    Raises:
        PartregError: the workspace has no photographs.
    """
    if not rows_here(ws):
        raise PartregError(f"profile {ws.profile.name!r}: neither vehicleid nor veri names a folder; give one of them.")
    path = own_table(ws, "photographs")
    files.write_text(path, table(ws).to_csv(index=False))
    print(f"partreg: photographs: the table is {path}")


def main(choices: str) -> int:
    """``python -m partreg.workflow.photographs JSON-of-choices``."""

    def work() -> None:
        with contextlib.redirect_stderr(TerminalLines("photographs")):
            write_table(open_workspace(**json.loads(choices)))

    return reported("photographs", work)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

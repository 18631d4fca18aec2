"""`make photographs`: every row that real photographs allow, on a folder of them; writes ``reference/photographs.csv``.

A row that needs side files which the folder has not is left out, as in chapters 05 and 06.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import yaml
from tqdm import tqdm

from partreg import files
from partreg.errors import PartregError
from partreg.parts.boxes import PARTS
from partreg.workflow.dial import ROWS, scored
from partreg.workflow.profile import CHOICES, DATASETS, REFERENCE, Workspace, open_workspace
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


def read_choices(path: str | Path) -> dict:
    """The choices of `partreg.workflow.open_workspace` from the YAML file that papermill takes by -f.

    Raises:
        PartregError: no such file, not YAML, or other names than those choices.
    """
    try:
        choices = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PartregError(f"{path}: expected a YAML file of choices ({' '.join(str(error).split())}).") from error
    wrong = sorted(set(choices) - set(CHOICES)) if isinstance(choices, dict) else ["no names"]
    if wrong:
        raise PartregError(
            f"{path}: {wrong[0]!r} is no choice; expected some of {', '.join(CHOICES)}, as for papermill."
        )
    return choices


def main(arguments: list[str]) -> None:
    """``python -m partreg.workflow.photographs CHOICES.yaml``."""
    if len(arguments) != 1:
        sys.exit("partreg: expected one YAML file of choices: make photographs FILE=mine.yaml.")
    try:
        ws = open_workspace(**read_choices(arguments[0]))
        if not rows_here(ws):
            raise PartregError(f"{arguments[0]}: neither vehicleid nor veri names a folder; write the path of one.")
        files.write_text(REFERENCE / "photographs.csv", table(ws).to_csv(index=False))
    except PartregError as error:
        sys.exit(f"partreg: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

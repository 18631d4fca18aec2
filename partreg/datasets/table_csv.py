"""Section 4.1 on your own data: a CSV with one row for each image.

Columns ``path`` (relative to the CSV's folder) and ``vehicle``; optional ``camera``, ``time``, ``track``, ``model``,
``color``, ``type``, and ``split`` (``train``, ``query`` or ``gallery``).
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from partreg.datasets.images import IMAGE_COLUMNS, images_table
from partreg.datasets.lines import OnProblem, Problem, stop, text_of, whole
from partreg.errors import PartregError
from partreg.files import inside

CSV_NAME = "images.csv"
SPLITS = ("train", "query", "gallery")
COLUMNS = ("path", "split", *IMAGE_COLUMNS[2:])
NEAR = 0.75  # a column at least this similar to a known one, 0 to 1, counts as misspelt
NUMBERS = ("vehicle", "camera", "time", "model", "color", "type")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read your own CSV as a table of images, with ``split`` as the last column if the file has it.

    Raises:
        PartregError: the file or a column is missing, or a row is wrong; the error names file and line.
    """
    path = Path(path)
    rows = read_rows(path)
    frame = images_table(rows.rename(columns={"path": "image", "opened": "path"}), source=str(path))
    return frame.assign(split=rows["split"].to_numpy()) if "split" in rows else frame


def read_rows(path: Path, on_problem: OnProblem = stop) -> pd.DataFrame:
    """Read the good rows of the CSV as text and numbers, with columns ``line`` and ``opened`` (the path to open)."""
    text = text_of(path, on_problem, "a CSV with the columns path and vehicle")
    try:
        reader = csv.DictReader(io.StringIO(text or "", newline=""), skipinitialspace=True)
        columns = [name for name in reader.fieldnames or [] if name in COLUMNS]
        raw = [(reader.line_num, row) for row in reader]
        faults = [] if text is None else _heading(reader.fieldnames or [])
    except csv.Error as error:
        columns, raw, faults = [], [], [f"could not be read as a CSV ({error}); save it again."]
    for fault in faults:
        on_problem(Problem(str(path), 1, fault))
    good: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for line, row in raw if not faults else []:
        problem = _problem(path, row, columns)
        opened = "" if problem else str(inside(path.parent, row["path"]))
        if opened in seen:
            problem = f"{row['path']} is in line {seen[opened]} too, expected it once; delete one of the lines."
        if problem:
            on_problem(Problem(str(path), line, problem))
            continue
        seen[opened] = line
        numbers = {name: -1 if row[name] == "" else whole(row[name]) for name in columns if name in NUMBERS}
        words = {name: row[name] for name in columns if name not in NUMBERS}
        good.append({**words, **numbers, "opened": opened, "line": line})
    kept = columns if columns and not faults else ["path", "vehicle"]
    return pd.DataFrame(good, columns=[*kept, "opened", "line"])


def _heading(names: Sequence[str]) -> list[str]:
    """List what is wrong with the heading, a sentence each. Unknown columns are fine, misspelt known ones are not."""
    for name in ("path", "vehicle"):
        if name not in names:
            return [f"expected a heading with path and vehicle, separated by commas; {name!r} is missing, add it."]
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        return [f"expected each column once, {twice[0]!r} appears twice; delete one."]
    absent = [name for name in COLUMNS if name not in names]  # camera_id means camera if the file has no column camera
    for name in names:
        near = difflib.get_close_matches(name.strip().lower(), absent, 1, NEAR) if name not in COLUMNS else []
        if near:
            return [f"expected the column {near[0]!r}, found {name!r}; rename it."]
    return []


def _problem(path: Path, row: dict[str, str], columns: list[str]) -> str:
    """Say what is wrong with a row; "" if nothing is."""
    if None in row or any(row[name] is None for name in columns):
        return f"expected as many fields as the heading has ({len(columns)}); fix the row."
    for name in columns:
        number = whole(row[name]) if name in NUMBERS and (row[name] or name == "vehicle") else 0
        if number is None or number < (0 if name == "vehicle" else -1):
            return f"expected a whole number as {name}, found {row[name][:60]!r}; fix the row."
    if "split" in columns and row["split"] not in SPLITS:
        return f"expected {', '.join(SPLITS)} as split, found {row['split'][:60]!r}; fix the row."
    try:
        inside(path.parent, row["path"])
    except PartregError:
        return f"the path {row['path'][:60]!r} leads out of the CSV's folder, expected one inside it; fix the row."
    return ""

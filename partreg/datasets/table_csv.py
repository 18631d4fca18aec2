"""Section 4.1 on data of one's own: a CSV with a row an image.

Columns ``path`` (relative to the CSV's folder) and ``vehicle``; optional ``camera``, ``time``, ``track``, ``model``,
``color``, ``type``, and ``split`` (``train``, ``query`` or ``gallery``).
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from partreg.datasets.images import IMAGE_COLUMNS, images_table
from partreg.datasets.lines import NUMBER, OnProblem, Problem, stop
from partreg.errors import PartregError
from partreg.files import inside

CSV_NAME = "images.csv"
SPLITS = ("train", "query", "gallery")
NUMBERS = ("vehicle", "camera", "time", "model", "color", "type")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV of one's own as a table of images, with the column ``split`` after it where the file has one.

    Raises:
        PartregError: the file or a column is missing, or a row is not as it should be (file and line are named).
    """
    path = Path(path)
    rows = read_rows(path)
    frame = images_table(rows.rename(columns={"path": "image", "opened": "path"}), source=str(path))
    return frame.assign(split=rows["split"].to_numpy()) if "split" in rows else frame


def read_rows(path: Path, on_problem: OnProblem = stop) -> pd.DataFrame:
    """The good rows of the CSV as text and numbers, with the columns ``line`` and ``opened`` (the path to open)."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [name for name in reader.fieldnames or [] if name in {"path", "split", *IMAGE_COLUMNS[2:]}]
            raw = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        on_problem(Problem(str(path), 0, "no such file; expected a CSV with the columns path and vehicle."))
        return pd.DataFrame(columns=["path", "opened", "vehicle", "line"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        on_problem(Problem(str(path), 0, f"could not be read as a CSV in UTF-8 ({error}); save it anew."))
        return pd.DataFrame(columns=["path", "opened", "vehicle", "line"])
    for name in ("path", "vehicle"):
        if name not in columns:
            on_problem(Problem(str(path), 1, f"expected a heading with path and vehicle, {name!r} is missing; add it."))
            return pd.DataFrame(columns=["path", "opened", "vehicle", "line"])
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        on_problem(Problem(str(path), 1, f"expected each column once, {twice[0]!r} stands there twice; delete one."))
        return pd.DataFrame(columns=["path", "opened", "vehicle", "line"])
    seen: dict[str, int] = {}
    good = []
    for line, row in raw:
        problem = _problem(path, row, columns)
        opened = "" if problem else str(inside(path.parent, row["path"]))
        if opened in seen:
            problem = f"{row['path']} stands in line {seen[opened]} too; delete one of the lines."
        if problem:
            on_problem(Problem(str(path), line, problem))
            continue
        seen[opened] = line
        numbers = {name: int(row[name] or -1) for name in columns if name in NUMBERS}
        text = {name: row[name] for name in columns if name not in NUMBERS}
        good.append({**text, **numbers, "opened": opened, "line": line})
    return pd.DataFrame(good, columns=[*columns, "opened", "line"])


def _problem(path: Path, row: dict[str, str], columns: list[str]) -> str:
    """What is wrong with a row, "" where nothing is."""
    if None in row or any(row[name] is None for name in columns):
        return f"expected as many fields as the heading has ({len(columns)}); mend the row."
    for name in columns:
        blank = row[name] in ("", "-1") and name != "vehicle"
        if name in NUMBERS and not blank and not NUMBER.fullmatch(row[name]):
            return f"expected a whole number as {name}, found {row[name][:60]!r}; mend the row."
    if "split" in columns and row["split"] not in SPLITS:
        return f"expected {', '.join(SPLITS)} as split, found {row['split'][:60]!r}; mend the row."
    try:
        inside(path.parent, row["path"])
    except PartregError:
        return f"the path {row['path'][:60]!r} leads out of the CSV's folder, expected one inside it; mend the row."
    return ""

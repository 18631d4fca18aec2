"""Section 4.1 on your own data: a CSV with one row for each image.

Columns ``path`` (relative to the CSV's folder) and ``vehicle`` (a name or a number); optional ``camera``, ``time``,
``track``, ``model``, ``color``, ``type``, and ``split`` (``train``, ``query`` or ``gallery``).
"""

from __future__ import annotations

import csv
import difflib
import re
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
NUMBERS = ("camera", "time", "model", "color", "type")
NAME = "vehicle_name"
LINE_END = re.compile(r"\r\n|\r|\n")
# What programs write for unknown vehicles, which would count as one.
NOBODY = ("", "-1", "nan", "none", "null", "n/a", "#n/a", "<na>", "?")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read your own CSV as a table of images, with two more columns: ``vehicle_name``, and ``split`` if it is there.

    ``vehicle_name`` is the vehicle's as the file has it, ``vehicle`` its number, see `numbered`.

    Raises:
        PartregError: the file or a column is missing, or a row is wrong; the error names file and line.
    """
    return as_table(read_rows(Path(path)), str(path))


def as_table(rows: pd.DataFrame, source: str) -> pd.DataFrame:
    """Make a table of images, as of `read_csv`, from rows as of `read_rows`; errors name the ``source``."""
    frame = images_table(rows.rename(columns={"path": "image", "opened": "path"}), source=source)
    return frame.assign(**{name: rows[name].to_numpy() for name in (NAME, "split") if name in rows})


def numbered(names: Sequence[str]) -> list[int]:
    """Number vehicles by their names: by the whole numbers that these are, or by their places in alphabetical order.

    The latter holds for all if one is no whole number, or if two are the same one, such as "7" and "007".

    >>> numbered(["12", "007", "12"]), numbered(["KA-12", "007", "7", "KA-12"])
    ([12, 7, 12], [2, 0, 1, 2])
    """
    different = sorted(set(names))
    numbers = [number for name in different if (number := whole(name)) is not None and number >= 0]
    places = numbers if len(set(numbers)) == len(different) else range(len(different))
    number_of = dict(zip(different, places, strict=True))
    return [number_of[name] for name in names]


def read_rows(path: Path, on_problem: OnProblem = stop) -> pd.DataFrame:
    """Read the good rows of the CSV as text and numbers.

    With columns ``vehicle_name``, ``line`` and ``opened`` (the path to open).
    """
    text = text_of(path, on_problem, "a CSV with the columns path and vehicle")
    first, *others = LINE_END.split(text or "")
    names, fault = _fields(first)
    fault = "" if text is None else fault or _heading(names)
    if fault:
        on_problem(Problem(str(path), 1, fault))
    columns = [name for name in names if name in COLUMNS]
    good: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for line, written in enumerate(others if not fault else [], start=2):
        fields, problem = _fields(written)
        row = dict(zip(names, fields, strict=False))
        if not problem and not fields:
            continue  # a blank line
        if not problem and (len(fields) > len(names) or not all(name in row for name in columns)):
            problem = f"expected as many fields as the heading has ({len(names)}); fix the row."
        problem = problem or _problem(path, row, columns)
        opened = "" if problem else str(inside(path.parent, row["path"]))
        if opened in seen:
            problem = f"{row['path']} is in line {seen[opened]} too, expected it once; delete one of the lines."
        if problem:
            on_problem(Problem(str(path), line, problem))
            continue
        seen[opened] = line
        numbers = {name: -1 if row[name] == "" else whole(row[name]) for name in columns if name in NUMBERS}
        words = {name: row[name] for name in columns if name not in NUMBERS}
        good.append({**words, **numbers, NAME: _name(row["vehicle"]), "opened": opened, "line": line})
    kept = columns if columns and not fault else ["path", "vehicle"]
    frame = pd.DataFrame(good, columns=[*kept, NAME, "opened", "line"])
    return frame.assign(vehicle=numbered(frame[NAME].tolist()))


def _fields(line: str) -> tuple[list[str], str]:
    """Split a line of a CSV; return its fields, and what is wrong with them, "" if nothing is.

    Each line is a row, so a quote that is never closed spoils its own line alone.
    """
    try:
        return next(csv.reader([line], skipinitialspace=True, strict=True), []), ""
    except csv.Error as error:
        open_quote = "unexpected end" in str(error)
        return [], f"{'a quote opens here and is not closed in its line' if open_quote else error}; fix the quotes."


def _name(text: str) -> str:
    """The name of a vehicle from its field; "17.0", as spreadsheets write a whole number, is "17"."""
    return str(whole(text)) if "." in text and whole(text) is not None else text.strip()


def _heading(names: Sequence[str]) -> str:
    """Say what is wrong with the heading; "" if nothing is. Unknown columns are fine, misspelt known ones are not."""
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        return f"expected each column once, {twice[0]!r} appears twice; delete one."
    absent = [name for name in COLUMNS if name not in names]  # camera_id means camera if the file has no column camera
    for name in names:
        near = difflib.get_close_matches(name.strip().lower(), absent, 1, NEAR) if name not in COLUMNS else []
        if near:
            return f"expected the column {near[0]!r}, found {name!r}; rename it."
    for other, word in ((";", "';'"), ("\t", "tabs")):
        if len(names) == 1 and other in names[0]:
            return f"expected commas between the fields, found {word}; save the file with commas."
    for name in ("path", "vehicle"):
        if name not in names:
            return f"expected a heading with path and vehicle, separated by commas; {name!r} is missing, add it."
    return ""


def _problem(path: Path, row: dict[str, str], columns: list[str]) -> str:
    """Say what is wrong with a row; "" if nothing is."""
    for name in columns:
        number = whole(row[name]) if name in NUMBERS and row[name] else 0
        if number is None or number < -1:
            advice = "fix the row" if name == "time" else f"give each {name} a number"
            return f"expected a whole number as {name}, found {row[name][:60]!r}; {advice}."
    if _name(row["vehicle"]).lower() in NOBODY:
        return f"expected a name or a number as vehicle, found {row['vehicle'][:60]!r}; fix the row or take it out."
    if "split" in columns and row["split"] not in SPLITS:
        return f"expected {', '.join(SPLITS)} as split, found {row['split'][:60]!r}; fix the row."
    try:
        inside(path.parent, row["path"])
    except PartregError:
        return f"the path {row['path'][:60]!r} leads out of the CSV's folder, expected one inside it; fix the row."
    return ""

"""Section 4.1: read the text files of the data sets line by line; errors name file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from partreg.errors import PartregError
from partreg.files import read_text

NUMBER = re.compile(r"[0-9]{1,18}")
# Python's own int() and float() also accept "1_000" and digits of other scripts, which are errors in a data file.
WHOLE = re.compile(r"(-?[0-9]{1,18})(\.0*)?")
REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, order=True)
class Problem:
    """A problem in a data set: its file, its line (0 if it has none), and a sentence about it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


# What to do with a problem: a reader stops at the first one, `partreg check` collects them all.
OnProblem = Callable[[Problem], None]


def stop(problem: Problem) -> None:
    """Stop at the first problem, as readers do.

    Raises:
        PartregError: always; its sentence is the problem.
    """
    raise PartregError(str(problem))


def whole(text: str) -> int | None:
    """Convert a cell of a table to a whole number; None if it is not one.

    "3.0" is 3: spreadsheets and pandas write a column of whole numbers like this if one of its cells is blank.
    """
    match = WHOLE.fullmatch(text)
    return int(match.group(1)) if match else None


def real(text: str) -> float:
    """Convert text to a number; NaN if it is not one."""
    return float(text) if REAL.fullmatch(text) else float("nan")


def read_lines(
    path: Path, fields: int, expected: str, on_problem: OnProblem = stop, *, more: bool = False
) -> list[tuple[int, list[str]]]:
    """Read the lines of a list file, split at white space, without blank lines.

    ``on_problem`` gets every line that has not as many ``fields`` (or ``more``) as ``expected`` says in words.

    Returns:
        (line number from 1, fields) for every good line.
    """
    text = text_of(path, on_problem, f"lines of {expected}, as the data set has them")
    good = []
    for number, line in enumerate((text or "").split("\n"), start=1):
        words = line.split()
        if len(words) == fields or (more and len(words) > fields):
            good.append((number, words))
        elif words:
            on_problem(Problem(str(path), number, f"expected {expected}, found {line.strip()[:60]!r}; fix the line."))
    return good


def read_listed(
    path: Path, fields: int, expected: str, pattern: re.Pattern[str], on_problem: OnProblem
) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of `read_lines` in which each word is of the pattern, and the first one in no line above."""
    seen: dict[str, int] = {}
    for line, words in read_lines(path, fields, expected, on_problem):
        if not all(map(pattern.fullmatch, words)):
            found = " ".join(words)[:60]
            on_problem(Problem(str(path), line, f"expected {expected}, found {found!r}; fix the line."))
        elif (above := seen.setdefault(words[0], line)) != line:
            on_problem(Problem(str(path), line, f"{words[0]} is in line {above} too; delete one of the lines."))
        else:
            yield line, words


def text_of(path: Path, on_problem: OnProblem, expected: str) -> str | None:
    """Read the text of a file; if that fails, report a problem and return None."""
    try:
        return read_text(path)
    except PartregError as error:
        absent = isinstance(error.__cause__, FileNotFoundError)
        message = f"no such file; expected {expected}." if absent else str(error).removeprefix(f"{path}: ")
        on_problem(Problem(str(path), 0, message))
        return None


def read_numbers(path: Path, expected: str, on_problem: OnProblem = stop) -> dict[int, int]:
    """Read a file of two whole numbers a line (``vehicle model``) as a dictionary, empty if the file is missing."""
    table: dict[int, int] = {}
    if not path.exists():
        return table
    for number, (first, second) in read_lines(path, 2, expected, on_problem):
        if not (NUMBER.fullmatch(first) and NUMBER.fullmatch(second)):
            on_problem(Problem(str(path), number, f"expected {expected}, found {first!r} {second!r}; fix the line."))
        elif table.setdefault(int(first), int(second)) != int(second):
            on_problem(Problem(str(path), number, f"{first} is above with another value; keep one line."))
    return table

"""Section 4.1: the text files of the data sets, line by line, with file and line kept for whatever is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from partreg.errors import PartregError
from partreg.files import read_text

NUMBER = re.compile(r"[0-9]{1,18}")
# Python's own int() and float() also take "1_000" and digits of other scripts, which nobody means in a data file.
WHOLE = re.compile(r"(-?[0-9]{1,18})(\.0*)?")
REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in a data set: its file, the line there (0 where there is none), and a sentence about it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


# What is done with a problem: a reader stops at the first one, `partreg check` collects them all.
OnProblem = Callable[[Problem], None]


def stop(problem: Problem) -> None:
    """Stop at the first problem: what a reader does.

    Raises:
        PartregError: always, with the problem as its sentence.
    """
    raise PartregError(str(problem))


def whole(text: str) -> int | None:
    """The whole number that a cell of a table holds; None where it holds none.

    "3.0" is 3: a spreadsheet or pandas writes a column of whole numbers so where one of its cells is blank.
    """
    match = WHOLE.fullmatch(text)
    return int(match.group(1)) if match else None


def real(text: str) -> float:
    """The number that a text is, NaN where it is none."""
    return float(text) if REAL.fullmatch(text) else float("nan")


def read_lines(
    path: Path, fields: int, expected: str, on_problem: OnProblem = stop, *, more: bool = False
) -> list[tuple[int, list[str]]]:
    """The lines of a list file, split at white space; blank lines are passed over.

    Args:
        path: a text file as `partreg.files.read_text` takes it; trailing spaces are accepted.
        fields: how many fields a line has.
        expected: what a line should be, for the sentence about one that is not.
        on_problem: called for every line that is not so; the line is then left out.
        more: whether a line may have more than ``fields``.

    Returns:
        (line number from 1, fields) for every good line.
    """
    text = text_of(path, on_problem, f"lines of {expected}, as the data set has them")
    good = []
    for number, line in enumerate((text or "").split("\n"), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) == fields or (more and len(words) > fields):
            good.append((number, words))
        else:
            on_problem(Problem(str(path), number, f"expected {expected}, found {line.strip()[:60]!r}; fix the line."))
    return good


def text_of(path: Path, on_problem: OnProblem, expected: str) -> str | None:
    """The text of a file; None, after a problem, where there is none to read."""
    try:
        return read_text(path)
    except PartregError as error:
        absent = isinstance(error.__cause__, FileNotFoundError)
        message = f"no such file; expected {expected}." if absent else str(error).removeprefix(f"{path}: ")
        on_problem(Problem(str(path), 0, message))
        return None


def read_numbers(path: Path, expected: str, on_problem: OnProblem = stop) -> dict[int, int]:
    """A file of two whole numbers a line (``vehicle model``), as a dictionary; a missing file gives an empty one."""
    table: dict[int, int] = {}
    if not path.exists():
        return table
    for number, (first, second) in read_lines(path, 2, expected, on_problem):
        if not (NUMBER.fullmatch(first) and NUMBER.fullmatch(second)):
            on_problem(Problem(str(path), number, f"expected {expected}, found {first!r} {second!r}; fix the line."))
        elif table.setdefault(int(first), int(second)) != int(second):
            on_problem(Problem(str(path), number, f"{first} is above with another value; keep one line."))
    return table

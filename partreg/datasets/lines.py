"""Section 4.1: the text files of the data sets, line by line, with file and line kept for whatever is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from partreg.errors import PartregError

NUMBER = re.compile(r"[0-9]{1,18}")


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


def read_lines(
    path: Path, fields: int, expected: str, on_problem: OnProblem = stop, *, more: bool = False
) -> list[tuple[int, list[str]]]:
    """The lines of a list file, split at white space; blank lines are passed over.

    Args:
        path: a UTF-8 text file; a byte order mark, CRLF and trailing spaces are accepted.
        fields: how many fields a line has.
        expected: what a line should be, for the sentence about one that is not.
        on_problem: called for every line that is not so; the line is then left out.
        more: whether a line may have more than ``fields``.

    Returns:
        (line number from 1, fields) for every good line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        on_problem(Problem(str(path), 0, f"no such file; expected lines of {expected}, as the data set has them."))
        return []
    except (OSError, UnicodeDecodeError) as error:
        on_problem(Problem(str(path), 0, f"could not be read as UTF-8 text ({error}); copy the file anew."))
        return []
    good = []
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) == fields or (more and len(words) > fields):
            good.append((number, words))
        else:
            on_problem(Problem(str(path), number, f"expected {expected}, found {line.strip()[:60]!r}; mend the line."))
    return good


def read_numbers(path: Path, expected: str, on_problem: OnProblem = stop) -> dict[int, int]:
    """A file of two whole numbers a line (``vehicle model``), as a dictionary; a missing file gives an empty one."""
    table: dict[int, int] = {}
    if not path.exists():
        return table
    for number, (first, second) in read_lines(path, 2, expected, on_problem):
        if not (NUMBER.fullmatch(first) and NUMBER.fullmatch(second)):
            on_problem(Problem(str(path), number, f"expected {expected}, found {first!r} {second!r}; mend the line."))
        elif table.setdefault(int(first), int(second)) != int(second):
            on_problem(Problem(str(path), number, f"{first} stands above with another value; keep one line."))
    return table

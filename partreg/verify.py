"""Whether a results folder is what it says: against the hashes that were recorded with it, or against a re-run.

``SHA256SUMS`` lies in every results folder (``build/<profile>``), a line a file, so that ``sha256sum -c SHA256SUMS``
checks it too, without this project. Files that say when and how fast something was made are not in it: they differ
from run to run, and nothing is computed from them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg import files
from partreg.errors import PartregError
from partreg.files import sha256

SUMS = "SHA256SUMS"
KINDS = {".txt", ".csv", ".xml", ".json", ".jpg", ".npy", ".pt"}
# What lies beside the results: executed notebooks, the site and what one of its pages loads, decoded pixels, logs,
# records of time, a reader's boxes, and the detector library's own settings, which name folders of this machine.
BESIDE = {"notebooks", "site", "in_page", "pixels", "yolo-example", "drawn", "Ultralytics"}
TIMED = {"provenance.json", "training.json", "cost.json", "net.json", "choices.json"}
KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])")  # in the names of folders and files
ORIGIN = {"commit", "clean", "device", "key", "code"}  # where a result came from, in files that hold both


@dataclass(frozen=True)
class Difference:
    """A file that is not as it should be."""

    name: str  # in the folder
    message: str
    largest: float | None = None  # difference of two numbers at the same place; None where they cannot be compared

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def results(folder: Path) -> list[str]:
    """The names of all result files in a results folder, sorted; "/" between folders.

    Raises:
        PartregError: there is no such folder, or nothing that a run leaves is in it.
    """
    if not folder.is_dir():
        raise PartregError(f"{folder}: no such folder; give a results folder, such as build/laptop.")
    found = [path for path in folder.rglob("*") if is_result(path.relative_to(folder)) and path.is_file()]
    names = sorted(path.relative_to(folder).as_posix() for path in found)
    if not any(name.startswith(("runs/", "data-", "parts-")) for name in names):
        raise PartregError(f"{folder}: no results of a run in it; give a results folder, such as build/laptop.")
    return names


def is_result(path: Path) -> bool:
    """Whether a path in a results folder is that of a result, by its name."""
    timed = path.name in TIMED or path.name.endswith(".provenance.json")
    timed = timed or (path.suffix == ".json" and path.name.startswith("features_"))
    hidden = any(part.startswith(".") for part in path.parts)
    more = path.parts[0] == "studies" and "own_dial" not in path.parts  # than the book's own run
    return path.suffix in KINDS and not (timed or hidden or more or BESIDE & set(path.parts))


def record(folder: Path) -> Path:
    """Write the hashes of all results of a folder into its ``SHA256SUMS``; gives its path."""
    lines = [f"{sha256(folder / name)}  {name}\n" for name in results(folder)]
    files.write_text(folder / SUMS, "".join(lines))
    return folder / SUMS


def recorded(folder: Path) -> dict[str, str]:
    """The hashes in a folder's ``SHA256SUMS`` by file name.

    Raises:
        PartregError: there is none, or a line is not a hash and a name inside the folder.
    """
    path, found = folder / SUMS, {}
    if not path.is_file():
        raise PartregError(f"{path}: no such file; a whole `make book` writes it, or name a re-run.")
    for number, line in enumerate(files.read_text(path).splitlines(), start=1):
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap != "  " or not name or set(digest) - set("0123456789abcdef"):
            raise PartregError(f"{path}:{number}: expected a SHA-256 hash, two spaces and a name; copy it anew.")
        files.inside(folder, name)
        found[name] = digest
    return found


def against_record(folder: Path) -> list[Difference]:
    """How a results folder differs from its own ``SHA256SUMS``; [] where every file is as recorded."""
    here, there = set(results(folder)), recorded(folder)
    found = [Difference(name, "is missing") for name in sorted(set(there) - here)]
    found += [Difference(name, "is not in the record") for name in sorted(here - set(there))]
    changed = [name for name in sorted(here & set(there)) if sha256(folder / name) != there[name]]
    return found + [Difference(name, "is not the file that was recorded") for name in changed]


def against_rerun(folder: Path, again: Path, tolerance: float = 0.0) -> list[Difference]:
    """How the results of a folder differ from those of a re-run; [] where no number is further off than ``tolerance``.

    Folders are named by keys, which other code, or pictures of other times, give other names. A file that has no
    counterpart of its own name is compared with the one of the same description, see `described`.

    Raises:
        PartregError: one of them is no results folder.
    """
    here, there = set(results(folder)), set(results(again))
    pairs = {name: name for name in here & there}
    # Where several are of one description (a benchmark turned to several settings), equal files go together first.
    for known in (lambda root, name: (described(root, name), sha256(root / name)), described):
        waiting = defaultdict(list)
        for name in sorted(there - set(pairs.values())):
            waiting[known(again, name)].append(name)
        for name in sorted(here - set(pairs)):
            if alike := waiting[known(folder, name)]:
                pairs[name] = alike.pop(0)
    found = [Difference(name, f"is missing in {again}") for name in sorted(here - set(pairs))]
    found += [Difference(name, f"is missing in {folder}") for name in sorted(there - set(pairs.values()))]
    both = (compared(folder / name, again / other, name) for name, other in sorted(pairs.items()))
    return found + [one for one in both if one and (one.largest is None or one.largest > tolerance)]


def described(folder: Path, name: str) -> str:
    """A file's name without keys: for that of a network stands its ``run.json`` without the digest of data and code."""

    def words(key: re.Match[str]) -> str:
        path = folder / name[: key.end()] / "run.json"
        return json.dumps({**files.read_json(path), "data": ""}, sort_keys=True) if path.is_file() else ""

    return KEY.sub(words, name)


def compared(first: Path, second: Path, name: str) -> Difference | None:
    """The difference between two files; None where their bytes, or all their values, are the same."""
    if sha256(first) == sha256(second):
        return None
    try:
        mine, theirs = numbers(first), numbers(second)
    except Exception:  # torch raises many kinds for files that are not its own; other kinds have no numbers
        return Difference(name, "has other bytes")
    if mine.keys() != theirs.keys():
        return Difference(name, "has other bytes")
    if any(mine[key].shape != theirs[key].shape for key in mine):
        return Difference(name, "has other values, and another number of them")
    largest = max((apart(mine[key], theirs[key]) for key in mine), default=0.0)
    return Difference(name, f"numbers differ by up to {largest:.2g}", largest) if largest else None


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """The largest difference of two arrays; infinite where only one of two is NaN, or where texts differ."""
    if first.dtype.kind not in "biuf" or second.dtype.kind not in "biuf":
        return 0.0 if np.array_equal(first.astype(str), second.astype(str)) else float("inf")  # an empty cell is NaN
    first, second = first.astype(np.float64), second.astype(np.float64)
    if not np.array_equal(np.isnan(first), np.isnan(second)):
        return float("inf")
    return float(np.nanmax(np.abs(first - second), initial=0.0))


def numbers(path: Path) -> dict[str, np.ndarray]:
    """What can be compared number by number in a result file, by its place there, without where it came from.

    Raises:
        Exception: of many kinds, where the file is not what its suffix says, or of a kind that has no numbers.
    """
    return dict(leaves(READERS[path.suffix](path), "", {*ORIGIN, *(["data"] if path.name == "run.json" else [])}))


def read_weights(path: Path) -> Any:
    """A state dict, of tensors alone."""
    import torch  # which the book's build need not wait for

    return torch.load(path, map_location="cpu", weights_only=True)


# How a file is read that has numbers, by its suffix.
READERS = {
    ".npy": partial(np.load, allow_pickle=False),
    ".csv": lambda path: dict(pd.read_csv(path).items()),
    ".json": files.read_json,
    ".pt": read_weights,
}


def leaves(value: Any, name: str, left_out: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays, numbers and texts in nested lists and dictionaries by their place; of what is named, none."""
    if isinstance(value, dict | list | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in left_out:
                yield from leaves(inner, f"{name}/{key}", left_out)
    else:
        yield (
            name,
            value.float().numpy() if hasattr(value, "float") else np.array(str(value) if value is None else value),
        )


def report(found: list[Difference], count: int) -> str:
    """What was found, a line each, worst last, and one line that sums it up."""
    lines = [str(one) for one in sorted(found, key=lambda one: (one.largest is None, one.largest or 0, one.name))]
    said = f"{len(found):,} of {count:,} files differ" if found else f"all {count:,} files are the same"
    return "\n".join([*lines, said])

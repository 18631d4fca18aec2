"""Find the pictures of a folder, whatever their names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from partreg.datasets.suffixes import SUFFIXES
from partreg.errors import PartregError

UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # not to be written in a line of UTF-8
FOREIGN = "a link that leads out of the folder"


def counted(number: int, noun: str = "picture", more: str = "s") -> str:
    """A number with its noun, "1 picture" or "2,000 pictures"; ``more`` ends the noun of several.

    >>> counted(1), counted(2000, "box", "es")
    ('1 picture', '2,000 boxes')
    """
    return f"{number:,} {noun}{more if number != 1 else ''}"


def find_pictures(root: str | Path) -> tuple[list[str], dict[str, str]]:
    """Find the files under ``root`` whose names end as a picture's (`SUFFIXES`); this opens none.

    Names that begin with a dot are passed over.

    Returns:
        The pictures' paths relative to ``root``, "/" between folders, sorted; and why each other one is left out: a
        link that leads out of ``root``, a linked folder, something that is no file, or a name that no list can hold.

    Raises:
        PartregError: there is no such folder.
    """
    root = Path(root)
    if not root.is_dir():
        found = "a file" if root.exists() else "no such folder"
        raise PartregError(f"{root}: expected a folder of pictures, found {found}; check the path.")
    pictures, left_out = [], {}
    for folder, folders, names in os.walk(root, onerror=lambda error: left_out.update(_closed(root, error))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                left_out[_relative(root, folder, name)] = "a link to a folder, which is not followed"
        for name in names:
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                path = _relative(root, folder, name)
                if why := _unfit(root, path):
                    left_out[path] = why
                else:
                    pictures.append(path)
    return sorted(pictures), left_out


def within(root: str | Path, path: Path) -> bool:
    """Whether a path lies under ``root`` once all links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _relative(root: Path, folder: str, name: str) -> str:
    return Path(folder, name).relative_to(root).as_posix()


def _closed(root: Path, error: OSError) -> dict[str, str]:
    return {Path(error.filename).relative_to(root).as_posix(): error.strerror or "a folder that cannot be read"}


def _unfit(root: Path, path: str) -> str:
    """Why a picture cannot be in an index; "" if it can."""
    if UNWRITABLE.search(path):
        return "a name that is not UTF-8, or has control characters"
    if not within(root, root / path):
        return FOREIGN
    if not (root / path).is_file():
        return "no file"
    return "" if os.access(root / path, os.R_OK) else "you may not read it"

"""Files that are either whole or absent, and names that stay inside their folder."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partreg.errors import PartregError

if TYPE_CHECKING:
    import numpy as np

TEMPORARY = re.compile(r"\..+\.~[a-z0-9_]{8}(\.[a-z0-9]+)?")  # names that `whole` gives, and nobody else
UNWRITABLE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EEXIST,
}


@contextmanager
def writable(path: str | Path) -> Iterator[None]:
    """Turn what goes wrong when something is written at ``path`` into a sentence.

    Raises:
        PartregError: the folder is not writable or the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise PartregError(
            f"{path}: could not be written ({error.strerror or error}); free some space there or choose a folder that "
            "is yours to write to, then run the same command again."
        ) from error


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to; rename it to ``path`` once the block ends well.

    A reader therefore never sees half a file, whenever the writer is killed. The temporary name keeps the suffix, so
    that libraries which go by it (NumPy, OpenCV, torch) write what they should.

    Raises:
        PartregError: the folder is not writable or the disk is full.
    """
    path = Path(path)
    temporary = None
    try:
        with writable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.stem}.~", suffix=path.suffix, dir=path.parent)
            os.close(handle)
            temporary = Path(name)
            temporary.chmod(0o644)
            yield temporary
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def sweep(folder: str | Path) -> int:
    """Remove what killed writers left in a folder under `whole`'s temporary names; gives how many files.

    Nobody else may be at work there.
    """
    found = [path for path in Path(folder).rglob(".*") if TEMPORARY.fullmatch(path.name) and path.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time make ``path``; the lock dies with its holder."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{path.name}.lock"):
        yield


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, whole or not at all; the same value gives the same bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        PartregError: it is missing, not UTF-8 or not JSON; the sentence names the line.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file; check the path.") from error
    except json.JSONDecodeError as error:
        raise PartregError(
            f"{path}:{error.lineno}: expected JSON ({error.msg}); mend the line or make the file anew."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise PartregError(f"{path}: could not be read as UTF-8 text ({error}); check the file.") from error


def write_weights(path: str | Path, value: Any) -> None:
    """`torch.save`, whole or not at all; the same value gives the same bytes, for the file's name is not stored."""
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer)
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_array(path: str | Path) -> np.ndarray:
    """Read a .npy file of numbers; objects, which would run code, are never loaded.

    Raises:
        PartregError: it is missing, truncated, or no array of numbers.
    """
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file; check the path.") from error
    except Exception as error:  # NumPy raises many kinds for a spoilt header
        raise PartregError(
            f"{path}: expected an array of numbers in NumPy's format ({type(error).__name__}: {str(error)[:200]}); "
            "delete the file and run the same command again."
        ) from error


def inside(root: str | Path, name: str) -> Path:
    """The path of ``name`` under ``root``; a name from a list may not lead out of its folder.

    Raises:
        PartregError: ``name`` is absolute, empty, or climbs out of ``root``.
    """
    root = Path(root)
    path = Path(os.path.normpath(root / name))
    if not name or Path(name).is_absolute() or not path.is_relative_to(os.path.normpath(root)):
        raise PartregError(f"{root}: the name {name!r} leads out of this folder; expected a path relative to it.")
    return path

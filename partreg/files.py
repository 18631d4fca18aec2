"""Files that are either whole or absent, and names that stay inside their folder."""

from __future__ import annotations

import codecs
import errno
import hashlib
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
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
UNWRITABLE = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENOTDIR, errno.EEXIST,
}  # fmt: skip


@contextmanager
def writable(path: str | Path) -> Iterator[None]:
    """Turn what goes wrong when something is written at ``path`` into a sentence.

    Raises:
        PartregError: the folder is not writable or the disk is full.
    """
    try:
        yield
    except OSError as error:
        # numpy says how much it wrote of what it had, and no errno, when a disk is full.
        full = error.errno is None and "requested and" in str(error)
        if error.errno not in UNWRITABLE and not full:
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
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.~", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            temporary.chmod(0o644)
            yield temporary
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
        finally:
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

    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{path.name}.lock"):
        yield


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, whole or not at all; the same value gives the same bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def decoded(content: bytes, encoding: str = "utf-8") -> str:
    r"""Bytes of a text file as text whose lines end in "\n", whichever editor wrote it.

    A byte order mark (of UTF-8 or UTF-16, as Windows writes them) says more than ``encoding`` and is not part of the
    text; lines that end in "\r\n" or "\r" are taken as well.

    Raises:
        UnicodeDecodeError: the bytes are not in that encoding.
    """
    mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
    content, encoding = content.removeprefix(mark), MARKS.get(mark, encoding)
    return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: str | Path) -> str:
    """Read a file of text in UTF-8, or in UTF-16 with a byte order mark, see `decoded`.

    Raises:
        PartregError: it is missing, or is no such text.
    """
    try:
        return decoded(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise PartregError(f"{path}: no such file; check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PartregError(f"{path}: could not be read as UTF-8 text ({error}); save it anew as UTF-8.") from error


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        PartregError: it is missing, not UTF-8 or not JSON (the sentence names the line), or an object names a key
            twice, of which Python would keep the last in silence.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, source: str) -> Any:
    """The value that a JSON text is.

    Raises:
        PartregError: as `read_json`; the sentence starts with ``source``.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise PartregError(
            f"{source}:{error.lineno}: expected JSON ({error.msg}); fix the line or make the file anew."
        ) from error
    except (ValueError, RecursionError) as error:  # a key twice, a number of thousands of digits, too deep
        raise PartregError(f"{source}: expected JSON ({error}); fix it or make the file anew.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:60]!r} appears twice in one object")
        found[name] = value
    return found


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
    # Compared as absolute paths: everything relative lies under ".", "../secret.jpg" too.
    if not name or Path(name).is_absolute() or not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):
        raise PartregError(f"{root}: the name {name!r} leads out of this folder; expected a path relative to it.")
    return path

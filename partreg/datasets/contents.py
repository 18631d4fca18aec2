"""Digests of the pictures' bytes, which read a file again only if its size or times changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from partreg import files
from partreg.errors import PartregError

LEDGER = "contents.json"
SETTLED = 2.0  # seconds; a file written less than this before we read it may change again without new times
MANY = 1_000  # files that deserve a progress bar
_known: dict[str, tuple[list[int], str]] = {}  # of this process, by path
_read: set[Path] = set()  # ledgers that it has read


def contents(paths: Sequence[str | Path], folder: str | Path | None = None) -> list[str]:
    """Digests of the files' bytes, 16 hexadecimal digits each.

    To read every picture of a large data set each time is slow. So we remember each digest with the file's size and
    times (of its content and of its entry), and read the file again if one of these has changed.

    ``contents.json`` in ``folder`` keeps the digests for other processes; without a folder, only this one keeps them.

    Raises:
        PartregError: a file is missing or cannot be read.
    """
    ledger = None if folder is None else Path(folder) / LEDGER
    if ledger is not None and ledger not in _read:
        _known.update(_remembered(ledger))
        _read.add(ledger)
    names = [str(path) for path in paths]
    stats = [_stat(name) for name in names]
    new = [(name, stat) for name, stat in zip(names, stats, strict=True) if _known.get(name, ([],))[0] != stat]
    with ThreadPoolExecutor(4) as pool:
        digests = pool.map(lambda entry: _hash(entry[0]), new)
        bar = tqdm(digests, "reading images", len(new), mininterval=1, leave=False, disable=len(new) < MANY)
        fresh = {name: digest for (name, _), digest in zip(new, bar, strict=True)}
    now = time.time() - SETTLED
    settled = {name: (stat, fresh[name]) for name, stat in new if max(stat[1:]) < now * 1e9}
    _known.update(settled)
    if ledger is not None and settled:
        with files.locked(ledger):
            files.write_text(ledger, json.dumps(_remembered(ledger) | settled))
    return [fresh[name] if name in fresh else _known[name][1] for name in names]


def _stat(name: str) -> list[int]:
    """Size in bytes, and the times of the last change of content and of entry, in nanoseconds."""
    try:
        stat = os.stat(name)
    except OSError as error:
        raise _unreadable(name) from error
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _hash(name: str) -> str:
    try:
        return files.sha256(name)[:16]
    except OSError as error:
        raise _unreadable(name) from error


def _unreadable(name: str) -> PartregError:
    return PartregError(f"{name}: the image cannot be read; run `partreg check` on its data set.")


def _remembered(ledger: Path) -> dict[str, tuple[list[int], str]]:
    """Entries of a ledger; none if it is missing or damaged, and then all files are read again."""
    try:
        entries = json.loads(ledger.read_text(encoding="utf-8"))
        return {str(name): (list(stat), str(digest)) for name, (stat, digest) in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}

"""`make bench`: how long a whole book takes, and a second one with nothing changed, by the commands of a reader."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time

from partreg.workflow.provenance import device


def timed(title: str, *command: str) -> None:
    """Run a command of this environment and print its wall-clock seconds."""
    print(f"{title} ...", flush=True)
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", *command], check=True)  # noqa: S603
    print(f"{title}: {time.monotonic() - started:.1f} s", flush=True)


def main(choices: list[str]) -> None:
    """Time the book of ``choices`` (as `partreg.workflow.driver` takes them) from nothing, and again."""
    print(f"{device()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="partreg-") as folder:
        book = ("partreg.workflow.driver", *choices, "--output", folder)
        timed("book from an empty folder", *book)
        timed("book again, nothing changed", *book)
    timed("evaluator against numpy.argsort", "partreg.retrieval.benchmark")
    timed("check of 200,000 entries", "partreg.datasets.benchmark", "--decode")


if __name__ == "__main__":
    main(sys.argv[1:])

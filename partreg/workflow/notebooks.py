"""Run one notebook by papermill, whole or not at all, with its progress on the terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from partreg.errors import PartregError
from partreg.files import locked, writable
from partreg.workflow.profile import CHOICES, REPOSITORY, demand_repository


class TerminalLines:
    """A file that shows the progress bars that are written to it on the terminal, as a plain line now and then."""

    def __init__(self, name: str, every: float = 20.0) -> None:
        self.name, self.every, self.last = name, every, time.monotonic()

    def write(self, text: str) -> None:
        """Print the last bar in ``text``, unless one was printed within the last ``every`` seconds."""
        line = next((piece for piece in reversed(text.replace("\r", "\n").split("\n")) if "%|" in piece), "")
        if line and time.monotonic() - self.last > self.every:
            self.last = time.monotonic()
            print(f"partreg: {self.name}: {line.split(': ', 1)[-1].strip()}", flush=True)

    def flush(self) -> None:
        """Do nothing: no text is kept back."""


def source(name: str) -> Path:
    """Return the path of a chapter's notebook."""
    return REPOSITORY / "notebooks" / f"{name}.ipynb"


def execute(notebook: str, output: str | Path, parameters: dict[str, Any], label: str = "") -> None:
    """Run ``notebooks/<notebook>.ipynb`` by papermill into ``output``, whole or not at all.

    It receives those of the reader's choices that it declares. Its first cell refuses any other parameter that it does
    not declare. A run that fails leaves ``<output>.failed.ipynb``, with its traceback.

    Raises:
        PartregError: a cell raised; the sentence is the cell's own error.
    """
    import papermill

    demand_repository(f"notebook {notebook}")
    output = Path(output)
    failed = output.with_suffix(".failed.ipynb")
    declared = papermill.inspect_notebook(str(source(notebook)))
    parameters = {name: value for name, value in parameters.items() if name in declared or name not in CHOICES}
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, not one of the user's own
    # The lock: a process that a killed run left behind may still run the same notebook.
    with writable(output), locked(output):
        try:
            papermill.execute_notebook(
                str(source(notebook)), str(failed), parameters, cwd=str(REPOSITORY), progress_bar=False,
                kernel_name="python3", stderr_file=TerminalLines(label or notebook),
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            raise PartregError(f"{failed}: cell {error.cell_index} failed: {error.ename}: {error.evalue}") from error
        os.replace(failed, output)


def reported(name: str, work: Callable[[], None]) -> int:
    """Do one rule's work between the lines that `partreg.workflow.driver` follows; return the exit status."""
    started = time.monotonic()
    print(f"partreg: {name}: started", flush=True)
    try:
        work()
    except PartregError as error:
        print(f"partreg: {name}: FAILED: {error}", file=sys.stderr, flush=True)
        return 1
    except Exception as error:  # a fault of ours: its traceback goes into the log
        print(f"partreg: {name}: FAILED: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        raise
    print(f"partreg: {name}: done in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def main(arguments: list[str]) -> int:
    """Run ``python -m partreg.workflow.notebooks NOTEBOOK OUTPUT [JSON parameters]``, one rule of the Snakefile."""
    notebook, output, parameters = *arguments[:2], json.loads(arguments[2]) if len(arguments) > 2 else {}
    name = parameters.pop("label", notebook)
    return reported(name, lambda: execute(notebook, output, parameters, name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

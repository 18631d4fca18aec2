"""Do one step of the Snakefile and say on the terminal how it goes: run a notebook, a study's job, or make its tables.

The command is ``python book/step.py notebook NAME OUTPUT [JSON parameters]``, or ``python book/step.py study
JSON-of-choices NAME [KEY]``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from needs import source
from partreg.errors import PartregError
from partreg.files import locked, writable
from partreg.studies import STUDIES
from partreg.workflow.profile import CHOICES, REPOSITORY, open_workspace


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


def execute(notebook: str, output: str | Path, parameters: dict[str, Any], label: str = "") -> None:
    """Run ``notebooks/<notebook>.ipynb`` by papermill into ``output``, whole or not at all.

    It receives those of the reader's choices that it declares. Its first cell refuses any other parameter that it does
    not declare. A run that fails leaves ``<output>.failed.ipynb``, with its traceback.

    Raises:
        PartregError: a cell raised; the sentence is the cell's own error.
    """
    import papermill

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
    """Do one rule's work between the lines that `driver` follows; return the exit status."""
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


def run_notebook(name: str, output: str, parameters: str = "{}") -> int:
    """Run a notebook with parameters in JSON; "label" among them is its name on the terminal. Return the status."""
    given = json.loads(parameters)
    label = given.pop("label", name)
    return reported(label, lambda: execute(name, output, given, label))


def run_study(choices: str, name: str, key: str = "") -> int:
    """Do the job of a study that has this key, or without one make the study's tables; return the exit status."""
    study = STUDIES[name]
    try:
        ws = open_workspace(**json.loads(choices))
        job = study.jobs(ws).get(key) if key else None
        if key and job is None:
            raise PartregError(
                f"no job is called {key} any more: the data, the profile or the code changed since it was listed; "
                f"run make {study.target} again."
            )
    except PartregError as error:
        print(f"partreg: {name}: FAILED: {error}", file=sys.stderr)
        return 1

    def work() -> None:
        if job is None:
            for path in study.collect(ws):
                print(f"partreg: {name}: the table is {path}")
        else:
            with contextlib.redirect_stderr(TerminalLines(job.label)):  # not around the report of a failure
                study.record(ws, job)

    return reported(job.label if job else name, work)


if __name__ == "__main__":
    sys.exit({"notebook": run_notebook, "study": run_study}[sys.argv[1]](*sys.argv[2:]))

"""Name all studies, and run one job of a study or make its tables from the command line.

``make reference``, ``make settings`` and ``make photographs`` call it through the Snakefile.
"""

from __future__ import annotations

import contextlib
import json
import sys

from partreg.errors import PartregError
from partreg.workflow import dial, evidence, photographs, regime, settings
from partreg.workflow.notebooks import TerminalLines, reported
from partreg.workflow.profile import open_workspace

DECLARED = (evidence.STUDY, regime.STUDY, dial.STUDY, dial.OWN, settings.STUDY, photographs.STUDY)
STUDIES = {one.name: one for one in DECLARED}


def main(arguments: list[str]) -> int:
    """Run ``python -m partreg.workflow.studies JSON-of-choices STUDY [KEY]``: do a key's job, or make the tables."""
    choices, name, *key = arguments
    study = STUDIES[name]
    try:
        ws = open_workspace(**json.loads(choices))
        job = study.jobs(ws).get(key[0]) if key else None
        if key and job is None:
            raise PartregError(
                f"no job is called {key[0]} any more: the data, the profile or the code changed since it was listed; "
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
    sys.exit(main(sys.argv[1:]))

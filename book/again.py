"""Train networks of the study "regime" on a small benchmark with the code of any commit; for ``make restamp``.

Run as ``PYTHONPATH=<a commit's files> python book/again.py FOLDER``. FOLDER/rows.json says what each row changes in the
full model. It writes FOLDER/again.json: for each row what was done, the code that did it, the record, and a digest of
the weights.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import partreg
from partreg.files import read_json, sha256, write_json
from partreg.workflow.profile import open_workspace
from partreg.workflow.stages import run_folder

# Older commits have the study in partreg.workflow. Where it lies is asked of the files of the commit alone: an import
# that does not find it there may find that of the installed package.
PLACE = "studies" if Path(partreg.__file__).with_name("studies").is_dir() else "workflow"
regime = import_module(f"partreg.{PLACE}.regime")


def main(folder: Path) -> None:
    """Train and write, see above; the boxes are the true ones, as in the study."""
    ws = open_workspace("smoke", output=str(folder / "made"), overrides={"detector": {}})
    plan, found = ws.profile.regime, {}
    for row, changes in read_json(folder / "rows.json").items():
        job = regime.as_job(ws, 0, row, max(plan["vehicles"]), plan["epochs"], changes, 0)
        record = regime.STUDY.record(ws, job)
        run = job.run
        if run.weights:  # words for a start, in the place of its file
            run = regime.with_weights(job.workspace, run, **regime.as_long(run))
        weights = sha256(run_folder(job.workspace, run) / "weights.pt")
        found[row] = {"done": job.description, "code": job.code, "record": record, "weights": weights}
    write_json(folder / "again.json", found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

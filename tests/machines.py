"""`make machines`: by how much results differ where the processor computes otherwise.

``python -m tests.machines`` makes the smoke chain (without other people's rows) with one notebook at a time and
with several, which must give the same bytes, and then as a machine without AVX-512, and so without bfloat16, computes
it. The largest difference for each kind of result is printed and written to ``build/machines/machines.csv``. Then a few
small networks of the profile ``reference`` are trained to the end on both kinds of machine; their scores go to
``machine_scores.csv`` there. ``... scores`` does the second part alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd

from partreg import files
from partreg.paper import BASELINE
from partreg.studies import STUDIES
from partreg.studies.study import record_path
from partreg.verify import against_rerun, results
from partreg.workflow.profile import REPOSITORY, open_workspace
from tests.origin import origin

# How a machine with fewer instructions computes, by the switches of torch, oneDNN, NumPy, its BLAS and OpenCV. embree,
# which casts the rays of the pictures, has none.
FEWER = {
    "no AVX-512, no bfloat16": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENCV_CPU_DISABLE": "AVX512-SKX",
    }
}
FOLDER = REPOSITORY / "build" / "machines"
MACHINES = {"several notebooks at a time": {}} | FEWER
KINDS = {
    "pictures": "*.jpg",
    "lists and truth": "data-*/*",
    "part boxes, fraction of the image": "parts-*/*.csv",
    "detector's weights": "parts-*/*.pt",
    "weights of networks": "runs/*/weights.pt",
    "features": "runs/*/features_*.npy",
    "scores, fraction": "runs/*/scores.json",
    "history": "runs/*/history.csv",
}


def chain(folder: Path, cores: int, environment: dict[str, str]) -> Path:
    """Make the smoke chain into a folder."""
    command = [sys.executable, str(REPOSITORY / "book" / "driver.py"), "--profile", "smoke", "--output", str(folder)]
    command += ["--no-baselines", "--cores", str(cores)]
    with open(folder.with_suffix(".log"), "w", encoding="utf-8") as log:
        subprocess.run(command, env={**os.environ, **environment}, stdout=log, stderr=log, check=True)
    return folder


def compare_chains(folder: Path, source: dict[str, Any]) -> int:
    """Make the chains, compare them, print and write the table; 1 where the number of processes changed a byte."""
    first, rows = chain(folder / "first", 1, {}), []
    for machine, environment in MACHINES.items():
        again = chain(folder / machine.replace(" ", "-"), os.cpu_count() or 2, environment)
        apart = {one.name: one for one in against_rerun(first, again)}
        for what, pattern in KINDS.items():
            there = [name for name in results(first) if fnmatch(name, pattern)]
            mine = [apart[name] for name in there if name in apart]
            known = [one.largest for one in mine if one.largest is not None]
            largest = max(known, default=0.0) if len(known) == len(mine) else float("nan")
            rows.append(
                {"machine": machine, "results": what, "files": len(there), "differ": len(mine), "largest": largest}
            )
        print(pd.DataFrame(rows)[-len(KINDS) :].to_string(index=False), flush=True)
    table = pd.DataFrame(rows).assign(**source)
    files.write_text(FOLDER / "machines.csv", table.to_csv(index=False))
    return int((table[table.machine == next(iter(MACHINES))].differ > 0).any())


def compare_scores(folder: Path, source: dict[str, Any]) -> None:
    """Train the plain network of `evidence`'s base cell, a seed each, on both kinds of machine; write their scores."""
    rows = []
    study = STUDIES["evidence"]
    for key, job in study.jobs(open_workspace("reference")).items():
        if job.what != {"study": "cells", "cell": "base", "row": BASELINE, "budget": "long"}:
            continue
        started = {}
        for machine, environment in ({"this machine": {}} | FEWER).items():
            choices = {"profile": "reference", "output": str(folder / machine.replace(" ", "-"))}
            command = [
                sys.executable,
                str(REPOSITORY / "book" / "step.py"),
                "study",
                json.dumps(choices),
                "evidence",
                key,
            ]
            started[machine] = choices, subprocess.Popen(command, env={**os.environ, **environment})
        for machine, (choices, process) in started.items():
            if process.wait():
                raise SystemExit(f"{choices['output']}: a network could not be trained; what it said stands above.")
            score = files.read_json(record_path(open_workspace(**choices), study, key))["cmc1_large"]
            rows.append({"machine": machine, "seed": job.run.seed, "cmc1": score})
    table = pd.DataFrame(rows).assign(**source)
    print(table.to_string(index=False))
    files.write_text(FOLDER / "machine_scores.csv", table.to_csv(index=False))


def main(arguments: list[str]) -> int:
    """Do what is asked for; the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    source = origin()
    moved = 0 if arguments == ["scores"] else compare_chains(FOLDER, source)
    compare_scores(FOLDER, source)
    return moved


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

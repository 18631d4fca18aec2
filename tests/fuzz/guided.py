"""`make fuzz`: a coverage-guided fuzzer (atheris) on every reader of text, which looks for new paths through our code.

``python -m tests.fuzz.guided [SECONDS]`` gives each reader so many seconds and prints a line for it; the exit status is
1 where a reader failed, and the file that it failed on is kept under ``build/fuzz/``. ``fuzz.csv`` there has the lines. ``... NAME SECONDS`` is one reader.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "fuzz"
SECONDS = 20


def one(name: str, seconds: int) -> None:
    """Fuzz one reader in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["partreg", "claims"]):
        from tests.fuzz.readers import READERS, judge, lay

    reader, corpus = READERS[name], FOLDER / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / "whole").write_bytes(reader.content)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = lay(Path(folder), reader)

        def test(content: bytes) -> None:
            path.write_bytes(content)
            judge(reader, Path(folder))

        given = [
            f"-max_total_time={seconds}",
            "-max_len=4000",
            "-len_control=0",
            "-timeout=20",
            f"-artifact_prefix={corpus}/failed-",
        ]
        atheris.Setup([name, *given, "-print_final_stats=1", "-seed=1", str(corpus)], test)
        atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """One reader, or all of them one after the other; the exit status."""
    if len(arguments) == 2:
        one(arguments[0], int(arguments[1]))
    import pandas as pd

    from partreg import files
    from tests.fuzz.readers import READERS
    from tests.origin import origin

    seconds, rows = int(arguments[0]) if arguments else SECONDS, []
    for name in (name for name, reader in READERS.items() if reader.text):
        command = [sys.executable, "-m", "tests.fuzz.guided", name, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        runs = re.findall(r"number_of_executed_units: (\d+)", said)
        paths = re.findall(r"cov: (\d+)", said)
        counts = [int(found[-1]) if found else 0 for found in (runs, paths)]
        rows.append((name, *counts, int(done.returncode != 0)))
        print(f"{name}: {counts[0]:,} files, {counts[1]} branches reached", end="")
        print("" if done.returncode == 0 else f", FAILED:\n{said[-3000:]}", flush=True)
    table = pd.DataFrame(rows, columns=["reader", "files", "branches", "failed"]).assign(**origin())
    files.write_text(FOLDER / "fuzz.csv", table.to_csv(index=False))
    failed = int(table.failed.sum())
    print(f"{failed} readers failed" if failed else f"no reader failed, {table.files.sum():,} files")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

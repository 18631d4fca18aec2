"""The commands of the page "200 photographs to a searchable index", to run and to time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from partreg.workflow.profile import REPOSITORY

PAGE = REPOSITORY / "book" / "walk.md"
STEP = "@@ "  # begins the line with the processor time so far, which the script prints before each step


def steps() -> dict[str, str]:
    """Return the commands under each heading of the page, in order."""
    text = PAGE.read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    found = {one.splitlines()[0]: "".join(re.findall(r"```bash\n(.*?)```", one, re.DOTALL)) for one in sections}
    return {name: commands for name, commands in found.items() if commands}


def replaced(commands: str, values: dict[str, str]) -> str:
    """Return the commands with other values of shell variables, and of words such as ``epochs: 60``.

    Raises:
        ValueError: one of them is not there.
    """
    for name, value in values.items():
        pattern = rf"^{name}=.*$" if name.isupper() else rf"{re.escape(name)} \w+"
        commands, count = re.subn(
            pattern, f"{name}={value}" if name.isupper() else f"{name} {value}", commands, flags=re.M
        )
        if not count:
            raise ValueError(f"{PAGE}: the commands do not say {name!r}.")
    return commands


def walk(folder: Path, values: dict[str, str]) -> tuple[dict[str, float], str]:
    """Run the page's commands in a folder, with other values than the page's.

    Returns:
        The processor seconds that each step took, and all that the commands printed.

    Raises:
        RuntimeError: a command failed; what was printed is in the message.
    """
    marks = [f"{{ times > times; echo '{STEP}'$(tail -1 times); }}\n" for _ in range(len(steps()) + 1)]
    script = "".join(mark + commands for mark, commands in zip(marks, [*steps().values(), ""], strict=True))
    script = replaced(script.replace(". .venv/bin/activate\n", ""), values)
    if not (folder / "notebooks").exists():
        (folder / "notebooks").symlink_to(REPOSITORY / "notebooks")
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **paths}, **how)
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:])
    used = [seconds(line) for line in done.stdout.splitlines() if line.startswith(STEP)]
    return {name: after - before for name, before, after in zip(steps(), used, used[1:], strict=False)}, done.stdout


def seconds(line: str) -> float:
    """Return the sum of the times in a line of bash's ``times``, such as "0m3.512s 0m0.304s"."""
    return sum(60 * int(minutes) + float(rest) for minutes, rest in re.findall(r"(\d+)m([\d.]+)s", line))

"""Where each number comes from: profile, seeds, device, commit and versions."""

from __future__ import annotations

import html
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from partreg.workflow.profile import REPOSITORY, Workspace

PACKAGES = ("partreg", "torch", "torchvision", "ultralytics", "numpy", "pandas", "pillow", "opencv-python")
THREADS = 1  # each network is computed by so many, so that its bytes do not depend on the number of cores


def _git(*arguments: str) -> str:
    """What git says of this repository; "" without git, and in a copy that only lies inside another repository."""
    # The caller's own GIT_DIR, as in a hook, would name another repository.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    said = []
    for words in (["rev-parse", "--show-toplevel"], arguments):
        try:
            done = subprocess.run(  # noqa: S603
                ["git", *words],  # noqa: S607
                cwd=REPOSITORY,
                env=plain,
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        said.append(done.stdout.strip())
    return said[1] if Path(said[0]).resolve() == REPOSITORY else ""


def device() -> str:
    """The device in words: the GPU's name, or the processor's architecture and its number of cores."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"


def provenance(ws: Workspace) -> dict[str, Any]:
    """Where a number comes from: profile, seeds, device, threads, commit and whether clean, versions, time (UTC)."""
    return {
        "profile": ws.profile.name,
        "seeds": list(ws.profile.seeds),
        "device": device(),
        "threads": THREADS,
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _git("rev-parse", "--short=10", "HEAD") or "unknown",
        "clean": not _git("status", "--porcelain", "--untracked-files=no"),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def provenance_line(ws: Workspace, dataset: str = "vehicleid") -> str:
    """One line of HTML for under a table: data, profile, seeds, device, threads, commit, version of torch, day."""
    facts = provenance(ws)
    data = "rendered benchmark" if ws.is_synthetic(dataset) else f"<code>{html.escape(ws.root(dataset).name)}</code>"
    seeds = ", ".join(str(seed) for seed in facts["seeds"])
    commit = facts["commit"] + ("" if facts["clean"] else " with uncommitted changes")
    return (
        f'<p class="provenance">Data: {data} · profile <code>{html.escape(facts["profile"])}</code> · seed {seeds} · '
        f"{html.escape(facts['device'])}, {THREADS} thread a network · commit <code>{html.escape(commit)}</code> · "
        f"torch {html.escape(facts['versions']['torch'])} · {facts['made'][:10]}</p>"
    )

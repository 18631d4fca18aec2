"""Where each number comes from: profile, seeds, device, commit and versions."""

from __future__ import annotations

import html
import os
import platform
import subprocess
from importlib.metadata import version
from typing import Any

from partreg.workflow.profile import REPOSITORY, Workspace


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def device() -> str:
    """The device in words: the GPU's name, or the processor's architecture and its number of cores."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"


def provenance(ws: Workspace) -> dict[str, Any]:
    """Where a number comes from: profile, seeds, device, commit and whether it was clean, versions."""
    return {
        "profile": ws.profile.name,
        "seeds": list(ws.profile.seeds),
        "device": device(),
        "commit": _git("rev-parse", "--short=10", "HEAD") or "unknown",
        "clean": not _git("status", "--porcelain", "--untracked-files=no"),
        "versions": {name: version(name) for name in ("partreg", "torch", "torchvision", "ultralytics", "numpy")},
    }


def provenance_line(ws: Workspace, dataset: str = "vehicleid") -> str:
    """One line of HTML for under a table: data, profile, seeds, device, commit."""
    facts = provenance(ws)
    data = "rendered benchmark" if ws.is_synthetic(dataset) else f"<code>{html.escape(ws.root(dataset).name)}</code>"
    seeds = ", ".join(str(seed) for seed in facts["seeds"])
    commit = facts["commit"] + ("" if facts["clean"] else " with uncommitted changes")
    return (
        f'<p class="provenance">Data: {data} · profile <code>{html.escape(facts["profile"])}</code> · seed {seeds} · '
        f"{html.escape(facts['device'])} · commit <code>{html.escape(commit)}</code></p>"
    )

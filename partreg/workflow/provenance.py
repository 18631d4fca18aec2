"""Record where each number, network and box came from: profile, seeds, device, commit and versions, beside each."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from partreg import files
from partreg.figures.origins import RENDERED, Origin
from partreg.reid.run import Run
from partreg.workflow.keys import boxes_file, detector_folder, run_folder
from partreg.workflow.profile import REPOSITORY, Workspace

PACKAGES = ("partreg", "torch", "torchvision", "ultralytics", "numpy", "pandas", "pillow", "opencv-python")
THREADS = 1  # for each network, so that its bytes do not depend on the number of cores


@cache
def committed() -> tuple[str, bool]:
    """Return the commit of this repository, and whether nothing was changed since, as they were at the first call.

    Without git, and in a copy that only lies inside another repository, the environment variable PARTREG_COMMIT names
    the commit; without that, it is "unknown".
    """
    # The caller's own GIT_DIR, as in a hook, would name another repository, and so would a folder further up.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    how: dict[str, Any] = {"cwd": REPOSITORY, "env": plain | {"GIT_CEILING_DIRECTORIES": str(REPOSITORY.parent)}}
    words = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        said = subprocess.run(words, **how, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("PARTREG_COMMIT") or "unknown", True
    return said[0].removeprefix("# branch.oid ")[:10], all(line.startswith("# ") for line in said)


def device() -> str:
    """Return the device in words: the GPU's name, or the processor's architecture and its number of cores."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"


def versions() -> dict[str, str]:
    """Return the versions of Python and of those `PACKAGES` that are installed, by name."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def provenance(ws: Workspace) -> dict[str, Any]:
    """Say where a number comes from: profile, seeds, device, threads, commit (and if clean), versions, time (UTC)."""
    commit, clean = committed()
    return {
        "profile": f"{ws.profile.name} with other {', '.join(ws.changed)}" if ws.changed else ws.profile.name,
        "seeds": list(ws.profile.seeds),
        "device": device(),
        "threads": THREADS,
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit,
        "clean": clean,
        "versions": versions(),
    }


def origin(ws: Workspace, dataset: str, step: str, facts: Mapping[str, Any] | None = None, **training: int) -> Origin:
    """Return where one step on the way to a number came from, for the line under it.

    Args:
        ws: the workspace.
        dataset: "vehicleid" or "veri", whose images were used.
        step: what was done, such as "trained".
        facts: what `provenance` returned when and where it was done; that of this process if not given.
        training: "seed", and "size" of the network's input in pixels.
    """
    facts = provenance(ws) if facts is None else facts
    data = RENDERED if ws.is_synthetic(dataset) else ws.root(dataset).name
    made = {name: facts[name] for name in ("profile", "device", "commit", "clean", "threads")}
    return Origin(step, data, **made, **training, torch=facts["versions"]["torch"], day=facts["made"][:10])


def left_origin(ws: Workspace, dataset: str, step: str, path: Path, **more: Any) -> tuple[Origin, ...]:
    """Return the `origin` of a result from ``path``, the JSON file with its `provenance`; () where there is none."""
    return (origin(ws, dataset, step, files.read_json(path), **more),) if path.exists() else ()


def origins(ws: Workspace, run: Run, name: str = "test") -> tuple[Origin, ...]:
    """Return where a network's numbers come from: boxes, training, ``features_<name>``, and this process, which scores.

    Without a name no features are scored: the network itself is drawn.
    """
    folder, about = run_folder(ws, run), {"seed": run.seed, "size": run.size}
    paths = {"trained": folder / "provenance.json", "features": folder / f"features_{name}.json"}
    left = {step: files.read_json(path) for step, path in paths.items() if path.exists()}
    return (
        *(origin(ws, run.dataset, step, facts, **about) for step, facts in left.items()),
        *(Origin(**one) for one in left.get("trained", {}).get("boxes", ())),
        origin(ws, run.dataset, "judged" if name else "drawn"),
    )


def parts_origins(ws: Workspace, dataset: str) -> tuple[Origin, ...]:
    """Return where the detected boxes of ``dataset`` came from: the detector's training and its use on these images."""
    used = boxes_file(ws, dataset, "detected").with_suffix(".provenance.json")
    return (*detector_origin(ws), *left_origin(ws, dataset, "boxes", used))


def detector_origin(ws: Workspace) -> tuple[Origin, ...]:
    """Return where the detector came from: its training on the annotated images."""
    left = left_origin(ws, "vehicleid", "detector", detector_folder(ws) / "provenance.json")
    return tuple(replace(one, data=annotated_origin(ws).data) for one in left)


def annotated_origin(ws: Workspace) -> Origin:
    """Return the origin of the annotated images that this process shows; a reader's own are of another folder."""
    shown = origin(ws, "vehicleid", "drawn")
    photographs = ws.profile.photographs
    return replace(shown, data=Path(photographs).name) if photographs else shown

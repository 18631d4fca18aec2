"""Where networks and boxes came from: what lies beside each, as `partreg.figures.origins` prints it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from partreg.figures.origins import Origin
from partreg.files import read_json
from partreg.reid.run import Run
from partreg.workflow.keys import boxes_file, detector_folder, run_folder
from partreg.workflow.profile import Workspace
from partreg.workflow.provenance import left_origin, origin


def origins(ws: Workspace, run: Run, name: str = "test") -> tuple[Origin, ...]:
    """Where a network's numbers come from: boxes, training, ``features_<name>`` and this process, which judges them.

    Without a name it is not the features that are judged, but the network that is drawn.
    """
    folder, about = run_folder(ws, run), {"seed": run.seed, "size": run.size}
    paths = {"trained": folder / "provenance.json", "features": folder / f"features_{name}.json"}
    left = {step: read_json(path) for step, path in paths.items() if path.exists()}
    return (
        *(origin(ws, run.dataset, step, facts, **about) for step, facts in left.items()),
        *(Origin(**one) for one in left.get("trained", {}).get("boxes", ())),
        origin(ws, run.dataset, "judged" if name else "drawn"),
    )


def parts_origins(ws: Workspace, dataset: str) -> tuple[Origin, ...]:
    """Where the detected boxes of ``dataset`` came from: the detector's training, and its use on these images."""
    used = boxes_file(ws, dataset, "detected").with_suffix(".provenance.json")
    return (*detector_origin(ws), *left_origin(ws, dataset, "boxes", used))


def detector_origin(ws: Workspace) -> tuple[Origin, ...]:
    """Where the detector came from: its training on the annotated images."""
    left = left_origin(ws, "vehicleid", "detector", detector_folder(ws) / "provenance.json")
    return tuple(replace(one, data=annotated_origin(ws).data) for one in left)


def annotated_origin(ws: Workspace) -> Origin:
    """The annotated images, as this process shows them; a reader's own are photographs of another folder."""
    shown = origin(ws, "vehicleid", "drawn")
    photographs = ws.profile.photographs
    return replace(shown, data=Path(photographs).name) if photographs else shown

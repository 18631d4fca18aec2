"""Train what the profile laptop starts from, and say where it comes from; for ``make start``.

It writes build/start/start.pt, the weights of the backbone in half precision, and build/start/start.json, their origin.
``make keep WHAT=start`` puts them in place of those that the package has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from partreg import files
from partreg.reid.start import write_backbone
from partreg.workflow.profile import open_workspace
from partreg.workflow.runs import make_run
from partreg.workflow.stages import trained


def halved(path: Path) -> None:
    """Write the weights in a file again with 16 bits a number, which halves it; 11 binary digits of each are left."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    files.write_weights(path, halves)


def origin(network: Path, weights: Path) -> dict[str, Any]:
    """Return what the weights of the network in a folder learnt, and when, where and by which code."""
    run, facts = files.read_json(network / "run.json"), files.read_json(network / "provenance.json")
    last = pd.read_csv(network / "history.csv").iloc[-1]
    return {
        "sha256": files.sha256(weights),
        **{name: run[name] for name in ("backbone", "size", "epochs", "lr", "held_out", "seed")},
        "validation CMC@1 (%)": round(100 * float(last.cmc1), 1),
        **{name: facts[name] for name in ("profile", "seconds", "device", "commit", "clean", "made")},
    }


def write(network: Path, folder: Path) -> None:
    """Write start.pt and start.json of a trained network into a folder."""
    write_backbone(network, folder / "start.pt")
    halved(folder / "start.pt")
    files.write_json(folder / "start.json", origin(network, folder / "start.pt"))


def main() -> None:
    """Train the baseline of the profile ``start``, unless it is there, and write."""
    ws = open_workspace("start")
    write(trained(ws, make_run(ws, "vehicleid", parts=())), ws.folder)
    print(ws.folder / "start.pt")


if __name__ == "__main__":
    main()

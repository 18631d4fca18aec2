"""The networks of the book: one description for each row and seed of Tables 1 to 6 and of the controls."""

from __future__ import annotations

from typing import Any

from partreg.reid.run import Run
from partreg.workflow.profile import Workspace, code_key, data_key, digest, parts_key

TABLE_4 = {
    "Global+Light+Brand+Window": {},
    "Global+Light+Brand": {"parts": ("light", "brand")},
    "Global+Light+Window": {"parts": ("light", "window")},
    "Global+Window+Brand": {"parts": ("window", "brand")},
    "Global+Window": {"parts": ("window",)},
    "Window+Light+Brand": {"use_global": False},
    "Baseline (w/o parts)": {"parts": ()},
}
CONTROLS = {
    "Three extra heads on the whole map": {"boxes": "whole"},
    "Boxes shuffled between images": {"boxes": "shuffled"},
}


def make_run(ws: Workspace, dataset: str, **changes: Any) -> Run:
    """The description of one training run: the profile's, with ``changes`` of `partreg.reid.run.Run`'s fields.

    The full model at the data set's main size (its last for VeRi-776, its last for VehicleID) and seed, unless changed.
    """
    run = Run(
        **{
            "dataset": dataset,
            "size": ws.profile.sizes[dataset][-1],
            "held_out": ws.profile.held_out[dataset],
            "seed": ws.profile.seeds[0],
            **ws.profile.reid,
            **changes,
        }
    )
    boxes = parts_key(ws) if run.parts else ""  # the baseline knows of no boxes, and need not wait for them
    return run.changed(data=digest(data_key(ws, dataset), boxes, code_key("reid")))


def runs(ws: Workspace) -> dict[str, dict[str, list[Run]]]:
    """Every network of the book, by table and row, one for each seed; tables share runs."""

    def seeded(dataset: str, **changes: Any) -> list[Run]:
        return [make_run(ws, dataset, seed=seed, **changes) for seed in ws.profile.seeds]

    return {
        "table_4": {name: seeded("vehicleid", **changes) for name, changes in TABLE_4.items()},
        "controls": {name: seeded("vehicleid", **changes) for name, changes in CONTROLS.items()},
        "table_5": {str(size): seeded("vehicleid", size=size) for size in ws.profile.sizes["vehicleid"]},
        "table_6": {str(size): seeded("veri", size=size) for size in ws.profile.sizes["veri"]},
    }

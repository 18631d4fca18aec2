"""Running the chapters: profiles, where results lie, what is made once and shared, and where each number came from.

A `Workspace` is a profile with a reader's own choices; its functions are like rules of make: they do the work when
its result is absent and return it when it is there. So every notebook also runs alone, and no description is computed
twice.
"""

from partreg.workflow.chapters import CHAPTERS
from partreg.workflow.data import all_images, benchmark, load_vehicleid, load_veri, test_images
from partreg.workflow.fields import CHOICES, DATASETS, Profile, layouts
from partreg.workflow.methods import Judged, judge, method_networks
from partreg.workflow.parameters import check_injected, described_method, described_run, open_notebook
from partreg.workflow.profile import Workspace, open_workspace, with_drawn_boxes
from partreg.workflow.provenance import annotated_origin, detector_origin, origin, origins, parts_origins, provenance
from partreg.workflow.runs import (
    CONTROLS,
    STRONG,
    TABLE_4,
    compared_size,
    control_changes,
    data_words,
    left_out,
    make_run,
    method_run,
    networks,
    other_methods,
    runs,
)
from partreg.workflow.stages import (
    annotated_sets,
    annotations,
    boxes_file,
    detected_boxes,
    detector_weights,
    drawing,
    features,
    filled_boxes,
    history,
    locked,
    run_boxes,
    run_folder,
    scores,
    shown_boxes,
    train_images,
    trained,
    vehicleid_scores,
    veri_scores,
)

__all__ = [
    "CHAPTERS",
    "CHOICES",
    "CONTROLS",
    "DATASETS",
    "STRONG",
    "TABLE_4",
    "Judged",
    "Profile",
    "Workspace",
    "all_images",
    "annotated_origin",
    "annotated_sets",
    "annotations",
    "benchmark",
    "boxes_file",
    "check_injected",
    "compared_size",
    "control_changes",
    "data_words",
    "described_method",
    "described_run",
    "detected_boxes",
    "detector_origin",
    "detector_weights",
    "drawing",
    "features",
    "filled_boxes",
    "history",
    "judge",
    "layouts",
    "left_out",
    "load_vehicleid",
    "load_veri",
    "locked",
    "make_run",
    "method_networks",
    "method_run",
    "networks",
    "open_notebook",
    "open_workspace",
    "origin",
    "origins",
    "other_methods",
    "parts_origins",
    "provenance",
    "run_boxes",
    "run_folder",
    "runs",
    "scores",
    "shown_boxes",
    "test_images",
    "train_images",
    "trained",
    "vehicleid_scores",
    "veri_scores",
    "with_drawn_boxes",
]

"""Running the chapters: profiles, where results lie, what is made once and shared, and where each number came from.

A `Workspace` is a profile with a reader's own choices; its functions are like rules of make: they do the work when
its result is absent and return it when it is there. So every notebook also runs alone, and no description is computed
twice.
"""

from partreg.workflow.data import all_images, benchmark, test_images, vehicleid, veri
from partreg.workflow.profile import CHAPTERS, CHOICES, DATASETS, Profile, Workspace, open_workspace
from partreg.workflow.provenance import provenance, provenance_line
from partreg.workflow.rows import Cost, Judged, judge
from partreg.workflow.runs import (
    CONTROLS,
    STRONG,
    TABLE_1,
    TABLE_3,
    TABLE_4,
    compared_size,
    control_changes,
    data_words,
    left_out,
    make_run,
    method_run,
    networks,
    other_rows,
    runs,
)
from partreg.workflow.stages import (
    annotated_sets,
    annotations,
    boxes_file,
    detected_boxes,
    detector_weights,
    features,
    filled_boxes,
    history,
    locked,
    run_boxes,
    run_folder,
    scores,
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
    "TABLE_1",
    "TABLE_3",
    "TABLE_4",
    "Cost",
    "Judged",
    "Profile",
    "Workspace",
    "all_images",
    "annotated_sets",
    "annotations",
    "benchmark",
    "boxes_file",
    "compared_size",
    "control_changes",
    "data_words",
    "detected_boxes",
    "detector_weights",
    "features",
    "filled_boxes",
    "history",
    "judge",
    "left_out",
    "locked",
    "make_run",
    "method_run",
    "networks",
    "open_workspace",
    "other_rows",
    "provenance",
    "provenance_line",
    "run_boxes",
    "run_folder",
    "runs",
    "scores",
    "test_images",
    "train_images",
    "trained",
    "vehicleid",
    "vehicleid_scores",
    "veri",
    "veri_scores",
]

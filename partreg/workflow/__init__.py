"""Make each result once: profiles, where results are, what they are made of, and where each number came from.

A `Workspace` is a profile with a reader's own choices. The functions that take one are like rules of make: they return
a result that is there, and make one that is absent. So every notebook also runs alone, and nothing is made twice.
"""

from partreg.workflow.data import all_images, benchmark, load_vehicleid, load_veri, test_images
from partreg.workflow.methods import judge, method_networks
from partreg.workflow.parameters import check_injected, described_method, described_run, open_notebook
from partreg.workflow.profile import CHOICES, DATASETS, Workspace, layouts, open_workspace, with_drawn_boxes
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
    own_parts,
    runs,
)
from partreg.workflow.stages import (
    annotated_sets,
    detected_boxes,
    detector_weights,
    drawing,
    features,
    filled_boxes,
    history,
    run_boxes,
    run_folder,
    scores,
    shown_boxes,
    train_images,
    trained,
    vehicleid_scores,
    veri_scores,
)

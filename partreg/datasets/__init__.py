"""Section 4.1: images with identities, one table whatever the layout on disk; checking a folder before training."""

# Those of the paper, each judged in its own way. Every network's description knows them; which layouts they may come in
# (`partreg.datasets.layouts`) it does not, so that another layout makes no network due.
DATASETS = ("vehicleid", "veri")

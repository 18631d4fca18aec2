"""The files beside the images that methods of Tables 1 to 3 cannot do without (`partreg.datasets.side` reads them)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# The data set that a file belongs to, "" for the one that is learnt; its name, and others that serve as well.
MODELS, POINTS, VIEWS, PLATES, PLACES = (
    ("vehicleid", "attribute/model_attr.txt", "models.csv", "truth/images.csv"),
    ("", "keypoints.csv"),
    ("", "orientation.csv"),
    ("veri", "plates.csv"),
    ("veri", "camera_Dist.txt"),
)
CAMERAS = ("veri", "camera_ID.txt")
SIDE_FILES = {
    "mixed_diff_ccl": [MODELS],
    "oife": [POINTS],
    "vami": [VIEWS],
    "googlenet": [MODELS],
    "fact": [MODELS],
    "plate_snn": [PLATES],
    "fact_plate_rec": [MODELS, PLATES],
    "fact_plate_snn": [MODELS, PLATES],
    "fact_plate_str": [MODELS, PLATES, PLACES, CAMERAS],
    "siamese_path": [PLACES, CAMERAS],
    "oife_st": [POINTS],
}


def side_paths(root: Path, names: Sequence[str]) -> list[Path]:
    """Those of the named files that are under a data set's root, or under its ``truth``."""
    return [path for name in names for place in ("", "truth") if (path := root / place / name).is_file()]

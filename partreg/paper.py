"""The numbers of Tables 1 to 6 as printed, and where the paper disagrees with itself.

Data, no logic. Scores are fractions in [0, 1], as the paper prints them; a dash in the paper is NaN here. The book's
page "Remarks" says more about each entry of `REMARKS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import pandas as pd

OURS = "Ours"
FULL = "Global+Light+Brand+Window"
BASELINE = "Baseline (w/o parts)"

CAPTIONS = {
    1: "CMC@1 on VehicleID",
    2: "CMC@5 on VehicleID",
    3: "mAP, HIT@1 and HIT@5 on VeRi-776",
    4: "Ablation of the branches on VehicleID (Large)",
    5: "Input size on VehicleID",
    6: "Input size on VeRi-776",
}

COLUMNS = {
    1: ("Small", "Medium", "Large"),
    2: ("Small", "Medium", "Large"),
    3: ("mAP", "HIT@1", "HIT@5"),
    4: ("CMC@1", "CMC@5"),
    5: ("CMC@1", "CMC@5"),
    6: ("mAP", "HIT@1", "HIT@5"),
}

# Input sizes of Tables 5 and 6, in pixels.
SIZES = {"vehicleid": (128, 256), "veri": (128, 256, 512)}

INDEX = {
    1: ("Method",),
    2: ("Method",),
    3: ("Method",),
    4: ("Method",),
    5: ("Vehicle set", "Input size"),
    6: ("Input size",),
}

ROWS = {
    1: {
        "VGG+Triplet Loss": (0.404, 0.354, 0.319),
        "VGG+CCL": (0.436, 0.370, 0.329),
        "Mixed Diff+CCL": (0.490, 0.428, 0.382),
        "OIFE": (nan, nan, 0.670),
        "VAMI": (0.631, 0.529, 0.473),
        OURS: (0.784, 0.750, 0.742),
    },
    2: {
        "VGG+Triplet Loss": (0.617, 0.546, 0.503),
        "VGG+CCL": (0.642, 0.571, 0.533),
        "Mixed Diff+CCL": (0.735, 0.668, 0.616),
        "OIFE": (nan, nan, 0.829),
        "VAMI": (0.833, 0.751, 0.703),
        OURS: (0.923, 0.883, 0.864),
    },
    3: {
        "BOW-CN": (0.122, 0.339, 0.537),
        "LOMO": (0.096, 0.253, 0.465),
        "GoogLeNet": (0.170, 0.498, 0.712),
        "FACT": (0.185, 0.510, 0.735),
        "Plate-SNN": (0.157, 0.363, 0.466),
        "FACT+Plate-REC": (0.186, 0.512, 0.736),
        "FACT+Plate-SNN": (0.259, 0.611, 0.774),
        "FACT+Plate+STR": (0.278, 0.614, 0.788),
        "Siamese+Path": (0.583, 0.835, 0.900),
        "OIFE": (0.480, 0.894, nan),
        "OIFE+ST": (0.514, 0.924, nan),
        "VAMI": (0.501, nan, nan),
        OURS: (0.743, 0.943, 0.987),
    },
    4: {
        FULL: (0.742, 0.864),
        "Global+Light+Brand": (0.675, 0.830),
        "Global+Light+Window": (0.710, 0.887),
        "Global+Window+Brand": (0.726, 0.851),
        "Global+Window": (0.707, 0.832),
        "Window+Light+Brand": (0.687, 0.829),
        BASELINE: (0.645, 0.800),
    },
    5: {
        ("Small", 128): (0.726, 0.886),
        ("Small", 256): (0.784, 0.923),
        ("Medium", 128): (0.685, 0.838),
        ("Medium", 256): (0.750, 0.883),
        ("Large", 128): (0.661, 0.819),
        ("Large", 256): (0.742, 0.864),
    },
    6: {
        128: (0.653, 0.878, 0.959),
        256: (0.702, 0.922, 0.979),
        512: (0.743, 0.943, 0.987),
    },
}


@dataclass(frozen=True)
class Remark:
    """A place where the paper disagrees with itself or with others.

    Attributes:
        name: the label of its section in the book's page "Remarks".
        tables: the tables beside which it should stand.
        text: one or two sentences.
    """

    name: str
    tables: tuple[int, ...]
    text: str


REMARKS = (
    Remark(
        "remark-cmc5",
        (4,),
        "Without the brand branch (Global+Light+Window) CMC@5 is 0.887, above the full model's 0.864.",
    ),
    Remark(
        "remark-rank1",
        (1,),
        "Section 1's gain of 57% at rank 1 compares 0.742 with VAMI's 0.473. The same column holds OIFE at 0.670; "
        "against that method the gain is 11%.",
    ),
    Remark(
        "remark-map",
        (3,),
        "Section 1's gain of 48% in mAP compares 0.743 with VAMI's 0.501. The same column holds Siamese+Path at "
        "0.583; against that method the gain is 27%.",
    ),
    Remark(
        "remark-metric",
        (1, 2, 4, 5),
        "Section 4.1 announces mAP for VehicleID; every table on VehicleID reports CMC.",
    ),
    Remark(
        "remark-512",
        (3, 6),
        "Table 3's last row, 0.743 mAP, is Table 6's model at 512 px. At 256 px, the size of the VehicleID tables, "
        "Table 6 has 0.702.",
    ),
    Remark(
        "remark-counts",
        (1, 2),
        "Section 4.1 counts 221,763 images of 26,267 vehicles in VehicleID; the data set's own img2vid.txt lists "
        "221,567 images of 26,328.",
    ),
    Remark(
        "remark-others",
        (3,),
        "Other collections print other figures for the same methods: FACT 19.9 mAP, 59.7 HIT@1, 75.3 HIT@5; OIFE 65.9 "
        "and OIFE+ST 68.3 HIT@1.",
    ),
    Remark(
        "remark-brand",
        (),
        "Section 3.2 expects three boxes from the detector (window, left light, right light) and infers the brand from "
        "the lights; Section 4.1 says that 500 images were labelled with window, light and brand.",
    ),
)


def table(number: int) -> pd.DataFrame:
    """Table ``number`` of the paper (1 to 6) as printed.

    Returns:
        One row a method (Tables 1 to 4), a vehicle set and input size (5) or an input size in pixels (6), named as in
        `INDEX`; one column a score, named as in `COLUMNS`, float64 in [0, 1] and NaN for a dash. ``attrs["caption"]``
        holds what the table is of.

    Raises:
        KeyError: the paper has no such table.
    """
    rows, names = ROWS[number], list(INDEX[number])
    index = pd.MultiIndex.from_tuples(rows, names=names) if len(names) > 1 else pd.Index(rows, name=names[0])
    frame = pd.DataFrame(list(rows.values()), index=index, columns=list(COLUMNS[number]), dtype="float64")
    frame.attrs["caption"] = CAPTIONS[number]
    return frame


def remarks(number: int) -> tuple[Remark, ...]:
    """The remarks that belong beside Table ``number``."""
    return tuple(remark for remark in REMARKS if number in remark.tables)

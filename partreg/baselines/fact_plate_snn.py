"""Table 3, FACT+Plate-SNN: Liu et al. (ECCV 2016), the progressive search: appearance first, then the plates.

FACT is the coarse filter. The images that it lets through are ranked by a weighted sum of FACT and Plate-SNN; all
others keep their order behind. *Assumed*: how many the filter lets through, both weights, and that appearance alone
judges an image without a plate.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from partreg.baselines.declaration import Declaration
from partreg.baselines.fact_plate_rec import BEHIND, unit
from partreg.baselines.plate_snn import PlateNet, plate_distances
from partreg.baselines.plates import load_crops
from partreg.baselines.small_nets import load
from partreg.baselines.task import Cost, Task, timed
from partreg.datasets.side import read_plates

SHORTLIST = 0.1  # share of the gallery that the coarse filter lets through
WEIGHT = 0.5  # of the plates; the rest is FACT's


def ranked_again(fact: np.ndarray, snn: np.ndarray) -> np.ndarray:
    """Rank FACT's nearest images again with the distance of their plates.

    Args:
        fact: (Q, G) finite.
        snn: (Q, G) in [0, 1], NaN where either image has no plate, see `partreg.baselines.plate_snn.plate_distances`.

    Returns:
        (Q, G) float64: in [0, 1] in the shortlist, in [2, 3] behind it, where numbers give an order and no distance;
        see `let_through`.
    """
    near = unit(fact)
    count = math.ceil(SHORTLIST * near.shape[1])
    ranks = np.empty(near.shape, np.int64)
    np.put_along_axis(ranks, near.argsort(axis=1, kind="stable"), np.arange(near.shape[1])[None, :], axis=1)
    fused = np.where(np.isnan(snn), near, (1 - WEIGHT) * near + WEIGHT * snn)
    return np.where(ranks < count, fused, BEHIND + near)


def let_through(distances: np.ndarray) -> np.ndarray:
    """(Q, G) bool, which images the coarse filter let through; only their values are distances."""
    return distances < BEHIND


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances, FACT's list ranked again by the plates, and their cost."""
    fact, snn = task.built_on["fact"], task.built_on["plate_snn"]
    query, gallery = (load_crops(read_plates(task.root, images)) for images in (task.query, task.gallery))
    plates = plate_distances(load(PlateNet(), snn.folder), query, gallery)
    return timed(partial(ranked_again, fact.distances, plates), fact.cost + snn.cost)


DECLARATION = Declaration(
    name="FACT+Plate-SNN", tables=("veri",), training=("identities", "model labels", "number plates"),
    test=("number plates",), built_on=("fact", "plate_snn"),
    publication="Liu et al. 2016 (ECCV)", citation="liu2016provid", feature="FACT's and Plate-SNN's",
    alt="Flow chart: FACT keeps the nearest gallery images; they are ranked anew by a weighted sum of FACT's distance"
    " and that of Plate-SNN.",
    nodes={
        "image": ("image", "input", 0, 0), "plate": ("number plate", "input", 0, 1), "fact": ("FACT", "learnt", 1, 0),
        "snn": ("Plate-SNN", "learnt", 1, 1), "filter": ("the nearest stay\n(coarse filter)", "fixed", 2, 0),
        "fine": ("distance of\nplate features", "fixed", 2, 1),
        "sum": ("weighted sum,\nnew ranking", "compared", 3, 0.5),
    },
    edges=("image fact filter sum", "plate snn fine sum"),
)  # fmt: skip

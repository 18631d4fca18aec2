"""Table 3's FACT+Plate-SNN+STR: PROVID's last step, where time and place change the order of FACT and plates."""

from __future__ import annotations

from functools import partial

import numpy as np

from partreg.baselines import spacetime
from partreg.baselines.declaration import Declaration
from partreg.baselines.fact_plate_snn import let_through
from partreg.baselines.task import Cost, Task, timed
from partreg.datasets.side import read_camera_distances

WEIGHT = 0.1  # of the spatio-temporal relation (*assumed*)
SHORTLIST = 100  # images of each query that are ranked anew (*assumed*)


def ranked_again(fact_plate_snn: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Rank again by PROVID's spatio-temporal relation (Liu et al., ECCV 2016; TMM 2018).

    The `SHORTLIST` nearest images of each query that the coarse filter let through are sorted by
    (1 - w) d / dmax + w s / smax, with w = `WEIGHT` and the largest d and s of this list. The others stay behind them
    in their order. The publication sums the two terms; weight, length of the list and scaling are *assumed*.

    Args:
        fact_plate_snn: (Q, G) distances d of FACT+Plate-SNN, finite and at least 0.
        apart: (Q, G) relation s, see `partreg.baselines.spacetime.distances`.

    Returns:
        (Q, G) float64: at most 1 in the shortlist, 2 or more behind it.
    """
    before, relation = (np.asarray(values, np.float64) for values in (fact_plate_snn, apart))
    # A stable order chooses among equally distant images, as in the protocol.
    place = np.argsort(np.argsort(before, axis=1, kind="stable"), axis=1, kind="stable")
    near = (place < SHORTLIST) & let_through(before)
    joined = (1 - WEIGHT) * _scaled(before, near) + WEIGHT * _scaled(relation, near)
    return np.where(near, joined, 2 + before)


def _scaled(values: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Divide rows by the largest value of their shortlist; where that is 0 leave them as they are."""
    # Values behind the shortlist give an order only; a large one would shrink all others.
    largest = np.where(near, values, 0).max(axis=1, keepdims=True, initial=0)
    return values / np.where(largest > 0, largest, 1)


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances of FACT+Plate-SNN's list, ranked again by times and places, and their cost."""
    cameras, (appearance, cost, _) = read_camera_distances(task.root), task.built_on["fact_plate_snn"]
    apart = partial(spacetime.distances, task.query, task.gallery, cameras, task.train)
    return timed(lambda: ranked_again(appearance, apart()), cost)


DECLARATION = Declaration(
    name="FACT+Plate+STR", tables=("veri",), training=("identities", "model labels", "number plates", "time"),
    test=("number plates", "cameras", "time", "camera distances"), built_on=("fact_plate_snn",),
    publication="Liu et al. 2016 (ECCV)", citation="liu2016provid", feature="FACT's and Plate-SNN's",
    alt="Flow chart: the weighted sum of FACT and Plate-SNN is added to a term that grows with the time and the "
    "distance between two cameras.",
    nodes={
        "image": ("image", "input", 0, 0), "plate": ("number plate", "input", 0, 1),
        "place": ("time, camera,\ndistances", "input", 0, 2), "fact": ("FACT", "learnt", 1, 0),
        "snn": ("Plate-SNN", "learnt", 1, 1), "str": ("apart in time ×\napart in space", "fixed", 1, 2),
        "seen": ("weighted sum,\nas FACT+\nPlate-SNN", "fixed", 2, 0.5),
        "sum": ("weighted sum,\nnew ranking", "compared", 3, 1),
    },
    edges=("image fact seen sum", "plate snn seen", "place str sum"),
)  # fmt: skip

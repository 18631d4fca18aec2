"""Table 3's OIFE+ST: orientation invariant features, with the times between cameras as a second distance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from partreg.baselines.declaration import Declaration
from partreg.baselines.spacetime import TransitionModel
from partreg.baselines.task import Cost, Task, timed

ALPHA = 10.0  # steepness in the transition's probability (*assumed*)
BETA = 0.2  # weight of D_s beside a visual distance of mean 1 (*assumed*)


def spatio_temporal(probability: np.ndarray) -> np.ndarray:
    """D_s = 1 / (1 + exp(alpha (p - 0.5))) of probabilities p in [0, 1], any shape (Wang et al., ICCV 2017)."""
    return expit(-ALPHA * (np.asarray(probability, np.float64) - 0.5))


def joined(visual: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame, transition: TransitionModel) -> np.ndarray:
    """D = D_v + beta D_s (Wang et al., "Orientation Invariant Feature Embedding", ICCV 2017).

    Args:
        visual: (Q, G) distances of OIFE's features. D_v is these divided by their mean, so that beta does not depend on
            the length of the features (*assumed*).
        query: table of Q images.
        gallery: table of G images.
        transition: fitted on the training images. An unknown time or camera gives p = 0.5, hence D_s = 0.5.

    Returns:
        (Q, G) float64.
    """
    visual = np.asarray(visual, np.float64)
    mean = visual.mean() if visual.size else 0.0
    return visual / (mean if mean > 0 else 1.0) + BETA * spatio_temporal(transition.probability(query, gallery))


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances by OIFE and by the likelihood of the times between cameras, and their cost."""
    transitions, (visual, cost, _) = TransitionModel.fit(task.train), task.built_on["oife"]
    return timed(partial(joined, visual, task.query, task.gallery, transitions), cost)


DECLARATION = Declaration(
    name="OIFE+ST", tables=("veri",), training=("identities", "key points", "cameras", "time"),
    test=("cameras", "time"), built_on=("oife",),
    publication="Wang et al. 2017", citation="wang2017oife", feature="256 numbers (assumed)",
    alt="Flow chart: OIFE gives a distance by appearance; log-normal travel times, one model for each pair of "
    "cameras, say how unlikely the time between two images is; both are added.",
    nodes={
        "image": ("image", "input", 0, 0), "place": ("time, camera", "input", 0, 1), "oife": ("OIFE", "learnt", 1, 0),
        "times": ("log-normal times\nfor each pair of\ncameras", "learnt", 1, 1),
        "seen": ("distance by\nappearance, $D_v$", "fixed", 2, 0),
        "odds": ("how unlikely the\ntime is, $D_s$", "fixed", 2, 1), "sum": ("$D_v + \\beta D_s$", "compared", 3, 0.5),
    },
    edges=("image oife seen sum", "place times odds sum"),
)  # fmt: skip

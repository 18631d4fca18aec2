"""Table 3's OIFE+ST: orientation invariant features, with the times between cameras as a second distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from partreg.baselines.spacetime import TransitionModel

ALPHA = 10.0  # steepness in the transition's probability (*assumed*)
BETA = 0.2  # weight of D_s beside a visual distance of mean 1 (*assumed*)


def spatio_temporal(probability: np.ndarray) -> np.ndarray:
    """D_s = 1 / (1 + exp(alpha (p - 0.5))) of probabilities p in [0, 1], any shape (Wang et al., ICCV 2017)."""
    return expit(-ALPHA * (np.asarray(probability, np.float64) - 0.5))


def distances(
    visual: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame, transition: TransitionModel
) -> np.ndarray:
    """D = D_v + beta D_s (Wang et al., "Orientation Invariant Feature Embedding", ICCV 2017).

    Args:
        visual: (Q, G) distances of OIFE's features; D_v is these divided by their mean, so that beta does not depend on
            how long a network's features are (*assumed*).
        query: table of Q images.
        gallery: table of G images.
        transition: fitted on the training images. An unknown time or camera gives p = 0.5, hence D_s = 0.5.

    Returns:
        (Q, G) float64.
    """
    visual = np.asarray(visual, np.float64)
    mean = visual.mean() if visual.size else 0.0
    return visual / (mean if mean > 0 else 1.0) + BETA * spatio_temporal(transition.probability(query, gallery))

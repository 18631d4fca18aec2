"""Section 4.1 and 4.3, the scores of one rank list, for the reader's hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.datasets.veri import cross_camera
from partreg.figures.sheets import image_grid
from partreg.retrieval.tracks import track_numbers
from partreg.touch.thing import Thing, picture, still

LENGTH = 10
COLORS = {"right": "#0173b2", "wrong": "#d55e00", "junk": "#949494"}
MARKS = {"right": "+", "wrong": "−", "junk": "0"}
ALT = (
    "A query and the ten gallery images nearest to it, each marked as right, wrong or junk. The thing to touch needs "
    "scripts: it moves and ties the images and gives CMC, three rules of average precision, and HIT over tracks."
)


def rank_list(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> Thing:
    """Return a rank list of ten to rearrange, with CMC, three rules of AP and HIT.

    The query is the one whose list has right images, wrong ones and junk in the most even numbers. Where none of the
    ten is right, the nearest right image takes the last place, for a list without one has no score.

    Args:
        distances: (Q, G), smaller is nearer.
        query: Q images with ``vehicle``, ``camera`` and ``path``.
        gallery: G images with these and ``track``.

    Raises:
        PartregError: a track holds images of two vehicles.
    """
    good, junk = cross_camera(query, gallery)
    orders = [np.argsort(row, kind="stable")[:LENGTH] for row in distances]
    counts = [
        (sorted([np.isin(ten, right).sum(), np.isin(ten, left).sum(), len(ten) - np.isin(ten, [*right, *left]).sum()]))
        for ten, right, left in zip(orders, good, junk, strict=True)
    ]
    chosen = max((q for q in range(len(query)) if len(good[q])), key=lambda q: counts[q])
    ten = orders[chosen].copy()
    if not np.isin(ten, good[chosen]).any():
        ten[-1] = good[chosen][np.argmin(distances[chosen, good[chosen]])]
    kinds = np.where(np.isin(ten, good[chosen]), "right", np.where(np.isin(ten, junk[chosen]), "junk", "wrong"))
    tracks = pd.factorize(track_numbers(gallery)[ten])[0] + 1
    shown, asked = gallery.iloc[ten], query.iloc[chosen]
    data = {
        "query": picture(asked.path, 160),
        "camera": int(asked.camera),
        "images": [
            {"picture": picture(path, 160), "kind": str(kind), "camera": int(camera), "track": int(track)}
            for path, kind, camera, track in zip(shown.path, kinds, shown.camera, tracks, strict=True)
        ],
    }
    borders, marks = ([None, *[look[kind] for kind in kinds]] for look in (COLORS, MARKS))
    titles = ["query", *[str(place) for place in range(1, len(ten) + 1)]]
    sheet = image_grid([asked.path, *shown.path], 6, titles, borders, marks=marks, pixels=96)
    return Thing("ranks", data, still(sheet), ALT)

"""Section 4.1 as other toolboxes read it: the same features under every rule in use, side by side.

Two papers' numbers on one benchmark need not be comparable. These tables show by how much the rule alone moves them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from partreg.datasets.veri import cross_camera
from partreg.retrieval.distances import check_features, l2
from partreg.retrieval.metrics import (
    AP_RULES,
    TIES,
    average_precision,
    cmc,
    group_ranks,
    match_ranks,
    mean_average_precision,
)
from partreg.retrieval.protocols import draw_gallery, track_numbers, vehicleid


def veri_variants(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> pd.DataFrame:
    """VeRi-776's scores under each rule of average precision and of ties, with and without the queries in the gallery.

    Args:
        distances: (Q, G).
        query: table of images.
        gallery: table of images; a query is the gallery image of the same file name.

    Returns:
        A row a variant: gallery ("whole" or "without queries"), ties, rule, mAP, rank1 (image to image), hit1 (image to
        track); fractions. "sklearn" has its own tie rule and stands once for each gallery.
    """
    names = query["image"].str.split("/").str[-1]
    left = ~gallery["image"].str.split("/").str[-1].isin(names).to_numpy()
    rows = []
    for name, kept in (("whole", np.ones(len(gallery), dtype=bool)), ("without queries", left)):
        part, near = gallery[kept].reset_index(drop=True), np.asarray(distances)[:, kept]
        good, junk = cross_camera(query, part)
        ranks = match_ranks(near, good, junk)
        hit1 = cmc(group_ranks(near, good, junk, track_numbers(part), ranks), 1)[0]
        for ties in TIES:
            for rule in AP_RULES:
                if (rule == "sklearn") == (ties == "together"):
                    score = mean_average_precision(average_precision(ranks, rule, ties))
                    rows.append((name, ties, rule, score, cmc(ranks.first(ties), 1)[0], hit1))
    return pd.DataFrame(rows, columns=["gallery", "ties", "rule", "mAP", "rank1", "hit1"])


def vehicleid_variants(
    features: np.ndarray, vehicles: np.ndarray, *, galleries: int = 10, seed: int = 0
) -> pd.DataFrame:
    """VehicleID's CMC under the protocol and as other toolboxes draw the gallery.

    Args:
        features: (N, D).
        vehicles: (N,) vehicle numbers, in the order of the test list.
        galleries: random galleries to average over.
        seed: of the draws.

    Returns:
        A row a variant with cmc1 and cmc5: one random image of each vehicle is the gallery (the protocol); its
        first-listed image is; one random image is the query and all others are the gallery (swapped).
    """
    vehicles = np.asarray(vehicles)
    features = check_features(features, "test", len(vehicles))
    protocol = vehicleid(features, vehicles, galleries=galleries, seed=seed)
    first = np.unique(vehicles, return_index=True)[1]
    rng = np.random.default_rng(seed)
    swapped = [_curve(features, vehicles, draw_gallery(vehicles, rng)) for _ in range(galleries)]
    rest = np.setdiff1d(np.arange(len(vehicles)), first)
    rows = [
        ("one random image is the gallery", protocol.cmc1, protocol.cmc5),
        ("the first-listed image is the gallery", *_curve(features, vehicles, rest, first)),
        ("one random image is the query", *np.mean(swapped, axis=0)),
    ]
    return pd.DataFrame(rows, columns=["variant", "cmc1", "cmc5"])


def _curve(
    features: np.ndarray, vehicles: np.ndarray, query: np.ndarray, gallery: np.ndarray | None = None
) -> np.ndarray:
    """CMC@1 and CMC@5 of some rows against some others (all others where not given)."""
    gallery = np.setdiff1d(np.arange(len(vehicles)), query) if gallery is None else gallery
    matches = [np.flatnonzero(vehicles[gallery] == vehicle) for vehicle in vehicles[query]]
    ranks = match_ranks(l2(features[query], features[gallery]), matches)
    return cmc(ranks.first(), 5)[[0, 4]]

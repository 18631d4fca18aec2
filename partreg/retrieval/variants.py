"""Section 4.1 as other toolboxes read it: the same features under every rule in use, side by side.

Scores of two papers on one benchmark may not be comparable. These tables show how much the rule alone changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from partreg.datasets.veri import cross_camera
from partreg.retrieval import metrics
from partreg.retrieval.distances import check_features, l2
from partreg.retrieval.protocols import draw_gallery, vehicleid_protocol
from partreg.retrieval.tracks import track_numbers

WHOLE, NO_QUERIES, NO_JUNK = "whole", "without queries", "nothing left out"
FIRST, EVERY = "first match", "every match"
NOISES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # added to features, in standard deviations of the features


@dataclass(frozen=True)
class Toolbox:
    """How one evaluator reads VeRi-776's protocol.

    Attributes:
        name: the repository, or a description of the evaluator.
        does: what it does, in a few words.
        gallery: `WHOLE` leaves out the query's own camera; `NO_QUERIES` leaves out the queries' images too; in
            `NO_JUNK` every image of the vehicle is right, even the query itself.
        rule: the rule of average precision, one of `partreg.retrieval.metrics.AP_RULES`.
        curve: CMC by the `FIRST` match of a query, or by `EVERY` match (see `every_match_cmc`).
    """

    name: str
    does: str
    gallery: str = WHOLE
    rule: str = "rectangular"
    curve: str = FIRST


# As read in their published code. All but ours leave images at the same distance in any order.
TOOLBOXES = (
    Toolbox("partreg", "Equations 4 to 6, the query's own camera left out"),
    Toolbox("KaiyangZhou/deep-person-reid, JDAI-CV/fast-reid", "the same, in any order at one distance"),
    Toolbox("VeRi-776's own evaluation", "trapezoidal AP", rule="trapezoidal"),
    Toolbox("BravoLu/OpenVehicleReID", "scikit-learn's AP", rule="sklearn"),
    Toolbox("Cysu/open-reid", "scikit-learn's AP; allshots: CMC counts every match", rule="sklearn", curve=EVERY),
    Toolbox("an evaluator that takes the queries out of the gallery", "a smaller gallery", gallery=NO_QUERIES),
    Toolbox("regob/vehicle_reid", "trapezoidal AP, no cameras", gallery=NO_JUNK, rule="trapezoidal"),
)


@dataclass(frozen=True)
class RankedGallery:
    """One variant of the gallery, ranked.

    Attributes:
        kept: (G,) bool, which gallery images the variant keeps.
        good: for each query its matches, as columns among the kept images.
        junk: for each query the columns that the ranking leaves out.
        ranks: ranks of the matches.
    """

    kept: np.ndarray
    good: list[np.ndarray]
    junk: list[np.ndarray]
    ranks: metrics.MatchRanks


def same_picture(images: pd.DataFrame) -> pd.Series:
    """Text that a query and its copy in the gallery share: vehicle, camera, and the file's name without folders.

    The name alone is not enough: two cameras may give their pictures the same numbers.
    """
    name = images["image"].str.split("/").str[-1]
    return images["vehicle"].astype(str) + " " + images["camera"].astype(str) + " " + name


def ranked(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> dict[str, RankedGallery]:
    """Rank the three variants of VeRi-776's gallery by distances (Q, G); returns them by name.

    The copy of a query in the gallery has its file name, vehicle and camera.
    """
    queries, names = (same_picture(table) for table in (query, gallery))
    every = np.ones(len(gallery), dtype=bool)
    galleries = {}
    for name, kept in ((WHOLE, every), (NO_QUERIES, ~names.isin(queries).to_numpy()), (NO_JUNK, every)):
        good, junk = cross_camera(query, gallery[kept].reset_index(drop=True))
        if name == NO_JUNK:
            good, junk = [np.union1d(*pair) for pair in zip(good, junk, strict=True)], [rows[:0] for rows in junk]
        ranks = metrics.match_ranks(np.asarray(distances)[:, kept], good, junk)
        galleries[name] = RankedGallery(kept, good, junk, ranks)
    return galleries


def veri_variants(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> pd.DataFrame:
    """VeRi-776's scores of distances (Q, G) under each rule of average precision and of ties, for each gallery.

    Returns:
        One row for each variant: gallery (see `Toolbox`), ties, rule, mAP, rank1 and rank5 (image to image), hit1 and
        hit5 (image to track); fractions. "sklearn" has its own tie rule, so it has one row for each gallery.

    Raises:
        PartregError: shapes do not fit, a distance is not finite, or no query has a match.
    """
    rows = []
    for name, variant in ranked(distances, query, gallery).items():
        kept_distances, tracks = np.asarray(distances)[:, variant.kept], track_numbers(gallery[variant.kept])
        of_tracks = metrics.group_ranks(kept_distances, variant.good, variant.junk, tracks, variant.ranks)
        hit = metrics.cmc(of_tracks, 5)[[0, 4]]
        for ties in metrics.TIES:
            for rule in metrics.AP_RULES:
                if (rule == "sklearn") == (ties == "together"):
                    score = metrics.mean_average_precision(metrics.average_precision(variant.ranks, rule, ties))
                    rows.append((name, ties, rule, score, *metrics.cmc(variant.ranks.first(ties), 5)[[0, 4]], *hit))
    return pd.DataFrame(rows, columns=["gallery", "ties", "rule", "mAP", "rank1", "rank5", "hit1", "hit5"])


def every_match_cmc(ranks: metrics.MatchRanks, k_max: int) -> np.ndarray:
    """CMC in which every match counts: the share of a query's matches with fewer than k wrong images before them.

    Each of a query's m matches counts 1/m; its other matches are not in the list. For m = 1 this is Equation 4.

    Returns:
        (k_max,) fractions in [0, 1], never falling; the mean over the queries that have a match.
    """
    query = np.repeat(np.arange(len(ranks.counts)), ranks.counts)
    before = ranks.stable - 1 - (np.arange(len(query)) - (np.cumsum(ranks.counts) - ranks.counts)[query])
    share = 1 / ranks.counts[query] / np.count_nonzero(ranks.counts)
    return np.cumsum(np.bincount(np.clip(before, 0, k_max), weights=share, minlength=k_max + 1)[:k_max])


def veri_toolboxes(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> pd.DataFrame:
    """Scores that each evaluator would print for the same distances (Q, G), see `ranked`.

    Returns:
        One row for each of `TOOLBOXES`: toolbox, does, mAP, rank1, rank5; fractions.
    """
    galleries, rows = ranked(distances, query, gallery), []
    for toolbox in TOOLBOXES:
        ranks = galleries[toolbox.gallery].ranks
        curve = metrics.cmc(ranks.first(), 5) if toolbox.curve == FIRST else every_match_cmc(ranks, 5)
        score = metrics.mean_average_precision(metrics.average_precision(ranks, toolbox.rule))
        rows.append((toolbox.name, toolbox.does, score, *curve[[0, 4]]))
    return pd.DataFrame(rows, columns=["toolbox", "does", "mAP", "rank1", "rank5"])


def vehicleid_variants(
    features: np.ndarray, vehicles: np.ndarray, *, galleries: int = 10, seed: int = 0
) -> pd.DataFrame:
    """VehicleID's CMC of features (N, D) under the protocol and as other toolboxes draw the gallery.

    The vehicles' numbers (N,) are in the order of the test list; ``galleries`` random galleries are averaged.

    Returns:
        One row for each variant, with cmc1 and cmc5. First the protocol, whose gallery is one random image of each
        vehicle: its mean, the draw with the lowest CMC@1 and the draw with the highest. Then the first-listed image of
        each vehicle as the gallery. Then the roles swapped: one random image is the query, all others are the gallery.
    """
    vehicles = np.asarray(vehicles)
    features = check_features(features, "test", len(vehicles))
    protocol = vehicleid_protocol(features, vehicles, galleries=galleries, seed=seed)
    curves = protocol.cmc[np.argsort(protocol.cmc[:, 0], kind="stable")]
    first = np.unique(vehicles, return_index=True)[1]
    rng = np.random.default_rng(seed)
    swapped = [_curve(features, vehicles, draw_gallery(vehicles, rng)) for _ in range(galleries)]
    rest = np.setdiff1d(np.arange(len(vehicles)), first)
    fifth = min(5, curves.shape[1]) - 1
    rows = [
        ("one random image is the gallery", protocol.cmc1, protocol.cmc5),
        ("the same, the draw with the lowest score", *curves[0, [0, fifth]]),
        ("the same, the draw with the highest score", *curves[-1, [0, fifth]]),
        ("the first-listed image is the gallery", *_curve(features, vehicles, rest, first)),
        ("one random image is the query", *np.mean(swapped, axis=0)),
    ]
    return pd.DataFrame(rows, columns=["variant", "cmc1", "cmc5"])


def _curve(
    features: np.ndarray, vehicles: np.ndarray, query: np.ndarray, gallery: np.ndarray | None = None
) -> np.ndarray:
    """CMC@1 and CMC@5 of the rows ``query`` against the rows ``gallery``; by default, against all other rows."""
    gallery = np.setdiff1d(np.arange(len(vehicles)), query) if gallery is None else gallery
    matches = [np.flatnonzero(vehicles[gallery] == vehicle) for vehicle in vehicles[query]]
    ranks = metrics.match_ranks(l2(features[query], features[gallery]), matches)
    return metrics.cmc(ranks.first(), 5)[[0, 4]]


def noisy(features: np.ndarray, names: np.ndarray, noise: float) -> np.ndarray:
    """Add normal noise to features (N, D), to imitate a worse network; gives (N, D) float32.

    The standard deviation ``noise`` is in standard deviations of the features. Images of one file name receive the same
    noise, as a query of VeRi-776 and its copy in the gallery.
    """
    copies = np.unique(names, return_inverse=True)[1]
    drawn = np.random.default_rng(0).standard_normal((copies.max() + 1, features.shape[1]))
    noised: np.ndarray = features + noise * np.std(features) * drawn[copies]
    return noised.astype(np.float32)


def drawn_features(vehicles: np.ndarray) -> np.ndarray:
    """(N, 32) float32: one random point for each vehicle, like a network that sees nothing but the identity."""
    numbers = np.unique(vehicles, return_inverse=True)[1]
    return np.random.default_rng(0).standard_normal((numbers.max() + 1, 32))[numbers].astype(np.float32)


def rules_by_score(
    features: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame, noises: Sequence[float] = NOISES
) -> pd.DataFrame:
    """Measure how much two rules change VeRi-776's scores while noise makes the features worse (see `noisy`).

    Features are (Q + G, D), of the queries and then of the gallery.

    Returns:
        One row for each noise: noise, mAP, ``trapezoidal`` (mAP by that rule minus mAP), rank1, and ``no_queries``
        (rank1 with the queries taken out of the gallery minus rank1); fractions.

    Raises:
        PartregError: features and tables do not fit, or no query has a match.
    """
    images = pd.concat([query, gallery], ignore_index=True)
    features, rows = check_features(features, "query and gallery", len(images)), []
    names = images["image"].str.split("/").str[-1].to_numpy()
    for noise in noises:
        worse = noisy(features, names, noise)
        galleries = ranked(l2(worse[: len(query)], worse[len(query) :]), query, gallery)
        ranks = {name: variant.ranks for name, variant in galleries.items()}
        ap = [metrics.average_precision(ranks[WHOLE], rule) for rule in ("rectangular", "trapezoidal")]
        score, trapezoidal = map(metrics.mean_average_precision, ap)
        rank1, fewer = (metrics.cmc(ranks[name].first(), 1)[0] for name in (WHOLE, NO_QUERIES))
        rows.append((noise, score, trapezoidal - score, rank1, fewer - rank1))
    return pd.DataFrame(rows, columns=["noise", "mAP", "trapezoidal", "rank1", "no_queries"])

"""Section 4.1 as other toolboxes read it: the same features under every rule in use, side by side.

Two papers' numbers on one benchmark need not be comparable. These tables show by how much the rule alone moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from partreg.datasets.veri import cross_camera
from partreg.retrieval.distances import check_features, l2
from partreg.retrieval.metrics import (
    AP_RULES,
    TIES,
    MatchRanks,
    average_precision,
    cmc,
    group_ranks,
    match_ranks,
    mean_average_precision,
)
from partreg.retrieval.protocols import draw_gallery, vehicleid
from partreg.retrieval.tracks import track_numbers

WHOLE, NO_QUERIES, NO_JUNK = "whole", "without queries", "nothing left out"
FIRST, EVERY = "first match", "every match"
NOISES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # added to features, as a multiple of their own spread


@dataclass(frozen=True)
class Toolbox:
    """How somebody else's evaluator reads VeRi-776's protocol.

    Attributes:
        name: of the repository, or what the evaluator is.
        does: what it does, in a few words.
        gallery: `WHOLE` (the query's own camera is left out), `NO_QUERIES` (and the queries' images are taken away) or
            `NO_JUNK` (every image of the vehicle is right, the query itself too).
        rule: of average precision, one of `partreg.retrieval.metrics.AP_RULES`.
        curve: CMC by the `FIRST` match of a query, or by `EVERY` match (see `every_match_cmc`).
    """

    name: str
    does: str
    gallery: str = WHOLE
    rule: str = "rectangular"
    curve: str = FIRST


# Read in their code as it was published; images at one distance stand in any order in all but ours.
TOOLBOXES = (
    Toolbox("partreg", "Equations 4 to 6, the query's own camera left out"),
    Toolbox("KaiyangZhou/deep-person-reid, JDAI-CV/fast-reid", "the same, in any order at one distance"),
    Toolbox("VeRi-776's own evaluation", "trapezoidal AP", rule="trapezoidal"),
    Toolbox("BravoLu/OpenVehicleReID", "scikit-learn's AP", rule="sklearn"),
    Toolbox("Cysu/open-reid", "scikit-learn's AP; CMC counts every match", rule="sklearn", curve=EVERY),
    Toolbox("an evaluator that takes the queries out of the gallery", "a smaller gallery", gallery=NO_QUERIES),
    Toolbox("regob/vehicle_reid", "trapezoidal AP, no cameras", gallery=NO_JUNK, rule="trapezoidal"),
)


@dataclass(frozen=True)
class RankedGallery:
    """A gallery as a variant has it, ranked.

    Attributes:
        kept: (G,) which gallery images there are.
        good: for each query the matches, as columns of the images that are kept.
        junk: for each query the columns left out.
        ranks: of the matches.
    """

    kept: np.ndarray
    good: list[np.ndarray]
    junk: list[np.ndarray]
    ranks: MatchRanks


def same_picture(images: pd.DataFrame) -> pd.Series:
    """What a query and its copy in the gallery have in common: the file's name without folders, vehicle and camera.

    The name alone would not do: two cameras may number their pictures alike.
    """
    name = images["image"].str.split("/").str[-1]
    return images["vehicle"].astype(str) + " " + images["camera"].astype(str) + " " + name


def ranked(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> dict[str, RankedGallery]:
    """The three galleries in use for VeRi-776, by their names.

    Args:
        distances: (Q, G).
        query: table of images.
        gallery: table of images; a query is the gallery image of the same file name, vehicle and camera.
    """
    queries, names = (same_picture(table) for table in (query, gallery))
    every = np.ones(len(gallery), dtype=bool)
    found = {}
    for name, kept in ((WHOLE, every), (NO_QUERIES, ~names.isin(queries).to_numpy()), (NO_JUNK, every)):
        good, junk = cross_camera(query, gallery[kept].reset_index(drop=True))
        if name == NO_JUNK:
            good, junk = [np.union1d(*pair) for pair in zip(good, junk, strict=True)], [rows[:0] for rows in junk]
        found[name] = RankedGallery(kept, good, junk, match_ranks(np.asarray(distances)[:, kept], good, junk))
    return found


def veri_variants(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> pd.DataFrame:
    """VeRi-776's scores under each rule of average precision and of ties, and for each gallery in use.

    Args:
        distances: (Q, G).
        query: table of images.
        gallery: table of images, see `ranked`.

    Returns:
        A row a variant: gallery (see `Toolbox`), ties, rule, mAP, rank1 and rank5 (image to image), hit1 and hit5
        (image to track); fractions. "sklearn" has its own tie rule and stands once for each gallery.

    Raises:
        PartregError: shapes do not fit, a distance is not finite, or no query has a match.
    """
    rows = []
    for name, part in ranked(distances, query, gallery).items():
        near, tracks = np.asarray(distances)[:, part.kept], track_numbers(gallery[part.kept])
        hit = cmc(group_ranks(near, part.good, part.junk, tracks, part.ranks), 5)[[0, 4]]
        for ties in TIES:
            for rule in AP_RULES:
                if (rule == "sklearn") == (ties == "together"):
                    score = mean_average_precision(average_precision(part.ranks, rule, ties))
                    rows.append((name, ties, rule, score, *cmc(part.ranks.first(ties), 5)[[0, 4]], *hit))
    return pd.DataFrame(rows, columns=["gallery", "ties", "rule", "mAP", "rank1", "rank5", "hit1", "hit5"])


def every_match_cmc(ranks: MatchRanks, k_max: int) -> np.ndarray:
    """CMC in which every match counts: the share of a query's matches with fewer than k wrong images before them.

    A query with m matches adds 1/m for each; its other matches are taken out of the list. Equation 4 where m is 1.

    Args:
        ranks: of the matches.
        k_max: length of the curve.

    Returns:
        (k_max,) fractions in [0, 1], never falling; the mean over the queries that have a match.
    """
    query = np.repeat(np.arange(len(ranks.counts)), ranks.counts)
    before = ranks.stable - 1 - (np.arange(len(query)) - (np.cumsum(ranks.counts) - ranks.counts)[query])
    share = 1 / ranks.counts[query] / np.count_nonzero(ranks.counts)
    return np.cumsum(np.bincount(np.clip(before, 0, k_max), weights=share, minlength=k_max + 1)[:k_max])


def veri_toolboxes(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> pd.DataFrame:
    """What each evaluator would print for the same distances.

    Args:
        distances: (Q, G).
        query: table of images.
        gallery: table of images, see `ranked`.

    Returns:
        A row for each of `TOOLBOXES`: toolbox, does, mAP, rank1, rank5; fractions.
    """
    parts, rows = ranked(distances, query, gallery), []
    for one in TOOLBOXES:
        ranks = parts[one.gallery].ranks
        curve = cmc(ranks.first(), 5) if one.curve == FIRST else every_match_cmc(ranks, 5)
        rows.append((one.name, one.does, mean_average_precision(average_precision(ranks, one.rule)), *curve[[0, 4]]))
    return pd.DataFrame(rows, columns=["toolbox", "does", "mAP", "rank1", "rank5"])


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
        A row a variant with cmc1 and cmc5: one random image of each vehicle is the gallery (the protocol), on average,
        and in the draws where CMC@1 is lowest and highest; its first-listed image is; one random image is the query and
        all others are the gallery (swapped).
    """
    vehicles = np.asarray(vehicles)
    features = check_features(features, "test", len(vehicles))
    protocol = vehicleid(features, vehicles, galleries=galleries, seed=seed)
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
    """CMC@1 and CMC@5 of some rows against some others (all others where not given)."""
    gallery = np.setdiff1d(np.arange(len(vehicles)), query) if gallery is None else gallery
    matches = [np.flatnonzero(vehicles[gallery] == vehicle) for vehicle in vehicles[query]]
    ranks = match_ranks(l2(features[query], features[gallery]), matches)
    return cmc(ranks.first(), 5)[[0, 4]]


def noisy(features: np.ndarray, names: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    """Features with normal noise added, the same for every copy of an image, as a worse network would give them.

    Args:
        features: (N, D).
        names: (N,) of the image files; a query of VeRi-776 and its copy in the gallery have one name.
        noise: standard deviation of the noise, as a multiple of that of the features.
        seed: of the noise.

    Returns:
        (N, D) float32.
    """
    copies = np.unique(names, return_inverse=True)[1]
    drawn = np.random.default_rng(seed).standard_normal((copies.max() + 1, features.shape[1]))
    noised: np.ndarray = features + noise * np.std(features) * drawn[copies]
    return noised.astype(np.float32)


def drawn_features(vehicles: np.ndarray, width: int = 32, seed: int = 0) -> np.ndarray:
    """(N, width) float32: a point for each vehicle, as of a network that knows every vehicle and sees nothing else."""
    numbers = np.unique(vehicles, return_inverse=True)[1]
    return np.random.default_rng(seed).standard_normal((numbers.max() + 1, width))[numbers].astype(np.float32)


def rules_by_score(
    features: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame, noises: Sequence[float] = NOISES
) -> pd.DataFrame:
    """How much two rules move VeRi-776's scores, as the features get worse by noise (see `noisy`).

    Args:
        features: (Q + G, D) of the queries, then of the gallery.
        query: table of images.
        gallery: table of images, see `ranked`.
        noises: how much noise.

    Returns:
        A row for each noise: noise, mAP, ``trapezoidal`` (mAP by that rule minus mAP), rank1, and ``no_queries`` (rank1
        with the queries taken out of the gallery minus rank1); fractions.

    Raises:
        PartregError: features and tables do not fit, or no query has a match.
    """
    images = pd.concat([query, gallery], ignore_index=True)
    features, rows = check_features(features, "query and gallery", len(images)), []
    names = images["image"].str.split("/").str[-1].to_numpy()
    for noise in noises:
        worse = noisy(features, names, noise)
        parts = ranked(l2(worse[: len(query)], worse[len(query) :]), query, gallery)
        ranks = {name: part.ranks for name, part in parts.items()}
        score, trapezoidal = (
            mean_average_precision(average_precision(ranks[WHOLE], rule)) for rule in ("rectangular", "trapezoidal")
        )
        rank1, fewer = (cmc(ranks[name].first(), 1)[0] for name in (WHOLE, NO_QUERIES))
        rows.append((noise, score, trapezoidal - score, rank1, fewer - rank1))
    return pd.DataFrame(rows, columns=["noise", "mAP", "trapezoidal", "rank1", "no_queries"])

"""Section 4.1 and 4.3: the evaluation protocols of VehicleID and VeRi-776, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from partreg.datasets.veri import cross_camera, no_match
from partreg.errors import PartregError
from partreg.retrieval import metrics
from partreg.retrieval.distances import check_features, l2
from partreg.retrieval.tracks import track_numbers

K_MAX = 50


@dataclass(frozen=True)
class VehicleIDScores:
    """VehicleID's scores, as fractions.

    Attributes:
        cmc: (galleries, K) the curve of each random gallery.
        hits: (N,) for each image, as a query, the fraction of galleries that have its vehicle at rank 1; NaN for an
            image that was never a query.
        hits5: (N,) the same within rank 5.
        vehicles: (N,) the images' vehicles.
        queries: number of queries for each gallery.
        origins: where the features came from (`partreg.figures.origins.Origin`); empty where unknown.
    """

    cmc: np.ndarray
    hits: np.ndarray
    hits5: np.ndarray
    vehicles: np.ndarray
    queries: int
    origins: tuple[Any, ...] = ()

    @property
    def cmc1(self) -> float:
        """Mean CMC@1 over galleries."""
        return float(self.cmc[:, 0].mean())

    @property
    def cmc5(self) -> float:
        """Mean CMC@5 over galleries; in a gallery of fewer than 5 images, the end of the curve."""
        return float(self.cmc[:, : min(5, self.cmc.shape[1])][:, -1].mean())

    @property
    def spread(self) -> tuple[float, float]:
        """Standard deviations of CMC@1 and CMC@5 over galleries."""
        curve = self.cmc[:, [0, min(5, self.cmc.shape[1]) - 1]]
        return tuple(curve.std(axis=0, ddof=1 if len(curve) > 1 else 0).tolist())


def vehicleid_protocol(
    features: np.ndarray, vehicles: np.ndarray, *, galleries: int = 10, seed: int = 0
) -> VehicleIDScores:
    """Score features by VehicleID's protocol: the CMC curve.

    The gallery holds one random image of each vehicle; every other image is a query. The protocol repeats this for
    ``galleries`` draws over the same features. An image whose vehicle has no other image is never a query. At equal
    distances, gallery order decides (ascending vehicle number).

    >>> features = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> vehicleid_protocol(features, np.array([1, 1, 2, 2])).cmc1
    1.0

    Features are (N, D), ``vehicles`` (N,) numbers. The curve is never longer than the gallery, nor than `K_MAX`.

    Raises:
        PartregError: the features do not fit or hold NaN, no vehicle has two images, or ``galleries`` is below 1.
    """
    if galleries < 1:
        raise PartregError(f"galleries is {galleries}; expected at least one; raise it.")
    vehicles = np.asarray(vehicles)
    features = check_features(features, "test", len(vehicles))
    rng = np.random.default_rng(seed)
    curves, hits, times = [], np.zeros((2, len(vehicles))), np.zeros(len(vehicles), dtype=np.int64)
    for _ in tqdm(range(galleries), "galleries", mininterval=1, delay=2, leave=False):
        gallery = draw_gallery(vehicles, rng)
        query = np.setdiff1d(np.arange(len(vehicles)), gallery)
        ranks = single_match_ranks(l2(features[query], features[gallery]), vehicles[query], vehicles[gallery])
        curves.append(metrics.cmc(ranks, min(K_MAX, len(gallery))))
        hits[:, query] += [ranks == 1, ranks <= 5]
        times[query] += 1  # how often each image was a query
    first, fifth = np.divide(hits, times, out=np.full(hits.shape, np.nan), where=times > 0)
    return VehicleIDScores(np.stack(curves), first, fifth, vehicles, len(vehicles) - len(np.unique(vehicles)))


def draw_gallery(vehicles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one random image of each vehicle: its rows, by ascending vehicle number.

    >>> vehicles = np.array([7, 7, 3, 3, 3])
    >>> vehicles[draw_gallery(vehicles, np.random.default_rng(0))]
    array([3, 7])
    """
    shuffled = rng.permutation(len(vehicles))
    return shuffled[np.unique(vehicles[shuffled], return_index=True)[1]]


def single_match_ranks(distances: np.ndarray, query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """(Q,) ranks, from 1, of the one gallery image of each query's vehicle; ties keep gallery order.

    Equation 4's m(q, k) is 1 where this rank is at most k.

    >>> distances = np.array([[0.2, 0.1, 0.3]])
    >>> single_match_ranks(distances, query=np.array([5]), gallery=np.array([5, 6, 7]))
    array([2])

    The gallery's vehicle numbers (G,) are ascending and each once; they include every vehicle of ``query`` (Q,).
    """
    match = np.searchsorted(gallery, query)[:, None]
    own = np.take_along_axis(distances, match, axis=1)
    nearer = (distances < own).sum(axis=1)
    tied = (distances == own) & (np.arange(len(gallery)) < match)
    ranks: np.ndarray = 1 + nearer + tied.sum(axis=1)
    return ranks


@dataclass(frozen=True)
class VeRiScores:
    """VeRi-776's scores, as fractions; arrays of length Q follow the order of the query table.

    Attributes:
        aps: under every rule of ``AP_RULES``, (Q,) average precision, NaN for a query without any match.
        image_ranks: (Q,) rank of the nearest matching image, 0 without a match.
        track_ranks: (Q,) rank of the nearest matching track, 0 without a match.
        cmc: (K,) image-to-image curve.
        hit: (K,) image-to-track curve, HIT@k.
        vehicles: (Q,) the queries' vehicles.
        origins: where the features or distances came from (`partreg.figures.origins.Origin`); empty where unknown.
    """

    aps: dict[str, np.ndarray]
    image_ranks: np.ndarray
    track_ranks: np.ndarray
    cmc: np.ndarray
    hit: np.ndarray
    vehicles: np.ndarray
    origins: tuple[Any, ...] = ()

    @property
    def ap(self) -> np.ndarray:
        """(Q,) average precision by Equation 5, the rectangular rule; NaN for a query without any match."""
        return self.aps["rectangular"]

    @property
    def mAP(self) -> float:  # noqa: N802 (the field's name for it)
        """Mean average precision (Equation 6) over the queries that have a match."""
        return metrics.mean_average_precision(self.ap)

    @property
    def hit1(self) -> float:
        """HIT@1, image to track."""
        return float(self.hit[0])

    @property
    def hit5(self) -> float:
        """HIT@5, image to track."""
        return float(self.hit[4])

    @property
    def hits(self) -> np.ndarray:
        """(Q,) 1 where the nearest track matches, 0 where not, NaN for a query without any match."""
        return np.where(self.track_ranks > 0, self.track_ranks == 1, np.nan)

    @property
    def skipped(self) -> int:
        """Number of queries without a match, which no score includes."""
        return int(np.count_nonzero(self.image_ranks == 0))


def veri_protocol(
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    query: pd.DataFrame,
    gallery: pd.DataFrame,
) -> VeRiScores:
    """Score features (Q, D) and (G, D), rows as in the tables, by VeRi-776's protocol; see ``veri_scores``.

    Raises:
        PartregError: features and tables do not fit, features hold NaN, or no query has a match.
    """
    queries = check_features(query_features, "query", len(query))
    others = check_features(gallery_features, "gallery", len(gallery))
    return veri_scores(l2(queries, others), query, gallery)


def veri_scores(distances: np.ndarray, query: pd.DataFrame, gallery: pd.DataFrame) -> VeRiScores:
    """Score distances by VeRi-776's protocol: cross-camera search, mAP over images and HIT over tracks.

    A query's matches are its vehicle's images in other cameras. Images of that vehicle in the query's own camera, the
    query included, are junk: the ranking leaves them and their tracks out. Queries without a match are skipped and
    counted. A gallery image that belongs to no track is a track of its own. Equally near images and tracks keep gallery
    order.

    Distances are (Q, G), finite, smaller is nearer.

    Raises:
        PartregError: shapes do not fit, a distance is not finite, or no query has a match. Where all matches are in the
            queries' own cameras, the sentence names these cameras.
    """
    distances = np.asarray(distances)
    if distances.shape != (len(query), len(gallery)):
        raise PartregError(
            f"distances have shape {distances.shape}, expected ({len(query)}, {len(gallery)}): one row for each query, "
            "one column for each gallery image; check the order of the arguments."
        )
    good, junk = cross_camera(query, gallery)
    if not any(len(rows) for rows in good):
        raise PartregError(no_match(query, gallery))
    ranks = metrics.match_ranks(distances, good, junk)
    aps = {name: metrics.average_precision(ranks, name) for name in metrics.AP_RULES}
    image_ranks = ranks.first()
    track_ranks = metrics.group_ranks(distances, good, junk, track_numbers(gallery), ranks)
    vehicles = query["vehicle"].to_numpy()
    curves = metrics.cmc(image_ranks, K_MAX), metrics.cmc(track_ranks, K_MAX)
    return VeRiScores(aps, image_ranks, track_ranks, *curves, vehicles)

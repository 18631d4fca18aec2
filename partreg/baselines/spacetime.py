"""When and where of Table 3: PROVID's spatio-temporal relation, and log-normal times between cameras.

A term is known for two images where both have a time and both a camera whose place is known; each function says what
replaces it elsewhere. Times are in the data set's unit (VeRi-776: frames), distances in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from partreg.errors import PartregError

GAP = 500  # two images of a vehicle in one camera with more time than this between them are two tracks (*assumed*)
PRIOR = 5.0  # as many times of all cameras together are added to those of every pair of cameras (*assumed*)
LEAST_DEVIATION = 0.05  # of the logarithm of a time, lest one pair of equal times rules out every other (*assumed*)


def places(images: pd.DataFrame, camera_distances: pd.DataFrame) -> np.ndarray:
    """(N,) int64: the row of each image's camera in ``camera_distances``; -1 where that is unknown."""
    return camera_distances.index.get_indexer(images["camera"].to_numpy())


def gaps(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """(Q, G) float64 ``|Ti - Tj|`` from times (Q,) and (G,), in their unit; NaN where either is unknown (negative)."""
    query, gallery = (np.where(times < 0, np.nan, times.astype(np.float64)) for times in (query, gallery))
    return np.abs(query[:, None] - gallery)


def metres(query: np.ndarray, gallery: np.ndarray, camera_distances: pd.DataFrame) -> np.ndarray:
    """(Q, G) float64 d(Ci, Cj) from the `places` (Q,) and (G,); NaN where either is unknown (-1)."""
    table = np.pad(camera_distances.to_numpy(dtype=np.float64), (0, 1), constant_values=np.nan)  # -1 is the last row
    return table[query[:, None], gallery]


def distances(
    query: pd.DataFrame, gallery: pd.DataFrame, camera_distances: pd.DataFrame, train: pd.DataFrame
) -> np.ndarray:
    """PROVID's spatio-temporal relation, ``|Ti - Tj| / Tmax * d(Ci, Cj) / Dmax`` (Liu et al., ECCV 2016; TMM 2018).

    Two images of one camera are at distance 0, as the product says.

    Args:
        query: table of Q images, of which ``camera`` and ``time`` are read.
        gallery: table of G images.
        camera_distances: (C, C) metres, index and columns the cameras' numbers; Dmax is its largest value.
        train: the training images, whose longest time between two images is Tmax (*assumed*: the publication says
            global maxima from long observation).

    Returns:
        (Q, G) float64 in [0, 1], cut off at 1. An unknown value is the mean of the query's known ones, which moves the
        image neither to the front nor to the back; 0 where none is known (*assumed*).

    Raises:
        PartregError: the training images or the cameras give no scale.
    """
    known = train["time"][train["time"] >= 0]
    longest, farthest = (known.max() - known.min() if len(known) else 0), camera_distances.to_numpy().max(initial=0)
    if not (longest > 0 and farthest > 0):
        raise PartregError(
            f"images: the longest time between training images is {longest} and the largest distance of two cameras "
            f"{farthest}, expected both above 0; check the times in the lists and camera_Dist.txt."
        )
    apart = metres(places(query, camera_distances), places(gallery, camera_distances), camera_distances) / farthest
    scores = np.minimum(gaps(query["time"].to_numpy(), gallery["time"].to_numpy()) / longest, 1) * np.minimum(apart, 1)
    known = ~np.isnan(scores)
    mean = np.where(known, scores, 0).sum(1) / np.maximum(known.sum(1), 1)
    return np.where(known, scores, mean[:, None])


def training_tracks(images: pd.DataFrame) -> np.ndarray:
    """(N,) int64 from 0, the track of each training image; VeRi-776 names the tracks of its gallery only.

    A track is a vehicle in a camera without a break of more than `GAP`. Numbers ascend by vehicle, camera, time.
    """
    order = np.lexsort([images[name].to_numpy() for name in ("time", "camera", "vehicle")])
    vehicle, camera, time = (images[name].to_numpy()[order] for name in ("vehicle", "camera", "time"))
    new = (np.diff(vehicle) != 0) | (np.diff(camera) != 0) | (np.diff(time) > GAP)
    tracks = np.empty(len(images), dtype=np.int64)
    tracks[order] = np.concatenate([[0], np.cumsum(new)])[: len(images)]
    return tracks


@dataclass(frozen=True)
class TransitionModel:
    """Log-normal times between two sightings of a vehicle (Wang et al., ICCV 2017), for each two cameras.

    Attributes:
        cameras: (C,) the cameras' numbers, ascending.
        mean: (C + 1, C + 1) of the times' logarithms, symmetric; the last row and column are for any other camera.
        deviation: (C + 1, C + 1) their standard deviation.
    """

    cameras: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, train: pd.DataFrame) -> TransitionModel:
        """Fit the model to every two tracks of a training vehicle, each track at its mean time.

        Not only consecutive tracks count, because retrieval compares every two (*assumed*). The direction does not
        count (*assumed*). `PRIOR` times, spread as those of all cameras, join the n times of two cameras (*assumed*):
        n = 0 gives the overall model, a large n the maximum likelihood estimate.

        Raises:
            PartregError: no vehicle was seen twice at known times and cameras.
        """
        first, second, logs = _training_times(train)
        if not len(logs):
            raise PartregError(
                "images: no training vehicle has two tracks with camera and time, expected some to learn the times "
                "between cameras from; this needs a data set such as VeRi-776."
            )
        cameras = np.unique(np.concatenate([first, second]))
        low, high = np.sort([np.searchsorted(cameras, first), np.searchsorted(cameras, second)], axis=0)
        side = len(cameras) + 1

        def total(values: np.ndarray) -> np.ndarray:
            upper = np.bincount(low * side + high, values, side * side).reshape(side, side)
            return upper + np.triu(upper, 1).T

        count, overall, spread = total(np.ones(len(logs))), logs.mean(), logs.var()
        mean = (total(logs) + PRIOR * overall) / (count + PRIOR)
        square = (total(logs**2) + PRIOR * (spread + overall**2)) / (count + PRIOR)
        deviation = np.maximum(np.sqrt(np.maximum(square - mean**2, 0)), LEAST_DEVIATION)
        return cls(cameras, mean, deviation)

    def probability(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        """Say how well the time between two images suits their cameras.

        A log-normal density has a unit, and is far below 1 for times of hundreds. So it is divided by its maximum
        (*assumed*), which gives exp(-(log T - mean + deviation^2)^2 / (2 deviation^2)).

        Returns:
            (Q, G) float64 in [0, 1], 1 at the most likely time; 0.5, neither for nor against, where a time or a camera
            is unknown (-1). Times below 1 count as 1.
        """
        gap = gaps(query["time"].to_numpy(), gallery["time"].to_numpy())
        rows, columns = self._rows(query), self._rows(gallery)
        mean, deviation = self.mean[rows[:, None], columns], self.deviation[rows[:, None], columns]
        likely = np.exp(-((np.log(np.maximum(gap, 1)) - mean + deviation**2) ** 2) / (2 * deviation**2))
        unknown = np.isnan(gap) | (query["camera"].to_numpy() < 0)[:, None] | (gallery["camera"].to_numpy() < 0)
        return np.where(unknown, 0.5, likely)

    def _rows(self, images: pd.DataFrame) -> np.ndarray:
        return pd.Index(self.cameras).get_indexer(images["camera"].to_numpy())  # -1 is the last row, any other camera


def _training_times(train: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cameras (P,), (P,) and the time's logarithm (P,) of every two tracks of a training vehicle."""
    known = train[(train["time"] >= 0) & (train["camera"] >= 0)]
    seen = known.groupby(training_tracks(known))[["vehicle", "camera", "time"]].mean()
    vehicle, camera, time = seen["vehicle"].to_numpy(), seen["camera"].to_numpy().astype(int), seen["time"].to_numpy()
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for step in range(1, np.unique(vehicle, return_counts=True)[1].max(initial=1)):  # a vehicle's tracks are in a row
        first = np.flatnonzero(vehicle[step:] == vehicle[:-step])
        pairs.append(np.stack([first, first + step]))
    first, second = np.concatenate(pairs, axis=1)
    return camera[first], camera[second], np.log(np.maximum(np.abs(time[first] - time[second]), 1))

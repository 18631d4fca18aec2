"""Section 4.1: how long it takes from VeRi-776's distances to mAP, CMC and HIT, against one ``numpy.argsort`` of them.

``python -m partreg.retrieval.benchmark``: distances of the data set's size (1,678 x 11,579) with its structure (200
vehicles, 2,021 tracks) in the same run, the best of a few repetitions, one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import click
import numpy as np
import pandas as pd

from partreg.datasets.images import images_table
from partreg.retrieval.protocols import veri_scores

QUERIES, GALLERY, VEHICLES, TRACKS, CAMERAS = 1_678, 11_579, 200, 2_021, 20


def make_tables(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A query and a gallery table of VeRi-776's size: a track is one vehicle in one camera, a query an image of it."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(VEHICLES * CAMERAS)[:TRACKS]
    pairs[:VEHICLES] = np.arange(VEHICLES) * CAMERAS
    track = np.sort(np.concatenate([np.arange(TRACKS), rng.integers(0, TRACKS, GALLERY - TRACKS)]))
    names = [f"image_test/{row:08d}.jpg" for row in range(GALLERY)]
    columns = {"image": names, "path": names, "vehicle": pairs[track] // CAMERAS, "camera": pairs[track] % CAMERAS}
    gallery = images_table({**columns, "track": [f"t{number:04d}" for number in track]})
    firsts = np.unique(track, return_index=True)[1]
    return gallery.iloc[np.sort(rng.choice(firsts, QUERIES, replace=False))].reset_index(drop=True), gallery


def make_distances(query: pd.DataFrame, gallery: pd.DataFrame, noise: float, seed: int = 0) -> np.ndarray:
    """(Q, G) float32 distances: the nearer at the same vehicle, the smaller ``noise`` is."""
    rng = np.random.default_rng(seed)
    other = query["vehicle"].to_numpy()[:, None] != gallery["vehicle"].to_numpy()[None, :]
    return (other + noise * rng.standard_normal(other.shape)).astype(np.float32)


def best(works: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """The shortest of ``repeats`` times of each piece of work, in seconds; they take turns, so that both see the same
    load of the machine.
    """
    times = np.full((repeats, len(works)), np.inf)
    for turn in range(repeats):
        for column, work in enumerate(works):
            start = time.perf_counter()
            work()
            times[turn, column] = time.perf_counter() - start
    return times.min(axis=0).tolist()


@click.command()
@click.option("--repeats", default=9, show_default=True, help="Repetitions; the best of them counts.")
def main(repeats: int) -> None:
    """Print the times, and their ratio, for a good, a middling and a hopeless network."""
    query, gallery = make_tables()
    for noise in (0.25, 1.0, 100.0):
        distances = make_distances(query, gallery, noise)
        scores = veri_scores(distances, query, gallery)
        works = [partial(np.argsort, distances, axis=1), partial(veri_scores, distances, query, gallery)]
        argsort, ours = best(works, repeats)
        click.echo(
            f"{QUERIES:,} x {GALLERY:,}, mAP {scores.mAP:.3f}, HIT@1 {scores.hit1:.3f}: numpy.argsort {argsort:.3f} s, "
            f"distances to mAP (three rules), CMC and HIT {ours:.3f} s, ratio {ours / argsort:.2f}"
        )


if __name__ == "__main__":
    main()

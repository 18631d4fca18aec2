"""`make bench`: how long a book takes, and a second one with nothing changed, and three steps on data of the real size.

``python -m tests.bench judging`` goes from VeRi-776's distances to mAP, CMC and HIT (Section 4.1) and holds the time
against one ``numpy.argsort`` of them: distances of the data set's size (1,678 x 11,579) with its structure (200
vehicles, 2,021 tracks) in the same run, the best of a few repetitions, one thread. ``python -m tests.bench checking``
runs `partreg check` on a folder of VehicleID's size: 200,000 names in a folder of their own (hard links to a few
pictures), the training list and one test list, once by headers and once with every picture decoded.
``python -m tests.bench searching`` finds the ten nearest of 100,000 features of 256 numbers, for one query and for 100.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from partreg.datasets.check import check
from partreg.datasets.images import images_table
from partreg.retrieval.protocols import veri_scores
from partreg.search.fast import faiss, search
from partreg.search.nearest import nearest
from partreg.workflow.profile import REPOSITORY
from partreg.workflow.provenance import device

QUERIES, GALLERY, VEHICLES, TRACKS, CAMERAS = 1_678, 11_579, 200, 2_021, 20
ENTRIES, TRAINING, TEST_VEHICLES, EACH = 200_000, 113_000, 2_400, 9
LINKS = 20_000  # names for one picture; a file system allows so many


def book(choices: list[str]) -> None:
    """Time the book of ``choices`` (as `book/driver.py` takes them) from nothing, and again."""
    with tempfile.TemporaryDirectory(prefix="partreg-") as folder:
        command = [sys.executable, str(REPOSITORY / "book" / "driver.py"), *choices, "--output", folder]
        for title in ("book from an empty folder", "book again, nothing changed"):
            print(f"{title} ...", flush=True)
            started = time.monotonic()
            subprocess.run(command, check=True)
            print(f"{title}: {time.monotonic() - started:.1f} s", flush=True)


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


def judging(repeats: int = 9) -> None:
    """Print the times, and their ratio, for a good, a middling and a hopeless network."""
    query, gallery = make_tables()
    for noise in (0.25, 1.0, 100.0):
        distances = make_distances(query, gallery, noise)
        scores = veri_scores(distances, query, gallery)
        works = [partial(np.argsort, distances, axis=1), partial(veri_scores, distances, query, gallery)]
        argsort, ours = best(works, repeats)
        print(
            f"{QUERIES:,} x {GALLERY:,}, mAP {scores.mAP:.3f}, HIT@1 {scores.hit1:.3f}: numpy.argsort {argsort:.3f} s, "
            f"distances to mAP (three rules), CMC and HIT {ours:.3f} s, ratio {ours / argsort:.2f}",
            flush=True,
        )


def make_folder(root: Path, entries: int = ENTRIES) -> Path:
    """Write a VehicleID layout with so many names, of which a little more than half are for training."""
    for name in ("image", "train_test_split", "attribute"):
        (root / name).mkdir(parents=True)
    rng, picture = np.random.default_rng(0), root
    for number in range(entries):
        path = root / f"image/{number:07d}.jpg"
        if number % LINKS == 0:
            picture = path
            Image.fromarray(rng.integers(0, 256, (180, 220, 3), dtype=np.uint8)).save(picture)
        else:
            os.link(picture, path)
    training = entries * TRAINING // ENTRIES
    vehicles = [n // EACH if n < training else entries + n % TEST_VEHICLES for n in range(entries)]
    lines = [f"{number:07d} {vehicle}\n" for number, vehicle in enumerate(vehicles)]
    (root / "train_test_split/train_list.txt").write_text("".join(lines[:training]))
    (root / f"train_test_split/test_list_{TEST_VEHICLES}.txt").write_text("".join(lines[training:]))
    (root / "attribute/img2vid.txt").write_text("".join(lines))
    return root


def checking(entries: int = ENTRIES) -> None:
    """Print how long the check of a folder takes, by headers and with every picture decoded."""
    with tempfile.TemporaryDirectory() as folder:
        root = make_folder(Path(folder) / "VehicleID_V1.0", entries)
        for how, decode in {"headers": False, "every picture decoded": True}.items():
            started = time.perf_counter()
            report = check(root, decode=decode)
            seconds = time.perf_counter() - started
            print(f"{entries:,} entries, {how}: {seconds:.1f} s, {len(report.problems)} problems", flush=True)


def searching(gallery: int = 100_000, width: int = 256) -> None:
    """Print how long it takes to find the ten nearest features, by NumPy and, where it is installed, by FAISS."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((gallery, width), dtype=np.float32)
    for queries in (1, 100):
        query = rng.standard_normal((queries, width), dtype=np.float32)
        for how, find in {"NumPy": nearest, "FAISS": search if faiss() else None}.items():
            if find is not None:
                seconds = best([partial(find, query, features)], 3)[0]
                print(f"{queries} x {gallery:,} features of {width}, {how}: {seconds:.3f} s", flush=True)


def main(words: list[str]) -> None:
    """Run one of the steps by its name, or all with the choices for a book."""
    print(f"{device()}, Python {platform.python_version()}")
    steps = {"judging": judging, "checking": checking, "searching": searching}
    if words and words[0] in steps:
        return steps[words[0]]()
    book(words)
    judging()
    checking()
    searching()


if __name__ == "__main__":
    main(sys.argv[1:])

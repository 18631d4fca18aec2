"""Section 4.1: how long `partreg check` takes on a folder of VehicleID's size.

``python -m partreg.datasets.benchmark``: 200,000 names in a folder of their own (hard links to a few pictures), the
training list and one test list, checked once by headers and, on request, once with every picture decoded.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image

from partreg.datasets.check import check

ENTRIES, TRAINING, TEST_VEHICLES, EACH = 200_000, 113_000, 2_400, 9
LINKS = 20_000  # names for one picture; a file system allows so many


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


@click.command()
@click.option("--decode", is_flag=True, help="Decode every picture, too.")
def main(decode: bool) -> None:
    """Print how long it takes."""
    with tempfile.TemporaryDirectory() as folder:
        root = make_folder(Path(folder) / "VehicleID_V1.0")
        for whole in (False, True)[: 1 + decode]:
            started = time.perf_counter()
            report = check(root, decode=whole)
            seconds = time.perf_counter() - started
            how = "every picture decoded" if whole else "headers"
            click.echo(f"{ENTRIES:,} entries, {how}: {seconds:.1f} s, {len(report.problems)} problems")


if __name__ == "__main__":
    main()

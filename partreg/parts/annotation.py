"""Section 4.1, the annotation: boxes in 500 training images, drawn by hand or, on the benchmark, by a stand-in.

In notebook 01 a hand draws them, see `partreg.annotate`. Where nobody can draw (papermill), `stand_in` makes the file
from the benchmark's truth and moves the boxes a little, as a hand would.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from partreg.datasets.pictures import SWAPPED, TURNED, picture_header
from partreg.datasets.vehicleid import read_vehicleid
from partreg.errors import PartregError
from partreg.files import inside
from partreg.parts.boxes import CORNERS
from partreg.parts.formats import NAMES, Annotations, read_coco, write_coco

VISIBLE = 0.3  # an annotator draws a part if at least this share of it is visible
JITTER = 1.5  # pixels; standard deviation of each side of a box drawn by hand
SMALLEST = 2.0  # pixels; a thinner box, after clamping, is a slip of the hand
TURNS = (6, 8)  # EXIF orientations that ask to turn a photograph by 90 degrees: to the right, to the left
SHARE = 2 / 3  # of your own photographs, the largest share to train on; the rest test the detector


def jitter(annotations: Annotations, pixels: float, seed: int) -> Annotations:
    """Move every side of every box by normal noise, as a hand would; boxes stay in the image and keep an area.

    The standard deviation is in pixels; the same seed gives the same boxes.
    """
    objects = annotations.objects
    sizes = objects[["image"]].merge(annotations.images, on="image", how="left")[["width", "height"]].to_numpy(float)
    sides = np.hstack([sizes, sizes])
    before = objects[list(CORNERS)].to_numpy(float) * sides
    after = np.clip(before + np.random.default_rng(seed).normal(0, pixels, before.shape), 0, sides)
    collapsed = (after[:, 2:] - after[:, :2] < SMALLEST).any(axis=1)
    after[collapsed] = before[collapsed]
    return Annotations(annotations.images, objects.assign(**dict(zip(CORNERS, (after / sides).T, strict=True))))


def sample(images: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """Draw at most ``count`` images at random ("we randomly select 500 vehicle images"); sorted by name."""
    images = images.sort_values("image")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:count])
    return images.iloc[chosen].reset_index(drop=True)


def read_truth(root: str | Path, images: Iterable[str] | None = None) -> Annotations:
    """Read the benchmark's tight boxes (``truth/parts.json``) of the visible parts of these images, or of all.

    Raises:
        PartregError: the data set has no truth, as photographs have none.
    """
    path = Path(root) / "truth" / "parts.json"
    if not path.exists():
        raise PartregError(
            f"{path}: no such file; only the rendered benchmark knows its boxes: annotate images in JupyterLab "
            "(notebook 01), or pass annotations=<COCO file> and photographs=<folder>."
        )
    truth = read_coco(path, visible=VISIBLE)
    return truth if images is None else truth.subset(list(images))


def stand_in(root: str | Path, images: Iterable[str], path: str | Path, pixels: float = JITTER, seed: int = 0) -> None:
    """Write an annotation file as a hand would: the benchmark's truth of these images, moved by a few pixels."""
    write_coco(jitter(read_truth(root, images), pixels, seed), path)


def annotated(path: str | Path, root: str | Path, count: int, names: Mapping[str, str] = NAMES) -> Annotations:
    """Read the COCO file at ``path``, see `read_coco`; if there is none yet, `stand_in` makes it on the benchmark.

    It annotates ``count`` random training images of ``root``, a folder in VehicleID's layout.

    Raises:
        PartregError: there is neither a file nor a benchmark that knows its boxes, or the file is no COCO file or holds
            an impossible box.
    """
    if not Path(path).exists():
        images = read_vehicleid(root).train
        if count > len(images):
            what = f"{count} training images are to be annotated, but {root} has {len(images)}"
            raise PartregError(f"annotate: {what}; choose fewer.")
        stand_in(root, sample(images, count)["image"], path)
    return read_coco(path, names)


def split(annotations: Annotations, count: int, seed: int = 0) -> tuple[Annotations, Annotations]:
    """Split your own photographs: those to train the detector on (at most ``count`` and two thirds), and the rest."""
    images = annotations.images
    train = sample(images, min(count, round(SHARE * len(images))), seed)
    rest = images[~images["image"].isin(train["image"])]
    return annotations.subset(list(train["image"])), annotations.subset(sorted(rest["image"]))


def located(annotations: Annotations, folder: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Images (``image``, ``path``) and objects for `train_detector`: upright, with lights extended.

    Raises:
        PartregError: as in `upright`.
    """
    images = annotations.images[["image"]].assign(path=[str(inside(folder, i)) for i in annotations.images["image"]])
    return images, upright(annotations, folder).extended()


def upright(annotations: Annotations, folder: str | Path) -> Annotations:
    """Turn annotations to the upright pixels that `partreg.datasets.pictures.open_picture` returns.

    Some tools draw on the stored photograph, others after EXIF has turned it. The size in the file shows which: if EXIF
    turns a photograph by 90 degrees, and the file gives the width and height of the stored picture, its boxes are
    turned too.

    Raises:
        PartregError: a picture is not in ``folder``, has another size than the file says, or EXIF turns or mirrors it
            in a way that its size does not show.
    """
    turns, sizes = {}, []
    for entry in annotations.images.itertuples(index=False):
        path = inside(folder, entry.image)
        if not os.path.isfile(path):
            raise PartregError(f"{path}: no such photograph; give the folder of the pictures that are annotated.")
        width, height, orientation = _telling_header(path)
        size = (height, width) if orientation in SWAPPED else (width, height)
        drawn_on = (entry.width, entry.height)
        if drawn_on == (width, height) != size and orientation in TURNS:
            turns[entry.image] = orientation
        elif drawn_on != size:
            raise PartregError(
                f"{path}: the annotations give it {entry.width} x {entry.height} pixels, the upright picture has "
                f"{size[0]} x {size[1]}; give the picture that the boxes were drawn on."
            )
        sizes.append((entry.image, *size))
    images = pd.DataFrame(sizes, columns=["image", "width", "height"])
    return Annotations(images, _turned(annotations.objects, turns)) if turns else annotations


def _turned(objects: pd.DataFrame, turns: Mapping[str, int]) -> pd.DataFrame:
    """Turn objects drawn on stored pictures upright; ``turns`` has the EXIF orientations of these pictures."""
    turn = objects["image"].map(turns).to_numpy()[:, None]
    x0, y0, x1, y1 = (objects[name].to_numpy() for name in CORNERS)
    right, left = np.stack([1 - y1, x0, 1 - y0, x1], 1), np.stack([y0, 1 - x1, y1, 1 - x0], 1)
    corners = np.select([turn == TURNS[0], turn == TURNS[1]], [right, left], objects[list(CORNERS)].to_numpy())
    return objects.assign(**dict(zip(CORNERS, corners.T, strict=True)))


def upright_size(path: str | Path) -> tuple[int, int]:
    """Width and height of an upright picture to draw on; reads only its header.

    Raises:
        PartregError: it is missing or no picture, or `upright` could not tell later how boxes lie on it.
    """
    width, height, orientation = _telling_header(path)
    return (height, width) if orientation in SWAPPED else (width, height)


def _telling_header(path: str | Path) -> tuple[int, int, int]:
    """`picture_header`; refuses pictures that EXIF turns without a change of size, whose boxes would be ambiguous."""
    width, height, orientation = picture_header(path)
    if orientation in TURNED and (orientation not in SWAPPED or width == height):
        raise PartregError(
            f"{path}: EXIF turns it (orientation {orientation}) and its size stays, so nothing says whether boxes are "
            "drawn before or after; save it upright, with `mogrify -auto-orient` for example, and draw on that."
        )
    return width, height, orientation

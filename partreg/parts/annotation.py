"""Section 4.1, the annotation: boxes in 500 training images, drawn by hand or, on the benchmark, by a stand-in.

A `Session` keeps a queue of images and one COCO file, and writes the file after each image, so that you can go on where
you stopped. `drawing_board` shows it in notebook 01 with jupyter-bbox-widget. Where nobody can draw (papermill),
`stand_in` makes the file from the benchmark's truth and moves the boxes a little, as a hand would.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from partreg.datasets.pictures import SWAPPED, TURNED, picture_header, picture_size
from partreg.datasets.vehicleid import read_vehicleid
from partreg.errors import PartregError
from partreg.files import inside
from partreg.parts.boxes import BODY, CLASSES, CORNERS, OBJECT_COLUMNS, objects_table
from partreg.parts.formats import NAMES, Annotations, read_coco, write_coco

LABELS = (*CLASSES, "vehicle")  # draw tight boxes; lights are extended to the bottom of the vehicle's box
VISIBLE = 0.3  # an annotator draws a part if at least this share of it is visible
JITTER = 1.5  # pixels; standard deviation of each side of a box drawn by hand
SMALLEST = 2.0  # pixels; a thinner box, after clamping, is a slip of the mouse
TURNS = (6, 8)  # EXIF orientations that ask to turn a photograph by 90 degrees: to the right, to the left
NOTHING = pd.DataFrame(columns=list(OBJECT_COLUMNS))
SHARE = 2 / 3  # of your own photographs, the largest share to train on; the rest test the detector


class Session:
    """Annotate a queue of images: progress, autosave, resume, undo, boxes clamped to the image.

    Attributes:
        path: the COCO file; it holds the finished images only, in the order in which they were finished.
        finished: a second COCO file, which exists only while the whole queue is finished (an undo deletes it); or None.
        queue: names of all images to annotate, in order.
    """

    def __init__(self, path: str | Path, images: pd.DataFrame, finished: str | Path | None = None) -> None:
        """Open a session on images (``image``, ``path``), or go on with the one whose file exists.

        Raises:
            PartregError: the file exists and cannot be read.
        """
        self.path = Path(path)
        self.queue = list(images["image"])
        self._paths = dict(zip(images["image"], images["path"], strict=True))
        # Width, height and objects of each finished image, in the order in which they were finished.
        self._done: dict[str, tuple[tuple[int, int], pd.DataFrame]] = {}
        if self.path.exists():
            kept = read_coco(self.path)
            drawn = dict(list(kept.objects.groupby("image")))
            for image, width, height in kept.images.itertuples(index=False):
                self._done[image] = ((width, height), drawn.get(image, NOTHING))
        self.finished = None if finished is None else Path(finished)
        self._finish()

    @property
    def current(self) -> str | None:
        """The next image to annotate; None when the queue is finished."""
        return next((image for image in self.queue if image not in self._done), None)

    @property
    def progress(self) -> tuple[int, int]:
        """Number of finished images in the queue, and number of all."""
        return len(self._done.keys() & set(self.queue)), len(self.queue)

    def picture(self) -> str:
        """Path of the current image.

        Raises:
            PartregError: the queue is finished, or `upright` could not tell later how boxes lie on this picture.
        """
        path = self._paths[self._needed()]
        _telling_header(path)
        return str(path)

    def submit(self, boxes: Iterable[Mapping[str, Any]]) -> None:
        """Finish the current image with these boxes and write the file.

        Args:
            boxes: ``x``, ``y``, ``width``, ``height`` in pixels and ``label``, one of `LABELS`. Boxes are clamped to
                the image, and slips of the mouse are dropped. Without boxes, the image shows no part.

        Raises:
            PartregError: the queue is finished, or a label is unknown; nothing is written.
        """
        image = self._needed()
        size = picture_size(self._paths[image])
        rows = [row for box in boxes if (row := _clamped(box, size, image)) is not None]
        self._done[image] = (size, pd.DataFrame(rows, columns=list(OBJECT_COLUMNS)))
        self._save()

    def undo(self) -> list[dict[str, Any]]:
        """Return the last finished image to the queue and write the file.

        Returns:
            Its boxes as `submit` takes them, to correct; empty if no image was finished.
        """
        if not self._done:
            return []
        size, rows = self._done.popitem()[1]
        self._save()
        return _drawn(rows, *size)

    def _needed(self) -> str:
        if self.current is None:
            raise PartregError(f"{self.path}: all {len(self.queue)} images are annotated; undo to change the last one.")
        return self.current

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The finished images (``image``, ``width``, ``height``) and their boxes (`OBJECT_COLUMNS`), in their order."""
        sizes = [(image, *size) for image, (size, _) in self._done.items()]
        drawn = [rows for _, rows in self._done.values() if len(rows)]
        objects = pd.concat(drawn or [NOTHING], ignore_index=True)
        return pd.DataFrame(sizes, columns=["image", "width", "height"]), objects_table(objects)

    def _save(self) -> None:
        write_coco(Annotations(*self.tables()), self.path)
        self._finish()

    def _finish(self) -> None:
        if self.finished is not None and self.current is None:
            write_coco(Annotations(*self.tables()).subset(self.queue), self.finished)
        elif self.finished is not None:
            self.finished.unlink(missing_ok=True)


def drawing_board(session: Session) -> Any:
    """Build a JupyterLab widget for a session: a picture to draw on, Submit, Skip (shows no part), Undo, progress."""
    from ipywidgets import HTML, Button, VBox
    from jupyter_bbox_widget import BBoxWidget

    board, undo, state = BBoxWidget(classes=list(LABELS)), Button(description="Undo"), HTML()

    def show(boxes: list[dict[str, Any]]) -> None:
        done, total = session.progress
        state.value = f"{done} of {total} images are finished"
        if session.current is not None:
            board.image, board.bboxes = session.picture(), boxes

    def submit(boxes: list[dict[str, Any]]) -> None:
        if session.current is not None:
            session.submit(boxes)
            show([])

    board.on_submit(lambda: submit(board.bboxes))
    board.on_skip(lambda: submit([]))
    undo.on_click(lambda _: show(session.undo()))
    show([])
    return VBox([state, board, undo])


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


def _telling_header(path: str | Path) -> tuple[int, int, int]:
    """`picture_header`; refuses pictures that EXIF turns without a change of size, whose boxes would be ambiguous."""
    width, height, orientation = picture_header(path)
    if orientation in TURNED and (orientation not in SWAPPED or width == height):
        raise PartregError(
            f"{path}: EXIF turns it (orientation {orientation}) and its size stays, so nothing says whether boxes are "
            "drawn before or after; save it upright, with `mogrify -auto-orient` for example, and draw on that."
        )
    return width, height, orientation


def _clamped(box: Mapping[str, Any], size: tuple[int, int], image: str) -> tuple[Any, ...] | None:
    """Convert a drawn box to a row of `OBJECT_COLUMNS`; None for a slip of the mouse."""
    label = box.get("label")
    if label not in LABELS:
        known = ", ".join(LABELS)
        raise PartregError(f"{image}: unknown label {label!r}, expected one of {known}; choose one of them.")
    x, y, wide, high = (float(box[key]) for key in ("x", "y", "width", "height"))
    corners = np.array([min(x, x + wide), min(y, y + high), max(x, x + wide), max(y, y + high)])
    corners = np.clip(corners, 0, [*size, *size])
    if not np.isfinite(corners).all() or (corners[2:] - corners[:2] < SMALLEST).any():
        return None
    name = BODY if label == "vehicle" else label
    return (image, name, *(corners / [*size, *size]), 1.0)


def _drawn(objects: pd.DataFrame, width: int, height: int) -> list[dict[str, Any]]:
    """Convert rows of `OBJECT_COLUMNS` to boxes as the widget has them."""
    return [
        {"x": row.x0 * width, "y": row.y0 * height, "width": (row.x1 - row.x0) * width,
         "height": (row.y1 - row.y0) * height, "label": "vehicle" if row.name == BODY else row.name}
        for row in objects.itertuples(index=False)
    ]  # fmt: skip

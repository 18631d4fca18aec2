"""Train a detector on photographs of your own, from the weights of one that has learnt rendered vehicles (Section 3.3).

A few hundred photographs are few for a network that starts from nothing. A detector of this book knows already what
windows and lights look like on rendered vehicles, and can go on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from partreg.datasets.pictures import open_picture
from partreg.errors import PartregError
from partreg.files import read_json, sha256, write_json
from partreg.parts import detector
from partreg.parts.annotation import located, split
from partreg.parts.boxes import classes_of
from partreg.parts.formats import NAMES, read_coco

FEWEST = 6  # annotated photographs: four to learn, two to test on


def finetune(
    images: pd.DataFrame, objects: pd.DataFrame, folder: str | Path, start: str | Path = "", **settings: Any
) -> Path:
    """Train a detector as `partreg.parts.detector.train_detector` does, but from the weights of another one.

    Args:
        images: ``image`` and ``path``.
        objects: their boxes.
        folder: of this detector only. ``start.json`` in it has the digest of the weights that it started from.
        start: ``weights.pt`` of the other detector; "" starts from random weights.
        settings: the others of `train_detector`; the model is that of the other detector.

    Returns:
        The path of ``weights.pt``.

    Raises:
        PartregError: as in `train_detector`, or the other weights are not a detector's or not of the same classes, or
            the folder holds a detector that started from others.
    """
    folder, note = Path(folder), Path(folder) / "start.json"
    begun = {"start": sha256(start) if start else ""}
    known = read_json(note) if note.exists() else {"start": ""}
    if (folder / "weights.pt").exists() and known != begun:
        raise PartregError(
            f"{folder}: the detector in this folder started from other weights; give each training a folder of its own."
        )
    if not start:
        write_json(note, begun)
        return detector.train_detector(images, objects, folder, **settings)
    if not Path(start).with_name("detector.json").exists():
        raise PartregError(
            f"{start}: expected the weights.pt of a detector, with its detector.json beside it; give that file."
        )
    detector.load_detector(start)  # refuses what is none
    described, classes = read_json(Path(start).with_name("detector.json")), list(classes_of(objects["name"]))
    if described["classes"] != classes:
        raise PartregError(
            f"{start}: expected a detector of {', '.join(classes)}, as the boxes are, found one of "
            f"{', '.join(described['classes'])}; start from another one, or from random weights."
        )
    settings["model"] = described["model"]
    write_json(note, begun)
    with _beginning_with(torch.load(start, map_location="cpu", weights_only=True)):
        return detector.train_detector(images, objects, folder, **settings)


@contextmanager
def _beginning_with(weights: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Let every detector that is trained meanwhile begin with these weights instead of random ones."""
    from ultralytics.utils.callbacks import default_callbacks

    def load(trainer: Any) -> None:
        for network in (trainer.model, trainer.ema.ema):
            network.load_state_dict(weights)
        trainer.model.to(memory_format=torch.channels_last)  # takes less time on a processor

    before = default_callbacks["on_pretrain_routine_end"]
    default_callbacks["on_pretrain_routine_end"] = [*before, load]
    try:
        yield
    finally:
        default_callbacks["on_pretrain_routine_end"] = before


def learn_photographs(
    annotations: str | Path,
    photographs: str | Path,
    folder: str | Path,
    start: str | Path = "",
    names: Mapping[str, str] = NAMES,
    **settings: Any,
) -> tuple[Path, pd.DataFrame]:
    """Train a detector on two thirds of some annotated photographs, and test it on the others.

    Args:
        annotations: their COCO file.
        photographs: the folder of the pictures that it names.
        folder: of the detector, see `finetune`.
        start: the weights to start from, see `finetune`.
        names: what the file's categories mean, see `partreg.parts.formats.read_coco`.
        settings: the others of `partreg.parts.detector.train_detector`.

    Returns:
        The path of the weights, and their average precision on the others, see `average_precision` of the detector.

    Raises:
        PartregError: as in `finetune`; or there are fewer than `FEWEST` photographs; or one of the others is missing or
            cannot be read, before anything is trained.
    """
    drawn = read_coco(annotations, names)
    if len(drawn.images) < FEWEST:
        raise PartregError(
            f"{annotations}: expected {FEWEST} photographs or more, to learn from some and test on others, found "
            f"{len(drawn.images)}; annotate more."
        )
    learnt, (images, objects) = (located(some, photographs) for some in split(drawn, len(drawn.images)))
    for path in images["path"]:
        open_picture(path)  # one that is broken shall not come to light when hours of training are over
    weights = finetune(*learnt, folder, start, **settings)
    scores = detector.average_precision(detector.predict(weights, images), objects)
    return weights, scores[scores.index.isin(learnt[1]["name"])]


def report(scores: pd.DataFrame) -> str:
    """Return a line of text for each class: its average precision, and the number of its boxes in the test."""
    said = {name: f"AP {ap:.2f} on {boxes} boxes" for name, ap, boxes in scores[["ap", "boxes"]].itertuples()}
    return "\n".join(f"{name}: {said[name] if scores.boxes[name] else 'no box to test on'}" for name in said)

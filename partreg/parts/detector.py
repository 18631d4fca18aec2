"""Section 3.2, "Part detection", and Section 3.3: the LocalNet, a YOLO detector of windows and lights.

Where the objects have other names than the car's, these are its classes, see `partreg.parts.boxes.classes_of`.

The network and its training come from ultralytics, which here neither fetches nor sends anything. Training leaves a
plain dictionary of tensors (``weights.pt``) and a small JSON (``detector.json``) that says how to build the network
again. Left and right lights are separate classes, and a mirror image exchanges them. So the training set holds every
image and its mirror image with these classes exchanged, and ultralytics' own flip is off.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from partreg.datasets.contents import contents
from partreg.datasets.pictures import read_picture, reason
from partreg.errors import PartregError
from partreg.files import read_json, whole, writable, write_json, write_weights
from partreg.parts.boxes import CORNERS, OBJECT_COLUMNS, choose, classes_of, counterpart, in_order, iou
from partreg.parts.formats import write_yolo, yolo_names

THRESHOLD = 0.25  # detections of lower score do not count; ultralytics' own default
LOWEST = 0.001  # average precision counts detections down to this score
# Changes to ultralytics' defaults. A crop shows one upright vehicle, so: no mosaic of four images, no flip (see above),
# no strong scaling. One optimizer step for each batch.
SETTINGS = {
    "mosaic": 0.0, "close_mosaic": 0, "fliplr": 0.0, "scale": 0.2, "translate": 0.1, "pretrained": False,
    "optimizer": "AdamW", "lr0": 0.002, "cos_lr": True, "warmup_epochs": 1.0, "warmup_bias_lr": 0.0, "amp": False,
    "deterministic": True, "val": False, "save": False, "plots": False, "verbose": False, "exist_ok": True,
}  # fmt: skip


def train_detector(
    images: pd.DataFrame,
    objects: pd.DataFrame,
    folder: str | Path,
    *,
    model: str = "yolo11n.yaml",
    epochs: int = 12,
    size: int = 128,
    seed: int = 0,
    batch: int = 16,
) -> Path:
    """Train the detector from scratch; on one machine, the same seed gives the same weights.

    If the folder already holds the detector of the same training, return at once. Its files ``weights.pt`` and
    ``detector.json`` are each whole or absent, even if the training is killed.

    Images (``image``, ``path``) and their objects (`OBJECT_COLUMNS`, lights extended to the vehicle's bottom) are seen
    ``epochs`` times, as they are and mirrored. Images of more than ``size`` pixels (a multiple of 32) are made smaller.

    Returns:
        The path of ``weights.pt``.

    Raises:
        PartregError: there are no images or objects, an image cannot be read, the model is unknown, or the folder holds
            a detector of other settings, pictures or boxes.
    """
    folder = Path(folder).absolute()  # ultralytics counts a relative one from a folder of its own
    known = objects[objects["image"].isin(images["image"])]
    if known.empty:
        raise PartregError(f"{folder}: there are no boxes to train the detector on; annotate images first.")
    classes = list(classes_of(known["name"]))
    training = {"model": model, "classes": classes, "size": size, "epochs": epochs, "seed": seed, "batch": batch}
    counts = {"images": len(images), "objects": len(known)}
    description = {**training, **counts, "learnt_from": _learnt_from(images, known)}
    if (folder / "weights.pt").exists():
        if read_json(folder / "detector.json") != description:
            raise PartregError(
                f"{folder}: a detector of other settings, pictures or boxes is in this folder; give each training a "
                "folder of its own, or delete this one."
            )
        return folder / "weights.pt"
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for remains in folder.glob(".training-*"):  # of a training that was killed
        shutil.rmtree(remains, ignore_errors=True)
    with writable(folder), tempfile.TemporaryDirectory(prefix=".training-", dir=folder) as work, _untouched():
        data = _write_training_set(images, known, Path(work), size)
        weights = _train(model, data, Path(work), epochs=epochs, imgsz=size, seed=seed, batch=batch)
    write_json(folder / "detector.json", description)
    write_weights(folder / "weights.pt", weights)
    return folder / "weights.pt"


def _learnt_from(images: pd.DataFrame, objects: pd.DataFrame) -> str:
    """Digest of the pictures and the boxes drawn in them, 16 hexadecimal digits."""
    pictures = zip(images["image"], contents(images["path"].tolist()), strict=True)
    lines = [*(f"{name} {content}" for name, content in pictures), objects[list(OBJECT_COLUMNS)].to_csv(index=False)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def detect(weights: str | Path, images: pd.DataFrame, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Detect the parts of each image: its best window, left and right light, and the brand inferred from the lights.

    Returns:
        Boxes table. The view is the class of the best window, even if that scores too low to count. Images without a
        detection have no rows.
    """
    return best(predict(weights, images), images, threshold)


def best(objects: pd.DataFrame, images: pd.DataFrame, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Do as `detect`, but from detections that `predict` returned."""
    return in_order(choose(objects, "detected", threshold), images["image"])


def predict(
    weights: str | Path,
    images: pd.DataFrame,
    threshold: float = LOWEST,
    batch: int = 64,
    left_out: dict[str, str] | None = None,
) -> pd.DataFrame:
    """All detections (`OBJECT_COLUMNS`) of at least ``threshold``, after non-maximum suppression across classes.

    Raises:
        PartregError: the weights are not a detector's, or an image cannot be read; with ``left_out``, this names such
            images instead, and why.
    """
    network, size = load_detector(weights)
    device = next(network.parameters()).device
    rows: list[pd.DataFrame] = []
    with _untouched(), tqdm(total=len(images), desc="detecting parts", unit="image", mininterval=1) as bar:
        for start in range(0, len(images), batch):
            chunk = images.iloc[start : start + batch]
            if read := _read(chunk, size, left_out):
                rows += _predict(network, read, size, threshold, device)
            bar.update(len(chunk))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(OBJECT_COLUMNS))


def load_detector(weights: str | Path) -> tuple[torch.nn.Module, int]:
    """Build the network from its description and load its weights; loading runs no code from the file.

    Returns:
        The network in evaluation mode, on the GPU if there is one, with its classes by number as ``names``; and the
        size of its input in pixels.

    Raises:
        PartregError: a file is missing or is not a detector's.
    """
    weights = Path(weights)
    description = read_json(weights.with_name("detector.json"))
    _ultralytics(weights.parent)
    from ultralytics.nn.tasks import DetectionModel

    try:
        with _untouched():
            network = DetectionModel(description["model"], nc=len(description["classes"]), verbose=False)
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        network.names = dict(enumerate(description["classes"]))
        size = int(description["size"])
    except Exception as error:  # torch raises errors of many classes; the file is at fault in all of them
        raise PartregError(
            f"{weights}: expected the weights of a part detector with detector.json beside them "
            f"({str(error).splitlines()[0]}); train it again."
        ) from error
    network = network.fuse(verbose=False).eval()
    return network.to("cuda" if torch.cuda.is_available() else "cpu"), size


def average_precision(detections: pd.DataFrame, truth: pd.DataFrame, threshold: float = 0.5) -> pd.DataFrame:
    """Average precision of each class; a detection is right if it overlaps a box of its class by ``threshold``.

    Detections take boxes in the order of their scores, each box once. As in COCO's evaluation, average precision is the
    mean, over the recalls 0, 0.01, ..., 1, of the best precision at that recall or a higher one. So a detector that
    finds all boxes and nothing else has 1.

    Both tables have `OBJECT_COLUMNS`: detections are down to low scores (from `predict`) and of the images in ``truth``
    only; lights are extended.

    Returns:
        One row for each class, in the order of `classes_of`: ``ap`` (NaN where the truth has no box), ``boxes`` (how
        many the truth has), ``found`` (share of these that a detection of at least `THRESHOLD` overlaps).
    """
    detections = detections.sort_values("score", ascending=False, kind="stable").reset_index(drop=True)
    right = _right(detections, truth, threshold)
    classes = classes_of([*truth["name"], *detections["name"]])
    boxes = truth["name"].value_counts().reindex(classes, fill_value=0)
    ap = pd.Series({name: _area(right[(detections["name"] == name).to_numpy()], boxes[name]) for name in classes})
    hits = detections.loc[right & (detections["score"] >= THRESHOLD).to_numpy(), "name"].value_counts()
    share = hits.reindex(classes, fill_value=0) / boxes
    return pd.DataFrame({"ap": ap, "boxes": boxes, "found": share}).rename_axis("class")


def _area(right: np.ndarray, boxes: int) -> float:
    """Average precision of one class; ``right`` marks its right detections, best score first. NaN without boxes."""
    if boxes == 0:
        return float("nan")
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(best[np.searchsorted(100 * hits, np.arange(101) * boxes)].mean())  # whole numbers compare exactly


def _right(detections: pd.DataFrame, truth: pd.DataFrame, threshold: float) -> np.ndarray:
    """(N,) bool: which detections, best score first, overlap a box of the truth that no better one has taken."""
    right = np.zeros(len(detections), dtype=bool)
    boxes = {key: rows[list(CORNERS)].to_numpy() for key, rows in truth.groupby(["image", "name"])}
    free = {key: np.ones(len(rows), dtype=bool) for key, rows in boxes.items()}
    corners = detections[list(CORNERS)].to_numpy(float)
    for at, key in enumerate(zip(detections["image"], detections["name"], strict=True)):
        if key in boxes:
            overlap = np.where(free[key], iou(corners[at], boxes[key]), -1.0)
            if overlap.max() >= threshold:
                right[at] = True
                free[key][overlap.argmax()] = False
    return right


def _write_training_set(images: pd.DataFrame, objects: pd.DataFrame, folder: Path, size: int) -> Path:
    """Write the images and their mirror images as a YOLO data set; return the path of its ``data.yaml``."""
    (folder / "images").mkdir()
    classes = classes_of(objects["name"])
    names = objects["name"].map(lambda name: counterpart(name, classes))
    mirrored = objects.assign(image="mirrored__" + objects["image"], name=names)
    mirrored = mirrored.assign(x0=1 - objects["x1"], x1=1 - objects["x0"])
    names = [*images["image"], *("mirrored__" + images["image"])]
    files = {name: str(folder / "images" / Path(file).with_suffix(".png")) for name, file in yolo_names(names).items()}
    for row in tqdm(images.itertuples(), total=len(images), desc="reading photographs", unit="image", mininterval=1):
        pixels = read_fitted(row.path, size)
        for name, picture in ((row.image, pixels), ("mirrored__" + row.image, pixels[:, ::-1])):
            # cv2.imwrite reports no full disk
            Path(files[name]).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    write_yolo(folder, pd.concat([objects, mirrored], ignore_index=True), names)
    return folder / "data.yaml"


def read_fitted(path: str | Path, size: int) -> np.ndarray:
    """Read an image as (H, W, 3) uint8, BGR; shrink it if its longer side has more than ``size`` pixels.

    Raises:
        PartregError: the file cannot be read as an image.
    """
    pixels = cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2BGR)
    scale = size / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    height, width = (max(round(side * scale), 1) for side in pixels.shape[:2])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def _train(model: str, data: Path, work: Path, **settings: Any) -> dict[str, torch.Tensor]:
    """Run ultralytics' training and return the averaged weights."""
    _ultralytics(work.parent)
    from ultralytics.models.yolo.detect import DetectionTrainer

    class Trainer(DetectionTrainer):
        """ultralytics' trainer without its own validation and its pickled checkpoints."""

        def validate(self) -> tuple[dict[str, Any], float]:
            return {}, 0.0

        def save_model(self) -> bool:
            return False

        def final_eval(self) -> None:
            pass

    overrides = {**SETTINGS, **settings, "model": model, "data": str(data), "project": str(work), "name": "run"}
    overrides |= {"nbs": settings["batch"], "device": "0" if torch.cuda.is_available() else "cpu"}
    try:
        trainer: Any = Trainer(overrides=overrides)
        with tqdm(desc="training the detector", unit="batch", mininterval=1) as bar:
            trainer.add_callback("on_train_start", lambda t: bar.reset(t.epochs * len(t.train_loader)))
            trainer.add_callback("on_train_batch_end", lambda t: bar.update())
            trainer.train()
    except FileNotFoundError as error:
        what = "ultralytics has no such model; use one of its YAML names, such as yolo11n.yaml."
        raise PartregError(f"{model}: {what}") from error
    return {name: value.float().cpu() if value.is_floating_point() else value.cpu()
            for name, value in trainer.ema.ema.state_dict().items()}  # fmt: skip


def _read(images: pd.DataFrame, size: int, left_out: dict[str, str] | None) -> list[tuple[str, np.ndarray]]:
    """The names and pixels of the images that can be read, see `predict`."""
    read = []
    for row in images.itertuples():
        try:
            read.append((row.image, read_fitted(row.path, size)))
        except PartregError as error:
            if left_out is None:
                raise
            left_out[row.image] = reason(error.__cause__ or error)
    return read


def _predict(
    network: torch.nn.Module, images: list[tuple[str, np.ndarray]], size: int, threshold: float, device: torch.device
) -> list[pd.DataFrame]:
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import scale_boxes

    letterbox: Any = LetterBox((size, size))
    stack = np.stack([letterbox(image=pixels)[:, :, ::-1] for _, pixels in images])
    with torch.no_grad():
        batch = torch.from_numpy(stack).to(device).permute(0, 3, 1, 2).float() / 255
        end2end = getattr(network, "end2end", False)
        detections = non_max_suppression(network(batch), threshold, 0.6, agnostic=True, max_det=30, end2end=end2end)
    rows = []
    for (name, pixels), boxes in zip(images, detections, strict=True):
        height, width = pixels.shape[:2]
        scaled: Any = scale_boxes((size, size), boxes[:, :4], (height, width))
        corners = scaled.cpu().numpy().astype(float)
        table = pd.DataFrame(corners / [width, height, width, height], columns=list(CORNERS))
        classes: Any = network.names
        names, scores = [classes[i] for i in boxes[:, 5].int().tolist()], boxes[:, 4].cpu().numpy().astype(float)
        table = table.assign(image=name, name=names, score=scores)
        rows.append(table[(table["x0"] < table["x1"]) & (table["y0"] < table["y1"])][list(OBJECT_COLUMNS)])
    return rows


def _ultralytics(folder: Path) -> None:
    """Import ultralytics so that it fetches, sends and installs nothing, with its settings under ``folder``.

    The first import in a process decides where the settings lie. ultralytics looks for Arial.ttf on the network unless
    its settings folder has a file of that name; we put matplotlib's DejaVu Sans there.
    """
    if "ultralytics" not in sys.modules:
        folder.mkdir(parents=True, exist_ok=True)
        variables = {"YOLO_CONFIG_DIR": str(folder.resolve()), "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
        os.environ.update({**variables, "YOLO_VERBOSE": "false"})
    printing, threads, environment = np.get_printoptions(), cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS")
    import matplotlib
    from ultralytics import settings
    from ultralytics.utils import USER_CONFIG_DIR

    np.set_printoptions(**printing)  # importing ultralytics changes all three for the whole process
    cv2.setNumThreads(threads)
    if environment is None:
        os.environ.pop("OMP_NUM_THREADS", None)
    if settings["sync"]:
        settings.update({"sync": False})
    font = Path(USER_CONFIG_DIR) / "Arial.ttf"
    if not font.exists():
        with whole(font) as temporary:
            shutil.copy(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", temporary)


@contextmanager
def _untouched() -> Iterator[None]:
    """Restore the random states and the threads, which ultralytics sets for the whole process."""
    states, threads = (random.getstate(), np.random.get_state(), torch.get_rng_state()), torch.get_num_threads()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        torch.set_num_threads(threads)

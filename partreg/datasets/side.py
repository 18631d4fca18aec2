"""Section 4.1: side files beside a data set, which only some methods of Tables 1-3 need.

Readers look for ``<root>/<name>`` and then for ``<root>/truth/<name>``, where the rendered benchmark has it:

- ``keypoints.csv``: ``image`` and, for each of the 20 `KEYPOINTS`, ``<name>_x``, ``<name>_y`` (relative to the sides
  of the upright image) and ``<name>_seen`` (0 or 1). OIFE reads it.
- ``orientation.csv``: ``image`` and ``orientation``, one of the 8 `ORIENTATIONS`. VAMI reads it.
- ``plates.csv``: ``image``, ``plate`` (the text) and ``crop`` (a picture of the plate, its path relative to the folder
  of ``plates.csv``); an image has a row if its plate is visible. The plate methods read it.
- ``models.csv``: ``image`` and ``model``, a whole number. GoogLeNet reads it if the table of images has no models.
- ``camera_ID.txt`` and ``camera_Dist.txt``, as VeRi-776 has them: camera names such as ``c001``, and the square matrix
  of the distances between them in the same order, in metres. The methods that use time and place read them.

``image`` is the key of the table of images. VeRi-776's query images are copies of gallery images. So if a file does not
list a query ``image_query/<name>``, its readers take ``image_test/<name>``.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from partreg.datasets.lines import read_lines, real, whole
from partreg.errors import PartregError
from partreg.files import inside, read_text

KEYPOINTS = (
    "left_front_wheel", "left_back_wheel", "right_front_wheel", "right_back_wheel", "right_fog_lamp", "left_fog_lamp",
    "right_headlight", "left_headlight", "front_logo", "front_plate", "left_mirror", "right_mirror", "right_front_top",
    "left_front_top", "left_back_top", "right_back_top", "left_rear_lamp", "right_rear_lamp", "rear_logo", "rear_plate",
)  # fmt: skip
ORIENTATIONS = ("front", "rear", "left", "left front", "left rear", "right", "right front", "right rear")
CAMERA = re.compile(r"c?0*([0-9]{1,6})")
SLACK = 0.05  # how far a visible key point may lie outside the image, as a share of the side
QUERY, GALLERY = "image_query/", "image_test/"


def read_keypoints(root: str | Path, images: pd.DataFrame) -> np.ndarray:
    """Read the 20 key points of each of N images, as Wang et al. annotated them for OIFE (ICCV 2017).

    Returns:
        (N, 20, 3) float32: x and y relative to the image's sides, and 1 for a visible point, 0 for a hidden one. An
        image that the file does not list has only zeros.

    Raises:
        PartregError: the file is missing or malformed, or lists none of the images.
    """
    path = find(root, "keypoints.csv", "OIFE")
    columns = [f"{name}_{what}" for name in KEYPOINTS for what in ("x", "y", "seen")]
    lines, keys, rows = read_columns(path, ("image", *columns))
    values = _numbers(path, lines, rows[:, 1:], columns).reshape(-1, len(KEYPOINTS), 3)
    bad = ~np.isin(values[..., 2], (0, 1)).all(1)
    if bad.any():
        raise PartregError(f"{path}:{lines[int(bad.argmax())]}: expected 0 or 1 as *_seen; fix the line.")
    away = ((np.abs(values[..., :2] - 0.5) > 0.5 + SLACK).any(2) & (values[..., 2] > 0)).any(1)
    if away.any():
        what = "a point that is seen lies outside the image, expected x and y from 0 to 1"
        todo = "divide pixels by the width and height of the upright image."
        raise PartregError(f"{path}:{lines[int(away.argmax())]}: {what}; {todo}")
    at = rows_of(path, keys, images)
    points = np.zeros((len(images), len(KEYPOINTS), 3), np.float32)
    points[at >= 0] = values[at[at >= 0]]
    return points


def read_orientation(root: str | Path, images: pd.DataFrame) -> np.ndarray:
    """Read from which side each image shows its vehicle; left and right are the vehicle's own.

    Returns:
        (N,) text, each one of `ORIENTATIONS`, or "" if the file does not give the image's.

    Raises:
        PartregError: the file is missing or malformed, or lists none of the images.
    """
    path = find(root, "orientation.csv", "VAMI")
    lines, keys, rows = read_columns(path, ("image", "orientation"))
    for line, name in zip(lines, rows[:, 1], strict=True):
        if name and name not in ORIENTATIONS:
            expected = ", ".join(ORIENTATIONS)
            raise PartregError(f"{path}:{line}: expected one of {expected}, found {name[:60]!r}; fix the line.")
    at = rows_of(path, keys, images)
    return np.where(at >= 0, rows[at, 1], "").astype(str)


def read_plates(root: str | Path, images: pd.DataFrame) -> pd.DataFrame:
    """Read the number plate of each image; in the image itself, the plate is blank.

    Returns:
        A frame with the columns image, plate (the text) and crop (the path to open), one row an image in the order of
        ``images``; plate and crop are "" if the file does not list the image. This does not open the crops.

    Raises:
        PartregError: the file is missing or malformed, or lists none of the images; a crop leads out of the file's
            folder; or a row has a plate without a crop or a crop without a plate.
    """
    path = find(root, "plates.csv", "Plate-SNN and FACT+Plate")
    lines, keys, rows = read_columns(path, ("image", "plate", "crop"))
    for line, (_, plate, crop) in zip(lines, rows, strict=True):
        if bool(plate) != bool(crop):
            raise PartregError(f"{path}:{line}: expected both plate and crop, or neither; fix the line.")
    at = rows_of(path, keys, images)
    listed = [rows[row] if row >= 0 else ("", "", "") for row in at]
    crops = [str(_crop(path, lines[k], crop)) if crop else "" for k, (_, _, crop) in zip(at, listed, strict=True)]
    return pd.DataFrame({"image": images["image"].to_numpy(), "plate": [row[1] for row in listed], "crop": crops})


def read_models(root: str | Path, images: pd.DataFrame) -> np.ndarray:
    """Return the vehicle model of each image: the table's own, else from ``truth/images.csv`` or ``models.csv``.

    VehicleID's lists give models, VeRi-776 gives none, and the rendered VeRi has them in ``truth/images.csv``. A
    ``models.csv`` has the columns ``image`` and ``model``, a whole number from 0, or empty or -1 for unknown.

    Returns:
        (N,) int64, -1 where unknown.

    Raises:
        PartregError: the table has no models and no file gives them, or the file is malformed or lists no image.
    """
    models: np.ndarray = images["model"].to_numpy(np.int64)
    if not len(models) or (models >= 0).any():
        return models
    truth = Path(root) / "truth" / "images.csv"
    named = truth if truth.is_file() else find(root, "models.csv", "GoogLeNet and Mixed Diff+CCL")
    lines, keys, rows = read_columns(named, ("image", "model"))
    known = [-1 if value == "" else whole(value) for value in rows[:, 1]]
    for line, value, model in zip(lines, rows[:, 1], known, strict=True):
        if model is None or not -1 <= model < 10**9:
            raise PartregError(f"{named}:{line}: expected a whole number as model, found {value[:60]!r}; fix the line.")
    values = np.array(known, np.int64)
    at = rows_of(named, keys, images)
    return np.where(at >= 0, values[at], -1)


def read_camera_distances(root: str | Path) -> pd.DataFrame:
    """Read the distances between cameras from VeRi-776's ``camera_ID.txt`` and ``camera_Dist.txt``.

    Returns:
        A symmetric frame (C, C) of float64, metres; index and columns are the cameras' numbers (1 for ``c001``).

    Raises:
        PartregError: a file is missing, a name is not a camera's or appears twice, or the matrix has another size than
            the names, is not square, not symmetric, has a negative distance or a diagonal that is not zero.
    """
    methods = "FACT+Plate-SNN+STR and Siamese+Path"
    named, measured = (find(root, name, methods) for name in ("camera_ID.txt", "camera_Dist.txt"))
    numbers: list[int] = []
    for line, words in read_lines(named, 1, "a camera's name, such as 'c001'", more=True):
        for word in words:
            match = CAMERA.fullmatch(word)
            if match is None or int(match.group(1)) in numbers:
                why = "a camera's name, such as 'c001'" if match is None else "each camera once"
                raise PartregError(f"{named}:{line}: expected {why}, found {word[:60]!r}; fix the line.")
            numbers.append(int(match.group(1)))
    wanted = f"{len(numbers)} distances, one for each camera of {named.name}"
    read = read_lines(measured, max(len(numbers), 1), wanted)
    lines, rows = [line for line, _ in read], [words for _, words in read]
    if len(rows) != len(numbers) or not rows:
        what = f"expected {len(numbers)} lines of {wanted}, found {len(rows)}"
        raise PartregError(f"{measured}: {what}; copy the file again.")
    columns = [f"distance {k}" for k in range(1, len(numbers) + 1)]
    matrix = _numbers(measured, lines, np.array(rows), columns, np.float64)
    bad = (matrix < 0).any(1) | (np.diag(matrix) != 0) | (matrix != matrix.T).any(1)
    if bad.any():
        what = "a symmetric matrix of distances of 0 or more with a zero diagonal"
        raise PartregError(f"{measured}:{lines[int(bad.argmax())]}: expected {what}; fix it.")
    return pd.DataFrame(matrix, index=numbers, columns=numbers)


def find(root: str | Path, name: str, methods: str) -> Path:
    """Path of the side file ``name`` of a data set.

    Raises:
        PartregError: the file is neither in ``root`` nor in ``root/truth``; the error says which ``methods`` need it.
    """
    places = (Path(root) / name, Path(root) / "truth" / name)
    if found := [path for path in places if path.is_file()]:
        return found[0]
    raise PartregError(
        f"{places[0]}: no such side file (nor truth/{name} there); {methods} cannot be computed without it: put it "
        "there, or leave these methods out."
    )


def read_columns(path: Path, columns: tuple[str, ...]) -> tuple[list[int], dict[str, int], np.ndarray]:
    """Read some columns of a CSV, the first of which is ``image``.

    Returns:
        The line of each row, the row of each image key, and the values as text, (rows, columns).

    Raises:
        PartregError: the file is no CSV in UTF-8, a column is missing, a row has another number of fields, or an image
            is empty or appears twice.
    """
    try:
        reader = csv.reader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
        heading = next(reader, [])
        table = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise PartregError(f"{path}: could not be read as a CSV ({error}); save it again.") from error
    missing = [name for name in columns if name not in heading]
    if missing:
        raise PartregError(f"{path}:1: expected a heading with the column {missing[0]!r}; add it.")
    twice = [name for name in columns if heading.count(name) > 1]
    if twice:
        raise PartregError(f"{path}:1: expected each column once, {twice[0]!r} appears twice; delete one.")
    keys: dict[str, int] = {}
    for number, (line, row) in enumerate(table):
        if len(row) != len(heading):
            raise PartregError(f"{path}:{line}: expected {len(heading)} fields, found {len(row)}; fix the line.")
        key = row[heading.index("image")]
        if not key or keys.setdefault(key, number) != number:
            what = f"{key} is in line {table[keys[key]][0]} too, expected it once" if key else "expected an image"
            raise PartregError(f"{path}:{line}: {what}; delete one of the lines or fix it.")
    chosen = [heading.index(name) for name in columns]
    values = [[row[k] for k in chosen] for _, row in table]
    return [line for line, _ in table], keys, np.array(values, dtype=object).reshape(-1, len(columns))


def rows_of(path: Path, keys: dict[str, int], images: pd.DataFrame) -> np.ndarray:
    """(N,) int64: the row of each image in a side file, -1 if it has none.

    Raises:
        PartregError: the file lists none of the images, so it belongs to another data set.
    """
    rows = np.full(len(images), -1, np.int64)
    for k, image in enumerate(images["image"]):
        twin = GALLERY + image.removeprefix(QUERY) if image.startswith(QUERY) else image
        rows[k] = keys.get(image, keys.get(twin, -1))
    if len(images) and (rows < 0).all():
        raise PartregError(
            f"{path}: expected rows of the data set's images, such as {images['image'].iloc[0]!r}, found none; check "
            "that the file belongs to this data set and names its images relative to the data set's folder."
        )
    return rows


def _crop(path: Path, line: int, crop: str) -> Path:
    """Path of a crop, which must lie inside the folder of its side file."""
    try:
        return inside(path.parent, crop)
    except PartregError as error:
        what = f"the crop {crop[:60]!r} leads out of the file's folder"
        raise PartregError(f"{path}:{line}: {what}; give a path inside it.") from error


def _numbers(
    path: Path, lines: list[int], text: np.ndarray, columns: list[str], dtype: type = np.float32
) -> np.ndarray:
    """Convert text to finite numbers, (rows, columns)."""
    values: np.ndarray = np.array([real(word) for word in text.ravel()], dtype).reshape(text.shape)
    for row, column in np.argwhere(~np.isfinite(values)):
        what = f"expected a number as {columns[column]}, found {str(text[row, column])[:60]!r}"
        raise PartregError(f"{path}:{lines[row]}: {what}; fix the line.")
    return values

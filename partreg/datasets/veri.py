"""Section 4.1: VeRi-776 as it is distributed.

``image_{train,test,query}/``, ``name_{train,test,query}.txt`` (a file name a line), ``test_track.txt`` (a track's name,
then its images) and, if present, ``{train,test}_label.xml`` (declared gb2312), ``list_color.txt``,
``list_type.txt``. A name such as ``0001_c001_00016450_0.jpg`` gives vehicle, camera, time (frame) and box.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import ParseError

import numpy as np
import pandas as pd
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from partreg.datasets.images import images_table
from partreg.datasets.lines import OnProblem, Problem, read_lines, read_listed, stop
from partreg.errors import PartregError
from partreg.files import decoded

NAME = re.compile(r"([0-9]{4,9})_c([0-9]{3,6})_([0-9]{8,15})_([0-9]{1,6})\.jpg")
NAMES = "a name such as '0001_c001_00016450_0.jpg'"
TRACK = "a track's name and its images, such as '0002_c002_t0175 0002_c002_00030600_0.jpg'"
CHINESE = re.compile(rb"""\s*<\?xml[^>]*\bencoding\s*=\s*["']gb""", re.IGNORECASE)
SPLITS = {"train": "name_train.txt", "query": "name_query.txt", "test": "name_test.txt"}
TRACKS = "test_track.txt"


@dataclass(frozen=True)
class VeRi:
    """The data set's tables of images, and the gallery's tracks by name: lists of ``image`` keys of ``gallery``.

    ``colors`` and ``types`` name the numbers in the columns color and type; they are empty if the files are missing.
    """

    root: Path
    train: pd.DataFrame
    query: pd.DataFrame
    gallery: pd.DataFrame
    tracks: dict[str, list[str]]
    colors: dict[int, str] = field(default_factory=dict)
    types: dict[int, str] = field(default_factory=dict)


def read_veri(root: str | Path) -> VeRi:
    """Read a folder in the layout of VeRi-776, without opening its images.

    A query has the track of the same file in the gallery. Training images have no track (the data set lists none).

    Raises:
        PartregError: a list is missing, or one of its lines is wrong; the error names file and line.
    """
    root = Path(root)
    listed = {split: read_names(root, split) for split in SPLITS}
    tracks, _ = read_tracks(root)
    track_of = {name: track for track, names in tracks.items() for name in names}
    labels = {**read_labels(root / "train_label.xml"), **read_labels(root / "test_label.xml")}

    def table(split: str) -> pd.DataFrame:
        frame = listed[split]
        color_type = [labels.get(name, (-1, -1)) for name in frame["name"]]
        track = ["" if split == "train" else track_of.get(name, "") for name in frame["name"]]
        color, kind = (np.array(color_type, dtype=np.int64).reshape(-1, 2)).T
        return images_table(frame.assign(track=track, color=color, type=kind))

    keys = {track: [f"image_test/{name}" for name in names] for track, names in tracks.items()}
    words = [read_words(root / name) for name in ("list_color.txt", "list_type.txt")]
    return VeRi(root, table("train"), table("query"), table("test"), keys, *words)


def read_names(root: Path, split: str, on_problem: OnProblem = stop) -> pd.DataFrame:
    """Read one of the three name lists as a frame: image, name, path, vehicle, camera, time, line."""
    rows = []
    for line, (name,) in read_listed(root / SPLITS[split], 1, NAMES, NAME, on_problem):
        vehicle, camera, time, _ = map(int, re.findall("[0-9]+", name))
        image = f"image_{split}/{name}"
        rows.append((image, name, str(root / image), vehicle, camera, time, line))
    return pd.DataFrame(rows, columns=["image", "name", "path", "vehicle", "camera", "time", "line"])


def read_tracks(root: Path, on_problem: OnProblem = stop) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Read ``test_track.txt``: file names by track, and each track's line; both empty without such a file."""
    path = root / TRACKS
    tracks: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    owner: dict[str, int] = {}
    if not path.exists():
        return tracks, lines
    for line, (track, *names) in read_lines(path, 2, TRACK, on_problem, more=True):
        for name in names:
            if owner.setdefault(name, line) != line or names.count(name) > 1:
                message = f"{name} is in the track of line {owner[name]} already, expected in one; delete it from one."
                on_problem(Problem(str(path), line, message))
        if len({tuple(name.split("_")[:2]) for name in names if NAME.fullmatch(name)}) > 1:
            message = f"the track {track} mixes vehicles or cameras, expected one of each; split it."
            on_problem(Problem(str(path), line, message))
        if track in tracks:
            on_problem(Problem(str(path), line, f"the track {track} is in line {lines[track]} too; join the two."))
            continue
        tracks[track], lines[track] = names, line
    return tracks, lines


def read_labels(path: Path, on_problem: OnProblem = stop) -> dict[str, tuple[int, int]]:
    """Read a label file: (colour, type) by file name, -1 where an item gives none; empty without such a file.

    VeRi-776's files declare gb2312, which Python's XML parser does not know, so we decode the bytes first. A file that
    declares UTF-8 or nothing is read as UTF-8, one with a byte order mark as that mark says.
    """
    if not path.exists():
        return {}
    try:
        content = path.read_bytes()
        text = decoded(content, "gb18030" if CHINESE.match(content) else "utf-8")
        items = list(fromstring(text, forbid_dtd=True).iter("Item"))
    except (OSError, ParseError, UnicodeDecodeError, DefusedXmlException) as error:
        line = error.position[0] if isinstance(error, ParseError) else 0
        on_problem(Problem(str(path), line, f"expected XML in gb2312 or UTF-8 ({error}); copy the file again."))
        return {}
    if not items:
        on_problem(Problem(str(path), 0, "expected an Item for each image, found none; copy the file again."))
    labels: dict[str, tuple[int, int]] = {}
    for item in items:
        name = item.get("imageName", "")
        match = NAME.fullmatch(name)
        values = [item.get(key, "-1") for key in ("colorID", "typeID")]
        declared = [(item.get(key) or "").lstrip("c0") for key in ("vehicleID", "cameraID")]
        named = [match.group(1).lstrip("0"), match.group(2).lstrip("0")] if match else []
        if match is None or not all(re.fullmatch(r"-1|[0-9]{1,9}", value) for value in values):
            on_problem(Problem(str(path), _line(text, name), f"expected an Item with imageName, colorID, typeID as "
                               f"numbers, found {dict(item.attrib)}; fix it."))  # fmt: skip
        elif any(number and number != truth for number, truth in zip(declared, named, strict=True)):
            on_problem(Problem(str(path), _line(text, name), f"vehicleID or cameraID of {name} contradicts its name; "
                               "fix it."))  # fmt: skip
        elif labels.setdefault(name, (pair := (int(values[0]), int(values[1])))) != pair:
            message = f"{name} appears twice, with another colour or type; keep one Item."
            on_problem(Problem(str(path), _line(text, name), message))
    return labels


def _line(text: str, name: str) -> int:
    return text.count("\n", 0, max(text.find(f'"{name}"'), 0)) + 1


def read_words(path: Path) -> dict[int, str]:
    """Read ``list_color.txt`` or ``list_type.txt``: lines ``number name``; lines without a digit are headings.

    The data set has them in gb18030; a file that is valid UTF-8 is read as UTF-8.

    Raises:
        PartregError: the file cannot be read as text, a line with a digit is wrong, or a number has two names.
    """
    if not path.exists():
        return {}
    try:
        content = path.read_bytes()
        try:
            text = decoded(content)
        except UnicodeDecodeError:
            text = decoded(content, "gb18030")
    except (OSError, UnicodeDecodeError) as error:
        raise PartregError(f"{path}: could not be read as text in gb18030 ({error}); copy the file again.") from error
    names: dict[int, str] = {}
    for line, words in enumerate(text.split("\n"), start=1):
        pair = re.fullmatch(r"\s*([0-9]{1,9})[\s.:,]+(\S.*?)\s*", words)
        if pair and names.setdefault(int(pair.group(1)), pair.group(2)) != pair.group(2):
            raise PartregError(f"{path}:{line}: {pair.group(1)} is above with another name; keep one line.")
        if not pair and re.search(r"[0-9]", words):
            raise PartregError(f"{path}:{line}: expected a number and a name, found {words.strip()[:60]!r}; fix it.")
    return names


def cross_camera(query: pd.DataFrame, gallery: pd.DataFrame) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each query, the gallery rows that are good and those that are junk, from 0, ascending.

    Good images show the same vehicle in another camera. Junk images show it in the query's own camera, the query itself
    included; the ranking leaves them out, as neither right nor wrong. If the query's camera is unknown (-1), only its
    own image (the same ``image`` key) is junk: two unknown cameras do not count as the same.
    """
    vehicles, cameras = gallery["vehicle"].to_numpy(), gallery["camera"].to_numpy()
    order = np.argsort(vehicles, kind="stable")
    ids, starts = np.unique(vehicles[order], return_index=True)
    rows_of = dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=True)) if len(ids) else {}
    images = gallery["image"].to_numpy()
    good, junk = [], []
    for vehicle, camera, image in zip(query["vehicle"].tolist(), query["camera"].tolist(), query["image"], strict=True):
        rows = rows_of.get(vehicle, order[:0])
        same = cameras[rows] == camera if camera >= 0 else images[rows] == image
        good.append(rows[~same])
        junk.append(rows[same])
    return good, junk


def no_match(query: pd.DataFrame, gallery: pd.DataFrame) -> str:
    """Explain in one sentence why no query has a match under `cross_camera`, and what to do; "" if one has a match."""
    if any(len(rows) for rows in cross_camera(query, gallery)[0]):
        return ""
    known = query[query["vehicle"].isin(gallery["vehicle"]) & (query["camera"] >= 0)]
    if known.empty:
        return "no query has a match in the gallery, expected one at least; check the vehicle numbers."
    cameras = sorted(set(known["camera"]))
    named = f"camera{'s' if len(cameras) > 1 else ''} {', '.join(map(str, cameras[:9]))}"
    return (
        f"no query has a match in another camera, as VeRi-776's rule requires: the gallery shows the queries' vehicles "
        f"only in the query's own ({named}); give each image its camera, or -1 where the camera is unknown."
    )


def good_junk(query: pd.DataFrame, gallery: pd.DataFrame) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Make the lists of ``gt_index.txt`` and ``jk_index.txt``: each query's good and junk gallery images, from 1."""
    good, junk = ([rows + 1 for rows in part] for part in cross_camera(query, gallery))
    return good, junk

"""Section 4.1: check a data set before training: what a folder holds, and everything that is wrong in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from partreg.datasets import own, side, table_csv, vehicleid, veri
from partreg.datasets.images import images_table
from partreg.datasets.layouts import LAYOUTS, function, layout_of
from partreg.datasets.lines import Problem, read_numbers, text_of
from partreg.datasets.pictures import fault
from partreg.errors import PartregError

THREADS = 8
SHOWN = 20  # problems of a file in the text of a report


@dataclass(frozen=True)
class Report:
    """The result of ``check``: the layout, counts by name, every problem, and what one's own pictures can be used for.

    ``uses`` has "yes" or "no: ..." for the rules of each data set; it is empty for other layouts, and after problems.
    """

    layout: str
    counts: dict[str, int]
    problems: list[Problem]
    uses: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"layout: {self.layout}", *(f"{name}: {count:,}" for name, count in self.counts.items())]
        lines += [f"to learn from, and to be judged by {name}'s rules: {use}" for name, use in self.uses.items()]
        for file, problems in groupby(self.problems, lambda problem: problem.file):
            told = [str(problem) for problem in problems]
            rest = [f"{file}: {len(told) - SHOWN:,} more problems like these."] if told[SHOWN:] else []
            lines += [*told[:SHOWN], *rest]
        return "\n".join([*lines, f"problems: {len(self.problems):,}"])


def check(root: str | Path, decode: bool = False) -> Report:
    """Check a data set on disk.

    It finds bad and double lines, missing or unreadable images, vehicles on both sides of the split, images that are
    different vehicles in different lists, and side files that cannot be read or contradict the lists. It also finds
    lists that are useless for training or testing: empty ones, lists in which no vehicle has two images, and queries
    whose matches are all from their own camera.

    It reads only the images' headers, or with ``decode`` all of them, which finds truncated files.

    Raises:
        PartregError: the folder has none of the layouts.
    """
    root = Path(root)
    kind = layout_of(root)
    problems: list[Problem] = []
    lists, counts = function(LAYOUTS[kind].check)(root, problems)
    problems += _images(lists, decode)
    return Report(kind, counts, sorted(set(problems)), own.uses(root) if kind == "own" and not problems else {})


def vehicleid_lists(root: Path, problems: list[Problem]) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """The lists of a folder in the layout of VehicleID; faults are added to ``problems``.

    Returns:
        The lists by file, frames with the columns image, path, vehicle, line; and counts by name.
    """
    lists = vehicleid.read_lists(root, problems.append)
    files = {str(root / name): frame for name, frame in lists.items()}
    train = lists[vehicleid.TRAIN_LIST]
    counts = _count("training", train)
    tests = pd.concat([frame for name, frame in lists.items() if name != vehicleid.TRAIN_LIST] or [train[:0]])
    counts["test images, each counted once"] = int(tests["image"].nunique())
    of_image = read_numbers(root / "attribute/img2vid.txt", vehicleid.PAIR, problems.append)
    for name, frame in lists.items():
        _unusable(str(root / name), frame, 2 if name == vehicleid.TRAIN_LIST else 1, problems)
        if name == vehicleid.TRAIN_LIST:
            continue
        size = vehicleid.test_size(name)
        counts |= _count(f"test list {size}", frame)
        if frame["vehicle"].nunique() != size:
            message = f"expected {size} vehicles, as its name says, found {frame['vehicle'].nunique()}; check the list."
            problems.append(Problem(str(root / name), 0, message))
        problems += _both_sides(str(root / name), train, frame)
    for name in ("model_attr", "color_attr"):
        table = read_numbers(root / f"attribute/{name}.txt", "a vehicle and a number", problems.append)
        counts |= {f"vehicles in {name}.txt": len(table)} if table else {}
    problems += _other_vehicle(files, of_image)
    problems += _side_files(root, images_table(pd.concat([train, tests]).drop_duplicates("image")))
    return files, counts


def _other_vehicle(files: dict[str, pd.DataFrame], of_image: dict[int, int]) -> Iterator[Problem]:
    """Yield a problem for each image that is another vehicle in ``of_image`` (by number) or in an earlier list."""
    first: dict[str, tuple[int, str]] = {}
    for file, listed in files.items():
        for image, vehicle, line in listed[["image", "vehicle", "line"]].itertuples(index=False):
            elsewhere = first.setdefault(image, (vehicle, f"{Path(file).name}:{line}"))
            attribute = of_image.get(int(Path(image).stem), vehicle), "attribute/img2vid.txt"
            for other, place in (elsewhere, attribute):
                if other != vehicle:
                    yield Problem(file, line, f"{image} is vehicle {vehicle} here and {other} in {place}; fix one.")


def veri_lists(root: Path, problems: list[Problem]) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """The same of VeRi-776."""
    lists = {split: veri.read_names(root, split, problems.append) for split in veri.SPLITS}
    absent = any(not problem.line for problem in problems)
    files = {split: str(root / name) for split, name in veri.SPLITS.items()}
    counts = _count("training", lists["train"]) | _count("query", lists["query"]) | _count("gallery", lists["test"])
    for split in ("query", "test"):
        problems += _both_sides(files[split], lists["train"], lists[split])
    gallery = set(lists["test"]["name"])
    for name, line in lists["query"][["name", "line"]].itertuples(index=False):
        if name not in gallery:
            message = f"the query {name} is not in name_test.txt, expected it in the gallery too; add it there."
            problems.append(Problem(files["query"], line, message))
    _unusable(files["train"], lists["train"], 2, problems)
    if not absent:
        problems += _unjudged(files["query"], lists["query"], lists["test"])
    good, junk = veri.good_junk(lists["query"], lists["test"])
    counts["queries without a match in another camera, which are skipped"] = sum(not len(rows) for rows in good)
    for name, expected in (("gt_index.txt", good), ("jk_index.txt", junk)):
        _indices(root / name, expected, problems)
    counts |= _tracks(root, gallery, problems)
    for name in ("train_label.xml", "test_label.xml"):
        labels = veri.read_labels(root / name, problems.append)
        counts |= {f"labels in {name}": len(labels)} if labels else {}
    problems += _side_files(root, images_table(pd.concat(lists.values())))
    return {files[split]: frame for split, frame in lists.items()}, counts


def _indices(path: Path, expected: list[np.ndarray], problems: list[Problem]) -> None:
    """Check ``gt_index.txt`` or ``jk_index.txt`` if it exists: one line a query, images counted from 1."""
    text = text_of(path, problems.append, "a line for each query") if path.exists() else None
    if text is None:
        return
    lines = text.splitlines()
    if len(lines) != len(expected):
        message = f"expected {len(expected)} lines, one a query, found {len(lines)}; make the file again."
        problems.append(Problem(str(path), 0, message))
    for number, (line, rows) in enumerate(zip(lines, expected, strict=False), start=1):
        if sorted(line.split()) != sorted(map(str, rows.tolist())):
            what = f"the {len(rows)} images that the names say, found {line.strip()[:60]!r}"
            problems.append(Problem(str(path), number, f"expected {what}; make the file again."))


def _tracks(root: Path, gallery: set[str], problems: list[Problem]) -> dict[str, int]:
    tracks, lines = veri.read_tracks(root, problems.append)
    if not tracks:
        return {"tracks (without test_track.txt, HIT is CMC)": 0}
    file = str(root / veri.TRACKS)
    for track, names in tracks.items():
        if strange := [name for name in names if name not in gallery]:
            message = f"{strange[0]} is not in name_test.txt, expected gallery images only; fix the line."
            problems.append(Problem(file, lines[track], message))
    listed = {name for names in tracks.values() for name in names}
    for name in sorted(gallery - listed):
        message = f"the gallery image {name} is in no track, expected it in one; add it to its track."
        problems.append(Problem(file, 0, message))
    return {"tracks": len(tracks), "images in tracks": len(listed & gallery)}


def own_lists(root: Path, problems: list[Problem]) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """The same of a CSV of one's own, or of a folder for each vehicle."""
    path = own.source(root)
    rows = own.read_rows(path, problems.append)
    frame = rows.rename(columns={"path": "image", "opened": "path"})
    counts = _count("all", frame)
    if path.is_dir() and (others := _passed_over(path, rows)):
        counts[f"files passed over, such as {others[0]}"] = len(others)
    if "split" not in frame or frame.empty:
        _unusable(str(path), frame, 1, problems)
        return {str(path): frame}, counts
    parts = {split: frame[frame["split"] == split] for split in table_csv.SPLITS}
    counts |= {name: count for split, part in parts.items() for name, count in _count(split, part).items()}
    problems += _both_sides(str(path), parts["train"], frame[frame["split"] != "train"])
    if len(parts["train"]):
        _unusable(str(path), parts["train"], 2, problems)
    if len(parts["query"]) or len(parts["gallery"]):
        tables = [images_table(parts[split]) for split in ("query", "gallery")]
        problems += _unjudged(str(path), *tables)
    return {str(path): frame}, counts


def _passed_over(root: Path, rows: pd.DataFrame) -> list[str]:
    """The files under a folder with a folder for each vehicle that are none of its rows, sorted; hidden ones aside."""
    listed = set(rows["opened"])
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file() and str(path) not in listed)
    return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))


def _unusable(file: str, listed: pd.DataFrame, vehicles: int, problems: list[Problem]) -> None:
    """Add a problem for a list that is useless for training or testing, even if each of its lines is right."""
    images = listed["vehicle"].value_counts()
    if images.empty and any(problem.file == file for problem in problems):
        return  # the list is missing, or none of its lines could be read
    if images.empty:
        problems.append(Problem(file, 0, "expected images, found none; list some."))
    elif len(images) < vehicles:
        problems.append(Problem(file, 0, f"expected {vehicles} vehicles or more, found {len(images)}; list more."))
    elif images.max() < 2:
        message = f"expected two images or more of some vehicles, found one of each of {len(images)}; list more images."
        problems.append(Problem(file, 0, message))


def _unjudged(file: str, query: pd.DataFrame, gallery: pd.DataFrame) -> Iterator[Problem]:
    """Yield a problem for queries and a gallery that VeRi-776's protocol cannot score."""
    for name, table in (("queries", query), ("a gallery", gallery)):
        if table.empty:
            yield Problem(file, 0, f"expected {name} to judge by, found none; list some, or neither.")
            return
    if why := veri.no_match(query, gallery):
        yield Problem(file, 0, why)


def _side_files(root: Path, images: pd.DataFrame) -> Iterator[Problem]:
    """Yield the first problem of each side file that exists."""
    readers: dict[str, Callable[[], object]] = {
        "keypoints.csv": lambda: side.read_keypoints(root, images),
        "orientation.csv": lambda: side.read_orientation(root, images),
        "plates.csv": lambda: side.read_plates(root, images),
        "models.csv": lambda: side.read_models(root, images),
        "camera_Dist.txt": lambda: side.read_camera_distances(root),
        "list_color.txt": lambda: veri.read_words(root / "list_color.txt"),
        "list_type.txt": lambda: veri.read_words(root / "list_type.txt"),
    }
    for name, read in readers.items():
        if not any((root / place / name).exists() for place in ("", "truth")):
            continue
        try:
            read()
        except PartregError as error:
            file, _, message = str(error).partition(": ")
            path, _, line = file.rpartition(":")
            yield Problem(path, int(line), message) if line.isdecimal() and path else Problem(file, 0, message)


def _count(name: str, listed: pd.DataFrame) -> dict[str, int]:
    return {f"{name} images": len(listed), f"{name} vehicles": int(listed["vehicle"].nunique())}


def _both_sides(file: str, train: pd.DataFrame, test: pd.DataFrame) -> Iterator[Problem]:
    """Yield a problem for each vehicle of ``test`` that is in ``train`` too, at its first line."""
    trained = dict(zip(train["vehicle"][::-1], train["line"][::-1], strict=True))
    names = dict(zip(test["vehicle"], test[table_csv.NAME], strict=True)) if table_csv.NAME in test else {}
    for vehicle, line in test[["vehicle", "line"]].drop_duplicates("vehicle").itertuples(index=False):
        if vehicle in trained:
            found = f"vehicle {names.get(vehicle, vehicle)} is in the training list too (line {trained[vehicle]} there)"
            wanted = "expected vehicles that were never trained on; take it out of one of them."
            yield Problem(file, line, f"{found}, {wanted}")


def _images(lists: dict[str, pd.DataFrame], decode: bool) -> list[Problem]:
    """Open every listed image once, in threads; return the problems, each at the first line that lists the image."""
    first: dict[str, tuple[str, int]] = {}
    for file, frame in lists.items():
        for path, line in zip(frame["path"], frame["line"], strict=True):
            first.setdefault(path, (file, line))
    with ThreadPoolExecutor(THREADS) as pool:
        results = pool.map(lambda path: _fault(path, decode), first, chunksize=64)
        faults = list(tqdm(results, "checking images", total=len(first), mininterval=1, delay=2, unit="image"))
    return [Problem(*first[path], fault) for path, fault in zip(first, faults, strict=True) if fault]


def _fault(path: str, decode: bool) -> str:
    """Describe in a sentence what is wrong with an image file; "" if nothing is."""
    if not os.path.exists(path):  # not Path.exists, which raises for a name that is too long
        return f"the image {path} is missing; put it there or take the line out."
    why = fault(path, decode)
    return f"the image {path} is unreadable ({why}); copy it again or take it out." if why else ""

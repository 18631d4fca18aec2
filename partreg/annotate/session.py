"""Pictures that somebody annotates: what is proposed, what is finished, and the file that keeps it.

The file is COCO. It holds the finished pictures only, is written whole after each of them, and is read again by the
next sitting. `partreg.annotate.page` shows a session in the browser, `partreg.annotate.board` in notebook 01.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pandas as pd

from partreg.annotate.formats_json import read_coco
from partreg.datasets.pictures import reason
from partreg.errors import PartregError
from partreg.files import inside, read_json, writable
from partreg.parts.annotation import SMALLEST, upright_size
from partreg.parts.boxes import BODY, CLASSES
from partreg.parts.coco import plain, write_coco
from partreg.parts.labelled import Box, Labelled, Notes, Picture, clamped, class_name
from partreg.search.pictures import find_pictures

BREAK = 600.0  # seconds; whoever takes longer for a picture had a break
NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")  # of an annotator
VEHICLE = "vehicle"  # what an annotator calls `BODY`
LABELS = (*CLASSES, VEHICLE)  # draw tight boxes; lights are extended to the bottom of the vehicle's box


@dataclass(frozen=True)
class Proposal:
    """A box that a detector found, and its score in [0, 1]."""

    box: Box
    score: float


Proposals = Mapping[str, Sequence[Proposal]]


def usable(folder: str | Path) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """The pictures under ``folder`` with their upright sizes, and why others are left out; headers are read only.

    Raises:
        PartregError: there is no such folder.
    """
    names, left_out = find_pictures(folder)
    sizes = {}
    for name in names:
        try:
            sizes[name] = upright_size(inside(folder, name))
        except PartregError as error:
            left_out[name] = reason(error.__cause__) if error.__cause__ else str(error)
    return sizes, left_out


def certainty(proposals: Sequence[Proposal]) -> float:
    """How sure a detector is of a picture: its lowest score among the boxes it proposes; 0 if it proposes none."""
    return min((one.score for one in proposals), default=0.0)


def time_left(seconds: Sequence[float], pictures: int) -> float | None:
    """The seconds that so many pictures will take by the median of those before; None if there were none."""
    return statistics.median(min(one, BREAK) for one in seconds) * pictures if seconds else None


class Session:
    """One annotator's work on pictures.

    Attributes:
        queue: all pictures, those first of which the detector is least certain; by name without a detector.
        classes: those that were asked for, and any other that the file has.
        saves: how often each picture was saved in this sitting.
        kept: where the file goes as it was, before the first change, if another tool wrote it: polygons, attributes and
            the like are not written again. None where nothing is lost.
    """

    def __init__(
        self,
        folder: str | Path,
        path: str | Path,
        classes: Iterable[str],
        sizes: Mapping[str, tuple[int, int]],
        proposals: Proposals | None = None,
        complete: str | Path | None = None,
    ) -> None:
        """Start, or go on with the file at ``path``.

        Args:
            folder: of the pictures.
            path: the COCO file.
            classes: in the order of their keys.
            sizes: of the pictures, from `usable`.
            proposals: what a detector found in them.
            complete: a second COCO file, which exists only while all pictures are finished, and holds only these.

        Raises:
            PartregError: there are no pictures, or a proposal or the file has an unknown class or is broken.
        """
        self.folder, self.path, self.sizes, self.proposals = Path(folder), Path(path), sizes, proposals or {}
        if not sizes:
            raise PartregError(f"{folder}: no pictures that can be annotated are in it; choose another folder.")
        wanted = [class_name(one, "classes") for one in classes]
        found, self.kept = Labelled((), ()), None
        if self.path.exists():
            content = read_json(self.path)
            found = _named(read_coco(self.path, content, Notes()), wanted)
            self.kept = None if plain(content) else self.path.with_name(f"{self.path.stem}.before{self.path.suffix}")
        self._seen = self._stamp()
        self._done = {picture.name: picture for picture in found.pictures}
        self.classes = tuple(dict.fromkeys([*wanted, *found.classes]))
        for name, picture in self._done.items():
            if name in sizes and (picture.width, picture.height) != sizes[name]:
                what = f"{name!r} has {sizes[name][0]} x {sizes[name][1]} pixels in {folder}"
                raise PartregError(f"{path}: {what}, another size here; move this file away, or choose another.")
        strangers = {one.box.label for found in self.proposals.values() for one in found} - {*self.classes}
        if strangers:
            what = f"the detector finds {min(strangers)!r}, which is none of the classes"
            raise PartregError(f"{what}; name it in --classes, too.")
        self.queue = tuple(sorted(sizes, key=lambda name: (certainty(self.proposals.get(name, ())), name)))
        self._seconds: list[float] = []
        self.saves: Counter[str] = Counter()
        self._complete = Path(complete) if complete else None
        self._keep_complete()

    @property
    def current(self) -> str | None:
        """The first picture of the queue that is not finished; None if all are."""
        return next((name for name in self.queue if name not in self._done), None)

    def finished(self, name: str) -> bool:
        """Whether a picture is in the file."""
        return name in self._done

    def boxes(self, name: str) -> list[tuple[Box, float | None]]:
        """The boxes of a picture: those in the file, or what the detector proposes, with its scores.

        Raises:
            PartregError: there is no such picture.
        """
        self._known(name)
        if name in self._done:
            return [(box, None) for box in self._done[name].boxes]
        return [(one.box, one.score) for one in self.proposals.get(name, ())]

    def save(self, name: str, boxes: Iterable[tuple[str, Sequence[float]]], seconds: float = 0.0) -> None:
        """Finish a picture with these classes and corners, and write the file; slips of the mouse are dropped.

        Raises:
            PartregError: the picture or a class is unknown, or another program has written the file meanwhile.
        """
        self._known(name)
        kept = []
        for label, corners in boxes:
            if label not in self.classes:
                raise PartregError(f"{name}: {label!r} is none of the classes; expected {', '.join(self.classes)}.")
            box = clamped(label, corners, self.sizes[name])
            kept += [box] if box and min(box.x1 - box.x0, box.y1 - box.y0) >= SMALLEST else []
        self._write(name, Picture(name, *self.sizes[name], tuple(kept)))
        self._seconds.append(seconds)
        self.saves[name] += 1

    def undo(self) -> tuple[str, tuple[Box, ...]] | None:
        """Take the picture that was finished last out of the file, and give its name and boxes; None if there is none.

        Raises:
            PartregError: another program has written the file meanwhile.
        """
        last = next((picture for name, picture in reversed(self._done.items()) if name in self.sizes), None)
        if last is None:
            return None
        self._write(last.name)
        return last.name, last.boxes

    def _write(self, name: str, picture: Picture | None = None) -> None:
        """Write the file with this picture as the last one, or without it."""
        if self._stamp() != self._seen:
            what = "another program has written it since it was opened here"
            raise PartregError(f"{self.path}: {what}; start `partreg annotate`, or the notebook, again and go on.")
        if self.kept and not self.kept.exists():
            shutil.copyfile(self.path, self.kept)
        done = {other: one for other, one in self._done.items() if other != name}
        done |= {name: picture} if picture else {}
        write_coco(Labelled(self.classes, tuple(done.values())), self.path)
        self._done, self._seen = done, self._stamp()
        self._keep_complete()

    def _keep_complete(self) -> None:
        if self._complete and self.current is None:
            write_coco(Labelled(self.classes, tuple(self._done[name] for name in self.queue)), self._complete)
        elif self._complete:
            self._complete.unlink(missing_ok=True)

    def progress(self) -> dict[str, Any]:
        """``done`` and ``total`` pictures, and the ``seconds`` that are left, None before the first one is finished."""
        done = sum(name in self._done for name in self.queue)
        return {"done": done, "total": len(self.queue), "seconds": time_left(self._seconds, len(self.queue) - done)}

    def _known(self, name: str) -> None:
        if name not in self.sizes:
            raise PartregError(f"{self.folder}: no picture {name!r} is in it; reload the page.")

    def _stamp(self) -> tuple[int, int] | None:
        if not self.path.exists():
            return None
        status = self.path.stat()
        return status.st_mtime_ns, status.st_size


def _named(found: Labelled, classes: Sequence[str]) -> Labelled:
    """`partreg.parts.formats.write_coco` says "body" for what an annotator calls "vehicle"."""
    if VEHICLE not in classes or BODY in classes or VEHICLE in found.classes:
        return found
    pictures = [
        replace(one, boxes=tuple(replace(box, label=VEHICLE) if box.label == BODY else box for box in one.boxes))
        for one in found.pictures
    ]
    return Labelled(tuple(VEHICLE if label == BODY else label for label in found.classes), tuple(pictures))


def propose(
    detector: str | Path,
    folder: str | Path,
    sizes: Mapping[str, tuple[int, int]],
    left_out: dict[str, str] | None = None,
) -> Proposals:
    """What a trained detector finds in these pictures: the best box of each class, best first.

    Raises:
        PartregError: ``detector`` is no folder of a trained detector, or a picture cannot be read; with ``left_out``,
            this names such pictures instead, and why.
    """
    from partreg.parts.detector import THRESHOLD, predict

    images = pd.DataFrame({"image": list(sizes), "path": [str(inside(folder, name)) for name in sizes]})
    found = predict(Path(detector) / "weights.pt", images, THRESHOLD, left_out=left_out)
    proposals: dict[str, list[Proposal]] = {}
    best = found.sort_values("score", ascending=False, kind="stable").drop_duplicates(["image", "name"])
    for row in best.itertuples(index=False):
        width, height = sizes[row.image]
        corners = (row.x0 * width, row.y0 * height, row.x1 * width, row.y1 * height)
        if box := clamped(row.name, corners, (width, height)):
            proposals.setdefault(row.image, []).append(Proposal(box, float(row.score)))
    return proposals


def begin(
    folder: str, classes: str = "", detector: str = "", annotator: str = "", to: str = ""
) -> tuple[Session, dict[str, str]]:
    """Start as `partreg annotate` does; gives the session, and why pictures are left out.

    Args:
        folder: of the pictures.
        classes: names with commas between; "" for `LABELS`, or what a detector of other things has learnt.
        detector: folder of a trained detector; "" for none.
        annotator: a name for the file of one of several annotators, of letters, digits, "-" and "_".
        to: the COCO file; "" for one beside ``folder``, under its name.

    Raises:
        PartregError: the name of the annotator is no such one, the file cannot be written, or as in `Session` and
            `propose`.
    """
    if annotator and not NAME.fullmatch(annotator):
        raise PartregError(f"--annotator {annotator!r}: expected letters, digits, '-' and '_'; choose such a name.")
    place = Path(os.path.abspath(folder))
    path = Path(to) if to else place.with_name(f"{place.name}.{annotator or 'annotations'}.json")
    sizes, left_out = usable(folder)
    with writable(path):  # to say so now, not once the first picture is drawn
        path.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path.parent).close()
    proposals = propose(detector, folder, sizes, left_out) if detector and sizes else {}
    sizes = {name: size for name, size in sizes.items() if name not in left_out}
    learnt = read_json(Path(detector) / "detector.json")["classes"] if detector else LABELS
    others = learnt if {*learnt} - {*LABELS} else LABELS  # a detector of other things than cars says their names
    names = [one.strip() for one in classes.split(",")] if classes else others
    return Session(place, path, names, sizes, proposals), left_out

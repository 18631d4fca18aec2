"""How many actions boxes take at the page, drawn or corrected: ``python -m tests.annotate.actions BOOK OUT.csv``.

BOOK is the folder of a finished book of the rendered benchmark, as ``build/laptop``. Of its pictures that nobody
annotated, 50 are annotated in headless Chromium by real mouse and keys, as `tests.annotate.hand.Hand` does it: once
drawn from nothing, and once for each overlap with the true boxes that counts as right, corrected from what the book's
detector proposes. A press of a key, a click and a drag are one action each; saving a picture is one, too.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

from partreg import files, local
from partreg.annotate.page import FILES, routes
from partreg.annotate.session import LABELS, Proposals, Session, propose
from partreg.parts import annotation, boxes
from partreg.parts.formats import read_coco
from tests.annotate.hand import Corners, Hand, overlap, until
from tests.origin import origin

PICTURES = 50
CLOSE = (0.7, 0.8, 0.9)  # the overlap (IoU) from which on a proposed box is left as it is
Wanted = dict[str, dict[str, Corners]]  # the true boxes by picture and class, in pixels


def chosen(root: Path, annotated: Path, count: int = PICTURES) -> tuple[Wanted, dict[str, tuple[int, int]]]:
    """True boxes, lights extended, and sizes of pictures that are not in the annotation file."""
    truth, drawn = annotation.read_truth(root), read_coco(annotated)
    names = sorted(set(truth.images["image"]) - set(drawn.images["image"]))
    names = sorted(np.random.default_rng(0).permutation(names)[:count].tolist())
    few = truth.subset(names)
    sizes = {row.image: (int(row.width), int(row.height)) for row in few.images.itertuples(index=False)}
    wanted: Wanted = {name: {} for name in names}
    for row in few.extended().itertuples(index=False):
        width, height = sizes[row.image]
        assert row.name not in wanted[row.image], "the renderer draws each part once"
        wanted[row.image][row.name] = (row.x0 * width, row.y0 * height, row.x1 * width, row.y1 * height)
    return wanted, sizes


def hands_overlap(root: Path, annotated: Path) -> float:
    """The median overlap of the boxes that were annotated with the true ones, lights extended."""
    drawn = read_coco(annotated)
    truth = annotation.read_truth(root, drawn.images["image"])
    return float(boxes.overlaps(drawn.boxes(), truth.boxes("truth"))["iou"].median())


def spent(browser: Any, root: Path, wanted: Wanted, sizes: Any, proposals: Proposals | None, close: float) -> int:
    """The actions that all pictures take; with proposals they are corrected, otherwise drawn."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(root, Path(folder) / "boxes.json", LABELS, sizes, proposals)
        with local.serving(routes(session), FILES) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)
            until(page, "!busy && find('said').textContent !== ''")
            hand = Hand(page)
            for name in session.queue:
                assert page.evaluate("image()") == name
                if proposals:
                    hand.correct(wanted[name], close)
                else:
                    hand.draw_all(wanted[name])
                hand.finish()
            page.close()
        for name in session.queue:
            found = {box.label: (box.x0, box.y0, box.x1, box.y1) for box, _ in session.boxes(name)}
            assert found.keys() == wanted[name].keys(), name
            assert all(overlap(found[label], box) >= close for label, box in wanted[name].items()), name
    return hand.actions


def measured(browser: Any, book: Path, count: int = PICTURES) -> pd.DataFrame:
    """One row a way: the least overlap, the pictures, their boxes, the actions, and the share of those of drawing."""
    root = next(book.glob("data-*/VehicleID_V1.0"))
    annotated = next(book.glob("parts-*/annotations.json"))
    wanted, sizes = chosen(root, annotated, count)
    with tempfile.TemporaryDirectory() as folder:  # ultralytics keeps its settings beside the weights
        copy = shutil.copytree(next(book.glob("parts-*/detector")), Path(folder) / "detector")
        proposals = propose(copy, root, sizes)
    ways = [("draw", CLOSE[-1], None), *(("correct", close, proposals) for close in CLOSE)]
    rows = [(way, close, spent(browser, root, wanted, sizes, found, close)) for way, close, found in ways]
    table = pd.DataFrame(rows, columns=["way", "iou", "actions"])
    table.insert(2, "pictures", count)
    table.insert(3, "boxes", sum(map(len, wanted.values())))
    hand = round(hands_overlap(root, annotated), 3)
    share = (table["actions"] / table["actions"].iloc[0]).round(3)
    made = {"profile": book.name, **origin()}
    return table.assign(share=share, hand_iou=hand, **made)


if __name__ == "__main__":
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        result = measured(running, Path(sys.argv[1]))
        running.close()
    files.write_text(sys.argv[2], result.to_csv(index=False, lineterminator="\n"))
    print(result.to_string(index=False))

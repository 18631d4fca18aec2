"""Table 3, FACT+Plate-REC: Liu et al. (ECCV 2016), appearance, and the plates as a recogniser reads them.

Images on which the recogniser reads exactly the query's plate come first, all others behind; within both groups FACT
decides (*assumed*: the publication does not say how it joins the two). The publication does not name its commercial
reader, so ours is that of `partreg.baselines.plates`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from partreg.baselines.declaration import Declaration
from partreg.baselines.plates import EPOCHS, Reader, load_crops, read, train_reader
from partreg.baselines.small_nets import load, train_once
from partreg.baselines.task import Cost, Task, timed
from partreg.datasets.side import read_plates

BEHIND = 2.0  # added to the distances of images that come behind; the sum gives their order and is no distance


def plates_first(fact: np.ndarray, query_texts: list[str], gallery_texts: list[str]) -> np.ndarray:
    """Move all images with the query's plate before all others in FACT's order.

    Args:
        fact: (Q, G) finite.
        query_texts: Q texts as read, "" where there is no plate.
        gallery_texts: G texts.

    Returns:
        (Q, G) float64: in [0, 1] where the plates match, else in [2, 3]; FACT's order within both. An image without a
        plate matches none.
    """
    query, gallery = np.array(query_texts, dtype=str)[:, None], np.array(gallery_texts, dtype=str)[None, :]
    match = (query == gallery) & (query != "")
    return unit(fact) + np.where(match, 0.0, BEHIND)


def unit(distances: np.ndarray) -> np.ndarray:
    """Move and scale distances (Q, G) as a whole to [0, 1]; zeros where all are equal."""
    values = np.asarray(distances, dtype=np.float64)
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def distances(task: Task) -> tuple[np.ndarray, Cost]:
    """(Q, G) distances by FACT and by plates as read, and their cost; the reader learns from the training images."""
    listed = read_plates(task.root, task.train)
    crops, has = load_crops(listed)
    query, gallery = (load_crops(read_plates(task.root, images)) for images in (task.query, task.gallery))
    how = {"epochs": min(task.epochs, EPOCHS), "seed": task.seed}
    train = partial(train_reader, crops, has, listed.plate.tolist(), **how)
    cost = Cost(training=train_once(task.folder, train))
    reader, fact = load(Reader(), task.folder), task.built_on["fact"]

    def compare() -> np.ndarray:
        return plates_first(fact.distances, read(reader, *query), read(reader, *gallery))

    return timed(compare, cost + fact.cost)


DECLARATION = Declaration(
    name="FACT+Plate-REC", tables=("veri",), training=("model labels", "number plates"), test=("number plates",),
    built_on=("fact",), takes_a_while=True,
    publication="Liu et al. 2016 (ECCV)", citation="liu2016provid", feature="FACT's and a string",
    alt="Flow chart: FACT gives a distance by appearance; a reader turns number plates into strings; images of the "
    "same string come first, and among each the distance decides.",
    nodes={
        "image": ("image", "input", 0, 0), "plate": ("number plate", "input", 0, 1), "fact": ("FACT", "learnt", 1, 0),
        "reader": ("plate reader", "learnt", 1, 1), "seen": ("distance by\nappearance", "fixed", 2, 0),
        "match": ("same string\nor another?", "fixed", 2, 1),
        "sum": ("same plate first,\nthen by distance", "compared", 3, 0.5),
    },
    edges=("image fact seen sum", "plate reader match sum"),
)  # fmt: skip

"""Search an index by pictures, or compare two, and say the answer in lines or in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partreg.search.extract import features_of, network_of
from partreg.search.fast import MILLION, search
from partreg.search.nearest import nearest
from partreg.search.page import Hit, RankList, rank_page
from partreg.search.store import Index
from partreg.search.threshold import Verdict, read_threshold, verdict


@dataclass(frozen=True)
class Answer:
    """What a search found.

    Attributes:
        lists: a rank list for each picture.
        exact: whether these are the nearest for certain, see `partreg.search.fast`.
    """

    lists: list[RankList]
    exact: bool

    def __str__(self) -> str:
        lines = []
        for one in self.lists:
            lines += [f"nearest to {one.query}:" if self.exact else f"near {one.query} (not searched whole):"]
            lines += [f"{hit.rank:4d}  {hit.distance:8.4f}  {hit.name}" for hit in one.hits]
        return "\n".join(lines)

    def to_json(self) -> str:
        """The answer as JSON: exact, and for each of queries its picture and the results by rank."""
        queries = [
            {
                "picture": str(one.query),
                "results": [{"rank": hit.rank, "distance": hit.distance, "path": hit.name} for hit in one.hits],
            }
            for one in self.lists
        ]
        return json.dumps({"exact": self.exact, "queries": queries}, indent=1)

    def to_page(self, index: Index) -> str:
        """The answer as a page, see `partreg.search.page.rank_page`."""
        return rank_page(self.lists, f"Nearest pictures in {index.folder.name}")


def answer(
    index: Index, pictures: Sequence[str | Path], top: int = 10, network: str | Path = "", exact: bool = False
) -> Answer:
    """Search an index by some pictures, which may lie anywhere.

    Args:
        index: from `partreg.search.store.read_index`.
        pictures: the queries.
        top: length of each rank list.
        network: where the network of the index lies now, a folder or an ONNX file; "" for where it was.
        exact: search a large index whole, too.

    Raises:
        PartregError: a picture cannot be read, or the network is missing or another one.
    """
    return ranked(index, features_of(network_of(index, network), pictures), [Path(one) for one in pictures], top, exact)


def ranked(index: Index, queries: np.ndarray, pictures: Sequence[Path], top: int = 10, exact: bool = False) -> Answer:
    """Search an index by features (Q, D) that were computed before, of ``pictures``; the rest is as in `answer`."""
    many = len(index.features) > MILLION and not exact
    kept = index.folder / f"cells-{index.state}.faiss" if many else None
    found = search(queries, index.features, top, kept=kept, exact_up_to=MILLION if many else len(index.features))
    lists = []
    for picture, rows, distances in zip(pictures, found.rows, found.distances, strict=True):
        names = [index.names[row] for row in rows]
        hits = enumerate(zip(names, distances.tolist(), strict=True), start=1)
        lists.append(RankList(picture, [Hit(rank, far, name, index.path(name)) for rank, (name, far) in hits]))
    return Answer(lists, found.exact)


def compare(index: Index, first: str | Path, second: str | Path, network: str | Path = "") -> Verdict:
    """Say whether two pictures show one vehicle, by the network and the calibrated threshold of an index.

    Raises:
        PartregError: there is no threshold yet, a picture cannot be read, or the network is missing or another one.
    """
    threshold = read_threshold(index.folder, index.weights)
    features = features_of(network_of(index, network), [first, second])
    return verdict(threshold, float(nearest(features[:1], features[1:], 1)[1][0, 0]))

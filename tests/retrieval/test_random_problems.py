"""A thousand random problems, each judged by the fast code and by references that are slow and obvious.

Five kinds, two hundred of each: distances with many ties, none, one camera for most images, unknown cameras, and
vehicles without any match. The same problems go to scikit-learn and torchmetrics where these define the same quantity.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pytest
import slow_reference as slow
import torch
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, top_k_accuracy_score
from torchmetrics.functional.retrieval import retrieval_average_precision, retrieval_hit_rate

from partreg.datasets.images import images_table
from partreg.errors import PartregError
from partreg.retrieval.distances import l2
from partreg.retrieval.protocols import draw_gallery, single_match_ranks, vehicleid_protocol, veri_scores
from partreg.retrieval.variants import (
    EVERY,
    NO_JUNK,
    NO_QUERIES,
    TOOLBOXES,
    WHOLE,
    every_match_cmc,
    ranked,
    vehicleid_variants,
    veri_toolboxes,
    veri_variants,
)

KINDS = ("ties", "no ties", "one camera", "unknown cameras", "missing matches")
SEEDS = range(200)  # of each kind


@dataclass(eq=False)
class Problem:
    """A query and a gallery table, and their distances."""

    query: pd.DataFrame
    gallery: pd.DataFrame
    distances: np.ndarray

    @cached_property
    def rows(self):
        """What the references take: for each query, its row of distances and its entry, and the gallery's entries."""
        gallery = self.gallery.to_dict("records")
        return [
            (row.tolist(), query, gallery)
            for row, query in zip(self.distances, self.query.to_dict("records"), strict=True)
        ]

    def has_match(self, junk=slow.is_junk):
        return [any(slow.rank_list(row, query, gallery, junk)) for row, query, gallery in self.rows]


def problem(kind, seed) -> Problem:
    rng = np.random.default_rng([KINDS.index(kind), seed])
    count = int(rng.integers(4, 26))
    vehicles = rng.integers(0, count if kind == "missing matches" else 4, count)
    cameras = rng.integers(0, 3, count)
    if kind == "one camera":
        cameras = np.where(rng.random(count) < 0.8, 1, 2)
    if kind == "unknown cameras":
        cameras = np.where(rng.random(count) < 0.5, -1, cameras)
    tracks = [
        f"{v}-{c}-{rng.integers(2)}" if rng.random() < 0.8 else "" for v, c in zip(vehicles, cameras, strict=True)
    ]
    names = [f"image_test/{row:02d}.jpg" for row in rng.permutation(count)]
    columns = {"image": names, "path": names, "vehicle": vehicles, "camera": cameras, "track": tracks}
    gallery = images_table(columns)
    query = gallery.iloc[np.sort(rng.permutation(count)[: int(rng.integers(1, 6))])].reset_index(drop=True)
    shape = (len(query), count)
    tied = rng.integers(0, 6, shape) / 2
    distances = np.stack([rng.permutation(count) for _ in query.index]) / 7 if kind == "no ties" else tied
    return Problem(query, gallery, distances.astype(rng.choice(["f4", "f8"])))


@pytest.fixture(params=KINDS)
def problems(request):
    """The two hundred problems of a kind; those in which no query has a match are an error and no score."""
    found = [problem(request.param, seed) for seed in SEEDS]
    kept = [one for one in found if any(one.has_match())]
    assert len(kept) > 0.6 * len(found), "the problems are not so empty that nothing is compared"
    for one in found:
        if one not in kept:
            with pytest.raises(PartregError, match="no query has a match"):
                veri_scores(one.distances, one.query, one.gallery)
    return kept


def test_veri_as_the_rules_read(problems):
    for one in problems:
        scores = veri_scores(one.distances, one.query, one.gallery)
        found = one.has_match()
        assert scores.skipped == found.count(False)
        for place, (row, query, gallery) in enumerate(one.rows):
            if not found[place]:
                assert np.isnan([scores.ap[place], scores.hits[place]]).all()
                assert scores.image_ranks[place] == scores.track_ranks[place] == 0
                continue
            hits = slow.rank_list(row, query, gallery)
            assert scores.aps["rectangular"][place] == pytest.approx(slow.rectangular(hits), abs=1e-12)
            assert scores.aps["trapezoidal"][place] == pytest.approx(slow.trapezoidal(hits), abs=1e-12)
            assert scores.image_ranks[place] == slow.first_match(hits)
            assert scores.track_ranks[place] == slow.first_track(row, query, gallery)
        firsts = [slow.first_match(slow.rank_list(*row)) for row, good in zip(one.rows, found, strict=True) if good]
        tracks = [slow.first_track(*row) for row, good in zip(one.rows, found, strict=True) if good]
        for k in (1, 2, 5, 50):
            assert scores.cmc[k - 1] == pytest.approx(np.mean([first <= k for first in firsts]))
            assert scores.hit[k - 1] == pytest.approx(np.mean([track <= k for track in tracks]))


def test_average_precision_as_scikit_learn_has_it(problems):
    for one in problems:
        scores = veri_scores(one.distances, one.query, one.gallery)
        for place, (row, query, gallery) in enumerate(one.rows):
            kept = [column for column, image in enumerate(gallery) if not slow.is_junk(query, image)]
            right = np.array([gallery[column]["vehicle"] == query["vehicle"] for column in kept])
            near = -np.array(row)[kept]
            if right.any():
                expected = average_precision_score(right, near)
                assert scores.aps["sklearn"][place] == pytest.approx(expected, abs=1e-12)
            if right.any() and len(np.unique(near)) == len(near):
                precision, recall, _ = precision_recall_curve(right, near)
                # What scikit-learn did before 0.19: without ties it is the data set's own rule.
                assert scores.aps["trapezoidal"][place] == pytest.approx(auc(recall, precision), abs=1e-12)


def test_scores_as_torchmetrics_has_them():
    for seed in SEEDS:
        one = problem("no ties", seed)  # its order of equals is not defined
        found = one.has_match()
        if not any(found):
            continue
        scores = veri_scores(one.distances, one.query, one.gallery)
        for place, (row, query, gallery) in enumerate(one.rows):
            if not found[place]:
                continue
            kept = [column for column, image in enumerate(gallery) if not slow.is_junk(query, image)]
            near = 10 - torch.tensor(row, dtype=torch.float64)[kept]  # it takes only what is above zero for found
            right = torch.tensor([gallery[column]["vehicle"] == query["vehicle"] for column in kept])
            assert scores.ap[place] == pytest.approx(float(retrieval_average_precision(near, right)), abs=1e-6)
            for k in (1, 5):
                hit = float(retrieval_hit_rate(near, right, top_k=min(k, len(kept))))
                assert (scores.image_ranks[place] <= k) == hit


def galleries_by_hand(one: Problem) -> dict[str, Problem]:
    asked = set(one.query["image"])
    left = [image not in asked for image in one.gallery["image"]]
    smaller = Problem(one.query, one.gallery[left].reset_index(drop=True), one.distances[:, left])
    return {WHOLE: one, NO_QUERIES: smaller, NO_JUNK: one}


def nothing(query, image):
    return False


def test_variants_and_toolboxes_as_their_rules_read(problems):
    compared = 0
    for one in problems:
        by_hand = galleries_by_hand(one)
        if not any(by_hand[NO_QUERIES].has_match()):
            continue
        compared += 1
        variants = veri_variants(one.distances, one.query, one.gallery).set_index(["gallery", "ties", "rule"])
        printed = veri_toolboxes(one.distances, one.query, one.gallery).set_index("toolbox")
        parts = ranked(one.distances, one.query, one.gallery)
        for name, some in by_hand.items():
            junk = nothing if name == NO_JUNK else slow.is_junk
            lists = [slow.rank_list(*row, junk) for row in some.rows]
            lists = [hits for hits in lists if any(hits)]
            every = every_match_cmc(parts[name].ranks, 5)
            for rule, of in (("rectangular", slow.rectangular), ("trapezoidal", slow.trapezoidal)):
                expected = np.mean([of(hits) for hits in lists])
                assert variants.loc[(name, "stable", rule), "mAP"] == pytest.approx(expected)
            for k in (1, 5):
                expected = np.mean([slow.first_match(hits) <= k for hits in lists])
                assert variants.loc[(name, "stable", "rectangular"), f"rank{k}"] == pytest.approx(expected)
                assert every[k - 1] == pytest.approx(np.mean([slow.every_match(hits, k) for hits in lists]))
        for box in TOOLBOXES:
            of = variants.loc[(box.gallery, "together" if box.rule == "sklearn" else "stable", box.rule)]
            assert printed.loc[box.name, "mAP"] == of.mAP
            if box.curve != EVERY:
                stable = variants.loc[(box.gallery, "stable", "rectangular")]
                assert printed.loc[box.name, ["rank1", "rank5"]].tolist() == stable[["rank1", "rank5"]].tolist()
    assert compared > 50


def test_a_query_that_finds_itself_is_always_right():
    one = problem("no ties", 3)
    itself = one.query["image"].to_numpy()[:, None] == one.gallery["image"].to_numpy()
    table = veri_toolboxes(np.where(itself, -1, one.distances), one.query, one.gallery).set_index("toolbox")
    assert table.loc["regob/vehicle_reid", "rank1"] == 1
    assert table.loc["partreg", "rank1"] < 1


def features_of(seed, ties):
    rng = np.random.default_rng(seed)
    vehicles = np.concatenate([np.arange(4), rng.integers(0, 6, int(rng.integers(4, 25)))]) * 7
    values = rng.integers(0, 3, (len(vehicles), 2)) if ties else rng.standard_normal((len(vehicles), 3))
    return values.astype(float), rng.permutation(vehicles)


@pytest.mark.parametrize("ties", [True, False])
def test_vehicleid_as_the_rules_read(ties):
    for seed in SEEDS:
        features, vehicles = features_of(seed, ties)
        scores = vehicleid_protocol(features, vehicles, galleries=2, seed=seed)
        draw = np.random.default_rng(seed)
        for curve in scores.cmc:
            gallery = draw_gallery(vehicles, draw).tolist()
            assert sorted(vehicles[gallery]) == sorted(set(vehicles)), "one image of each vehicle"
            queries = [row for row in range(len(vehicles)) if row not in gallery]
            distances = l2(features[queries], features[gallery])
            owns = [vehicles[gallery].tolist().index(vehicles[query]) for query in queries]
            ranks = [slow.single_match(row.tolist(), own) for row, own in zip(distances, owns, strict=True)]
            assert single_match_ranks(distances, vehicles[queries], vehicles[gallery]).tolist() == ranks
            for k in range(1, len(curve) + 1):
                assert curve[k - 1] == pytest.approx(np.mean([rank <= k for rank in ranks]))
                if not ties and 2 < k < len(gallery):  # scikit-learn's name for Equation 4
                    known = top_k_accuracy_score(owns, -distances, k=k, labels=range(len(gallery)))
                    assert curve[k - 1] == pytest.approx(known)


def test_vehicleid_variants_as_their_rules_read():
    for seed in range(50):
        features, vehicles = features_of(seed, ties=False)
        table = vehicleid_variants(features, vehicles, galleries=3, seed=seed).set_index("variant")
        scores = vehicleid_protocol(features, vehicles, galleries=3, seed=seed)
        low, high = (table.loc[f"the same, the draw with the {word} score", "cmc1"] for word in ("lowest", "highest"))
        assert (low, high) == (scores.cmc[:, 0].min(), scores.cmc[:, 0].max())
        first = [vehicles.tolist().index(vehicle) for vehicle in sorted(set(vehicles))]
        queries = [row for row in range(len(vehicles)) if row not in first]
        near = l2(features[queries], features[first])
        hits = [vehicles[first[int(row.argmin())]] == vehicles[query] for row, query in zip(near, queries, strict=True)]
        assert table.loc["the first-listed image is the gallery", "cmc1"] == pytest.approx(np.mean(hits))
        draw, swapped = np.random.default_rng(seed), []
        for _ in range(3):
            asked = draw_gallery(vehicles, draw).tolist()
            others = [row for row in range(len(vehicles)) if row not in asked]
            near = l2(features[asked], features[others])
            order = np.array(others)[near.argsort(axis=1, kind="stable")]
            lists = [(vehicles[row] == vehicles[query]).tolist() for row, query in zip(order, asked, strict=True)]
            swapped.append(np.mean([slow.first_match(hits) == 1 for hits in lists if any(hits)]))
        assert table.loc["one random image is the query", "cmc1"] == pytest.approx(np.mean(swapped))

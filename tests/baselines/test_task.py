"""What methods share to compare images and to say what that costs."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from partreg.baselines import task
from partreg.baselines.task import Cost, Task
from partreg.retrieval.distances import l2


@pytest.fixture
def given(tmp_path):
    """Two queries and four gallery images, whose pixels and features are numbers at random."""
    query, gallery = pd.DataFrame({"image": ["q1", "q2"]}), pd.DataFrame({"image": list("abcd")})
    rng = np.random.default_rng(0)
    pixels = dict(zip([*query.image, *gallery.image], rng.integers(0, 256, (6, 2, 2, 3), dtype=np.uint8), strict=True))
    features = {"query": rng.random((2, 3)), "gallery": rng.random((4, 3))}
    return Task(
        root=Path(),
        train=gallery[:0],
        query=query,
        gallery=gallery,
        seed=0,
        epochs=1,
        folder=tmp_path,
        pixels=lambda images: np.stack([pixels[name] for name in images.image]),
        features=features.__getitem__,
        network_cost=lambda: Cost(7.0, 3, 0.5),
        built_on={},
    )


def test_costs_add():
    total = Cost(1.0, 20, 0.5) + Cost(training=2.0) + Cost(query=0.25)
    assert total == Cost(3.0, 20, 0.75)
    assert asdict(Cost()) == {"training": 0.0, "width": 0, "query": 0.0}


def test_the_time_of_a_comparison_is_shared_by_the_queries(monkeypatch):
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(task.time, "perf_counter", lambda: next(clock))
    found, cost = task.timed(lambda: np.zeros((4, 9)), Cost(1.0, 5, 0.25))
    assert found.shape == (4, 9)
    assert cost == Cost(1.0, 5, 0.75)


def test_hand_crafted_features_are_compared_by_l2(given):
    found, cost = task.compared(given, lambda images: images.reshape(len(images), -1).astype(np.float32), 5.0)
    flat = given.pixels(pd.concat([given.query, given.gallery])).reshape(6, -1).astype(np.float32)
    assert np.array_equal(found, l2(flat[:2], flat[2:]))
    assert (cost.training, cost.width) == (5.0, 12)
    assert cost.query > 0


def test_a_network_is_compared_by_l2_and_costs_its_comparison_too(given):
    found, cost = task.network_distances(given)
    assert np.array_equal(found, l2(given.features("query"), given.features("gallery")))
    assert (cost.training, cost.width) == (7.0, 3)
    assert cost.query > 0.5

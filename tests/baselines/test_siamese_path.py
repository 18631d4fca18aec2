from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import siamese_path as sp
from partreg.errors import PartregError
from partreg.reid.run import Run
from partreg.retrieval.distances import l2

RUN = Run(dataset="veri", parts=(), size=32, dim=8, batch=8)
CAMERAS = pd.DataFrame(
    np.abs(np.subtract.outer([0.0, 500, 1000, 1500], [0.0, 500, 1000, 1500])), range(1, 5), range(1, 5)
)


def images(batch=8):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (batch, 3, 32, 32), dtype=np.uint8))


def siamese(vehicles):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return sp.METHOD.network(RUN, {"vehicle": vehicles})


def test_verification_by_hand():
    logits = torch.tensor(
        [[9.0, 0.0, 1.0], [9.0, 9.0, -1.0], [9.0, 9.0, 9.0]]
    )  # only what is above the diagonal counts
    right, wrong = np.log(2), (np.log1p(np.exp(1)) + np.log1p(np.exp(-1))) / 2
    assert sp.verification(logits, torch.tensor([4, 4, 7])).item() == pytest.approx((right + wrong) / 2)
    assert sp.verification(logits, torch.tensor([4, 5, 7])).item() == pytest.approx((np.log(2) + 2 * wrong) / 3 / 2)


def test_features_have_length_1_and_similarity_is_of_their_cosines():
    network = siamese(3).eval()
    output = network(images(5))
    assert output.feature.shape == (5, 8)
    assert output.logits["vehicle"].shape == (5, 3)
    np.testing.assert_allclose(output.feature.norm(dim=1).detach(), 1, rtol=1e-5)
    np.testing.assert_allclose(output.extra["similarity"].diagonal().detach(), 4, rtol=1e-5)


def test_a_step_lowers_the_loss():
    network = siamese(4)
    pixels, targets = images(), {"vehicle": torch.arange(4).repeat_interleave(2)}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        found = sp.METHOD.losses(RUN, network, network(pixels), targets)
        assert next(iter(found)) == "loss"
        assert found["loss"].item() == pytest.approx((found["loss_identity"] + found["loss_pairs"]).item())
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
        losses.append(found["loss"].item())
    assert losses[1] < losses[0]
    assert network.scale.grad != 0


def enumerated(direct, start, hop, between):
    """The best path to each node, by looking at every one: (score, nodes) of one query."""
    number = len(direct)
    for last in range(number):
        found = [(direct[last], (last,))]
        for k in range(1, between + 1):
            for way in permutations(set(range(number)) - {last}, k):
                way = (*way, last)
                total = start[way[0]] + sum(hop[i, j] for i, j in pairwise(way))
                found.append((total / (k + 1), way))
        yield max(found)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 4), st.floats(0, 0.7))
def test_best_paths_are_those_of_all_paths(seed, number, between, closed):
    chance = np.random.default_rng(seed)
    direct, hop = -chance.random((2, number)), -chance.random((number, number))
    start = np.where(chance.random((2, number)) < closed, -np.inf, direct)
    hop[chance.random((number, number)) < closed] = -np.inf
    mixed = chance.permutation(number)  # the order of time need not be that of the rows
    hop[mixed[:, None] >= mixed] = -np.inf
    score, nodes = sp.best_paths(direct, start, hop, between)
    for query in range(2):
        for last, (best, way) in enumerate(enumerated(direct[query], start[query], hop, between)):
            assert score[query, last] == pytest.approx(best, abs=1e-12)
            assert nodes[query, last].tolist() == [*way, *[-1] * (between + 1 - len(way))]


def test_best_paths_do_not_depend_on_the_blocks():
    chance = np.random.default_rng(0)
    direct, hop = -chance.random((sp.BLOCK + 3, 7)), np.where(np.tri(7, dtype=bool), -np.inf, -chance.random((7, 7)))
    score, nodes = sp.best_paths(direct, direct, hop)
    alone = sp.best_paths(direct[-3:], direct[-3:], hop)
    assert (score[-3:] == alone[0]).all()
    assert (nodes[-3:] == alone[1]).all()


def test_a_detour_by_likely_steps_beats_an_unlikely_direct_way():
    direct = np.log([[0.9, 0.1]])
    hop = np.array([[-np.inf, np.log(0.4)], [-np.inf, -np.inf]])
    score, nodes = sp.best_paths(direct, direct, hop)
    assert nodes[0, :, :2].tolist() == [[0, -1], [0, 1]]
    np.testing.assert_allclose(np.exp(score), [[0.9, 0.6]])


def drawn(vehicles, seed, offset=0, tracks=4):
    """Vehicles that drive past cameras 1, 2, 3, 4, 100 a camera; every two look the same; three images a track."""
    chance = np.random.default_rng(seed)
    rows, features = [], []
    for vehicle in range(vehicles):
        look, begin = vehicle // 2, 20_000 * (vehicle % 2) + chance.integers(5_000)
        for k in range(tracks):
            for n in range(3):
                rows.append((f"{vehicle}_{k}_{n}", offset + vehicle, k + 1, begin + 100 * k + n, f"{vehicle}_{k}"))
                features.append(np.eye(vehicles)[look] + 0.2 * chance.standard_normal(vehicles))
    table = pd.DataFrame(rows, columns=["image", "vehicle", "camera", "time", "track"])
    return table, np.array(features, dtype=np.float32)


@pytest.fixture(scope="module")
def trained():
    table, features = drawn(16, 0)
    return sp.train_path(features, table.assign(track=""), CAMERAS, epochs=15, seed=0)


def test_paths_separate_what_looks_the_same(trained):
    table, features = drawn(16, 1, offset=100)
    query = table.index % 12 == 0
    found = sp.path_distances(trained, features[query], features, table[query], table, CAMERAS)
    vehicles, places = table["vehicle"].to_numpy(), table["camera"].to_numpy()
    own, other = vehicles[query][:, None] == vehicles, places[query][:, None] != places
    twin = ~own & ((vehicles[query][:, None] - 100) // 2 == (vehicles - 100) // 2)
    farthest, nearest = (np.where(own & other, found, -np.inf).max(1), np.where(twin & other, found, np.inf).min(1))
    assert (farthest < nearest).mean() > 0.9
    visual = l2(features[query], features)
    by_looks = np.where(own & other, visual, -1).max(1) < np.where(twin & other, visual, 99).min(1)
    assert by_looks.mean() < 0.2


def test_paths_go_through_the_sightings_between_in_the_order_of_time(trained):
    table, features = drawn(16, 1)
    seen = sp.sightings(features, table, sp.track_numbers(table), CAMERAS)
    within = sp.relations(seen, seen, CAMERAS)
    paths = sp.propose(trained, seen, seen, within, within)
    assert (np.diagonal(paths[..., 0]) == np.arange(len(seen.times))).all()  # to itself there is only the direct way
    for first, last in np.argwhere(~np.eye(len(paths), dtype=bool)):
        way = [first, *paths[first, last][paths[first, last] >= 0]]
        assert way[-1] == last
        if len(way) > 2:
            steps = np.diff(seen.times[way])
            assert (steps > 0).all() or (steps < 0).all()
            assert (np.diff(seen.places[way]) != 0).all()
    # Vehicle 0 is seen in tracks 0 to 3; from its first sighting to its last it passes those between, and back.
    assert paths[0, 3].tolist() == [1, 2, 3, -1, -1]
    assert paths[3, 0].tolist() == [2, 1, 0, -1, -1]


def test_no_two_pairs_fall_on_one_distance_for_want_of_digits(trained, monkeypatch):
    table, features = drawn(16, 1)
    # A network that is as sure as those of the tables: logits down to -200, whose sigmoid is 0 or 1 to the last digit.
    monkeypatch.setattr(sp.PathNet, "similarity", lambda net, visual: -60.0 * np.asarray(visual, np.float64))
    found = sp.path_distances(trained, features[:5], features, table[:5], table, CAMERAS)
    assert found.max() > 100
    assert all(len(np.unique(row)) == len(row) for row in found)
    assert len(np.unique((1 / (1 + np.exp(-found[0]))).astype(np.float32))) < len(table) / 2  # as it would be


@pytest.mark.parametrize("column", ["time", "camera"])
def test_what_is_unknown_leaves_the_siamese_network_alone(trained, column):
    table, features = drawn(6, 2)
    features = np.pad(features, ((0, 0), (0, 10)))
    unknown = table.assign(**{column: -1})
    found = sp.path_distances(trained, features[:5], features, unknown[:5], unknown, CAMERAS)
    logits = trained.similarity(l2(features[:5], features))
    np.testing.assert_allclose(found, -logits, rtol=1e-9)
    one = table.copy()
    one.loc[3:5, column] = -1  # a single track: the others keep their paths
    mixed = sp.path_distances(trained, features[:5], features, table[:5], one, CAMERAS)
    np.testing.assert_allclose(mixed[:, 3:6], found[:, 3:6], rtol=1e-9)
    assert (mixed[:, 30:] != found[:, 30:]).all()


def test_vehicles_of_the_test_half_are_not_looked_at(trained):
    table, features = drawn(4, 3)
    features = np.pad(features, ((0, 0), (0, 12)))
    found = [
        sp.path_distances(trained, features[:4], features, some[:4], some, CAMERAS)
        for some in (table, table.assign(vehicle=table["vehicle"].to_numpy()[::-1] % 3))
    ]
    assert (found[0] == found[1]).all()


def test_training_is_reproducible():
    table, features = drawn(6, 4)
    one, again, other = (
        torch.cat(
            [
                value.flatten()
                for value in sp.train_path(features, table, CAMERAS, epochs=2, seed=seed).state_dict().values()
            ]
        )
        for seed in (5, 5, 6)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_training_needs_vehicles_that_were_seen_twice():
    table, features = drawn(4, 4)
    with pytest.raises(PartregError, match="expected two training vehicles or more with two tracks of known time"):
        sp.train_path(features, table.assign(time=-1), CAMERAS, epochs=1, seed=0)


def test_a_sighting_is_the_mean_of_its_track():
    table = pd.DataFrame({"camera": [3, 2, 3, 9], "time": [10, 7, 20, -1]})
    found = sp.sightings(np.array([[1.0], [5], [3], [8]]), table, np.array([0, 1, 0, 2]), CAMERAS)
    assert found.features.tolist() == [[2], [5], [8]]
    assert found.times.tolist() == [15, 7, -1]
    assert found.places.tolist() == [2, 1, -1]


def test_relations_by_hand():
    one = sp.Sightings(np.array([[0.0, 0]]), np.array([10.0]), np.array([0]))
    others = sp.Sightings(np.array([[3.0, 4], [0, 1]]), np.array([109.0, -1]), np.array([2, -1]))
    found = sp.relations(one, others, CAMERAS)[:, 0]
    np.testing.assert_allclose(found, [[5, 1], [np.log(100), np.nan], [1.0, np.nan]], rtol=1e-6)


def test_consecutive_sightings():
    found = sp.consecutive(np.array([30, 5, 20, 10, 7]), np.array([1, 2, 1, 1, 2]))
    assert found.tolist() == [[3, 2, 1], [2, 0, 4]]


def test_wrong_ends_are_of_other_vehicles_and_hold_the_likeliest():
    vehicles = np.arange(20) // 2
    wrong = vehicles[:, None] != vehicles
    likely = -np.abs(np.subtract.outer(np.arange(20), np.arange(20))).astype(float)
    rows, columns = sp.wrong_ends(likely, wrong, np.random.default_rng(0))
    assert wrong[rows, columns].all()
    assert len(rows) == 20 * (sp.HARD + sp.RANDOM)
    assert set(columns[rows == 0][: sp.HARD]) == {2, 3, 4, 5, 6}
    rows, _ = sp.wrong_ends(likely[:4, :4], wrong[:4, :4], np.random.default_rng(0))
    assert len(rows) == 4 * 2 * 2  # where there are fewer others, all of them


def test_the_potential_falls_with_the_visual_distance_and_knows_the_time(trained):
    net = trained
    visual = np.linspace(0, 2, 9, dtype=np.float32)
    grid = np.stack([visual, np.full(9, np.log1p(100), np.float32), np.full(9, 0.5, np.float32)])[:, None]
    assert (np.diff(net.potential(grid)[0]) < 0).all()
    late = grid.copy()
    late[1] = np.log1p(20_000)
    assert (net.potential(late) < net.potential(grid)).all()
    unknown = grid.copy()
    unknown[1] = np.nan
    even = np.log(0.5) - np.log1p(np.exp(-net.similarity(visual)))
    np.testing.assert_allclose(net.potential(unknown)[0], even, rtol=1e-4)

import math

import numpy as np
import pandas as pd
import pytest
import torch

from partreg.baselines import plate_snn
from partreg.baselines.task import Task
from partreg.errors import PartregError

NAN = np.nan


@pytest.fixture(scope="module")
def crops():
    """Four plates with five crops each."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 24), dtype=np.uint8)
    drawn = np.kron(noise, np.ones((1, 4, 4), np.uint8))
    return drawn.repeat(5, 0), np.ones(20, bool), np.repeat([11, 5, 70, 2], 5)


def test_pair_loss_by_hand():
    features = torch.tensor([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0], [0.0, 1.0]])
    vehicles = torch.tensor([0, 0, 1, 2])
    # one vehicle: d^2 = 0.8. two: d = 0 (0 and 2), sqrt 2 (0 and 3), sqrt 0.8 (1 and 2), sqrt 0.4 (1 and 3), sqrt 2
    gaps = [0, math.sqrt(2), math.sqrt(0.8), math.sqrt(0.4), math.sqrt(2)]
    apart = sum(max(0, 1 - gap) ** 2 / 2 for gap in gaps) / 5
    assert float(plate_snn.pair_loss(features, vehicles)) == pytest.approx(0.5 * (0.8 / 2 + apart), abs=1e-5)


def test_pair_loss_of_one_kind_of_pairs():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    assert float(plate_snn.pair_loss(features, torch.tensor([4, 4])).detach()) == pytest.approx(0.5)
    loss = plate_snn.pair_loss(features, torch.tensor([4, 5]), margin=2.0)
    assert float(loss.detach()) == pytest.approx(0.25 * (2 - math.sqrt(2)) ** 2)
    same = torch.ones(2, 2, requires_grad=True)
    plate_snn.pair_loss(same, torch.tensor([0, 1])).backward()
    assert torch.isfinite(same.grad).all()


def test_batches_hold_several_crops_of_each_vehicle():
    vehicles = torch.tensor([0] * 6 + [1] * 2 + [2] * 8 + [3] * 8)
    rows = plate_snn.by_vehicle(vehicles, torch.Generator().manual_seed(0))
    assert len(rows) == len(vehicles)
    groups = vehicles[rows].view(-1, 4)
    assert (groups == groups[:, :1]).all()
    assert set(groups[:4, 0].tolist()) == {0, 1, 2, 3}, "every vehicle once, then again"
    for group, vehicle in zip(rows.view(-1, 4).tolist(), groups[:, 0].tolist(), strict=True):
        assert len(set(group)) == (2 if vehicle == 1 else 4)
    other = plate_snn.by_vehicle(vehicles, torch.Generator().manual_seed(1))
    assert not torch.equal(rows, other)


def test_features_have_length_1():
    net = plate_snn.PlateNet().eval()
    features = net(torch.randn(3, 1, 32, 96))
    assert features.shape == (3, plate_snn.WIDE)
    assert torch.allclose(features.norm(dim=1), torch.ones(3))


def test_plates_of_one_vehicle_become_alike(crops):
    pictures, has, vehicles = crops
    net = plate_snn.train(pictures, has, vehicles, epochs=8, seed=0)
    some = np.arange(20) % 5 != 0
    found = plate_snn.plate_distances(net, (pictures, has), (pictures, some))
    assert (found.shape, found.dtype) == ((20, 20), np.float32)
    assert (np.isnan(found) == ~some[None, :]).all()
    same = vehicles[:, None] == vehicles[None, :]
    known = ~np.isnan(found)
    assert ((found[known] >= 0) & (found[known] <= 1)).all()
    assert found[same & known].max() < 0.01 < 0.2 < found[~same & known].min()


def test_plates_that_are_nearly_alike_keep_their_order(monkeypatch):
    chance = np.random.default_rng(0)
    first = chance.normal(size=plate_snn.WIDE)
    steps = 1e-4 * np.arange(1, 41)[:, None] * chance.normal(size=plate_snn.WIDE)
    features = (first + np.concatenate([0 * steps[:1], steps])) / np.linalg.norm(first)
    features = torch.from_numpy(features.astype(np.float32))
    monkeypatch.setattr(
        plate_snn, "computed", lambda net, some: features[: len(some)] if len(some) == 1 else features[1:]
    )
    pictures = np.zeros((41, 32, 96), np.uint8)
    has = np.ones(41, bool)
    found = plate_snn.plate_distances(None, (pictures[:1], has[:1]), (pictures[1:], has[1:]))
    assert (np.diff(found[0]) > 0).all()


def test_the_same_seed_gives_the_same_weights(crops):
    a, b = (plate_snn.train(*crops, epochs=1, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_images_without_plates(crops):
    pictures, has, vehicles = crops
    with pytest.raises(PartregError, match=r"at least two training vehicles"):
        plate_snn.train(pictures, vehicles == 5, vehicles, epochs=1, seed=0)
    found = plate_snn.plate_distances(plate_snn.PlateNet(), (pictures[:2], ~has[:2]), (pictures, has))
    assert found.shape == (2, 20)
    assert np.isnan(found).all()


def test_alone_images_without_a_plate_rank_last_in_the_gallerys_order():
    found = plate_snn.ranked(np.array([[NAN, 0.5, NAN, 1.0], [NAN] * 4], np.float32))
    assert found.tolist() == [[1.25, 0.5, 1.75, 1.0], [1.25, 1.5, 1.75, 2.0]]
    assert (np.diff(plate_snn.ranked(np.full((1, 11_579), NAN))) > 0).all()


def test_the_method_keeps_a_feature_for_each_image_and_ranks_without_nan(tmp_path, monkeypatch):
    unknown = np.array([[0.1, np.nan, 0.3, 0.2], [np.nan] * 4])
    monkeypatch.setattr(plate_snn, "read_plates", lambda root, images: images)
    monkeypatch.setattr(plate_snn, "load_crops", lambda listed: (np.zeros((len(listed), 32, 96), np.uint8), None))
    monkeypatch.setattr(plate_snn, "train", lambda *_, **__: plate_snn.PlateNet())
    monkeypatch.setattr(plate_snn, "plate_distances", lambda *_: unknown)
    tables = [pd.DataFrame({"vehicle": range(number)}) for number in (3, 2, 4)]
    task = Task(
        tmp_path,
        *tables,
        seed=0,
        epochs=1,
        folder=tmp_path,
        **dict.fromkeys(("pixels", "features", "network_cost", "built_on")),
    )
    found, cost = plate_snn.distances(task)
    assert np.isfinite(found).all()
    assert list(found[0].argsort()) == [0, 3, 2, 1]
    assert cost.width == plate_snn.WIDE

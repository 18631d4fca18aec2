"""The divisions of the photographs, and the methods that are ranked on both kinds of pictures."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from partreg.datasets.vehicleid import read_vehicleid
from tests import real_ranking


@pytest.fixture
def cars(tmp_path):
    """A hundred cars with two pictures each, in the layout of VehicleID: 60 to learn, 40 to test."""
    root, rng = tmp_path / "cars", np.random.default_rng(0)
    for folder in ("image", "train_test_split"):
        (root / folder).mkdir(parents=True)
    names = {car: [f"{2 * car + one:07d}" for one in range(2)] for car in range(100)}
    for listed in names.values():
        for name in listed:
            Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(root / "image" / f"{name}.jpg")
    for name, some in (("train_list", range(60)), ("test_list_40", range(60, 100))):
        lines = "".join(f"{image} {car}\n" for car in some for image in names[car])
        (root / "train_test_split" / f"{name}.txt").write_text(lines)
    return root


def test_five_draws_test_each_car_twice():
    times = Counter(car for draw in real_ranking.DRAWS for car in real_ranking.tested(list(range(100)), draw))
    assert times == dict.fromkeys(range(100), 2)


def test_a_draw_learns_the_cars_that_it_does_not_test(cars, tmp_path):
    for draw in (0, 3):
        found = read_vehicleid(real_ranking.divide(cars, draw, tmp_path / f"{draw}"))
        chosen = set(real_ranking.tested(list(range(100)), draw))
        assert set(found.tests[40].vehicle) == chosen
        assert set(found.train.vehicle) == set(range(100)) - chosen
        assert len(found.train) == 2 * real_ranking.LEARNT


def test_only_the_pictures_differ(cars, tmp_path):
    weights = tmp_path / "weights.pt"
    weights.touch()
    both = [real_ranking.workspace(side, 1, tmp_path, cars, weights).profile for side in real_ranking.SIDES]
    assert both[0].reid == both[1].reid
    assert both[0].methods == both[1].methods
    assert both[1].benchmark["train_vehicles"] == real_ranking.LEARNT
    assert both[1].benchmark["seed"] not in (0, 1)


def test_shares_are_those_of_galleries_of_forty(cars, tmp_path, monkeypatch):
    """Features that are a car's own number, but equal within pairs of cars: half of each pair is lost to the other."""
    monkeypatch.setattr(real_ranking, "by_hand", lambda ws, *_: of_pairs(ws))
    weights = tmp_path / "weights.pt"
    weights.touch()

    def of_pairs(ws):
        return real_ranking.test_images(ws, "vehicleid").vehicle.to_numpy()[:, None] // 2 * 1.0

    found = real_ranking.measure("LOMO", "photographs", 4, tmp_path / "made", cars, weights)
    shares = [float(one) for one in found["shares"].split()]
    tested = real_ranking.tested(list(range(100)), 4)
    expected = [0.0 if car % 2 and car - 1 in tested else 1.0 for car in tested]
    assert shares == expected
    assert found["cmc1"] == pytest.approx(np.mean(expected))
    assert (found["first"], found["among"], found["test_vehicles"]) == (80, 100, 40)

import numpy as np
import pytest

from partreg.datasets.images import images_table
from partreg.datasets.split import hold_out
from partreg.errors import PartregError

VEHICLES = [5, 1, 5, 2, 3, 1, 8]


def table(vehicles):
    names = [f"{number}.jpg" for number in range(len(vehicles))]
    return images_table({"image": names, "path": names, "vehicle": vehicles})


def test_no_vehicle_is_on_both_sides():
    train, validation = hold_out(table(VEHICLES), 2, seed=0)
    assert set(train["vehicle"]).isdisjoint(validation["vehicle"])
    assert (train["vehicle"].nunique(), validation["vehicle"].nunique()) == (3, 2)
    assert sorted([*train["image"], *validation["image"]]) == [f"{number}.jpg" for number in range(7)]
    assert train.index.tolist() == list(range(len(train)))


def test_the_draw_depends_on_seed_and_vehicles_only():
    held = [set(hold_out(table(VEHICLES), 2, seed)[1]["vehicle"]) for seed in range(20)]
    again = [set(hold_out(table(VEHICLES[::-1]), 2, seed)[1]["vehicle"]) for seed in range(20)]
    assert held == again
    assert len({frozenset(some) for some in held}) > 3


def test_none_may_be_held_out_but_not_all():
    train, validation = hold_out(table(VEHICLES), 0, seed=0)
    assert (len(train), len(validation)) == (7, 0)
    with pytest.raises(PartregError, match="5 vehicles cannot be held out of 5: expected 0 to 4"):
        hold_out(table(VEHICLES), 5, seed=0)


def test_every_vehicle_has_its_turn():
    held = np.concatenate([hold_out(table(VEHICLES), 1, seed)[1]["vehicle"].unique() for seed in range(60)])
    assert set(held) == set(VEHICLES)

import re

import pytest

from partreg.errors import PartregError
from partreg.synthetic import Benchmark
from partreg.synthetic.benchmark import plan_vehicleid, plan_veri
from partreg.synthetic.benchmark import test_lists as choose_lists
from partreg.synthetic.cameras import camera_distances, make_cameras
from partreg.workflow.profile import REPOSITORY, read_profile

SMALL = Benchmark(
    train_vehicles=10, test_vehicles=(4, 6, 8), images_per_vehicle=5, veri_train_vehicles=6, veri_test_vehicles=5,
    tracks_per_vehicle=3, images_per_track=4, near_duplicates=11,
)  # fmt: skip


def test_test_lists_have_their_sizes_and_are_not_nested():
    lists = choose_lists(list(range(10, 20)), (3, 5, 9))
    assert {size: len(chosen) for size, chosen in lists.items()} == {3: 3, 5: 5, 9: 9}
    assert lists[9] == list(range(10, 19))
    assert lists[5] == list(range(15, 20))
    assert lists[3] == [10, 11, 12]


def test_training_and_test_vehicles_are_apart():
    plan = plan_vehicleid(SMALL)
    assert len(plan.train) == 10
    assert all(plan.train.isdisjoint(chosen) for chosen in plan.tests.values())
    assert len(plan.names) == len(set(plan.names)) == len(plan.shots)
    assert all(re.fullmatch(r"image/\d{7}\.jpg", name) for name in plan.names)


def where(plan, train):
    """Camera, place and sun of each image of each training (or other) vehicle."""
    found = {}
    for shot in plan.shots:
        if (shot.vehicle in plan.train) == train:
            moment = shot.moment
            found.setdefault(shot.vehicle, set()).add((moment.camera, moment.place, moment.sun_azimuth))
    return found


def test_shortcuts_tie_street_and_light_to_training_vehicles_only():
    tied = plan_vehicleid(Benchmark(**{**vars(SMALL), "shortcuts": 1.0}))
    free = plan_vehicleid(Benchmark(**{**vars(SMALL), "shortcuts": 0.0}))
    assert all(len(places) == 1 for places in where(tied, True).values())
    assert all(len(places) == 5 for places in where(free, True).values())
    assert where(tied, False) == where(free, False)


def test_a_track_is_one_vehicle_camera_and_moment_with_neighbouring_poses():
    plan = plan_veri(SMALL)
    tracks = {}
    for name, shot, track in zip(plan.names, plan.shots, plan.tracks, strict=True):
        tracks.setdefault(track, []).append((name, shot))
    assert len(tracks) == 11 * 3
    for track, frames in tracks.items():
        shots = [shot for _, shot in frames]
        assert len(shots) == 4
        assert len({(s.vehicle, s.moment.camera, s.moment.place, s.moment.sun, s.moment.lane) for s in shots}) == 1
        assert [s.moment.time - shots[0].moment.time for s in shots] == [0, 10, 20, 30]
        assert max(s.azimuth for s in shots) - min(s.azimuth for s in shots) < 0.5
        vehicle, camera = track.split("_")[:2]
        assert all(
            re.fullmatch(rf"image_(train|test)/{vehicle}_{camera}_\d{{8}}_[01]\.jpg", name) for name, _ in frames
        )
    cameras = {}
    for track in tracks:
        cameras.setdefault(track[:4], []).append(track.split("_")[1])
    assert all(len(set(seen)) == 3 for seen in cameras.values())


def test_twenty_cameras_see_every_side_and_have_their_own_light_and_lens():
    cameras = make_cameras("all", 0)
    assert [camera.number for camera in cameras] == list(range(1, 21))
    assert len({(c.blur, c.noise, c.quality, c.elevation, c.warmth) for c in cameras}) == 20
    distances = camera_distances(cameras)
    assert distances.shape == (20, 20)
    assert (distances == distances.T).all()
    assert (distances.diagonal() == 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 8}, {"shortcuts": 1.5}, {"shortcuts": float("nan")}, {"near_duplicates": 0.5}, {"test_vehicles": ()},
        {"test_vehicles": (10, 10, 20)}, {"test_vehicles": (10.5,)}, {"test_vehicles": (0, 5)}, {"seed": -1},
        {"tracks_per_vehicle": 21}, {"images_per_vehicle": 2.5}, {"train_vehicles": True}, {"models": "28"},
        {"near_duplicates": "x"}, {"fleet": 10}, {"test_images": 1},
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_rendered_is_refused_in_a_sentence(wrong):
    with pytest.raises(PartregError, match=r"benchmark: .*expected"):
        Benchmark(**wrong)


def test_the_datasheet_counts_the_vehicles_of_the_default_profile():
    benchmark = Benchmark(**read_profile("laptop")["benchmark"])
    plans = plan_vehicleid(benchmark), plan_veri(benchmark)
    shown = [len({shot.vehicle for shot in plan.shots}) for plan in plans]
    page = " ".join((REPOSITORY / "book/datasheet.md").read_text(encoding="utf-8").split())
    each = benchmark.images_per_vehicle
    assert (
        f"`laptop` has {shown[0]} vehicles with {each} images each in VehicleID's layout, and {shown[1]} vehicles"
        in page
    )


def test_more_kinds_than_models_and_colours_are_refused_with_what_would_do():
    asked = {"train_vehicles": 160, "test_vehicles": (300,), "near_duplicates": 1}
    with pytest.raises(
        PartregError, match=r"460 vehicles of 10 models in 10 colours have at least 4\.60 .*or for 46 models"
    ):
        Benchmark(**asked, models=10)
    plan = plan_vehicleid(Benchmark(**asked, models=46))
    assert len({(v.model, v.color) for v in plan.vehicles}) == 460
    with pytest.raises(PartregError, match="180 vehicles in all; ask for at most 180"):
        Benchmark(near_duplicates=181)


def shown_in_tests(plan):
    """Every test image: who, how, and when; and what the vehicle is like."""
    chosen = set().union(*plan.tests.values())
    return [(shot, plan.vehicles[shot.vehicle - 1]) for shot in plan.shots if shot.vehicle in chosen]


@pytest.mark.parametrize("changes", [{"train_vehicles": 3}, {"train_vehicles": 25}, {"images_per_vehicle": 2}])
def test_one_fleet_has_one_gallery_however_much_is_learnt(changes):
    base = Benchmark(**{**vars(SMALL), "fleet": 19, "test_images": 5})
    assert plan_vehicleid(base) == plan_vehicleid(SMALL)  # the fleet that there is anyway
    plan, before = plan_vehicleid(Benchmark(**{**vars(base), **changes})), plan_vehicleid(base)
    assert shown_in_tests(plan) == shown_in_tests(before)
    assert plan.tests == before.tests
    assert len(plan.train) == changes.get("train_vehicles", 10)
    assert len([shot for shot in plan.shots if shot.vehicle in plan.train]) == len(plan.train) * changes.get(
        "images_per_vehicle", 5
    )
    assert plan.train <= before.train or before.train <= plan.train
    kinds = {(v.model, v.color) for v in before.vehicles}
    assert {(v.model, v.color) for v in plan.vehicles} == kinds

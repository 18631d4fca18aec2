from dataclasses import replace

import cv2
import numpy as np
import pytest

from partreg.datasets.side import KEYPOINTS
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid, plan_veri
from partreg.synthetic.canvas import PART, Canvas, box, disc
from partreg.synthetic.light import LINEAR, to_stored
from partreg.synthetic.occluders import OCCLUDERS, draw_occluder
from partreg.synthetic.render import Picture, Studio, View, direction, look
from partreg.synthetic.streets import LENGTH, look_up
from partreg.synthetic.truth import describe, hull, orientation, part_truth


def painted(**areas) -> Picture:
    """A picture of 100 x 100 samples with parts at (x0, y0, x1, y1); 255 is background."""
    parts = np.full((100, 100), 255, np.uint8)
    parts[10:95, 10:90] = PART["body"]
    for name, (x0, y0, x1, y1) in areas.items():
        parts[y0:y1, x0:x1] = PART[name]
    numbers, counts = np.unique(parts[parts != 255], return_counts=True)
    whole = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    return Picture(np.zeros((50, 50, 3), np.uint8), parts, whole, None, np.zeros((50, 50), np.float32))


FRONT = {
    "front_window": (20, 15, 80, 40), "front_right_lamp": (12, 60, 30, 70), "front_left_lamp": (70, 60, 88, 70),
    "front_badge": (46, 60, 54, 66), "front_plate": (40, 72, 60, 78),
}  # fmt: skip


def test_boxes_are_the_hulls_of_what_is_seen_and_left_is_the_images_left():
    truth = part_truth(painted(**FRONT))
    parts = truth["parts"]
    assert truth["view"] == "front"
    assert parts["window"]["box"] == (0.20, 0.15, 0.80, 0.40)
    assert parts["left_light"]["box"] == (0.12, 0.60, 0.30, 0.70)
    assert parts["right_light"]["box"] == (0.70, 0.60, 0.88, 0.70)
    assert parts["vehicle"]["box"] == (0.10, 0.10, 0.90, 0.95)
    assert parts["brand"]["box"] == (0.12, 0.60, 0.88, 0.95)
    assert all(part["present"] and part["visibility"] == 1.0 for part in parts.values())


def test_a_lamp_that_is_a_sliver_has_no_box():
    parts = part_truth(painted(**{**FRONT, "front_left_lamp": (85, 55, 89, 75)}))["parts"]
    assert not parts["right_light"]["present"]
    assert parts["left_light"]["present"]


def test_what_hides_a_part_takes_from_its_visibility_and_then_its_box():
    picture = painted(**FRONT)
    picture.cover[:, :15] = 1.0  # covers samples 0 to 29: all of the left lamp but one column, a sixth of the window
    parts = part_truth(picture)["parts"]
    assert parts["left_light"]["visibility"] == 0.0
    assert not parts["left_light"]["present"]
    assert parts["window"]["visibility"] == pytest.approx(50 / 60, abs=1e-3)
    assert parts["window"]["box"] == (0.30, 0.15, 0.80, 0.40)


def test_a_part_beyond_the_frame_counts_as_hidden():
    picture = painted(**FRONT)
    picture.whole[PART["front_window"]] *= 4
    window = part_truth(picture)["parts"]["window"]
    assert window["visibility"] == 0.25
    assert not window["present"]


def test_a_side_without_window_and_plate_is_of_unknown_view():
    truth = part_truth(painted(side_window=(20, 15, 80, 40)))
    assert truth["view"] == "unknown"
    assert not truth["parts"]["window"]["present"]
    assert truth["parts"]["vehicle"]["present"]


def test_hull_of_nothing_is_none():
    assert hull(np.zeros((4, 4), bool)) is None
    shown = np.zeros((4, 4), bool)
    shown[1:3, 2] = True
    assert hull(shown) == (0.5, 0.25, 0.75, 0.75)


@pytest.mark.parametrize(
    ("degrees", "name"),
    [(0, "front"), (-10, "front"), (40, "left front"), (90, "left"), (-90, "right"), (150, "left rear"),
     (200, "right rear"), (180, "rear"), (-45, "right front"), (352, "front")],
)  # fmt: skip
def test_orientations_by_hand(degrees, name):
    assert orientation(np.radians(degrees)) == name


@pytest.fixture(scope="module")
def studio():
    plan = plan_vehicleid(Benchmark(size=48, train_vehicles=4, test_vehicles=(4,), models=3, near_duplicates=8))
    return plan, Studio(plan.models, plan.vehicles, plan.cameras, 48)


def front_shot(plan, **changes):
    moment = replace(plan.shots[0].moment, traffic=0, heading=0.0)
    flat = {
        "azimuth": 0.0,
        "elevation": 0.25,
        "roll": 0.0,
        "shift": (0.0, 0.0),
        "margin": 0.1,
        "occluder": "",
        "moment": moment,
    }
    return replace(plan.shots[0], **{**flat, **changes})


def told(studio, shot):
    plan, kept = studio
    return describe(kept.take(shot), kept.body(plan.vehicles[shot.vehicle - 1].model), shot)


def test_a_front_view_shows_front_parts_evenly_and_front_key_points(studio):
    truth = told(studio, front_shot(studio[0]))
    assert (truth["view"], truth["orientation"]) == ("front", "front")
    left, right = truth["parts"]["left_light"]["box"], truth["parts"]["right_light"]["box"]
    assert left[2] < right[0]
    assert left[0] + right[2] == pytest.approx(1.0, abs=0.08)
    seen = dict(zip(KEYPOINTS, [point[2] for point in truth["keypoints"]], strict=True))
    assert seen["front_logo"] == seen["left_headlight"] == seen["right_headlight"] == 1
    assert seen["rear_logo"] == seen["left_rear_lamp"] == seen["rear_plate"] == 0
    x = dict(zip(KEYPOINTS, [point[0] for point in truth["keypoints"]], strict=True))
    assert x["right_headlight"] < 0.5 < x["left_headlight"]  # the vehicle's right is the image's left


def test_a_rear_view_shows_the_rear(studio):
    truth = told(studio, front_shot(studio[0], azimuth=np.pi))
    assert (truth["view"], truth["orientation"]) == ("rear", "rear")
    seen = dict(zip(KEYPOINTS, [point[2] for point in truth["keypoints"]], strict=True))
    assert seen["front_logo"] == 0
    assert seen["rear_logo"] == 1


def test_the_frames_edge_takes_from_the_window(studio):
    whole = told(studio, front_shot(studio[0]))["parts"]["window"]["visibility"]
    cut = told(studio, front_shot(studio[0], shift=(0.45, 0.0)))["parts"]["window"]["visibility"]
    assert whole == 1.0
    assert 0.3 < cut < 0.8


def test_a_shot_gives_the_same_picture_whatever_was_taken_before(studio):
    plan, _ = studio
    fresh = Studio(plan.models, plan.vehicles, plan.cameras, 48)
    for shot in plan.shots[:6]:
        fresh.take(shot)
    for shot in (plan.shots[3], front_shot(plan, occluder="car"), front_shot(plan, occluder="leaves")):
        again = Studio(plan.models, plan.vehicles, plan.cameras, 48)
        assert (fresh.take(shot).image == again.take(shot).image).all()


def test_the_street_behind_is_the_same_where_only_some_of_it_is_looked_up(studio):
    plan, kept = studio
    shot = replace(plan.shots[0], moment=replace(plan.shots[0].moment, traffic=7))
    body = kept.body(plan.vehicles[shot.vehicle - 1].model)
    view, _ = look(shot, body.points)
    sun = direction(0.3, 0.9).astype(np.float32)
    shown = np.arange(0, 48 * 48, 5)
    everywhere = kept.behind(view, body, shot, sun, np.arange(48 * 48)).reshape(3, -1)
    assert (kept.behind(view, body, shot, sun, shown).reshape(3, -1)[:, shown] == everywhere[:, shown]).all()
    assert everywhere.std() > 0.01


def test_a_foot_has_the_hull_of_all_low_vertices(studio):
    body = studio[1].body(0)
    low = body.points[:2, body.points[2] < 0.9].T.astype(np.float32)
    assert body.foot.shape[1] < len(low) / 3
    assert (cv2.convexHull(body.foot[:2].T.astype(np.float32)) == cv2.convexHull(low)).all()


@pytest.mark.parametrize("make_plan", [plan_vehicleid, plan_veri])
def test_at_least_one_image_in_twenty_misses_a_part(make_plan):
    plan = make_plan(
        Benchmark(
            size=32, train_vehicles=20, test_vehicles=(10,), veri_train_vehicles=10, veri_test_vehicles=5, models=4
        )
    )
    kept = Studio(plan.models, plan.vehicles, plan.cameras, 32)
    missing = []
    for shot in plan.shots[::3][:75]:
        parts = part_truth(kept.take(shot))["parts"]
        missing.append(any(not parts[name]["present"] for name in ("window", "left_light", "right_light", "brand")))
    assert np.mean(missing) >= 0.05


@pytest.mark.parametrize("kind", [kind for kind in OCCLUDERS if kind != "car"])
def test_occluders_cover_a_part_of_the_picture(kind):
    for seed in range(4):
        color, alpha = draw_occluder(kind, 64, np.random.default_rng(seed))
        assert color.shape == (64, 64, 3)
        assert 0.01 < (alpha > 0.5).mean() < 0.6


def test_light_goes_to_stored_values_and_back():
    stored = to_stored(LINEAR[[0, 64, 128, 180]])
    assert np.allclose(stored * 255, [0, 64, 128, 180], atol=1.5)
    assert np.isclose(to_stored(np.array(9.0)), to_stored(np.array(1.5)))


def test_streets_repeat_along_their_length():
    texture = np.arange(160 * 3, dtype=np.uint8).reshape(1, 160, 3).repeat(4, 0)
    x = np.array([3.0, 3.0 + LENGTH, 3.0 - LENGTH])
    found = look_up(texture, x, np.zeros(3), 2.0)
    assert (found[0] == texture[0, 6]).all()
    assert (found == found[0]).all()


def test_a_canvas_is_drawn_on_in_metres():
    canvas = Canvas(50.0)
    canvas.fill("front", box(-0.5, 0.5, 0.5, 1.0), (10, 20, 30), 2, "front_window")
    area = (canvas.part == PART["front_window"]).sum() / 50**2
    assert area == pytest.approx(0.5, rel=0.08)
    assert np.ptp(disc(0, 0, 2, 1), axis=0) == pytest.approx([4, 2], rel=0.02)
    assert len(box(0, 0, 1, 1)) == 4
    assert len(box(0, 0, 1, 1, 0.1)) == 8


def test_rays_go_through_the_centres_of_the_pixels_row_by_row():
    view = View(np.zeros(3), np.eye(3), -1.0, -1.0, 2.0)
    rays = view.rays(np.arange(4), 2)
    assert rays.dtype == np.float32
    assert np.allclose(rays[:2] / rays[2], [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]])
    assert np.allclose((rays**2).sum(0), 1)
    assert np.allclose(view.project(rays), [[0.25, 0.75, 0.25, 0.75], [0.25, 0.25, 0.75, 0.75]])
    beyond = view.rays(np.array([0]), 2, -1.0, 2.0)
    assert np.allclose(view.project(beyond), -0.25)

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.synthetic.geometry import CHARTS, Outline, build_mesh, chart_position
from partreg.synthetic.marks import paint_vehicle
from partreg.synthetic.textures import paint_model
from partreg.synthetic.vehicles import STYLES, group_sizes, make_fleet, make_models


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 400), st.floats(1, 30), st.integers(0, 5))
def test_groups_hold_every_vehicle_and_none_is_empty(identities, mean, seed):
    sizes = group_sizes(identities, mean, np.random.default_rng(seed))
    assert sizes.sum() == identities
    assert sizes.min() >= 1
    assert (np.diff(sizes) <= 0).all()


def test_groups_are_long_tailed_with_the_mean_that_was_asked_for():
    sizes = group_sizes(600, 8, np.random.default_rng(0))
    assert len(sizes) == 75
    assert sizes[0] > 3 * np.median(sizes)


def test_one_vehicle_a_group_when_there_are_no_near_duplicates():
    models = make_models(12, 0)
    fleet = make_fleet(30, 1, models, 0)
    assert len({(v.model, v.color) for v in fleet}) == 30


def test_near_duplicates_share_model_colour_and_paint_and_differ_in_marks():
    fleet = make_fleet(40, 10, make_models(6, 0), 0)
    groups = {}
    for vehicle in fleet:
        groups.setdefault((vehicle.model, vehicle.color), []).append(vehicle)
    assert max(map(len, groups.values())) > 4
    for group in groups.values():
        assert len({vehicle.paint for vehicle in group}) == 1
        assert len({vehicle.marks for vehicle in group}) == len(group)
        assert len({vehicle.plate for vehicle in group}) == len(group)


def test_most_marks_lie_behind_or_on_the_windows():
    marks = [mark.place for vehicle in make_fleet(200, 8, make_models(7, 0), 0) for mark in vehicle.marks]
    window = sum(
        place in ("front_glass", "front_dash", "front_hang", "seats", "rear_glass", "rear_shelf") for place in marks
    )
    assert 0.6 < window / len(marks) < 0.9
    assert {"front_lamp", "rear_lamp", "rear_badge", "side", "wheel"} <= set(marks)


def test_the_fleet_follows_from_its_seed():
    models = make_models(7, 3)
    assert make_fleet(20, 4, models, 3) == make_fleet(20, 4, models, 3)
    assert make_fleet(20, 4, models, 3) != make_fleet(20, 4, models, 4)
    assert {model.style for model in models} == set(STYLES)


def test_meshes_are_closed_outward_and_lie_within_their_atlas():
    for model in make_models(7, 0):
        mesh = build_mesh(model)
        corners = mesh.vertices.astype(float)[mesh.triangles]
        face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        volume = np.einsum("ij,ij->", corners[:, 0], face) / 6
        assert 0.45 < volume / (model.length * model.width * model.height) < 0.95
        nose = corners[..., 0].min(1) > model.length / 2 - 0.01
        assert (face[nose, 0] >= 0).all()
        assert face[nose, 0].sum() > 0
        assert mesh.atlas.min() >= 0
        assert np.allclose(mesh.vertices[:, 2].min(), 0, atol=0.02)


def test_charts_are_orthogonal_projections_in_metres():
    point = np.array([1.0, 0.5, 0.8])
    assert np.allclose(chart_position("front", point), [1.25 + 0.5, 2.3 - 0.8])
    assert np.allclose(chart_position("rear", point), [2.5 + 1.25 + 0.5, 2.3 - 0.8])
    assert np.allclose(chart_position("top", point), [2.9 + 1.0, 2.3 + 1.25 - 0.5])
    assert np.allclose(chart_position("left", point), [2.9 + 1.0, 4.8 + 2.3 - 0.8])
    assert len(CHARTS) == 7


def test_a_model_is_narrower_at_the_roof_and_highest_in_its_cabin():
    for model in make_models(7, 1):
        outline = Outline(model)
        x = np.array((outline.roof_front + outline.roof_back) / 2)
        assert outline.half_width(x, np.array(model.height - 0.1)) < outline.half_width(x, np.array(model.belt - 0.1))
        assert outline.top(x) > outline.top(np.array(outline.front - 0.3))


def test_marks_change_the_paint_but_not_the_parts_of_a_model():
    models = make_models(7, 0)
    base = paint_model(models[0], 60.0)
    vehicle = next(
        v for v in make_fleet(60, 8, models, 0) if v.model == 0 and any(m.place == "front_glass" for m in v.marks)
    )
    marked = paint_vehicle(base, models[0], vehicle)
    assert (marked.color != base.color).any()
    assert (marked.part == base.part).all()

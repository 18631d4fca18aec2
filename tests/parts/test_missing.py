import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.errors import PartregError
from partreg.parts.boxes import BOX_COLUMNS, CORNERS, PART_BOXES, boxes_table
from partreg.parts.missing import LEVELS, SEEN, fill_missing, hide, missing_levels


def images(*vehicles):
    return pd.DataFrame({"image": [f"{i}.jpg" for i in range(len(vehicles))], "vehicle": vehicles})


def box(image, view, part, x0, y0=0.2, x1=0.9, y1=0.6, score=0.5, source="detected"):
    return (f"{image}.jpg", view, part, x0, y0, x1, y1, score, source)


def table(*rows):
    return pd.DataFrame(list(rows), columns=list(BOX_COLUMNS))


def get(filled, image, part):
    found = filled[(filled["image"] == f"{image}.jpg") & (filled["part"] == part)]
    assert len(found) == 1
    return found.iloc[0]


def test_the_mean_of_the_vehicles_other_images_of_the_same_view():
    seen = table(
        box(0, "front", "window", 0.10, y0=0.1),
        box(1, "front", "window", 0.30, y0=0.2),
        box(2, "rear", "window", 0.50),  # another view
        box(3, "front", "left_light", 0.05),  # its window is missing
        box(4, "front", "window", 0.70),  # another vehicle
    )
    seen.loc[3, "view"] = "front"
    window = get(fill_missing(seen, images(7, 7, 7, 7, 8)), 3, "window")
    assert (round(window["x0"], 9), round(window["y0"], 9)) == (0.2, 0.15)
    assert (window["source"], window["score"], window["view"]) == ("average", 0.0, "front")


def test_without_the_view_the_vehicles_other_views_serve():
    seen = table(box(0, "rear", "window", 0.4), box(1, "front", "left_light", 0.1), box(2, "front", "window", 0.8))
    window = get(fill_missing(seen, images(7, 7, 8)), 1, "window")
    assert (window["x0"], window["source"]) == (0.4, "average")


def test_a_part_that_no_image_of_the_vehicle_shows_comes_from_the_data_set():
    seen = table(
        box(0, "front", "left_light", 0.1),
        box(1, "front", "window", 0.2),
        box(2, "front", "window", 0.4),
        box(3, "rear", "window", 0.8),
    )
    filled = fill_missing(seen, images(7, 8, 9, 9))
    assert (round(get(filled, 0, "window")["x0"], 9), get(filled, 0, "window")["source"]) == (0.3, "fallback")
    # No rear left light anywhere: the data set's front one, of any view.
    assert (get(filled, 3, "left_light")["x0"], get(filled, 3, "left_light")["source"]) == (0.1, "fallback")
    # No right light anywhere: the whole image.
    right = get(filled, 3, "right_light")
    assert ([right[c] for c in CORNERS], right["source"]) == ([0, 0, 1, 1], "fallback")


def test_an_image_without_any_box_has_no_view_and_takes_the_vehicles_mean():
    seen = table(box(0, "front", "window", 0.2), box(1, "rear", "window", 0.4))
    window = get(fill_missing(seen, images(7, 7, 7)), 2, "window")
    assert (round(window["x0"], 9), window["view"], window["source"]) == (0.3, "unknown", "average")


def test_the_brand_follows_the_filled_lights():
    seen = table(
        box(0, "front", "left_light", 0.1, x1=0.2, y1=0.9), box(0, "front", "right_light", 0.7, x1=0.8, y1=0.9),
        box(0, "front", "window", 0.2),
        box(1, "front", "left_light", 0.2, x1=0.3, y1=0.8), box(1, "front", "window", 0.2),
    )  # fmt: skip
    filled = fill_missing(seen, images(7, 7))
    brand = get(filled, 1, "brand")
    assert (brand["x0"], brand["x1"], brand["y1"], brand["source"]) == (0.2, 0.8, 0.9, "average")
    assert get(filled, 0, "brand")["source"] == "inferred"


def test_averages_are_not_averaged_again():
    seen = table(
        box(0, "front", "window", 0.2),
        box(1, "front", "window", 0.8, source="average"),
        box(2, "front", "left_light", 0.1),
    )
    assert get(fill_missing(seen, images(7, 7, 7)), 2, "window")["x0"] == 0.2


def test_boxes_of_images_outside_the_table_count_for_nothing():
    seen = table(box(0, "front", "left_light", 0.1), box(9, "front", "window", 0.2))
    window = get(fill_missing(seen, images(7)), 0, "window")
    assert [window[c] for c in CORNERS] == [0, 0, 1, 1]


def test_levels_count_what_was_seen_and_what_was_filled():
    seen = table(box(0, "front", "window", 0.2), box(1, "front", "left_light", 0.1), box(2, "rear", "left_light", 0.1))
    counts = missing_levels(seen, images(7, 7, 8))
    assert list(counts.index) == list(SEEN)
    assert counts.loc["window"].to_dict() == {
        "seen": 1,
        LEVELS[0]: 1,
        LEVELS[1]: 0,
        LEVELS[2]: 0,
        LEVELS[3]: 1,
        LEVELS[4]: 0,
    }
    assert counts.loc["right_light", LEVELS[4]] == 3
    assert (counts.sum(axis=1) == 3).all()


def test_hiding_splits_the_windows_and_lights():
    seen = table(*[box(i, "front", part, 0.1) for i in range(100) for part in (*SEEN, "brand")])
    kept, hidden = hide(seen, 0.2, seed=0)
    assert 30 < len(hidden) < 90
    assert len(kept) + len(hidden) == 300
    again = pd.concat([kept, hidden]).sort_values(["image", "part"], ignore_index=True)
    expected = seen[seen["part"] != "brand"].sort_values(["image", "part"], ignore_index=True)
    pd.testing.assert_frame_equal(again, expected)
    assert hide(seen, 0.2, seed=0)[1].equals(hidden)


corner = st.floats(0, 1, allow_nan=False)
rows = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(SEEN), corner, corner, corner, corner).filter(
        lambda r: r[4] - r[2] > 0.01 and r[5] - r[3] > 0.01
    ),
    max_size=24,
    unique_by=lambda r: r[:2],
)


@settings(max_examples=25, deadline=None)
@given(
    rows,
    st.lists(st.integers(0, 2), min_size=8, max_size=8),
    st.lists(st.sampled_from(["front", "rear"]), min_size=8, max_size=8),
)
def test_every_image_gets_four_boxes_and_none_that_was_seen_changes(rows, vehicles, views):
    seen = boxes_table(table(*[box(i, views[i], part, x0, y0, x1, y1) for i, part, x0, y0, x1, y1 in rows]))
    frame = images(*vehicles)
    filled = fill_missing(seen, frame)
    assert list(filled["image"]) == [name for name in frame["image"] for _ in PART_BOXES]
    assert list(filled["part"]) == list(PART_BOXES) * 8
    kept = filled.merge(seen, on=["image", "part"], suffixes=("", "_before"))
    assert len(kept) == len(seen)
    for name in (*CORNERS, "score", "source"):
        assert (kept[name] == kept[f"{name}_before"]).all()
    pd.testing.assert_frame_equal(fill_missing(filled, frame), filled)  # nothing is missing any more
    check_against_a_plain_loop(filled, seen, frame)


def check_against_a_plain_loop(filled, seen, frame):
    """The first level, image by image: the mean over the same vehicle and view."""
    vehicle = dict(zip(frame["image"], frame["vehicle"], strict=True))
    have = set(zip(seen["image"], seen["part"], strict=True))
    views = dict(zip(filled["image"], filled["view"], strict=True))
    for line in filled[filled["part"].isin(SEEN)].itertuples():
        if (line.image, line.part) in have:
            continue
        others = [r for r in seen.itertuples() if r.part == line.part and vehicle[r.image] == vehicle[line.image]]
        same = [r for r in others if r.view == views[line.image]] or others
        assert line.source == ("average" if same else "fallback")
        if same:
            np.testing.assert_allclose(line.x0, np.mean([r.x0 for r in same]), atol=1e-12)
            np.testing.assert_allclose(line.y1, np.mean([r.y1 for r in same]), atol=1e-12)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(PartregError, match=r"expected a number from 0 to 1"):
        hide(table(box(0, "front", "window", 0.1)), share, 0)


def test_parts_of_ones_own_are_filled_in_every_image():
    seen = table(box(0, "unknown", "saddle", 0.2), box(1, "unknown", "wheel", 0.4), box(2, "unknown", "wheel", 0.1))
    filled = fill_missing(seen, images(7, 7, 8))
    assert list(filled["part"]) == ["saddle", "wheel"] * 3
    assert get(filled, 1, "saddle")["x0"] == 0.2
    assert get(filled, 2, "saddle")["source"] == "fallback"
    assert list(missing_levels(seen, images(7, 7, 8)).index) == ["saddle", "wheel"]
    more = fill_missing(seen, images(7, 7, 8), ("bell", "saddle", "wheel"))
    assert get(more, 0, "bell")[["x0", "x1", "source"]].tolist() == [0.0, 1.0, "fallback"]
    kept, hidden = hide(seen, 1.0, seed=0)
    assert (len(kept), len(hidden)) == (0, 3)

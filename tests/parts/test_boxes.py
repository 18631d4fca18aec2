import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.errors import PartregError
from partreg.parts import boxes as b


def objects(*rows):
    """Rows of name, x0, y0, x1, y1 and, where given, score and image."""
    full = [(r[6] if len(r) > 6 else "a.jpg", r[0], *r[1:5], r[5] if len(r) > 5 else 1.0) for r in rows]
    return pd.DataFrame(full, columns=list(b.OBJECT_COLUMNS))


def one(part="window", image="a.jpg", view="front", corners=(0.1, 0.2, 0.3, 0.4), score=1.0, source="truth"):
    return (image, view, part, *corners, score, source)


def table(*rows):
    return pd.DataFrame(list(rows), columns=list(b.BOX_COLUMNS))


def row(boxes, part, image="a.jpg"):
    found = boxes[(boxes["image"] == image) & (boxes["part"] == part)]
    assert len(found) == 1
    return found.iloc[0]


def corners(line):
    return tuple(round(float(line[name]), 9) for name in b.CORNERS)


def test_lights_are_extended_to_the_lowest_bottom_of_their_image():
    before = objects(
        ("left_light", 0.1, 0.5, 0.2, 0.6),
        ("front_window", 0.2, 0.1, 0.8, 0.4),
        ("body", 0.0, 0.0, 1.0, 0.9),
        ("right_light", 0.7, 0.5, 0.8, 0.65, 1.0, "b.jpg"),
        ("body", 0.5, 0.6, 0.9, 0.7, 1.0, "b.jpg"),
    )
    after = b.extend_lights(before)
    assert list(after["y1"]) == [0.9, 0.4, 0.9, 0.7, 0.7]
    assert list(after["y0"]) == list(before["y0"])
    assert list(before["y1"]) == [0.6, 0.4, 0.9, 0.65, 0.7]  # the argument is left as it was


def test_brand_is_the_hull_of_the_two_lights():
    boxes = b.choose(
        objects(("left_light", 0.1, 0.5, 0.2, 0.9, 0.7), ("right_light", 0.7, 0.4, 0.8, 0.8, 0.6)), "detected"
    )
    brand = row(boxes, "brand")
    assert corners(brand) == (0.1, 0.4, 0.8, 0.9)
    assert brand["score"] == 0.6
    assert brand["source"] == "inferred"
    assert list(boxes["part"]) == ["left_light", "right_light", "brand"]


def test_no_brand_from_one_light():
    assert list(b.choose(objects(("left_light", 0.1, 0.5, 0.2, 0.9)), "annotated")["part"]) == ["left_light"]


def test_brand_is_as_doubtful_as_its_lights():
    left = one("left_light", source="average")
    assert row(b.infer_brand(table(left, one("right_light", source="detected"))), "brand")["source"] == "average"
    assert row(b.infer_brand(table(left, one("right_light", source="fallback"))), "brand")["source"] == "fallback"


def test_the_best_window_decides_the_view():
    found = objects(
        ("front_window", 0.2, 0.1, 0.8, 0.4, 0.6),
        ("rear_window", 0.3, 0.1, 0.8, 0.4, 0.9),
        ("left_light", 0.1, 0.5, 0.2, 0.9, 0.3),
    )
    boxes = b.choose(found, "detected", threshold=0.25)
    assert set(boxes["view"]) == {"rear"}
    assert corners(row(boxes, "window"))[0] == 0.3
    assert list(b.choose(found, "detected", threshold=0.95)["part"]) == []


def test_a_window_too_doubtful_to_count_still_tells_the_view():
    found = objects(("front_window", 0.2, 0.1, 0.8, 0.4, 0.1), ("left_light", 0.1, 0.5, 0.2, 0.9, 0.6))
    boxes = b.choose(found, "detected", threshold=0.25)
    assert boxes[["part", "view"]].to_numpy().tolist() == [["left_light", "front"]]


def test_of_equal_scores_the_largest_box_is_kept():
    found = objects(("front_window", 0.2, 0.1, 0.3, 0.2), ("rear_window", 0.2, 0.1, 0.8, 0.4))
    assert set(b.choose(found, "annotated")["view"]) == {"rear"}


def test_an_image_without_a_window_is_of_unknown_view():
    boxes = b.choose(objects(("left_light", 0.1, 0.5, 0.2, 0.9)), "annotated")
    assert list(boxes["view"]) == ["unknown"]


def test_the_best_boxes_keep_their_corners_and_scores():
    found = objects(
        ("rear_window", 0.2, 0.1, 0.8, 0.4, 0.9),
        ("left_light", 0.1, 0.5, 0.2, 0.9, 0.5),
        ("right_light", 0.7, 0.5, 0.8, 0.9, 0.8),
    )
    boxes = b.choose(found, "detected")
    assert boxes["part"].tolist() == ["window", "left_light", "right_light", "brand"]
    numbers = [*b.CORNERS, "score"]
    assert boxes.loc[:2, numbers].to_numpy().tolist() == found[numbers].to_numpy().tolist()


def test_crossed_lights_are_of_two_ends_and_the_better_one_stays():
    # Seen from its left side, driving to the image's left: the front light is a right light, the rear one a left light.
    found = objects(("right_light", 0.05, 0.5, 0.1, 0.9, 0.6), ("left_light", 0.8, 0.5, 0.9, 0.9, 0.7))
    assert list(b.choose(found, "detected")["part"]) == ["left_light"]
    alike = found.assign(score=1.0)  # of equal scores the larger box
    assert list(b.choose(alike, "annotated")["part"]) == ["left_light"]
    found["score"] = [0.8, 0.7]
    assert list(b.choose(found, "detected")["part"]) == ["right_light"]


def test_choose_of_nothing_is_an_empty_table():
    boxes = b.choose(objects(), "detected")
    assert list(boxes.columns) == list(b.BOX_COLUMNS)
    assert boxes.empty


def test_to_array_follows_the_images_and_marks_what_is_missing():
    boxes = table(one("window", "b.jpg"), one("brand", "b.jpg", corners=(0, 0, 1, 1)), one("window", "stranger.jpg"))
    array = b.to_array(boxes, pd.DataFrame({"image": ["a.jpg", "b.jpg"]}))
    assert array.shape == (2, 4, 4)
    assert array.dtype == np.float32
    assert np.isnan(array[0]).all()
    np.testing.assert_allclose(array[1, 0], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    assert np.isnan(array[1, 1:3]).all()
    np.testing.assert_array_equal(array[1, 3], [0, 0, 1, 1])


def test_in_order_sorts_by_image_then_part_and_drops_strangers():
    boxes = table(one("brand", "b.jpg"), one("window", "b.jpg"), one("window", "a.jpg"), one("window", "c.jpg"))
    ordered = b.in_order(boxes, pd.Series(["b.jpg", "a.jpg"]))
    assert list(zip(ordered["image"], ordered["part"], strict=True)) == [
        ("b.jpg", "window"), ("b.jpg", "brand"), ("a.jpg", "window"),
    ]  # fmt: skip


def test_iou_worked_by_hand():
    a = np.array([[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.1, 0.1], [0.2, 0.2, 0.4, 0.4], [np.nan] * 4])
    c = np.array([[0.2, 0.0, 0.6, 0.4], [0.2, 0.2, 0.3, 0.3], [0.2, 0.2, 0.4, 0.4], [0, 0, 1, 1.0]])
    np.testing.assert_allclose(b.iou(a, c), [1 / 3, 0, 1, np.nan])


def test_overlaps_are_of_the_same_image_and_part():
    boxes = table(one(corners=(0, 0, 0.4, 0.4), source="average"), one("brand"), one(image="b.jpg"))
    truth = table(one(corners=(0.2, 0, 0.6, 0.4)), one("left_light"), one("brand", image="b.jpg"))
    found = b.overlaps(boxes, truth)
    assert found[["image", "part", "source"]].to_numpy().tolist() == [["a.jpg", "window", "average"]]
    assert found["iou"][0] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (one(corners=(0.1, 0.2, 1.3, 0.4)), "outside the image"),
        (one(corners=(-0.1, 0.2, 0.3, 0.4)), "outside the image"),
        (one(corners=(0.3, 0.2, 0.3, 0.4)), "no area"),
        (one(corners=(0.4, 0.2, 0.3, 0.4)), "no area"),
        (one(corners=(0.1, np.nan, 0.3, 0.4)), "expected a number for y0"),
        (one(corners=(0.1, "high", 0.3, 0.4)), "expected a number for y0"),
        (one(part="wheel"), "unknown part"),
        (one(view="side"), "unknown view"),
        (one(source="guess"), "unknown source"),
        (one(score=1.5), "score from 0 to 1"),
        (one(image="first.jpg"), "one box of a part"),
        (one("brand", image="first.jpg", view="rear"), "one view"),
    ],
)
def test_absurd_boxes_are_refused_with_their_line(wrong, sentence):
    with pytest.raises(PartregError, match=sentence) as error:
        b.boxes_table(table(one(image="first.jpg"), wrong), "boxes.csv")
    assert "boxes.csv:3:" in str(error.value)


def test_missing_columns_are_named():
    with pytest.raises(PartregError, match="found no score, source"):
        b.boxes_table(table(one()).drop(columns=["score", "source"]))


def test_objects_of_unknown_name_are_refused():
    with pytest.raises(PartregError, match="table:3: unknown name, expected one of front_window"):
        b.objects_table(objects(("front_window", 0, 0, 1, 1), ("wheel", 0, 0, 1, 1)), "table")
    with pytest.raises(PartregError, match="table:3: expected a name of letters, digits, spaces"):
        b.objects_table(objects(("wheel", 0, 0, 1, 1), ("front.wheel", 0, 0, 1, 1)), "table")


def test_names_of_other_things_than_cars_are_parts_of_their_own():
    found = b.objects_table(objects(("wheel", 0, 0, 1, 1, 0.3), ("wheel", 0, 0, 0.5, 1, 0.9), ("body", 0, 0, 1, 1)))
    assert b.classes_of(found["name"]) == ("wheel",)
    boxes = b.boxes_table(b.choose(found, "detected", threshold=0.25))
    assert boxes[["part", "view", "x1"]].to_numpy().tolist() == [["wheel", "unknown", 0.5]]
    pd.testing.assert_frame_equal(b.boxes_table(b.infer_brand(boxes)), boxes)
    assert b.classes_of([]) == b.classes_of(["rear_window", "body"]) == b.CLASSES


def test_a_definition_is_the_cars_or_one_branch_a_box():
    assert b.definition_of(()) is b.definition_of(("brand", "light")) is b.CAR
    assert b.CAR.mirrored == [0, 2, 1, 3]
    assert b.CAR.branch_of == [0, 1, 1, 2]
    own = b.definition_of(("left pedal", "right pedal", "saddle"))
    assert own.boxes == tuple(own.branches) == ("left pedal", "right pedal", "saddle")
    assert own.mirrored == [1, 0, 2]
    assert own.branch_of == [0, 1, 2]
    assert b.definition_of(("left pedal", "saddle")).mirrored == [0, 1]


def test_an_array_has_the_boxes_that_are_asked_for():
    boxes = b.boxes_table(table(one("wheel"), one("saddle", corners=(0.5, 0.5, 1, 1))).assign(view="unknown"))
    images = pd.DataFrame({"image": ["a.jpg"]})
    found = b.to_array(boxes, images, ("saddle", "bell"))
    assert found.shape == (1, 2, 4)
    assert found[0, 0].tolist() == [0.5, 0.5, 1, 1]
    assert np.isnan(found[0, 1]).all()
    assert list(b.in_order(boxes, images["image"])["part"]) == ["saddle", "wheel"]


def test_csv_keeps_every_digit(tmp_path):
    boxes = b.boxes_table(table(one(corners=(1 / 3, 0.1 + 0.2, 2 / 3, 0.7), score=1 / 7), one("brand")))
    b.write_boxes(boxes, tmp_path / "boxes.csv")
    pd.testing.assert_frame_equal(b.read_boxes(tmp_path / "boxes.csv"), boxes)
    assert (tmp_path / "boxes.csv").read_text().splitlines()[0] == "image,view,part,x0,y0,x1,y1,score,source"


def test_an_empty_csv_of_boxes_is_a_table_without_rows(tmp_path):
    b.write_boxes(table(), tmp_path / "boxes.csv")
    assert b.read_boxes(tmp_path / "boxes.csv").empty


def test_reading_what_is_not_a_csv_of_boxes(tmp_path):
    with pytest.raises(PartregError, match="no such file"):
        b.read_boxes(tmp_path / "absent.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(PartregError, match="expected a CSV"):
        b.read_boxes(tmp_path / "empty.csv")
    (tmp_path / "bad.csv").write_text("image,view,part,x0,y0,x1,y1,score,source\na.jpg,front,window,0,0,1,2,1,truth\n")
    with pytest.raises(PartregError, match=r"bad.csv:2: .*outside"):
        b.read_boxes(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("more", "too_many"),
    [(",x0", ",0.2"), ("", ",7"), (",note", ",fine")],
    ids=["a column twice", "a field too many in each row", "an unknown column"],
)
def test_no_field_of_a_csv_of_boxes_is_passed_over(tmp_path, more, too_many):
    heading, row = ",".join(b.BOX_COLUMNS), "a.jpg,front,window,0,0,1,1,1,truth"
    (tmp_path / "boxes.csv").write_text(f"{heading}{more}\n{row}{too_many}\n")
    with pytest.raises(PartregError, match=r"boxes.csv:1: expected the columns image,.*, each once"):
        b.read_boxes(tmp_path / "boxes.csv")


unit = st.floats(0, 1, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(b.CLASSES), unit, unit, unit, unit, unit), max_size=12))
def test_choose_keeps_at_most_one_box_a_part_and_the_best(rows):
    rows = [r for r in rows if r[1] < r[3] and r[2] < r[4]]
    found = objects(*rows)
    boxes = b.boxes_table(b.choose(found, "detected"))  # checks uniqueness and one view
    kept = boxes.set_index("part")["score"]
    best = {part: found.loc[found["name"].str.endswith(part), "score"].max() for part in b.PART_BOXES[:3]}
    assert kept.get("window", -1) == (best["window"] if best["window"] >= 0 else -1)
    assert all(kept[part] == best[part] for part in kept.index.intersection(list(best)))
    lights_seen = [score for part, score in best.items() if part != "window" and score >= 0]
    assert max(kept.reindex(["left_light", "right_light"]).max(), -1) == max(lights_seen, default=-1) or not lights_seen
    lights = boxes["part"].isin(["left_light", "right_light"]).sum()
    assert (boxes["part"] == "brand").sum() == (lights == 2)


def test_tight_lights_end_where_their_objects_end():
    rows = [one(part, corners=(0.1, 0.5, 0.3, 1.0)) for part in ("window", "left_light", "right_light")]
    boxes = b.boxes_table(table(*rows, one("left_light", "b.jpg", "rear", (0.1, 0.5, 0.3, 1.0))))
    tight = b.tight_lights(boxes, objects(("left_light", 0.1, 0.5, 0.3, 0.6), ("front_window", 0.1, 0.5, 0.3, 0.7)))
    assert tight.y1.tolist() == [1.0, 0.6, 1.0, 1.0]  # only a's left light has a tight object
    assert tight.drop(columns="y1").equals(boxes.drop(columns="y1"))


def test_a_csv_of_boxes_with_a_byte_order_mark(tmp_path):
    b.write_boxes(table(one()), tmp_path / "boxes.csv")
    content = (tmp_path / "boxes.csv").read_bytes()
    (tmp_path / "marked.csv").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(b.read_boxes(tmp_path / "marked.csv"), b.read_boxes(tmp_path / "boxes.csv"))


def test_true_is_no_number(tmp_path):
    (tmp_path / "boxes.csv").write_text(",".join(b.BOX_COLUMNS) + "\na.jpg,front,window,0.1,0.2,True,0.4,1,truth\n")
    with pytest.raises(PartregError, match=r"boxes.csv:2: expected a number for x1"):
        b.read_boxes(tmp_path / "boxes.csv")

import copy
import json
import math

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.errors import PartregError
from partreg.parts import formats
from partreg.parts.boxes import BODY, CLASSES, CORNERS, OBJECT_COLUMNS
from partreg.parts.formats import NAMES, Annotations, read_coco, write_coco, write_yolo, yolo_names

COCO = {
    "images": [{"id": 5, "file_name": "car.jpg", "width": 200, "height": 100}],
    "categories": [
        {"id": 1, "name": "front_glass"},
        {"id": 2, "name": "front_left_light"},
        {"id": 3, "name": "front_right_light"},
        {"id": 4, "name": "wheel"},
    ],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 1, "bbox": [50, 10, 100, 30]},
        {"id": 2, "image_id": 5, "category_id": 2, "bbox": [150, 50, 20, 10]},
        {"id": 3, "image_id": 5, "category_id": 3, "bbox": [30, 50, 20, 10]},
        {"id": 4, "image_id": 5, "category_id": 4, "bbox": [20, 70, 20, 20]},
    ],
}


def write(path, coco):
    path.write_text(json.dumps(coco))
    return path


def changed(annotation, **values):
    coco = copy.deepcopy(COCO)
    coco["annotations"][annotation].update(values)
    return coco


def named(first):
    """The file with another name for its first category."""
    return {**COCO, "categories": [{**COCO["categories"][0], "name": first}, *COCO["categories"][1:]]}


def frame(*rows):
    return pd.DataFrame(list(rows), columns=list(OBJECT_COLUMNS))


def test_a_foreign_file_is_read_by_names(tmp_path):
    found = read_coco(write(tmp_path / "parts.json", COCO))
    assert found.images.to_dict("records") == [{"image": "car.jpg", "width": 200, "height": 100}]
    # The car's own left light is on the image's right when seen from the front.
    assert list(found.objects["name"]) == ["front_window", "right_light", "left_light", BODY]
    assert found.objects.loc[0, list(CORNERS)].tolist() == [0.25, 0.1, 0.75, 0.4]
    assert found.objects.loc[1, list(CORNERS)].tolist() == [0.75, 0.5, 0.85, 0.6]


def test_extended_lights_reach_the_lowest_box_and_the_body_is_left_out(tmp_path):
    objects = read_coco(write(tmp_path / "parts.json", COCO)).extended()
    assert list(objects["name"]) == ["front_window", "right_light", "left_light"]
    assert list(objects["y1"]) == [0.4, 0.9, 0.9]  # the wheel ends at 90 of 100 pixels


def test_annotations_as_boxes(tmp_path):
    boxes = read_coco(write(tmp_path / "parts.json", COCO)).boxes()
    assert list(boxes["part"]) == ["window", "left_light", "right_light", "brand"]
    assert list(boxes["source"]) == ["annotated"] * 3 + ["inferred"]
    assert set(boxes["view"]) == {"front"}
    assert boxes.loc[3, list(CORNERS)].tolist() == [0.15, 0.5, 0.85, 0.9]


@pytest.mark.parametrize(
    ("coco", "sentence"),
    [
        (changed(0, bbox=[50, 10, -5, 30]), "annotation 1: .*no area"),
        (changed(0, bbox=[50, 10, 0, 30]), "annotation 1: .*no area"),
        (changed(1, bbox=[190, 50, 20, 10]), "annotation 2: .*leaves its picture"),
        (changed(1, bbox=[-3, 50, 20, 10]), "annotation 2: .*leaves its picture"),
        (changed(1, bbox=[200.2, 50, 0.5, 10]), "annotation 2: .*no area"),
        (changed(2, bbox=[math.nan, 50, 20, 10]), "annotation 3: expected a bbox of four numbers"),
        (changed(2, bbox=[30, 50, 20]), "annotation 3: expected a bbox of four numbers"),
        (changed(2, bbox="here"), "annotation 3: expected a bbox of four numbers"),
        (changed(3, category_id=9), "annotation 4: category_id 9"),
        (changed(3, image_id=9), "annotation 4: image_id 9"),
        (named("propeller"), "annotation 1: the category 'propeller' is unknown"),
        ({**COCO, "images": [{**COCO["images"][0], "width": 0}]}, "image 5 has the size 0 x 100"),
        ({**COCO, "images": [*COCO["images"], {**COCO["images"][0], "id": 6}]}, "'car.jpg' appears twice"),
        ({"images": []}, "expected a COCO file"),
        ([], "expected a COCO file"),
    ],
)
def test_absurd_files_are_refused(tmp_path, coco, sentence):
    path = write(tmp_path / "parts.json", coco)
    with pytest.raises(PartregError, match=sentence) as error:
        read_coco(path)
    assert str(path) in str(error.value)


def lights_of(path, *named):
    """Names of the lights as read, each given by its category and its left edge; a body reaches from 20 to 180."""
    names = sorted({category for category, _ in named} | {"front_glass", "back_bumper"})
    number = {name: place for place, name in enumerate(names)}
    boxes = [("back_bumper", [20, 20, 160, 60]), *((category, [left, 50, 20, 10]) for category, left in named)]
    coco = {
        "images": COCO["images"],
        "categories": [{"id": place, "name": name} for name, place in number.items()],
        "annotations": [{"image_id": 5, "category_id": number[name], "bbox": box} for name, box in boxes],
    }
    return list(read_coco(write(path, coco)).objects["name"])[1:]


@pytest.mark.parametrize(
    ("named", "sides"),
    [
        # From the front and from behind, the car's sides lie the other way round; both lights may lie to one side.
        ([("front_left_light", 150), ("front_right_light", 30)], ["right_light", "left_light"]),
        ([("back_left_light", 110), ("back_right_light", 150)], ["left_light", "right_light"]),
        # From its left, front and rear light are both the car's left ones.
        ([("front_left_light", 30), ("back_left_light", 150)], ["left_light", "right_light"]),
        ([("front_left_light", 150), ("back_left_light", 30)], ["right_light", "left_light"]),
        # Of one light alone, the middle of the car decides.
        ([("front_left_light", 30)], ["left_light"]),
        ([("front_left_light", 140)], ["right_light"]),
        # A file that says the picture's side is believed.
        ([("left_light", 150), ("right_light", 30)], ["left_light", "right_light"]),
    ],
)
def test_a_light_is_left_or_right_by_its_place_in_the_picture(tmp_path, named, sides):
    assert lights_of(tmp_path / "parts.json", *named) == sides


@given(st.lists(st.sampled_from([name for name in NAMES if NAMES[name] == formats.LIGHT]), min_size=1, max_size=4))
def test_in_the_mirror_left_and_right_lights_are_exchanged(tmp_path_factory, categories):
    path = tmp_path_factory.mktemp("lights") / "parts.json"
    placed = [(name, 25 + 30 * place) for place, name in enumerate(categories)]
    here, mirrored = lights_of(path, *placed), lights_of(path, *((name, 200 - left - 20) for name, left in placed))
    exchanged = {"left_light": "right_light", "right_light": "left_light"}
    middle = len(categories) == 3  # the light in the middle is of neither side
    pairs = [pair for place, pair in enumerate(zip(here, mirrored, strict=True)) if not (middle and place == 1)]
    assert [exchanged[one] for one, _ in pairs] == [other for _, other in pairs]


def test_names_of_which_the_file_has_none_are_refused(tmp_path):
    path = write(tmp_path / "parts.json", COCO)
    assert len(read_coco(path, {"front_glass": "rear_window", "windscreen": "front_window"}).objects) == 4
    with pytest.raises(PartregError, match=r"names has 'front_gloss' \(did you mean 'front_glass'\?\), which is none"):
        read_coco(path, {"front_gloss": "front_window"})


def test_a_light_of_either_side_may_be_said_in_names(tmp_path):
    coco = {**COCO, "categories": [*COCO["categories"][:2], {"id": 3, "name": "lamp"}, COCO["categories"][3]]}
    found = read_coco(write(tmp_path / "parts.json", coco), {"lamp": "light"}).objects
    assert list(found["name"]) == ["front_window", "right_light", "left_light", BODY]


def test_a_pixel_over_the_edge_is_clamped(tmp_path):
    found = read_coco(write(tmp_path / "parts.json", changed(0, bbox=[-0.5, 10, 201, 30]))).objects
    assert found.loc[0, list(CORNERS)].tolist() == [0, 0.1, 1, 0.4]


def test_annotations_too_little_visible_are_left_out(tmp_path):
    path = write(tmp_path / "parts.json", changed(1, visibility=0.2))
    assert len(read_coco(path, visible=0.3).objects) == 3
    assert len(read_coco(path).objects) == 4


def test_every_category_of_the_defaults_is_known():
    assert set(NAMES.values()) == {*CLASSES, formats.LIGHT, BODY}


def test_a_subset_keeps_the_given_order():
    images = pd.DataFrame({"image": ["a", "b", "c"], "width": 10, "height": 10})
    some = Annotations(images, frame(("a", BODY, 0, 0, 1, 1, 1.0), ("b", BODY, 0, 0, 1, 1, 1.0))).subset(["c", "a"])
    assert list(some.images["image"]) == ["c", "a"]
    assert list(some.objects["image"]) == ["a"]


def test_coco_with_a_box_of_no_image_is_not_written(tmp_path):
    images = pd.DataFrame({"image": ["a.jpg"], "width": 10, "height": 10})
    with pytest.raises(PartregError, match=r"'b.jpg', which is not among the images"):
        write_coco(Annotations(images, frame(("b.jpg", BODY, 0, 0, 1, 1, 1.0))), tmp_path / "parts.json")
    assert not (tmp_path / "parts.json").exists()


def test_yolo_lines_are_centre_and_size(tmp_path):
    rows = frame(("image/1.jpg", "rear_window", 0.1, 0.2, 0.5, 0.4, 1.0), ("image/1.jpg", BODY, 0, 0, 1, 1, 1.0))
    write_yolo(tmp_path, rows, ["image/1.jpg", "image/2.jpg"])
    line = "1 0.300000000 0.300000000 0.400000000 0.200000000\n"
    assert (tmp_path / "labels" / "image__1.txt").read_text() == line
    assert (tmp_path / "labels" / "image__2.txt").read_text() == ""


def test_yolo_refuses_unknown_images_and_names_that_collide(tmp_path):
    with pytest.raises(PartregError, match=r"'b.jpg', which is not among"):
        write_yolo(tmp_path, frame(("b.jpg", "left_light", 0, 0, 1, 1, 1.0)), ["a.jpg"])
    with pytest.raises(PartregError, match="share one YOLO label file"):
        yolo_names(["a/b.jpg", "a__b.png"])


side = st.tuples(st.integers(0, 89), st.integers(1, 10)).map(lambda s: (s[0], s[0] + s[1]))
rows = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(CLASSES), side, side), max_size=8, unique=True)


@settings(max_examples=15, deadline=None)
@given(rows)
def test_both_formats_hold_the_boxes(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("formats")
    images = pd.DataFrame({"image": ["a.jpg", "sub/b.jpg", "c.png"], "width": [100, 640, 33], "height": [100, 480, 77]})
    before = frame(
        *[(images["image"][i], name, x[0] / 99, y[0] / 99, x[1] / 99, y[1] / 99, 1.0) for i, name, x, y in rows]
    )
    before = before.sort_values(
        "image", key=lambda column: column.map({n: i for i, n in enumerate(images["image"])}), kind="stable"
    )
    before = formats.objects_table(before)
    write_coco(Annotations(images, before), folder / "parts.json")
    coco = read_coco(folder / "parts.json")
    write_yolo(folder, before, list(images["image"]))
    lines = [
        (image, *line.split())
        for image, name in yolo_names(images["image"]).items()
        for line in (folder / "labels" / f"{name[:-4]}.txt").read_text().splitlines()
    ]
    pd.testing.assert_frame_equal(coco.images, images)
    pd.testing.assert_frame_equal(coco.objects, before, atol=1e-4)
    assert [(image, CLASSES[int(label)]) for image, label, *_ in lines] == list(
        zip(before["image"], before["name"], strict=True)
    )
    x, y, wide, high = np.array([line[2:] for line in lines], dtype=float).reshape(-1, 4).T
    yolo = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=1)
    np.testing.assert_allclose(yolo, before[["x0", "y0", "x1", "y1"]], atol=1e-8)
    first = (folder / "parts.json").read_bytes()
    write_coco(Annotations(images, before), folder / "parts.json")
    assert (folder / "parts.json").read_bytes() == first


def test_the_real_photographs_are_read(real):
    found = read_coco(real / "car_parts" / "annotations.json")
    assert len(found.images) == 300
    boxes = found.boxes()
    assert (boxes.drop_duplicates("image")["view"].value_counts()[["front", "rear"]] > 70).all()
    lights = boxes[boxes["part"].isin(["left_light", "right_light"])]
    lights = lights.assign(center=lights["x0"] + lights["x1"]).pivot(index="image", columns="part", values="center")
    both = lights.dropna()
    assert len(both) > 150
    assert (both["left_light"] < both["right_light"]).all()
    named = found.objects.assign(center=found.objects["x0"] + found.objects["x1"]).groupby(["image", "name"])["center"]
    sides = [named.max().xs("left_light", level="name"), named.min().xs("right_light", level="name")]
    sides = pd.concat(sides, axis=1, keys=["left", "right"]).dropna()
    assert (sides["left"] < sides["right"]).all()  # not only of those that are chosen


def test_a_byte_order_mark_before_coco(tmp_path):
    plain = read_coco(write(tmp_path / "parts.json", COCO))
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "parts.json").read_bytes())
    pd.testing.assert_frame_equal(read_coco(tmp_path / "marked.json").objects, plain.objects)


@pytest.mark.parametrize("given", [str, float, lambda number: f"image-{number}"])
def test_ids_may_be_text(tmp_path, given):
    coco = copy.deepcopy(COCO)
    for entry in coco["images"]:
        entry["id"] = given(entry["id"])
    for entry in coco["annotations"]:
        entry["image_id"] = given(entry["image_id"])
    found = read_coco(write(tmp_path / "parts.json", coco)).objects
    pd.testing.assert_frame_equal(found, read_coco(write(tmp_path / "plain.json", COCO)).objects)


def test_an_id_is_the_same_as_text_and_as_a_number(tmp_path):
    coco = copy.deepcopy(COCO)
    coco["images"][0]["id"] = "5"
    coco["categories"][0]["id"] = "1"
    assert len(read_coco(write(tmp_path / "parts.json", coco)).objects) == 4


@pytest.mark.parametrize(
    ("field", "entry", "sentence"),
    [
        (
            "images",
            {"id": 5, "file_name": "b.jpg", "width": 9, "height": 9},
            "entry 2 of images: the id 5 appears twice",
        ),
        ("images", {"id": "5", "file_name": "b.jpg", "width": 9, "height": 9}, "entry 2 of images: the id 5 appears"),
        (
            "images",
            {"id": True, "file_name": "b.jpg", "width": 9, "height": 9},
            "entry 2 of images: .* as id, found 'True'",
        ),
        (
            "images",
            {"id": 1.5, "file_name": "b.jpg", "width": 9, "height": 9},
            "entry 2 of images: .* as id, found '1.5'",
        ),
        ("images", {"id": None, "file_name": "b.jpg", "width": 9, "height": 9}, "as id, found 'None'"),
        ("images", {"id": 6, "file_name": "./car.jpg", "width": 9, "height": 9}, "'car.jpg' appears twice"),
        (
            "images",
            {"id": 6, "file_name": 7, "width": 9, "height": 9},
            "image 6: expected the path of a picture in its folder; found '7'",
        ),
        ("images", {"id": 6, "file_name": "b.jpg", "width": True, "height": 9}, "image 6 has the size True x 9"),
        ("images", {"id": 6, "file_name": "b.jpg", "width": 9}, "entry 2 of images: .* found no height"),
        ("images", "b.jpg", "entry 2 of images: expected a COCO file"),
        ("categories", {"id": 2, "name": "wheel"}, "entry 5 of categories: the id 2 appears twice in categories"),
        ("annotations", {**COCO["annotations"][0]}, "entry 5 of annotations: the id 1 appears twice in annotations"),
        (
            "annotations",
            {**COCO["annotations"][0], "id": 9, "image_id": True},
            "annotation 9: .* as image_id, found 'True'",
        ),
        ("annotations", {**COCO["annotations"][0], "id": 9, "bbox": [True, 1, 2, 3]}, "annotation 9: expected a bbox"),
        ("annotations", {**COCO["annotations"][0], "id": 9, "bbox": ["1", 1, 2, 3]}, "annotation 9: expected a bbox"),
        (
            "annotations",
            {**COCO["annotations"][0], "id": 9, "visibility": "much"},
            "annotation 9: expected a visibility",
        ),
        (
            "annotations",
            {**COCO["annotations"][0], "id": 9, "visibility": math.nan},
            "annotation 9: expected a visibility",
        ),
    ],
)
def test_what_an_entry_more_says_is_refused(tmp_path, field, entry, sentence):
    path = write(tmp_path / "parts.json", {**COCO, field: [*COCO[field], entry]})
    with pytest.raises(PartregError, match=sentence) as error:
        read_coco(path)
    assert str(path) in str(error.value)


def test_annotations_may_do_without_ids(tmp_path):
    bare = [{key: value for key, value in entry.items() if key != "id"} for entry in COCO["annotations"]]
    assert len(read_coco(write(tmp_path / "parts.json", {**COCO, "annotations": bare})).objects) == 4
    bare[2]["bbox"] = [0, 0, 0, 0]
    with pytest.raises(PartregError, match=r"annotation at place 3: .*no area"):
        read_coco(write(tmp_path / "parts.json", {**COCO, "annotations": bare}))


def test_a_category_that_no_box_has_is_passed_over(tmp_path):
    coco = {**COCO, "categories": [{"id": 0, "name": "car-parts"}, {"id": 7, "name": 8}, *COCO["categories"]]}
    assert len(read_coco(write(tmp_path / "parts.json", coco)).objects) == 4
    assert len(read_coco(tmp_path / "parts.json", {"car-parts": BODY}).objects) == 4


def test_names_are_beside_those_that_are_known(tmp_path):
    coco = {**COCO, "categories": [{"id": 1, "name": "windshield"}, *COCO["categories"][1:]]}
    path = write(tmp_path / "parts.json", coco)
    assert read_coco(path, {"windshield": "rear_window"}).objects.loc[0, "name"] == "rear_window"
    with pytest.raises(PartregError, match="annotation 1: the category 'windshield' is unknown; say in names"):
        read_coco(path)
    with pytest.raises(PartregError, match="'windshield' is called 'glass' in names, which is unknown"):
        read_coco(path, {"windshield": "glass"})


def own(*names):
    """The file with categories of another thing than a car."""
    return {**COCO, "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)]}


def test_a_file_of_other_things_has_classes_of_its_own(tmp_path):
    found = read_coco(write(tmp_path / "parts.json", own("wheel", "saddle", "handlebar", BODY)))
    assert list(found.objects["name"]) == ["wheel", "saddle", "handlebar", BODY]
    assert list(found.extended()["name"]) == ["wheel", "saddle", "handlebar"]
    assert found.extended()["y1"].tolist() == found.objects["y1"].tolist()[:3]  # only lights are extended
    write_coco(found, tmp_path / "again.json")
    pd.testing.assert_frame_equal(read_coco(tmp_path / "again.json").objects, found.objects)
    renamed = read_coco(tmp_path / "parts.json", {"saddle": "seat"}).objects["name"]
    assert list(renamed) == ["wheel", "seat", "handlebar", BODY]


def test_yolo_numbers_own_classes_by_name(tmp_path):
    rows = frame(("1.jpg", "wheel", 0.1, 0.2, 0.5, 0.4, 1.0), ("1.jpg", "saddle", 0, 0, 1, 1, 1.0))
    write_yolo(tmp_path, rows, ["1.jpg"])
    assert [line[0] for line in (tmp_path / "labels" / "1.txt").read_text().splitlines()] == ["1", "0"]
    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["names"] == {0: "saddle", 1: "wheel"}


@pytest.mark.parametrize("name", ["global", "window", "light", "a.b", "a,b", "", 7])
def test_what_can_be_no_parts_name_is_refused(tmp_path, name):
    path = write(tmp_path / "parts.json", own("wheel", name, "handlebar", "bell"))
    with pytest.raises(PartregError, match=r"annotation 2: the category .* can be no part's name; expected letters"):
        read_coco(path)


def test_the_same_box_twice_is_one_box(tmp_path):
    coco = {**COCO, "annotations": [*COCO["annotations"], {**COCO["annotations"][0], "id": 9}]}
    assert len(read_coco(write(tmp_path / "parts.json", coco)).objects) == 4


def test_polygons_and_what_cvat_has_rotated_have_the_box_around_them(tmp_path):
    coco = changed(0, attributes={"rotation": 90})
    coco["annotations"][3] = {"image_id": 5, "category_id": 4, "segmentation": [[20, 70, 30, 70, 25, 90], [36, 71] * 3]}
    found = read_coco(write(tmp_path / "parts.json", coco)).objects
    assert found.loc[0, list(CORNERS)].tolist() == [0.425, 0, 0.575, 0.75]
    assert found.loc[3, list(CORNERS)].tolist() == [0.1, 0.7, 0.18, 0.9]
    del coco["annotations"][3]["segmentation"]
    with pytest.raises(PartregError, match="annotation at place 4: expected a bbox of four numbers, or a polygon in"):
        read_coco(write(tmp_path / "parts.json", coco))

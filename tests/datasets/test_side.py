import numpy as np
import pandas as pd
import pytest

from partreg.datasets import side
from partreg.datasets.images import images_table
from partreg.errors import PartregError
from tests.datasets.layouts import write
from tests.test_files import WRITTEN_BY

IMAGES = ("image_train/a.jpg", "image_query/b.jpg", "image_test/b.jpg", "image_test/c.jpg")


def table(*names, **more):
    names = names or IMAGES
    return images_table({"image": names, "path": names, "vehicle": [1] * len(names), **more})


def keypoints_row(image, **seen):
    """All points at (0.25, 0.5) and hidden, but those given."""
    return ",".join([image, *(f"0.25,0.5,{seen.get(name, 0)}" for name in side.KEYPOINTS)])


HEADING = ",".join(["image", *(f"{n}_{what}" for n in side.KEYPOINTS for what in ("x", "y", "seen"))])


def test_keypoints_in_the_order_of_the_images(tmp_path):
    rows = [keypoints_row("image_test/b.jpg", rear_plate=1), keypoints_row("image_train/a.jpg", left_front_wheel=1)]
    write(tmp_path / "truth/keypoints.csv", HEADING, *rows)
    found = side.read_keypoints(tmp_path, table())
    assert (found.shape, found.dtype) == ((4, 20, 3), np.float32)
    assert found[0, 0].tolist() == [0.25, 0.5, 1]
    assert found[0, 1].tolist() == [0.25, 0.5, 0]
    assert found[1].tolist() == found[2].tolist(), "a query is looked up as the gallery's copy"
    assert found[1, :, 2].tolist() == [0] * 19 + [1]
    assert not found[3].any(), "an image that is not listed has zeros"


def test_a_file_beside_the_images_goes_before_the_truth(tmp_path):
    write(tmp_path / "truth/orientation.csv", "image,orientation", "image_train/a.jpg,front")
    assert side.read_orientation(tmp_path, table()).tolist() == ["front", "", "", ""]
    write(tmp_path / "orientation.csv", "image,note,orientation", "image_query/b.jpg,x,rear", "image_test/b.jpg,,left")
    assert side.read_orientation(tmp_path, table()).tolist() == ["", "rear", "left", ""]
    write(tmp_path / "orientation.csv", "image,orientation", "image_test/b.jpg,", "image_test/c.jpg,right rear")
    assert side.read_orientation(tmp_path, table()).tolist() == ["", "", "", "right rear"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["image"], r"keypoints.csv:1: expected a heading with the column 'left_front_wheel_x'"),
        ([HEADING, keypoints_row(IMAGES[0]) + ",1"], r"keypoints.csv:2: expected 61 fields, found 62"),
        ([HEADING, "", keypoints_row(IMAGES[0]), keypoints_row(IMAGES[0])], r":4: image_train/a.jpg is in line 3"),
        ([HEADING, keypoints_row("")], r"keypoints.csv:2: expected an image"),
        ([HEADING, keypoints_row(IMAGES[0]), keypoints_row("z", rear_logo=2)], r"keypoints.csv:3: expected 0 or 1"),
        ([HEADING, keypoints_row(IMAGES[0], rear_logo="yes")], r":2: expected a number as rear_logo_seen, found 'yes'"),
        ([HEADING, keypoints_row(IMAGES[0], rear_logo="nan")], r":2: expected a number as rear_logo_seen, found 'nan'"),
        ([HEADING, keypoints_row("other.jpg")], r"keypoints.csv: expected rows of the data set's images"),
        ([HEADING], r"keypoints.csv: expected rows of the data set's images, such as 'image_train/a.jpg'"),
    ],
)
def test_keypoints_refuses(tmp_path, lines, sentence):
    write(tmp_path / "keypoints.csv", *lines)
    with pytest.raises(PartregError, match=sentence):
        side.read_keypoints(tmp_path, table())


@pytest.mark.parametrize(
    ("read", "name", "methods"),
    [
        (side.read_keypoints, "keypoints.csv", "OIFE"),
        (side.read_orientation, "orientation.csv", "VAMI"),
        (side.read_plates, "plates.csv", "Plate-SNN"),
        (side.read_models, "models.csv", "GoogLeNet"),
        (lambda root, _: side.read_camera_distances(root), "camera_ID.txt", "STR"),
    ],
)
def test_a_missing_file_is_named_with_the_methods_that_need_it(tmp_path, read, name, methods):
    with pytest.raises(PartregError, match=rf"{name}: no such side file \(nor truth/{name} there\).*{methods}"):
        read(tmp_path, table())


def test_orientation_refuses(tmp_path):
    write(tmp_path / "orientation.csv", "image,orientation", "image_test/b.jpg,front", "image_test/c.jpg,top")
    with pytest.raises(PartregError, match=r"orientation.csv:3: expected one of front, rear, .*, found 'top'"):
        side.read_orientation(tmp_path, table())
    (tmp_path / "orientation.csv").write_bytes(b"image,orientation\n\xff,front\n")
    with pytest.raises(PartregError, match=r"orientation.csv: could not be read as UTF-8 text"):
        side.read_orientation(tmp_path, table())


def test_plates(tmp_path):
    lines = ["image_test/b.jpg,AB123,plates/b.jpg", "image_test/c.jpg,,"]
    write(tmp_path / "truth/plates.csv", "image,plate,crop", *lines)
    found = side.read_plates(tmp_path, table())
    assert found.columns.tolist() == ["image", "plate", "crop"]
    assert found["image"].tolist() == list(IMAGES)
    assert found["plate"].tolist() == ["", "AB123", "AB123", ""]
    crop = str(tmp_path / "truth/plates/b.jpg")
    assert found["crop"].tolist() == ["", crop, crop, ""], "relative to the file's own folder"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("image_test/b.jpg,AB123,../../b.jpg", r"plates.csv:2: the crop '../../b.jpg' leads out"),
        ("image_test/b.jpg,AB123,/etc/b.jpg", r"plates.csv:2: the crop '/etc/b.jpg' leads out"),
        ("image_test/b.jpg,AB123,", r"plates.csv:2: expected both plate and crop"),
        ("image_test/b.jpg,,b.jpg", r"plates.csv:2: expected both plate and crop"),
        ("1,AB123,b.jpg", r"plates.csv: expected rows of the data set's images"),
    ],
)
def test_plates_refuses(tmp_path, row, sentence):
    write(tmp_path / "plates.csv", "image,plate,crop", row)
    with pytest.raises(PartregError, match=sentence):
        side.read_plates(tmp_path, table())


def test_models_of_the_table_or_of_a_file(tmp_path):
    assert side.read_models(tmp_path, table(model=[3, -1, 0, 0])).tolist() == [3, -1, 0, 0]
    write(tmp_path / "models.csv", "image,model", "image_train/a.jpg,7", "image_test/b.jpg,", "image_test/c.jpg,-1")
    assert side.read_models(tmp_path, table()).tolist() == [7, -1, -1, -1]
    write(tmp_path / "models.csv", "image,model", "image_train/a.jpg,7", "image_test/b.jpg,audi")
    with pytest.raises(PartregError, match=r"models.csv:3: expected a whole number as model, found 'audi'"):
        side.read_models(tmp_path, table())
    write(tmp_path / "truth/images.csv", "image,vehicle,model", "image_test/b.jpg,1,5")
    assert side.read_models(tmp_path, table()).tolist() == [-1, 5, 5, -1]


def test_camera_distances(tmp_path):
    write(tmp_path / "camera_ID.txt", "c003", "c001")
    write(tmp_path / "camera_Dist.txt", "0 12.5 ", "12.5 0")
    found = side.read_camera_distances(tmp_path)
    expected = pd.DataFrame([[0, 12.5], [12.5, 0]], index=[3, 1], columns=[3, 1])
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("names", "rows", "sentence"),
    [
        (["c001", "left"], ["0 1", "1 0"], r"camera_ID.txt:2: expected a camera's name, such as 'c001', found 'left'"),
        (["c001", "c01"], ["0 1", "1 0"], r"camera_ID.txt:2: expected each camera once, found 'c01'"),
        (["c001", "c002"], ["0 1"], r"camera_Dist.txt: expected 2 lines of 2 distances.*found 1"),
        (["c001", "c002"], ["0 1", "1 0 1"], r"camera_Dist.txt:2: expected 2 distances, one for each camera"),
        (["c001", "c002"], ["0 x", "1 0"], r"camera_Dist.txt:1: expected a number as distance 2, found 'x'"),
        (["c001", "c002"], ["0 1", "2 0"], r"camera_Dist.txt:1: expected a symmetric matrix"),
        (["c001", "c002"], ["0 1", "1 3"], r"camera_Dist.txt:2: expected a symmetric matrix .* zero diagonal"),
        (["c001", "c002"], ["0 -1", "-1 0"], r"camera_Dist.txt:1: expected a symmetric matrix of distances of 0"),
        ([], [], r"camera_Dist.txt: expected 0 lines"),
    ],
)
def test_camera_distances_refuses(tmp_path, names, rows, sentence):
    write(tmp_path / "camera_ID.txt", *names)
    write(tmp_path / "camera_Dist.txt", *rows)
    with pytest.raises(PartregError, match=sentence):
        side.read_camera_distances(tmp_path)


def test_a_camera_file_without_its_matrix(tmp_path):
    write(tmp_path / "camera_ID.txt", "c001")
    with pytest.raises(PartregError, match=r"camera_Dist.txt: no such side file"):
        side.read_camera_distances(tmp_path)


def test_a_column_stands_once(tmp_path):
    (tmp_path / "models.csv").write_text("image,model,model\na.jpg,1,2\n")
    with pytest.raises(PartregError, match=r"models.csv:1: expected each column once, 'model'"):
        side.read_columns(tmp_path / "models.csv", ("image", "model"))


@pytest.mark.parametrize("written", WRITTEN_BY.values(), ids=WRITTEN_BY)
def test_side_files_are_read_whoever_wrote_them(tmp_path, written):
    texts = {
        "orientation.csv": "image,orientation\nimage_train/a.jpg,rear\n",
        "models.csv": "image,model\nimage_train/a.jpg,7.0\nimage_test/b.jpg,\n",
        "plates.csv": "image,plate,crop\nimage_train/a.jpg,AB12,a.png\n",
        "keypoints.csv": f"{HEADING}\n{keypoints_row('image_train/a.jpg', rear_logo=1)}\n",
        "camera_ID.txt": "c001\nc002\n",
        "camera_Dist.txt": "0 1\n1 0\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(written(text))
    assert side.read_orientation(tmp_path, table())[0] == "rear"
    assert side.read_models(tmp_path, table()).tolist() == [7, -1, -1, -1], "pandas writes 7.0 beside a blank"
    assert side.read_plates(tmp_path, table())["plate"][0] == "AB12"
    assert side.read_keypoints(tmp_path, table())[0, :, 2].sum() == 1
    assert side.read_camera_distances(tmp_path).loc[1, 2] == 1


@pytest.mark.parametrize("word", ["1_0", "١", "inf", "True", ""])
def test_what_is_no_number_of_a_side_file(tmp_path, word):
    write(tmp_path / "keypoints.csv", HEADING, keypoints_row("image_train/a.jpg").replace("0.25", word, 1))
    with pytest.raises(PartregError, match=r"keypoints.csv:2: expected a number as left_front_wheel_x, found"):
        side.read_keypoints(tmp_path, table())


def test_key_points_in_pixels_are_refused_where_they_are_seen(tmp_path):
    write(tmp_path / "keypoints.csv", HEADING, keypoints_row("image_train/a.jpg", rear_logo=1).replace("0.25", "31"))
    with pytest.raises(PartregError, match=r"keypoints.csv:2: a point that is seen lies outside .* divide pixels by"):
        side.read_keypoints(tmp_path, table())
    write(tmp_path / "keypoints.csv", HEADING, keypoints_row("image_train/a.jpg").replace("0.25", "-0.3"))
    assert side.read_keypoints(tmp_path, table()).shape == (4, 20, 3), "what is hidden may lie outside"

"""Pictures of a reader's own as a data set: the tables that they become, and the sentence where they cannot."""

from pathlib import Path

import numpy as np
import pytest
from layouts import picture, write, write_csv, write_vehicleid, write_veri

from partreg.datasets.check import check
from partreg.datasets.images import IMAGE_COLUMNS
from partreg.datasets.layouts import LAYOUTS, given_for, layout_of
from partreg.datasets.own import read_cameras, read_galleries, read_rows, source
from partreg.datasets.suffixes import SUFFIXES
from partreg.errors import PartregError
from partreg.search.pictures import find_pictures

SPLIT = ["a.jpg,KA-12,1,train", "b.jpg,KA-12,2,train", "c.jpg,007,1,query", "d.jpg,007,2,gallery", "e.jpg,7,,gallery"]


def listed(root: Path, heading: str, *lines: str) -> Path:
    write(root / "images.csv", heading, *lines)
    return root


def in_folders(root: Path, vehicles: int, images: int = 2) -> Path:
    for vehicle in range(vehicles):
        for image in range(images):
            picture(root / f"KA-{vehicle:02d}" / f"{image}.jpg")
    return root


def test_the_split_of_a_csv_decides_what_is_learnt(tmp_path):
    found = read_galleries(listed(tmp_path, "path,vehicle,camera,split", *SPLIT))
    assert (*found.train.columns,) == (*IMAGE_COLUMNS, "vehicle_name")
    assert found.train["image"].tolist() == ["a.jpg", "b.jpg"]
    assert found.train["vehicle_name"].tolist() == ["KA-12", "KA-12"]
    assert list(found.tests) == [2]
    assert found.tests[2]["vehicle_name"].tolist() == ["007", "007", "7"]
    assert found.tests[2]["vehicle"].tolist() == [0, 0, 1], "two vehicles, though the same number"
    assert found.tests[2].index.tolist() == [0, 1, 2]
    assert found.tests[2]["path"][0] == str(tmp_path / "c.jpg")
    assert (found.root, found.divided, found.lacks) == (tmp_path, "", "")


def test_a_csv_with_cameras_stands_for_veri(tmp_path):
    heading = "path,vehicle,camera,track,split"
    lines = [*(line.replace(",train", ",,train").replace(",query", ",,query") for line in SPLIT[:3])]
    found = read_cameras(listed(tmp_path, heading, *lines, "d.jpg,007,2,t1,gallery", "e.jpg,7,3,,gallery"))
    assert [len(table) for table in (found.train, found.query, found.gallery)] == [2, 1, 2]
    assert found.query["vehicle_name"].tolist() == ["007"]
    assert found.gallery["camera"].tolist() == [2, 3]
    assert found.tracks == {"t1": ["d.jpg"], "e.jpg": ["e.jpg"]}, "an image without a track is one"
    assert found.gallery["track"].tolist() == ["t1", "e.jpg"]


def test_without_a_split_a_seed_divides_the_vehicles_and_it_is_said(tmp_path):
    root = listed(tmp_path, "path,vehicle", *(f"{image}.jpg,car {image // 3}" for image in range(21)))
    found = read_galleries(root)
    (test,) = found.tests.values()
    learnt, tested = set(found.train["vehicle_name"]), set(test["vehicle_name"])
    assert (len(learnt), len(tested), [*found.tests]) == (4, 3, [3])
    assert not learnt & tested
    assert len(found.train) == 12
    told = "seed 0 drew 4 of the 7 vehicles to train on and 3 to test on, for there is no column 'split'"
    assert (found.divided, found.lacks) == (told, "the column 'split' is missing")
    again = listed(tmp_path, "path,vehicle", *(f"{image}.jpg,car {image // 3}" for image in reversed(range(21))))
    assert set(read_galleries(again).train["vehicle_name"]) == learnt, "whatever the order of the rows"


def test_a_folder_for_each_vehicle(tmp_path):
    root = in_folders(tmp_path, 5)
    picture(root / ".thumbnails/0.jpg")
    picture(root / "KA-00/.0.jpg")
    picture(root / "KA-00/UPPER.JPG")
    write(root / "KA-00/notes.txt", "not a picture")
    write(root / "truth/plates.csv", "image,plate")
    found = read_galleries(root)
    every = sorted([*found.train["image"], *found.tests[2]["image"]])
    assert every == sorted(
        [*(f"KA-{car:02d}/{image}.jpg" for car in range(5) for image in range(2)), "KA-00/UPPER.JPG"]
    )
    assert all(found.train["image"].str.startswith(name).sum() for name in set(found.train["vehicle_name"]))
    assert Path(found.train["path"][0]).is_file()
    assert (source(root), layout_of(root)) == (root, "own")
    assert found.lacks == "the column 'split' is missing"
    counts = check(root).counts
    assert counts == {"all images": 11, "all vehicles": 5, "files passed over, such as KA-00/notes.txt": 2}
    assert check(root).problems == []
    listed(root, "path,vehicle,split", "KA-00/0.jpg,x,train", "KA-01/0.jpg,y,gallery")
    assert len(read_galleries(root).train) == 1, "the CSV says more"


def test_a_check_counts_the_files_that_are_passed_over(tmp_path):
    root = in_folders(tmp_path, 4)
    picture(root / "KA-00" / "deeper" / "0.jpg")
    picture(root / "0.jpg")
    (root / "KA-01" / "1.heic").touch()
    (root / ".hidden").touch()
    report = check(root)
    assert report.counts["files passed over, such as 0.jpg"] == 3
    assert report.problems == []


def test_a_broken_picture_in_a_folder_is_a_problem(tmp_path):
    root = in_folders(tmp_path, 4)
    (root / "KA-00/0.jpg").write_bytes(b"no picture")
    (problem,) = check(root).problems
    assert (problem.file, problem.line) == (str(root), 0)
    assert "KA-00/0.jpg is unreadable" in problem.message


@pytest.mark.parametrize("name", ["-1", "nan", "NULL", "?", b"\xe9t\xe9".decode(errors="surrogateescape")])
def test_folders_that_are_no_vehicles(tmp_path, name):
    root = in_folders(tmp_path, 4)
    picture(root / name / "0.jpg")
    with pytest.raises(
        PartregError, match=r"expected (the name of a vehicle|a name in UTF-8), found .*; (take|rename)"
    ):
        read_galleries(root)
    assert len(check(root).problems) == 1


CANNOT = {
    "no split": ("path,vehicle,camera", ["a.jpg,1,1"], "images.csv: .*: the column 'split' is missing; add"),
    "no camera": (
        "path,vehicle,split",
        ["a.jpg,1,train", "b.jpg,2,query", "c.jpg,2,gallery"],
        "VeRi-776's rules: the column 'camera' is missing; add what they need, or give the folder as vehicleid alone",
    ),
    "blank cameras": (
        "path,vehicle,camera,split",
        ["a.jpg,1,3,train", "b.jpg,2,,query", "c.jpg,2,-1,gallery"],
        None,  # one camera is known
    ),
    "no gallery": (
        "path,vehicle,camera,split",
        ["a.jpg,1,1,train", "b.jpg,2,1,query"],
        "no image has the split 'gallery'",
    ),
    "no training": ("path,vehicle,camera,split", ["a.jpg,1,1,query", "b.jpg,1,2,gallery"], "the split 'train'"),
    "one camera": (
        "path,vehicle,camera,split",
        ["a.jpg,1,1,train", "b.jpg,2,7,query", "c.jpg,2,7,gallery"],
        "no query has a match in another camera, .* own \\(camera 7\\); add",
    ),
    "both sides": (
        "path,vehicle,camera,split",
        ["a.jpg,KA,1,train", "b.jpg,KA,1,query", "c.jpg,KA,2,gallery"],
        "vehicle KA is both to train on and to test on",
    ),
    "mixed track": (
        "path,vehicle,camera,track,split",
        ["a.jpg,1,1,,train", "b.jpg,2,1,,query", "c.jpg,2,2,t,gallery", "d.jpg,2,3,t,gallery"],
        "the track 't' mixes vehicles or cameras",
    ),
}


@pytest.mark.parametrize(("heading", "lines", "sentence"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_stand_for_veri_says_which_column(tmp_path, heading, lines, sentence):
    root = listed(tmp_path, heading, *lines)
    if sentence is None:
        assert len(read_cameras(root).query) == 1
        return
    with pytest.raises(PartregError, match=sentence):
        read_cameras(root)


@pytest.mark.parametrize(
    ("heading", "lines", "sentence"),
    [
        ("path,vehicle", ["a.jpg,1", "b.jpg,2", "c.jpg,KA"], r"4 vehicles or more.*found 3 \(1, 2, KA\)"),
        ("path,vehicle", [], r"4 vehicles or more.*found 0"),
        ("path,vehicle,split", ["a.jpg,1,train", "b.jpg,2,train"], "no image has the split query or gallery"),
        ("path,vehicle,split", ["a.jpg,1,query", "b.jpg,2,gallery"], "no image has the split train"),
        ("path,vehicle,split", ["a.jpg,x,train", "b.jpg,x,gallery"], "vehicle x is both"),
        ("path,vehicle,split", ["a.jpg,x,train", "b.jpg,y,"], "images.csv:3: expected train, query, gallery as split"),
        ("path", ["a.jpg"], "images.csv:1: expected a heading with path and vehicle.*'vehicle' is missing"),
    ],
)
def test_what_cannot_stand_for_vehicleid(tmp_path, heading, lines, sentence):
    with pytest.raises(PartregError, match=sentence):
        read_galleries(listed(tmp_path, heading, *lines))


def test_a_folder_of_the_paper_is_never_taken_for_vehicles(tmp_path):
    vehicleid, veri = write_vehicleid(tmp_path / "a"), write_veri(tmp_path / "b")
    assert given_for("vehicleid", veri) is LAYOUTS["vehicleid"], "its reader says what is missing"
    assert given_for("veri", vehicleid) is LAYOUTS["veri"]
    (vehicleid / "train_test_split").rename(tmp_path / "elsewhere")
    for name in ("train", "query", "test"):
        (veri / f"name_{name}.txt").unlink()
    for root, folders in ((vehicleid, "image"), (veri, "image_query, image_test, image_train")):
        with pytest.raises(PartregError, match=rf"\({folders}\); add some, or the lists of VehicleID or VeRi-776"):
            read_galleries(root)


def test_names_in_messages_of_a_check_are_the_vehicles(tmp_path):
    write_csv(tmp_path)
    write(tmp_path / "images.csv", "path,vehicle,split", "cars/a.jpg,KA,train", "cars/b.jpg,KA,query")
    assert any("vehicle KA is in the training list too" in problem.message for problem in check(tmp_path).problems)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".GIF"])
def test_every_picture_that_can_be_searched_makes_a_folder_known_and_is_listed(tmp_path, suffix):
    names = [f"{vehicle}/{number}{suffix}" for vehicle in "abcd" for number in range(2)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert layout_of(tmp_path) == "own"
    assert find_pictures(tmp_path)[0] == names
    assert read_rows(tmp_path)["path"].tolist() == names


def test_real_photographs_in_folders(real, tmp_path):
    lists = real / "khoa_cars/VehicleID_V1.0"
    for line in (lists / "train_test_split/train_list.txt").read_text().split("\n")[:40]:
        image, vehicle = line.split()
        (tmp_path / f"car {vehicle}").mkdir(exist_ok=True)
        (tmp_path / f"car {vehicle}" / f"{image}.jpg").symlink_to(lists / f"image/{image}.jpg")
    found = read_galleries(tmp_path)
    assert [len(found.train), *map(len, found.tests.values())] == [20, 20]
    assert np.isin(found.train["vehicle_name"].str[:4], "car ").all()
    assert check(tmp_path, decode=True).problems == []

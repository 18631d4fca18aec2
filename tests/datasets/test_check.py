"""`partreg check`: every problem is reported, with its file and line, in one go."""

import sys
from pathlib import Path

import numpy as np
import pytest
from layouts import QUERY, TEST, TRAIN, write, write_csv, write_vehicleid, write_veri

from partreg import __main__ as command_line
from partreg.datasets.check import check
from partreg.datasets.lines import Problem


def said(report, root) -> list[str]:
    return [str(problem).replace(f"{root}/", "") for problem in report.problems]


@pytest.mark.parametrize("writer", [write_vehicleid, write_veri, write_csv])
@pytest.mark.parametrize("decode", [False, True])
def test_nothing_is_wrong(tmp_path, writer, decode):
    assert check(writer(tmp_path), decode=decode).problems == []


def test_counts(tmp_path):
    counts = check(write_vehicleid(tmp_path / "a")).counts
    assert counts == {
        "training images": 3, "training vehicles": 2, "test images, each counted once": 23,
        "test list 2 images": 3, "test list 2 vehicles": 2,
        "test list 10 images": 20, "test list 10 vehicles": 10, "vehicles in model_attr.txt": 2,
        "vehicles in color_attr.txt": 1,
    }  # fmt: skip
    assert check(write_veri(tmp_path / "b")).counts == {
        "training images": 3, "training vehicles": 2, "query images": 2, "query vehicles": 2, "gallery images": 5,
        "gallery vehicles": 2, "queries without a match in another camera, which are skipped": 0, "tracks": 4,
        "images in tracks": 5, "labels in train_label.xml": 1, "labels in test_label.xml": 5,
    }  # fmt: skip


def test_the_text_of_a_report_has_the_first_problems_of_each_file(tmp_path):
    root = write_vehicleid(tmp_path)
    write(root / "train_test_split/train_list.txt", "0000001 11", "0000002 11", "0000003 12", *["oops"] * 50)
    report = check(root)
    text = str(report)
    assert len(report.problems) == 50
    assert text.count("oops") == 20
    assert text.endswith("train_list.txt: 30 more problems like these.\nproblems: 50")


def test_vehicleid_problems(tmp_path):
    write_vehicleid(tmp_path)
    split = tmp_path / "train_test_split"
    write(split / "train_list.txt", "0000001 11", "oops", "0000002 11", "0000003 13", "0000003 13")
    write(split / "test_list_2.txt", "0000004 21", "0000005 13", "0000006 22", "0000010 25", "0000011 25")
    (tmp_path / "image/0000002.jpg").unlink()
    (tmp_path / "image/0000006.jpg").write_text("no image")
    report = check(tmp_path)
    assert [line.split(": ", 1)[0] for line in said(report, tmp_path)] == [
        "train_test_split/test_list_2.txt",
        "train_test_split/test_list_2.txt:2",
        "train_test_split/test_list_2.txt:3",
        "train_test_split/train_list.txt:2",
        "train_test_split/train_list.txt:3",
        "train_test_split/train_list.txt:4",
        "train_test_split/train_list.txt:5",
    ]
    sentences = [problem.message for problem in report.problems]
    assert "expected 2 vehicles, as its name says, found 4" in sentences[0]
    assert "vehicle 13 is in the training list too (line 4 there)" in sentences[1]
    assert "0000006.jpg is unreadable" in sentences[2]
    assert "found 'oops'" in sentences[3]
    assert "0000002.jpg is missing" in sentences[4]
    assert "is vehicle 13 here and 12 in attribute/img2vid.txt" in sentences[5]
    assert "0000003 is in line 4 too" in sentences[6]


def test_an_image_is_one_vehicle_in_all_lists(tmp_path):
    write_vehicleid(tmp_path)
    split = tmp_path / "train_test_split"
    write(split / "test_list_2.txt", "0000001 21", "0000004 21", "0000005 22", "0000006 22")
    write(split / "test_list_3.txt", "0000004 21", "0000005 23", "0000006 24", "0000010 24")
    (split / "test_list_10.txt").unlink()
    (tmp_path / "attribute/img2vid.txt").unlink()
    sentences = [sentence.removeprefix("train_test_split/") for sentence in said(check(tmp_path), tmp_path)]
    assert sentences == [
        "test_list_2.txt:1: image/0000001.jpg is vehicle 21 here and 11 in train_list.txt:1; fix one.",
        "test_list_3.txt:2: image/0000005.jpg is vehicle 23 here and 22 in test_list_2.txt:3; fix one.",
        "test_list_3.txt:3: image/0000006.jpg is vehicle 24 here and 22 in test_list_2.txt:4; fix one.",
    ]


def test_veri_problems(tmp_path):
    write_veri(tmp_path)
    stranger = "0001_c003_00000070_0.jpg"
    write(tmp_path / "name_query.txt", *QUERY, stranger, "0002_c9.jpg")
    write(tmp_path / "test_track.txt", f"t1 {TEST[0]} {TEST[2]}", f"t2 {TRAIN[0]}", f"t3 {TEST[1]} {TEST[3]}")
    (tmp_path / "image_test" / TEST[4]).write_bytes(b"")
    lines = said(check(tmp_path), tmp_path)
    assert [line for line in lines if line.startswith("name_query.txt:3: ") and "is missing" in line]
    assert [line for line in lines if line.startswith("name_query.txt:3: ") and "not in name_test.txt" in line]
    assert [
        line for line in lines if line.startswith("name_query.txt:3: vehicle 1 is in the training list too (line 1")
    ]
    assert [line for line in lines if line.startswith("name_query.txt:4: expected a name such as")]
    assert [line for line in lines if line.startswith("name_test.txt:5: ") and "unreadable" in line]
    assert [line for line in lines if line.startswith("test_track.txt:1: the track t1 mixes vehicles or cameras")]
    assert [line for line in lines if line.startswith("test_track.txt:2: ") and "not in name_test.txt" in line]
    assert [line for line in lines if line.startswith("test_track.txt:3: the track t3 mixes")]
    assert [line for line in lines if line.startswith(f"test_track.txt: the gallery image {TEST[4]} is in no track")]
    assert len(lines) == 9


def test_index_files_must_say_what_the_names_say(tmp_path):
    write_veri(tmp_path)
    write(tmp_path / "gt_index.txt", "3 ", "5")
    write(tmp_path / "jk_index.txt", "2 1", "4")
    assert check(tmp_path).problems == []
    write(tmp_path / "gt_index.txt", "3 4", "5", "1")
    write(tmp_path / "jk_index.txt", "1 2", "")
    assert [line.split(", found")[0] for line in said(check(tmp_path), tmp_path)] == [
        "gt_index.txt: expected 2 lines, one a query",
        "gt_index.txt:1: expected the 1 images that the names say",
        "jk_index.txt:2: expected the 1 images that the names say",
    ]


def test_veri_counts_queries_that_no_other_camera_saw(tmp_path):
    write_veri(tmp_path)
    for name in ("name_test.txt", "name_query.txt"):
        write(tmp_path / name, *TEST[:2], TEST[3], TEST[4])
    counts = check(tmp_path).counts
    assert counts["queries without a match in another camera, which are skipped"] == 2


def test_veri_without_its_other_lists(tmp_path):
    write(tmp_path / "name_train.txt", *TRAIN)
    lines = said(check(tmp_path), tmp_path)
    assert len([line for line in lines if line.startswith("name_query.txt: ")]) == 1
    assert [line for line in lines if line.startswith("name_query.txt: no such file")]
    assert [line for line in lines if line.startswith("name_train.txt:1: ") and "is missing" in line]


def test_csv_problems(tmp_path):
    write_csv(tmp_path)
    rows = ["cars/a.jpg,1,train", "cars/b.jpg,1,query", "cars/x.jpg,2,query", "cars/c.jpg,-1,query"]
    write(tmp_path / "images.csv", "path,vehicle,split", *rows, "cars/a.jpg,1,train", "../y.jpg,3,train")
    lines = [line.split(": ", 1)[0] for line in said(check(tmp_path), tmp_path)]
    assert lines == ["images.csv", "images.csv", *(f"images.csv:{line}" for line in (3, 4, 5, 6, 7))]


def test_truncated_images_are_found_by_decoding(tmp_path):
    write_veri(tmp_path)
    path = tmp_path / "image_train" / TRAIN[1]
    path.write_bytes(path.read_bytes()[:-600])
    assert check(tmp_path).problems == [], "headers alone do not show it"
    (problem,) = check(tmp_path, decode=True).problems
    assert (problem.file, problem.line) == (str(tmp_path / "name_train.txt"), 2)
    assert "truncated" in problem.message


def test_a_problem_without_a_line():
    assert str(Problem("a.txt", 0, "gone.")) == "a.txt: gone."


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["partreg", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    return end.value.code, capsys.readouterr()


def test_a_path_that_cannot_be_used_is_one_sentence(tmp_path, monkeypatch, capsys):
    write(tmp_path / "images.csv", "path,vehicle", "a.jpg,1", "b.jpg,1")
    np.save(tmp_path / "features.npy", np.eye(2))
    for place in (tmp_path, Path("/proc/none/table.csv")):
        files = [tmp_path / "features.npy", tmp_path / "images.csv", "--csv", place]
        code, streams = run(monkeypatch, capsys, "judge", *files)
        assert (code, streams.err.count("\n")) == (2, 1)
        assert streams.err.startswith("partreg: /")
        assert ("Is a directory" in streams.err) == (place == tmp_path)


def test_a_folder_in_place_of_a_file_is_called_one(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "features.npy", np.eye(2))
    drawn = tmp_path / "cars.annotations.json"
    drawn.mkdir()
    write(tmp_path / "cars" / "a.pgm", "P2 8 8 1", *["0"] * 64)
    for folder, words in (
        (tmp_path, ["detector", tmp_path, tmp_path, "--to", tmp_path / "new"]),
        (tmp_path, ["judge", tmp_path / "features.npy", tmp_path]),
        (drawn, ["annotate", tmp_path / "cars"]),
    ):
        code, streams = run(monkeypatch, capsys, *words)
        assert (code, streams.err.count("\n")) == (2, 1)
        assert streams.err.startswith(f"partreg: {folder}: a folder, expected a ")


@pytest.mark.parametrize("wrong", [["--size", 100], ["--size", 0], ["--epochs", 0]])
def test_a_detector_that_cannot_be_trained_is_refused_before_its_folder_is_made(tmp_path, monkeypatch, capsys, wrong):
    code, streams = run(monkeypatch, capsys, "detector", "boxes.json", tmp_path, "--to", tmp_path / "new", *wrong)
    assert code == 2
    assert wrong[0] in streams.err.splitlines()[-1]
    assert not (tmp_path / "new").exists()


def test_the_command(tmp_path, monkeypatch, capsys):
    write_veri(tmp_path)
    code, streams = run(monkeypatch, capsys, "check", tmp_path, "--decode")
    assert code == 0
    assert streams.out.splitlines()[0] == "layout: veri"
    assert streams.out.splitlines()[-1] == "problems: 0"
    (tmp_path / "image_train" / TRAIN[0]).unlink()
    code, streams = run(monkeypatch, capsys, "check", tmp_path)
    assert code == 1
    assert f"{tmp_path}/name_train.txt:1: the image" in streams.out
    assert streams.out.splitlines()[-1] == "problems: 1"


def test_the_command_ends_with_one_sentence(tmp_path, monkeypatch, capsys):
    code, streams = run(monkeypatch, capsys, "check", tmp_path)
    assert code == 2
    assert streams.err.startswith(f"partreg: {tmp_path}: expected a folder with")
    assert streams.err.count("\n") == 1


def test_both_real_layouts_are_clean(real):
    for name in ("VehicleID_V1.0", "VeRi"):
        assert check(real / "khoa_cars" / name, decode=True).problems == []


UNUSABLE = {
    "no training image": (write_vehicleid, "train_test_split/train_list.txt", [], "expected images, found none"),
    "one training vehicle": (
        write_vehicleid,
        "train_test_split/train_list.txt",
        ["0000001 11", "0000002 11"],
        "expected 2 vehicles or more, found 1",
    ),
    "single training images": (
        write_vehicleid,
        "train_test_split/train_list.txt",
        ["0000001 11", "0000003 12"],
        "expected two images or more of some vehicles, found one of each of 2",
    ),
    "single test images": (
        write_vehicleid,
        "train_test_split/test_list_2.txt",
        ["0000004 21", "0000006 22"],
        "expected two images or more of some vehicles, found one of each of 2",
    ),
    "no training name": (write_veri, "name_train.txt", [], "expected images, found none"),
    "no query": (write_veri, "name_query.txt", [], "expected queries to judge by, found none"),
    "queries without a match": (
        write_veri,
        "name_query.txt",
        ["0009_c001_00000030_0.jpg"],
        "no query has a match in the gallery",
    ),
    "a heading only": (write_csv, "images.csv", ["path,vehicle,camera,split"], "expected images, found none"),
    "single images": (
        write_csv,
        "images.csv",
        ["path,vehicle", "cars/a.jpg,1", "cars/b.jpg,2"],
        "expected two images or more of some vehicles, found one of each of 2",
    ),
    "no gallery": (
        write_csv,
        "images.csv",
        ["path,vehicle,split", "cars/a.jpg,1,query"],
        "expected a gallery to judge by, found none",
    ),
    "one camera": (
        write_csv,
        "images.csv",
        ["path,vehicle,camera,split", "cars/a.jpg,1,7,query", "cars/b.jpg,1,7,gallery"],
        "only in the query's own (camera 7); give each image its camera, or -1 where the camera is unknown",
    ),
}


@pytest.mark.parametrize(("writer", "file", "lines", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_data_that_cannot_be_used_are_a_problem(tmp_path, writer, file, lines, sentence):
    writer(tmp_path)
    write(tmp_path / file, *lines)
    (problem,) = (one for one in check(tmp_path).problems if not one.line and not one.file.endswith("track.txt"))
    assert problem.file == str(tmp_path / file)
    assert sentence in problem.message


def test_a_csv_to_train_on_or_to_judge_by_is_no_problem(tmp_path):
    write_csv(tmp_path)
    write(
        tmp_path / "images.csv", "path,vehicle,split", "cars/a.jpg,1,train", "cars/b.jpg,1,train", "cars/c.jpg,2,train"
    )
    assert check(tmp_path).problems == []
    write(tmp_path / "images.csv", "path,vehicle,split", "cars/a.jpg,1,query", "cars/b.jpg,1,gallery")
    assert check(tmp_path).problems == [], "cameras that are not known are not equal ones"
    uses = check(tmp_path).uses
    assert uses["VehicleID"].endswith(
        "images.csv: no image has the split train; give it to some, or leave the column out."
    )
    assert "VeRi-776's rules: no image has the split 'train'" in uses["VeRi-776"]
    assert "to learn from, and to be judged by VehicleID's rules: no: " in str(check(tmp_path))
    many = [f"cars/{name}.jpg,{vehicle}" for name, vehicle in zip("abc", (1, 2, 2), strict=True)]
    write(tmp_path / "images.csv", "path,vehicle", *many)
    assert "expected 4 vehicles or more" in check(tmp_path).uses["VehicleID"]


def test_a_list_that_is_not_there_is_one_problem(tmp_path):
    write_vehicleid(tmp_path)
    (tmp_path / "train_test_split/train_list.txt").unlink()
    assert [line.split(";")[0] for line in said(check(tmp_path), tmp_path)] == [
        "train_test_split/train_list.txt: no such file"
    ]


@pytest.mark.parametrize(
    ("file", "lines", "problem"),
    [
        ("list_color.txt", ["1 yellow", "2"], "list_color.txt:2: expected a number and a name"),
        ("models.csv", ["image,model", f"image_test/{TEST[0]},audi"], "models.csv:2: expected a whole number as model"),
        (
            "orientation.csv",
            ["image,orientation", "other.jpg,front"],
            "orientation.csv: expected rows of the data set's",
        ),
        ("truth/plates.csv", ["image,plate"], "truth/plates.csv:1: expected a heading with the column 'crop'"),
        ("camera_Dist.txt", ["0"], "camera_ID.txt: no such side file"),
        ("gt_index.txt", ["3", "x"], "gt_index.txt:2: expected the 1 images"),
    ],
)
def test_side_files_that_no_method_could_read_are_a_problem(tmp_path, file, lines, problem):
    write_veri(tmp_path)
    write(tmp_path / file, *lines)
    (found,) = said(check(tmp_path), tmp_path)
    assert found.startswith(problem)


def test_test_lists_are_counted_by_lines_and_by_pictures(real, tmp_path):
    split = tmp_path / "train_test_split"
    split.mkdir()
    for size in (800, 2400):
        (split / f"test_list_{size}.txt").symlink_to(real / f"vehicleid_lists/test_list_{size}.txt")
    write(split / "train_list.txt", "0000001 1")
    counts = check(tmp_path).counts
    assert (counts["test list 800 images"], counts["test list 2400 images"]) == (6_493, 19_777)
    assert counts["test images, each counted once"] == 25_035


def test_a_name_that_no_disk_could_have_is_missing(tmp_path):
    write(tmp_path / "images.csv", "path,vehicle", "a" * 300 + ".jpg,1", "b\0.jpg,1")
    assert ["is missing" in problem.message for problem in check(tmp_path).problems] == [True, True]

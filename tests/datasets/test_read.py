"""The readers: what is on disk comes out exactly, and what is wrong is refused with file and line."""

import numpy as np
import pandas as pd
import pytest
from layouts import QUERY, TEST, TRAIN, label_xml, write, write_csv, write_vehicleid, write_veri

from partreg.datasets.images import IMAGE_COLUMNS, images_table
from partreg.datasets.table_csv import read_csv
from partreg.datasets.vehicleid import read_vehicleid
from partreg.datasets.veri import cross_camera, good_junk, read_veri
from partreg.errors import PartregError
from tests.test_files import WRITTEN_BY


def test_images_table_fills_what_is_unknown():
    table = images_table({"image": ["b.jpg", "a.jpg"], "path": ["/x/b.jpg", "/x/a.jpg"], "vehicle": [3, 0]})
    assert tuple(table.columns) == IMAGE_COLUMNS
    assert table.loc[0].tolist() == ["b.jpg", "/x/b.jpg", 3, -1, -1, "", -1, -1, -1]
    assert {str(table[name].dtype) for name in ("vehicle", "camera", "time", "model", "color", "type")} == {"int64"}
    assert images_table(table.iloc[1:]).index.tolist() == [0]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"image": ["a"], "path": ["a"]}, "'vehicle' is missing"),
        ({"image": ["a", "a"], "path": ["a", "a"], "vehicle": [1, 1]}, "'a' appears twice"),
        ({"image": ["a"], "path": ["a"], "vehicle": [1.5]}, "row 0 has .*1.5.* as vehicle"),
        ({"image": ["a"], "path": ["a"], "vehicle": [-1]}, "row 0 has vehicle -1"),
        ({"image": ["a"], "path": ["a"], "vehicle": [1], "camera": ["c1"]}, "row 0 has 'c1' as camera"),
        ({"image": ["a"], "path": ["a"], "vehicle": [1], "time": [None]}, "as time"),
    ],
)
def test_images_table_refuses(columns, sentence):
    with pytest.raises(PartregError, match=sentence):
        images_table(pd.DataFrame(columns))


def test_read_vehicleid(tmp_path):
    data = read_vehicleid(write_vehicleid(tmp_path))
    assert data.train["image"].tolist() == ["image/0000001.jpg", "image/0000002.jpg", "image/0000003.jpg"]
    assert data.train["path"][0] == str(tmp_path / "image/0000001.jpg")
    assert data.train["vehicle"].tolist() == [11, 11, 12]
    assert data.train["model"].tolist() == [3, 3, -1]
    assert data.train["color"].tolist() == [-1, -1, 5]
    assert list(data.tests) == [2, 10], "ascending by number, not by name"
    assert data.tests[2]["model"].tolist() == [0, 0, -1]
    assert (data.train["camera"] == -1).all()


def test_read_vehicleid_without_attributes_and_with_crlf(tmp_path):
    write_vehicleid(tmp_path)
    for file in (tmp_path / "attribute").iterdir():
        file.unlink()
    path = tmp_path / "train_test_split/train_list.txt"
    path.write_bytes(b"\xef\xbb\xbf0000001 11 \r\n\r\n0000002 11\r\n")
    assert read_vehicleid(tmp_path).train["vehicle"].tolist() == [11, 11]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["0000001 11", "0000002"], r"train_list.txt:2: expected an image name and a vehicle number.*'0000002'"),
        (["0000001 11", "0000002 11 3"], r"train_list.txt:2: expected an image name"),
        (["../../x 11"], r"train_list.txt:1: expected an image name"),
        (["0000001 one"], r"train_list.txt:1: expected an image name"),
        (["0000001 ١"], r"train_list.txt:1: expected an image name"),
        (["0000001 11", "", "0000001 12"], r"train_list.txt:3: 0000001 is in line 1 too"),
    ],
)
def test_read_vehicleid_refuses(tmp_path, lines, sentence):
    write_vehicleid(tmp_path)
    write(tmp_path / "train_test_split/train_list.txt", *lines)
    with pytest.raises(PartregError, match=sentence):
        read_vehicleid(tmp_path)


def test_read_vehicleid_needs_its_lists(tmp_path):
    with pytest.raises(PartregError, match=r"expected test_list_<vehicles>.txt, found none"):
        read_vehicleid(tmp_path)
    write(tmp_path / "train_test_split/test_list_1.txt", "0000001 1")
    with pytest.raises(PartregError, match=r"train_list.txt: no such file"):
        read_vehicleid(tmp_path)
    (tmp_path / "train_test_split/train_list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PartregError, match=r"train_list.txt: could not be read as UTF-8"):
        read_vehicleid(tmp_path)


def test_a_list_line_has_numbers_of_a_sane_length(tmp_path):
    write_vehicleid(tmp_path)
    write(tmp_path / "train_test_split/train_list.txt", "0000001 " + "9" * 30)
    with pytest.raises(PartregError, match=r"train_list.txt:1: expected an image name"):
        read_vehicleid(tmp_path)


def test_attributes_must_not_contradict_themselves(tmp_path):
    write_vehicleid(tmp_path)
    write(tmp_path / "attribute/model_attr.txt", "11 3", "11 4")
    with pytest.raises(PartregError, match=r"model_attr.txt:2: 11 is above with another value"):
        read_vehicleid(tmp_path)
    write(tmp_path / "attribute/model_attr.txt", "11 audi")
    with pytest.raises(PartregError, match=r"model_attr.txt:1: expected a vehicle and its model"):
        read_vehicleid(tmp_path)


def test_read_veri(tmp_path):
    data = read_veri(write_veri(tmp_path))
    assert data.train["image"].tolist() == [f"image_train/{name}" for name in TRAIN]
    assert data.query["image"].tolist() == [f"image_query/{name}" for name in QUERY]
    assert data.gallery["path"].tolist() == [str(tmp_path / "image_test" / name) for name in TEST]
    assert data.gallery["vehicle"].tolist() == [2, 2, 2, 3, 3]
    assert data.gallery["camera"].tolist() == [1, 1, 2, 1, 20]
    assert data.gallery["time"].tolist() == [30, 31, 40, 50, 60]
    assert data.gallery["track"].tolist()[:3] == ["0002_c001_t0001", "0002_c001_t0001", "0002_c002_t0002"]
    assert data.query["track"].tolist() == ["0002_c001_t0001", "0003_c001_t0003"]
    assert data.train["track"].tolist() == ["", "", ""]
    assert data.tracks["0002_c001_t0001"] == [f"image_test/{name}" for name in TEST[:2]]
    assert data.train[["color", "type"]].to_numpy().tolist() == [[1, 2], [-1, -1], [-1, -1]]
    assert data.gallery["color"].tolist() == [1, 2, 3, 4, 5]
    assert data.query["color"].tolist() == [1, 4], "a query has the label of the same file in the gallery"
    assert data.colors == {1: "yellow", 2: "orange"}
    assert data.types == {1: "sedan", 2: "suv"}


def test_read_veri_with_its_lists_only(tmp_path):
    write_veri(tmp_path)
    for name in ("test_track.txt", "train_label.xml", "test_label.xml", "list_color.txt", "list_type.txt"):
        (tmp_path / name).unlink()
    data = read_veri(tmp_path)
    assert (data.tracks, data.colors) == ({}, {})
    assert (data.gallery["track"] == "").all()


@pytest.mark.parametrize(
    ("file", "lines", "sentence"),
    [
        ("name_train.txt", [TRAIN[0], "0001_c1_00000010_0.jpg"], r"name_train.txt:2: expected a name such as"),
        ("name_train.txt", [TRAIN[0], TRAIN[0]], r"name_train.txt:2: .* is in line 1 too"),
        ("name_query.txt", [f"{TEST[0]} {TEST[1]}"], r"name_query.txt:1: expected a name such as"),
        ("name_query.txt", [f"../{TEST[0]}"], r"name_query.txt:1: expected a name such as"),
        ("test_track.txt", ["0002_c001"], r"test_track.txt:1: expected a track's name and its images"),
        ("test_track.txt", [f"t1 {TEST[0]}", f"t2 {TEST[0]}"], r"test_track.txt:2: .* is in the track of line 1"),
        ("test_track.txt", [f"t1 {TEST[0]} {TEST[0]}"], r"test_track.txt:1: .* is in the track of line 1"),
        ("test_track.txt", [f"t1 {TEST[0]}", f"t1 {TEST[1]}"], r"test_track.txt:2: the track t1 is in line 1"),
        ("test_track.txt", [f"t1 {TEST[0]}", f"t2 {TEST[1]} {TEST[2]}"], r"test_track.txt:2: the track t2 mixes"),
        ("train_label.xml", ["<a><item/></a>"], r"train_label.xml: expected an Item for each image, found none"),
        ("train_label.xml", ["<a>", "<b></a>"], r"train_label.xml:2: expected XML in gb2312"),
        ("train_label.xml", ["<a>", '<Item imageName="x.jpg"/></a>'], r"train_label.xml:\d: expected an Item with"),
        ("train_label.xml", [f'<a>\n<Item imageName="{TRAIN[0]}" colorID="red"/></a>'], r"xml:2: expected an Item"),
        ("train_label.xml", [f'<a>\n<Item imageName="{TRAIN[0]}" vehicleID="7"/></a>'], r"xml:2: .*contradicts"),
        ("train_label.xml", ['<!DOCTYPE a [<!ENTITY x "y">]>', "<a/>"], r"train_label.xml: expected XML"),
    ],
)
def test_read_veri_refuses(tmp_path, file, lines, sentence):
    write_veri(tmp_path)
    write(tmp_path / file, *lines)
    with pytest.raises(PartregError, match=sentence):
        read_veri(tmp_path)


def test_labels_that_are_not_gb2312(tmp_path):
    write_veri(tmp_path)
    (tmp_path / "test_label.xml").write_bytes(label_xml("TestImages", TEST) + b"\xff\xff")
    with pytest.raises(PartregError, match=r"test_label.xml: expected XML in gb2312"):
        read_veri(tmp_path)


def test_good_and_junk_by_hand(tmp_path):
    data = read_veri(write_veri(tmp_path))
    good, junk = good_junk(data.query, data.gallery)
    assert [rows.tolist() for rows in good] == [[3], [5]]
    assert [rows.tolist() for rows in junk] == [[1, 2], [4]], "the query itself is junk"


def test_good_and_junk_of_strangers_and_of_unknown_cameras():
    gallery = images_table({"image": list("abc"), "path": list("abc"), "vehicle": [1, 1, 2], "camera": [-1, -1, 1]})
    query = images_table({"image": list("az"), "path": list("az"), "vehicle": [1, 9]})
    good, junk = cross_camera(query, gallery)
    assert [rows.tolist() for rows in good] == [[1], []]
    assert [rows.tolist() for rows in junk] == [[0], []]
    nobody = cross_camera(query, gallery.iloc[:0])
    assert [len(rows) for rows in nobody[0]] == [0, 0]


def test_read_csv(tmp_path):
    table = read_csv(write_csv(tmp_path) / "images.csv")
    assert (*table.columns,) == (*IMAGE_COLUMNS, "vehicle_name", "split")
    assert table["image"].tolist() == [f"cars/{name}.jpg" for name in "abcde"]
    assert table["path"][0] == str(tmp_path / "cars/a.jpg")
    assert table["camera"].tolist() == [0, -1, 3, 4, 4]
    assert table["split"].tolist() == ["train", "train", "query", "gallery", "train"]


def test_read_csv_without_a_split(tmp_path):
    write(tmp_path / "my.csv", "vehicle,path,track,time", '2,"a, b.jpg",t1,-1', "2,c.jpg,,7")
    table = read_csv(tmp_path / "my.csv")
    assert (*table.columns,) == (*IMAGE_COLUMNS, "vehicle_name")
    assert table["image"].tolist() == ["a, b.jpg", "c.jpg"]
    assert table["track"].tolist() == ["t1", ""]
    assert table["time"].tolist() == [-1, 7]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["path,id", "a.jpg,1"], r"my.csv:1: expected a heading .* 'vehicle' is missing"),
        (["Path,Vehicle", "a.jpg,1"], r"my.csv:1: expected the column 'path', found 'Path'; rename it"),
        (["path;vehicle", "a.jpg;1"], r"my.csv:1: expected commas between the fields, found ';'"),
        (["path\tvehicle", "a.jpg\t1"], r"my.csv:1: expected commas between the fields, found tabs"),
        (["path,vehicle", 'a.jpg,"1', "b.jpg,2"], r"my.csv:2: a quote opens here and is not closed in its line"),
        (["path,vehicle", "a.jpg,1", 'b.jpg,"2"x'], r"my.csv:3: .* expected after .*; fix the quotes"),
        ([], r"my.csv:1: expected a heading .* 'path' is missing"),
        (["path,vehicle", "a.jpg,1", "b.jpg"], r"my.csv:3: expected as many fields"),
        (["path,vehicle", "a.jpg,1,2"], r"my.csv:2: expected as many fields"),
        (["path,vehicle", "a.jpg,"], r"my.csv:2: expected a name or a number as vehicle, found ''"),
        (["path,vehicle", "a.jpg,-1"], r"my.csv:2: expected a name or a number as vehicle"),
        (["path,vehicle,camera", "a.jpg,1,left"], r"my.csv:2: expected a whole number as camera, found 'left'; give"),
        (["path,vehicle,split", "a.jpg,1,test"], r"my.csv:2: expected train, query, gallery as split"),
        (["path,vehicle", "../a.jpg,1"], r"my.csv:2: the path '../a.jpg' leads out of"),
        (["path,vehicle", "/a.jpg,1"], r"my.csv:2: the path '/a.jpg' leads out of"),
        (["path,vehicle", "a.jpg,1", "./a.jpg,1"], r"my.csv:3: ./a.jpg is in line 2 too"),
    ],
)
def test_read_csv_refuses(tmp_path, lines, sentence):
    write(tmp_path / "my.csv", *lines)
    with pytest.raises(PartregError, match=sentence):
        read_csv(tmp_path / "my.csv")


def test_read_csv_needs_a_file_in_utf8(tmp_path):
    with pytest.raises(PartregError, match=r"my.csv: no such file"):
        read_csv(tmp_path / "my.csv")
    (tmp_path / "my.csv").write_bytes(b"path,vehicle\n\xff,1\n")
    with pytest.raises(PartregError, match=r"my.csv: could not be read as UTF-8 text"):
        read_csv(tmp_path / "my.csv")


def test_both_real_layouts(real):
    vehicleid, veri = read_vehicleid(real / "khoa_cars/VehicleID_V1.0"), read_veri(real / "khoa_cars/VeRi")
    assert (len(vehicleid.train), vehicleid.train["vehicle"].nunique()) == (120, 60)
    assert {size: (len(test), test["vehicle"].nunique()) for size, test in vehicleid.tests.items()} == {40: (80, 40)}
    assert (len(veri.train), len(veri.query), len(veri.gallery), len(veri.tracks)) == (120, 40, 80, 80)
    assert set(veri.gallery["vehicle"]) == set(vehicleid.tests[40]["vehicle"])
    good, junk = cross_camera(veri.query, veri.gallery)
    assert {len(rows) for rows in good} == {len(rows) for rows in junk} == {1}


def test_vehicleid_at_its_real_size(real, tmp_path):
    split, lists = tmp_path / "train_test_split", real / "vehicleid_lists"
    split.mkdir()
    for size in (800, 2400):
        (split / f"test_list_{size}.txt").symlink_to(lists / f"test_list_{size}.txt")
    (split / "train_list.txt").symlink_to(lists / "img2vid.txt")
    (tmp_path / "attribute").symlink_to(lists)
    data = read_vehicleid(tmp_path)
    sizes = {size: (len(test), test["vehicle"].nunique()) for size, test in data.tests.items()}
    assert sizes == {800: (6_493, 800), 2400: (19_777, 2_400)}
    assert (len(data.train), data.train["vehicle"].nunique()) == (221_567, 26_328)
    assert {size: len(test) - size for size, test in data.tests.items()} == {800: 5_693, 2400: 17_377}, "queries"
    assert data.train.loc[data.train["model"] >= 0, "vehicle"].nunique() == 10_309
    assert set(data.train["color"]) == {-1, *range(7)}


def test_veri_good_and_junk_at_its_real_size(real):
    data = read_veri(real / "veri776_lists")
    assert (len(data.train), len(data.query), len(data.gallery)) == (37_778, 1_678, 11_579)
    assert [table["vehicle"].nunique() for table in (data.train, data.query, data.gallery)] == [576, 200, 200]
    assert len(data.tracks) == 2_021
    listed = [name for names in data.tracks.values() for name in names]
    assert sorted(listed) == sorted(data.gallery["image"])
    good, junk = good_junk(data.query, data.gallery)
    assert len(good) == len(junk) == 1_678
    names = data.gallery["image"].str.rpartition("/")[2].to_numpy()
    for row, own, other in zip(data.query.itertuples(), junk, good, strict=True):
        name = row.image.rpartition("/")[2]
        vehicle, camera = name.split("_")[:2]
        assert name in names[own - 1], "the query itself is junk"
        assert all(junked.startswith(f"{vehicle}_{camera}_") for junked in names[own - 1])
        assert len(other), "every query has a match in another camera"
        assert all(found[:4] == vehicle and found[5:9] != camera for found in names[other - 1])
    vehicles = data.gallery["vehicle"].value_counts()
    together = np.array([len(own) + len(other) for own, other in zip(good, junk, strict=True)])
    assert (together == data.query["vehicle"].map(vehicles)).all(), "good and junk are all of the vehicle's images"
    assert (data.query["track"] != "").all()


TABLES = ("train_test_split/train_list.txt", "train_test_split/test_list_2.txt", "attribute/model_attr.txt")
LISTS = ("name_train.txt", "name_test.txt", "test_track.txt", "test_label.xml", "list_color.txt")


def same(found, expected):
    """Whether two data sets are the same, table by table."""
    for one, other in zip(vars(found).values(), vars(expected).values(), strict=True):
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other)
        elif isinstance(one, dict) and one and isinstance(next(iter(one.values())), pd.DataFrame):
            assert list(one) == list(other)
            for size in one:
                pd.testing.assert_frame_equal(one[size], other[size])
        else:
            assert one == other


@pytest.mark.parametrize("written", WRITTEN_BY.values(), ids=WRITTEN_BY)
@pytest.mark.parametrize("file", [*TABLES, *LISTS])
def test_every_list_is_read_whoever_wrote_it(tmp_path, file, written):
    write_data, read = (write_vehicleid, read_vehicleid) if file in TABLES else (write_veri, read_veri)
    plain = read(write_data(tmp_path))
    path = tmp_path / file
    path.write_bytes(written(path.read_bytes().decode("gb18030").replace('encoding="gb2312"', 'encoding="utf-8"')))
    same(read(tmp_path), plain)


@pytest.mark.parametrize("written", WRITTEN_BY.values(), ids=WRITTEN_BY)
def test_a_csv_is_read_whoever_wrote_it(tmp_path, written):
    plain = read_csv(write_csv(tmp_path) / "images.csv")
    path = tmp_path / "images.csv"
    path.write_bytes(written(path.read_text()))
    pd.testing.assert_frame_equal(read_csv(path), plain)


def test_labels_and_words_in_either_encoding(tmp_path):
    write_veri(tmp_path)
    for encoding in ("utf-8", "gb18030"):
        (tmp_path / "list_color.txt").write_bytes("1 黄\n2 orange\n".encode(encoding))
        assert read_veri(tmp_path).colors == {1: "黄", 2: "orange"}
    item = f'<a><!-- 车辆 -->\n<Item imageName="{TRAIN[0]}" colorID="4"/></a>'
    for declared, encoding in (("", "utf-8"), ("utf-8", "utf-8"), ("GBK", "gbk")):
        head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
        (tmp_path / "train_label.xml").write_bytes((head + item).encode(encoding))
        assert read_veri(tmp_path).train["color"].tolist() == [4, -1, -1]


def test_a_label_that_is_given_twice(tmp_path):
    write_veri(tmp_path)
    one = f'<Item imageName="{TRAIN[0]}" colorID="4"/>'
    write(tmp_path / "train_label.xml", "<a>", one, one, "</a>")
    assert read_veri(tmp_path).train["color"].tolist() == [4, -1, -1]
    write(tmp_path / "train_label.xml", "<a>", one, one.replace("4", "5"), "</a>")
    with pytest.raises(PartregError, match=r"train_label.xml:\d: .* appears twice, with another colour or type"):
        read_veri(tmp_path)


def test_whole_numbers_as_pandas_and_spreadsheets_write_them(tmp_path):
    write(tmp_path / "my.csv", "path,vehicle,camera,time", "a.jpg,1.0,,-1.0", "b.jpg,2.,3.00,5")
    assert read_csv(tmp_path / "my.csv")[["vehicle", "camera", "time"]].to_numpy().tolist() == [[1, -1, -1], [2, 3, 5]]
    columns = {"image": ["a", "b"], "path": ["a", "b"], "vehicle": ["1.0", "2"], "camera": [3.0, -1.0]}
    assert images_table(columns)[["vehicle", "camera"]].to_numpy().tolist() == [[1, 3], [2, -1]]


@pytest.mark.parametrize("vehicle", ["-1.0", "nan", "NaN", "None", '" "', '"	"'])
def test_what_is_no_vehicle_of_a_csv(tmp_path, vehicle):
    write(tmp_path / "my.csv", "path,vehicle", f"a.jpg,{vehicle}")
    with pytest.raises(PartregError, match=r"my.csv:2: expected a name or a number as vehicle, found"):
        read_csv(tmp_path / "my.csv")


@pytest.mark.parametrize("camera", ["1_000", "١", "1e3", "True", "nan", "inf", "1.5", "-2", "0x1", "1" * 19])
def test_what_is_no_camera_of_a_csv(tmp_path, camera):
    write(tmp_path / "my.csv", "path,vehicle,camera", f"a.jpg,1,{camera}")
    with pytest.raises(PartregError, match=r"my.csv:2: expected a whole number as camera, found"):
        read_csv(tmp_path / "my.csv")


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["17", "305", "17"], [17, 305, 17]),
        (["007", "12"], [7, 12]),
        (["007", "7", "12"], [0, 2, 1]),  # two vehicles: no number stands for both
        (["KA-12", "007", "KA-12", "ka-12"], [1, 0, 1, 2]),
        (["١", "1_000", "1e3", "-5", "車", "1" * 19], [4, 2, 3, 0, 5, 1]),
    ],
)
def test_vehicles_may_have_any_name_and_keep_it(tmp_path, names, numbers):
    write(tmp_path / "my.csv", "path,vehicle", *(f"{row}.jpg,{name}" for row, name in enumerate(names)))
    table = read_csv(tmp_path / "my.csv")
    assert table["vehicle_name"].tolist() == names
    assert table["vehicle"].tolist() == numbers
    assert table["vehicle"].dtype == "int64"


def test_the_numbers_of_vehicles_do_not_depend_on_the_order_of_the_rows(tmp_path):
    rows = ["a.jpg,x9", "b.jpg,x10", "c.jpg,x9 ", "d.jpg, 4"]
    found = []
    for some in (rows, rows[::-1]):
        write(tmp_path / "my.csv", "path,vehicle", *some)
        table = read_csv(tmp_path / "my.csv").set_index("image")
        found.append(table[["vehicle", "vehicle_name"]].sort_index().to_numpy().tolist())
    assert found[0] == found[1] == [[2, "x9"], [1, "x10"], [2, "x9"], [0, "4"]]


@pytest.mark.parametrize("vehicle", [True, np.inf, "12345678901234567", 2.0**53])
def test_what_is_no_vehicle_of_a_table(vehicle):
    with pytest.raises(PartregError, match=r"row 0 has .* as vehicle, expected a whole number"):
        images_table({"image": ["a"], "path": ["a"], "vehicle": pd.Series([vehicle], dtype=object)})
    assert images_table({"image": ["a"], "path": ["a"], "vehicle": [2**53 + 1]})["vehicle"][0] == 2**53 + 1


@pytest.mark.parametrize(
    ("column", "meant"), [("Camera ", "camera"), ("camera_id", "camera"), ("splits", "split"), ("colour", "color")]
)
def test_a_column_of_another_spelling_is_not_passed_over(tmp_path, column, meant):
    write(tmp_path / "my.csv", f"path,vehicle,{column}", "a.jpg,1,2")
    with pytest.raises(PartregError, match=rf"my.csv:1: expected the column '{meant}', found '{column}'; rename it"):
        read_csv(tmp_path / "my.csv")


def test_a_column_of_ones_own_is_passed_over(tmp_path):
    write(tmp_path / "my.csv", "path,vehicle,image,note,camera,camera_name,Camera", "a.jpg,1,7,x,2,north,3")
    assert read_csv(tmp_path / "my.csv")["camera"].tolist() == [2]


def test_two_test_lists_of_one_number(tmp_path):
    write_vehicleid(tmp_path)
    write(tmp_path / "train_test_split/test_list_002.txt", "0000006 22")
    with pytest.raises(PartregError, match=r"test_list_(002|2).txt: test_list_(2|002).txt has the same number"):
        read_vehicleid(tmp_path)

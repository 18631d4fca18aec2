"""The data that `make bench` times are of the real size and structure, and each step says what it took."""

from partreg.datasets.check import check
from partreg.datasets.veri import cross_camera
from tests import bench


def test_the_tables_have_the_data_sets_size_and_structure():
    query, gallery = bench.make_tables()
    assert (len(query), len(gallery)) == (1_678, 11_579)
    assert (gallery["vehicle"].nunique(), gallery["track"].nunique()) == (200, 2_021)
    assert gallery.groupby("track")[["vehicle", "camera"]].nunique().to_numpy().max() == 1
    assert query["image"].isin(gallery["image"]).all()
    good, junk = cross_camera(query, gallery)
    assert min(len(rows) for rows in good) > 0
    assert min(len(rows) for rows in junk) > 0


def test_judging_prints_the_ratio(monkeypatch, capsys):
    for name, size in {"QUERIES": 6, "GALLERY": 60, "VEHICLES": 5, "TRACKS": 20, "CAMERAS": 4}.items():
        monkeypatch.setattr(bench, name, size)
    bench.judging(repeats=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines] == ["6 x 60"] * 3
    assert all("ratio" in line for line in lines)


def test_checking_says_what_it_checked_and_how(capsys):
    bench.checking(entries=40)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["40 entries, headers", "40 entries, every picture decoded"]
    assert all(line.endswith(" problems") for line in lines)


def test_searching_says_how_much_it_searched(capsys):
    bench.searching(gallery=50, width=4)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" features")[0] for line in lines if "NumPy" in line] == ["1 x 50", "100 x 50"]


def test_the_folder_that_is_checked_is_sound(tmp_path):
    report = check(bench.make_folder(tmp_path / "VehicleID_V1.0", entries=9_000))
    assert report.problems == []
    assert (report.counts["training images"], report.counts["test list 2400 vehicles"]) == (5_085, 2_400)

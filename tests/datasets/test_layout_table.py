"""`LAYOUTS`: one entry says all that the library must know of a layout."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from layouts import write_csv, write_vehicleid, write_veri

from partreg import paper
from partreg.datasets import DATASETS
from partreg.datasets.check import check
from partreg.datasets.layouts import LAYOUTS, Layout, function, given_for, layout_of
from partreg.errors import PartregError

WRITERS = {"vehicleid": write_vehicleid, "veri": write_veri, "own": write_csv}


def test_a_folder_is_recognised(tmp_path):
    assert layout_of(write_vehicleid(tmp_path / "a")) == "vehicleid"
    assert layout_of(write_veri(tmp_path / "b")) == "veri"
    assert layout_of(write_csv(tmp_path / "c")) == layout_of(tmp_path / "c/images.csv") == "own"
    (tmp_path / "c/images.csv").unlink()
    assert layout_of(tmp_path / "c") == "own", "a folder for each vehicle"
    for picture in [*(tmp_path / "c").glob("*/*.jpg")]:
        picture.rename(picture.with_suffix(".Jpg"))
    assert layout_of(tmp_path / "c") == "own", "in any case"
    with pytest.raises(PartregError, match="found none of them"):
        layout_of(tmp_path)
    with pytest.raises(PartregError, match="found no such folder"):
        layout_of(tmp_path / "absent")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(PartregError, match="found a file; give the folder"):
        layout_of(tmp_path / "a.jpg")


def test_the_tables_of_the_data_sets_are_those_of_the_paper():
    assert set(DATASETS) == set(paper.SIZES) == {name for layout in LAYOUTS.values() for name in layout.readers}
    assert all([*LAYOUTS[name].readers] == [name] for name in DATASETS)
    assert {number for layout in LAYOUTS.values() for number in layout.tables} == set(paper.ROWS) & {1, 2, 3}


@pytest.mark.parametrize(("name", "dataset"), [(name, kind) for name in LAYOUTS for kind in LAYOUTS[name].readers])
def test_the_files_of_an_entry_are_all_that_its_reader_reads(tmp_path, name, dataset, monkeypatch):
    """For what was read is read again where one of these files changes."""
    root, opened = WRITERS[name](tmp_path), set()
    layout = LAYOUTS[name]
    once = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.add(str(path)) or once(path))
    function(layout.readers[dataset])(root)
    mine = {path for path in opened if path.startswith(str(root))}
    assert mine
    assert mine <= {str(path) for pattern in layout.files for path in root.glob(pattern)}
    assert {path for pattern in layout.lists for path in root.glob(pattern)}


def test_one_entry_adds_a_layout(tmp_path, monkeypatch):
    mine = SimpleNamespace(read_mine=lambda root: f"read {root.name}", mine_lists=lambda root, problems: ({}, {"n": 1}))
    monkeypatch.setitem(sys.modules, "partreg.datasets.mine", mine)
    place = "partreg.datasets.mine:"
    entry = Layout("Mine", f"{place}mine_lists", ("gallery.txt",), {"veri": f"{place}read_mine"}, ("*.txt",))
    monkeypatch.setitem(LAYOUTS, "mine", entry)
    with pytest.raises(PartregError, match=r"\(your own pictures\) or gallery\.txt \(Mine\), found none of them"):
        layout_of(tmp_path)
    assert given_for("veri", tmp_path) is LAYOUTS["veri"]  # whose reader says what it misses
    (tmp_path / "gallery.txt").touch()
    write_csv(tmp_path)
    assert layout_of(tmp_path) == "mine", "pictures in folders do not make it another one"
    assert check(tmp_path).counts == {"n": 1}
    assert given_for("veri", tmp_path) is entry
    assert given_for("vehicleid", tmp_path) is LAYOUTS["vehicleid"]
    assert function(entry.readers["veri"])(tmp_path) == f"read {tmp_path.name}"


def test_a_csv_is_read_by_the_layout_that_is_recognised(tmp_path):
    path = write_csv(tmp_path) / "images.csv"
    for dataset in DATASETS:
        assert given_for(dataset, path) is LAYOUTS["own"]
    assert len(function(LAYOUTS["own"].readers["vehicleid"])(path).train)

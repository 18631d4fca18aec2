"""Two annotators, by hand: pairs, their overlap, and boxes that only one has."""

import numpy as np
import pytest
from click.testing import CliRunner

from partreg.__main__ import commands
from partreg.annotate import formats
from partreg.annotate.agreement import compare, report
from partreg.errors import PartregError
from partreg.parts.labelled import Box, Labelled, Picture

ANNA = Labelled(
    ("w", "l", "never"),
    (
        Picture("a.jpg", 100, 50, (Box("w", 0, 0, 20, 10), Box("l", 50, 0, 60, 10), Box("l", 52, 0, 62, 10))),
        Picture("b.jpg", 100, 50, (Box("w", 0, 0, 10, 10),)),
        Picture("only-anna.jpg", 100, 50, (Box("w", 0, 0, 10, 10),)),
    ),
)
BEN = Labelled(
    ("l", "w", "x"),
    (
        Picture("b.jpg", 100, 50, (Box("w", 90, 40, 100, 50), Box("x", 0, 0, 5, 5))),
        Picture("a.jpg", 100, 50, (Box("l", 52, 0, 62, 10), Box("w", 10, 0, 20, 10))),
    ),
)


def test_each_class_by_hand():
    found = compare(ANNA, BEN, "two files")
    assert list(found.index) == ["w", "l", "never", "x", "all"]
    assert found.loc["w", ["first", "second", "pairs", "iou"]].tolist() == [2, 2, 1, 0.5]
    assert found.loc["w", "alone"] == 0.5  # one of each in b.jpg, which do not touch
    assert found.loc["l", ["first", "second", "pairs", "iou"]].tolist() == [2, 1, 1, 1.0]  # the better of two
    assert found.loc["l", "alone"] == pytest.approx(1 / 3)
    assert found.loc["x", "alone"] == 1.0
    assert np.isnan(found.loc[["never", "x"], "iou"]).all()
    assert found.loc["all", ["first", "second", "pairs", "iou"]].tolist() == [4, 4, 2, 0.75]
    assert found.loc["all", "alone"] == 0.5


def test_it_does_not_matter_who_is_first():
    there, back = compare(ANNA, BEN, ""), compare(BEN, ANNA, "")
    assert there[["pairs", "iou", "alone"]].equals(back[["pairs", "iou", "alone"]].loc[there.index])
    assert there["first"].equals(back["second"].loc[there.index].rename("first"))


def test_the_command_prints_it(tmp_path):
    formats.write(ANNA, tmp_path / "anna.json", "coco")
    formats.write(BEN, tmp_path / "ben", "voc")
    done = CliRunner().invoke(commands, ["agreement", str(tmp_path / "anna.json"), str(tmp_path / "ben")])
    assert done.output.split()[:8] == ["first", "second", "pairs", "mean", "IoU", "only", "one", "has"]
    assert "all        4       4      2     0.75          50%" in done.output
    assert done.output.rstrip("\n") == report(compare(ANNA, BEN, ""))


def test_files_of_other_pictures_are_refused():
    none = Labelled((), (Picture("z.jpg", 9, 9),))
    with pytest.raises(PartregError, match=r"a\.json and b\.json: no picture is in both"):
        compare(ANNA, none, "a.json and b.json")
    other = Labelled((), (Picture("a.jpg", 50, 100),))
    with pytest.raises(PartregError, match=r"'a\.jpg' has two sizes"):
        compare(ANNA, other, "")


def test_a_file_of_another_tool_is_converted_and_it_says_what_changed(tmp_path):
    (tmp_path / "cvat.xml").write_text(
        '<annotations><image name="a.jpg" width="100" height="50">'
        '<polygon label="w" points="0,0;20,0;10,10"/></image></annotations>'
    )
    words = ["convert", str(tmp_path / "cvat.xml"), str(tmp_path / "boxes.json"), "--to", "coco"]
    done = CliRunner().invoke(commands, words)
    assert done.output.endswith("boxes.json: 1 picture with 1 box. The box around each replaces: polygons (1).\n")
    assert formats.read(tmp_path / "boxes.json")[0].pictures == (Picture("a.jpg", 100, 50, (Box("w", 0, 0, 20, 10),)),)

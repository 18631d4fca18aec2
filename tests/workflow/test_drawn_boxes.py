"""Whose boxes the detector learns from: a file that was chosen, what the reader drew to the end, or the stand-in's."""

import shutil

import pandas as pd
import pytest
from PIL import Image

from needs import parts_key
from partreg import files, workflow
from partreg.datasets.vehicleid import read_vehicleid
from partreg.errors import PartregError
from partreg.parts.boxes import OBJECT_COLUMNS
from partreg.parts.formats import Annotations, read_coco, write_coco
from partreg.workflow import stages
from partreg.workflow.keys import annotations
from partreg.workflow.profile import drawn_boxes, finished_boxes

NAMES = [f"image/{number:07d}.jpg" for number in range(1, 4)]
WINDOW = ("front_window", (10, 5, 50, 25))


@pytest.fixture
def root(tmp_path):
    """A data set in VehicleID's layout with three training images, and two pictures of a test list."""
    folder = tmp_path / "VehicleID"
    for name in [*NAMES, "image/0000009.jpg", "image/0000010.jpg"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 60)).save(folder / name)
    lists = {"train_list": "0000001 1\n0000002 1\n0000003 3\n", "test_list_1": "0000009 2\n0000010 2\n"}
    for name, lines in lists.items():
        (folder / "train_test_split").mkdir(exist_ok=True)
        (folder / "train_test_split" / f"{name}.txt").write_text(lines)
    return folder


def add_truth(root):
    rows = [(name, "front_window", 0.2, 0.2, 0.8, 0.6, 1.0) for name in NAMES]
    images = pd.DataFrame({"image": NAMES, "width": 80, "height": 60})
    write_coco(Annotations(images, pd.DataFrame(rows, columns=list(OBJECT_COLUMNS))), root / "truth" / "parts.json")


def opened(tmp_path, root, annotate=3, **choices):
    fields = {"annotate": annotate}
    return workflow.open_workspace(
        "smoke", output=str(tmp_path / "out"), vehicleid=str(root), overrides=fields, **choices
    )


def draw(ws, count):
    session = workflow.drawing(ws, finish=True)
    for _ in range(count):
        session.save(session.current, [WINDOW])


def test_half_a_session_is_no_training_set(tmp_path, root):
    ws = opened(tmp_path, root)
    add_truth(root)
    draw(ws, 2)
    again = opened(tmp_path, root)
    assert (again.profile.annotations, parts_key(again)) == ("", parts_key(ws))
    (images, _), _ = workflow.annotated_sets(again)
    assert len(images) == 3
    drawn, words = workflow.shown_boxes(again)
    assert len(drawn.images) == 3
    assert words.startswith("drawn by the benchmark's stand-in. The detector of the next chapter learns from them.")
    assert f"You have drawn 2 of 3 images, kept in `{drawn_boxes(ws).relative_to(ws.folder)}`" in words


def test_the_stand_in_leaves_the_readers_file_alone(tmp_path, root):
    ws = opened(tmp_path, root)
    add_truth(root)
    draw(ws, 1)
    before = drawn_boxes(ws).read_bytes()
    workflow.annotated_sets(ws)
    assert drawn_boxes(ws).read_bytes() == before
    assert annotations(ws) != drawn_boxes(ws)
    assert workflow.drawing(ws).progress()["done"] == 1  # there is still something to draw


def test_what_is_drawn_to_the_end_is_learnt_from_and_makes_the_detector_due(tmp_path, root):
    ws = opened(tmp_path, root)
    add_truth(root)
    draw(ws, 3)
    mine = opened(tmp_path, root)
    assert mine.profile.annotations == str(finished_boxes(ws))
    assert workflow.with_drawn_boxes(ws).profile == mine.profile
    assert mine.profile.annotations
    assert not mine.drawn_elsewhere
    before = parts_key(mine)
    assert before != parts_key(ws)
    learnt, left_out = workflow.annotated_sets(mine)
    assert (len(learnt[0]), len(left_out[0])) == (3, 0)
    assert "drawn by you, in this chapter. The detector of the next chapter learns" in workflow.shown_boxes(mine)[1]
    session = workflow.drawing(mine, finish=True)
    session.undo()
    assert opened(tmp_path, root).profile.annotations == ""
    session.save(session.current, [("front_window", (10, 5, 40, 25))])
    assert parts_key(opened(tmp_path, root)) != before, "boxes drawn anew make the detector due"


def test_other_choices_go_before_what_is_drawn(tmp_path, root):
    ws = opened(tmp_path, root)
    draw(ws, 3)
    other = tmp_path / "others.json"
    other.write_bytes(finished_boxes(ws).read_bytes())
    chosen = opened(tmp_path, root, annotations=str(other))
    assert chosen.profile.annotations == str(other)
    assert "drawn by others, in `others.json`" in workflow.shown_boxes(chosen)[1]
    learnt, left_out = workflow.annotated_sets(chosen)
    assert (len(learnt[0]), len(left_out[0])) == (2, 1)
    elsewhere = opened(tmp_path, root / "image")
    assert elsewhere.profile.annotations == "", "another data set has boxes of its own"
    more = opened(tmp_path, root, annotate=2)
    assert more.profile.annotations == "", "as many images as the profile asks for"


def test_photographs_without_all_boxes_say_how_many_are_drawn(tmp_path, root):
    ws = opened(tmp_path, root)
    with pytest.raises(PartregError, match=r"json: 0 of 3 images are drawn"):
        workflow.annotated_sets(ws)
    assert len(workflow.shown_boxes(ws, interactive=True)[0].boxes()) == 0
    draw(ws, 2)
    with pytest.raises(PartregError, match=r"json: 2 of 3 images are drawn, .*notebook 01 .*annotations=file"):
        workflow.shown_boxes(ws)
    drawn, words = workflow.shown_boxes(ws, interactive=True)
    assert len(drawn.images) == 2
    assert "You have drawn 2 of 3 images" in words
    assert "once all are drawn" in words


def test_photographs_that_are_elsewhere_are_asked_for(tmp_path, root):
    draw(opened(tmp_path, root), 3)
    mine = tmp_path / "mine.json"
    mine.write_bytes(finished_boxes(opened(tmp_path, root)).read_bytes())
    ws = opened(tmp_path, root, annotations=str(mine), photographs=str(tmp_path))
    with pytest.raises(PartregError, match=r"0000001\.jpg: no such photograph; give the folder"):
        workflow.annotated_sets(ws)


def test_what_was_drawn_on_rendered_pictures_is_used_after_they_were_removed(tmp_path, monkeypatch):
    ws = workflow.open_workspace("smoke", output=str(tmp_path), overrides={"annotate": 1})
    lists = {"train_list": "0000001 1\n", "test_list_1": "0000009 2\n"}

    def render(layout):
        (layout / "image").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 60)).save(layout / NAMES[0])
        (layout / "train_test_split").mkdir(exist_ok=True)
        for name, lines in lists.items():
            (layout / "train_test_split" / f"{name}.txt").write_text(lines)
        return read_vehicleid(layout)

    monkeypatch.setattr(stages, "load_vehicleid", lambda ws: render(ws.vehicleid))
    draw(ws, 1)
    shutil.rmtree(ws.vehicleid)
    again = workflow.open_workspace("smoke", output=str(tmp_path), overrides={"annotate": 1})
    assert again.profile.annotations
    assert not again.drawn_elsewhere
    assert len(stages.annotated(again).images) == 1


def test_categories_of_ones_own_are_read(tmp_path, root):
    path = tmp_path / "mine.json"
    images = [{"id": 1, "file_name": NAMES[0], "width": 80, "height": 60}]
    boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 5, 40, 20]}]
    categories = [{"id": 1, "name": "windshield"}]
    files.write_json(path, {"images": images, "annotations": boxes, "categories": categories})
    given = {"annotations": str(path), "photographs": str(root)}
    as_it_is = opened(tmp_path, root, **given)
    assert list(stages.annotated(as_it_is).objects["name"]) == ["windshield"]
    with pytest.raises(PartregError, match=r"the parts are windshield, .* as names=\{windshield: front_window\}"):
        workflow.runs(as_it_is)
    named = opened(tmp_path, root, **given, names='{"windshield": "front_window"}')
    assert list(stages.annotated(named).objects["name"]) == ["front_window"]
    assert list(read_coco(path, {"windshield": "front_window"}).objects["name"]) == ["front_window"]

"""One annotator's work on pictures: order, file, resume, undo, and what the page and the notebook's board ask for."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from partreg.__main__ import commands
from partreg.annotate import session as sessions
from partreg.annotate.board import drawing_board
from partreg.annotate.page import routes
from partreg.annotate.session import LABELS, Proposal, Session, begin, certainty, time_left, usable
from partreg.errors import PartregError
from partreg.files import write_json
from partreg.local import Request
from partreg.parts import detector
from partreg.parts.boxes import BODY, OBJECT_COLUMNS
from partreg.parts.formats import Annotations, read_coco, write_coco
from partreg.parts.labelled import Box

WINDOW = ("window", (10, 5, 50, 25))


@pytest.fixture
def folder(tmp_path):
    """Three pictures of 80 x 60 pixels; one is turned by EXIF, one lies in a folder; and two that are left out."""
    place = tmp_path / "photos"
    (place / "deep").mkdir(parents=True)
    Image.new("RGB", (80, 60), "red").save(place / "a.jpg")
    Image.new("RGB", (80, 60)).save(place / "deep" / "b.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (60, 80)).save(place / "c.jpg", exif=turned)
    turned[0x0112] = 3
    Image.new("RGB", (60, 80)).save(place / "ambiguous.jpg", exif=turned)
    (place / "broken.jpg").write_bytes(b"no picture")
    return place


@pytest.fixture
def start(folder, tmp_path):
    """A function that starts a session, or goes on with it."""

    def begun(classes=("window", "light"), proposals=None, path="boxes.json", complete=None):
        return Session(folder, tmp_path / path, classes, usable(folder)[0], proposals, complete)

    return begun


def corners(session, name):
    return [(box.label, (box.x0, box.y0, box.x1, box.y1)) for box, _ in session.boxes(name)]


def test_pictures_are_upright_and_what_is_left_out_is_named(folder):
    sizes, left_out = usable(folder)
    assert sizes == {"a.jpg": (80, 60), "c.jpg": (80, 60), "deep/b.png": (80, 60)}
    assert "nothing says whether boxes are drawn before or after" in left_out["ambiguous.jpg"]
    assert left_out["broken.jpg"] == "no format of pictures that is known here"


def test_each_save_is_in_the_file_and_the_next_sitting_goes_on(start, tmp_path):
    session = start()
    assert session.progress() == {"done": 0, "total": 3, "seconds": None}
    session.save("deep/b.png", [WINDOW, ("light", (-9, 30, 90, 70))], 20)
    session.save("a.jpg", [], 40)
    assert session.progress() == {"done": 2, "total": 3, "seconds": 30}
    again = start()
    assert again.progress() == {"done": 2, "total": 3, "seconds": None}
    assert corners(again, "deep/b.png") == [WINDOW, ("light", (0, 30, 80, 60))]
    assert [again.finished(name) for name in again.queue] == [True, False, True]
    again.save("deep/b.png", [("light", (1, 2, 3, 4.5))], 5)  # corrected
    assert corners(start(), "deep/b.png") == [("light", (1, 2, 3, 4.5))]


def test_a_file_of_another_tool_is_kept_as_it_was_before_the_first_change(start, tmp_path):
    start().save("a.jpg", [WINDOW], 1)
    assert start().kept is None
    content = json.loads((tmp_path / "boxes.json").read_text())
    content["annotations"][0]["segmentation"] = [[10, 5, 50, 5, 50, 25]]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    session = start()
    assert session.kept == tmp_path / "boxes.before.json"
    assert not session.kept.exists()
    session.save("c.jpg", [], 1)
    session.save("c.jpg", [WINDOW], 1)
    assert json.loads(session.kept.read_text()) == content
    assert "segmentation" not in (tmp_path / "boxes.json").read_text()


def test_slips_are_dropped_and_unknown_classes_refused(start):
    session = start()
    session.save("a.jpg", [("light", (5, 5, 6, 40)), ("light", (90, 5, 99, 40)), WINDOW], 1)
    assert corners(session, "a.jpg") == [WINDOW]
    before = session.path.read_bytes()
    with pytest.raises(PartregError, match=r"a\.jpg: 'roof' is none of the classes; expected window, light"):
        session.save("a.jpg", [("roof", (1, 1, 9, 9))], 1)
    with pytest.raises(PartregError, match=r"no picture '\.\./a\.jpg'"):
        session.save("../a.jpg", [], 1)
    assert session.path.read_bytes() == before


def test_classes_of_the_file_stay(start):
    start(("roof", "window")).save("a.jpg", [("roof", (1, 1, 9, 9))], 1)
    session = start(("wheel",))
    assert session.classes == ("wheel", "roof", "window")
    session.save("c.jpg", [("wheel", (1, 1, 9, 9))], 1)
    assert corners(start(), "a.jpg") == [("roof", (1, 1, 9, 9))]


def test_a_file_that_says_body_goes_on_and_is_read_back(start, tmp_path):
    objects = pd.DataFrame([("a.jpg", BODY, 0.25, 0.2, 0.75, 0.5, 1.0)], columns=list(OBJECT_COLUMNS))
    write_coco(Annotations(pd.DataFrame({"image": ["a.jpg"], "width": 80, "height": 60}), objects), tmp_path / "b.json")
    session = start(LABELS, path="b.json")
    assert (corners(session, "a.jpg"), session.classes) == ([("vehicle", (20, 12, 60, 30))], LABELS)
    session.save("c.jpg", [("vehicle", (1, 1, 9, 9))], 1)
    assert read_coco(tmp_path / "b.json").objects["name"].tolist() == [BODY, BODY]


def test_the_queue_is_walked_and_undo_gives_the_last_picture_back(start):
    session = start()
    assert (session.current, session.undo()) == ("a.jpg", None)
    session.save("a.jpg", [])
    session.save("deep/b.png", [WINDOW])
    assert session.current == "c.jpg"
    again = start()  # also after a restart
    assert again.undo() == ("deep/b.png", (Box("window", 10, 5, 50, 25),))
    assert list(read_coco(again.path).images["image"]) == ["a.jpg"]
    with pytest.raises(PartregError, match="another program has written it"):
        session.undo()
    for name in ("c.jpg", "deep/b.png"):
        again.save(name, [])
    assert again.current is None


def test_what_is_complete_is_there_only_while_all_is(start, tmp_path):
    complete = tmp_path / "complete.json"
    session = start(("mug",), complete=complete)
    for name in ("c.jpg", "a.jpg", "deep/b.png"):
        assert not complete.exists()
        session.save(name, [("mug", (10, 5, 50, 25))])
    assert list(read_coco(complete).images["image"]) == ["a.jpg", "c.jpg", "deep/b.png"]
    assert list(read_coco(session.path).images["image"]) == ["c.jpg", "a.jpg", "deep/b.png"]
    before = session.path.read_bytes(), complete.read_bytes()
    start(("mug",))  # looking on changes nothing
    start(("mug",), complete=complete)
    assert (session.path.read_bytes(), complete.read_bytes()) == before
    start(("mug",), complete=complete).undo()
    assert not complete.exists()
    few = Session(tmp_path / "photos", session.path, ["mug"], {"a.jpg": (80, 60)}, complete=complete)
    assert few.progress()["total"] == 1  # a shorter queue, which is done already
    assert list(read_coco(complete).images["image"]) == ["a.jpg"]


def test_the_drawing_board_submits_skips_and_undoes(start):
    session = start(LABELS)
    session.save("c.jpg", [])
    state, board, undo = drawing_board(session).children
    assert board.image.endswith("a.jpg")
    drawn = {"x": 10, "y": 5, "width": 40, "height": 20, "label": "front_window"}
    backwards = {"x": 30, "y": 25, "width": -20, "height": -20, "label": "vehicle"}
    board.bboxes = [drawn, backwards, {**drawn, "x": 79.5}]
    board.submit_callback()
    assert corners(session, "a.jpg") == [("front_window", (10, 5, 50, 25)), ("vehicle", (10, 5, 30, 25))]
    assert (board.image[-5:], board.bboxes, state.value) == ("b.png", [], "2 of 3 images are finished")
    board.skip_callback()
    undo.click()
    undo.click()
    assert board.image.endswith("a.jpg")
    assert board.bboxes == [drawn, {"x": 10, "y": 5, "width": 20, "height": 20, "label": "vehicle"}]
    undo.click()  # of a picture that was finished out of order
    assert (board.image[-5:], state.value) == ("c.jpg", "0 of 3 images are finished")
    undo.click()
    assert (board.image[-5:], board.bboxes) == ("a.jpg", [])
    for _ in range(4):  # pressing on after the last picture changes nothing
        board.submit_callback()
    assert session.progress()["done"] == 3


def test_the_least_certain_comes_first(start):
    def found(*scores):
        return [Proposal(Box("window", 1, 1, 9, 9), score) for score in scores]

    assert [certainty(found(*scores)) for scores in ([], [0.9, 0.4], [0.6])] == [0.0, 0.4, 0.6]
    session = start(proposals={"a.jpg": found(0.9, 0.7), "c.jpg": found(0.95, 0.3), "deep/b.png": found(0.5)})
    assert session.queue == ("c.jpg", "deep/b.png", "a.jpg")
    assert [score for _, score in session.boxes("c.jpg")] == [0.95, 0.3]
    session.save("c.jpg", [WINDOW], 1)
    assert session.boxes("c.jpg") == [(Box("window", 10, 5, 50, 25), None)]
    assert start().queue == ("a.jpg", "c.jpg", "deep/b.png")
    with pytest.raises(PartregError, match="the detector finds 'window', which is none of the classes"):
        start(("light",), {"a.jpg": found(0.5)}, "other.json")


def test_time_left_is_that_of_the_usual_picture_without_breaks():
    assert time_left([], 9) is None
    assert time_left([10, 20, 9000], 3) == 60
    assert time_left([9000], 2) == 1200


def test_a_file_that_another_program_writes_is_not_overwritten(start):
    session, other = start(), start()
    session.save("a.jpg", [WINDOW], 1)
    with pytest.raises(PartregError, match=r"boxes\.json: another program has written it"):
        other.save("c.jpg", [WINDOW], 1)
    assert start().progress()["done"] == 1


def test_wrong_files_and_folders_are_refused(start, tmp_path, folder):
    write_json(tmp_path / "boxes.json", {"images": []})
    with pytest.raises(PartregError, match=r"boxes\.json: expected a COCO file, .* found no list categories"):
        start()
    images = [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}]
    write_json(tmp_path / "boxes.json", {"images": images, "categories": [], "annotations": []})
    with pytest.raises(PartregError, match=r"'a\.jpg' has 80 x 60 pixels .* another size here"):
        start()
    (tmp_path / "empty").mkdir()
    with pytest.raises(PartregError, match="no pictures that can be annotated"):
        begin(str(tmp_path / "empty"))
    with pytest.raises(PartregError, match=r"--annotator '../x': expected letters"):
        begin(str(folder), annotator="../x")
    with pytest.raises(PartregError, match=r"x\.json: could not be written .* choose a folder that is yours"):
        begin(str(folder), to=str(folder / "a.jpg" / "x.json"))


def test_each_annotator_has_a_file_beside_the_folder(folder, tmp_path):
    assert begin(str(folder))[0].path == tmp_path / "photos.annotations.json"
    session, left_out = begin(f"{folder}/", "mug, cup", annotator="ben")
    assert (session.path, session.classes) == (tmp_path / "photos.ben.json", ("mug", "cup"))
    assert sorted(left_out) == ["ambiguous.jpg", "broken.jpg"]
    assert begin(str(folder), to=str(tmp_path / "x.json"))[0].path == tmp_path / "x.json"


def test_a_detector_does_not_stop_at_a_truncated_picture(folder, monkeypatch):
    whole = (folder / "a.jpg").read_bytes()
    (folder / "a.jpg").write_bytes(whole[: len(whole) // 2])
    network = SimpleNamespace(parameters=lambda: iter([torch.zeros(1)]))
    monkeypatch.setattr(detector, "load_detector", lambda weights: (network, 64))
    monkeypatch.setattr(detector, "_predict", lambda network, images, *how: [])
    write_json(folder.parent / "detector.json", {"classes": list(LABELS)})
    session, left_out = begin(str(folder), detector=str(folder.parent))
    assert session.queue == ("c.jpg", "deep/b.png")
    assert "truncated" in left_out["a.jpg"].lower()


def test_the_best_box_of_each_class_is_proposed(folder, monkeypatch):
    rows = [("a.jpg", "left_light", 0.1, 0.5, 0.2, 1.0, 0.4), ("a.jpg", "left_light", 0.0, 0.5, 0.3, 1.0, 0.9)]
    rows += [("a.jpg", "rear_window", 0.25, 0.0, 0.75, 0.5, 0.5)]
    table = pd.DataFrame(rows, columns=["image", "name", "x0", "y0", "x1", "y1", "score"])
    monkeypatch.setattr(detector, "predict", lambda weights, images, threshold, left_out: table)
    found = sessions.propose("detector", folder, usable(folder)[0])
    assert found == {
        "a.jpg": [Proposal(Box("left_light", 0, 30, 24, 60), 0.9), Proposal(Box("rear_window", 20, 0, 60, 30), 0.5)]
    }


def test_a_detector_of_other_things_names_the_classes_even_where_it_finds_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "propose", lambda *given: {})
    for names, classes in ((["handle", "mug"], ("handle", "mug")), (["left_light", "vehicle"], LABELS)):
        write_json(tmp_path / "detector.json", {"classes": names})
        assert begin(str(folder), detector=str(tmp_path))[0].classes == classes


def asked(answer):
    assert answer.kind == "application/json"
    return json.loads(answer.body)


def test_the_page_is_told_the_work_and_shown_upright_pictures(start):
    session = start(("left_light", "mug"))
    given = routes(session, left_out=2)
    work = asked(given["GET", "/work"](Request({})))
    assert work["lights"] == ["left_light"]
    assert [one["name"] for one in work["queue"]] == ["a.jpg", "c.jpg", "deep/b.png"]
    assert (work["title"], work["left_out"], work["progress"]["total"]) == ("Boxes in photos", 2, 3)
    sent = {"label": "mug", "x0": 1, "y0": 2, "x1": 30, "y1": 40}
    body = json.dumps({"image": "c.jpg", "boxes": [sent], "seconds": 2.5, "saves": 0}).encode()
    assert asked(given["POST", "/save"](Request({}, body))) == {"done": 1, "total": 3, "seconds": 5.0, "saves": 1}
    with pytest.raises(PartregError, match=r"c\.jpg: another tab has saved it meanwhile; reload this page"):
        given["POST", "/save"](Request({}, body))  # of a tab that was opened before
    found = asked(given["GET", "/boxes"](Request({"image": "c.jpg"})))
    assert found == {"width": 80, "height": 60, "boxes": [{**sent, "score": None}], "saves": 1}
    picture = given["GET", "/picture"](Request({"image": "c.jpg"}))
    assert Image.open(io.BytesIO(picture.body)).size == (80, 60)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"image": "a.jpg", "boxes": [], "seconds": "long", "saves": 0}',
     b'{"image": "a.jpg", "boxes": [], "seconds": 1}',
     b'{"image": "a.jpg", "boxes": [{"label": "mug"}], "seconds": 1, "saves": 0}',
     b'{"image": "a.jpg", "boxes": [{"label": "mug", "x0": NaN, "y0": 1, "x1": 2, "y1": 3}], "seconds": 1, "saves": 0}',
     b'{"image": "none.jpg", "boxes": [], "seconds": 1, "saves": 0}'],
)  # fmt: skip
def test_what_the_page_would_never_send_is_refused(start, body):
    session = start(("mug",))
    with pytest.raises(PartregError):
        routes(session)["POST", "/save"](Request({}, body))
    for path in ("/boxes", "/picture"):
        with pytest.raises(PartregError, match="no picture"):
            routes(session)["GET", path](Request({"image": "../boxes.json"}))
    assert not session.path.exists()


def test_a_picture_that_cannot_be_shown_is_not_finished(start, folder):
    whole = (folder / "a.jpg").read_bytes()
    (folder / "a.jpg").write_bytes(whole[: len(whole) // 2])
    session = start(("mug",))
    body = json.dumps({"image": "a.jpg", "boxes": [], "seconds": 1, "saves": 0}).encode()
    with pytest.raises(PartregError, match=r"a\.jpg: not a readable image"):
        routes(session)["POST", "/save"](Request({}, body))
    assert not session.path.exists()


def test_the_command_serves_the_page(folder, monkeypatch):
    monkeypatch.setattr("partreg.local.wait", lambda: None)
    done = CliRunner().invoke(commands, ["annotate", str(folder), "--classes", "mug"])
    assert done.exit_code == 0, done.output
    assert "photos.annotations.json: 0 of 3 pictures are finished.\nOpen http://127.0.0.1:" in done.output
    assert "left out: broken.jpg" in done.output


def test_a_large_picture_is_shown_smaller_and_its_boxes_are_not(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((3000, 4000), np.uint8)).save(tmp_path / "photos" / "a.png")
    session = begin(str(tmp_path / "photos"))[0]
    picture = routes(session)["GET", "/picture"](Request({"image": "a.png"}))
    assert Image.open(io.BytesIO(picture.body)).size == (2560, 1920)
    assert asked(routes(session)["GET", "/boxes"](Request({"image": "a.png"})))["width"] == 4000

"""The page to annotate in headless Chromium, by real mouse and keys; what counts is what the file holds afterwards."""

import json

import numpy as np
import pandas as pd
import pytest

from packages import package_file
from partreg.annotate.session import Proposal
from partreg.parts.boxes import extend_lights
from partreg.parts.labelled import Box
from tests.annotate.hand import FRAME, Hand, best_sides, overlap, until

pytestmark = pytest.mark.browser
MIDDLE = """(() => {
    const { left, top, width, height } = stage.getBoundingClientRect();
    return point({ clientX: left + width / 2, clientY: top + height / 2 });
})()"""


def kept(session):
    """The file: boxes by picture, as label and corners."""
    coco = json.loads(session.path.read_text())
    names = {one["id"]: one["file_name"] for one in coco["images"]}
    labels = {one["id"]: one["name"] for one in coco["categories"]}
    found = {name: [] for name in names.values()}
    for one in coco["annotations"]:
        x, y, width, height = one["bbox"]
        found[names[one["image_id"]]].append((labels[one["category_id"]], (x, y, x + width, y + height)))
    return found


def close(found, wanted, pixels=0.6):
    assert [label for label, _ in found] == [label for label, _ in wanted]
    for (_, have), (_, want) in zip(found, wanted, strict=True):
        np.testing.assert_allclose(have, want, atol=pixels)


def proposed(*boxes, name="a.jpg"):
    return {name: [Proposal(Box(label, *corners), score) for label, corners, score in boxes]}


def test_boxes_are_drawn_by_mouse_and_saved_after_each_picture(opened):
    session, page = opened()
    hand = Hand(page)
    assert page.inner_text("#name") == "Picture 1 of 3: a.jpg"
    hand.draw("window", (20, 10, 120, 40))
    hand.draw("vehicle", (10, 5, 190, 95))
    hand.draw("left_light", (15, 60, 40, 80))  # inside of the vehicle's box
    assert not session.path.exists()
    hand.finish()
    assert hand.actions == 7
    close(
        kept(session)["a.jpg"],
        [("window", (20, 10, 120, 40)), ("vehicle", (10, 5, 190, 95)), ("left_light", (15, 60, 40, 80))],
    )
    assert page.inner_text("#name") == "Picture 2 of 3: b.jpg"
    assert page.inner_text("#progress").startswith("1 of 3 finished, about ")
    hand.finish()
    hand.finish()
    assert kept(session)["c ü&.jpg"] == []
    assert page.inner_text("#progress") == "3 of 3 finished"
    assert "All 3 pictures are finished" in page.inner_text("#said")


def test_boxes_are_drawn_and_corrected_by_keys_alone(opened):
    session, page = opened()
    sides = [*["ArrowLeft"] * 3, *["Control+ArrowUp"] * 2, *["Shift+ArrowRight"] * 4, "Control+Shift+ArrowDown"]
    for key in ("3", "n", *sides):
        page.keyboard.press(key)
    page.keyboard.press("2")  # another class
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("n")
    page.keyboard.press("[")  # the one before
    page.keyboard.press("Delete")
    page.keyboard.press("Control+z")
    page.keyboard.press("Enter")
    until(page, "work.queue[0].done")
    x, y = 200 / 3, 100 / 3
    first = ("window", (x - 3, y - 20, 2 * x + 1, 2 * y - 10))
    close(kept(session)["a.jpg"], [first, ("left_light", (x, y, 2 * x, 2 * y))], 0.02)


def test_every_control_is_reached_by_tab_and_named(opened):
    _, page = opened(proposals=proposed(("window", (20, 10, 120, 40), 0.8)))
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.textContent.trim() || document.activeElement.value")
        names.append(name.split(" ")[0])
        if names[-1] == "How":
            break
    assert {"Save", "Skip", "Back", "New", "Delete", "Undo", "Redo", "Zoom", "Whole", "How"} <= set(names)
    assert any(name.startswith("window") for name in names)
    page.get_by_role("button", name="window, 100 by 30").or_(page.locator("#boxes button")).first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("boxes[0].x0") == 21
    assert page.evaluate("document.activeElement.closest('#boxes') !== null"), "the focus stays on the box"
    page.keyboard.press("Control+Enter")
    until(page, "work.queue[0].done")


def test_edges_corners_and_whole_boxes_are_dragged(opened):
    session, page = opened(proposals=proposed(("window", (50, 20, 150, 60), 0.8)))
    hand = Hand(page)
    hand.drag(150, 40, 170, 45)  # the right edge
    hand.drag(50, 20, 40, 10)  # the upper left corner
    hand.click(100, 40)
    hand.drag(100, 40, 110, 60)  # all of it
    hand.finish()
    close(kept(session)["a.jpg"], [("window", (50, 30, 180, 80))])


def test_a_box_stays_in_its_picture(opened):
    session, page = opened(proposals=proposed(("window", (50, 20, 150, 60), 0.8)))
    hand = Hand(page)
    hand.click(100, 40)
    hand.drag(100, 40, 190, 90)
    page.keyboard.press("Escape")
    hand.drag(10, 70, -5, 85)
    hand.finish()
    close(kept(session)["a.jpg"], [("window", (100, 60, 200, 100)), ("left_light", (0, 70, 10, 85))])


def test_undo_and_redo_reach_back_to_the_proposals(opened):
    _, page = opened(proposals=proposed(("window", (50, 20, 150, 60), 0.8)))
    hand = Hand(page)
    first = hand.boxes
    hand.click(100, 40)
    page.keyboard.press("Delete")
    hand.draw("vehicle", (10, 10, 190, 90))
    last = hand.boxes
    assert [box["label"] for box in last] == ["vehicle"]
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert hand.boxes == first
    assert "Nothing to undo" in page.inner_text("#said")
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+Shift+z")
    assert hand.boxes == last


def test_a_click_and_a_slip_draw_nothing_and_a_click_chooses_the_smallest(opened):
    _, page = opened(proposals=proposed(("vehicle", (10, 5, 190, 95), 0.9), ("window", (50, 20, 150, 60), 0.8)))
    hand = Hand(page)
    before = hand.boxes
    page.keyboard.press("1")
    hand.click(100, 40)
    assert page.evaluate("boxes[chosen].label") == "window"
    hand.click(100, 40)
    assert page.evaluate("boxes[chosen].label") == "vehicle"
    hand.click(5, 99)
    assert page.evaluate("chosen") == -1
    page.keyboard.press("1")
    hand.drag(100, 80, 101, 81)
    assert hand.boxes == before


def test_the_right_button_deletes_the_smallest_box_and_undo_brings_it_back(opened):
    _, page = opened(proposals=proposed(("vehicle", (10, 5, 190, 95), 0.9), ("window", (50, 20, 150, 60), 0.8)))
    hand = Hand(page)
    hand.click(100, 40, button="right")
    assert [box["label"] for box in hand.boxes] == ["vehicle"]
    hand.click(5, 99, button="right")
    assert len(hand.boxes) == 1
    page.keyboard.press("Control+z")
    assert [box["label"] for box in hand.boxes] == ["vehicle", "window"]


def test_a_box_that_a_person_touched_is_no_proposal_any_more(opened):
    _, page = opened(proposals=proposed(("window", (50, 20, 150, 60), 0.8), ("vehicle", (10, 5, 190, 95), 0.9)))
    assert "score 0.80" in page.inner_text("#boxes")
    hand = Hand(page)
    hand.drag(150, 40, 160, 40)
    assert "score 0.80" not in page.inner_text("#boxes")
    assert "score 0.90" in page.inner_text("#boxes")


def test_lights_reach_down_as_the_method_extends_them(opened):
    """The dashed box ends where extend_lights ends; the file keeps the box as drawn, or snapped to the bottom."""
    session, page = opened()
    hand = Hand(page)
    hand.draw("vehicle", (10, 5, 190, 95))
    hand.draw("left_light", (20, 60, 40, 75))
    drawn = pd.DataFrame(hand.boxes).rename(columns={"label": "name"}).assign(image="a.jpg")
    wanted = extend_lights(drawn).set_index("name").loc["left_light", "y1"]
    reach = page.locator("rect.reach")
    assert reach.count() == 1
    shown = [float(reach.get_attribute(name)) for name in ("y", "height")]
    assert sum(shown) == pytest.approx(wanted)
    assert shown[0] == pytest.approx(drawn.set_index("name").loc["left_light", "y1"])
    hand.drag(30, 75, 30, 94.2)  # near the bottom: it catches it
    assert page.evaluate("boxes[1].y1 === boxes[0].y1")
    assert reach.count() == 0
    hand.finish()
    close(kept(session)["a.jpg"], [("vehicle", (10, 5, 190, 95)), ("left_light", (20, 60, 40, 95))])


def test_other_classes_snap_to_nothing(opened):
    _, page = opened(classes=("mug", "handle"))
    hand = Hand(page)
    hand.draw("mug", (10, 5, 190, 95))
    hand.draw("handle", (20, 60, 40, 75))
    hand.drag(30, 75, 30, 94.2)
    assert page.evaluate("boxes[1].y1 !== boxes[0].y1")
    assert page.locator("rect.reach").count() == 0
    assert page.locator("#lights").is_hidden()


def test_skip_and_back_keep_what_was_begun(opened):
    session, page = opened()
    hand = Hand(page)
    hand.draw("window", (20, 10, 120, 40))
    page.keyboard.press("s")
    until(page, "position === 1 && !busy")
    hand.finish()
    page.keyboard.press("b")
    until(page, "position === 1 && !busy")
    page.keyboard.press("b")
    until(page, "position === 0 && !busy")
    assert [box["label"] for box in hand.boxes] == ["window"]
    assert sorted(kept(session)) == ["b.jpg"]
    page.keyboard.press("s")
    until(page, "position === 2 && !busy")
    hand.finish()
    assert page.evaluate("position") == 0, "what was skipped comes last"
    hand.finish()
    close(kept(session)["a.jpg"], [("window", (20, 10, 120, 40))])


def test_a_new_sitting_goes_on_and_a_finished_picture_is_corrected(opened):
    _, page = opened()
    hand = Hand(page)
    hand.draw("window", (20, 10, 120, 40))
    hand.finish()
    page.close()
    again, page = opened()
    hand = Hand(page)
    assert page.inner_text("#name") == "Picture 2 of 3: b.jpg"
    hand.finish()
    page.keyboard.press("b")
    until(page, "position === 1 && !busy")
    hand.draw("vehicle", (5, 5, 100, 90))
    page.keyboard.press("Enter")
    until(page, "position === 2 && !busy")
    close(kept(again)["b.jpg"], [("vehicle", (5, 5, 100, 90))])
    close(kept(again)["a.jpg"], [("window", (20, 10, 120, 40))])


def test_enter_pressed_twice_saves_once(opened):
    session, page = opened()
    page.keyboard.press("Enter", delay=0)
    page.keyboard.press("Enter", delay=0)
    until(page, "position > 0 && !busy")
    assert len(kept(session)) == page.evaluate("position")


def test_zoom_keeps_the_boxes_where_they_are(opened):
    session, page = opened()
    hand = Hand(page)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.evaluate("stage.scrollWidth > 2 * stage.clientWidth - 20")
    middle = page.evaluate(MIDDLE)
    hand.drag(middle["x"] - 10, middle["y"] - 5, middle["x"] + 10, middle["y"] + 5)
    page.keyboard.press("0")
    assert page.evaluate("stage.scrollWidth <= stage.clientWidth")
    hand.finish()
    x, y = middle["x"], middle["y"]
    close(kept(session)["a.jpg"], [("left_light", (x - 10, y - 5, x + 10, y + 5))])


def test_single_keys_can_be_switched_off(opened):
    _, page = opened()
    page.locator("summary").click()
    page.get_by_label("Use single letters").uncheck()
    page.locator("#stage").focus()
    for key in ("n", "s", "2"):
        page.keyboard.press(key)
    assert page.evaluate("[position, boxes.length, label]") == [0, 0, 0]


def test_a_fault_is_shown_and_nothing_is_lost(opened):
    session, page = opened()
    hand = Hand(page)
    hand.draw("window", (20, 10, 120, 40))
    session.path.write_text("{}")
    page.keyboard.press("Enter")
    until(page, "find('error').textContent !== ''")
    assert "another program has written it" in page.inner_text("#error")
    assert page.evaluate("position") == 0
    assert len(hand.boxes) == 1
    assert session.path.read_text() == "{}"
    assert all("400" in trouble for trouble in opened.troubles)
    opened.troubles.clear()


def test_names_are_shown_as_text(opened):
    _, page = opened(classes=("<img src=x>", 'a"b'))
    hand = Hand(page)
    hand.draw("<img src=x>", (20, 10, 120, 40))
    assert "<img src=x>" in page.inner_text("#boxes")
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_cut_off_and_a_finger_draws(opened, scheme):
    session, page = opened(width=390, color_scheme=scheme, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    left, top, scale = page.evaluate(FRAME)
    devtools = page.context.new_cdp_session(page)
    points = [(20, 10), (60, 30), (120, 40)]
    for kind, (x, y) in zip(["touchStart", "touchMove", "touchMove"], points, strict=True):
        place = {"x": left + x * scale, "y": top + y * scale}
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.get_by_role("button", name="Save and next").click()  # Chromium may take a tap for the end of the drag
    until(page, "work.queue[0].done")
    close(kept(session)["a.jpg"], [("left_light", (20, 10, 120, 40))], 1.2)


def test_correcting_takes_fewer_actions_than_drawing(opened):
    """One right box, one whose corner is off, one of the wrong class, one too many, one missing: counted by hand."""
    wanted = {
        "window": (50, 20, 150, 50),
        "vehicle": (10, 5, 190, 95),
        "left_light": (20, 60, 40, 90),
        "x": (100, 60, 120, 80),
    }
    found = proposed(
        ("window", (51, 20, 149, 51), 0.9),  # right: nothing
        ("vehicle", (30, 25, 190, 95), 0.8),  # its corner: one drag
        ("y", (100, 60, 121, 80), 0.7),  # another class: click, key, and Esc to let go
        ("z", (150, 60, 180, 80), 0.6),  # too many: right button
    )  # missing: key, drag; and Enter
    session, page = opened(classes=("left_light", "window", "vehicle", "x", "y", "z"), proposals=found)
    hand = Hand(page)
    page.keyboard.press("6")  # so that no class that is needed is picked already
    page.keyboard.press("Escape")
    hand.correct(wanted, 0.8)
    hand.finish()
    assert hand.actions == 0 + 1 + 3 + 1 + 2 + 1
    have = dict(kept(session)["a.jpg"])
    assert have.keys() == wanted.keys()
    assert all(overlap(have[label], wanted[label]) >= 0.8 for label in wanted)
    session.path.unlink()
    session, page = opened(classes=session.classes)
    hand = Hand(page)
    page.keyboard.press("6")
    page.keyboard.press("Escape")
    hand.draw_all(wanted)
    hand.finish()
    assert hand.actions == 4 * 2 + 1
    close(sorted(kept(session)["a.jpg"]), sorted(wanted.items()))
    hand.actions = 0
    hand.draw_all({"window": (50, 20, 150, 50), "x": (100, 60, 120, 80)})
    assert hand.actions == 3, "x is picked still"


def test_the_hand_knows_which_corner_helps_most():
    assert best_sides((0, 0, 10, 10), (0, 0, 20, 10)) == (2, None)
    assert best_sides((0, 0, 10, 10), (5, 0, 10, 20)) == (0, 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(opened, width, scheme):
    found = proposed(("window", (50, 20, 150, 60), 0.8), ("left_light", (20, 60, 40, 75), 0.7))
    _, page = opened(proposals=found, width=width, color_scheme=scheme, bypass_csp=True)  # to put axe into the page
    page.locator("summary").click()
    Hand(page).click(100, 40)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(package_file("axe-core/axe.min.js").read_text(encoding="utf-8"))
    asked = "axe.run(document).then(found => found.violations.map(one => [one.id, one.impact, one.nodes[0].html]))"
    assert page.evaluate(asked) == []

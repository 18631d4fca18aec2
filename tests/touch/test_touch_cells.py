"""Boxes to cells, under a mouse, a finger and a keyboard; its numbers are the library's."""

import re

import numpy as np
import pytest
import torch

from partreg.parts.cells import covered_cells
from partreg.reid.network import make_network
from partreg.reid.run import Run
from partreg.touch import cells

BOX = [0.2, 0.1, 0.8, 0.4]


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return make_network(Run(dataset="vehicleid", data="none", size=64, backbone="tiny"), 3).eval()


@pytest.fixture(scope="module")
def made(pixels, network):
    corners = torch.full((4, 4), torch.nan)
    corners[0], corners[3] = torch.tensor(BOX), torch.tensor([0.1, 0.6, 0.9, 0.95])
    return cells.boxes_to_cells(pixels, corners, network, 4)


def test_the_colours_of_a_cell_are_the_mean_of_its_pixels(pixels):
    found = np.array(cells.colour_maps(pixels)[4])
    np.testing.assert_allclose(found[1, 2], pixels[16:32, 32:48].mean((0, 1)), atol=0.051)


def test_the_maps_are_those_of_the_network_and_have_all_sizes(pixels, network):
    channel, maps = cells.channel_maps(pixels, network, 4)
    assert {S: np.shape(values) for S, values in maps.items()} == {S: (S, S, 1) for S in range(2, 17)}
    with torch.inference_mode():
        own = network.feature_map(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0]
    assert own.shape[-1] == 4
    np.testing.assert_allclose(np.array(maps[4])[..., 0], own[channel], atol=6e-4)
    assert own.std((1, 2)).argmax() == channel


@pytest.mark.filterwarnings("error")
def test_pixels_that_may_not_be_written_to_bring_no_warning_into_a_chapter(pixels, network):
    pixels = pixels.copy()
    pixels.flags.writeable = False  # as those of a file are
    torch.set_warn_always(True)
    try:
        cells.colour_maps(pixels)
        cells.channel_maps(pixels, network, 4)
    finally:
        torch.set_warn_always(False)


def test_an_image_without_boxes_has_one_to_move(pixels, network):
    data = cells.boxes_to_cells(pixels, torch.full((4, 4), torch.nan), network, 40).data
    assert [box["name"] for box in data["boxes"]] == ["middle"]
    assert data["grid"] == 16


def shown(page):
    """What the page says: the box, S, the numbers of the cells that it marks, and their average."""
    box = [float(number) for number in re.findall(r"\d\.\d{3}", page.locator(".touch-numbers").first.inner_text())]
    marks = page.locator(".touch-stage img ~ .touch-grid span").evaluate_all("all => all.map(one => one.className)")
    average = page.locator(".touch-average").inner_text().split(": ")[1]
    box = [box[0], box[2], box[1], box[3]]
    return box, [mark == "covered" for mark in marks], [float(number) for number in average.split(", ")]


def agrees(page, data, number=0):
    """Compare the page with the library; returns the box."""
    box, marks, average = shown(page)
    S = round(len(marks) ** 0.5)
    library = covered_cells(torch.tensor(box, dtype=torch.float64), S)
    assert marks == library.flatten().tolist()
    values = torch.tensor(data["maps"][number]["values"][S], dtype=torch.float64)
    digits = data["maps"][number]["digits"]
    np.testing.assert_allclose(average, values[library].mean(0), atol=0.501 * 10**-digits)
    said = f"{library.sum()} cell{'s' if library.sum() > 1 else ''} of {S * S}."
    page.wait_for_function("words => document.querySelector('.touch-said').textContent.includes(words)", arg=said)
    return box


def middle(node):
    place = node.bounding_box()
    return place["x"] + place["width"] / 2, place["y"] + place["height"] / 2


@pytest.mark.browser
def test_a_mouse_moves_the_box_anywhere(opened, slide, made):
    page = opened(made)
    assert agrees(page, made.data) == BOX
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(12):
        slide(page, "Cells a side, S", rng.integers(2, 17))
        number = int(rng.integers(2))
        page.get_by_role("combobox", name="Cells hold").select_option(index=number)
        node = page.locator(".touch-corner" if rng.random() < 0.5 else ".touch-box")
        page.mouse.move(*middle(node))
        page.mouse.down()
        x, y = middle(node)
        page.mouse.move(x + rng.integers(-200, 200), y + rng.integers(-150, 150), steps=3)
        page.mouse.up()
        seen.add(tuple(agrees(page, made.data, number)))
    assert len(seen) > 6


@pytest.mark.browser
def test_keys_move_and_resize_it_and_stop_at_the_edge(opened, made):
    page = opened(made)
    page.locator(".touch-box").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert agrees(page, made.data) == [0.21, 0.11, 0.81, 0.41]
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    assert agrees(page, made.data) == [0.21, 0.11, 0.80, 0.40]
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    assert agrees(page, made.data) == [0.21, 0.0, 0.80, 0.29]
    assert "y 0.000 to 0.290" in page.locator(".touch-box").get_attribute("aria-label")


@pytest.mark.browser
def test_every_control_is_reached_by_tab_alone_and_another_part_can_be_chosen(opened, made):
    page = opened(made)
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert reached == ["INPUT", "SELECT", "SELECT", "touch-box"]
    page.get_by_role("combobox", name="Box of the").select_option("brand")
    assert agrees(page, made.data) == [0.1, 0.6, 0.9, 0.95]


@pytest.mark.browser
def test_a_finger_moves_it_on_a_phone_and_the_page_does_not_scroll_sideways(opened, finger, made):
    page = opened(made, width=390, touch=True)
    page.locator(".touch-box").scroll_into_view_if_needed()
    x, y = middle(page.locator(".touch-box"))
    finger(page, (x, y), (x + 10, y + 30), (x + 20, y + 90))
    moved = agrees(page, made.data)
    assert moved[0] > BOX[0]
    assert moved[1] > BOX[1] + 0.1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    corner = page.locator(".touch-corner").bounding_box()
    assert min(corner["width"], corner["height"]) >= 24


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

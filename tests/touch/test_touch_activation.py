"""Activation maps under the reader's hand; shares are those of `partreg.reid.activation.share_on_cells`."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from partreg.figures.maps import COLORMAP
from partreg.parts.boxes import PARTS
from partreg.parts.cells import branch_cells
from partreg.reid.activation import share_on_cells
from partreg.touch.activation import IMAGES, activation

VEHICLES = [2, 1, 3]
NETWORKS = ["with", "without"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Five images of each of three vehicles, but two of the last."""
    folder = tmp_path_factory.mktemp("pictures")
    vehicles = [1] * 5 + [2] * 5 + [3] * 2
    paths = [str(folder / f"{number}.png") for number in range(len(vehicles))]
    for number, path in enumerate(paths):
        Image.new("RGB", (40, 40), (20 * number, 90, 120)).save(path)
    return pd.DataFrame({"vehicle": vehicles, "path": paths})


@pytest.fixture(scope="module")
def boxes(images):
    low = np.random.default_rng(2).uniform(0, 0.5, (len(images), 4, 2))
    corners = np.concatenate([low, low + 0.35], axis=2).astype(np.float32)
    corners[::2, 1] = np.nan
    corners[5] = np.nan  # of the first vehicle shown, the first image: no part was found
    return corners


@pytest.fixture(scope="module")
def maps(images):
    rng = np.random.default_rng(1)
    return {
        name: rng.normal(0.3, 1, (len(images), side, side)).astype(np.float32)
        for name, side in zip(NETWORKS, (6, 7), strict=True)
    }


@pytest.fixture(scope="module")
def made(maps, images, boxes):
    return activation(maps, images, boxes, VEHICLES)


def shares(maps, boxes, rows, parts):
    """The share on parts of the maps of some images: with, without, and of an even map, a row an image."""
    where = torch.from_numpy(boxes[rows])
    columns = [*(one[rows] for one in maps.values()), np.ones((len(rows), 6, 6), np.float32)]
    if not parts:
        return np.full((len(rows), 3), np.nan)
    masks = [branch_cells(where, parts, column.shape[-1]).any(1, keepdim=True).numpy() for column in columns]
    return np.stack([share_on_cells(column, mask)[:, 0] for column, mask in zip(columns, masks, strict=True)], axis=1)


def number(text):
    return np.nan if text == "–" else float(text.removesuffix("%")) / 100


def agrees(page, images, maps, boxes, vehicle, image, parts):
    rows = np.flatnonzero(images["vehicle"] == VEHICLES[vehicle])[:IMAGES]
    expected = shares(maps, boxes, rows, parts)
    lines = page.locator("tbody tr").evaluate_all(
        "all => all.map(one => [...one.children].slice(1).map(cell => cell.textContent))"
    )
    found = np.array([[number(text) for text in line] for line in lines])
    np.testing.assert_allclose(found[:-1], expected, atol=6e-4)
    means = [np.nanmean(column) if (~np.isnan(column)).any() else np.nan for column in expected.T]
    np.testing.assert_allclose(found[-1], means, atol=6e-4)
    above = [number(text) for text in page.locator(".touch-panel strong").all_inner_texts()]
    np.testing.assert_allclose(above, expected[image, :2], atol=6e-4)
    on = dict(zip((*NETWORKS, "even"), lines[image], strict=True))
    said = f"Image {image + 1}: share of the map on parts: with {on['with']}, without {on['without']};"
    said += f" of an even map {on['even']}."
    page.wait_for_function("said => document.querySelector('[role=status]').textContent === said", arg=said)


def parts_now(page):
    return tuple(part for part in PARTS if page.get_by_role("checkbox", name=part).is_checked())


@pytest.mark.browser
def test_the_shares_are_the_librarys_for_every_image_and_any_parts(opened, made, images, maps, boxes):
    page = opened(made)
    agrees(page, images, maps, boxes, 0, 0, PARTS)
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(15):
        vehicle = int(rng.integers(3))
        page.get_by_role("combobox", name="Vehicle").select_option(index=vehicle)
        page.get_by_role("checkbox", name=str(rng.choice(PARTS))).click()
        image = int(rng.integers(2 if vehicle == 2 else IMAGES))
        page.get_by_role("button", name=f"Image {image + 1}").click()
        agrees(page, images, maps, boxes, vehicle, image, parts_now(page))
        seen.add((vehicle, image, parts_now(page)))
    assert len(seen) > 10


def test_an_image_without_boxes_has_no_share(maps, boxes):
    assert np.isnan(shares(maps, boxes, np.array([5]), PARTS)).all()


@pytest.mark.browser
def test_the_map_has_the_colours_of_the_figure_and_fades(opened, slide, made, maps):
    from matplotlib import colormaps

    page = opened(made)
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('canvas')].map((one) => [
            one.width, ...one.getContext('2d').getImageData(0, 0, one.width, one.height).data])"""
    )
    for (side, *pixels), one in zip(drawn, maps.values(), strict=True):
        cam = np.maximum(one[5], 0) / one[5].max()
        assert side == len(cam)
        colour = 255 * colormaps[COLORMAP](cam)[..., :3]
        found = np.reshape(pixels, (side, side, 4))
        assert (found[..., 3] == 255).all()
        assert np.abs(found[..., :3] - colour).max() < 25  # five stops stand for the whole scale
    slide(page, "Opacity of the maps", 80)
    assert page.locator("canvas").evaluate_all("all => all.map(one => one.style.opacity)") == ["0.8", "0.8"]
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("canvas").first.evaluate("one => one.style.opacity") == "0.75"


@pytest.mark.browser
def test_the_boxes_that_count_are_outlined(opened, made, boxes):
    page = opened(made)
    page.get_by_role("button", name="Image 2").click()
    row = 6  # the second image of the vehicle numbered 2
    outlined = page.locator(".touch-map").first.locator(".touch-part")
    assert outlined.count() == (~np.isnan(boxes[row]).any(1)).sum()
    style = outlined.first.evaluate(
        "node => ['left', 'top', 'width', 'height'].map(side => parseFloat(node.style[side]) / 100)"
    )
    np.testing.assert_allclose([*style[:2], style[0] + style[2], style[1] + style[3]], boxes[row, 0], atol=1e-4)


@pytest.mark.browser
def test_keys_reach_every_control_and_a_finger_works_on_a_phone(opened, made, images, maps, boxes):
    page = opened(made)
    page.get_by_role("checkbox", name="brand").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    agrees(page, images, maps, boxes, 0, 1, ("window", "light"))
    phone = opened(made, width=390, touch=True)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.get_by_role("button", name="Image 3").tap()
    agrees(phone, images, maps, boxes, 0, 2, PARTS)


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

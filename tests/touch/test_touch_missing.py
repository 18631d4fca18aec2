"""Missing parts under the reader's hand; what is filled in is what `partreg.parts.missing.fill_missing` fills in."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.parts.boxes import CORNERS, boxes_table, iou
from partreg.parts.missing import LEVELS, SEEN, fill_missing
from partreg.touch.missing import IMAGES, missing_parts


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Four vehicles: the first has eight images in both views and a found window in most of them."""
    folder = tmp_path_factory.mktemp("pictures")
    vehicles = [1] * 8 + [2] * 5 + [3] * 4 + [4]
    for number in range(len(vehicles)):
        Image.new("RGB", (32, 24), (10 * number, 90, 120)).save(folder / f"{number}.png")
    names = [f"{number}.png" for number in range(len(vehicles))]
    return pd.DataFrame({"image": names, "vehicle": vehicles, "path": [str(folder / name) for name in names]})


@pytest.fixture(scope="module")
def truth(images):
    rng = np.random.default_rng(0)
    rows = []
    for number, image in enumerate(images["image"]):
        for part in SEEN:
            x0, y0 = rng.uniform(0, 0.5, 2)
            x1, y1 = np.array([x0, y0]) + rng.uniform(0.2, 0.45, 2)
            view = "front" if number % 3 else "rear"
            rows.append((image, view, part, x0, y0, x1, y1, 1.0, "truth"))
    return boxes_table(pd.DataFrame(rows, columns=["image", "view", "part", *CORNERS, "score", "source"]))


@pytest.fixture(scope="module")
def found(truth):
    """What a detector might have found: all but a few of the true boxes, each a little off.

    Of the first vehicle's two images that are not shown, none has a right light.
    """
    rng = np.random.default_rng(1)
    moved = truth[list(CORNERS)] + rng.uniform(-0.04, 0.04, (len(truth), 4))
    kept = (np.arange(len(truth)) % 7 != 4) & ~(truth["image"].isin(["6.png", "7.png"]) & (truth["part"] == SEEN[2]))
    return boxes_table(truth.assign(**moved.clip(0, 1), source="detected")[kept])


@pytest.fixture(scope="module")
def made(found, images, truth):
    return missing_parts(found, images, truth)


def test_the_vehicle_is_the_one_that_is_seen_most_and_its_other_images_count(made, found, images):
    assert len(made.data["images"]) == IMAGES
    own = found[found["image"].isin(["6.png", "7.png"])]
    counted = sum(part["count"] for view in made.data["own"].values() for part in view.values())
    assert counted == len(own)
    others = sum(part["count"] for view in made.data["others"].values() for part in view.values())
    assert others == len(found[found["image"].map(images.set_index("image")["vehicle"]) != 1])


def test_boxes_that_were_filled_in_and_brands_are_left_out(made, found, images, truth):
    assert missing_parts(fill_missing(found, images), images, truth).data == made.data


def levels(found, images, image, part):
    """The box that the library takes from each of the first four levels, by itself, and the one that it uses."""
    alone, mixed = images.assign(vehicle=range(len(images))), found.assign(view="unknown")
    tables = [found, mixed, found, mixed], [images, images, alone, alone]
    filled = [fill_missing(*pair) for pair in zip(*tables, strict=True)]
    return [table[(table["image"] == image) & (table["part"] == part)][list(CORNERS)].to_numpy()[0] for table in filled]


def counts(found, images, image, part):
    """How many boxes each level has."""
    vehicle = images.set_index("image")["vehicle"]
    view = found.drop_duplicates("image").set_index("image")["view"].get(image, "unknown")
    same = found[found["part"] == part]
    own, here = same["image"].map(vehicle) == vehicle[image], same["view"] == view
    return [int(some.sum()) for some in (own & here, own, here, own | ~own)]


def agrees(page, found, images, truth, chosen, part, missing):
    image = f"{chosen}.png"
    lines = page.locator("tbody tr").evaluate_all(
        "all => all.map(one => [...one.children].map(cell => cell.innerText))"
    )
    known = counts(found, images, image, part)
    assert [line[1] for line in lines[:4]] == [str(count) for count in known]
    true = truth[(truth["image"] == image) & (truth["part"] == part)][list(CORNERS)].to_numpy()[0]
    expected = [iou(box, true) for box in levels(found, images, image, part)]
    if missing:
        for line, count, value in zip(lines, known, expected, strict=False):
            assert float(line[2]) == pytest.approx(value, abs=5.1e-4) if count else line[2] == "–", line
        used = next((number for number, count in enumerate(known) if count), 4)
        assert [line[0] for line in lines if "(used)" in line[0]] == [f"{LEVELS[used]} (used)"]
        library = fill_missing(found, images).query("image == @image and part == @part")
        value = iou(library[list(CORNERS)].to_numpy()[0], true)
        box = library[list(CORNERS)].to_numpy()[0]
        style = (
            page.locator(".touch-place")
            .nth(chosen)
            .evaluate("node => ['left', 'top', 'width', 'height'].map(side => parseFloat(node.style[side]) / 100)")
        )
        np.testing.assert_allclose([*style[:2], style[0] + style[2], style[1] + style[3]], box, atol=1e-5)
    else:
        assert not [line for line in lines if "(used)" in line[0]]
        own = found[(found["image"] == image) & (found["part"] == part)][list(CORNERS)].to_numpy()[0]
        value = iou(own, true)
    said = f"Image {chosen + 1}, "
    page.wait_for_timeout(250)  # a screen reader hears of it when the hand rests
    text = page.get_by_role("status").inner_text()
    assert text.startswith(said)
    assert float(text.split(": ")[-1].removesuffix(".")) == pytest.approx(value, abs=5.1e-4)


@pytest.mark.browser
def test_what_is_filled_in_is_the_librarys_whatever_is_taken_away(opened, made, found, images, truth):
    page = opened(made)
    taken = {(0, "window")}
    rng = np.random.default_rng(2)
    part, chosen = "window", 0
    used = set()
    for _ in range(25):
        gone = pd.MultiIndex.from_tuples([(f"{number}.png", name) for number, name in taken], names=["image", "part"])
        keys = pd.MultiIndex.from_frame(found[["image", "part"]])
        left = found[~keys.isin(gone)].reset_index(drop=True)
        missing = not ((left["image"] == f"{chosen}.png") & (left["part"] == part)).any()
        agrees(page, left, images, truth, chosen, part, missing)
        used |= set(page.locator(".touch-used th").all_inner_texts())
        part = str(rng.choice(SEEN))
        page.get_by_role("combobox", name="Part").select_option(part.replace("_", " "))
        chosen = int(rng.integers(IMAGES))
        page.locator(".touch-card").nth(chosen).click()
        if ((found["image"] == f"{chosen}.png") & (found["part"] == part)).any():
            taken ^= {(chosen, part)}
    assert len(used) >= 2  # not all from one level


@pytest.mark.browser
def test_where_every_own_box_is_gone_the_data_set_is_asked(opened, made, found, images, truth):
    page = opened(made)
    page.get_by_role("button", name="Put all back").click()
    page.get_by_role("combobox", name="Part").select_option("right light")
    left = found
    for chosen in range(IMAGES):
        page.locator(".touch-card").nth(chosen).click()
        left = left[~((left["image"] == f"{chosen}.png") & (left["part"] == "right_light"))].reset_index(drop=True)
        agrees(page, left, images, truth, chosen, "right_light", missing=True)
    assert page.locator(".touch-used th").inner_text() == "data set, same view (used)"


@pytest.mark.browser
def test_keys_reach_every_picture_and_press_it(opened, made, found, images, truth):
    page = opened(made)
    page.get_by_role("button", name="Put all back").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(".touch-card").first.evaluate("node => node === document.activeElement")
    page.keyboard.press("Space")
    assert "taken away" in page.locator(".touch-card").first.get_attribute("aria-label")
    left = found[~((found["image"] == "0.png") & (found["part"] == "window"))].reset_index(drop=True)
    agrees(page, left, images, truth, 0, "window", missing=True)


@pytest.mark.browser
def test_a_finger_takes_a_box_away_on_a_phone(opened, made):
    page = opened(made, width=390, touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".touch-wide").evaluate("node => node.scrollWidth <= node.clientWidth")
    page.locator(".touch-card").nth(2).tap()
    assert page.locator(".touch-card").nth(2).get_attribute("aria-pressed") == "true"
    assert page.locator(".touch-filled").count() >= 2


@pytest.mark.browser
def test_photographs_come_without_a_truth(opened, found, images):
    page = opened(missing_parts(found, images))
    assert page.locator("tbody td:last-child").all_inner_texts() == ["–"] * 5
    assert "no true box" in page.get_by_role("status").inner_text()


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()


def test_a_detector_that_found_nothing_leaves_a_vehicle_without_boxes(found, images, truth):
    made = missing_parts(found[:0], images, truth)
    assert all(corners is None for image in made.data["images"] for corners in image["boxes"].values())
    assert made.data["own"] == made.data["others"] == {}

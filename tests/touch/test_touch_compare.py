"""Two networks' rank lists under the reader's hand; ranks and order are those of `partreg.figures.ranklist`."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.figures.ranklist import rank_lists
from partreg.parts.boxes import PART_BOXES
from partreg.touch.compare import SHOWN, SIDE, two_networks
from partreg.touch.thing import picture

CHOSEN = [0, 3, 5, 11]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two images of each of fourteen vehicles, of four models and colours; one vehicle's are not known."""
    folder = tmp_path_factory.mktemp("pictures")
    numbers = np.arange(28)
    paths = [str(folder / f"{number}.png") for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        Image.new("RGB", (48, 32), (8 * int(number), 200 - 7 * int(number), 90)).save(path)
    model = np.where(numbers // 2 == 13, -1, numbers // 2 % 4)
    return pd.DataFrame({"vehicle": numbers // 2 + 1, "model": model, "color": 0, "path": paths})


@pytest.fixture(scope="module")
def boxes(images):
    low = np.random.default_rng(5).uniform(0, 0.4, (len(images), 4, 2))
    corners = np.concatenate([low, low + 0.3], axis=2).astype(np.float32)
    corners[::3, 1] = np.nan
    return corners


@pytest.fixture(scope="module")
def lists(images):
    """Three networks: two that know the vehicle more or less, and one that knows nothing."""
    rng = np.random.default_rng(0)
    known = np.eye(14, dtype=np.float32)[images["vehicle"] - 1]
    features = {name: (share * known + rng.random((28, 14))).astype(np.float32) for name, share in
                (("good", 0.9), ("fair", 0.4), ("none", 0.0))}  # fmt: skip
    queries, gallery = np.arange(0, 28, 2), np.arange(1, 28, 2)
    found = {name: rank_lists(one, images["vehicle"].to_numpy(), queries, gallery) for name, one in features.items()}
    assert max(found["none"].ranks[CHOSEN]) > SHOWN > min(found["good"].ranks[CHOSEN])
    return found


@pytest.fixture(scope="module")
def made(lists, images, boxes):
    return two_networks(lists, images, np.arange(1, 28, 2), CHOSEN, boxes)


@pytest.fixture(scope="module")
def rows(made, images):
    """Which row of the table of images each picture of the thing shows."""
    uris = {picture(path, SIDE): row for row, path in enumerate(images["path"])}
    return [uris[image["picture"]] for image in made.data["images"]]


def shown(page, side):
    """The rank, what is said of it, and the picture of each image of a list, as its buttons say."""
    cards = page.locator(".touch-row").nth(side).locator("button")
    found = cards.evaluate_all("all => all.map(one => [one.ariaLabel, one.querySelector('img').src])")
    return [(int(re.match(r"Rank (\d+)[^:]*: ", label)[1]), label, picture) for label, picture in found]


def agrees(page, made, all_rows, lists, query, left, right):
    """Compare what the page shows with the library's rank lists."""
    place = {image["picture"]: number for number, image in enumerate(made.data["images"])}
    number = CHOSEN[query]
    answer = 1 + int(lists["good"].queries[number])  # the other image of the vehicle
    ranks, orders = {}, []
    for side, name in enumerate((left, right)):
        of = lists[name]
        found = shown(page, side)
        expected = list(of.results[number][:SHOWN])
        wanted = list(range(1, SHOWN + 1))
        if of.ranks[number] > SHOWN:
            expected[-1], wanted[-1] = answer, of.ranks[number]
        assert [rank for rank, _, _ in found] == wanted
        rows = [all_rows[place[uri]] for _, _, uri in found]
        assert rows == expected
        ranks[side] = dict(zip(rows, wanted, strict=True))
        orders.append(found)
        assert [label for _, label, _ in found if "the right vehicle" in label] == [found[rows.index(answer)][1]]
    for row, (_, label, _) in zip(ranks[0], orders[0], strict=True):
        assert ("not shown on the right" in label) == (row not in ranks[1])
    for row, (_, label, _) in zip(ranks[1], orders[1], strict=True):
        before, after = ranks[0].get(row), ranks[1][row]
        way = "higher" if before is not None and after < before else "lower"
        words = "at the same rank" if before == after else f"{abs(after - (before or 0))} {way}"
        words = "not shown on the left" if before is None else words
        assert words in label
    both = set(ranks[0]) & set(ranks[1])
    still = sum(ranks[0][row] == ranks[1][row] for row in both)
    first, second = (lists[name].ranks[number] for name in (left, right))
    said = f"Query {query + 1}: the right vehicle has rank {first} by {left} and rank {second} by {right}."
    said += f" {len(both)} of the images shown are in both lists, {still} at the same rank."
    page.wait_for_function("said => document.querySelector('[role=status]').textContent === said", arg=said)


def start(made):
    """The query that the reader meets first: that with most parts found in both its image and the right answer."""
    boxes = [
        [made.data["images"][query[name]]["boxes"] for name in ("image", "right")] for query in made.data["queries"]
    ]
    return int(np.argmax([sum(all(box[part] for box in pair) for part in pair[0]) for pair in boxes]))


@pytest.mark.browser
def test_every_pair_of_lists_is_the_librarys(opened, made, rows, lists):
    page = opened(made)
    names = list(lists)
    agrees(page, made, rows, lists, start(made), names[-1], names[0])
    for query in range(len(CHOSEN)):
        page.get_by_role("button", name=f"Query {query + 1}", exact=True).click()
        for left, right in (("good", "fair"), ("none", "fair"), ("none", "none")):
            page.get_by_role("combobox", name="Left").select_option(left)
            page.get_by_role("combobox", name="Right").select_option(right)
            agrees(page, made, rows, lists, query, left, right)


def test_what_the_wrong_answers_share_with_the_query_is_known_as_far_as_its_labels_are(made, images, rows):
    for image, row in zip(made.data["images"], rows, strict=True):
        assert (image["kind"] < 0) == (images["model"][row] < 0)
    alike = {(image["kind"], images["model"][row]) for image, row in zip(made.data["images"], rows, strict=True)}
    assert len(alike) == images["model"].nunique()


@pytest.mark.browser
def test_the_parts_of_query_and_answer_are_cut_out_at_their_boxes(opened, made, rows, boxes):
    page = opened(made)
    page.locator(".touch-row").first.locator("button").nth(2).click()
    uri = page.locator(".touch-row").first.locator("button[aria-pressed=true] img").get_attribute("src")
    chosen = [image["picture"] for image in made.data["images"]].index(uri)
    both = [rows[made.data["queries"][start(made)]["image"]], rows[chosen]]
    for line, name in enumerate(PART_BOXES, start=1):  # above them the whole images
        for column, row in enumerate(both):
            cell = page.locator("tbody tr").nth(line).locator("td").nth(column)
            box = boxes[row, PART_BOXES.index(name)]
            if np.isnan(box).any():
                assert cell.inner_text() == "no box found"
                continue
            frame, whole = (cell.locator(one).bounding_box() for one in (".touch-crop", "img"))
            left, top = (frame["x"] - whole["x"]) / whole["width"], (frame["y"] - whole["y"]) / whole["height"]
            seen = [left, top, left + frame["width"] / whole["width"], top + frame["height"] / whole["height"]]
            np.testing.assert_allclose(seen, box, atol=2e-3)
            assert whole["width"] / whole["height"] == pytest.approx(1.5, rel=0.02)  # it keeps its proportions
    assert page.locator("tbody td img").count() > 3


@pytest.mark.browser
def test_keys_choose_an_image_and_it_keeps_the_focus(opened, made):
    page = opened(made)
    card = page.locator(".touch-row").nth(1).locator("button").nth(1)
    label = card.get_attribute("aria-label")
    card.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.ariaLabel") == label
    assert page.evaluate("document.activeElement.ariaPressed") == "true"
    rank = re.match(r"Rank (\d+)", label)[1]
    assert f"rank {rank} on the right" in page.locator("caption").inner_text()


@pytest.mark.browser
def test_a_finger_asks_for_another_query_on_a_phone(opened, made, rows, lists):
    page = opened(made, width=390, touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Query 3", exact=True).tap()
    agrees(page, made, rows, lists, 2, "none", "good")
    assert page.locator(".touch-wide").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

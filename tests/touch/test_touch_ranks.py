"""CMC, AP and HIT under the reader's hand; the scores of every list are those of `partreg.retrieval.metrics`."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.retrieval import metrics
from partreg.retrieval.tracks import track_numbers
from partreg.touch.ranks import rank_list


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two queries and fourteen gallery images of four vehicles, two images to a track."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(16):
        Image.new("RGB", (24, 24), (15 * number, 200 - 10 * number, 90)).save(folder / f"{number}.png")
    paths = [str(folder / f"{number}.png") for number in range(16)]
    vehicles = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4]
    cameras = [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 1, 1, 2, 2]
    tracks = [f"t{number // 2}" for number in range(14)]
    gallery = {"image": [f"g{number}" for number in range(14)], "vehicle": vehicles, "camera": cameras}
    query = {"image": ["q0", "q1"], "vehicle": [1, 2], "camera": [1, 2], "path": paths[14:]}
    return pd.DataFrame(query), pd.DataFrame({**gallery, "track": tracks, "path": paths[:14]})


@pytest.fixture(scope="module")
def made(tables):
    distances = np.random.default_rng(3).random((2, 14))
    distances[0, [0, 2, 4, 5, 7]] /= 4  # junk, three right ones and a wrong one among the nearest
    return rank_list(distances, *tables)


def test_the_list_is_the_queries_own_and_its_images_are_named_as_the_protocol_has_them(tables):
    distances = np.tile(np.arange(14.0), (2, 1))
    data = rank_list(distances, *tables).data
    assert [image["kind"] for image in data["images"]] == ["junk"] * 2 + ["right"] * 4 + ["wrong"] * 4
    assert [image["track"] for image in data["images"]] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert data["camera"] == 1


def test_a_list_without_a_right_image_gets_the_nearest_one(tables):
    query, gallery = tables
    distances = np.arange(14.0)[None]
    last = rank_list(distances, query.head(1).assign(vehicle=4, camera=1), gallery).data["images"]
    assert [image["kind"] for image in last] == ["wrong"] * 9 + ["right"]


def listed(page):
    """The list as it stands: kind, track and level of each image, nearest first, as its buttons say."""
    labels = page.locator(".touch-ranks .touch-card").evaluate_all("all => all.map(one => one.ariaLabel)")
    found = [re.match(r".* cam \d+ track (\d+): (\w+), place (\d+)\.", label).groups() for label in labels]
    assert [int(place) for _, _, place in found] == list(range(1, 11))
    ties = page.locator(".touch-tie").evaluate_all("all => all.map(one => one.ariaPressed === 'true')")
    levels = np.cumsum([0, *[not tied for tied in ties[1:]]])
    return [kind for _, kind, _ in found], [track for track, _, _ in found], levels


def agrees(page):
    kinds, tracks, levels = listed(page)
    distances = np.asarray(levels, dtype=float)[None]
    good, junk = ([np.flatnonzero([kind == name for kind in kinds])] for name in ("right", "junk"))
    ranks = metrics.match_ranks(distances, good, junk)
    gallery = pd.DataFrame({"image": [f"g{place}" for place in range(10)], "vehicle": tracks, "track": tracks})
    first_track = metrics.group_ranks(distances, good, junk, track_numbers(gallery), ranks)
    cells = page.locator("tbody td:nth-child(2)").all_inner_texts()
    for text, rule in zip(cells, metrics.AP_RULES, strict=False):
        assert float(text) == pytest.approx(metrics.average_precision(ranks, rule)[0], abs=6e-5), rule
    for text, first in zip(cells[3:], (ranks.first(), first_track), strict=True):
        curve = metrics.cmc(first, 5)
        assert text == f"{curve[0]:.0f}, {curve[4]:.0f}"
    said = f"Right images at ranks {', '.join(map(str, ranks.stable))}. AP {cells[0]},"
    end = f"First right track: rank {first_track[0]}."
    page.wait_for_function(
        "([start, end]) => { const text = document.querySelector('[role=status]').textContent;"
        " return text.startsWith(start) && text.endsWith(end); }",
        arg=[said, end],
    )
    right = page.locator(".touch-tracks li").evaluate_all("all => all.map(one => one.className === 'touch-right')")
    assert right.index(True) + 1 == first_track[0]
    return kinds, cells


@pytest.mark.browser
def test_the_scores_of_any_order_and_any_ties_are_the_librarys(opened, made):
    page = opened(made)
    assert agrees(page)[0] == [image["kind"] for image in made.data["images"]]
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(30):
        card = page.locator(".touch-ranks .touch-card").nth(int(rng.integers(10)))
        card.focus()
        for _ in range(int(rng.integers(1, 9))):
            page.keyboard.press("ArrowLeft" if rng.random() < 0.6 else "ArrowRight")
        page.locator(".touch-tie").nth(int(rng.integers(1, 10))).click()
        seen.add(tuple(agrees(page)[1]))
    assert len(seen) > 10
    apart = [scores for scores in seen if scores[0] != scores[2]]
    assert apart  # ties that the rules judge differently were among them


@pytest.mark.browser
def test_keys_move_an_image_and_it_keeps_the_focus(opened, made):
    page = opened(made)
    before = listed(page)[0]
    page.locator(".touch-ranks .touch-card").nth(4).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert agrees(page)[0] == [*before[:2], before[4], *before[2:4], *before[5:]]
    assert page.evaluate("document.activeElement.ariaLabel").endswith("place 3. Arrow keys move it.")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.ariaLabel").endswith("place 1. Arrow keys move it.")


def middle(node):
    place = node.bounding_box()
    return place["x"] + place["width"] / 2, place["y"] + place["height"] / 2


@pytest.mark.browser
def test_a_mouse_drags_an_image_to_another_rank(opened, made):
    page = opened(made)
    before = listed(page)[0]
    cards = page.locator(".touch-ranks .touch-card")
    page.mouse.move(*middle(cards.nth(8)))
    page.mouse.down()
    page.mouse.move(*middle(cards.nth(3)), steps=8)
    page.mouse.move(*middle(cards.nth(1)), steps=8)
    page.mouse.up()
    assert agrees(page)[0] == [before[0], before[8], *before[1:8], before[9]]


@pytest.mark.browser
def test_a_finger_drags_it_on_a_phone(opened, finger, made):
    page = opened(made, width=390, touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".touch-wide").evaluate("node => node.scrollWidth <= node.clientWidth")
    before = listed(page)[0]
    cards = page.locator(".touch-ranks .touch-card")
    cards.nth(9).scroll_into_view_if_needed()
    start, end = middle(cards.nth(0)), middle(cards.nth(7))
    finger(page, start, (start[0] + 20, start[1] + 20), (end[0], end[1] - 5), end)
    assert agrees(page)[0] == [*before[1:8], before[0], *before[8:]]


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

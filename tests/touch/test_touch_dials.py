"""The two dials under the reader's hand; scores are the library's, pictures the renderer's."""

from dataclasses import replace

import numpy as np
import pytest

from partreg.datasets.kinds import facts
from partreg.synthetic import Benchmark, dials
from partreg.synthetic.benchmark import plan_vehicleid
from partreg.synthetic.render import Studio
from partreg.touch.dials import ALIKE, NEAR, SHORTCUTS, SIZE, TRAINED, VEHICLES, planned, two_dials
from partreg.touch.thing import picture

BASE = Benchmark(size=32, train_vehicles=12, test_vehicles=(12,), images_per_vehicle=3)


@pytest.fixture(scope="module")
def made():
    return two_dials(BASE)


def percent(share):
    return f"{100 * share:.1f}%"


def told(page, sentence):
    found = "said => [...document.querySelectorAll('[role=status]')].some(one => one.textContent === said)"
    page.wait_for_function(found, arg=sentence)


def numbers(page):
    return page.locator(".touch-numbers").all_inner_texts()


def test_the_plan_gives_the_rows_of_the_rendered_benchmark():
    small = replace(BASE, near_duplicates=4.0, train_vehicles=4, test_vehicles=(4,))
    rendered = dials.take_pictures(small)[1]
    rows = planned(plan_vehicleid(small))
    assert rows[["vehicle", "model", "color"]].equals(rendered[["vehicle", "model", "color"]])
    assert len(rows) == len(rendered)


def test_what_two_settings_share_is_one_picture(made):
    shown = [image["picture"] for one in made.data["shortcuts"] for vehicle in one["vehicles"] for image in vehicle]
    assert len(shown) == len(SHORTCUTS) * TRAINED * BASE.images_per_vehicle
    assert len(set(shown)) <= 2 * TRAINED * BASE.images_per_vehicle
    assert len(made.data["pictures"]) == len(NEAR) * VEHICLES + len(set(shown))


def test_the_pictures_are_the_renderers(made):
    plan = plan_vehicleid(replace(BASE, size=SIZE, near_duplicates=ALIKE, shortcuts=1.0))
    shots = [shot for shot in plan.shots if shot.vehicle == min(plan.train)]
    studio = Studio(plan.models, plan.vehicles, plan.cameras, SIZE)
    found = [made.data["pictures"][image["picture"]] for image in made.data["shortcuts"][-1]["vehicles"][0]]
    assert found == [picture(studio.take(shot).image, SIZE) for shot in shots]
    assert len({image["street"] for image in made.data["shortcuts"][-1]["vehicles"][0]}) == 1


@pytest.mark.browser
def test_each_setting_of_near_duplicates_scores_what_the_library_says(opened, slide, made):
    page = opened(made)
    scores = []
    for place, value in enumerate(NEAR):
        slide(page, "near_duplicates", place)
        rows = planned(plan_vehicleid(replace(BASE, near_duplicates=float(value), shortcuts=0.0)))
        about, informed = facts(rows), dials.informed_cmc1(rows)
        told(page, f"Near-duplicates {value}: knowing model and colour alone scores {percent(informed)}.")
        assert numbers(page)[0] == (
            f"CMC@1 of who knows model and colour alone: {percent(informed)}. {about['known']} vehicles in "
            f"{about['groups']} groups, {about['largest']} in the largest."
        )
        width = page.locator(".touch-bar").first.evaluate("bar => parseFloat(bar.style.width)")
        assert width == pytest.approx(100 * informed, abs=0.01)
        scores.append(informed)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0


@pytest.mark.browser
def test_a_vehicle_marks_those_of_its_model_and_colour(opened, slide, made):
    page = opened(made)
    told(page, f"Near-duplicates 1: knowing model and colour alone scores {percent(1)}.")  # the first dial begins low
    slide(page, "near_duplicates", len(NEAR) - 1)
    plan = plan_vehicleid(replace(BASE, near_duplicates=float(NEAR[-1]), shortcuts=0.0))
    rows = planned(plan).drop_duplicates("vehicle").set_index("vehicle")
    kind = list(zip(rows.model, rows.color, strict=True))
    shown = [(rows.model[v], rows.color[v]) for v in sorted(plan.tests[12])[:VEHICLES]]
    cards = page.get_by_role("group", name="Vehicles drawn at random").get_by_role("button")
    for number in (0, 3):
        cards.nth(number).focus()
        page.keyboard.press("Enter")
        alike = kind.count(shown[number])
        told(
            page,
            f"Vehicle {number + 1}: {alike} of 24 vehicles have its model and colour, itself among them. "
            f"Who knows these alone finds it once in {alike}.",
        )
        marked = cards.evaluate_all("all => all.map(one => one.classList.contains('touch-counted'))")
        assert marked == [other != number and one == shown[number] for other, one in enumerate(shown)]
        assert page.evaluate("document.activeElement.ariaPressed") == "true"
    letters = [label.split()[-1] for label in cards.evaluate_all("all => all.map(one => one.ariaLabel)")]
    assert [letters.index(letter) for letter in letters] == [shown.index(one) for one in shown]


@pytest.mark.browser
def test_each_setting_of_shortcuts_counts_the_pairs(opened, slide, made):
    page = opened(made)
    shares = []
    for place, value in enumerate(SHORTCUTS):
        slide(page, "shortcuts", place)
        plan = plan_vehicleid(replace(BASE, near_duplicates=ALIKE, shortcuts=value))
        streets = {v: [shot.moment.seed for shot in plan.shots if shot.vehicle == v] for v in plan.train}
        pairs = [[a == b for i, a in enumerate(some) for b in some[:i]] for some in streets.values()]
        share = float(np.mean([np.mean(one) for one in pairs]))
        told(
            page,
            f"Shortcuts {value:g}: {percent(share)} of all pairs of images of one training vehicle show the same "
            "street and light.",
        )
        assert numbers(page)[1].endswith(f"in {percent(share)} of all pairs, two of a test vehicle in {percent(0)}.")
        dashed = page.locator("div.touch-card").evaluate_all(
            "all => all.map(one => one.classList.contains('touch-counted'))"
        )
        first = [streets[v] for v in sorted(plan.train)[:TRAINED]]
        badges = page.locator("div.touch-card .touch-badge").all_inner_texts()
        kinds = [list(dict.fromkeys(some)) for some in first]
        assert badges == [f"street {kind.index(s) + 1}" for some, kind in zip(first, kinds, strict=True) for s in some]
        assert dashed == [some.count(street) > 1 for some in first for street in some]
        shares.append(share)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


@pytest.mark.browser
def test_keys_turn_both_dials_and_a_finger_presses_on_a_phone(opened, made):
    page = opened(made, width=390, touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("slider", name="near_duplicates").focus()
    page.keyboard.press("Home")
    told(page, f"Near-duplicates 1: knowing model and colour alone scores {percent(1)}.")
    page.get_by_role("slider", name="shortcuts").focus()
    page.keyboard.press("End")
    assert page.locator("div.touch-card.touch-counted").count() == TRAINED * BASE.images_per_vehicle
    page.get_by_role("button", name="Vehicle 2,").tap()
    told(page, "Vehicle 2: no other of 24 vehicles has its model and colour. Who knows these alone finds it.")


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

"""When parts pay, under the reader's hand; the gains are those of the kept trainings, the table lists these."""

import numpy as np
import pytest

from partreg.studies import effects, points
from partreg.touch.pays import when_parts_pay

AXES = {"train_vehicles": "training vehicles", "shortcuts": "shortcuts"}


@pytest.fixture(scope="module")
def kept():
    return effects.read_evidence()


@pytest.fixture(scope="module")
def gains(kept):
    found = points.gains(kept, AXES)
    return found[(found.series != points.BY_NETWORK) | found.network.str.startswith("Global+")].reset_index(drop=True)


@pytest.fixture(scope="module")
def made(gains, kept):
    return when_parts_pay(gains, kept.runs)


def signed(share):
    """A share in points with its sign; it is rounded once, for 0.2533 is 0.3, but 0.25 may become 0.2."""
    return f"{'−' if share < 0 else '+'}{abs(100 * share):.1f}"


def agrees(page, gains, kept, chosen=0):
    """The lines are those points, in their order; the table and the sentence are about the chosen one."""
    lines = page.locator(".touch-gains button")
    words = lines.locator(".touch-number").all_inner_texts()
    for text, point in zip(words, gains.itertuples(), strict=True):
        mean, low, high = (float(word.replace("−", "-")) for word in text.replace("(", "").replace(")", "").split(" ")
                           if word != "to")  # fmt: skip
        np.testing.assert_allclose([mean, low, high], [100 * point.mean, 100 * point.low, 100 * point.high], atol=0.056)
    # All lines share one scale: from the least end, or zero, to the greatest.
    least, most = min(0, gains.low.min()), max(0, gains.high.max())
    lefts = lines.locator(".touch-mean").evaluate_all("all => all.map(one => parseFloat(one.style.left) / 100)")
    np.testing.assert_allclose(lefts, (gains["mean"] - least) / (most - least), atol=5e-3)
    zeros = lines.locator(".touch-zero").evaluate_all("all => all.map(one => parseFloat(one.style.left) / 100)")
    np.testing.assert_allclose(zeros, -least / (most - least), atol=5e-3)
    spans = lines.evaluate_all(
        """all => all.map(one => [one.querySelector('.touch-span'), one.querySelector('.touch-track')]
            .map(node => node.getBoundingClientRect()).flatMap(({left, width}) => [left, width]))"""
    )
    for (left, width, start, whole), point in zip(spans, gains.itertuples(), strict=True):
        assert (left - start) / whole == pytest.approx((point.low - least) / (most - least), abs=0.01)
        assert width / whole == pytest.approx((point.high - point.low) / (most - least), abs=0.01)
    point = gains.iloc[chosen]
    runs = kept.runs.set_index("key").loc[[key for side in point["keys"] for key in side]]
    table = page.locator("tbody tr").evaluate_all(
        "all => all.map(one => [...one.children].map(cell => cell.textContent))"
    )
    assert [line[:2] for line in table] == [[row, str(seed)] for row, seed in zip(runs.row, runs.seed, strict=True)]
    scores = [float(line[2].removesuffix("%")) for line in table]
    np.testing.assert_allclose(scores, 100 * runs.cmc1_large, atol=0.056)
    assert [line[3] for line in table] == [str(int(number)) for number in runs.vehicles]
    np.testing.assert_allclose([float(line[4]) for line in table], runs.passes / 1000, atol=0.051)
    where = "above zero" if point.low > 0 else "below zero" if point.high < 0 else "zero"
    mine, theirs = map(len, point["keys"])
    end = f"{where}. Behind it: {mine} trainings, and {theirs} of the baseline."
    start = f"the gain is {signed(point['mean'])} points"
    page.wait_for_function(
        "([start, end]) => { const text = document.querySelector('[role=status]').textContent;"
        " return text.includes(start) && text.endsWith(end); }",
        arg=[start, end],
    )


@pytest.mark.browser
def test_every_series_shows_the_librarys_gains(opened, made, gains, kept):
    page = opened(made)
    for series in gains.series.unique():
        page.get_by_role("combobox", name="What changes").select_option(series)
        here = gains[gains.series == series]
        agrees(page, here, kept)
        page.locator(".touch-gains button").nth(len(here) - 1).click()
        agrees(page, here, kept, len(here) - 1)
    assert (gains.high < 0).sum() + (gains.low > 0).sum() < len(gains)


@pytest.mark.browser
def test_network_and_budget_choose_among_the_points_and_the_scale_follows(opened, made, gains, kept):
    page = opened(made)
    page.get_by_role("combobox", name="What changes").select_option(points.BY_BUDGET)
    here = gains[gains.series == points.BY_BUDGET]
    network = here.network.iloc[-1]
    page.get_by_role("combobox", name="Network").select_option(network)
    agrees(page, here[here.network == network], kept)
    page.get_by_role("combobox", name="Budget").select_option("middle")
    agrees(page, here[(here.network == network) & (here.budget == "middle")], kept)
    page.get_by_role("combobox", name="What changes").select_option("training vehicles")
    agrees(page, gains[gains.series == "training vehicles"], kept)  # and all networks and budgets again


@pytest.mark.browser
def test_a_chosen_point_stays_chosen_where_it_still_matches(opened, made, gains, kept):
    page = opened(made)
    here = gains[gains.series == "training vehicles"].reset_index(drop=True)
    place = int(np.flatnonzero(here.budget == "long")[1])
    page.locator(".touch-gains button").nth(place).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.ariaPressed") == "true"
    page.get_by_role("combobox", name="Budget").select_option("long")
    agrees(page, here[here.budget == "long"], kept, 1)
    page.get_by_role("combobox", name="Budget").select_option("short")
    agrees(page, here[here.budget == "short"], kept, 0)


@pytest.mark.browser
def test_a_finger_presses_a_line_on_a_phone(opened, made, gains, kept):
    page = opened(made, width=390, touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".touch-gains button").nth(2).tap()
    agrees(page, gains[gains.series == "training vehicles"], kept, 2)
    frame = page.locator(".touch-wide")
    assert frame.evaluate("node => node.scrollWidth <= node.clientWidth")


@pytest.mark.browser
def test_one_training_has_no_interval(opened, kept, gains):
    alone = gains.head(2).assign(low=[np.nan, gains.low[1]], high=[np.nan, gains.high[1]])
    page = opened(when_parts_pay(alone, kept.runs))
    assert "no interval" in page.locator(".touch-gains button").first.inner_text()
    assert page.locator(".touch-span").first.is_hidden()


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

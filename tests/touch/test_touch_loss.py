"""Eq. 3 under the reader's hand; its numbers are those of `partreg.reid.loss` and of its gradient."""

import re

import numpy as np
import pytest
import torch

from partreg.reid.loss import branch_losses, part_regularized_loss
from partreg.reid.network import Output
from partreg.touch.loss import eq_3

BRANCHES = ("global", "window", "light", "brand")
NAMES = ("A, the right one", "B", "C")


@pytest.fixture(scope="module")
def output():
    rng = torch.Generator().manual_seed(0)
    logits = {branch: 3 * torch.randn(2, 5, generator=rng) for branch in BRANCHES}
    present = {branch: torch.tensor([branch != "brand", True]) for branch in BRANCHES}
    return Output(torch.zeros(2, 1), logits, present)


@pytest.fixture(scope="module")
def made(output):
    return eq_3(output, torch.tensor([3, 1]), 0.3)


def test_the_sliders_start_at_the_images_own_logits(output, made):
    others = [column for column in output.logits["global"][0].argsort(descending=True).tolist() if column != 3]
    for branch in made.data["branches"]:
        expected = output.logits[branch["name"]][0, [3, *others[:2]]]
        np.testing.assert_allclose(branch["logits"], expected, atol=0.051)
        assert branch["present"] == (branch["name"] != "brand")


def test_of_two_vehicles_there_are_two_sliders(output):
    two = Output(output.feature, {name: found[:, :2] for name, found in output.logits.items()}, output.present)
    data = eq_3(two, torch.tensor([1, 0]), 0.3).data
    assert len(data["vehicles"]) == 2
    assert {len(branch["logits"]) for branch in data["branches"]} == {2}


def library(logits, present, part_weight):
    """Each branch's loss and the gradient of its logits, (4, 3), and the sum."""
    leaves = {name: torch.tensor([found], dtype=torch.float64, requires_grad=True) for name, found in logits.items()}
    there = {name: torch.tensor([here]) for name, here in present.items()}
    losses = branch_losses(Output(torch.zeros(1, 1), leaves, there), torch.tensor([0]))
    total = part_regularized_loss(losses, part_weight)
    total.backward()
    gradient = np.array([found.grad[0].tolist() for found in leaves.values()])
    return {name: loss.item() for name, loss in losses.items()}, gradient, total.item()


def shown(page):
    lines = page.locator("tbody tr").evaluate_all(
        "all => all.map(one => [...one.children].map(cell => cell.innerText))"
    )
    pulls = [float(text.replace("−", "-")) for text in page.locator(".touch-gradient").all_inner_texts()]
    return lines[:-1], np.array(pulls).reshape(4, -1), float(lines[-1][3])


def agrees(page, logits, present, part_weight):
    losses, gradient, total = library(logits, present, part_weight)
    lines, pulls, sum_shown = shown(page)
    np.testing.assert_allclose(pulls, gradient, atol=6e-4)
    assert sum_shown == pytest.approx(total, abs=6e-5)
    pull = np.abs(gradient).sum(1) / np.abs(gradient).sum()
    for (name, entropy, weight, term, share, of_gradient), goes in zip(lines, pull, strict=True):
        factor = 1 if name == "global" else part_weight
        assert float(entropy) == pytest.approx(losses[name], abs=6e-5)
        assert float(weight) == pytest.approx(factor)
        assert float(term) == pytest.approx(factor * losses[name], abs=6e-5)
        assert float(share.removesuffix("%")) == pytest.approx(100 * factor * losses[name] / total, abs=0.51)
        assert float(of_gradient.removesuffix("%")) == pytest.approx(100 * goes, abs=0.51)


@pytest.mark.browser
def test_every_number_is_the_librarys_for_random_sliders(opened, slide, made):
    page = opened(made)
    logits = {branch["name"]: branch["logits"] for branch in made.data["branches"]}
    present = {branch["name"]: branch["present"] for branch in made.data["branches"]}
    agrees(page, logits, present, 0.3)
    rng = np.random.default_rng(0)
    for _ in range(8):
        logits = {branch: rng.uniform(-8, 8, 3).round(1).tolist() for branch in BRANCHES}
        part_weight = round(rng.uniform(0, 2), 2)
        for branch, found in logits.items():
            for name, value in zip(NAMES, found, strict=True):
                slide(page, f"{branch}: logit of {name}", value)
        slide(page, "λ, the weight of each part", part_weight)
        part = str(rng.choice(BRANCHES[1:]))
        page.get_by_role("checkbox", name=f"the image has the {part}").click()
        present[part] = not present[part]
        agrees(page, logits, present, part_weight)


@pytest.mark.browser
def test_keys_move_a_slider_and_the_change_is_said(opened, made):
    page = opened(made)
    before = page.get_by_role("status").inner_text()
    page.get_by_role("slider", name="λ, the weight of each part").focus()
    page.keyboard.press("End")
    page.wait_for_function("before => document.querySelector('[role=status]').innerText !== before", arg=before)
    said = page.get_by_role("status").inner_text()
    assert float(re.search(r"Eq\. 3 is ([\d.]+)\.", said)[1]) == shown(page)[2]
    present = {branch["name"]: branch["present"] for branch in made.data["branches"]}
    agrees(page, {branch["name"]: branch["logits"] for branch in made.data["branches"]}, present, 2.0)


@pytest.mark.browser
def test_a_guess_loses_log_3_in_every_branch_and_the_chapters_numbers_come_back(opened, made):
    page = opened(made)
    start = shown(page)[2]
    page.get_by_role("button", name="A guess: all logits 0").click()
    assert [line[1] for line in shown(page)[0]] == ["1.0986", "1.0986", "1.0986", "0.0000"]
    page.get_by_role("button", name="As in the chapter").click()
    assert shown(page)[2] == start


@pytest.mark.browser
def test_it_fits_a_phone_and_a_finger_moves_a_slider(opened, finger, made):
    page = opened(made, width=390, touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".touch-wide").evaluate("node => node.scrollWidth <= node.clientWidth")
    slider = page.get_by_role("slider", name="window: logit of B")
    slider.scroll_into_view_if_needed()
    place = slider.bounding_box()
    y = place["y"] + place["height"] / 2
    finger(page, (place["x"] + place["width"] / 2, y), (place["x"] + place["width"] - 2, y))
    assert float(slider.input_value()) > 6
    logits = {branch["name"]: list(branch["logits"]) for branch in made.data["branches"]}
    logits["window"][1] = float(slider.input_value())
    agrees(page, logits, {branch["name"]: branch["present"] for branch in made.data["branches"]}, 0.3)


@pytest.mark.browser
def test_jupyters_module_draws_the_same(opened, in_jupyter, made):
    page = opened(made)
    assert in_jupyter(page, made) == page.locator(".touch").inner_html()

"""The chapter "By hand": its plain cells give the numbers of the library, and its exercises know right from wrong."""

import re
from contextlib import nullcontext, redirect_stdout
from io import StringIO

import nbformat
import pytest
import torch

from partreg.reid import step
from partreg.reid.method import PART_REGULARIZED
from partreg.reid.run import Run
from tests.conftest import REPOSITORY

CELLS = nbformat.read(REPOSITORY / "notebooks" / "by_hand.ipynb", as_version=4).cells
CODE = [cell for cell in CELLS if cell.cell_type == "code"]
OUTSIDE = {"library", "diagram"}  # tags of cells that need more than Python


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


PLAIN = [cell for cell in CODE if not tags(cell) & OUTSIDE]


def ran(cells) -> tuple[dict, dict[str, str]]:
    """The names that cells leave, and what each printed."""
    space, printed = {}, {}
    for cell in cells:
        with redirect_stdout(StringIO()) as out:
            exec(compile(cell.source, cell.id, "exec"), space)
        printed[cell.id] = out.getvalue()
    return space, printed


@pytest.fixture(scope="module")
def plain():
    return ran(PLAIN)[0]


@pytest.fixture(scope="module")
def everything():
    return ran(CODE)


def test_the_plain_cells_need_nothing_but_math():
    imports = [line for cell in PLAIN for line in cell.source.splitlines() if re.match(r"\s*(import|from) ", line)]
    assert imports == ["import math"]


def test_every_number_is_the_librarys(everything):
    agreed = [line for text in everything[1].values() for line in text.splitlines() if "The library gives" in line]
    assert len(agreed) > 20  # each is printed after an assertion


def test_plain_cells_print_the_same_without_the_others(everything):
    alone = ran(PLAIN)[1]
    assert alone == {name: everything[1][name] for name in alone}


def test_no_function_is_longer_than_ten_lines():
    for cell in PLAIN:
        for body in re.findall(r"^def .*\n(?:(?:    .*)?\n)*(?:    .*)?", cell.source, re.MULTILINE):
            if "check" not in tags(cell):
                assert len(body.strip().splitlines()) <= 10, body


def test_no_line_is_wider_than_the_page():
    wide = [line for cell in PLAIN if "check" not in tags(cell) for line in cell.source.splitlines() if len(line) > 88]
    assert wide == []


def test_without_the_window_branch_a_cell_cannot_be_told_from_another(plain):
    without, with_window = plain["without"], plain["with_window"]
    assert len({round(value, 12) for row in without for value in row}) == 1
    assert with_window[0][0] == without[0][0] > 0 > with_window[2][1]


def test_the_step_does_what_the_text_says(plain):
    lists = {name: plain["rank_list"](plain["query"], "D", 1, weights) for name, weights in plain["networks"].items()}
    assert [names.index("a") for names in lists.values()] == [1, 3, 0]
    losses = [plain["batch_loss"](weights, 0.0) for weights in plain["networks"].values()]
    assert losses[0] - losses[1] == pytest.approx(losses[0] - losses[2], rel=0.1)
    assert losses[1] < losses[0]
    maps = {
        name: plain["feature_map"]([[plain["STICKER"], plain["ASPHALT"]]], weights["filters"])
        for name, weights in plain["networks"].items()
    }
    gains = [of[1][0][0] - maps["before"][1][0][0] for of in maps.values()]
    assert gains[2] > 2 * gains[1] > 0
    assert [round(of[0][0][1], 3) > 0 for of in maps.values()] == [False, True, False]  # asphalt answers to blue
    street = [of[1][0][1] for of in maps.values()]  # asphalt's yellow
    assert street == sorted(street)


@pytest.mark.parametrize("part_weight", [0.0, 0.5])
def test_the_step_is_the_training_loops_own(everything, monkeypatch, part_weight):
    monkeypatch.setattr(step, "mixed_precision", lambda device: nullcontext())  # the chapter has all its digits
    space = everything[0]
    parts = ("window",) if part_weight else ()
    plain = {"augment": (), "momentum": 0.0, "weight_decay": 0.0}
    run = Run(backbone="tiny", parts=parts, dim=2, part_weight=part_weight, batch=3, **plain)
    net = space["library_net"](space["START"], parts)
    train = step.Step(run, PART_REGULARIZED, net)
    train(space["BATCH"], {"vehicle": space["LABELS"], "boxes": space["BOXES"]}, torch.zeros(3, 11), 2.0)
    after = space["networks"]["with" if part_weight else "without"]
    for name in ("filters", "global feature", "global scores"):
        weight = net.get_parameter(space["LAYERS"][name] + ".weight").flatten()
        assert weight.tolist() == pytest.approx([w for row in after[name] for w in row], abs=1e-5)


# ------------------------------------------------------------------------------------------------ exercises

EXERCISES = {cell.id.removeprefix("try-"): cell for cell in CODE if "exercise" in tags(cell)}
CHECKS = {cell.id.removeprefix("check-"): cell for cell in CODE if "check" in tags(cell)}
# An answer as it would be typed, and a word of the hint that it gets. All are mistakes that somebody makes.
WRONG = {
    "cells": {"1": "whole", "9": "touches the next", "6": "without reaching", "2": "part of a row", "5": "multiply"},
    "guess": {
        "1 / 13164": "probability",
        "-math.log(13164)": "sign",
        "math.log10(13164)": "natural",
        "math.log(3)": "three vehicles",
        "0": "Which probability",
    },
    "sum": {
        "sum(losses.values())": "Where is lambda",
        "part_weight * sum(losses.values())": "parts only",
        "losses['global'] + part_weight * (sum(losses.values()) - losses['global']) / 3": "averaged",
        "losses['global'] + part_weight * sum(losses.values())": "too",
        "losses['global'] + part_weight * losses['window']": "Only one",
        "losses['global'] + part_weight * sum(losses.get(p, 1e9) for p in ('window', 'light', 'brand'))": "light alone",
        "0": "once",
    },
    "pull": {"12": "lambda", "13": "missing", "6": "global branch", "4": "three", "1 / 7": "other way", "2": "each"},
    "junk": {"[3, 6]": "Junk is taken", "[2, 5]": "still", "[1, 3]": "from 1", "[1, 2]": "stay", "[9, 9]": "Cross"},
    "ap": {
        "0.75": "rectangular",
        "0.4583": "taken as 1",
        "1.4167": "mean over",
        "0.875": "rank 3",
        "0.6875": "three pictures",
        "0.1": "At each",
    },
    "track": {
        "distances[0]": "no order",
        "max(distances)": "similarity",
        "sum(distances) / len(distances)": "no mean",
        "sorted(distances)[-3:][0] if len(distances) > 1 else 1": "track of one",
        "0": "Which picture",
    },
    "weight": {"0": "more to", "0.5": "less to"},
}


def judged(plain: dict, name: str, source: str) -> str:
    """What a check says of an exercise cell."""
    space = dict(plain)
    exec(source, space)
    with redirect_stdout(StringIO()) as out:
        exec(CHECKS[name].source, space)
    return out.getvalue().strip()


def answered(name: str, text: str) -> str:
    """An exercise cell with an answer in place of its dots."""
    return re.sub(r"\[\.\.\., \.\.\.\]|\.\.\.", lambda _: text, EXERCISES[name].source)


def solution(name: str) -> str:
    (text,) = (cell.source for cell in CELLS if cell.id == f"solution-{name}")
    return re.search(r"```python\n(.*?)\n```", text, re.DOTALL)[1]


def test_every_exercise_has_a_check_a_solution_and_wrong_answers():
    assert len(EXERCISES) >= 6
    assert set(EXERCISES) == set(CHECKS) == set(WRONG)
    order = [cell.id for cell in CODE if tags(cell) & {"exercise", "check"}]
    assert order == [f"{what}-{name}" for name in EXERCISES for what in ("try", "check")]


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_is_open_until_it_is_answered_and_its_solution_is_right(plain, name):
    assert judged(plain, name, EXERCISES[name].source) == "No answer yet."
    assert judged(plain, name, solution(name)) == "Right."


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in WRONG for answer in WRONG[name]])
def test_a_wrong_answer_gets_a_hint_of_its_own(plain, name, answer):
    said = judged(plain, name, answered(name, answer))
    assert WRONG[name][answer] in said
    assert said != "Right."


@pytest.mark.parametrize("name", EXERCISES)
def test_no_two_mistakes_get_the_same_hint(plain, name):
    said = [judged(plain, name, answered(name, answer)) for answer in WRONG[name]]
    assert len(set(said)) == len(said)

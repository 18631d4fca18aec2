"""Curves show every number of their tables, and panels only where something was scored."""

import numpy as np
import pandas as pd
import pytest

from partreg.figures import curves


def a_history(cmc1) -> pd.DataFrame:
    values = {"epoch": [1, 2], "cmc1": cmc1}
    for number, branch in enumerate(["window", "light", "global"], start=1):
        values |= {f"loss_{branch}": [9.0, float(number)], f"accuracy_{branch}": [0.0, number / 10]}
    return pd.DataFrame(values)


@pytest.mark.parametrize(("cmc1", "panels"), [([0.1, 0.4], 3), ([np.nan, 0.4], 3), ([np.nan, np.nan], 2)])
def test_a_training_has_a_line_a_branch_and_a_panel_for_scores_if_there_are_any(cmc1, panels):
    figure = curves.training_curves(a_history(cmc1), ("global", "window"), 10)
    assert len(figure.axes) == panels
    losses = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert list(losses["global"]) == [9.0, 3.0]
    assert list(losses["window"]) == [9.0, 1.0]
    assert losses["guessing"][0] == pytest.approx(np.log(10))
    assert [list(line.get_ydata()) for line in figure.axes[1].lines] == [[0, 30], [0, 10], [10, 10]]  # guessing
    if panels == 3:
        assert figure.axes[2].lines[0].get_ydata()[-1] == 40


@pytest.mark.parametrize(
    ("branches", "said"),
    [
        (("global", "window"), "30.0% (global branch)"),
        (("window", "light"), "10.0% (window branch), 20.0% (light branch)"),
    ],
)
def test_an_accuracy_is_said_with_its_branch(branches, said):
    assert curves.training_ends(a_history([0.1, 0.4]), branches) == {"reid_accuracy": said, "reid_validation": "40.0%"}
    unscored = curves.training_ends(a_history([np.nan, np.nan]), branches)["reid_validation"]
    assert unscored == "no number (nothing was scored)"


def test_any_method_has_its_summands_its_accuracies_and_what_was_scored():
    spread = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "loss_spread": [1.0, 0.5], "cmc1": [np.nan] * 2})
    told = pd.DataFrame({"epoch": [1], "loss": [1.0], "accuracy_model": [0.25], "cmc1": [0.5], "cmc1_test": [0.1]})
    figure = curves.summand_curves({"One": spread, "Other": told})
    assert [(ax.get_title(), ax.get_ylabel()) for ax in figure.axes] == [
        ("One", "loss"),
        ("Other", "loss"),
        ("Other", "training accuracy (%)"),
        ("Other", "CMC@1, held out (%)"),
    ]
    assert {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines} == {
        "total": [3, 2],
        "spread": [1, 0.5],
    }
    assert [list(ax.lines[0].get_ydata()) for ax in figure.axes[2:]] == [[25], [50]]


def test_a_method_without_a_network_has_a_sentence_in_place_of_curves():
    (ax,) = curves.summand_curves({}).axes
    assert [text.get_text() for text in ax.texts] == ["This method trains no network on images."]

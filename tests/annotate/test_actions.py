"""The count of actions: the script does what it counts, and the kept figures say what the page of the book says."""

import pandas as pd
import pytest

from partreg.annotate.session import Proposal, usable
from partreg.parts.labelled import Box
from tests.annotate.actions import CLOSE, PICTURES, spent
from tests.conftest import REPOSITORY

KEPT = pd.read_csv(REPOSITORY / "reference" / "annotating.csv")


@pytest.mark.browser
def test_a_few_pictures_by_hand(browser, folder):
    wanted = {
        "a.jpg": {"front_window": (50.0, 20.0, 150.0, 50.0), "left_light": (20.0, 60.0, 40.0, 90.0)},
        "b.jpg": {"rear_window": (40.0, 10.0, 90.0, 60.0)},
        "c ü&.jpg": {},
    }
    sizes = usable(folder)[0]
    proposals = {
        "a.jpg": [Proposal(Box("front_window", 50, 20, 149, 50), 0.9)],  # right; the light is missing: key, drag
        "b.jpg": [Proposal(Box("rear_window", 40, 10, 60, 30), 0.8)],  # its corner: one drag
        "c ü&.jpg": [Proposal(Box("left_light", 10, 10, 60, 30), 0.7)],  # right button
    }
    assert spent(browser, folder, wanted, sizes, proposals, 0.8) == 3 + (2 + 1 + 1)
    # Drawn, the window of a.jpg is picked already: a drag, then a key and a drag; a key and a drag for b.jpg.
    assert spent(browser, folder, wanted, sizes, None, 0.8) == 3 + (1 + 2 + 2)


def test_the_kept_figures_are_those_of_the_page():
    assert KEPT["way"].tolist() == ["draw", *["correct"] * len(CLOSE)]
    assert KEPT["iou"].tolist()[1:] == list(CLOSE)
    assert set(KEPT["pictures"]) == {PICTURES}
    drawn = KEPT["actions"].iloc[0]
    assert (KEPT["share"] - KEPT["actions"] / drawn).abs().max() <= 0.0005
    assert drawn <= 2 * KEPT["boxes"].iloc[0] + PICTURES, "a key and a drag a box, and saving"
    share = KEPT.set_index("iou")["share"].iloc[1:]
    assert share[0.8] < 0.5 < share[0.9]
    assert KEPT["hand_iou"].iloc[0] > 0.8

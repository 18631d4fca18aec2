"""What chapter 15 compares, and what was tried on held-out vehicles before."""

import pandas as pd
import pytest

from needs import NEEDS
from partreg.paper import BASELINE, FULL
from partreg.studies import effects, evidence, pays, regime
from partreg.workflow import CONTROLS, TABLE_4

MADE = {"kind": "variation", "learnt": 9, "epochs": 2, "device": "card", "commit": "abc"}
SCORES = {FULL: (0.3, 0.2), "x": (0.3, 0.4), "x, whole map": (0.5, 0.6), "y": (0.1, 0.2)}
FRAME = pd.DataFrame(
    [{**MADE, "row": row, "seed": seed, "cmc1": one} for row, some in SCORES.items() for seed, one in enumerate(some)]
    + [{**MADE, "kind": "recipe", "row": "z", "seed": 0, "cmc1": 0.9, "commit": "other"}]
)


def test_a_control_stands_beside_its_variation_and_cannot_be_the_best():
    tried = pays.variations(FRAME)
    assert list(tried.scores.index) == ["x", FULL, "y"]
    assert tried.controls.to_dict() == {"x": pytest.approx(0.55)}
    assert tried.origin == "9 vehicles learnt, 2 epochs, card, commit abc."


def test_differences_are_of_means_in_points():
    table = pays.variations(FRAME).table()
    assert table.loc["x"].tolist() == ["30.0%", "40.0%", "35.0%", "+10.0", "−20.0"]
    assert table.loc["y"].tolist() == ["10.0%", "20.0%", "15.0%", "−10.0", "–"]
    assert list(table) == ["seed 0", "seed 1", "mean", "minus full model", "minus its control"]


def test_all_that_is_kept_was_tried_with_the_same_seeds():
    assert pays.TABLE in NEEDS["15_what_pays"].kept
    tried = pays.kept_variations()
    assert tried.scores.notna().all().all()
    assert FULL in tried.scores.index
    assert set(tried.controls.index) <= set(tried.scores.index)


def test_a_control_differs_from_its_way_in_nothing_but_places():
    changes = {**TABLE_4, **CONTROLS, **evidence.EXTENSIONS, **evidence.PULLED_ELSEWHERE, **regime.DEEPER}
    for way, control in pays.CONTROLS.items():
        assert {**changes[way], "boxes": "whole"} == changes[control], way
    assert changes[pays.DEEP]["part_stage"] == 3
    assert not changes[pays.ALONE]["use_global"]


def test_every_comparison_is_at_the_most_vehicles():
    pairs = pays.compared()
    assert len({(side["study"], side["cell"], side["budget"]) for pair in pairs.values() for side in pair}) == 1
    assert all(mine["row"] == row != theirs["row"] for (_, row), (mine, theirs) in pairs.items())
    assert pairs["its control", pays.DEEP][1]["row"] == pays.CONTROLS[pays.DEEP]
    assert {theirs["row"] for (rival, _), (_, theirs) in pairs.items() if rival == "the baseline"} == {BASELINE}


def test_what_chapter_15_says_in_words_is_what_is_kept():
    kept, pairs = effects.read_evidence(), pays.compared()
    gain = {key: effects.effect(kept, [mine], [theirs]) for key, (mine, theirs) in pairs.items()}
    deep_whole = pays.CONTROLS[pays.DEEP]
    assert gain["the baseline", deep_whole].high < 0 < gain["its control", pays.DEEP].low
    assert gain["the baseline", regime.PULLED].low > 0 < gain["the full model", pays.DEEP].low
    tried = pays.kept_variations()
    mean, plain = tried.scores.mean(axis=1), "pulled"
    assert max(mean[f"pulled, {name}"] for name in ("weight 10", "distances", "soft")) < mean[plain]
    ahead = tried.scores.iloc[0] - tried.scores.iloc[1]
    assert ahead.min() < 0 < ahead.max()  # the first is better with one seed, the second with the other


def test_what_chapter_15_says_of_a_smaller_weight_of_the_parts_holds():
    means = pays.kept_variations().scores.mean(axis=1)
    assert means["pulled, lambda 0.1"] > means["pulled"]
    assert means["pulled, stage 3, lambda 0.1"] < means["pulled, stage 3"]
    assert means["pulled, stage 3, window, lambda 0.1"] < means["pulled, stage 3, window"]

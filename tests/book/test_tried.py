"""What was tried on held-out vehicles, as the book shows it; and that its words about the kept trainings hold."""

import pandas as pd
import pytest

import tried
from partreg.paper import FULL
from partreg.workflow.profile import REFERENCE


def write(folder, rows, kind):
    """A tried.csv of lines (row, seed, cmc1, accuracy)."""
    shared = {"kind": kind, "learnt": 1000, "epochs": 40, "device": "card", "commit": "abc"}
    table = pd.DataFrame(rows, columns=["row", "seed", "cmc1", "accuracy"]).assign(**shared)
    (folder / "gpu").mkdir()
    table.assign(cosine=table.cmc1 + 0.01).to_csv(folder / "gpu" / "tried.csv", index=False)


def test_what_was_not_run_is_said(tmp_path):
    for figures in (tried.recipes, tried.variations, tried.layouts):
        assert figures(tmp_path) == (
            "Nothing is kept yet: `make gpu STUDY=regime` makes it, `make keep WHAT=tried` keeps it.\n"
        )


def test_a_recipe_is_held_against_the_plain_or_the_strong_one_of_the_same_seed(tmp_path):
    rows = [
        *(
            ("plain", 0, 0.2, 0.7),
            ("strong", 0, 0.1, 0.6),
            ("plain + gem", 0, 0.25, 0.9),
            ("strong - gem", 0, 0.3, 0.5),
        ),
        *(("plain", 1, 0.3, 0.8), ("strong", 1, 0.2, 0.6), ("plain + gem", 1, 0.28, 0.9)),
        ("strong - gem", 1, 0.02, 0.001),
    ]
    write(tmp_path, rows, "recipe")
    lines = tried.recipes(tmp_path).splitlines()
    assert "| plain | 21.0, 31.0 | – | 20.0, 30.0 | 70.0, 80.0 |" in lines
    assert "| plain + gem | 26.0, 29.0 | +5.0, −2.0 | 25.0, 28.0 | 90.0, 90.0 |" in lines
    assert "| strong - gem | 31.0, 3.0 | +20.0, −18.0 | 30.0, 2.0 | 50.0, 0.1 |" in lines
    assert lines[-1] == (
        "Each network learnt 1,000 vehicles for 40 epochs; the numbers are of seeds 0 and 1. Kept from card, commit "
        "`abc`. Nothing was learnt, for the accuracy is that of guessing, by `strong - gem` with seed 1."
    )


def test_variations_stand_from_the_largest_gain_over_the_full_model_down(tmp_path):
    names = {"worse": 0.1, FULL: 0.2, "better": 0.25}
    write(tmp_path, [(name, seed, score, 0.5) for name, score in names.items() for seed in (0, 1)], "variation")
    lines = tried.variations(tmp_path).splitlines()
    assert lines[2] == "| better | 25.0, 25.0 | +5.0, +5.0 | 50.0, 50.0 |"
    assert lines[3].startswith(f"| {FULL} | 20.0, 20.0 | – |")
    assert lines[4].startswith("| worse | 10.0, 10.0 | −10.0, −10.0 |")
    assert "guessing" not in lines[-1]


def test_layouts_are_shown_with_the_machine(tmp_path):
    (tmp_path / "gpu").mkdir()
    table = pd.DataFrame({"processes": [1, 4], "threads": [10, 4], "images_per_second": [52907, 113920]})
    table.assign(cores=16, device="card", commit="abc").to_csv(tmp_path / "gpu" / "layouts.csv", index=False)
    lines = tried.layouts(tmp_path).splitlines()
    assert "| 4 | 4 | 113,920 |" in lines
    assert lines[-1] == "Kept from card, 16 cores, commit `abc`."


@pytest.fixture
def apart():
    """How each kept recipe changes CMC@1, by its distance."""
    table = pd.read_csv(REFERENCE / "gpu" / "tried.csv")
    table = table[table.kind == "recipe"]
    return [tried.changes(table, distance) for distance in ("cmc1", "cosine")]


def test_the_words_about_the_strong_baseline_hold_for_the_kept_trainings(apart):
    for found in apart:
        # The section of settings.md says so of both seeds and both comparisons.
        assert max(found["plain + identities"]) < -8
        assert min(found["strong - triplet - identities"]) > 0
        assert max(found["plain + erase"]) < -2 < 2 < min(found["strong - erase"])
        assert max(found["strong - gem"]) < -2 < 2 < min(found["plain + gem"])
        assert max(map(abs, found["plain + smoothing"] + found["strong - smoothing"])) < 2
        # "wins back a part": better than the batches alone, worse than without both
        for seed in (0, 1):
            assert found["plain + identities"][seed] < found["plain + triplet"][seed] < 0
            assert found["strong - triplet"][seed] < 0
        # "one seed up, one down"
        assert min(found["plain + neck"]) < 0 < max(found["plain + neck"])
        worst = {name: sum(found[name]) for name in found if name.startswith("plain")}
        assert min(worst, key=worst.get) == "plain + identities"


def test_the_kept_strong_recipe_is_worse_than_the_plain_one_and_one_without_its_neck_learnt_nothing():
    table = pd.read_csv(REFERENCE / "gpu" / "tried.csv")
    scores = table[table.kind == "recipe"].pivot(index="row", columns="seed", values=["cmc1", "cosine"])
    assert (scores.loc["strong"] < scores.loc["plain"]).all()
    assert "by `strong - neck` with seed 1." in tried.recipes()


def test_the_reduced_recipe_lies_between_the_plain_one_and_gem_alone_and_parts_beside_it_are_not_decided():
    table = pd.read_csv(REFERENCE / "gpu" / "tried.csv")
    scores = table[table.kind == "recipe"].pivot(index="row", columns="seed", values=["cmc1", "cosine"])
    assert scores.notna().all(axis=None)
    assert (scores.loc["plain"] < scores.loc["reduced"]).all()
    assert (scores.loc["reduced"] < scores.loc["plain + gem"]).all()
    with_parts = scores.loc["reduced + parts"] - scores.loc["reduced"]
    assert with_parts.min() < 0 < with_parts.max()

"""What the pages say of profiles and of the benchmark is read from them, or compared with them here."""

import dataclasses
import re

import pandas as pd
import pytest

import pages
from partreg import paper
from partreg.figures.tables import in_points
from partreg.reid.run import Run
from partreg.studies import effects, evidence, pays, regime, settings
from partreg.synthetic import benchmark
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid, plan_veri
from partreg.workflow.profile import REFERENCE, REPOSITORY, read_profile
from partreg.workflow.runs import CONTROLS


def described(profile: str) -> Benchmark:
    """The rendered benchmark of a profile."""
    return benchmark.described(read_profile(profile)["benchmark"])


def page(name: str) -> str:
    """A page's words, on one line."""
    return " ".join((REPOSITORY / "book" / f"{name}.md").read_text(encoding="utf-8").split())


def test_three_methods_have_another_margin_in_the_profile_paper():
    told = pages.paper_recipe()
    assert "every network has a learning rate of 0.01 there. " in told
    assert "0.3 for VGG+Triplet Loss, Strong baseline; 1 for VGG+CCL, Mixed Diff+CCL, VAMI." in told


def test_a_rate_of_ones_own_is_told(monkeypatch):
    fields = read_profile("paper")
    fields["methods"] = {**fields["methods"], "oife": {"lr": 0.5}}
    monkeypatch.setattr(pages, "read_profile", lambda name: fields)
    assert "learning rate of 0.01 there, but OIFE 0.5." in pages.paper_recipe()


def test_the_datasheet_counts_the_vehicles_that_are_drawn():
    laptop = described("laptop")
    plans = plan_vehicleid(laptop), plan_veri(laptop)
    first, second = (len({shot.vehicle for shot in plan.shots}) for plan in plans)
    assert f"`laptop` has {first} vehicles with {laptop.images_per_vehicle} images each in VehicleID's layout" in (
        page("datasheet")
    )
    tracks = f"{laptop.tracks_per_vehicle} tracks of {laptop.images_per_track} images"
    assert f"and {second} vehicles with {tracks} each in VeRi's layout" in page("datasheet")


def test_every_mark_has_its_place_in_the_datasheet():
    named = set().union(*(places for _, places in pages.MARKS.values()))
    drawn = [mark.place for vehicle in plan_vehicleid(described("laptop")).vehicles for mark in vehicle.marks]
    assert set(drawn) == named
    shares = [float(number) for number in re.findall(r"\| (\d\.\d\d) \|$", pages.marks_table(), re.MULTILINE)]
    assert sum(shares) == pytest.approx(len(drawn) / 645, abs=0.03)


def test_the_page_of_settings_says_what_was_tried():
    told, start, others = page("settings"), settings.START, settings.START_OTHERS
    assert f"from $\\lambda = {start['part_weight']:g}$, stride {start['last_stride']}, a learning rate of " in told
    assert f"{start['lr']:g} and {start['epochs']} epochs" in told
    assert others["epochs"] == start["epochs"]
    assert f"but at {others['size']} pixels" in told
    assert f"where {read_profile('laptop')['held_out']['veri']} vehicles are held out" in told
    tried = {name for changes in settings.TRIED for name in changes if changes.get("parts") == ()} - {"parts"}
    assert tried == {"lr", "epochs"}, "the page says that these two were tried without parts"


def test_with_the_kept_start_the_strong_baseline_scores_more_than_the_papers():
    table = pd.read_csv(REFERENCE / "dial.csv")
    scores = table.groupby(["row", "near_duplicates"]).cmc1.mean()
    assert (scores["Strong baseline"] > scores["Baseline"]).all()
    tried = pd.concat([pd.read_csv(REFERENCE / f"{name}.csv") for name in settings.STUDY.tables])
    chosen = tried[tried.chosen == "yes"].groupby("network")["validation CMC@1 (%)"].max()
    assert chosen["strong"] > chosen["baseline"]


def test_what_the_page_of_settings_says_of_early_and_late_scores():
    table = pd.read_csv(REFERENCE / "settings.csv").query("setting == 'epochs'")
    scores = table.set_index(["network", "epochs"])["validation CMC@1 (%)"]
    early, late = (scores["full model", epochs] - scores["baseline", epochs] for epochs in (10, 20))
    assert f"by {early:+.1f} points after 10 and by {late:+.1f} after 20".replace("-", "−") in page("settings")


def test_what_the_page_of_assumptions_says_of_part_weights():
    kept = effects.read_evidence()
    rows = {0: paper.BASELINE, 0.1: "Part weight 0.1", 0.3: paper.FULL, 1: "Part weight 1", 3: "Part weight 3"}
    scores = {weight: effects.effect(kept, [{"row": row}]).mean for weight, row in rows.items()}
    assert sorted(scores, key=scores.__getitem__) == [3, 1, 0, 0.3, 0.1]
    assert "the networks with 0.1 and 0.3 score more than the baseline, 0.1 most." in page("assumptions")


def test_the_page_of_runs_says_what_the_profile_reference_is():
    told, fields = page("runs"), read_profile("reference")
    benchmark, plan = fields["benchmark"], fields["evidence"]
    learnt = benchmark["train_vehicles"] - fields["held_out"]["vehicleid"]
    for words in (
        f"renders {benchmark['models']} models of vehicles, about {benchmark['near_duplicates']} vehicles of a kind",
        f"at {benchmark['size']} pixels, and the networks see them at {fields['sizes']['vehicleid'][-1]}",
        f"They learn {learnt} vehicles from {benchmark['images_per_vehicle']} images each",
        f"{fields['held_out']['vehicleid']} more are held out",
        f"the longest test list has {benchmark['test_vehicles'][-1]}",
        f"takes {fields['reid']['epochs']} epochs, a middling one {plan['middle']} and a short one {plan['short']}",
    ):
        assert words in told


def test_the_assumptions_say_what_the_profiles_take():
    told = page("assumptions")
    profiles = [read_profile(name) for name in ("smoke", "laptop", "reference", "paper")]
    assert [one["reid"]["part_weight"] for one in profiles] == [0.3, 0.1, 0.3, 0.3]
    assert "chosen on validation vehicles: 0.3 from random weights, 0.1 from the " in told
    tried = {changes["part_weight"] for changes in settings.TRIED if "part_weight" in changes}
    assert tried == {0.1, 0.3, 1.0}
    assert "it is $\\lambda = 0.1$, the best of 0.1, 0.3 and 1" in told
    assert {one["reid"]["last_stride"] for one in profiles} == {1}
    assert f"SGD with momentum {Run.momentum:g} and weight decay {profiles[1]['reid']['weight_decay']:g}" in told
    assert {one["galleries"] for one in profiles[1:]} == {10}
    assert "10 seeded galleries" in told
    assert read_profile("paper")["reid"]["lr"] == 0.01


def test_the_pages_say_how_long_the_reference_trains_and_that_its_large_half_is_short():
    assert round(effects.read_evidence().runs.query("study != 'regime'").seconds.sum() / 3600) == 10
    assert "some 10 hours" in page("running")
    assert "some ten hours" in page("runs")
    assert read_profile("regime")["regime"]["epochs"] == 20
    assert "for 20 epochs and far from done" in (REPOSITORY / "book" / "claims.yaml").read_text(encoding="utf-8")


def test_what_chapter_7_says_of_pretrained_starts_holds():
    kept = effects.read_evidence()
    usual = effects.effect(kept, [{"row": paper.FULL}], score="validation").mean
    started = [words for words, changes in evidence.PAIRS.items() if changes.get("weights")]
    assert started
    for words in started:
        assert effects.effect(kept, [{"row": f"{paper.FULL}, {words}"}], score="validation").mean > usual


def test_the_page_of_runs_says_what_the_seeds_that_were_added_later_change():
    kept, most = effects.read_evidence(), effects.largest()
    sides = [[{**most, "row": row}] for row in (paper.FULL, paper.BASELINE)]
    full, baseline = (effects.chosen(kept, side[0]) for side in sides)
    assert [*full.index] == [*baseline.index] == [*range(15)]
    assert [*effects.chosen(kept, {**most, "row": pays.DEEP}).index] == [*range(9), 10]
    whole, *wrong = ({*effects.chosen(kept, {**most, "row": row}).index} - {*range(7)} for row in CONTROLS)
    assert (whole, wrong) == ({7, 8, 9, 10}, [{7, 8, 9, 10}, {8, 9, 10}])
    mine = [[{**most, "row": row}] for row in (paper.FULL, evidence.WHOLE)]
    before = dataclasses.replace(kept, runs=kept.runs[kept.runs.seed < 7])
    assert f"{in_points(effects.effect(before, *mine))} points ahead of the heads" in page("runs")
    for words, last in zip(regime.AGAIN, (4, 3), strict=True):
        assert [*effects.chosen(kept, {**most, "row": f"{paper.FULL}, {words}"}).index] == [*range(last + 1)]
    assert [*baseline.device] == [*full.device]
    assert [round(100 * one.cmc1_large[0], 1) for one in (baseline, full)] == [28.6, 29.4]  # the GPU's
    assert round(100 * baseline.cmc1_large[7], 1) == 30.1
    assert round(100 * (full.cmc1_large[7] - baseline.cmc1_large[7]), 1) == 2.7
    first = dataclasses.replace(kept, runs=kept.runs[kept.runs.seed < 7])
    assert f"full model is {in_points(effects.effect(first, *sides))} points ahead" in page("runs")

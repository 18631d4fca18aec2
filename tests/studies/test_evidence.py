"""The many trainings: which there are, and that one leaves a whole record, also where it fails."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg import paper, workflow
from partreg.errors import DivergedError, PartregError
from partreg.retrieval.protocols import draw_gallery
from partreg.studies import effects, evidence
from partreg.synthetic.benchmark import plan_vehicleid
from partreg.workflow import data


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "some.pth"
    path.write_bytes(b"weights")
    return workflow.open_workspace("reference", overrides={"evidence": {"weights": str(path), "pixels": "rgb"}})


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


def test_the_reference_has_what_it_promises(reference):
    jobs = pd.DataFrame([{**job.what, "seed": job.run.seed} for job in evidence.listed(reference)])
    counts = jobs.groupby(["study", "row"]).seed.nunique()
    assert all(counts["rows", row] == 5 for row in (paper.BASELINE, paper.FULL, *workflow.control_changes(reference)))
    assert set(counts["rows"]) == {3, 5}
    assert set(paper.table(4).index) <= set(counts["rows"].index)
    cells = jobs[jobs.study == "cells"]
    assert len(cells[["cell", "budget"]].drop_duplicates()) >= 2 * 12
    assert set(jobs[jobs.study == "budgets"].budget) == {"short", "middle"}


def test_jobs_differ_in_their_keys_and_labels_say_what_they_are(reference):
    jobs = evidence.STUDY.jobs(reference)
    assert len({job.label for job in jobs.values()}) == len(jobs) == len(evidence.listed(reference))
    assert all(re.fullmatch("[a-z0-9.-]+-[0-9a-f]{12}-[0-9a-f]{12}", key) for key in jobs)
    assert len({job.description for job in jobs.values()}) == len(jobs)
    assert not evidence.listed(workflow.open_workspace("laptop"))


def test_a_cell_changes_one_thing(reference):
    cells = evidence.benchmarks(reference)
    base = cells.pop("base").profile
    for name, here in cells.items():
        axis = name.split("=")[0]
        differ = {key for key in base.benchmark if base.benchmark[key] != here.profile.benchmark[key]}
        differ |= {"pixels"} if base.sizes != here.profile.sizes else set()
        assert differ == {axis, *(["models"] if name == "near_duplicates=1" else [])}  # of 10 models it cannot be drawn
        assert here.profile.held_out == base.held_out


def test_without_the_file_of_weights_its_rows_are_left_out():
    without = evidence.rows(workflow.open_workspace("reference"))
    assert not [row for row in without if "ImageNet" in row]
    assert "Baseline (w/o parts), pretrained on other models" in without


def test_the_pixels_follow_the_file_of_weights(reference):
    weights = reference.profile.evidence["weights"]
    kept = workflow.open_workspace("reference", overrides={"evidence": {"weights": weights}})
    for ws, pixels in ((reference, "rgb"), (kept, "caffe")):
        runs = [job.run for job in evidence.listed(ws) if "ImageNet" in job.what["row"]]
        assert len(runs) == 6
        assert {run.pixels for run in runs} == {pixels}


def test_a_new_control_is_one_entry(reference, monkeypatch):
    monkeypatch.setitem(workflow.CONTROLS, "Boxes half as often", {"part_dropout": 0.5})
    assert "Boxes half as often" in workflow.runs(reference)["controls"]
    mine = [job for job in evidence.listed(reference) if job.what["row"] == "Boxes half as often"]
    assert [job.run.seed for job in mine] == reference.profile.evidence["seeds"]
    assert {(job.what["study"], job.run.part_dropout) for job in mine} == {("rows", 0.5)}


def test_equal_total_weight_weighs_one(reference):
    changes = workflow.control_changes(reference)["Equal total weight of the losses"]
    assert changes["global_weight"] + 3 * changes["part_weight"] == pytest.approx(1)
    assert changes["part_weight"] / changes["global_weight"] == pytest.approx(reference.profile.reid["part_weight"])


def test_the_best_epoch_is_the_first_of_the_best_on_validation_and_never_on_test():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3, 4], "cmc1": [np.nan, 0.5, 0.5, 0.4], "cmc1_test": [np.nan, 0.1, 0.9, 0.8]}
    )
    expected = {"validation": 0.4, "best_epoch": 2, "best_validation": 0.5, "cmc1_best": 0.1}
    assert evidence.best_epoch(history) == expected
    assert evidence.best_epoch(history.assign(cmc1=np.nan)) == {}


def test_hits_of_a_vehicle_are_the_mean_over_its_queries():
    scores = SimpleNamespace(hits=np.array([1.0, 0.0, np.nan, 0.5]), vehicles=np.array([7, 7, 3, 3]))
    assert evidence.vehicle_hits(scores) == [0.5, 0.5]


def test_a_record_has_the_three_longest_lists_and_the_vehicles_that_were_asked(monkeypatch):
    of = {"hits": np.array([1.0, 0.0, np.nan]), "vehicles": np.array([1, 1, 2])}  # the second has a single image
    lists = {number: SimpleNamespace(cmc1=number / 10, cmc5=number / 5, **of) for number in (4, 1, 3, 2)}
    past = pd.DataFrame({"cmc1_test": [0.4]})
    made = {
        "load_vehicleid": SimpleNamespace(tests={number: number for number in lists}),
        "trained": Path("somewhere"),
        "history": past,
        "files.read_json": {"watched": "x"},
        "watched_key": "x",
        "training_columns": {},
        "vehicleid_scores": lists,
        "from_history": {},
        "looked_at": False,
        "fused": False,
    }
    for name, result in made.items():
        monkeypatch.setattr(f"partreg.studies.evidence.{name}", lambda *given, result=result, **how: result)
    record = evidence.vehicleid_record(None, None, {})
    assert {name: record[name] for name in ("cmc1_small", "cmc1_medium", "cmc1_large")} == {
        "cmc1_small": 0.2,
        "cmc1_medium": 0.3,
        "cmc1_large": 0.4,
    }
    assert record["hits"] == [0.5]


def test_the_accuracy_is_the_global_branchs_or_none():
    history = pd.DataFrame({"accuracy_window": [0.1, 0.2], "accuracy_global": [0.3, 0.4]})
    assert evidence.global_accuracy(history) == [0.3, 0.4]
    assert evidence.global_accuracy(history[["accuracy_window"]]) == [None, None]


def first(ws, **what):
    """The first job of which this is true."""
    return next(job for job in evidence.listed(ws) if what.items() <= job.what.items())


def test_a_cell_leaves_a_record_from_which_the_tables_are_made(ws):
    job = first(ws, cell="base", budget="long", row=paper.FULL)
    record = evidence.STUDY.record(ws, job)
    assert record["outcome"] == "done"
    assert 0 <= record["cmc1_large"] <= record["cmc5_large"] <= 1
    assert len(record["hits"]) == 5
    assert len(record["curve"]["epoch"]) == len(record["curve"]["cmc1_test"])
    evidence.STUDY.collect(ws)
    kept = effects.read_evidence(ws.folder / "studies")
    assert kept.runs.loc[0, "cmc1_large"] == pytest.approx(record["cmc1_large"], abs=1e-4)
    found = effects.effect(kept, [{"study": "cells", "cell": "base", "row": paper.FULL}])
    assert found.values[0] == pytest.approx([record["cmc1_large"]], abs=1e-4)
    tests = workflow.load_vehicleid(job.workspace).tests
    scores = workflow.vehicleid_scores(job.workspace, job.run)[max(tests)]
    assert [float(value) for value in kept.hits.hits[0].split()] == evidence.vehicle_hits(scores)
    # Each image counts as often as it was a query: then the shares of hits come to the score, exactly.
    draws, asked = np.random.default_rng(0), np.full(len(scores.vehicles), job.workspace.profile.galleries)
    for _ in range(job.workspace.profile.galleries):
        asked[draw_gallery(scores.vehicles, draws)] -= 1
    assert np.average(np.nan_to_num(scores.hits), weights=asked) == pytest.approx(found.mean, abs=1e-3)
    assert set(kept.curves.key) == {job.description}
    assert kept.runs.code.tolist() == [job.code]


def test_every_cell_is_drawn_as_it_says_and_judged_on_one_gallery(reference):
    plans = {name: plan_vehicleid(data.benchmark(here)) for name, here in evidence.benchmarks(reference).items()}
    chosen = plans["base"].tests
    for name, plan in plans.items():
        axis, _, value = name.partition("=")
        assert plan.tests == chosen
        shots = [shot for shot in plan.shots if shot.vehicle not in plan.train]
        assert shots == [shot for shot in plans["base"].shots if shot.vehicle not in plans["base"].train]
        per_kind = pd.Series([(v.model, v.color) for v in plan.vehicles if v.identity <= 460]).value_counts()
        asked = float(value) if axis == "near_duplicates" else 10
        assert per_kind.mean() == pytest.approx(asked, rel=0.02)
        assert len(plan.train) == (float(value) if axis == "train_vehicles" else 120) + 40
    tests = [vehicle for chosen in plans["near_duplicates=1"].tests.values() for vehicle in chosen]
    kinds = {(v.model, v.color) for v in plans["near_duplicates=1"].vehicles if v.identity in tests}
    assert len(kinds) == len(tests) == 300


def test_a_replaced_picture_of_the_benchmark_is_told(ws):
    job = first(ws, study="cells", budget="short")
    here, run = job.workspace, job.run
    folder = workflow.trained(here, run)
    assert workflow.trained(here, run) == folder
    images, held_out = workflow.train_images(here, "vehicleid", run.held_out)
    Image.new("RGB", (48, 48)).save(held_out.path[0])
    assert workflow.trained(here, run) == folder
    workflow.features(here, run, held_out, "held_out")
    Image.new("RGB", (48, 48)).save(images.path[0])
    told = r"learnt from other pictures than .* holds now; delete both"
    with pytest.raises(PartregError, match=told):
        workflow.trained(here, run)
    with pytest.raises(PartregError, match=told):  # which are fresh by themselves
        workflow.features(here, run, held_out, "held_out")


def test_a_training_that_fails_leaves_its_error_and_is_counted(ws, monkeypatch):
    def fail(*_, **__):
        raise DivergedError("the loss is nan in epoch 1, step 1; train with a smaller lr.")

    monkeypatch.setattr(evidence, "trained", fail)
    job = first(ws, study="cells")
    evidence.STUDY.record(ws, job)
    evidence.STUDY.collect(ws)
    kept = effects.read_evidence(ws.folder / "studies")
    assert kept.runs.outcome.tolist() == ["the loss is nan in epoch 1, step 1; train with a smaller lr."]
    assert effects.effect(kept, [{"study": "cells", "cell": job.what["cell"], "row": job.what["row"]}]).values == ()

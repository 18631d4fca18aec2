"""The study of thousands of vehicles: which trainings there are, in which order, and what a record holds."""

import dataclasses
from collections import Counter
from dataclasses import asdict

import pandas as pd
import pytest

from partreg import workflow
from partreg.errors import PartregError
from partreg.files import read_json
from partreg.paper import BASELINE, FULL
from partreg.retrieval.protocols import vehicleid_protocol
from partreg.studies import regime
from partreg.studies.evidence import ALONE, paired, strangers
from partreg.workflow import data, stages
from partreg.workflow.runs import CONTROLS, TABLE_4

ENDS = [f", {words}" for words in regime.AGAIN]


@pytest.fixture(scope="module")
def jobs():
    return regime.listed(workflow.open_workspace("regime"))


@pytest.fixture
def ws(tmp_path):
    opened = workflow.open_workspace("smoke", output=str(tmp_path))
    return dataclasses.replace(opened, profile=dataclasses.replace(opened.profile, detector={}))


def test_the_curve_has_a_pair_for_each_number_of_vehicles_at_fixed_epochs_and_at_fixed_steps(jobs):
    plan = workflow.open_workspace("regime").profile.regime
    curve = pd.DataFrame([job.what for job in jobs if job.what["row"] in (BASELINE, FULL)])
    assert (curve.seed == curve.benchmark).all()
    fixed = curve[curve.epochs == plan["epochs"]].groupby(["row", "learnt"]).seed.nunique()
    steps = curve[curve.epochs * curve.learnt == plan["epochs"] * plan["even"]]
    assert fixed.to_dict() == dict.fromkeys(fixed.index, plan["seeds"]["curve"])
    assert steps.groupby(["row", "learnt"]).seed.nunique().to_dict() == fixed.to_dict()
    assert {learnt for _, learnt in fixed.index} == set(plan["vehicles"])


def test_the_table_has_the_rows_of_table_4_its_controls_and_what_is_pulled(jobs):
    plan = workflow.open_workspace("regime").profile.regime
    most = [job for job in jobs if job.what["learnt"] == 2000 and job.what["epochs"] == plan["epochs"]]
    seeds = Counter(job.what["row"] for job in most)
    main = {*CONTROLS, regime.PULLED, "Global prediction pulled to whole-map heads'", *regime.DEEPER}
    others = {*TABLE_4, *ALONE} - {BASELINE, FULL}
    groups = {"curve": (BASELINE, FULL), "table": main, "others": others, "pairs": paired(regime.AGAIN)}
    expected = {row: group for group, rows in groups.items() for row in rows}
    assert seeds == {row: plan["seeds"][group] for row, group in expected.items()}
    assert next(job.run for job in most if job.what["row"] == regime.PULLED).agreement == 1
    deeper = [next(job.run for job in most if job.what["row"] == row) for row in regime.DEEPER]
    assert [(run.part_stage, run.agreement, run.boxes) for run in deeper] == [(3, 1, "filled"), (3, 1, "whole")]


def test_the_pairs_have_larger_images_or_a_start_of_the_next_seed_and_are_else_as_the_table(jobs):
    most = [job for job in jobs if (job.what["learnt"], job.what["epochs"], job.what["seed"]) == (2000, 20, 3)]
    usual, *others = (next(job for job in most if job.what["row"] == FULL + words) for words in ("", *ENDS))
    changed = [{name for name, value in asdict(job.run).items() if value != asdict(usual.run)[name]} for job in others]
    assert changed == [{"size"}, {"weights", "lr"}]
    assert others[0].run.size == 128 <= others[0].workspace.profile.benchmark["size"]  # nothing is enlarged
    there, start = strangers(others[1].workspace, **regime.as_long(others[1].run))
    same = next(job for job in jobs if job.what == {**usual.what, "row": BASELINE, "seed": 4, "benchmark": 4})
    assert (start, there.profile.benchmark) == (same.run, same.workspace.profile.benchmark)


def test_a_start_of_other_vehicles_is_that_of_the_next_seed(ws):
    job = next(job for job in regime.listed(ws) if job.what["row"] == BASELINE + ENDS[1])
    record = regime.STUDY.record(ws, job)
    assert (record["outcome"], record["size"]) == ("done", 64)
    descriptions = [read_json(path) for path in (job.workspace.folder / "runs").glob("*/run.json")]
    assert sorted(one["seed"] for one in descriptions) == [0, 1]
    assert [bool(one["weights"]) for one in sorted(descriptions, key=lambda one: one["seed"])] == [True, False]


def test_a_study_that_is_stopped_leaves_balanced_seeds_and_few_vehicles_come_first(jobs):
    order = sorted(jobs, key=lambda job: -job.priority)
    assert order == jobs
    assert len({job.priority for job in jobs}) == len(jobs)
    seeds = [job.what["seed"] for job in order]
    assert seeds == sorted(seeds)
    first = [job.what["learnt"] for job in order if job.what["seed"] == 0]
    assert first == sorted(first)


def test_the_warm_up_is_as_long_in_proportion(jobs):
    assert {job.run.warmup / job.run.epochs for job in jobs} == {2 / 20}


def test_vehicles_are_nested_and_no_test_image_changes(ws, jobs):
    assert len({job.workspace for job in map(Hashed, jobs) if job.what["seed"] == 1}) == 1
    few, many = (
        next(job for job in regime.listed(ws) if job.what["learnt"] == learnt and job.what["seed"] == 0)
        for learnt in (4, 10)
    )
    learnt = [set(stages.train_images(job.workspace, "vehicleid", job.run.held_out)[0].vehicle) for job in (few, many)]
    assert [len(some) for some in learnt] == [4, 10]
    assert learnt[0] < learnt[1]
    validation = stages.train_images(ws, "vehicleid", ws.profile.held_out["vehicleid"])[1]
    assert not learnt[1] & set(validation.vehicle)


class Hashed:
    """A job whose workspace is known by its folder and its benchmark."""

    def __init__(self, job):
        self.what, self.workspace = job.what, (job.workspace.folder, str(job.workspace.profile.benchmark))


@pytest.mark.parametrize("row", [BASELINE, "Boxes shuffled between images", "Window+Light+Brand"])
def test_a_record_holds_what_statistics_need(ws, row):
    job = next(job for job in regime.listed(ws) if job.what["row"] == row and job.what["learnt"] == 10)
    record = regime.STUDY.record(ws, job)
    assert record["outcome"] == "done"
    assert {"row": row, "learnt": 10, "epochs": 1, "seed": 0, "benchmark": 0}.items() <= record.items()
    assert 0 <= record["validation"] <= 1
    assert (record["accuracy"] is None) == (not job.run.use_global)  # no other branch's
    assert record["passes"] == 48 and record["seconds"] > 0  # noqa: PT018
    tests = data.load_vehicleid(job.workspace).tests
    images, longest = data.test_images(job.workspace, "vehicleid"), tests[max(tests)]
    found = pd.DataFrame(stages.features(job.workspace, job.run, images, "test"), index=images.image)
    drawn = vehicleid_protocol(found.loc[longest.image].to_numpy(), longest.vehicle.to_numpy(), galleries=400)
    assert record["cmc1"] == pytest.approx(drawn.cmc1, abs=0.03)
    (path,) = regime.STUDY.collect(ws)
    trainings = pd.read_csv(path)
    assert trainings.loc[0, ["row", "learnt", "benchmark"]].tolist() == [row, 10, 0]
    assert trainings.loc[0, "cmc1"] == round(record["cmc1"], 4)


def test_a_benchmark_of_too_few_vehicles_is_told(ws):
    plan = {**ws.profile.regime, "vehicles": [4, 12]}
    with pytest.raises(PartregError, match="regime learns 12 vehicles, but of the benchmark's 14 training vehicles 4"):
        regime.listed(dataclasses.replace(ws, profile=dataclasses.replace(ws.profile, regime=plan)))


def test_without_a_detector_the_boxes_are_the_true_ones_and_there_is_none_to_train(ws):
    known = stages.known_boxes(ws, "vehicleid", "detected")
    assert stages.detected_boxes(ws, "vehicleid").equals(known)
    assert set(known.source) == {"truth"}
    with pytest.raises(PartregError, match="has no detector to train"):
        stages.detector_weights(ws)


def test_a_profile_without_regime_has_no_jobs():
    assert regime.listed(workflow.open_workspace("laptop")) == []

"""The study of thousands of vehicles on a GPU: its tasks, their order, and what a second call goes on from."""

import pandas as pd
import pytest

from partreg import files
from partreg.studies import regime
from partreg.workflow import open_workspace
from tests import gpu_regime, gpu_tried
from tests.gpu_regime import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "out", tmp_path / "work", tmp_path / "records", small=False)


def test_all_trainings_of_the_study_from_random_weights_are_tasks_and_lie_where_make_reference_looks(place):
    found = [task for task in gpu_regime.tasks(place) if task.kind == "study"]
    listed = [job for job in regime.listed(open_workspace("regime", output=str(place.records))) if not job.run.weights]
    told = [(task.row, task.learnt, task.epochs, task.seed) for task in found]
    assert told == [(job.what["row"], job.what["learnt"], job.what["epochs"], job.what["seed"]) for job in listed]
    for task, job in list(zip(found, listed, strict=True))[::40]:
        elsewhere = place.seed(task.seed)
        mine = regime.as_job(elsewhere, task.seed, task.row, task.learnt, task.epochs, task.idea.changes, 0)
        assert mine.key == job.key
        assert mine.workspace.folder != job.workspace.folder


def test_what_is_tried_learns_and_is_judged_on_other_vehicles(place):
    profile = place.seed(0).profile
    assert profile.benchmark["train_vehicles"] > gpu_regime.LEARNT + gpu_regime.JUDGED
    assert profile.held_out["vehicleid"] < gpu_regime.JUDGED


def test_variations_and_recipes_are_tried_with_the_first_seeds(place):
    found = gpu_regime.tasks(place)
    told = {(task.kind, task.row, task.seed) for task in found if task.kind != "study"}
    ideas = {"tried": gpu_tried.VARIATIONS, "recipe": gpu_tried.RECIPES}
    assert told == {(kind, row, seed) for kind, some in ideas.items() for row in some for seed in (0, 1)}
    seeds = [task.seed for task in found]
    assert seeds == sorted(seeds)
    assert len({task.result(place) for task in found}) == len({task.claim(place) for task in found}) == len(found)


def test_a_task_waits_for_the_pictures_of_its_seed(place, monkeypatch):
    few = [gpu_regime.Task("tried", seed, f"seed {seed}", 10, 1, gpu_tried.Idea({})) for seed in (1, 0)]
    monkeypatch.setattr(gpu_regime, "tasks", lambda place: list(few))
    gpu_regime.prepare(place)
    place.ready(0).touch()
    done = []

    def measured(place, task):
        done.append(task.row)
        place.ready(1).touch()
        return {"outcome": "done"}

    monkeypatch.setattr(gpu_regime, "measured", measured)
    gpu_regime.work_on(place)
    assert done == ["seed 0", "seed 1"]


def test_a_second_call_goes_on_with_the_tasks_that_have_no_result(place, monkeypatch):
    few = [gpu_regime.Task("tried", 0, row, 10, 1, gpu_tried.Idea({})) for row in "abcd"]
    monkeypatch.setattr(gpu_regime, "tasks", lambda place: list(few))
    place.work.mkdir()
    place.ready(0).touch()
    files.write_json(few[1].result(place), {"record": {"outcome": "done"}})
    (place.work / "claims").mkdir()
    few[2].claim(place).touch()  # begun by a call that was stopped
    done = []

    def measured(place, task):
        done.append(task.row)
        if task.row == "c":
            raise ValueError("no such luck")
        return {"outcome": "done"}

    monkeypatch.setattr(gpu_regime, "measured", measured)
    gpu_regime.prepare(place)
    gpu_regime.work_on(place)
    assert done == ["a", "c", "d"]
    outcomes = [one["record"]["outcome"] for one in gpu_regime.results(place)]
    assert outcomes == ["done", "done", "failed", "done"]
    assert "no such luck" in gpu_regime.results(place)[2]["record"]["why"]


def test_the_fastest_layout_of_few_enough_processes_is_taken():
    rates = {"processes": [1, 4, 12], "threads": [10, 4, 2], "images_per_second": [50, 110, 140]}
    layouts = pd.DataFrame(rates)
    assert gpu_regime.best_layout(layouts, 12) == (12, 2)
    assert gpu_regime.best_layout(layouts, 4) == (4, 4)
    assert gpu_regime.best_layout(layouts, 3) == (1, 10)

"""Where a number came from is read from beside what was made, not from the process that shows it."""

from dataclasses import asdict, replace

import pytest

from partreg import files, workflow
from partreg.figures.origins import source_line
from partreg.workflow import methods, stages
from partreg.workflow.provenance import provenance


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


def left(ws, path, **changes):
    """The provenance that another process left beside what it made."""
    elsewhere = {"device": "NVIDIA A100", "commit": "aaaaaaaaaa", "clean": True, "made": "2026-01-02T03:04+00:00"}
    files.write_json(path, {**provenance(ws), **elsewhere, **changes})


def test_a_network_is_shown_as_it_was_trained(ws):
    run = workflow.make_run(ws, "vehicleid", parts=(), seed=1)
    folder = workflow.run_folder(ws, run)
    left(ws, folder / "provenance.json", seconds=3.0)
    left(ws, folder / "features_test.json", seconds_per_image=0.1, commit="cccccccccc")
    trained, features, judged = workflow.origins(ws, run)
    assert (trained.seed, trained.size, trained.device, trained.commit) == (1, run.size, "NVIDIA A100", "aaaaaaaaaa")
    assert (features.commit, features.day) == ("cccccccccc", "2026-01-02")
    assert judged.commit == provenance(ws)["commit"]
    told = source_line(trained, features, judged)
    assert "seed 1 · " in told
    assert "aaaaaaaaaa (trained), cccccccccc (features), " in told


def test_a_network_with_parts_is_shown_with_the_detector_that_found_them(ws):
    run = workflow.make_run(ws, "vehicleid")
    left(ws, stages.detector_folder(ws) / "provenance.json", commit="dddddddddd")
    left(ws, stages.boxes_file(ws, "vehicleid", "detected").with_suffix(".provenance.json"))
    boxes = [asdict(one) for one in workflow.parts_origins(ws, "vehicleid")]
    left(ws, workflow.run_folder(ws, run) / "provenance.json", boxes=boxes)
    found = workflow.origins(ws, run, "")
    assert [one.step for one in found] == ["trained", "detector", "boxes", "drawn"]
    assert [one.commit for one in found][:3] == ["aaaaaaaaaa", "dddddddddd", "aaaaaaaaaa"]
    assert {one.seed for one in found} == {run.seed, None}


def test_a_detector_that_learnt_from_photographs_is_not_shown_as_of_the_benchmark(ws, tmp_path):
    (tmp_path / "own.json").write_text("{}")
    profile = replace(ws.profile, annotations=str(tmp_path / "own.json"), photographs="/somewhere/cars")
    own = workflow.Workspace(profile, ws.folder)
    left(own, stages.detector_folder(own) / "provenance.json")
    assert [one.data for one in workflow.detector_origin(own)] == ["cars"]


def test_a_method_is_shown_with_all_that_it_is_built_on(ws):
    google = workflow.method_run(ws, "veri", "googlenet", seed=1)
    left(ws, workflow.run_folder(ws, google) / "provenance.json", commit="1111111111")
    for method, commit in {"googlenet": "2222222222", "bow_cn": "3333333333", "fact": "4444444444"}.items():
        left(ws, methods.method_folder(ws, method, 1) / "provenance.json", commit=commit)
    found = methods.method_origins(ws, "fact", 1)
    assert {one.commit for one in found} >= {"1111111111", "2222222222", "3333333333", "4444444444"}
    assert {one.seed for one in found} == {1, None}

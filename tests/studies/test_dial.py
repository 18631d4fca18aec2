"""The dial of chapter 12: small benchmarks apart from the book's own, points that are kept, and the tables of them."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from needs import data_key
from partreg import workflow
from partreg.baselines.task import Cost
from partreg.errors import PartregError
from partreg.figures.origins import RENDERED, Origin
from partreg.studies import dial
from partreg.studies.study import record_path
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid, plan_veri
from partreg.workflow import data, methods
from partreg.workflow.profile import REFERENCE


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


def without_others(ws):
    return workflow.Workspace(dataclasses.replace(ws.profile, other_methods=False), ws.folder)


@pytest.fixture
def scores():
    """Scores in the form of VehicleID's and of VeRi-776's at once."""
    made = Origin("trained", RENDERED, "smoke", "another machine", "aaaaaaaaaa", True, seed=0, size=48)
    here = Origin("judged", RENDERED, "smoke", "this machine", "bbbbbbbbbb", False)
    hits = np.array([1.0, 0, 1, 0])
    return SimpleNamespace(cmc1=0.5, hit1=0.25, hits=hits, vehicles=np.arange(4), origins=(made, here))


@pytest.fixture
def judged(monkeypatch, scores):
    """What was asked for, in place of networks."""
    asked = []

    def of_run(ws, run):
        asked.append((run.method, run.parts))
        return {6: None, 8: scores} if run.dataset == "vehicleid" else scores

    def of_row(ws, layout, method, **changes):
        asked.append((method, changes.get("parts", ())))
        return methods.Judged({6: None, 8: scores} if layout == "vehicleid" else scores, Cost())

    monkeypatch.setattr(dial, "vehicleid_scores", of_run)
    monkeypatch.setattr(dial, "veri_scores", of_run)
    monkeypatch.setattr(dial.methods, "judge", of_row)
    monkeypatch.setattr(dial, "informed", lambda ws, layout: 1 / 3)
    return asked


def test_all_rows_of_a_table_are_of_one_size_and_say_so(ws, scores, monkeypatch):
    mine = workflow.Workspace(
        dataclasses.replace(ws.profile, sizes={"vehicleid": [48], "veri": [48, 96, 128]}), ws.folder
    )
    sizes = []
    monkeypatch.setattr(dial, "veri_scores", lambda ws, run: sizes.append(run.size) or scores)
    assert dial.scored(mine, "veri", "Ours")["size"] == 96
    assert sizes == [workflow.method_run(mine, "veri", "oife").size] == [96]


def test_a_workspace_of_the_dial_changes_only_what_the_dial_says(ws):
    here = dial.workspace(ws, 16.0)
    assert here.folder == ws.folder / "dial"
    before, after = dataclasses.asdict(ws.profile), dataclasses.asdict(here.profile)
    differ = {name for name in before if before[name] != after[name]}
    assert differ == {"benchmark", "reid", "sizes", "held_out"}
    small = ws.profile.dial["benchmark"]
    assert after["benchmark"] == {**before["benchmark"], **small, "near_duplicates": 16.0}
    assert after["reid"] == {**before["reid"], "epochs": ws.profile.dial["epochs"]}
    assert after["sizes"] == {"vehicleid": [48], "veri": [48]}
    assert after["held_out"] == {"vehicleid": 0, "veri": 0}
    assert before == dataclasses.asdict(workflow.open_workspace("smoke").profile)


def test_the_dial_is_always_rendered(ws, tmp_path):
    real = dataclasses.replace(
        ws.profile, vehicleid=str(tmp_path), veri=str(tmp_path), annotations="a", photographs="b"
    )
    here = dial.workspace(workflow.Workspace(real, ws.folder), 2.0)
    assert here.is_synthetic("vehicleid")
    assert here.is_synthetic("veri")
    assert (here.profile.annotations, here.profile.photographs) == ("", "")
    assert data_key(here, "veri") != data_key(dial.workspace(ws, 4.0), "veri")
    assert data_key(here, "veri") == data_key(dial.workspace(ws, 2.0), "veri")


@pytest.mark.parametrize(("layout", "value", "vehicles"), [("vehicleid", 0.5, 8), ("veri", 0.25, 6)])
def test_a_point_says_what_it_is(ws, judged, layout, value, vehicles):
    jobs = [dial.point_job(ws, 2.0, layout, row) for row in dial.ROWS[layout]]
    found = [dial.STUDY.record(ws, job) for job in jobs]
    assert [one["row"] for one in found] == list(dial.ROWS[layout])
    assert [one["method"] for one in found] == [method for method, _ in dial.ROWS[layout].values()]
    assert judged[:2] == [("partreg", ()), ("partreg", ("window", "light", "brand"))]
    assert len({tuple(one) for one in found}) == 1
    for one in found:
        assert (one["cmc1"], one["near_duplicates"], one["layout"]) == (value, 2.0, layout)
        assert (one["train_vehicles"], one["size"], one["epochs"], one["seed"]) == (vehicles, 48, 1, 0)
        assert one["test_vehicles"] == 4  # those of the scores
        assert one["informed"] == 0.3333
        assert 0 <= one["low"] <= one["high"] <= 1
        origin = {"profile": "smoke", "commit": "aaaaaaaaaa", "clean": True, "device": "another machine"}
        assert {name: one[name] for name in origin} == origin  # of the training, not of what judged it
    if layout == "vehicleid":
        assert judged[-2:] == [("strong", ()), ("strong", ("window", "light", "brand"))]


@pytest.fixture
def truth(tmp_path, monkeypatch):
    """Five vehicles in either layout: 1 and 2 share model and colour, 3 only the model, 4 only the colour; 5 trains."""
    kinds = {1: (7, 1), 2: (7, 1), 3: (7, 2), 4: (8, 1), 5: (7, 1)}
    listed = [
        {"image": f"{vehicle}-{camera}", "vehicle": vehicle, "camera": camera, "track": f"{vehicle}-{camera}"}
        for vehicle in kinds
        for camera in (1, 2)
    ]
    frame = pd.DataFrame(listed)
    frame["model"], frame["color"] = zip(*frame.vehicle.map(kinds), strict=True)
    test = frame[frame.vehicle < 5]
    data = {
        "vehicleid": SimpleNamespace(tests={2: test[:4], 4: test}),
        "veri": SimpleNamespace(query=test[test.camera == 1], gallery=test),
    }

    def rendered(layout):
        folder = tmp_path / layout / "truth"
        folder.mkdir(parents=True)
        frame.to_csv(folder / "images.csv", index=False)
        return data[layout]

    for layout in dial.ROWS:
        monkeypatch.setattr(dial, f"load_{layout}", lambda ws, layout=layout: rendered(layout))
    return SimpleNamespace(root=lambda layout: tmp_path / layout)


def test_whoever_knows_model_and_colour_alone_guesses_among_those_alike(truth):
    # Vehicles 3 and 4 are found for certain, 1 and 2 by one half.
    assert dial.informed(truth, "vehicleid") == pytest.approx(3 / 4)
    # The query's own camera shows nothing but junk and the other vehicle: of three tracks alike one is right. Mean over
    # the vehicles: (1/3 + 1/3 + 1 + 1) / 4.
    assert dial.informed(truth, "veri", draws=2000) == pytest.approx(2 / 3, abs=0.02)


def test_the_books_own_points_are_the_profiles_and_are_made_once(ws, judged):
    asked = [(job.what["near_duplicates"], job.what["layout"], job.what["row"]) for job in dial.OWN.listed(ws)]
    expected = [(n, "vehicleid", row) for n in (2.0, 4.0) for row in ("Baseline", "VGG+CCL", "Strong baseline")]
    assert asked == expected
    own = dial.own_points(ws)
    assert list(zip(own.near_duplicates, own.layout, own.row, strict=True)) == expected
    assert set(own.columns) == set(pd.read_csv(REFERENCE / "dial.csv").columns)
    assert len(judged) == 6
    record_path(ws, dial.OWN, dial.OWN.listed(ws)[-1].key).unlink()
    assert dial.own_points(ws).equals(own)
    assert judged[6:] == [("strong", ())]


def test_a_row_that_a_layout_has_not_is_left_out(ws):
    both = workflow.open_workspace("smoke", overrides={"dial": {"layouts": ["veri"]}})
    assert {job.what["row"] for job in dial.OWN.listed(both)} == {"Baseline"}


def test_points_of_other_settings_are_not_taken_for_these(ws):
    longer = workflow.open_workspace("smoke", output=str(ws.folder), overrides={"reid": {"lr": 0.05}})
    one = dial.point_job(ws, 2.0, "veri", "Baseline").key
    assert dial.point_job(ws, 2, "veri", "Baseline").key == one
    assert dial.point_job(longer, 2, "veri", "Baseline").key != one


def test_a_slip_in_the_profile_is_named():
    for name, value, wrong in (("rows", ["VGG"], "VGG"), ("layouts", ["VeRi"], "VeRi")):
        ws = workflow.open_workspace("smoke", overrides={"dial": {name: value}})
        with pytest.raises(PartregError, match=f"dial: '{wrong}' is no row or layout"):
            dial.OWN.listed(ws)


def test_without_other_methods_there_are_no_points_of_ones_own(ws):
    assert dial.own_points(without_others(ws)).empty


def test_the_tables_of_the_reference_hold_every_row_and_seed(ws, judged, scores):
    scores.cmc5 = 0.75
    jobs = dial.STUDY.listed(ws)
    assert [job.needs_boxes for job in jobs if job.what["row"] == "Strong baseline + parts"][-1]
    strong = [job for job in jobs if "layout" not in job.what]
    dial.STUDY.record(ws, strong[0])
    assert [path.name for path in dial.STUDY.collect(ws)] == ["strong.csv"]
    for job in jobs:
        dial.STUDY.record(ws, job)
    dial.own_points(ws)  # no part of it
    dial.STUDY.collect(ws)
    for name, columns in (("dial", ["near_duplicates", "layout", "row"]), ("strong", ["row", "seed"])):
        mine, kept = (pd.read_csv(folder / f"{name}.csv") for folder in (ws.folder / "studies", REFERENCE))
        assert list(mine.columns) == list(kept.columns)
        kept = kept[kept["row"].isin(mine["row"])]  # a method may have been taken out since
        assert mine[columns].to_numpy().tolist() == kept[columns].to_numpy().tolist()


def test_the_strong_rows_stand_with_and_without_parts(ws, judged):
    scores = dial.vehicleid_scores(ws, workflow.method_run(ws, "vehicleid", "strong"))[8]
    scores.cmc5 = 0.75
    found = dial.strong_rows(ws, (0, 1))
    assert list(found.row) == [name for name in workflow.STRONG for _ in range(2)]
    assert list(found.seed) == [0, 1, 0, 1]
    assert set(found.cmc5) == {0.75}
    assert set(found.commit) == {"aaaaaaaaaa"}  # the training's


def test_guessing_scores_what_a_random_order_scores():
    assert dial.guessing("vehicleid", 150, 4) == 1 / 150
    assert dial.guessing("veri", 70, 4) == 3 / 279  # of 279 tracks that count, 3 are right
    order = np.random.default_rng(0)
    hits = [order.permutation(np.arange(11) < 3)[0] for _ in range(4000)]  # 3 vehicles with 4 tracks each
    assert np.mean(hits) == pytest.approx(dial.guessing("veri", 3, 4), abs=0.03)


def test_every_shipped_setting_of_the_dial_is_drawn_as_it_says():
    ws = workflow.open_workspace("laptop")
    for asked in sorted({*dial.SETTINGS, *ws.profile.dial["near_duplicates"]}):
        described = data.benchmark(dial.workspace(ws, asked))
        for plan in (plan_vehicleid(described), plan_veri(described)):
            kinds = {(vehicle.model, vehicle.color) for vehicle in plan.vehicles}
            assert len(plan.vehicles) / len(kinds) == pytest.approx(asked, rel=0.05)
    assert described.models == ws.profile.benchmark.get("models", Benchmark.models)  # the others as they were

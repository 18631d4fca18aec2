"""The other methods: what they are made of, when they are made anew, and what they cost; no network is trained here."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from partreg import files, workflow
from partreg.baselines import declarations, oife_st, siamese_path, table_methods
from partreg.baselines.task import Cost
from partreg.errors import PartregError
from partreg.workflow import methods

FACTS = {"fact", "fact_plate_rec", "fact_plate_snn", "fact_plate_str"}


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


@pytest.fixture
def data(monkeypatch):
    """Eight training images, two queries and four gallery images in place of the rendered VeRi."""
    query = pd.DataFrame({"image": ["q1", "q2"], "vehicle": [1, 2], "camera": [1, 1], "track": ["", ""]})
    gallery = pd.DataFrame({"image": list("abcd"), "vehicle": [1, 2, 3, 1], "camera": 2, "track": list("abca")})
    train = pd.DataFrame({"image": list("efghijkl"), "vehicle": [5, 6, 7, 8] * 2})
    found = SimpleNamespace(train=train, query=query, gallery=gallery)
    monkeypatch.setattr(methods, "load_veri", lambda ws: found)
    monkeypatch.setattr(methods, "test_images", lambda ws, dataset: pd.concat([query, gallery], ignore_index=True))
    return found


@pytest.fixture
def measured(monkeypatch):
    """Which rows were measured, in order; a row asks for its ingredients first, as the real ones do."""
    asked = []

    def measure(ws, method, seed, folder, **changes):
        asked.append(method)
        for name in declarations()[method].built_on:
            methods.distances(ws, name, seed)
        return len(asked) + 1e-12 * np.arange(8.0).reshape(2, 4), Cost(1.0, 2, 3.0)

    monkeypatch.setattr(methods, "measure", measure)
    return asked


def keys(ws, seed=0):
    return {method: methods.method_key(ws, method, seed) for method in table_methods("veri").values()}


def changed(before, after):
    return {method for method in before if before[method] != after[method]}


# ------------------------------------------------------------------------------------------- which rows there are


@pytest.mark.parametrize(
    ("dataset", "method", "words"),
    [
        ("veri", "vgg_ccl", "expected one of bow_cn, "),
        ("vehicleid", "fact", "expected one of vgg_triplet"),
        ("vehicleid", "no_such", "method 'no_such' with dataset 'vehicleid'"),
        ("cars", "oife", "expected one of vehicleid, veri"),
    ],
)
def test_a_row_that_no_table_has_is_refused_in_one_sentence(ws, dataset, method, words):
    with pytest.raises(PartregError) as caught:
        methods.judge(ws, dataset, method)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(ws.folder.iterdir())


def test_the_networks_of_table_3_are_networks_of_the_book(ws):
    trained = [method for method in table_methods("veri").values() if declarations()[method].trains]
    assert trained
    assert {workflow.method_run(ws, "veri", method, seed=0).key for method in trained} <= set(workflow.networks(ws))


def test_the_networks_that_a_method_is_made_of_are_named_with_their_changes(ws):
    found = methods.method_networks(ws, "veri", "fact_plate_str", 0)
    assert {method: run.dataset for method, run in found.items()} == {"googlenet": "vehicleid"}
    assert list(methods.method_networks(ws, "veri", "oife_st", 0)) == ["oife"]
    assert methods.method_networks(ws, "vehicleid", "oife", 0, epochs=7)["oife"].epochs == 7
    assert methods.method_networks(ws, "veri", "plate_snn", 0) == {}


# ------------------------------------------------------------------------------------------- when one is due again


def test_a_key_changes_with_the_seed_and_the_data(ws):
    before = keys(ws)
    assert len(set(before.values())) == len(before)
    assert changed(before, keys(ws)) == set()
    assert changed(before, keys(ws, seed=1)) == set(before)
    other = workflow.open_workspace("smoke", overrides={"benchmark": {"seed": 1}})
    assert changed(before, keys(other)) == set(before)


def test_a_key_changes_with_the_vehicles_that_are_held_out(ws):
    other = workflow.open_workspace("smoke", overrides={"held_out": {"veri": 3}})
    # GoogLeNet learns from VehicleID, but its key says of all rows alike what the training half is.
    assert changed(keys(ws), keys(other)) == set(table_methods("veri").values())


def test_a_key_changes_with_its_networks(ws):
    before = keys(ws)
    wider = workflow.open_workspace("smoke", overrides={"methods": {"googlenet": {"lr": 0.031}}})
    assert changed(before, keys(wider)) == FACTS | {"googlenet"}
    other = workflow.open_workspace("smoke", overrides={"methods": {"oife": {"lr": 0.031}}})
    assert changed(before, keys(other)) == {"oife", "oife_st"}
    assert methods.method_key(ws, "siamese_path", 0, epochs=7) != before["siamese_path"]


def test_distances_are_made_once_and_their_ingredients_too(ws, measured):
    first, cost = methods.distances(ws, "fact_plate_rec", 0)
    assert measured == ["fact_plate_rec", "fact", "googlenet", "bow_cn"]
    again, same = methods.distances(ws, "fact_plate_rec", 0)
    methods.distances(ws, "fact", 0)
    assert len(measured) == 4
    assert np.array_equal(first, again)
    assert first[0, 0] < first[0, 1]  # apart in the twelfth digit, which a rounded copy would not have
    assert cost == same == Cost(1.0, 2, 3.0)
    methods.distances(ws, "fact", 1)
    assert measured[4:] == ["fact", "googlenet", "bow_cn"]


def test_a_row_that_was_killed_before_its_provenance_is_made_again(ws, measured, monkeypatch):
    write = files.write_json

    def killed(path, value):
        if path.name == "provenance.json":
            raise KeyboardInterrupt
        write(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            methods.distances(ws, "bow_cn", 0)
    folder = methods.method_folder(ws, "bow_cn", 0)
    assert {path.name for path in folder.iterdir()} == {"distances.npy", "cost.json"}
    found, _ = methods.distances(ws, "bow_cn", 0)
    assert measured == ["bow_cn", "bow_cn"]
    assert np.allclose(found, 2)
    assert (folder / "provenance.json").exists()


# ------------------------------------------------------------------------------------------- what it costs, and scores


def test_a_row_of_table_3_is_scored_by_its_distances(ws, data, monkeypatch):
    right = np.array([[0.1, 1, 1, 0.2], [1, 0.1, 1, 1]])
    monkeypatch.setattr(methods, "measure", lambda *_, **__: (right, Cost(7.0)))
    judged = methods.judge(ws, "veri", "plate_snn")
    assert judged.scores.mAP == judged.scores.hit1 == 1
    assert judged.cost == Cost(7.0)


@pytest.fixture
def network_left(ws, monkeypatch):
    """A folder as a trained network leaves it, with the features (9, 4) of the longest list."""
    folder = ws.folder / "network"
    folder.mkdir()
    np.save(folder / "features_test.npy", np.arange(36, dtype=np.float32).reshape(9, 4))
    files.write_json(folder / "features_test.json", {"seconds_per_image": 0.5})
    files.write_json(folder / "training.json", {"seconds": 60.0})
    monkeypatch.setattr(methods, "trained", lambda ws, run: folder)
    return folder


def test_a_network_costs_its_training_and_a_feature_an_image(ws, network_left):
    run = workflow.method_run(ws, "vehicleid", "vgg_ccl")
    assert methods.network_cost(ws, run, "test", 0) == Cost(60.0, 4, 0.5)
    cost = methods.network_cost(ws, run, "test", 9)
    assert (cost.training, cost.width) == (60.0, 4)
    assert cost.query > 0.5


def test_a_query_of_table_1_is_compared_with_the_whole_gallery(ws, network_left, monkeypatch):
    asked = []
    # The curve ends at rank 50, the gallery does not.
    long = SimpleNamespace(cmc=np.ones((1, 50)), vehicles=np.repeat(np.arange(300), 2))
    short = SimpleNamespace(cmc=np.ones((1, 50)), vehicles=np.repeat(np.arange(100), 2))
    monkeypatch.setattr(methods, "vehicleid_scores", lambda ws, run: {100: short, 300: long})
    monkeypatch.setattr(methods, "network_cost", lambda ws, run, name, gallery: asked.append((name, gallery)) or Cost())
    judged = methods.judge(ws, "vehicleid", "vgg_ccl")
    assert set(judged.scores) == {100, 300}
    assert asked == [("test", 300)]


def test_a_network_of_a_table_3_row_takes_the_changes(ws, data, monkeypatch):
    seen = []

    def fake_features(ws, run, images, name):
        seen.append((run.method, run.epochs))
        return np.eye(len(images), 3, dtype=np.float32)

    monkeypatch.setattr(methods, "features", fake_features)
    monkeypatch.setattr(methods, "network_cost", lambda *_: Cost())
    found, _ = methods.distances(ws, "vami", 0, epochs=7)
    assert found.shape == (2, 4)
    assert seen == [("vami", 7)]


def test_a_method_is_given_what_it_may_look_at(ws, data, monkeypatch):
    """Siamese+Path asks for its network on all three halves, the training half without what is held out."""
    seen, given = [], []

    def fake_features(ws, run, images, name):
        seen.append((run.epochs, name, len(images)))
        return np.eye(len(images), 3, dtype=np.float32)

    def compare(task):
        given.append(task)
        assert [len(task.features(half)) for half in ("query", "gallery", "train")] == [2, 4, len(task.train)]
        return np.zeros((2, 4)), task.network_cost()

    monkeypatch.setattr(methods, "features", fake_features)
    monkeypatch.setattr(methods, "network_cost", lambda *_: Cost(width=3))
    monkeypatch.setattr(siamese_path, "distances", compare)
    assert methods.distances(ws, "siamese_path", 3, epochs=7)[1] == Cost(width=3)
    assert set(seen) == {(7, "veri", 6), (7, "train", len(given[0].train))}
    assert data.train.vehicle.nunique() - given[0].train.vehicle.nunique() == ws.profile.held_out["veri"]
    assert (given[0].seed, given[0].epochs, given[0].built_on) == (3, ws.profile.reid["epochs"], {})


def test_a_method_is_given_what_it_is_built_on(ws, data, monkeypatch):
    given = []
    monkeypatch.setattr(methods, "network_distances", lambda task: (np.full((2, 4), 5.0), Cost(1.0)))
    monkeypatch.setattr(oife_st, "distances", lambda task: given.append(task) or (np.zeros((2, 4)), Cost()))
    methods.distances(ws, "oife_st", 0)
    assert list(given[0].built_on) == ["oife"]
    made = given[0].built_on["oife"]
    assert (made.distances == 5).all()
    assert (made.cost, made.folder) == (Cost(1.0), methods.method_folder(ws, "oife", 0))


def test_a_missing_side_file_is_told_in_one_sentence(ws, data, tmp_path):
    with pytest.raises(PartregError, match=r"plates\.csv: no such side file"):
        methods.distances(ws, "plate_snn", 0)
    with pytest.raises(PartregError, match=r"camera_ID\.txt: no such side file"):
        methods.distances(ws, "siamese_path", 0)
    assert not list(tmp_path.rglob("provenance.json"))


# ------------------------------------------------------------------------------------------- real photographs


def test_the_rows_that_need_no_side_files_run_on_real_photographs(real, tmp_path):
    cars = real / "khoa_cars"
    ws = workflow.open_workspace(
        "smoke", output=str(tmp_path), vehicleid=str(cars / "VehicleID_V1.0"), veri=str(cars / "VeRi")
    )
    free = [method for method in table_methods("veri").values() if not declarations()[method].side_files]
    assert list(workflow.other_methods(ws, "vehicleid").values()) == ["vgg_triplet", "vgg_ccl"]
    assert list(workflow.other_methods(ws, "veri").values()) == free
    told = workflow.left_out(ws, "vehicleid") + workflow.left_out(ws, "veri")
    assert len(told) == 3 + 12 - len(free)
    for row in ("vgg_triplet", "vgg_ccl", "strong"):
        judged = workflow.judge(ws, "vehicleid", row, epochs=1, size=32)
        assert list(judged.scores) == [40]
        assert 1 / 40 <= judged.scores[40].cmc5 <= 1
    for row in free:
        score = workflow.judge(ws, "veri", row).scores
        assert score.mAP > 0.3, row  # by chance 0.06


def test_the_order_of_what_a_method_is_built_on_is_in_its_key(ws, monkeypatch):
    fact = declarations()["fact"]
    turned = {**declarations(), "fact": replace(fact, built_on=fact.built_on[::-1])}
    key = methods.method_key(ws, "fact", 0)
    monkeypatch.setattr(methods, "declarations", lambda: turned)
    assert methods.method_key(ws, "fact", 0) != key

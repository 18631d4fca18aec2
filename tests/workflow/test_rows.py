"""The other rows: what they are made of, when they are made anew, and what they cost; no network is trained here."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from partreg import files, workflow
from partreg.errors import PartregError
from partreg.retrieval.distances import l2
from partreg.workflow import rows
from partreg.workflow.rows import Cost

FACTS = {"fact", "fact_plate_rec", "fact_plate_snn", "fact_plate_str"}


@pytest.fixture
def ws(tmp_path):
    return workflow.open_workspace("smoke", output=str(tmp_path))


@pytest.fixture
def data(monkeypatch):
    """Two queries and four gallery images in place of the rendered VeRi."""
    query = pd.DataFrame({"image": ["q1", "q2"], "vehicle": [1, 2], "camera": [1, 1], "track": ["", ""]})
    gallery = pd.DataFrame({"image": list("abcd"), "vehicle": [1, 2, 3, 1], "camera": 2, "track": list("abca")})
    found = SimpleNamespace(query=query, gallery=gallery)
    monkeypatch.setattr(rows, "veri", lambda ws: found)
    monkeypatch.setattr(rows, "test_images", lambda ws, dataset: pd.concat([query, gallery], ignore_index=True))
    return found


@pytest.fixture
def measured(monkeypatch):
    """Which rows were measured, in order; a row asks for its ingredients first, as the real ones do."""
    asked = []

    def measure(ws, method, seed, folder, **changes):
        asked.append(method)
        for name in rows.BUILT_ON.get(method, ()):
            rows.distances(ws, name, seed)
        return len(asked) + 1e-12 * np.arange(8.0).reshape(2, 4), Cost(1.0, 2, 3.0)

    monkeypatch.setattr(rows, "measure", measure)
    return asked


def keys(ws, seed=0):
    return {method: rows.row_key(ws, method, seed) for method in rows.BUILT_ON}


def changed(before, after):
    return {method for method in before if before[method] != after[method]}


# ------------------------------------------------------------------------------------------- which rows there are


@pytest.mark.parametrize(
    ("dataset", "method", "words"),
    [
        ("veri", "vgg_ccl", "expected one of bow_cn, lomo"),
        ("vehicleid", "fact", "expected one of vgg_triplet"),
        ("vehicleid", "no_such", "method 'no_such' with dataset 'vehicleid'"),
        ("cars", "oife", "expected one of vehicleid, veri"),
    ],
)
def test_a_row_that_no_table_has_is_refused_in_one_sentence(ws, dataset, method, words):
    with pytest.raises(PartregError) as caught:
        rows.judge(ws, dataset, method)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(ws.folder.iterdir())


def test_every_row_of_table_3_says_what_it_is_built_on():
    assert set(rows.BUILT_ON) == set(workflow.TABLE_3.values())
    made = []
    for method, ingredients in rows.BUILT_ON.items():
        assert set(ingredients) <= set(made), method  # in order, hence without a circle
        made.append(method)
    assert set(rows.SLOW) <= set(rows.BUILT_ON)


@pytest.mark.parametrize("method", rows.BUILT_ON)
def test_the_networks_of_table_3_are_networks_of_the_book(ws, method):
    if rows.is_network(method):
        assert rows.network(ws, method, 0).key in workflow.networks(ws)


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
    assert changed(keys(ws), keys(other)) == set(rows.BUILT_ON)


def test_a_key_changes_with_its_networks(ws):
    before = keys(ws)
    wider = workflow.open_workspace("smoke", overrides={"methods": {"googlenet": {"lr": 0.031}}})
    assert changed(before, keys(wider)) == FACTS | {"googlenet"}
    other = workflow.open_workspace("smoke", overrides={"methods": {"oife": {"lr": 0.031}}})
    assert changed(before, keys(other)) == {"oife", "oife_st"}
    assert rows.row_key(ws, "siamese_path", 0, epochs=7) != before["siamese_path"]


def test_distances_are_made_once_and_their_ingredients_too(ws, measured):
    first, cost = rows.distances(ws, "fact_plate_rec", 0)
    assert measured == ["fact_plate_rec", "fact", "googlenet", "bow_cn"]
    again, same = rows.distances(ws, "fact_plate_rec", 0)
    rows.distances(ws, "fact", 0)
    assert len(measured) == 4
    assert np.array_equal(first, again)
    assert first[0, 0] < first[0, 1]  # apart in the twelfth digit, which a rounded copy would not have
    assert cost == same == Cost(1.0, 2, 3.0)
    rows.distances(ws, "fact", 1)
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
            rows.distances(ws, "lomo", 0)
    folder = rows.row_folder(ws, "lomo", 0)
    assert {path.name for path in folder.iterdir()} == {"distances.npy", "cost.json"}
    found, _ = rows.distances(ws, "lomo", 0)
    assert measured == ["lomo", "lomo"]
    assert np.allclose(found, 2)
    assert (folder / "provenance.json").exists()


# ------------------------------------------------------------------------------------------- what it costs, and scores


def test_a_net_keeps_its_seconds_and_one_that_lost_them_is_trained_again(tmp_path, monkeypatch):
    clock, trained = iter([10.0, 12.5, 20.0, 21.0]), []
    monkeypatch.setattr(rows.time, "perf_counter", lambda: next(clock))

    def train():
        assert not (tmp_path / "weights.pt").exists()
        (tmp_path / "weights.pt").write_text("net")
        trained.append(1)

    assert rows.net_seconds(tmp_path, train) == rows.net_seconds(tmp_path, train) == 2.5
    assert len(trained) == 1
    (tmp_path / "net.json").unlink()  # as where the process was killed between the net and its record
    assert rows.net_seconds(tmp_path, train) == 1.0
    assert len(trained) == 2


def test_costs_add():
    total = Cost(1.0, 20, 0.5) + Cost(training=2.0) + Cost(query=0.25)
    assert total == Cost(3.0, 20, 0.75)
    assert asdict(Cost()) == {"training": 0.0, "width": 0, "query": 0.0}


def test_the_time_of_a_comparison_is_shared_by_the_queries(ws, monkeypatch):
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(rows.time, "perf_counter", lambda: next(clock))
    found, cost = rows.timed(lambda: np.zeros((4, 9)), Cost(1.0, 5, 0.25))
    assert found.shape == (4, 9)
    assert cost == Cost(1.0, 5, 0.75)


def test_a_row_of_table_3_is_scored_by_its_distances(ws, data, monkeypatch):
    right = np.array([[0.1, 1, 1, 0.2], [1, 0.1, 1, 1]])
    monkeypatch.setattr(rows, "measure", lambda *_, **__: (right, Cost(7.0)))
    judged = rows.judge(ws, "veri", "plate_snn")
    assert judged.scores.mAP == judged.scores.hit1 == 1
    assert judged.cost == Cost(7.0)


def test_hand_crafted_features_are_compared_by_l2(ws, data, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 2, 2, 3), dtype=np.uint8)
    monkeypatch.setattr(rows, "pixels_of", lambda ws, images: pixels[: len(images)])
    found, cost = rows.compared(ws, lambda images: images.reshape(len(images), -1).astype(np.float32), 5.0)
    flat = pixels.reshape(6, -1).astype(np.float32)
    assert np.array_equal(found, l2(flat[:2], flat[2:]))
    assert (cost.training, cost.width) == (5.0, 12)
    assert cost.query > 0


@pytest.fixture
def network_left(ws, monkeypatch):
    """A folder as a trained network leaves it, with the features (9, 4) of the longest list."""
    folder = ws.folder / "network"
    folder.mkdir()
    np.save(folder / "features_test.npy", np.arange(36, dtype=np.float32).reshape(9, 4))
    files.write_json(folder / "features_test.json", {"seconds_per_image": 0.5})
    files.write_json(folder / "training.json", {"seconds": 60.0})
    monkeypatch.setattr(rows, "trained", lambda ws, run: folder)
    return folder


def test_a_network_costs_its_training_and_a_feature_an_image(ws, network_left):
    run = workflow.method_run(ws, "vehicleid", "vgg_ccl")
    assert rows.network_cost(ws, run, "test", 0) == Cost(60.0, 4, 0.5)
    cost = rows.network_cost(ws, run, "test", 9)
    assert (cost.training, cost.width) == (60.0, 4)
    assert cost.query > 0.5


def test_a_query_of_table_1_is_compared_with_the_whole_gallery(ws, network_left, monkeypatch):
    asked = []
    # The curve ends at rank 50, the gallery does not.
    long = SimpleNamespace(cmc=np.ones((1, 50)), vehicles=np.repeat(np.arange(300), 2))
    short = SimpleNamespace(cmc=np.ones((1, 50)), vehicles=np.repeat(np.arange(100), 2))
    monkeypatch.setattr(rows, "vehicleid_scores", lambda ws, run: {100: short, 300: long})
    monkeypatch.setattr(rows, "network_cost", lambda ws, run, name, gallery: asked.append((name, gallery)) or Cost())
    judged = rows.judge(ws, "vehicleid", "vgg_ccl")
    assert set(judged.scores) == {100, 300}
    assert asked == [("test", 300)]


def test_a_network_of_a_table_3_row_takes_the_changes(ws, data, monkeypatch):
    seen = []

    def fake_features(ws, run, images, name):
        seen.append((run.method, run.epochs))
        return np.eye(len(images), 3, dtype=np.float32)

    monkeypatch.setattr(rows, "features", fake_features)
    monkeypatch.setattr(rows, "network_cost", lambda *_: Cost())
    found, _ = rows.distances(ws, "vami", 0, epochs=7)
    assert found.shape == (2, 4)
    assert seen == [("vami", 7)]


def test_siamese_path_takes_the_changes_of_its_network_too(ws, data, monkeypatch):
    from partreg.baselines import siamese_path

    seen = []

    def fake_features(ws, run, images, name):
        seen.append(run.epochs)
        return np.eye(len(images), 3, dtype=np.float32)

    monkeypatch.setattr(rows, "features", fake_features)
    monkeypatch.setattr(rows, "network_cost", lambda *_: Cost())
    monkeypatch.setattr(rows, "learnt_images", lambda _: data.gallery)
    monkeypatch.setattr(rows.side, "read_camera_distances", lambda root: None)
    monkeypatch.setattr(siamese_path, "train_path", lambda *_, **__: None)
    monkeypatch.setattr(siamese_path, "distances", lambda *_: np.zeros((2, 4)))
    rows.distances(ws, "siamese_path", 0, epochs=7)
    assert set(seen) == {7}


def test_plate_snn_keeps_a_feature_for_each_image_and_ranks_without_nan(ws, data, monkeypatch):
    from partreg.baselines import plate_snn

    crops = (np.zeros((4, 32, 96), np.uint8), np.ones(4, bool))
    monkeypatch.setattr(rows, "learnt_images", lambda _: data.gallery)
    monkeypatch.setattr(rows, "plate_crops", lambda ws, images: (images, crops))
    monkeypatch.setattr(plate_snn, "train", lambda *_, **__: None)
    unknown = np.array([[0.1, np.nan, 0.3, 0.2], [np.nan] * 4])
    monkeypatch.setattr(plate_snn, "distances", lambda *_: unknown)
    found, cost = rows.distances(ws, "plate_snn", 0)
    assert np.isfinite(found).all()
    assert list(found[0].argsort()) == [0, 3, 2, 1]
    assert cost.width == plate_snn.WIDE


def test_a_missing_side_file_is_told_in_one_sentence(ws, data, monkeypatch, tmp_path):
    monkeypatch.setattr(rows, "learnt_images", lambda _: data.gallery)
    with pytest.raises(PartregError, match=r"plates\.csv: no such side file"):
        rows.distances(ws, "plate_snn", 0)
    with pytest.raises(PartregError, match=r"camera_ID\.txt: no such side file"):
        rows.distances(ws, "siamese_path", 0)
    assert not list(tmp_path.rglob("provenance.json"))


# ------------------------------------------------------------------------------------------- real photographs


def test_the_rows_that_need_no_side_files_run_on_real_photographs(real, tmp_path):
    cars = real / "khoa_cars"
    ws = workflow.open_workspace(
        "smoke", output=str(tmp_path), vehicleid=str(cars / "VehicleID_V1.0"), veri=str(cars / "VeRi")
    )
    assert list(workflow.other_rows(ws, "vehicleid").values()) == ["vgg_triplet", "vgg_ccl"]
    assert list(workflow.other_rows(ws, "veri").values()) == ["bow_cn", "lomo"]
    told = workflow.left_out(ws, "vehicleid") + workflow.left_out(ws, "veri")
    assert len(told) == 3 + 10
    for row in ("vgg_triplet", "vgg_ccl", "strong"):
        judged = workflow.judge(ws, "vehicleid", row, epochs=1, size=32)
        assert list(judged.scores) == [40]
        assert 1 / 40 <= judged.scores[40].cmc5 <= 1
    for row in ("bow_cn", "lomo"):
        score = workflow.judge(ws, "veri", row).scores
        assert score.mAP > 0.3, row  # by chance 0.06

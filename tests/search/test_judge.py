"""`partreg judge` prints what the library computes under each rule, for features in any of the forms that it reads."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from partreg.__main__ import commands
from partreg.datasets.table_csv import read_csv
from partreg.errors import PartregError
from partreg.retrieval.distances import l2
from partreg.retrieval.protocols import vehicleid_protocol, veri_scores
from partreg.retrieval.variants import TOOLBOXES, veri_toolboxes, veri_variants
from partreg.search.index import index_folder
from partreg.search.judge import COLUMNS, directions, judge, judge_sides, read_sides, report
from partreg.search.labelled import read_labelled
from partreg.search.store import read_index


def written(folder, split=True, track=True):
    """A CSV of 12 vehicles in 3 cameras, queries also in the gallery, and noisy features, in one folder."""
    rng = np.random.default_rng(0)
    rows = []
    for vehicle in range(12):
        for camera in range(3):
            name = f"{vehicle}_c{camera}.jpg"
            if camera == 0:
                rows.append((f"query/{name}", vehicle, camera, "", "query"))
            rows.append((f"test/{name}", vehicle, camera, f"t{vehicle}-{camera}" * track, "gallery"))
    rows += [(f"train/{number}.jpg", 100 + number // 2, 0, "", "train") for number in range(4)]
    table = pd.DataFrame(rows, columns=["path", "vehicle", "camera", "track", "split"])
    means = rng.standard_normal((200, 6))
    features = (means[table.vehicle] + rng.standard_normal((len(table), 6))).astype(np.float32)
    (table if split else table.drop(columns="split")).to_csv(folder / "images.csv", index=False)
    np.save(folder / "features.npy", features, allow_pickle=False)
    return features


def test_every_rule_and_toolbox_is_there(tmp_path):
    features = written(tmp_path)
    table = judge(read_labelled(tmp_path / "features.npy", tmp_path / "images.csv"))
    images = read_csv(tmp_path / "images.csv")
    query, gallery = (images[images.split == name].reset_index(drop=True) for name in ("query", "gallery"))
    distances = l2(features[images.split == "query"], features[images.split == "gallery"])
    assert list(table.columns) == list(COLUMNS)
    for one in veri_toolboxes(distances, query, gallery).itertuples():
        own = table[table.toolbox.str.contains(one.toolbox, regex=False)]
        assert len(own) == 1
        assert (own["mAP"].item(), own["CMC@1"].item(), own["CMC@5"].item()) == (one.mAP, one.rank1, one.rank5)
    assert len(table) == len(veri_variants(distances, query, gallery)) + 1
    scores = veri_scores(distances, query, gallery)
    ours = table[table.toolbox.str.startswith("partreg")]
    assert ours["mAP"].item() == scores.mAP
    assert ours["HIT@1"].item() == scores.hit1
    assert not table[["mAP", "CMC@1", "CMC@5"]].isna().any().any()
    assert table["HIT@5"].isna().sum() == 1, "of CMC by every match alone"


def test_without_a_split_it_is_vehicleids_protocol(tmp_path):
    features = written(tmp_path, split=False)
    labelled = read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")
    table = judge(labelled)
    vehicles = labelled.images.vehicle.to_numpy()
    ours = table[table.toolbox.str.startswith("partreg")]
    assert ours["CMC@1"].item() == vehicleid_protocol(features, vehicles).cmc1
    assert set(table.protocol) == {"VehicleID"}
    assert table["mAP"].isna().all()
    assert len(table) == 5


def test_images_of_training_are_left_out(tmp_path):
    written(tmp_path)
    labelled = read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")
    assert len(labelled.held_out().features) == len(labelled.features) - 4
    assert (labelled.held_out().images.split != "train").all()


def test_without_tracks_there_is_no_hit(tmp_path):
    written(tmp_path, track=False)
    table = judge(read_labelled(tmp_path / "features.npy", tmp_path / "images.csv"))
    assert table["HIT@1"].isna().all()
    assert "HIT" not in report(table)


def arrays(folder, names=("qf", "gf", "q_pids", "g_pids", "q_camids", "g_camids"), **changes):
    images, features = read_csv(folder / "images.csv"), np.load(folder / "features.npy", allow_pickle=False)
    sides = [(images.split == name).to_numpy() for name in ("query", "gallery")]
    values = [features[side] for side in sides] + [
        images[column][side].to_numpy() for column in ("vehicle", "camera") for side in sides
    ]
    np.savez(folder / "arrays.npz", **(dict(zip(names, values, strict=True)) | changes))
    return folder / "arrays.npz"


@pytest.mark.parametrize("toolbox", ["torchreid", "fast-reid"])
def test_the_arrays_of_other_toolboxes_give_the_same(tmp_path, toolbox):
    written(tmp_path, track=False)
    names = [f"{side}_{what}" for what in ("features", "pids", "camids") for side in ("query", "gallery")]
    path = arrays(tmp_path, names) if toolbox == "fast-reid" else arrays(tmp_path)
    found = judge_sides(read_sides(path))
    whole = judge(read_labelled(tmp_path / "features.npy", tmp_path / "images.csv"))
    expected = whole[whole.gallery != "without queries"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_the_cosine_is_l2_of_directions(tmp_path):
    features = written(tmp_path)
    scaled = directions(features)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1)
    labelled = read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")
    table = judge(labelled, cosine=True)
    np.save(tmp_path / "features.npy", scaled, allow_pickle=False)
    pd.testing.assert_frame_equal(judge(read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")), table)
    assert not table.equals(judge(labelled))
    with pytest.raises(PartregError, match="row 1 of the features is zero"):
        directions(np.array([[1.0, 0.0], [0.0, 0.0]]))


def test_what_does_not_fit_is_refused(tmp_path):
    features = written(tmp_path)
    for change, words in [
        (features[:-1], r"51 features, but .*images\.csv lists 52 images"),
        (
            np.where(np.arange(52)[:, None] == 3, np.nan, features),
            r"hold NaN or infinite values \(1 rows, the first 3\)",
        ),
        (features[0], "expected .images, width."),
    ]:
        np.save(tmp_path / "other.npy", change, allow_pickle=False)
        with pytest.raises(PartregError, match=words):
            read_labelled(tmp_path / "other.npy", tmp_path / "images.csv")
    with pytest.raises(PartregError, match=r"x\.npz: a \.npz file says its own vehicles; leave .*images\.csv out"):
        read_labelled(tmp_path / "x.npz", tmp_path / "images.csv")
    with pytest.raises(PartregError, match=r"none\.npy: no such file"):
        read_labelled(tmp_path / "none.npy", tmp_path / "images.csv")
    (tmp_path / "images.csv").write_text("path,vehicle\na.jpg,1\n../b.jpg,2\n")
    with pytest.raises(PartregError, match=r"images\.csv:3: the path .* leads out of the CSV's folder"):
        read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")
    (tmp_path / "images.csv").write_text("path,vehicle\n")
    with pytest.raises(PartregError, match="expected images, found none"):
        read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    written(tmp_path)
    for change, words in [
        ({"q_pids": np.arange(3)}, r"q_pids: expected 12 whole numbers, found int64 of shape \(3,\)"),
        ({"g_camids": np.zeros(36)}, "g_camids: expected 36 whole numbers, found float64"),
        ({"qf": np.full((12, 6), np.nan)}, "qf: features hold NaN"),
        ({"q_pids": -np.arange(12)}, "has vehicle -1, expected 0 or more"),
    ]:
        with pytest.raises(PartregError, match=words):
            read_sides(arrays(tmp_path, **change))
    np.savez(tmp_path / "arrays.npz", qf=np.zeros((2, 2)))
    with pytest.raises(PartregError, match=r"expected the arrays qf, gf, .* gf is missing"):
        read_sides(tmp_path / "arrays.npz")
    for content in (b"", b"PK\x03\x04"):
        (tmp_path / "arrays.npz").write_bytes(content)
        with pytest.raises(PartregError, match=r"expected a \.npz file of arrays"):
            read_sides(tmp_path / "arrays.npz")
    with pytest.raises(PartregError, match=r"x\.npz: no such file"):
        read_sides(tmp_path / "x.npz")
    for place in (tmp_path, tmp_path / "features.npy"):
        with pytest.raises(PartregError, match="no names of vehicles are in it; give a CSV"):
            read_sides(place)


def test_the_command_prints_and_writes_the_table(tmp_path):
    written(tmp_path)
    command = ["judge", str(tmp_path / "features.npy"), str(tmp_path / "images.csv"), "--csv", str(tmp_path / "t.csv")]
    done = CliRunner().invoke(commands, command)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("protocol of VeRi-776\n")
    for toolbox in TOOLBOXES:
        assert toolbox.name in done.output
    assert len(pd.read_csv(tmp_path / "t.csv")) == len(done.output.splitlines()) - 2
    heading, *lines = done.output.splitlines()[1:]
    assert {line[: heading.index("gallery")][-1] for line in lines} == {" "}  # words begin below their heading
    assert {line[heading.index("gallery")] for line in lines} <= {*"abcdefghijklmnopqrstuvwxyz"}
    assert CliRunner().invoke(commands, ["judge", str(arrays(tmp_path))]).exit_code == 0


def test_the_pictures_of_an_index_are_found_by_their_paths(indexed, pictures):
    (pictures / "images.csv").write_text("path,vehicle\nlot/a.png,1\nc.png,1\nlot/b.JPG,2\n")
    labelled = read_labelled(indexed, pictures / "images.csv")
    index = read_index(indexed)
    np.testing.assert_array_equal(labelled.features, index.features[[2, 0, 3]])
    assert labelled.weights == index.weights
    (pictures / "images.csv").write_text("path,vehicle\nlot/a.png,1\nnone.png,1\n")
    with pytest.raises(PartregError, match=r"1 of its images are not in .*, the first is 'none\.png'"):
        read_labelled(indexed, pictures / "images.csv")


def test_a_folder_for_each_vehicle_says_what_an_index_shows(indexed, pictures):
    (pictures / "c.png").rename(pictures / "lot" / "c.png")
    (pictures / "d ü,1.png").unlink()
    index_folder(pictures)
    labelled = read_labelled(indexed, pictures)
    assert labelled.images["image"].tolist() == ["lot/a.png", "lot/b.JPG", "lot/c.png"]
    assert labelled.images["vehicle_name"].tolist() == ["lot"] * 3
    np.testing.assert_array_equal(labelled.features, read_index(indexed).features)
    (pictures / "images.csv").write_text("path,vehicle\nlot/c.png,7\n")  # decides, if there is one
    assert read_labelled(indexed, pictures).images["vehicle_name"].tolist() == ["7"]
    with pytest.raises(PartregError, match="expected a CSV in the order of"):  # that of a folder is another
        read_labelled(next(indexed.glob("*.npy")), pictures)


@pytest.mark.parametrize("content", [b"no array", np.array([{"an": "object"}])])
def test_a_file_of_the_readers_own_is_not_to_be_deleted(tmp_path, content):
    written(tmp_path)
    if isinstance(content, bytes):
        (tmp_path / "features.npy").write_bytes(content)
    else:
        np.save(tmp_path / "features.npy", content, allow_pickle=True)
    with pytest.raises(PartregError, match=r"features\.npy: .*; write it again by numpy\.save"):
        read_labelled(tmp_path / "features.npy", tmp_path / "images.csv")

"""When kept results are due again on a reader's own folders: lists, pictures, annotations and side files."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from needs import data_key
from partreg import files, workflow
from partreg.baselines import table_methods
from partreg.datasets import contents, side
from partreg.datasets.layouts import LAYOUTS
from partreg.errors import PartregError
from partreg.studies import evidence
from partreg.workflow import data, keys, methods
from partreg.workflow.profile import digest
from tests.conftest import forget
from tests.datasets.layouts import write_veri

SIZE = 40


def picture(path, vehicle, number):
    """A vehicle is a colour in the middle of a picture."""
    pixels = np.random.default_rng(number).integers(100, 140, (SIZE, SIZE, 3))
    pixels[8:32, 8:32] = np.random.default_rng(vehicle).integers(0, 256, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=95)


def grey(path):
    Image.new("RGB", (SIZE, SIZE), (128, 128, 128)).save(path)
    forget(keys)


@pytest.fixture
def root(tmp_path):
    """A folder of one's own in VehicleID's layout: six vehicles to learn, six to test on, three pictures each."""
    folder, lists = tmp_path / "VehicleID_V1.0", {"train_list": range(1, 7), "test_list_6": range(11, 17)}
    (folder / "train_test_split").mkdir(parents=True)
    for name, vehicles in lists.items():
        lines = []
        for vehicle in vehicles:
            for number in range(3):
                lines.append(f"{10 * vehicle + number:07d} {vehicle}\n")
                picture(folder / f"image/{10 * vehicle + number:07d}.jpg", vehicle, number)
        (folder / f"train_test_split/{name}.txt").write_text("".join(lines))
    return folder


@pytest.fixture
def drawn(root, tmp_path):
    """A COCO file of one's own with boxes in two training pictures."""
    names = ["vehicle", "front_window", "left_light", "right_light"]
    images = [{"id": n, "file_name": f"image/{n:07d}.jpg", "width": SIZE, "height": SIZE} for n in (10, 20)]
    boxes = [
        {"id": 10 * image["id"] + number, "image_id": image["id"], "category_id": number, "bbox": [2, 4 * number, 9, 9]}
        for image in images
        for number in range(1, 5)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    path = tmp_path / "parts.json"
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return path


@pytest.fixture
def ws(root, drawn, tmp_path):
    forget(keys)
    mine = {"vehicleid": str(root), "annotations": str(drawn), "photographs": str(root)}
    yield workflow.open_workspace("smoke", output=str(tmp_path / "build"), **mine)
    forget(keys)


def kept(ws):
    plain = workflow.make_run(ws, "vehicleid", parts=(), held_out=0)
    return {
        "data": data_key(ws, "vehicleid"),
        "other data": data_key(ws, "veri"),
        "annotations": digest(keys.annotated(ws)),
        "detector": digest(keys.detector(ws)),
        "boxes to learn": digest(keys.filled(ws, "vehicleid", "train")),
        "all boxes": keys.boxes_key(ws, "vehicleid", "filled"),
        "network": plain.key,
        "network, parts": workflow.make_run(ws, "vehicleid", held_out=0).key,
        "network, veri": workflow.make_run(ws, "veri", parts=()).key,
        "features": digest({**keys.extracted(ws, plain, workflow.test_images(ws, "vehicleid")), "network": ""}),
    }


def due(before, after):
    assert set(before) == set(after)
    return {name for name in before if before[name] != after[name]}


def test_a_replaced_test_picture_makes_its_features_due_and_no_network(ws, root):
    before = kept(ws)
    assert due(before, kept(ws)) == set()
    grey(root / "image/0000110.jpg")
    assert due(before, kept(ws)) == {"data", "features", "all boxes"}


def test_a_replaced_training_picture_makes_the_networks_due(ws, root):
    before = kept(ws)
    grey(root / "image/0000062.jpg")  # nobody drew boxes in it
    assert due(before, kept(ws)) == {"data", "boxes to learn", "all boxes", "network", "network, parts"}


def test_a_picture_that_is_copied_is_the_same(ws, root, drawn, tmp_path):
    before = kept(ws)
    for path in root.rglob("*.jpg"):
        os.utime(path, (1, 1))
    forget(keys)
    assert due(before, kept(ws)) == set()
    copy = shutil.copytree(root, tmp_path / "copy" / "VehicleID_V1.0")
    mine = {"vehicleid": str(copy), "annotations": str(drawn), "photographs": str(copy)}
    assert due(before, kept(workflow.open_workspace("smoke", output=str(tmp_path / "other"), **mine))) == set()


def test_annotations_drawn_anew_make_the_detector_due_and_nothing_before_it(ws, drawn):
    before = kept(ws)
    text = drawn.read_text()
    drawn.write_text(text.replace("[2, 4,", "[3, 4,"))
    assert drawn.read_text() != text
    assert due(before, kept(ws)) == {"annotations", "detector", "boxes to learn", "all boxes", "network, parts"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_picture_with_drawn_boxes_makes_the_detector_due(ws, root, drawn, encoding):
    drawn.write_text(drawn.read_text(), encoding=encoding)
    before = kept(ws)
    grey(root / "image/0000010.jpg")
    assert {"detector", "boxes to learn", "network"} <= due(before, kept(ws))
    assert "annotations" not in due(before, kept(ws))


def test_a_changed_list_makes_what_is_learnt_due(ws, root):
    before = kept(ws)
    path = root / "train_test_split/train_list.txt"
    path.write_text(path.read_text().replace("0000062 6", "0000062 5"))
    forget(keys)
    assert {"data", "network"} <= due(before, kept(ws))
    assert not {"other data", "network, veri", "features", "detector"} & due(before, kept(ws))


def test_a_test_list_that_changes_within_the_same_images_makes_chapters_due_and_no_features(ws, root):
    path, lines = root / "train_test_split/test_list_3.txt", (root / "train_test_split/test_list_6.txt").read_text()
    first, last = (lines.splitlines(keepends=True)[some] for some in (slice(9), slice(9, None)))
    found = []
    for some in (first, last, last[::-1]):  # in another order, other images are drawn for the gallery
        path.write_text("".join(some))
        forget(keys)
        found.append((data_key(ws, "vehicleid"), digest(kept(ws)["features"])))
    listed, features = zip(*found, strict=True)
    assert (len(set(listed)), len(set(features))) == (3, 1)


def test_a_side_file_counts_for_the_methods_that_read_it(ws, root):
    def made():
        return {name: workflow.method_run(ws, "vehicleid", name).key for name in ("vami", "oife", "vgg_ccl")}

    before = made()
    (root / "orientation.csv").write_text("image,orientation\nimage/0000010.jpg,front\n")
    assert due(before, made()) == {"vami"}
    first = made()
    (root / "orientation.csv").write_text("image,orientation\nimage/0000010.jpg,rear\n")
    assert due(first, made()) == {"vami"}


def test_the_crops_of_plates_count_with_their_list(ws, root, tmp_path):
    listed = tmp_path / "VeRi"
    shutil.copytree(root / "image", listed / "crops")
    (listed / "plates.csv").write_text("image,plate,crop\na,B1,crops/0000010.jpg\n")
    before = keys._side_hash(listed / "plates.csv", ws)
    grey(listed / "crops/0000011.jpg")
    assert keys._side_hash(listed / "plates.csv", ws) == before
    grey(listed / "crops/0000010.jpg")
    assert keys._side_hash(listed / "plates.csv", ws) != before


@pytest.mark.parametrize("text", [b"", b"image,plate,crop\na,\xc4,b.jpg\n", b"image,plate,crop\na,B1,c,d\na,B1,c,d,e"])
def test_plates_that_cannot_be_read_have_a_key_and_their_reader_says_what_is_wrong(ws, tmp_path, text):
    (tmp_path / "plates.csv").write_bytes(text)
    assert keys._side_hash(tmp_path / "plates.csv", ws)
    images = pd.DataFrame({"image": ["a"]})
    with pytest.raises(PartregError, match=r"plates\.csv"):
        side.read_plates(tmp_path, images)


def test_a_missing_picture_is_one_sentence(ws, root):
    (root / "image/0000010.jpg").unlink()
    with pytest.raises(PartregError, match=r"0000010\.jpg: the image cannot be read; run `partreg check`"):
        workflow.make_run(ws, "vehicleid", parts=())


def test_scores_follow_the_pictures_and_the_network_stays(ws, root):
    run = workflow.make_run(ws, "vehicleid", parts=(), held_out=0, size=32, epochs=4, warmup=0.0)
    before = workflow.scores(ws, run)
    folder = workflow.run_folder(ws, run)
    weights, features = ((folder / name).read_bytes() for name in ("weights.pt", "features_test.npy"))
    assert before["6"]["cmc1"] > 0.5
    for path in root.glob("image/00001*.jpg"):
        grey(path)
    assert workflow.make_run(ws, "vehicleid", parts=(), held_out=0, size=32, epochs=4, warmup=0.0) == run
    after = workflow.scores(ws, run)
    assert after["6"]["cmc1"] < 0.5
    assert (folder / "weights.pt").read_bytes() == weights
    assert (folder / "features_test.npy").read_bytes() != features


def test_features_are_made_anew_by_other_code_and_the_history_loses_its_scores(ws, monkeypatch):
    from partreg.reid import features

    run = workflow.make_run(ws, "vehicleid", parts=(), held_out=2, size=32, epochs=1, batch=4, warmup=0.0)
    scored = workflow.scores(ws, run)
    assert workflow.history(ws, run).cmc1.notna().all()
    extracted, extract, real = [], features.extract, keys.code_key
    monkeypatch.setattr(features, "extract", lambda *how, **more: extracted.append(how) or extract(*how, **more))
    assert workflow.scores(ws, run) == scored == files.read_json(workflow.run_folder(ws, run) / "scores.json")
    assert not extracted
    monkeypatch.setattr(keys, "code_key", lambda *roots: real(*roots) + "x" * ("partreg.reid.features" in roots))
    assert workflow.scores(ws, run) == scored
    assert len(extracted) == 1
    monkeypatch.setattr(keys, "code_key", lambda *roots: real(*roots) + "x" * ("validation_score" in str(roots)))
    assert workflow.history(ws, run).cmc1.isna().all()
    assert workflow.history(ws, run).loss.notna().all()


def test_a_curve_of_test_images_that_were_replaced_is_no_record(ws, root):
    def measured():
        run = workflow.make_run(ws, "vehicleid", parts=(), held_out=2, size=32, epochs=1, batch=4, warmup=0.0)
        return evidence.measure(evidence.as_job(ws, run, "budgets", "Baseline (w/o parts)", "short"))

    before = measured()
    assert measured() == before
    for path in root.glob("image/00001*.jpg"):
        grey(path)
    with pytest.raises(PartregError, match="these test images were not scored on the way, or by other code; delete"):
        measured()


def test_the_seconds_of_a_training_are_those_of_all_its_sessions(ws, monkeypatch):
    from partreg.reid import train

    clock, one_epoch = iter(range(0, 1000, 10)), train.one_epoch
    monkeypatch.setattr(train.time, "perf_counter", lambda: next(clock))

    def killed(run, method, network, optimizer, data, epoch, bar):
        if epoch == 2:
            raise KeyboardInterrupt
        return one_epoch(run, method, network, optimizer, data, epoch, bar)

    run = workflow.make_run(ws, "vehicleid", parts=(), held_out=0, size=32, epochs=3, warmup=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(train, "one_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            workflow.trained(ws, run)
    folder = workflow.trained(ws, run)
    seconds = [files.read_json(folder / f"{name}.json")["seconds"] for name in ("training", "provenance")]
    assert seconds == [30, 30]  # an epoch takes ten; the one that was cut short was made again
    assert files.read_json(folder / "provenance.json")["data"] == ws.root("vehicleid").name  # given, not rendered


def test_features_are_kept_under_their_key_whenever_their_making_is_killed(ws, monkeypatch):
    run = workflow.make_run(ws, "vehicleid", parts=(), held_out=0, size=32, epochs=1, batch=4, warmup=0.0)
    images, write = workflow.test_images(ws, "vehicleid"), files.write_text
    before = workflow.features(ws, run, images, "test")

    def killed(path, text):
        if path.suffix == ".key":
            raise KeyboardInterrupt
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            workflow.features(ws, run, images[:3], "test")
    assert len(np.load(workflow.run_folder(ws, run) / "features_test.npy")) == 3
    np.testing.assert_array_equal(workflow.features(ws, run, images, "test"), before)


def test_a_data_set_is_parsed_once_and_again_where_its_lists_change(root, monkeypatch):
    from partreg.datasets import vehicleid

    parsed, read = [], vehicleid.read_vehicleid
    monkeypatch.setattr(vehicleid, "read_vehicleid", lambda root: parsed.append(root) or read(root))
    first = data.read("vehicleid", root)
    first.train["vehicle"] = 0
    first.tests[6]["image"] = ""
    second = data.read("vehicleid", root)
    assert len(parsed) == 1
    assert second.train.vehicle.nunique() == 6
    assert second.tests[6].image.nunique() == 18
    path = root / "train_test_split/train_list.txt"
    path.write_text(path.read_text().replace("0000062 6\n", ""))
    assert len(data.read("vehicleid", root).train) == 17
    assert len(parsed) == 2


def test_a_folder_in_another_layout_is_read_by_that_ones_reader_and_due_with_it(tmp_path, monkeypatch):
    root = write_veri(tmp_path / "mine")
    ws = workflow.open_workspace("smoke", output=str(tmp_path / "out"), veri=str(root))
    plain, before = data.data(ws, "veri"), data_key(ws, "veri")
    other = replace(
        LAYOUTS["veri"],
        name="Mine",
        known_by=("mine.txt",),
        readers={"veri": "partreg.datasets.layouts:layout_of"},
        check="builtins:print",
    )
    monkeypatch.setitem(LAYOUTS, "mine", other)
    for path in [*root.glob("name_*.txt")]:
        path.rename(root / "mine.txt")
    assert data.read("veri", root) == "mine"
    forget(keys)
    monkeypatch.setattr(data, "read", lambda dataset, root: plain)
    assert data_key(ws, "veri") != before
    assert "in the layout of Mine" in workflow.data_words(ws, "veri")


def test_one_network_parses_its_data_set_once(ws, root, monkeypatch):
    from partreg.datasets import vehicleid

    parsed, read = [], vehicleid.read_vehicleid
    data._parsed.cache_clear()
    monkeypatch.setattr(vehicleid, "read_vehicleid", lambda root: parsed.append(root) or read(root))
    workflow.scores(
        ws, workflow.make_run(ws, "vehicleid", parts=(), held_out=2, size=32, epochs=1, batch=4, warmup=0.0)
    )
    assert parsed == [root]


def test_a_recipe_comes_apart_into_what_and_code():
    recipe = {"a": 1, "code": "x", "inner": [{"b": 2, "code": "y"}, {"code": ["z"]}]}
    assert keys.parts_of(recipe) == ({"a": 1, "inner": [{"b": 2}, {}]}, ["x", "y", ["z"]])


def test_the_keys_of_methods_tell_settings_and_data_apart(ws, root):
    before = {method: methods.method_key(ws, method, 0) for method in table_methods("veri").values()}
    grey(root / "image/0000062.jpg")  # of VehicleID, from which GoogLeNet learns
    now = {method: methods.method_key(ws, method, 0) for method in table_methods("veri").values()}
    facts = {"fact", "fact_plate_rec", "fact_plate_snn", "fact_plate_str"}
    assert due(before, now) == {"googlenet", *facts}


def test_pictures_are_read_once_for_all_networks(ws, root, monkeypatch):
    later = contents.time.time() + 3600
    monkeypatch.setattr(contents.time, "time", lambda: later)
    read = []
    real = contents._hash
    monkeypatch.setattr(contents, "_hash", lambda name: read.append(name) or real(name))
    for seed in range(3):
        workflow.make_run(ws, "vehicleid", seed=seed)
    assert len(read) == len(set(read))
    assert pd.Series(read).str.contains("image").all()


def test_pictures_are_decoded_anew_by_other_code(ws, monkeypatch):
    from partreg.workflow import profile

    before, real = ws.pixels, profile.code_key
    assert before.parent == ws.folder / "pixels"
    monkeypatch.setattr(profile, "code_key", lambda *roots: real(*roots) + "x" * (roots == ("partreg.reid.pixels",)))
    assert ws.pixels != before


def test_a_detector_that_is_trained_already_is_taken_as_it_is(root, tmp_path):
    given = tmp_path / "detector" / "weights.pt"
    given.parent.mkdir()
    given.write_bytes(b"weights")
    (given.parent / "detector.json").write_text('{"size": 64}')
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "profile: smoke\nvehicleid: VehicleID_V1.0\noverrides: {detector: {weights: detector/weights.pt}}\n"
    )
    ws = workflow.open_workspace(str(mine))
    assert keys.detector_folder(ws) == given.parent
    assert workflow.detector_weights(ws) == given
    before = keys.boxes_key(ws, "vehicleid", "detected")
    assert keys.boxes_key(workflow.open_workspace(str(mine), seeds="5"), "vehicleid", "detected") == before
    (given.parent / "detector.json").write_text('{"size": 640}')
    forget(keys)
    assert keys.boxes_key(ws, "vehicleid", "detected") != before
    given.unlink()
    with pytest.raises(PartregError, match="no such file, expected for weights of 'detector'"):
        workflow.open_workspace(str(mine))

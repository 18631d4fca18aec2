import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from partreg.datasets import side
from partreg.datasets.check import check
from partreg.datasets.side import KEYPOINTS
from partreg.datasets.vehicleid import read_vehicleid
from partreg.datasets.veri import good_junk, read_veri
from partreg.errors import PartregError
from partreg.parts.boxes import read_boxes
from partreg.synthetic import layouts, write_vehicleid
from partreg.synthetic.benchmark import plan_veri
from partreg.synthetic.render import Studio
from partreg.workflow.profile import REPOSITORY


def digests(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_readers_find_what_was_planned(vehicleid_root, veri_root, tiny):
    data = read_vehicleid(vehicleid_root)
    assert list(data.tests) == [2, 3, 4]
    assert data.train.vehicle.nunique() == 4
    assert [test.vehicle.nunique() for test in data.tests.values()] == [2, 3, 4]
    assert set(data.train.vehicle).isdisjoint(data.tests[4].vehicle)
    assert not set(data.tests[3].vehicle) <= set(data.tests[4].vehicle)
    assert len(data.train) == 4 * 3
    data = read_veri(veri_root)
    assert (len(data.train), len(data.gallery), len(data.query)) == (3 * 3 * 2, 3 * 3 * 2, 3 * 3)
    assert len(data.tracks) == 9
    assert set(data.train.vehicle).isdisjoint(data.gallery.vehicle)


def test_the_check_finds_no_problem(vehicleid_root, veri_root):
    for root in (vehicleid_root, veri_root):
        assert check(root, decode=True).problems == []


def test_the_readers_agree_with_the_truth_of_every_image(vehicleid_root, veri_root):
    data = read_vehicleid(vehicleid_root)
    truth = pd.read_csv(vehicleid_root / "truth" / "images.csv").set_index("image")
    mine = truth.loc[data.train.image]
    assert (data.train[["vehicle", "model"]].to_numpy() == mine[["vehicle", "model"]].to_numpy()).all()
    data = read_veri(veri_root)
    truth = pd.read_csv(veri_root / "truth" / "images.csv", keep_default_na=False).set_index("image")
    mine = truth.loc[data.gallery.image]
    for column in ("vehicle", "camera", "time", "track", "color", "type"):
        assert (data.gallery[column].to_numpy() == mine[column].to_numpy()).all(), column


def test_good_and_junk_are_those_that_the_lists_give(veri_root):
    data = read_veri(veri_root)
    good, junk = good_junk(data.query, data.gallery)
    for name, lists in (("gt_index.txt", good), ("jk_index.txt", junk)):
        written = [[int(n) for n in line.split()] for line in (veri_root / name).read_text().splitlines()]
        assert written == [list(map(int, found)) for found in lists]


def test_side_files_look_as_veris(veri_root):
    lines = (veri_root / "test_track.txt").read_text().split("\n")
    assert lines.pop() == ""
    assert all(re.fullmatch(r"\d{4}_c\d{3}_t\d{4}( \d{4}_c\d{3}_\d{8}_\d\.jpg){2} ", line) for line in lines)
    for name in ("train_label.xml", "test_label.xml"):
        assert (veri_root / name).read_bytes().startswith(b'<?xml version="1.0" encoding="gb2312"?>')
    assert np.loadtxt(veri_root / "camera_Dist.txt").shape == (20, 20)
    assert (veri_root / "camera_ID.txt").read_text().split()[:2] == ["c001", "c002"]
    assert (veri_root / "list_color.txt").read_text().splitlines()[0] == "1 yellow"
    assert (veri_root / "list_type.txt").read_text().splitlines()[0] == "1 sedan"
    for name in (veri_root / "name_query.txt").read_text().split():
        query, gallery = (veri_root / folder / name for folder in ("image_query", "image_test"))
        assert query.read_bytes() == gallery.read_bytes()


def test_side_files_look_as_vehicleids(vehicleid_root):
    for name in ("attribute/img2vid.txt", "train_test_split/train_list.txt", "train_test_split/test_list_2.txt"):
        assert all(re.fullmatch(r"\d{7} \d+", line) for line in (vehicleid_root / name).read_text().splitlines())
    for name in ("model_attr", "color_attr"):
        assert len((vehicleid_root / "attribute" / f"{name}.txt").read_text().splitlines()) >= 8


def test_the_truth_is_readable_and_consistent(vehicleid_root, veri_root):
    for root in (vehicleid_root, veri_root):
        truth = root / "truth"
        boxes = read_boxes(truth / "boxes.csv")
        coco = json.loads((truth / "parts.json").read_text())
        names = {image["id"]: image["file_name"] for image in coco["images"]}
        kinds = {category["id"]: category["name"] for category in coco["categories"]}
        tight = {(names[a["image_id"]], kinds[a["category_id"]]): a["bbox"] for a in coco["annotations"]}
        for row in boxes[boxes.part == "left_light"].itertuples():
            x, y, w, h = (value / 40 for value in tight[row.image, "left_light"])
            assert (row.x0, row.y0, row.x1) == pytest.approx((x, y, x + w))
            assert row.y1 >= y + h
            bottom = sum(tight[row.image, "vehicle"][1::2]) / 40
            assert row.y1 == pytest.approx(bottom)
        seen = pd.read_csv(truth / "visibility.csv")
        present = seen[seen.present == 1]
        assert set(zip(present.image, present.part, strict=True)) == set(zip(boxes.image, boxes.part, strict=True))
        assert seen.visibility.between(0, 1).all()
        assert len(pd.read_csv(truth / "keypoints.csv").columns) == 1 + 3 * len(KEYPOINTS) == 61


def test_a_plate_has_a_crop_where_it_can_be_read(vehicleid_root, veri_root, tiny):
    assert not (vehicleid_root / "truth" / "plates.csv").exists(), "VehicleID has no plates"
    truth = veri_root / "truth"
    plates = pd.read_csv(truth / "plates.csv").set_index("image")
    assert plates.index.is_unique
    assert plates.crop.is_unique
    assert {p.name for p in (truth / "plates").iterdir()} == {crop.partition("/")[2] for crop in plates.crop}
    assert cv2.imread(str(truth / plates.crop.iloc[0])).shape == (24, 72, 3)
    images = pd.read_csv(truth / "images.csv").set_index("image")
    texts = [vehicle.plate for vehicle in plan_veri(tiny).vehicles]
    assert plates.plate.tolist() == [texts[images.vehicle[image] - 1] for image in plates.index]
    keypoints = pd.read_csv(truth / "keypoints.csv").set_index("image").loc[plates.index]
    azimuth = pd.read_csv(truth / "orientation.csv").set_index("image").loc[plates.index, "azimuth"]
    front = (keypoints.front_plate_seen == 1) & ((azimuth < 55) | (azimuth > 305))
    rear = (keypoints.rear_plate_seen == 1) & azimuth.between(125, 235)
    assert (front | rear).all()
    assert 0.2 < len(plates) / len(images) < 0.9


def test_the_readers_of_side_files_read_them(veri_root):
    data = read_veri(veri_root)
    truth = pd.read_csv(veri_root / "truth" / "images.csv").set_index("image")
    plates = pd.concat([side.read_plates(veri_root, images) for images in (data.train, data.gallery)])
    assert (plates.crop != "").sum() == len(pd.read_csv(veri_root / "truth" / "plates.csv"))
    assert all(cv2.imread(crop).shape == (24, 72, 3) for crop in plates.crop if crop)
    assert (side.read_models(veri_root, data.train) == truth.model[data.train.image]).all()
    assert side.read_camera_distances(veri_root).index.tolist() == list(range(1, 21))
    names = data.gallery.image.str.rpartition("/")[2].tolist()
    copies = [names.index(name) for name in data.query.image.str.rpartition("/")[2]]
    for read in (side.read_keypoints, side.read_orientation, side.read_models):
        assert (read(veri_root, data.query) == read(veri_root, data.gallery)[copies]).all()
    assert side.read_keypoints(veri_root, data.train)[..., 2].mean() > 0.2
    assert set(side.read_orientation(veri_root, data.train)) <= set(side.ORIENTATIONS)


def test_plates_that_nobody_could_read():
    def turn(azimuth, seen=("front_plate", "rear_plate"), distance=12.0, seed=0):
        shot = SimpleNamespace(azimuth=np.radians(azimuth), distance=distance, seed=seed)
        return layouts.plate_turn(shot, {"keypoints": [(0, 0, int(name in seen)) for name in KEYPOINTS]})

    assert turn(20) == pytest.approx(np.radians(20))
    assert [turn(-20), turn(340)] == pytest.approx([np.radians(-20)] * 2)
    assert turn(190) == pytest.approx(np.radians(10)), "of the rear"
    assert turn(90) is turn(60) is turn(-120) is None, "from the side"
    assert turn(20, seen=("rear_plate",)) is turn(180, seen=("front_plate",)) is None, "hidden"
    assert turn(20, distance=30.0) is None, "too far"
    lost = np.mean([turn(0, seed=seed) is None for seed in range(400)])
    assert lost == pytest.approx(layouts.PLATE_LOST, abs=0.06)


def test_a_layout_without_any_plate_has_a_table_without_rows(tiny, tmp_path):
    plan = plan_veri(tiny)
    layouts.write_plates(plan, [{"keypoints": [(0, 0, 0)] * 20}] * len(plan.names), tmp_path)
    assert (tmp_path / "plates.csv").read_text() == "image,plate,crop\n"


def test_the_number_of_processes_changes_no_byte(vehicleid_root, tiny, tmp_path):
    again = write_vehicleid(tiny, tmp_path / "again", jobs=2)
    assert digests(again) == digests(vehicleid_root)


LIGHT = """
import hashlib
from partreg.synthetic import layouts, render
from tests.synthetic.conftest import TINY
plan, found = layouts.PLANS["veri"](TINY), hashlib.sha256()
render.develop = lambda scene, *_: found.update(scene.tobytes()) or render.to_stored(scene)
studio = render.Studio(plan.models, plan.vehicles, plan.cameras, TINY.size)
for shot in plan.shots[::4]:
    studio.take(shot)
print(found.hexdigest())
"""


def test_no_last_bit_of_the_light_depends_on_the_blas():
    told = {
        kernels: subprocess.run(
            [sys.executable, "-c", LIGHT], cwd=REPOSITORY, env={**os.environ, "OPENBLAS_CORETYPE": kernels},
            capture_output=True, text=True, check=True,
        ).stdout
        for kernels in ("Nehalem", "")  # without fused products, and this machine's own
    }  # fmt: skip
    assert len(told[""]) > 60
    assert told[""] == told["Nehalem"]


SCRIPT = """
from partreg.synthetic.layouts import write_vehicleid
from tests.synthetic.conftest import TINY
print(write_vehicleid(TINY, "root", jobs=2).name)
"""


def test_a_plain_script_may_render_in_several_processes(vehicleid_root, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)  # without `if __name__ == "__main__"`
    ran = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout) == (0, "root\n"), ran.stderr
    assert digests(tmp_path / "root") == digests(vehicleid_root)


def test_a_killed_process_is_told_and_the_rest_is_kept(vehicleid_root, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "render_piece", killed_once)
    with pytest.raises(PartregError, match="a rendering process was killed"):
        write_vehicleid(tiny, tmp_path / "root", jobs=2)
    assert not (tmp_path / "root").exists()
    monkeypatch.undo()
    assert digests(write_vehicleid(tiny, tmp_path / "root", jobs=2)) == digests(vehicleid_root)


def killed_once(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_finished_layout_is_left_alone(vehicleid_root, tiny, monkeypatch):
    monkeypatch.setattr(layouts, "render", lambda *_: pytest.fail("rendered again"))
    assert write_vehicleid(tiny, vehicleid_root, jobs=1) == vehicleid_root


def test_rendering_goes_on_where_it_was_stopped(vehicleid_root, tiny, tmp_path, monkeypatch):
    take, count = Studio.take, [0]

    def stop_after_14(self, shot):
        count[0] += 1
        if count[0] > 14:
            raise KeyboardInterrupt
        return take(self, shot)

    monkeypatch.setattr(Studio, "take", stop_after_14)
    with pytest.raises(KeyboardInterrupt):
        write_vehicleid(tiny, tmp_path / "root", jobs=1)
    assert not (tmp_path / "root").exists()
    monkeypatch.setattr(Studio, "take", lambda self, shot: (count.append(1), take(self, shot))[1])
    write_vehicleid(tiny, tmp_path / "root", jobs=1)
    assert len(count) - 1 == 27 - 12  # the first four vehicles were done
    assert digests(tmp_path / "root") == digests(vehicleid_root)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_folder_of_someone_elses_is_not_touched(tiny, tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(PartregError, match="choose another folder"):
        write_vehicleid(tiny, tmp_path, jobs=1)
    assert (tmp_path / "thesis.txt").read_text() == "three years"

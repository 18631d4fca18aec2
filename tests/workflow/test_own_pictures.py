"""Pictures of a reader's own, listed in a CSV or in folders, on the way that chapters 04 to 07 go."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import driver
from partreg import workflow
from partreg.datasets.layouts import layout_of
from partreg.errors import PartregError
from partreg.workflow import keys
from tests.conftest import forget
from tests.datasets.layouts import write, write_vehicleid, write_veri

TINY = {"parts": (), "held_out": 2, "size": 32, "epochs": 1, "batch": 4, "warmup": 0.0}


@pytest.fixture
def folder(tmp_path):
    """A folder for each of ten vehicles, with four pictures of its colour from two cameras."""
    for number in range(10):
        for image in range(4):
            pixels = np.random.default_rng(image).integers(100, 140, (40, 40, 3))
            pixels[8:32, 8:32] = np.random.default_rng(number).integers(0, 256, 3)
            path = tmp_path / "cars" / f"KA-{number:03d}" / f"{image}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path / "cars"


def with_csv(folder, heading="path,vehicle,camera,split"):
    """List the folder's pictures: six vehicles to train on; of the others the first picture is a query."""
    lines = []
    for path in sorted(folder.glob("*/*.png")):
        number, image = int(path.parent.name[3:]), int(path.stem)
        split = "train" if number < 6 else "gallery" if image else "query"
        row = {
            "path": path.relative_to(folder).as_posix(),
            "vehicle": f"№ {number}",
            "camera": image // 2,
            "split": split,
        }
        lines.append(",".join(str(row[name]) for name in heading.split(",")))
    write(folder / "images.csv", heading, *lines)
    return folder


@pytest.fixture
def opened(tmp_path):
    forget(keys)
    yield lambda **own: workflow.open_workspace("smoke", output=str(tmp_path / "out"), **own)
    forget(keys)


def test_a_folder_is_learnt_and_judged_as_vehicleid(folder, opened):
    ws = opened(vehicleid=str(folder))
    run = workflow.make_run(ws, "vehicleid", **TINY)
    scores = workflow.scores(ws, run)
    assert [*scores] == ["5"], "half of the vehicles are the test list"
    assert 0 <= scores["5"]["cmc1"] <= scores["5"]["cmc5"] == 1
    test = workflow.test_images(ws, "vehicleid")
    assert set(test["vehicle_name"]) < {f"KA-{number:03d}" for number in range(10)}
    assert workflow.features(ws, run, test, "test").shape[0] == len(test) == 20
    words = workflow.data_words(ws, "vehicleid")
    assert words.startswith("the images of cars, in the layout of your own pictures; seed 0 drew 5 of the 10 vehicles")
    assert "cars cannot stand for it: the column 'split' is missing" in workflow.data_words(ws, "veri")


def test_a_csv_is_learnt_and_judged_by_its_columns(folder, opened):
    ws = opened(vehicleid=str(with_csv(folder)), veri=str(folder))
    assert [*workflow.scores(ws, workflow.make_run(ws, "vehicleid", **TINY))] == ["4"]
    judged = workflow.veri_scores(ws, workflow.make_run(ws, "veri", **TINY))
    assert (len(judged.ap), judged.skipped) == (4, 0)
    words = [workflow.data_words(ws, name) for name in ("vehicleid", "veri")]
    assert not any("seed" in one or "missing" in one for one in words)


def test_a_picture_that_is_added_or_another_split_makes_the_network_due(folder, opened):
    before = workflow.make_run(opened(vehicleid=str(folder)), "vehicleid", **TINY).key
    with_csv(folder)
    forget(keys)
    listed = workflow.make_run(opened(vehicleid=str(folder)), "vehicleid", **TINY).key
    (folder / "images.csv").unlink()
    forget(keys)
    assert workflow.make_run(opened(vehicleid=str(folder)), "vehicleid", **TINY).key == before != listed
    for vehicle in folder.iterdir():
        shutil.copy(vehicle / "0.png", vehicle / "4.png")
    forget(keys)
    assert workflow.make_run(opened(vehicleid=str(folder)), "vehicleid", **TINY).key != before


def test_pictures_that_lie_in_no_folders_are_not_taken_for_the_papers(folder, opened):
    ws = opened(vehicleid=str(folder / "KA-000"))
    with pytest.raises(PartregError, match="or one that holds a folder of pictures for each vehicle"):
        workflow.load_vehicleid(ws)


def test_pictures_without_cameras_are_refused_for_veri(folder, opened):
    ws = opened(veri=str(with_csv(folder, "path,vehicle,split")))
    with pytest.raises(PartregError, match="the column 'camera' is missing"):
        workflow.load_veri(ws)


@pytest.mark.parametrize(
    ("heading", "stands", "told"),
    [
        ("path,vehicle,camera,split", {"vehicleid", "veri"}, ""),
        ("path,vehicle,split", {"vehicleid"}, "cars stands for VehicleID alone: the column 'camera' is missing"),
        ("path,vehicle,camera", {"vehicleid"}, "cars stands for VehicleID alone: the column 'split' is missing"),
    ],
)
def test_data_stands_for_what_it_can(folder, tmp_path, monkeypatch, heading, stands, told):
    asked = []
    monkeypatch.setattr(driver, "bring_up_to_date", lambda choices, *_: asked.append(choices) or 0)
    monkeypatch.chdir(tmp_path)
    with_csv(folder, heading)
    done = CliRunner().invoke(driver.main, ["--profile", "smoke", "--output", "out", "--data", "cars"])
    assert done.exit_code == 0, done.output
    assert told in done.output
    assert bool(told) == ("alone" in done.output)
    assert {name: asked[0].get(name) for name in ("vehicleid", "veri", "data")} == {
        **{name: str(folder) if name in stands else None for name in ("vehicleid", "veri")},
        "data": None,
    }


def test_data_may_have_any_layout_and_gives_way_to_a_folder_that_is_named(tmp_path):
    vehicleid, veri = write_vehicleid(tmp_path / "a"), write_veri(tmp_path / "b")
    assert driver.as_choices(True, given(data=str(veri))) == {"veri": str(veri)}
    both = driver.as_choices(True, given(data=str(vehicleid), veri=str(veri)))
    assert both == {"vehicleid": str(vehicleid), "veri": str(veri)}
    assert driver.as_choices(True, given(data=str(vehicleid), vehicleid=str(veri))) == {"vehicleid": str(veri)}
    with pytest.raises(PartregError, match="expected a folder as data, found a file"):
        driver.as_choices(True, given(data=str(veri / "name_train.txt")))
    with pytest.raises(PartregError, match="found no such folder"):
        driver.as_choices(True, given(data=str(tmp_path / "absent")))


def given(**words):
    return dict.fromkeys(("vehicleid", "veri", "weights", "pixels"), "") | words


def test_real_photographs_as_a_folder(real, opened, tmp_path):
    lists = real / "khoa_cars/VehicleID_V1.0"
    lines = [line.split() for line in (lists / "train_test_split/train_list.txt").read_text().splitlines()[:24]]
    for image, vehicle in lines:
        (tmp_path / "photographs" / f"car {vehicle}").mkdir(parents=True, exist_ok=True)
        shutil.copy(lists / f"image/{image}.jpg", tmp_path / "photographs" / f"car {vehicle}")
    ws = opened(vehicleid=str(tmp_path / "photographs"))
    assert layout_of(ws.vehicleid) == "own"
    (scores,) = workflow.scores(ws, workflow.make_run(ws, "vehicleid", **TINY)).values()
    assert 0 <= scores["cmc1"] <= 1

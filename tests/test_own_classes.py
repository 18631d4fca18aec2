"""Bicycles, drawn here with rectangles: their classes go from the COCO file to boxes, branches and chapters."""

import json

import cv2
import numpy as np
import pandas as pd
import papermill
import pytest
import torch

from partreg import workflow
from partreg.errors import PartregError
from partreg.parts import missing
from partreg.parts.boxes import BOX_COLUMNS, CORNERS, classes_of, definition_of, to_array
from partreg.parts.formats import read_coco
from partreg.reid.features import extract, part_boxes
from partreg.reid.network import make_network
from partreg.reid.run import Run
from partreg.reid.train import train
from tests.conftest import REPOSITORY

CLASSES = ("handlebar", "saddle", "wheel")
SIDE, BICYCLES, EACH = 64, 8, 4


def bicycle(rng, color):
    """A picture, and its boxes by class in pixels (x, y, width, height); the second wheel is no box."""
    picture = np.full((SIDE, SIDE, 3), rng.integers(120, 160), np.uint8)
    x, y = (int(value) for value in rng.integers(0, 8, 2))
    boxes = {"wheel": (x, y + 32, 22, 22), "saddle": (x + 6, y + 8, 18, 10), "handlebar": (x + 34, y + 2, 14, 14)}
    for (left, top, wide, high), shade in zip(boxes.values(), (0, 60, 255), strict=True):
        cv2.rectangle(picture, (left, top), (left + wide - 1, top + high - 1), (shade, *color), -1)
    return picture, boxes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for each bicycle with its pictures, and a COCO file of all; the fourth picture shows no saddle."""
    root, rng = tmp_path_factory.mktemp("bicycles"), np.random.default_rng(0)
    images, boxes = [], []
    for number in range(BICYCLES):
        color = [int(value) for value in rng.integers(0, 256, 2)]
        (root / "pictures" / f"bicycle {number}").mkdir(parents=True)
        for turn in range(EACH):
            picture, drawn = bicycle(rng, color)
            name = f"bicycle {number}/{turn}.png"
            cv2.imwrite(str(root / "pictures" / name), picture)
            images.append({"id": len(images), "file_name": name, "width": SIDE, "height": SIDE})
            for kind, box in drawn.items():
                if (kind, turn) != ("saddle", 3):
                    number_of = CLASSES.index(kind)
                    boxes.append({"image_id": len(images) - 1, "category_id": number_of, "bbox": list(box)})
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    coco = {"images": images, "categories": categories, "annotations": boxes}
    (root / "parts.json").write_text(json.dumps(coco))
    return root


@pytest.fixture(scope="module")
def choices(folder):
    small = {"detector": {"epochs": 45, "size": 64, "batch": 8}, "annotate": 20, "held_out": {"vehicleid": 0}}
    return {
        "profile": "smoke", "output": str(folder / "made"), "vehicleid": str(folder / "pictures"),
        "annotations": str(folder / "parts.json"), "photographs": str(folder / "pictures"),
        "overrides": {**small, "reid": {"epochs": 1, "batch": 8, "backbone": "tiny", "dim": 16}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def drawn(folder):
    """Images, and all boxes of the file, the missing ones filled."""
    found = read_coco(folder / "parts.json")
    images = found.images.assign(
        path=[str(folder / "pictures" / name) for name in found.images["image"]],
        vehicle=[int(name.split("/")[0].split()[1]) for name in found.images["image"]],
    )
    return images, missing.fill_missing(found.boxes(), images)


def test_the_classes_of_the_file_become_boxes(folder, drawn):
    annotated = read_coco(folder / "parts.json")
    assert classes_of(annotated.objects["name"]) == CLASSES
    boxes = annotated.boxes()
    assert list(boxes.columns) == list(BOX_COLUMNS)
    assert boxes["part"].value_counts().to_dict() == {"handlebar": 32, "wheel": 32, "saddle": 24}
    assert set(boxes["view"]) == {"unknown"}
    images, filled = drawn
    assert list(filled["part"]) == list(CLASSES) * len(images)
    added = filled[filled["source"] == "average"]
    assert len(added) == BICYCLES
    mine = boxes[(boxes["part"] == "saddle") & boxes["image"].str.startswith("bicycle 3/")]
    means = added[added["image"] == "bicycle 3/3.png"][list(CORNERS)].to_numpy()[0]
    np.testing.assert_allclose(means, mine[list(CORNERS)].mean())


def test_each_class_is_a_branch_that_pools_the_cells_of_its_box(drawn):
    images, filled = drawn
    run = Run(parts="wheel, saddle, handlebar", size=64, backbone="tiny", dim=8)
    assert run.parts == CLASSES
    assert run.branches_name == "Global+Handlebar+Saddle+Wheel"
    places = part_boxes(run, filled, images)
    np.testing.assert_array_equal(places, to_array(filled, images, definition_of(run.parts).boxes))
    network = make_network(run, BICYCLES).eval()
    with torch.inference_mode():
        found = network(torch.zeros(1, 3, 64, 64), places[:1])
        early = network.feature_map(torch.zeros(1, 3, 64, 64))
    assert list(found.features) == ["global", *CLASSES]
    x0, y0, x1, y1 = filled.set_index(["image", "part"]).loc[("bicycle 0/0.png", "wheel"), list(CORNERS)] * 4
    inside = early[..., int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))].mean((2, 3))
    torch.testing.assert_close(found.features["wheel"], network.embed["wheel"](inside), rtol=1e-4, atol=1e-5)


def test_some_of_the_classes_will_do_and_a_strange_one_is_named(drawn):
    images, filled = drawn
    places = part_boxes(Run(parts="wheel"), filled, images)
    np.testing.assert_array_equal(places[:, 0], to_array(filled, images, ("wheel",))[:, 0])
    with pytest.raises(PartregError, match="expected boxes of pedal, found boxes of handlebar, saddle, wheel"):
        part_boxes(Run(parts="pedal,wheel"), filled, images)
    with pytest.raises(PartregError, match="expected boxes of window, left_light, right_light, brand, found boxes of"):
        part_boxes(Run(), filled, images)


@pytest.mark.parametrize("changes", [{}, {"part_dropout": 0.5}, {"use_global": False}, {"boxes": "whole"}])
def test_it_trains(drawn, tmp_path, changes):
    images, filled = drawn
    run = Run(parts=CLASSES, size=32, backbone="tiny", dim=8, epochs=1, batch=8, **changes)
    history = train(run, images, filled, tmp_path / "run", tmp_path / "pixels")
    assert {f"loss_{part}" for part in CLASSES} < set(history)
    found = extract(tmp_path / "run", images, filled, pixels=tmp_path / "pixels")
    assert found.shape == (len(images), 8 if run.use_global else 24)


def test_the_full_model_has_the_classes_of_the_annotations(choices, tmp_path):
    ws = workflow.open_workspace(**choices)
    assert workflow.make_run(ws, "vehicleid").parts == CLASSES
    with pytest.raises(PartregError, match="handlebar, saddle, wheel, but the book's tables are of a car"):
        workflow.runs(ws)
    rendered = workflow.open_workspace("smoke", output=str(tmp_path))
    with pytest.raises(PartregError, match=r"profile smoke: parts: 'wheel' is unknown; .*brand, light, window"):
        workflow.make_run(rendered, "vehicleid", parts="wheel")


@pytest.mark.parametrize("chapter", ["02_detector_training", "03_missing_parts", "04_reid_training"])
def test_chapters(choices, folder, chapter):
    only = {} if chapter.startswith("04") else {"datasets": "vehicleid"}
    notebook = papermill.execute_notebook(
        REPOSITORY / "notebooks" / f"{chapter}.ipynb",
        folder / f"{chapter}.ipynb",
        {**choices, **only},
        cwd=REPOSITORY,
        progress_bar=False,
    )
    shown = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert all(name in shown for name in CLASSES)
    assert "left_light" not in shown
    if chapter.startswith("04"):
        made = folder / "made" / "runs"
        runs = [json.loads(path.read_text()) for path in made.glob("*/run.json")]
        assert [run["parts"] for run in runs] == [list(CLASSES)]
        assert {f"loss_{part}" for part in CLASSES} < set(pd.read_csv(next(made.glob("*/history.csv"))))

"""A detector that goes on from another one's weights, and the command that trains one on photographs."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.parts import detector
from partreg.parts.annotation import split
from partreg.parts.boxes import CLASSES
from partreg.parts.finetune import finetune, learn_photographs, report
from partreg.parts.formats import Annotations, read_coco, write_coco
from tests.parts.test_detector import draw

HOW = {"size": 32, "epochs": 1, "batch": 4, "seed": 0}


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Drawn vehicles with a COCO file, and a detector that learnt them."""
    folder = tmp_path_factory.mktemp("finetune")
    images, objects = draw(folder, 9)
    objects["image"] = objects["image"].map(dict(zip(images["image"], images["path"], strict=True)))
    objects["image"] = objects["image"].map(lambda path: path.rsplit("/", 1)[1])
    images = images.assign(image=[path.rsplit("/", 1)[1] for path in images["path"]])
    write_coco(Annotations(images[["image"]].assign(width=64, height=64), objects), folder / "boxes.json")
    detector.train_detector(images, objects, folder / "first", **HOW)
    return folder, images, objects


def weights_of(path):
    return torch.load(path, weights_only=True)


def apart(one, other):
    return max(float((one[name].float() - other[name].float()).abs().max()) for name in one)


def test_without_a_start_it_is_the_same_training(toys, tmp_path):
    folder, images, objects = toys
    found = finetune(images, objects, tmp_path, **HOW)
    assert apart(weights_of(found), weights_of(folder / "first" / "weights.pt")) == 0


def test_training_goes_on_from_the_weights_that_are_given(toys, tmp_path, monkeypatch):
    folder, images, objects = toys
    start = folder / "first" / "weights.pt"
    monkeypatch.setitem(detector.SETTINGS, "lr0", 1e-9)  # so small that nothing moves
    monkeypatch.setitem(detector.SETTINGS, "weight_decay", 0.0)
    learnt = {name: value for name, value in weights_of(start).items() if name.endswith(("weight", "bias"))}
    found = finetune(images, objects, tmp_path / "after", start, **{**HOW, "seed": 5})
    assert apart(learnt, weights_of(found)) < 1e-5
    elsewhere = finetune(images, objects, tmp_path / "alone", **{**HOW, "seed": 5})
    assert apart(learnt, weights_of(elsewhere)) > 0.01  # the start is forgotten again by the next training


def test_a_folder_with_a_detector_of_another_start_is_refused(toys, tmp_path):
    folder, images, objects = toys
    start = folder / "first" / "weights.pt"
    found = finetune(images, objects, tmp_path / "after", start, **HOW)
    before = found.read_bytes()
    assert finetune(images, objects, tmp_path / "after", start, **HOW).read_bytes() == before
    with pytest.raises(PartregError, match="started from other weights; give each training a folder of its own"):
        finetune(images, objects, tmp_path / "after", **HOW)
    shutil.copytree(folder / "first", tmp_path / "plain")
    with pytest.raises(PartregError, match="started from other weights"):
        finetune(images, objects, tmp_path / "plain", start, **HOW)


def test_what_is_no_detector_is_refused_as_a_start(toys, tmp_path):
    _, images, objects = toys
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(PartregError, match=r"detector\.json"):
        finetune(images, objects, tmp_path / "after", tmp_path / "weights.pt", **HOW)
    assert not (tmp_path / "after" / "weights.pt").exists()


def test_a_start_of_other_classes_is_refused(toys, tmp_path):
    folder, images, objects = toys
    bicycles = objects.assign(name="saddle")
    with pytest.raises(
        PartregError, match="expected a detector of saddle, as the boxes are, found one of front_window"
    ):
        finetune(images, bicycles, tmp_path / "after", folder / "first" / "weights.pt", **HOW)
    assert not (tmp_path / "after").exists()


def test_two_thirds_are_learnt_and_the_others_are_tested(toys, tmp_path):
    folder, images, _ = toys
    weights, scores = learn_photographs(folder / "boxes.json", folder, tmp_path, folder / "first" / "weights.pt", **HOW)
    learnt = detector.read_json(weights.with_name("detector.json"))
    assert learnt["images"] == 6
    assert scores.boxes["left_light"] == len(images) - 6
    assert list(scores.index) == list(CLASSES)


def test_a_photograph_that_cannot_be_tested_stops_it_before_anything_is_trained(toys, tmp_path):
    folder, *_ = toys
    shutil.copytree(folder, tmp_path / "photographs")
    _, left = split(read_coco(folder / "boxes.json"), 9)
    broken = tmp_path / "photographs" / left.images["image"].iloc[0]
    Image.open(broken).convert("RGB").save(broken, "JPEG")
    broken.write_bytes(broken.read_bytes()[:-300])  # its header is whole
    given = tmp_path / "photographs" / "boxes.json", tmp_path / "photographs", tmp_path / "new"
    with pytest.raises(PartregError, match=rf"{broken.name}: not a readable image \(.*truncated"):
        learn_photographs(*given, **HOW)
    assert not (tmp_path / "new").exists(), "the corrected call finds no folder of another training"


def test_a_detector_of_own_classes_is_reported_by_these_and_too_few_photographs_are_refused(toys, tmp_path):
    folder, images, objects = toys
    windows = objects[objects["name"] == "front_window"]
    write_coco(Annotations(images[["image"]].assign(width=64, height=64), windows), folder / "windows.json")
    _, scores = learn_photographs(folder / "windows.json", folder, tmp_path / "eyes", **HOW)
    assert list(scores.index) == ["front_window"]
    write_coco(Annotations(images[["image"]][:5].assign(width=64, height=64), windows[:0]), folder / "few.json")
    with pytest.raises(PartregError, match=r"few\.json: expected 6 photographs or more, .*, found 5; annotate more"):
        learn_photographs(folder / "few.json", folder, tmp_path / "none", **HOW)


def test_a_start_that_is_no_detector_is_named(toys, tmp_path):
    folder, images, objects = toys
    (tmp_path / "weights.pt").write_bytes((folder / "first" / "weights.pt").read_bytes())
    with pytest.raises(PartregError, match=r"weights\.pt: expected the weights\.pt of a detector, with its detector"):
        finetune(images, objects, tmp_path / "new", tmp_path / "weights.pt", **HOW)


def test_the_command_says_what_the_detector_finds(toys, tmp_path, monkeypatch):
    folder, _, _ = toys
    scores = pd.DataFrame({"ap": [0.9, np.nan, 0.5, 0.25], "boxes": [3, 0, 4, 4]}, index=list(CLASSES))
    given = {}
    monkeypatch.setattr(
        "partreg.parts.finetune.learn_photographs",
        lambda *words, **how: (given.update(words=words, how=how), ("there/weights.pt", scores))[1],
    )
    words = ["detector", str(folder / "boxes.json"), str(folder), "--to", "there", "--start", "w.pt", "--size", "160"]
    words += ["--names", "{lamp: light}"]
    done = CliRunner().invoke(commands, words)
    assert done.output.splitlines()[:2] == ["there/weights.pt:", "front_window: AP 0.90 on 3 boxes"]
    assert given["words"] == (str(folder / "boxes.json"), str(folder), "there", "w.pt", {"lamp": "light"})
    assert given["how"] == {"size": 160, "epochs": 12, "batch": 8, "seed": 0}
    assert "rear_window: no box to test on" in report(scores)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--names", "{a: "], "--names"),
        (["--names", "{a: no_part}"], "no_part"),
        (["--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_a_wrong_choice_is_refused_in_a_sentence(words, says):
    done = CliRunner().invoke(commands, ["detector", "boxes.json", "there", "--to", "new", *words])
    assert done.exit_code
    assert isinstance(done.exception, PartregError | SystemExit)
    assert says in done.output + str(done.exception)

import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from partreg.errors import PartregError
from partreg.parts import detector
from partreg.parts.boxes import BOX_COLUMNS, CLASSES, OBJECT_COLUMNS, objects_table

SIZE, COUNT, EPOCHS = 32, 8, 1
OFFLINE = """
import socket, sys
import pandas as pd, torch
def refuse(*arguments, **keywords):
    raise AssertionError(f"the network was asked for: {arguments}")
socket.socket.connect = socket.getaddrinfo = refuse
from partreg.parts.detector import train_detector
torch.set_num_threads(1)
folder = sys.argv[1]
images, objects = pd.read_csv(f"{folder}/images.csv"), pd.read_csv(f"{folder}/objects.csv")
train_detector(images, objects, f"{folder}/detector", epochs=int(sys.argv[2]), size=int(sys.argv[3]), batch=8)
"""


def draw(folder, count):
    """Toy vehicles of 44 x 44 in 64 pixels: a window and two lights, each a plain rectangle."""
    rng, images, objects = np.random.default_rng(0), [], []
    for i in range(count):
        picture = np.full((64, 64, 3), rng.integers(60, 200, 3), np.uint8)
        x, y = rng.integers(4, 12, 2)
        window = ("front_window", "rear_window")[i % 2]
        boxes = [
            (window, (x + 8, y, x + 36, y + 16), (220, 60, 20)),
            ("left_light", (x, y + 22, x + 14, y + 44), (250, 250, 250)),
            ("right_light", (x + 30, y + 22, x + 44, y + 44), (250, 250, 250)),
        ]
        name = f"image/{i}.jpg"
        for part, (x0, y0, x1, y1), color in boxes:
            cv2.rectangle(picture, (int(x0), int(y0)), (int(x1) - 1, int(y1) - 1), color, -1)
            objects.append((name, part, *(float(v) / 64 for v in (x0, y0, x1, y1)), 1.0))
        images.append((name, str(folder / f"{i}.png")))
        cv2.imwrite(images[-1][1], picture)
    return pd.DataFrame(images, columns=["image", "path"]), pd.DataFrame(objects, columns=list(OBJECT_COLUMNS))


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Drawn vehicles and a detector trained on them by a process that may not open a connection."""
    folder = tmp_path_factory.mktemp("detector")
    images, objects = draw(folder, COUNT)
    images.to_csv(folder / "images.csv", index=False)
    objects.to_csv(folder / "objects.csv", index=False)
    command = [sys.executable, "-c", OFFLINE, str(folder), str(EPOCHS), str(SIZE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, images, objects, done


def test_a_used_folder_is_given_back_for_the_same_training_and_refused_for_another(toys, tmp_path, monkeypatch):
    folder = toys[0]
    images, objects = (pd.read_csv(folder / f"{name}.csv") for name in ("images", "objects"))
    monkeypatch.setattr(detector, "_train", lambda *_, **__: pytest.fail("trained again"))
    how = {"epochs": EPOCHS, "size": SIZE, "batch": 8}
    found = detector.train_detector(images, objects, folder / "detector", **how)
    assert found == folder / "detector" / "weights.pt"
    Image.fromarray(255 - np.array(Image.open(images.path[0]))).save(tmp_path / "other.png")
    redrawn = images.assign(path=[str(tmp_path / "other.png"), *images.path[1:]])
    others = [(images, objects, {**how, "epochs": 2}), (redrawn, objects, how), (images, objects[1:], how)]
    for pictures, boxes, settings in others:
        with pytest.raises(PartregError, match="a detector of other settings, pictures or boxes is in this folder"):
            detector.train_detector(pictures, boxes, folder / "detector", **settings)


def test_training_is_quiet_stays_in_its_folder_and_leaves_only_the_detector(toys):
    folder, _, _, done = toys
    assert done.stdout == ""
    assert "training the detector: 100%" in done.stderr
    assert "ultralytics" not in done.stderr.lower()
    kept = sorted(p.name for p in (folder / "detector").iterdir())
    assert kept == ["Ultralytics", "detector.json", "weights.pt"]
    assert (folder / "detector" / "Ultralytics" / "Arial.ttf").exists()
    assert '"sync": false' in (folder / "detector" / "Ultralytics" / "settings.json").read_text()
    assert not (folder / "runs").exists()


def test_weights_are_tensors_and_the_same_seed_gives_them_again(toys, tmp_path):
    folder, images, objects, _ = toys
    kept = torch.load(folder / "detector" / "weights.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in kept.values())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    again, other = (
        torch.load(
            detector.train_detector(images, objects, tmp_path / name, epochs=EPOCHS, size=SIZE, seed=seed, batch=8),
            weights_only=True,
        )
        for name, seed in (("a", 0), ("b", 1))
    )
    assert torch.get_num_threads() == 1
    torch.set_num_threads(threads)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])
    assert again.keys() == kept.keys()
    assert all(torch.equal(kept[name], again[name]) for name in kept)
    assert not all(torch.equal(kept[name], other[name]) for name in kept)


class Stub(torch.nn.Module):
    """In place of the network: the same four boxes in pixels of its square input, whatever the image shows."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.names = dict(enumerate(CLASSES))

    def forward(self, batch):
        assert batch.shape[1:] == (3, 64, 64)
        assert 0 <= batch.min() <= batch.max() <= 1
        window = [32, 24, 32, 16, 0, 0.9, 0, 0]  # centre, size, and the four classes' scores
        left = [12, 40, 8, 16, 0, 0, 0.8, 0.3]
        right = [52, 40, 8, 16, 0, 0, 0.1, 0.6]
        doubtful = [32, 60, 8, 16, 0.2, 0, 0, 0]  # reaches below the picture, and its score is low
        return torch.tensor([window, left, right, doubtful]).T[None].repeat(len(batch), 1, 1)


def test_detections_come_back_relative_to_the_image(tmp_path, monkeypatch):
    monkeypatch.setattr(detector, "load_detector", lambda weights: (Stub(), 64))
    detector._ultralytics(tmp_path)
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((100, 200, 3), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "square.png"), np.zeros((64, 64, 3), np.uint8))
    images = pd.DataFrame(
        {"image": ["wide", "square"], "path": [str(tmp_path / "wide.png"), str(tmp_path / "square.png")]}
    )
    seen = detector.predict("weights.pt", images)
    # The wide image fills rows 16 to 48 of the 64 x 64 input.
    wide = seen[seen["image"] == "wide"].set_index("name")
    assert wide.loc["rear_window", ["x0", "y0", "x1", "y1"]].tolist() == pytest.approx([0.25, 0, 0.75, 0.5])
    assert wide.loc["left_light", ["x0", "y0", "x1", "y1"]].tolist() == pytest.approx([8 / 64, 0.5, 0.25, 1])
    assert "front_window" not in wide.index  # all of it lies below the picture
    square = seen[seen["image"] == "square"].set_index("name")
    assert square.loc["rear_window", ["x0", "y0", "x1", "y1"]].tolist() == pytest.approx([0.25, 0.25, 0.75, 0.5])
    assert square.loc["front_window", "y1"] == 1.0  # clipped
    boxes = detector.detect("weights.pt", images)
    assert list(boxes.columns) == list(BOX_COLUMNS)
    assert list(boxes["image"]) == ["wide"] * 4 + ["square"] * 4
    assert set(boxes["view"]) == {"rear"}
    assert list(boxes["source"]) == [*["detected"] * 3, "inferred"] * 2
    assert boxes["score"].tolist()[:4] == pytest.approx([0.9, 0.8, 0.6, 0.6])
    assert boxes.loc[3, ["x0", "y0", "x1", "y1"]].tolist() == pytest.approx([8 / 64, 0.5, 56 / 64, 1])


def test_of_no_images_nothing_is_found(monkeypatch):
    monkeypatch.setattr(detector, "load_detector", lambda weights: (Stub(), 64))
    assert detector.detect("weights.pt", pd.DataFrame({"image": [], "path": []})).empty


def test_the_trained_network_is_built_again_and_predicts(toys):
    folder, images, objects, _ = toys
    found = detector.predict(folder / "detector" / "weights.pt", images, threshold=0.0)
    objects_table(found)  # raises for a box that is absurd
    assert detector.average_precision(found, objects)["boxes"].tolist() == [4, 4, 8, 8]


def test_images_are_made_smaller_and_keep_their_shape(tmp_path):
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((100, 200, 3), np.uint8))
    assert detector.read_fitted(tmp_path / "large.png", 64).shape == (32, 64, 3)
    assert detector.read_fitted(tmp_path / "large.png", 256).shape == (100, 200, 3)


def test_the_training_set_holds_each_image_and_its_mirror_image(toys, tmp_path):
    _, images, objects, _ = toys
    some = objects[objects["image"] == "image/0.jpg"]
    detector._write_training_set(images[:1], some, tmp_path, 64)
    pixels = cv2.imread(str(tmp_path / "images" / "image__0.png"))
    mirrored = cv2.imread(str(tmp_path / "images" / "mirrored__image__0.png"))
    np.testing.assert_array_equal(pixels[:, ::-1], mirrored)
    lines = [line.split() for line in (tmp_path / "labels" / "mirrored__image__0.txt").read_text().splitlines()]
    names = [CLASSES[int(line[0])] for line in lines]
    assert names == ["front_window", "right_light", "left_light"]
    centers = ((some["x0"] + some["x1"]) / 2).to_numpy()
    np.testing.assert_allclose([float(line[1]) for line in lines], 1 - centers)


def test_a_killed_training_leaves_no_weights_and_is_tidied_up(toys, tmp_path, monkeypatch):
    _, images, objects, _ = toys
    (tmp_path / ".training-abc" / "images").mkdir(parents=True)

    def killed(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(detector, "_train", killed)
    with pytest.raises(KeyboardInterrupt):
        detector.train_detector(images[:2], objects, tmp_path, epochs=1, size=32)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_trained_in_where_it_is(toys, tmp_path, monkeypatch):
    """ultralytics counts a relative path from a folder of its own, so it needs a whole one."""
    _, images, objects, _ = toys
    places = []
    monkeypatch.setattr(detector, "_train", lambda model, data, work, **how: places.append(work) or {})
    monkeypatch.chdir(tmp_path)
    weights = detector.train_detector(images, objects, "mine", epochs=1, size=32)
    assert weights == tmp_path / "mine" / "weights.pt"
    assert places[0].parent == tmp_path / "mine"


def test_faults_are_told_in_a_sentence(toys, tmp_path):
    folder, images, objects, _ = toys
    with pytest.raises(PartregError, match="no boxes to train"):
        detector.train_detector(images, objects[:0], tmp_path / "a")
    with pytest.raises(PartregError, match="ultralytics has no such model"):
        detector.train_detector(images, objects, tmp_path / "b", model="yolo99x.yaml", epochs=1, size=32)
    gone = images.assign(path=str(tmp_path / "gone.jpg"))
    with pytest.raises(PartregError, match=r"gone.jpg: no such picture"):
        detector.detect(folder / "detector" / "weights.pt", gone)
    with pytest.raises(PartregError, match=r"detector.json: no such file"):
        detector.load_detector(tmp_path / "weights.pt")
    (tmp_path / "detector.json").write_text((folder / "detector" / "detector.json").read_text())
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(PartregError, match="train it again"):
        detector.load_detector(tmp_path / "weights.pt")
    torch.save(Path("code"), tmp_path / "weights.pt")  # a pickle that would run code is not opened
    with pytest.raises(PartregError, match="train it again"):
        detector.load_detector(tmp_path / "weights.pt")


def found(*rows):
    return pd.DataFrame(list(rows), columns=list(OBJECT_COLUMNS))


def test_average_precision_worked_by_hand():
    truth = found(*[(f"{i}.jpg", "left_light", 0.0, 0.0, 0.5, 0.5, 1.0) for i in range(4)])
    seen = found(
        ("0.jpg", "left_light", 0.0, 0.0, 0.5, 0.5, 0.9),  # right
        ("1.jpg", "left_light", 0.5, 0.5, 1.0, 1.0, 0.8),  # beside it
        ("2.jpg", "left_light", 0.0, 0.0, 0.5, 0.4, 0.7),  # right: 0.2 / 0.25
        ("2.jpg", "left_light", 0.0, 0.0, 0.5, 0.5, 0.6),  # taken already
        ("3.jpg", "right_light", 0.0, 0.0, 0.5, 0.5, 0.5),  # another class
    )
    result = detector.average_precision(seen, truth)
    assert list(result.index) == list(CLASSES)
    # Precision 1 at the recalls 0 to 0.25, and 2/3 from 0.26 to 0.5.
    assert result.loc["left_light", "ap"] == pytest.approx((26 + 25 * 2 / 3) / 101)
    assert result.loc["left_light", "boxes"] == 4
    assert result.loc["left_light", "found"] == 0.5
    assert result["ap"].drop("left_light").isna().all()


def test_average_precision_of_all_and_of_nothing():
    truth = found(("0.jpg", "rear_window", 0.1, 0.1, 0.5, 0.5, 1.0), ("1.jpg", "rear_window", 0.2, 0.1, 0.5, 0.5, 1.0))
    assert detector.average_precision(truth.assign(score=0.9), truth).loc["rear_window", "ap"] == 1
    half = detector.average_precision(truth[:1], truth)  # precision 1 at the recalls 0 to 0.5
    assert half.loc["rear_window", "ap"] == pytest.approx(51 / 101)
    assert detector.average_precision(found(), truth).loc["rear_window", ["ap", "found"]].tolist() == [0, 0]
    stricter = found(("0.jpg", "rear_window", 0.1, 0.1, 0.5, 0.4, 0.9))
    assert detector.average_precision(stricter, truth, threshold=0.8).loc["rear_window", "found"] == 0
    assert detector.average_precision(stricter, truth, threshold=0.7).loc["rear_window", "found"] == 0.5


def test_left_and_right_of_ones_own_change_places_in_the_mirror(toys, tmp_path):
    _, images, objects, _ = toys
    own = {"front_window": "saddle", "rear_window": "saddle", "left_light": "left pedal", "right_light": "right pedal"}
    objects = objects.assign(name=objects["name"].map(own))
    detector._write_training_set(images[:1], objects[objects["image"] == images["image"][0]], tmp_path, SIZE)
    labels = {path.stem: path.read_text() for path in (tmp_path / "labels").iterdir()}
    plain, mirrored = labels["image__0"], labels["mirrored__image__0"]
    assert [line[0] for line in plain.splitlines()] == ["2", "0", "1"]  # saddle, left pedal, right pedal
    assert [line[0] for line in mirrored.splitlines()] == ["2", "1", "0"]
    found = detector.average_precision(objects, objects)
    assert found["ap"].to_dict() == {"left pedal": 1.0, "right pedal": 1.0, "saddle": 1.0}

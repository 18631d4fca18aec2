import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.datasets.pictures import read_picture
from partreg.errors import PartregError
from partreg.parts import annotation
from partreg.parts.annotation import jitter, read_truth, sample, stand_in
from partreg.parts.boxes import CORNERS, OBJECT_COLUMNS
from partreg.parts.formats import Annotations, read_coco, write_coco
from partreg.workflow import open_workspace, stages


def tight(count=200):
    images = pd.DataFrame({"image": [f"{i}.jpg" for i in range(count)], "width": 200, "height": 100})
    rows = [(f"{i}.jpg", "front_window", 0.2, 0.2, 0.8, 0.6, 1.0) for i in range(count)]
    return Annotations(images, pd.DataFrame(rows, columns=list(OBJECT_COLUMNS)))


def test_jitter_moves_sides_by_a_few_pixels():
    moved = jitter(tight(), 2.0, seed=0).objects[list(CORNERS)].to_numpy() - [0.2, 0.2, 0.8, 0.6]
    pixels = moved * [200, 100, 200, 100]
    assert 1.8 < pixels.std() < 2.2
    assert abs(pixels.mean()) < 0.2
    same = jitter(tight(), 2.0, seed=0).objects
    pd.testing.assert_frame_equal(same, jitter(tight(), 2.0, seed=0).objects)
    assert not same.equals(jitter(tight(), 2.0, seed=1).objects)


def test_jitter_stays_in_the_image_and_keeps_an_area():
    few = tight(50)
    few.objects[list(CORNERS)] = [0.0, 0.5, 0.01, 1.0]  # 2 pixels wide, at the edges
    moved = jitter(few, 20.0, seed=3).objects
    assert (moved[list(CORNERS)].to_numpy() >= 0).all()
    assert (moved[list(CORNERS)].to_numpy() <= 1).all()
    assert (moved["x1"] > moved["x0"]).all()
    assert (moved["y1"] > moved["y0"]).all()


def test_sample_is_seeded_and_sorted():
    images = pd.DataFrame({"image": [f"{i:02d}.jpg" for i in range(20)]}).iloc[::-1]
    chosen = list(sample(images, 5)["image"])
    assert chosen == sorted(chosen)
    assert len(set(chosen)) == 5
    assert chosen == list(sample(images.iloc[::-1], 5)["image"])  # whatever the order of the list
    assert chosen != list(sample(images, 5, seed=1)["image"])
    assert len(sample(images, 50)) == 20


@pytest.fixture
def benchmark(tmp_path):
    (tmp_path / "data" / "image").mkdir(parents=True)
    for i in range(6):
        Image.new("RGB", (200, 100)).save(tmp_path / "data" / "image" / f"{i}.jpg")
    truth = tight(6)
    truth.images["image"] = truth.objects["image"] = [f"image/{i}.jpg" for i in range(6)]
    path = tmp_path / "data" / "truth" / "parts.json"
    write_coco(truth, path)
    coco = json.loads(path.read_text())
    coco["annotations"][0]["visibility"] = 0.1
    path.write_text(json.dumps(coco))
    return tmp_path / "data"


def test_the_stand_in_draws_what_can_be_seen(benchmark, tmp_path):
    stand_in(benchmark, ["image/3.jpg", "image/0.jpg"], tmp_path / "annotations.json")
    drawn = read_coco(tmp_path / "annotations.json")
    assert list(drawn.images["image"]) == ["image/3.jpg", "image/0.jpg"]
    assert list(drawn.objects["image"]) == ["image/3.jpg"]  # the window of the other is hidden
    assert drawn.objects.loc[0, list(CORNERS)].tolist() != [0.2, 0.2, 0.8, 0.6]
    np.testing.assert_allclose(drawn.objects.loc[0, list(CORNERS)].tolist(), [0.2, 0.2, 0.8, 0.6], atol=0.06)


def test_photographs_have_no_truth(tmp_path):
    with pytest.raises(PartregError, match=r"only the rendered benchmark knows its boxes"):
        read_truth(tmp_path)


def test_the_stand_in_draws_where_nobody_has_yet(benchmark, tmp_path, monkeypatch):
    train = pd.DataFrame({"image": [f"image/{i}.jpg" for i in range(6)]})
    monkeypatch.setattr(annotation, "read_vehicleid", lambda root: SimpleNamespace(train=train))
    path = tmp_path / "annotations.json"
    assert len(annotation.annotated(path, benchmark, 4).images) == 4
    kept = path.read_bytes()
    annotation.annotated(path, benchmark, 6)
    assert path.read_bytes() == kept  # what is there is not drawn again
    with pytest.raises(PartregError, match="no such file"):
        annotation.annotated(tmp_path / "absent.json", tmp_path, 4)


def test_photographs_of_ones_own_are_split(benchmark):
    mine = read_truth(benchmark)
    train, rest = annotation.split(mine, 500)
    assert (len(train.images), len(rest.images)) == (4, 2)  # two thirds and one third
    assert set(train.images["image"]).isdisjoint(rest.images["image"])
    assert set(rest.objects["image"]) <= set(rest.images["image"])
    assert len(annotation.split(mine, 1)[0].images) == 1


def test_the_detector_is_told_where_its_images_lie(benchmark):
    images, objects = annotation.located(read_truth(benchmark), benchmark)
    assert list(images.columns) == ["image", "path"]
    assert images["path"][0] == str(benchmark / images["image"][0])
    assert set(objects["image"]) <= set(images["image"])
    (benchmark / "image" / "2.jpg").unlink()
    with pytest.raises(PartregError, match=r"2.jpg: no such photograph"):
        annotation.located(read_truth(benchmark), benchmark)


STORED = (200, 120)  # width and height of a photograph as it is stored
BOX = (40, 20, 160, 60)  # of a red window in it, pixels


def photograph(path, orientation, size=STORED):
    """A black picture with a red window, which EXIF says is to be turned."""
    stored = Image.new("RGB", size)
    stored.paste((255, 0, 0), BOX)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif)


def drawn_on(size, box):
    """The window as a COCO file has it whose tool worked in pixels of this size."""
    corners = np.array(box) / [*size, *size]
    objects = pd.DataFrame([("a.png", "front_window", *corners, 1.0)], columns=list(OBJECT_COLUMNS))
    return Annotations(pd.DataFrame({"image": ["a.png"], "width": size[0], "height": size[1]}), objects)


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_boxes_drawn_on_the_stored_picture_are_turned_with_it(tmp_path, orientation):
    photograph(tmp_path / "a.png", orientation)
    _, objects = annotation.located(drawn_on(STORED, BOX), tmp_path)
    red = read_picture(tmp_path / "a.png")[..., 0] > 0
    height, width = red.shape
    x0, y0, x1, y1 = (
        (objects.loc[0, list(CORNERS)].to_numpy(float) * [width, height, width, height]).round().astype(int)
    )
    assert red[y0:y1, x0:x1].all()
    assert red.sum() == (y1 - y0) * (x1 - x0)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_drawn_on_the_upright_picture_stay(tmp_path, orientation):
    photograph(tmp_path / "a.png", orientation)
    drawn = drawn_on(STORED[::-1], (20, 40, 60, 160))
    pd.testing.assert_frame_equal(annotation.located(drawn, tmp_path)[1], drawn.extended())


@pytest.mark.parametrize("orientation", [5, 7])
def test_boxes_on_a_stored_picture_that_is_a_mirror_image_are_refused(tmp_path, orientation):
    photograph(tmp_path / "a.png", orientation)
    with pytest.raises(PartregError, match=r"a.png: .* 200 x 120 pixels, the upright picture has 120 x 200"):
        annotation.located(drawn_on(STORED, BOX), tmp_path)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_of_another_size_is_refused(tmp_path, orientation):
    photograph(tmp_path / "a.png", orientation)
    with pytest.raises(PartregError, match=r"a.png: the annotations give it 400 x 240 pixels, the upright picture has"):
        annotation.located(drawn_on((400, 240), BOX), tmp_path)


@pytest.mark.parametrize(("orientation", "size"), [(2, STORED), (3, STORED), (4, STORED), (6, (200, 200))])
def test_a_turn_that_the_size_does_not_show_is_refused_before_anybody_draws(tmp_path, orientation, size):
    photograph(tmp_path / "a.png", orientation, size)
    with pytest.raises(PartregError, match=rf"a.png: EXIF turns it \(orientation {orientation}\) and its size stays"):
        annotation.located(drawn_on(size, BOX), tmp_path)
    with pytest.raises(PartregError, match="its size stays"):
        annotation.upright_size(tmp_path / "a.png")


def test_every_chapter_reads_a_file_with_a_root_category_text_ids_and_a_byte_order_mark(tmp_path):
    photograph(tmp_path / "a.png", 6)
    coco = {
        "images": [{"id": "1", "file_name": "a.png", "width": 200, "height": 120}],
        "categories": [{"id": 0, "name": "car-parts"}, {"id": 1, "name": "front_window"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [40, 20, 120, 40]}],
    }
    (tmp_path / "mine.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(coco).encode())
    ws = open_workspace(
        "smoke", output=str(tmp_path / "out"), annotations=str(tmp_path / "mine.json"), photographs=str(tmp_path)
    )
    (images, objects), (rest, _) = stages.annotated_sets(ws)
    assert (list(images["image"]), len(rest)) == (["a.png"], 0)
    assert objects.loc[0, list(CORNERS)].tolist() == pytest.approx([0.5, 0.2, 5 / 6, 0.8]), "turned with the picture"

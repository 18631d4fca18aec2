import io

import cv2
import numpy as np
import pandas as pd
import pytest

from partreg.errors import PartregError
from partreg.figures import maps, pipeline, sheets


def drawn(figure) -> np.ndarray:
    """The figure's pixels, as a reader would see them."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_COLOR).astype(int)


@pytest.fixture
def red():
    return np.full((20, 40, 3), (200, 0, 0), np.uint8)


@pytest.fixture
def boxes():
    return pd.DataFrame(
        [("window", 0.25, 0.0, 0.75, 0.5), ("left_light", 0.0, 0.5, 0.25, 1.0), ("brand", np.nan, 0.5, 1.0, 1.0)],
        columns=["part", "x0", "y0", "x1", "y1"],
    )


def test_a_path_gives_red_green_blue(tmp_path, red):
    path = tmp_path / "ä b.png"
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(red, cv2.COLOR_RGB2BGR))[1].tobytes())
    assert np.array_equal(sheets.as_pixels(path), red)


@pytest.mark.parametrize("content", [None, b"", b"not an image"])
def test_an_unreadable_image_is_named(tmp_path, content):
    path = tmp_path / "gone.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PartregError, match=r"gone\.jpg"):
        sheets.as_pixels(path)


def test_as_pixels_takes_grey_and_floating_point():
    assert sheets.as_pixels(np.array([[0.0, 0.5, 2.0]]))[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


def test_crop_covers_the_box_and_never_vanishes():
    image = np.arange(40, dtype=np.uint8).reshape(4, 10)
    assert sheets.crop(image, (0.2, 0.25, 0.5, 0.75))[..., 0].tolist() == [[12, 13, 14], [22, 23, 24]]
    assert sheets.crop(image, (0.2, 0.25, 0.5, 0.75), margin=1)[..., 0].shape == (4, 8)
    assert sheets.crop(image, (1.0, 1.0, 1.0, 1.0)).shape == (1, 1, 3)


def test_boxes_are_drawn_in_the_image_they_belong_to(red, boxes):
    figure = sheets.image_grid([red], 1, boxes=[boxes], pixels=40)
    window, light = figure.axes[0].patches
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    # The image is twice as wide as high, so it fills the middle half of its square.
    assert window.get_width() == pytest.approx((right - left) / 2)
    assert window.get_height() == pytest.approx((bottom - top) / 4)
    assert (window.get_x(), window.get_y()) == pytest.approx((left + (right - left) / 4, top + (bottom - top) / 4))
    assert light.get_linestyle() != window.get_linestyle()


def test_corners_are_drawn_as_the_table_of_the_same_boxes_is(red):
    corners = np.full((4, 4), np.nan)
    corners[1] = 0.0, 0.5, 0.25, 1.0
    (light,) = sheets.image_grid([red], 1, boxes=[corners]).axes[0].patches
    table = pd.DataFrame([("left_light", *corners[1])], columns=["part", "x0", "y0", "x1", "y1"])
    (same,) = sheets.image_grid([red], 1, boxes=[table]).axes[0].patches
    assert light.get_bbox().bounds == same.get_bbox().bounds
    assert light.get_linestyle() == same.get_linestyle()


@pytest.mark.parametrize(("rows", "shown"), [([], 0), ([[], []], 0), ([[1, 1, 1], [1]], 4)])
def test_rows_of_a_sheet_may_differ_in_length(red, rows, shown):
    pictures = [[red for _ in row] for row in rows]
    assert len(sheets.image_rows(pictures).axes[0].images) == shown
    labelled = sheets.image_rows(dict(enumerate(pictures))).axes[0]
    assert len(labelled.images) == shown
    assert [text.get_text() for text in labelled.texts if text.get_text()] == [str(k) for k in range(len(rows))]


def test_each_row_of_parts_draws_its_own_table_on_its_own_images(red, boxes):
    first, second = boxes.assign(image="a"), boxes[:1].assign(image="b")
    both = pd.concat([first, second])
    figure = sheets.part_rows({"a": red, "b": red}, {"all": (["a", "b"], both), "few": (["b"], both)})
    assert len(figure.axes[0].images) == 3
    assert len(figure.axes[0].patches) == 2 + 1 + 1
    assert {"all", "few"} <= {text.get_text() for text in figure.axes[0].texts}


def test_a_sheet_shows_borders_marks_titles_and_empty_places(red):
    figure = sheets.image_grid(
        [red, None, red], 2, ["first", None, None], [None, None, "#00ff00"], marks=["Q", None, None], rows=["a", "b"]
    )
    pixels = drawn(figure)
    assert {"first", "Q", "a", "b"} <= {text.get_text() for text in figure.axes[0].texts}
    assert len(figure.axes[0].images) == 2
    half = len(pixels) // 2
    green = (pixels == (0, 255, 0)).all(axis=2)
    assert green[half:].any()
    assert not green[:half].any()


def test_a_sheet_keeps_within_its_width(red):
    assert sheets.image_grid([red] * 22, 11).get_size_inches()[0] == pytest.approx(sheets.INCHES)
    assert sheets.image_grid([red], 1).get_size_inches()[0] < 2


def test_a_sheet_wants_one_title_an_image(red):
    with pytest.raises(ValueError, match="titles: expected one for each of the 2 images, got 1"):
        sheets.image_grid([red, red], 2, ["only one"])


def test_overlay_lights_up_where_the_map_is_positive(red):
    cam = np.array([[-5.0, -5.0], [-5.0, 3.0]])
    shown = maps.overlay(red, cam).astype(int)
    assert shown.shape == red.shape
    changed = np.abs(shown - maps.overlay(red, -np.ones((2, 2))).astype(int)).sum(axis=2)
    assert changed[-1, -1] > 60
    assert changed[0, 0] < 6


def test_overlay_takes_a_flat_map_and_refuses_others(red):
    assert np.array_equal(maps.overlay(red, np.zeros((3, 3))), maps.overlay(red, -np.ones((3, 3))))
    with pytest.raises(ValueError, match="finite"):
        maps.overlay(red, np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="finite"):
        maps.overlay(red, np.zeros(4))


def test_cam_grid_has_a_row_a_network_and_wraps(red):
    cams = [np.eye(2)] * 3
    figure = maps.cam_grid([red] * 3, {"PR": cams, "NoPR": cams}, columns=2)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["image", "PR", "NoPR", "image", "PR", "NoPR"]
    assert len(figure.axes[0].images) == 9


def test_cam_grid_wants_a_map_an_image(red):
    with pytest.raises(ValueError, match="PR: expected one map for each of the 2 images, got 1"):
        maps.cam_grid([red, red], {"PR": [np.eye(2)]})


@pytest.mark.parametrize("branches", [("global", "window", "light", "brand"), ("window", "light"), ("global",)])
def test_the_pipeline_names_every_branch_and_its_cells(red, boxes, branches):
    masks = {"global": np.ones((4, 4), bool), "window": np.eye(4, dtype=bool)}
    cells = {branch: masks.get(branch, np.tri(4, dtype=bool)) for branch in branches}
    figure = pipeline.draw(red, boxes, cells, np.tile(np.eye(4), (256, 1, 1)), dim=64, vehicles=7)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert set(branches) <= set(words)
    assert words.count("classifier\n7 identities") == len(branches)
    assert "feature map 4 × 4 × 256" in words
    assert ("average pooling\nof all cells" in words) == ("global" in branches)
    assert ("average pooling\nof 4 cells" in words) == ("window" in branches)
    assert drawn(figure).std() > 0

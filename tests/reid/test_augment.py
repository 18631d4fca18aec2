import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.datasets.side import KEYPOINTS
from partreg.parts.boxes import definition_of
from partreg.reid.augment import (
    Draw,
    augment,
    change_color,
    draw,
    drop_parts,
    erase,
    move_boxes,
    move_pixels,
    move_points,
    random_numbers,
)

SIDE = 64


def still(**changes):
    """The draw that leaves one image as it is, but for ``changes``."""
    values = {"flip": False, "scale": 1.0, "shift": [0.0, 0.0], "contrast": 1.0, "brightness": 0.0}
    values |= {"erased": [0.0] * 4, **changes}
    return Draw(**{name: torch.tensor([value]) for name, value in values.items()})


def uniform(images, seed):
    """The random numbers of a batch."""
    return random_numbers(images, False, torch.Generator().manual_seed(seed))


def four(*boxes):
    """Boxes of one image in the order of PART_BOXES; None is missing."""
    return torch.tensor([[[torch.nan] * 4 if box is None else list(box) for box in boxes]])


def test_a_flip_swaps_the_lights_by_hand():
    boxes = four((0.2, 0.1, 0.5, 0.4), (0.1, 0.5, 0.3, 0.9), None, (0.0, 0.5, 1.0, 0.75))
    found = move_boxes(boxes, still(flip=True))
    expected = four((0.5, 0.1, 0.8, 0.4), None, (0.7, 0.5, 0.9, 0.9), (0.0, 0.5, 1.0, 0.75))
    torch.testing.assert_close(found, expected, equal_nan=True)


def test_scale_about_the_centre_then_shift_by_hand():
    found = move_boxes(four((0.25, 0.5, 0.75, 1.0), None, None, None), still(scale=2.0, shift=[0.25, -0.5]))
    torch.testing.assert_close(found, four((0.25, 0.0, 1.0, 1.0), None, None, None), equal_nan=True)


def test_a_part_that_leaves_the_picture_is_missing():
    found = move_boxes(four((0.9, 0.0, 1.0, 1.0), (0.0, 0.0, 0.2, 1.0), None, None), still(shift=[0.1, 0.0]))
    torch.testing.assert_close(found, four(None, (0.1, 0.0, 0.3, 1.0), None, None), equal_nan=True)


def test_pixels_flip_exactly_and_stay_when_nothing_is_drawn():
    image = torch.randint(0, 256, (1, 3, 7, 7), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(move_pixels(image, still()), image.float(), atol=1e-3, rtol=0)
    torch.testing.assert_close(move_pixels(image, still(flip=True)), image.float().flip(3), atol=1e-3, rtol=0)


def test_pixels_move_by_whole_pixels_and_the_edge_is_repeated():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    found = move_pixels(image, still(shift=[0.25, 0.0]))
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([0.0, 0.0, 1.0, 2.0]), atol=1e-4, rtol=0)


numbers = st.integers(4, 40)


@settings(max_examples=60, deadline=None)
@given(
    x=numbers, y=numbers, width=st.integers(6, 20), height=st.integers(6, 20), flip=st.booleans(),
    scale=st.floats(0.7, 1.4), right=st.floats(-0.2, 0.2), down=st.floats(-0.2, 0.2),
)  # fmt: skip
def test_a_drawn_rectangle_is_found_where_its_box_says(x, y, width, height, flip, scale, right, down):
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[:, :, y : y + height, x : x + width] = 1
    box = (x / SIDE, y / SIDE, (x + width) / SIDE, (y + height) / SIDE)
    drawn = still(flip=flip, scale=scale, shift=[right, down])
    place = move_boxes(four(box, box, None, None), drawn)
    torch.testing.assert_close(place[0, 2 if flip else 1], place[0, 0], equal_nan=True)
    assert place[0, 1 if flip else 2].isnan().all()  # a flip makes the left light the right light

    seen = (move_pixels(image, drawn)[0, 0] > 0.5).nonzero()
    cut = place[0, 0] * SIDE
    if cut.isnan().any() or (cut[2:] - cut[:2]).min() < 2:
        return  # out of the picture or nearly so; the rule for that has its own test
    found = torch.cat([seen.amin(0).flip(0), seen.amax(0).flip(0) + 1]).float()
    torch.testing.assert_close(found, cut, atol=1.01, rtol=0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_drawn_boxes_stay_boxes(seed):
    chance = torch.Generator().manual_seed(seed)
    low = torch.rand(8, 4, 2, generator=chance) * 0.8
    boxes = torch.cat([low, low + 0.01 + torch.rand(8, 4, 2, generator=chance) * 0.19], dim=-1)
    _, moved = augment(torch.zeros(8, 3, 4, 4), {"boxes": boxes}, ("flip", "affine"), random_numbers(8, False, chance))
    moved = moved["boxes"]
    kept = moved[~moved.isnan().any(-1)]
    assert ((kept >= 0) & (kept <= 1)).all()
    assert (kept[:, :2] < kept[:, 2:]).all()
    assert len(kept) > 0


def test_color_by_hand():
    image = torch.tensor([[[[50.0, 150.0]]] * 3])
    assert change_color(image, still(contrast=0.5, brightness=10.0))[0, 0].tolist() == [[85.0, 135.0]]
    assert change_color(image, still(brightness=200.0))[0, 0].tolist() == [[250.0, 255.0]]


def test_kinds_left_out_change_nothing_and_share_the_other_numbers():
    everything = draw(uniform(64, seed=1), ("flip", "affine", "color"))
    only_flip = draw(uniform(64, seed=1), ("flip",))
    assert torch.equal(everything.flip, only_flip.flip)
    assert 10 < everything.flip.sum() < 54
    assert (only_flip.scale == 1).all()
    assert (only_flip.shift == 0).all()
    assert (only_flip.contrast == 1).all()
    assert (only_flip.brightness == 0).all()
    assert everything.scale.std() > 0.03
    image = torch.randint(0, 256, (64, 3, 4, 4), dtype=torch.uint8)
    same, nothing = augment(image, {}, (), uniform(64, seed=1))
    assert nothing == {}
    assert torch.equal(same, image.float())


def test_a_flip_swaps_the_sides_of_key_points_by_hand():
    points = torch.zeros(1, 20, 3)
    points[0, KEYPOINTS.index("left_mirror")] = torch.tensor([0.2, 0.5, 1.0])
    points[0, KEYPOINTS.index("front_logo")] = torch.tensor([0.4, 0.3, 1.0])
    found = move_points(points, still(flip=True))[0]
    torch.testing.assert_close(found[KEYPOINTS.index("right_mirror")], torch.tensor([0.8, 0.5, 1.0]))
    torch.testing.assert_close(found[KEYPOINTS.index("front_logo")], torch.tensor([0.6, 0.3, 1.0]))
    assert found[KEYPOINTS.index("left_mirror"), 2] == 0


def test_a_key_point_that_leaves_the_picture_is_not_seen():
    points = torch.tensor([[[0.9, 0.5, 1.0], [0.5, 0.5, 1.0]] * 10])
    found = move_points(points, still(scale=1.5, shift=[0.1, 0.0]))[0]
    assert found[0, 2] == 0
    torch.testing.assert_close(found[1], torch.tensor([0.6, 0.5, 1.0]))


def test_erasing_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 3, 4, 4)
    found = erase(image, still(erased=[0.5, 0.0, 1.0, 0.5]))[0, 0]
    assert found[:2, 2:].eq(7.5).all()  # the image's mean
    assert torch.equal(found[2:], image[0, 0, 2:])
    assert torch.equal(found[:, :2], image[0, 0, :, :2])
    assert torch.equal(erase(image, still()), image)


def test_half_of_the_images_are_erased_in_part():
    erased = draw(uniform(2000, seed=0), ("erase",)).erased
    sides = erased[:, 2:] - erased[:, :2]
    area = sides.prod(1)
    assert 0.45 < (area > 0).float().mean() < 0.55
    assert area.max() <= 0.4 + 1e-5
    assert ((erased >= 0) & (erased <= 1 + 1e-6)).all()


def test_parts_are_dropped_by_branch_so_that_both_lights_go_together():
    boxes = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(400, 4, 4)
    numbers = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    gone = drop_parts(boxes, 0.25, numbers).isnan()
    assert (gone.all(-1) == gone.any(-1)).all()
    window, left, right, brand = gone[..., 0].unbind(1)
    assert torch.equal(left, right)
    for part in (window, left, brand):
        assert 0.18 < part.float().mean() < 0.32
    assert not torch.equal(window, brand)
    assert not drop_parts(boxes, 0.0, numbers).isnan().any()
    assert drop_parts(boxes, 1.0, numbers).isnan().all()


def test_parts_of_ones_own_move_and_drop_by_their_definition():
    own = definition_of(("left pedal", "right pedal", "saddle"))
    boxes = torch.tensor([[[0.0, 0.0, 0.25, 1.0], [0.5, 0.0, 1.0, 1.0], [0.25, 0.0, 0.75, 1.0]]])
    found = move_boxes(boxes, still(flip=True), own)
    left, right, saddle = found[0].tolist()
    assert (left, right, saddle) == ([0.0, 0.0, 0.5, 1.0], [0.75, 0.0, 1.0, 1.0], [0.25, 0.0, 0.75, 1.0])
    _, moved = augment(torch.zeros(1, 3, 4, 4), {"boxes": boxes}, ("flip",), torch.zeros(1, 11), own)
    torch.testing.assert_close(moved["boxes"], found)
    numbers = random_numbers(1, 3, torch.Generator())
    assert numbers.shape == (1, 14)
    gone = drop_parts(boxes, 0.5, torch.tensor([[0.1, 0.9, 0.4]]), own).isnan().all(-1)
    assert gone.tolist() == [[True, False, True]]

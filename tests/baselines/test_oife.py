import math
from pathlib import Path

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from partreg.baselines import oife
from partreg.baselines.oife import REGIONS, answers, heat_maps, keypoint_loss, region_masks, region_members, responses
from partreg.datasets.side import KEYPOINTS
from partreg.reid.network import Output, built
from partreg.reid.run import Run
from tests.baselines.steps import descend

RUN = Run(method="oife", parts=(), size=32, dim=8, batch=8)
FRONT, BACK, LEFT, RIGHT = range(4)


def batch(count=8):
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), generator=chance)
    keypoints = torch.rand(count, 20, 3, generator=chance)
    keypoints[..., 2] = keypoints[..., 2].round()
    return images, {"vehicle": torch.arange(count) // 2, "keypoints": keypoints}


@pytest.fixture
def network():
    return built(RUN, {"vehicle": 4}, oife.METHOD.network)


def one_point(name, x, y, seen):
    keypoints = torch.zeros(1, 20, 3)
    keypoints[0, KEYPOINTS.index(name)] = torch.tensor([x, y, seen])
    return keypoints


def test_a_point_is_a_bump_at_its_cell():
    # The centre of column 2, row 0 of 4 x 4 cells.
    found = heat_maps(one_point("front_logo", 0.625, 0.125, 1), 4)[0]
    bump = found[KEYPOINTS.index("front_logo")]
    assert bump.argmax().item() == 2
    torch.testing.assert_close(bump.sum(), torch.tensor(1.0))
    for row, column, squared in ((0, 1, 1), (1, 2, 1), (1, 1, 2), (2, 2, 4)):
        torch.testing.assert_close(bump[row, column] / bump[0, 2], torch.tensor(math.exp(-squared / 2)))
    assert found.sum(0).equal(bump)


@pytest.mark.parametrize("x", [0.3, torch.nan])
def test_a_hidden_point_has_no_bump(x):
    assert heat_maps(one_point("front_logo", x, 0.3, 0), 4).abs().sum() == 0


def test_region_masks_by_hand():
    maps = torch.zeros(1, 20, 2, 2)
    maps[0, KEYPOINTS.index("front_logo")] = torch.tensor([[0.5, 0.5], [0.0, 0.0]])  # front
    maps[0, KEYPOINTS.index("left_headlight")] = torch.tensor([[0.0, 0.0], [1.0, 0.0]])  # front and left
    maps[0, KEYPOINTS.index("rear_plate")] = torch.tensor([[0.0, 0.0], [0.0, 0.25]])  # back, seldom seen
    found = region_masks(maps, 2)[0]
    by_hand = torch.zeros(4, 2, 2)
    by_hand[FRONT] = torch.tensor([[0.5, 0.5], [1.0, 0.0]]) / 8
    by_hand[LEFT, 1, 0] = 1 / 8
    by_hand[BACK, 1, 1] = 0.25 / 6
    torch.testing.assert_close(found, by_hand)
    assert found[RIGHT].sum() == 0


@pytest.mark.parametrize("grid", [2, 3, 12, 16])
def test_masks_of_any_trunk_add_up_to_the_share_seen_and_keep_their_place(grid):
    points = torch.cat([one_point(name, 0.2, 0.7, 1) for name in ("rear_logo", "left_front_wheel")])
    masks = region_masks(heat_maps(points, 12), grid)
    sums = masks.sum((2, 3))
    torch.testing.assert_close(sums, torch.tensor([[0.0, 1 / 6, 0, 0], [0, 0, 1 / 8, 0]]))
    places = (torch.arange(grid) + 0.5) / grid
    x, y = (6 * float((masks[0, BACK].sum(axis) * places).sum()) for axis in (0, 1))
    assert x < 0.4
    assert y > 0.6


def test_answers_by_hand():
    scores = torch.zeros(1, 1, 1, 2)
    scores[..., 1] = math.log(2)
    torch.testing.assert_close(answers(scores).exp(), torch.tensor([[[0.25, 0.5, 0.25]]]))
    torch.testing.assert_close(responses(scores), torch.tensor([[[[0.25, 0.5]]]]))


def test_keypoint_loss_by_hand():
    # One cell: seen or not, each with its probability. 1 point is seen, the 19 others are not.
    scores = torch.full((1, 20, 1, 1), math.log(3))  # seen with probability 3/4
    expected = (math.log(4 / 3) + 19 * math.log(4)) / 20
    torch.testing.assert_close(keypoint_loss(scores, one_point("front_logo", 0.4, 0.4, 1)), torch.tensor(expected))


def test_images_without_points_add_nothing():
    _, targets = batch()
    scores = torch.randn(8, 20, 12, 12, generator=torch.Generator().manual_seed(1)).requires_grad_()
    none = torch.zeros(8, 20, 3)
    loss = keypoint_loss(scores, none)
    loss.backward()
    assert loss == 0
    assert scores.grad.abs().sum() == 0
    half = torch.cat([targets["keypoints"][:4], none[4:]])
    torch.testing.assert_close(keypoint_loss(scores, half), keypoint_loss(scores[:4], half[:4]))


def test_the_loss_is_the_weighted_sum_of_its_parts():
    chance = torch.Generator().manual_seed(2)
    logits = {name: torch.randn(8, 4, generator=chance) for name in ("fused", "global", *REGIONS)}
    points = torch.randn(8, 20, 12, 12, generator=chance)
    _, targets = batch()
    found = oife.losses(RUN, None, Output(torch.zeros(8, 8), logits, extra={"points": points}), targets)
    entropy = {name: F.cross_entropy(values, targets["vehicle"]) for name, values in logits.items()}
    branches = sum(entropy[name] for name in ("global", "front", "back", "left", "right"))
    expected = entropy["fused"] + oife.BRANCH_WEIGHT * branches
    expected = expected + oife.KEYPOINT_WEIGHT * keypoint_loss(points, targets["keypoints"])
    assert next(iter(found)) == "loss"
    torch.testing.assert_close(found["loss"], expected)
    torch.testing.assert_close(found["loss_branches"], branches / 5)


def test_only_key_points_teach_the_keypoint_net(network):
    images, targets = batch()
    found = oife.losses(RUN, network, network.train()(images), targets)
    (found["loss"] - oife.KEYPOINT_WEIGHT * found["loss_keypoints"]).backward(retain_graph=True)
    gradients = [p.grad for p in network.keypoints.parameters()]
    assert all(gradient is None or gradient.abs().max() < 1e-6 for gradient in gradients)
    assert all(p.grad.abs().sum() > 0 for p in network.fuse.parameters())
    network.zero_grad()
    found["loss_keypoints"].backward()
    assert all(p.grad.abs().sum() > 0 for p in network.keypoints.parameters())
    assert all(p.grad is None for p in network.backbone.parameters())


def test_the_feature_is_the_formula_branch_by_branch(network):
    images, _ = batch(3)
    network.eval()
    output, feature_map = network(images), network.feature_map(images)
    masks = region_masks(responses(network.keypoints(images)), feature_map.shape[-1])
    pooled = [feature_map.mean((2, 3)), *((feature_map * masks[:, [k]]).sum((2, 3)) for k in range(4))]
    names = ("global", "front", "back", "left", "right")
    branches = [part @ network.embed[name].weight.T for name, part in zip(names, pooled, strict=True)]
    feature = torch.cat(branches, dim=1).clamp(min=0) @ network.fuse.weight.T
    torch.testing.assert_close(output.feature, feature, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(output.logits["fused"], feature @ network.classify["fused"].weight.T)
    torch.testing.assert_close(output.logits["back"], branches[2] @ network.classify["back"].weight.T)
    assert output.feature.shape == (3, 8)
    assert output.feature.dtype == torch.float32


@pytest.mark.parametrize("count", [2, 8])
def test_steps_lower_the_losses(network, count):
    images, targets = batch(count)
    rows = descend(oife, RUN, network, images, targets)
    assert all(math.isfinite(value) for row in rows for value in row.values())
    for name in ("loss", "loss_fused", "loss_branches", "loss_keypoints"):
        assert rows[-1][name] < rows[0][name]


def test_targets_are_the_key_points(tmp_path: Path):
    heading = ["image", *(f"{name}_{what}" for name in KEYPOINTS for what in ("x", "y", "seen"))]
    (tmp_path / "keypoints.csv").write_text(",".join(heading) + "\na.jpg" + ",0.25,0.5,1" * 20 + "\n")
    found = oife.METHOD.targets(tmp_path, pd.DataFrame({"image": ["b.jpg", "a.jpg"]}))
    assert found["keypoints"][:, 0].tolist() == [[0.0, 0.0, 0.0], [0.25, 0.5, 1.0]]


def test_features_need_all_but_the_classifiers(network):
    images, _ = batch(2)
    network.eval()
    network(images).feature.sum().backward()
    unused = {id(p) for p in network.only_for_training()}
    assert {id(p) for p in network.classify.parameters()} == unused
    assert all(p.grad is None for p in network.classify.parameters())


def mirrored(point: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(word, word) for word in point.split("_"))


def test_regions_are_mirror_images_and_hold_every_point():
    points = {region: set(names) for region, names in REGIONS.items()}
    assert all(len(points[region]) == len(names) for region, names in REGIONS.items())
    assert {mirrored(point) for point in points["left"]} == points["right"]
    for region in ("front", "back"):
        assert {mirrored(point) for point in points[region]} == points[region]
    assert set.union(*points.values()) == set(KEYPOINTS)
    assert not points["left"] & points["right"]
    assert not points["front"] & points["back"]


def test_members_by_the_numbers_of_the_annotation():
    numbers = [(row.nonzero().flatten() + 1).tolist() for row in region_members()]
    assert numbers == [
        [5, 6, 7, 8, 9, 10, 13, 14],
        [15, 16, 17, 18, 19, 20],
        [1, 2, 6, 8, 11, 14, 15, 17],
        [3, 4, 5, 7, 12, 13, 16, 18],
    ]
    assert region_members().dtype == torch.float32

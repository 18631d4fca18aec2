import math

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from partreg.baselines import vami
from partreg.baselines.vami import VIEWS, metric_loss, multi_view_features, reverse_gradient, view_loss, view_targets
from partreg.datasets.side import ORIENTATIONS
from partreg.reid.method import by_identity
from partreg.reid.network import Output, built
from partreg.reid.run import Run
from tests.baselines.steps import descend

RUN = Run(method="vami", parts=(), size=32, dim=8, batch=8, margin=0.5)


def batch(count=8, views=(0, 1, -1, 3, 4, 4, 2, 0)):
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), generator=chance)
    return images, {"vehicle": torch.arange(count) // 4, "view": torch.tensor(views[:count])}


@pytest.fixture
def network():
    return built(RUN, {"vehicle": 4, "view": 5}, vami.METHOD.network)


def test_a_reversed_gradient_has_the_opposite_sign():
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    same = reverse_gradient(values)
    assert same.equal(values)
    (same * torch.tensor([3.0, 5.0])).sum().backward()
    assert values.grad.tolist() == [-3.0, -5.0]


def test_multi_view_features_by_hand():
    single = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 50.0], [7.0, 70.0]])
    vehicles, views = torch.tensor([0, 0, 0, 1]), torch.tensor([2, 2, 0, -1])
    features, known = multi_view_features(single, vehicles, views)
    of_first = [[5.0, 50.0], [0.0, 0.0], [2.0, 20.0], [0.0, 0.0], [0.0, 0.0]]
    assert features.tolist() == [of_first, of_first, of_first, [[0.0, 0.0]] * 5]
    assert known.int().tolist() == [[1, 0, 1, 0, 0]] * 3 + [[0] * 5]


def test_view_loss_counts_known_views_only():
    logits = torch.zeros(3, 5)
    logits[0, 1] = math.log(4)  # probabilities 4/8 and four times 1/8
    loss, accuracy = view_loss(logits, torch.tensor([1, -1, 3]))
    torch.testing.assert_close(loss, torch.tensor((math.log(2) + math.log(5)) / 2))
    assert accuracy == 0.5
    assert [float(value) for value in view_loss(logits, torch.tensor([-1, -1, -1]))] == [0.0, 0.0]


def test_metric_loss_by_hand():
    feature = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.0, 0.2]])
    # Distances 0.5 (same), 0.2 and sqrt(0.09 + 0.04) (different), margin 0.4.
    expected = (0.5**2 + 0.2**2 + (0.4 - math.sqrt(0.13)) ** 2) / 2 / 3
    found = metric_loss(feature, torch.tensor([7, 7, 8]), 0.4)
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-6)


def test_each_view_attends_to_a_mean_of_cells(network):
    feature_map = torch.rand(2, 256, 3, 3, generator=torch.Generator().manual_seed(1))
    given = torch.eye(5)[:2]
    regions = network.attend(feature_map, given)
    assert regions.shape == (2, 5, 256)
    assert (regions <= feature_map.amax((2, 3))[:, None] + 1e-6).all()
    assert (regions >= feature_map.amin((2, 3))[:, None] - 1e-6).all()
    with torch.no_grad():
        network.key.weight.zero_()
    plain = feature_map.mean((2, 3))[:, None].expand(-1, 5, -1)
    torch.testing.assert_close(network.attend(feature_map, given), plain)
    torch.testing.assert_close(network.attend(torch.ones(2, 256, 3, 3), given), torch.ones(2, 5, 256))


def test_the_given_view_moves_the_attention(network):
    feature_map = torch.rand(1, 256, 3, 3, generator=torch.Generator().manual_seed(1))
    front, side = (network.attend(feature_map, torch.eye(5)[[view]]) for view in (0, 2))
    assert not torch.allclose(front, side)
    assert not torch.allclose(front[:, 0], front[:, 1])


def test_discriminator_and_generator_pull_in_opposite_directions(network):
    images, targets = batch()
    output = network.train()(images)
    inferred = output.extra["inferred"].detach().requires_grad_()
    seen = Output(output.feature, extra={"single": output.extra["single"], "inferred": inferred})
    loss, _ = vami.adversarial_loss(network, seen, targets)
    loss.backward()
    gradients = {id(p): p.grad.clone() for p in network.discriminator.parameters()}
    assert all(p.grad is None for p in [*network.single.parameters(), *network.backbone.parameters()])

    def loss_at(moved):
        found = Output(output.feature, extra={"single": output.extra["single"], "inferred": moved})
        return float(vami.adversarial_loss(network, found, targets)[0].detach())

    step = inferred.grad * 0.1 / inferred.grad.norm()
    before = loss_at(inferred)
    assert loss_at(inferred - step) > before  # the step that the optimizer takes deceives the discriminator
    with torch.no_grad():
        for p in network.discriminator.parameters():
            p -= 0.05 * gradients[id(p)]
    assert loss_at(inferred) < before


def test_adversarial_loss_of_an_undecided_discriminator(network):
    images, targets = batch()
    with torch.no_grad():
        for p in network.discriminator[2].parameters():
            p.zero_()
    loss, right = vami.adversarial_loss(network, network(images), targets)
    torch.testing.assert_close(loss, torch.tensor(math.log(2)))
    assert right == 0.5  # it calls all of them inferred


def test_only_labels_of_views_teach_the_view_classifier(network):
    images, targets = batch()
    found = vami.losses(RUN, network, network.train()(images), targets)
    (found["loss"] - vami.VIEW_WEIGHT * found["loss_view"]).backward(retain_graph=True)
    assert all(p.grad is None or p.grad.abs().max() < 1e-6 for p in network.view.parameters())
    found["loss_view"].backward()
    assert all(p.grad.abs().max() > 1e-4 for p in network.view.parameters())


def test_the_loss_is_the_weighted_sum_of_its_parts(network):
    images, targets = batch()
    output = network.eval()(images)
    found = vami.losses(RUN, network, output, targets)
    expected = F.cross_entropy(output.logits["vehicle"], targets["vehicle"])
    expected = expected + vami.CONTRASTIVE_WEIGHT * metric_loss(output.feature, targets["vehicle"], 0.5)
    expected = expected + vami.VIEW_WEIGHT * view_loss(output.logits["view"], targets["view"])[0]
    expected = expected + vami.ADVERSARIAL_WEIGHT * vami.adversarial_loss(network, output, targets)[0]
    assert next(iter(found)) == "loss"
    torch.testing.assert_close(found["loss"], expected)


@pytest.mark.parametrize(
    ("count", "views"),
    [(8, (0, 1, -1, 3, 4, 4, 2, 0)), (8, (1,) * 8), (8, (-1,) * 8), (2, (0, 1)), (2, (-1, -1))],
    ids=["usual", "one view", "none known", "two images", "two images, none known"],
)
def test_steps_lower_the_losses_of_any_batch(network, count, views):
    images, targets = batch(count, views)
    rows = descend(vami, RUN, network, images, targets)
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert all(torch.isfinite(p).all() for p in network.parameters())
    falls = ["loss", "loss_vehicle"] + ["loss_view"] * (max(views) >= 0)
    assert all(rows[-1][name] < rows[0][name] for name in falls)


def test_features_have_length_one_and_need_no_targets(network):
    images, _ = batch(3)
    feature = network.eval()(images).feature
    assert feature.shape == (3, 8)
    assert feature.dtype == torch.float32
    torch.testing.assert_close(feature.norm(dim=1), torch.ones(3))
    feature.sum().backward()
    unused = {id(p) for p in network.only_for_training()}
    without = {id(p) for p in network.parameters() if p.grad is None}
    # The view classifier is needed, though no feature teaches it.
    assert without - {id(p) for p in network.view.parameters()} == unused


def test_batches_hold_several_images_of_a_vehicle():
    assert vami.METHOD.order is by_identity


def test_the_eight_orientations_are_five_views_in_the_order_of_the_images(tmp_path):
    lines = [f"{number}.jpg,{name}" for number, name in enumerate([*ORIENTATIONS, ""])]
    (tmp_path / "orientation.csv").write_text("\n".join(["image,orientation", *lines[::-1], ""]))
    found = view_targets(tmp_path, pd.DataFrame({"image": [f"{number}.jpg" for number in range(10)]}))["view"]
    assert ORIENTATIONS == ("front", "rear", "left", "left front", "left rear", "right", "right front", "right rear")
    assert VIEWS == ("front", "rear", "side", "front_side", "rear_side")
    assert found.tolist() == [0, 1, 2, 3, 4, 2, 3, 4, -1, -1]
    assert found.dtype == "int64"

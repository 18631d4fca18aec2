import pytest
import torch

from partreg.baselines import vgg_triplet
from partreg.reid.network import Output, built
from partreg.reid.run import Run

RUN = Run(method="vgg_triplet", parts=(), size=32, dim=8, batch=8, margin=0.5)
VEHICLES = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


@pytest.fixture
def images():
    return torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    return built(RUN, {"vehicle": 4}, vgg_triplet.METHOD.network)


def test_features_have_the_runs_width_and_length_1_and_need_no_boxes(network, images):
    for mode in (True, False):
        feature = network.train(mode)(images).feature
        assert feature.shape == (8, 8)
        assert feature.dtype == torch.float32
        torch.testing.assert_close(feature.norm(dim=1), torch.ones(8))
    boxes = torch.full((8, 4, 4), torch.nan)
    assert torch.equal(network(images, boxes).feature, feature)


def test_an_image_alone_has_a_feature(network, images):
    together = network.eval()(images).feature
    torch.testing.assert_close(network(images[:1]).feature, together[:1], rtol=1e-4, atol=1e-5)


def test_the_feature_is_the_embedded_mean_of_the_map(network, images):
    feature = network.eval().feature_map(images).mean((2, 3)) @ network.embed.weight.T
    torch.testing.assert_close(network(images).feature, feature / feature.norm(dim=1, keepdim=True))


def test_the_loss_is_the_hinge_on_squared_distances_by_hand(network):
    # On the unit circle at 0, 90, 90 and 180 degrees: squared distances 0, 2 or 4. Vehicles (0, 90) and (90, 180).
    feature = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 0.0]])
    targets = {"vehicle": torch.tensor([0, 0, 1, 1])}
    # Both positives are at 2. Negatives of the anchors: 2, 4; 0, 2; 2, 0; 4, 2. Hinges 0.5, 0; 2.5, 0.5; and mirrored.
    found = vgg_triplet.METHOD.losses(RUN, network, Output(feature), targets)
    assert list(found) == ["loss"]
    assert found["loss"].item() == pytest.approx((0.5 + 0 + 2.5 + 0.5) * 2 / 8)


def test_batches_hold_several_images_of_a_vehicle():
    labels = torch.arange(20) // 4
    order = vgg_triplet.METHOD.order(RUN, labels, torch.Generator().manual_seed(0))
    assert all(len(rows.unique()) == 2 for rows in labels[order])


def test_a_step_lowers_the_loss(network, images):
    def loss():
        return vgg_triplet.METHOD.losses(RUN, network, network(images), {"vehicle": VEHICLES})["loss"]

    network.train()
    before = loss()
    before.backward()
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    assert loss() < before

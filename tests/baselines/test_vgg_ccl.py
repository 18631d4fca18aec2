import pytest
import torch

from partreg.baselines import vgg_ccl, vgg_triplet
from partreg.reid.network import Output, built
from partreg.reid.run import Run

RUN = Run(method="vgg_ccl", parts=(), size=32, dim=8, batch=8, margin=1.0)
VEHICLES = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def test_the_network_and_the_order_are_those_of_the_triplet_loss():
    assert vgg_ccl.METHOD.network is vgg_triplet.METHOD.network
    assert vgg_ccl.METHOD.order is vgg_triplet.METHOD.order


def test_the_loss_is_that_of_coupled_clusters_by_hand():
    # Vehicle 0 at (1, 0) and (0, 1): centre (0.5, 0.5), from where both are 0.5 away (squared) and the negatives
    # (-1, 0) and (0, -1) are 2.5. Vehicle 1 is its mirror image.
    feature = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    targets = {"vehicle": torch.tensor([0, 0, 1, 1])}
    for margin, expected in ((1.0, 0.0), (3.0, 0.5)):
        found = vgg_ccl.METHOD.losses(RUN.changed(margin=margin), None, Output(feature), targets)
        assert list(found) == ["loss"]
        assert found["loss"].item() == pytest.approx(expected, abs=1e-6)


def test_a_step_lowers_the_loss():
    network = built(RUN, {"vehicle": 4}, vgg_ccl.METHOD.network).train()
    images = torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0))

    def loss():
        return vgg_ccl.METHOD.losses(RUN, network, network(images), {"vehicle": VEHICLES})["loss"]

    before = loss()
    before.backward()
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    assert loss() < before

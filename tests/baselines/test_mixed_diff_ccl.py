import math

import pytest
import torch

from partreg.baselines import googlenet, mixed_diff_ccl
from partreg.reid.network import Output, built
from partreg.reid.run import Run

RUN = Run(method="mixed_diff_ccl", parts=(), size=32, dim=8, batch=8, margin=3.0)
TARGETS = {"vehicle": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]), "model": torch.tensor([0, 0, 1, 1, 2, 2, -1, -1])}


@pytest.fixture
def images():
    return torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    return built(RUN, {"vehicle": 4, "model": 3}, mixed_diff_ccl.METHOD.network)


def test_targets_are_the_models():
    assert mixed_diff_ccl.METHOD.targets is googlenet.models_of


def test_both_features_have_length_1_and_the_last_one_is_compared(network, images):
    output = network.eval()(images)
    assert output.logits["model"].shape == (8, 3)
    for feature in (output.feature, output.extra["difference"]):
        assert feature.shape == (8, 8)
        torch.testing.assert_close(feature.norm(dim=1), torch.ones(8))
    torch.testing.assert_close(network(images[:1]).feature, output.feature[:1], rtol=1e-4, atol=1e-5)


def test_both_branches_reach_the_feature(network, images):
    network.train()(images).feature[:, 0].sum().backward()
    for layer in (network.model, network.difference, network.both):
        assert layer[0].weight.grad.abs().sum() > 0
    assert network.classify.weight.grad is None
    assert network.only_for_training()[0] is network.classify.weight


def test_the_three_losses_by_hand():
    # Difference as in the test of VGG+CCL: 1/2 each with margin 3. The last feature is (1, 0) for all: 3/2 each.
    corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    same = torch.tensor([[1.0, 0.0]]).expand(4, 2)
    output = Output(same, {"model": torch.zeros(4, 2)}, extra={"difference": corners})
    targets = {"vehicle": torch.tensor([0, 0, 1, 1]), "model": torch.tensor([0, 0, 1, -1])}
    found = {name: value.item() for name, value in mixed_diff_ccl.METHOD.losses(RUN, None, output, targets).items()}
    assert next(iter(found)) == "loss"
    assert found == pytest.approx({
        "loss": math.log(2) + 0.5 + 1.5, "loss_model": math.log(2), "loss_difference": 0.5, "loss_feature": 1.5,
        "accuracy_model": 2 / 3,
    })  # fmt: skip


def test_an_unknown_model_still_teaches_differences(network, images):
    unknown = {**TARGETS, "model": torch.full((8,), -1)}
    found = mixed_diff_ccl.METHOD.losses(RUN, network, network.train()(images), unknown)
    assert found["loss_model"].item() == 0
    found["loss"].backward()
    assert not network.classify.weight.grad.any()
    assert network.difference[0].weight.grad.abs().sum() > 0


def test_a_step_lowers_every_loss(network, images):
    network.train()

    def losses():
        return mixed_diff_ccl.METHOD.losses(RUN, network, network(images), TARGETS)

    before = losses()
    before["loss"].backward()
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    after = losses()
    for name in ("loss", "loss_model", "loss_difference", "loss_feature"):
        assert after[name] < before[name], name

import math

import numpy as np
import pandas as pd
import pytest
import torch

from partreg.baselines import googlenet
from partreg.baselines.googlenet import model_accuracy, model_loss, models_of
from partreg.errors import PartregError
from partreg.reid.network import Output, built
from partreg.reid.run import Run

RUN = Run(method="googlenet", size=32, dim=8, batch=8)
# Softmax (3/4, 1/4), (1/2, 1/2) and (1/4, 3/4).
LOGITS = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0], [0.0, math.log(3.0)]])


def test_the_loss_is_the_mean_over_known_models():
    assert model_loss(LOGITS, torch.tensor([0, 0, 0])).item() == pytest.approx(
        (math.log(4 / 3) + math.log(2) + math.log(4)) / 3
    )
    assert model_loss(LOGITS, torch.tensor([0, -1, 0])).item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_unknown_models_move_nothing():
    logits = LOGITS.clone().requires_grad_()
    model_loss(logits, torch.tensor([0, -1, 0])).backward()
    assert logits.grad[1].tolist() == [0, 0]
    assert logits.grad[0].tolist() == pytest.approx([-0.125, 0.125])


def test_a_batch_without_any_known_model_gives_nothing():
    logits, unknown = LOGITS.clone().requires_grad_(), torch.full((3,), -1)
    loss = model_loss(logits, unknown)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()
    assert model_accuracy(logits, unknown).item() == 0


def test_accuracy_is_that_of_known_models():
    assert model_accuracy(LOGITS, torch.tensor([0, -1, 0])).item() == 0.5
    assert model_accuracy(LOGITS, torch.tensor([0, 0, 1])).item() == 1


def test_targets_are_the_tables_models(tmp_path):
    images = pd.DataFrame({"image": ["a", "b", "c"], "vehicle": [1, 1, 2], "model": [4, 4, -1]})
    found = models_of(tmp_path, images)
    assert list(found) == ["model"]
    assert found["model"].dtype == np.int64
    assert found["model"].tolist() == [4, 4, -1]


def test_without_any_model_the_error_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(googlenet, "read_models", lambda root, images: np.full(len(images), -1))
    with pytest.raises(PartregError, match=r"attribute/model_attr.txt: expected lines '<vehicle> <model>'"):
        models_of(tmp_path, pd.DataFrame({"image": ["a"]}))


def test_the_network_tells_models_apart_and_has_no_parts():
    network = built(RUN, {"vehicle": 3, "model": 5}, googlenet.METHOD.network).eval()
    output = network(torch.zeros(2, 3, 32, 32))
    assert output.feature.shape == (2, 8)
    assert output.logits["global"].shape == (2, 5)
    assert not any(part in name for name, _ in network.named_parameters() for part in RUN.parts)


def test_identities_are_not_learnt():
    models = torch.tensor([0, 1, 1])
    output = Output(LOGITS, {"global": LOGITS})
    one, other = (
        googlenet.METHOD.losses(RUN, None, output, {"vehicle": torch.tensor(vehicles), "model": models})
        for vehicles in ([0, 1, 2], [2, 2, 0])
    )
    assert one == other
    assert one["loss"].item() == pytest.approx((2 * math.log(4 / 3) + math.log(2)) / 3)
    assert one["accuracy_model"].item() == pytest.approx(2 / 3)


def test_a_step_lowers_the_loss():
    network = built(RUN, {"vehicle": 4, "model": 3}, googlenet.METHOD.network).train()
    images = torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    targets = {"model": torch.tensor([0, 0, 1, 1, 2, 2, -1, -1])}

    def loss():
        return googlenet.METHOD.losses(RUN, network, network(images), targets)["loss"]

    before = loss()
    before.backward()
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    assert loss() < before

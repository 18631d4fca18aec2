from dataclasses import replace

import numpy as np
import pytest
import torch

from partreg.reid.augment import random_numbers
from partreg.reid.data import Data
from partreg.reid.device import own_stream
from partreg.reid.method import PART_REGULARIZED
from partreg.reid.network import make_network
from partreg.reid.run import Run
from partreg.reid.step import RecordedStep, Step, make_step
from partreg.reid.train import train

RUN = Run(size=32, backbone="tiny", batch=4, boxes="truth")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def learnt(device, images=12):
    """Pixels and targets of a few images of three vehicles, on a device."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    boxes = torch.tensor([0.2, 0.2, 0.6, 0.5]).repeat(images, 4, 1)
    return Data(pixels, {"vehicle": torch.arange(images) % 3, "boxes": boxes}, torch.device(device))


def test_batches_are_the_rows_that_were_asked_for():
    data = learnt("cpu")
    order = torch.tensor([[3, 1], [0, 11]])
    assert data.classes == {"vehicle": 3}
    for rows, (images, targets) in zip(order, data.batches(order), strict=True):
        assert images.shape == (2, 3, 32, 32)
        assert torch.equal(images[0].permute(1, 2, 0), torch.from_numpy(data.pixels[rows[0]]))
        assert targets["vehicle"].tolist() == (rows % 3).tolist()


def test_a_step_by_hand():
    """With momentum and weight decay at zero, a step moves each weight by minus the rate times its gradient."""
    run = RUN.changed(momentum=0.0, weight_decay=0.0, augment=())
    network = make_network(run, 3).train()
    data = learnt("cpu")
    images, targets = data.take(torch.arange(4))
    step = make_step(run, PART_REGULARIZED, network)
    assert type(step) is Step
    weight = network.embed["global"].weight
    before = weight.detach().clone()
    losses = step(images, targets, random_numbers(4, False, torch.Generator().manual_seed(0)), 0.5)
    torch.testing.assert_close(weight.detach(), before - 0.5 * weight.grad)
    parts = sum(losses[f"loss_{part}"] for part in run.parts)
    torch.testing.assert_close(losses["loss"], losses["loss_global"] + run.part_weight * parts)
    assert not losses["loss"].requires_grad


@needs_gpu
def test_a_recorded_step_is_the_step():
    weights = []
    for kind in (Step, RecordedStep):
        data, chance = learnt("cuda"), torch.Generator().manual_seed(0)
        with own_stream(data.device):
            network = make_network(RUN, 3).to("cuda", memory_format=torch.channels_last).train()
            step = kind(RUN, PART_REGULARIZED, network)
            for images, targets in data.batches(torch.arange(12).view(3, 4).repeat(3, 1)):
                step(images, targets, random_numbers(4, False, chance).to("cuda"), 0.05)
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]).cpu())
    assert torch.equal(*weights)


@needs_gpu
def test_pixels_that_do_not_fit_are_read_ahead(monkeypatch):
    held = learnt("cuda")
    monkeypatch.setattr("partreg.reid.data.HELD", 0.0)
    read = learnt("cuda")
    assert (held.held is None, read.held is None) == (False, True)
    order = torch.randperm(12).view(-1, 2).repeat(4, 1)
    for (images, targets), (right, labels) in zip(read.batches(order), held.batches(order), strict=True):
        assert torch.equal(images, right)
        assert torch.equal(targets["vehicle"], labels["vehicle"])


@needs_gpu
def test_other_methods_are_not_recorded(drawn, quick, tmp_path):
    images, boxes = drawn
    eager = replace(PART_REGULARIZED, recordable=False)
    train(quick, images, boxes, tmp_path / "recorded", tmp_path, device="cuda")
    train(quick, images, boxes, tmp_path / "eager", tmp_path, method=eager, device="cuda")
    found, right = ((tmp_path / name / "weights.pt").read_bytes() for name in ("recorded", "eager"))
    assert found == right

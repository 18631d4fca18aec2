import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.errors import PartregError
from partreg.reid.method import by_identity, part_regularized_losses, shuffled
from partreg.reid.network import Output
from partreg.reid.run import Run


def test_every_image_once_an_epoch():
    order = shuffled(Run(batch=4), torch.arange(10) % 3, torch.Generator().manual_seed(0))
    assert order.shape == (2, 4)
    assert len(order.unique()) == 8


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(1, 9), min_size=2, max_size=12), batch=st.integers(2, 40), seed=st.integers(0, 99))
def test_batches_are_as_asked_or_refused(counts, batch, seed):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    run, chance = Run(batch=batch), torch.Generator().manual_seed(seed)
    vehicles = max(batch // 4, 2)
    if batch > len(labels) or (batch % 4 and batch != 6) or vehicles > len(counts):
        with pytest.raises(PartregError, match=rf"run: batch is {batch}, .*; choose a"):
            by_identity(run, labels, chance)
        return
    order = by_identity(run, labels, chance)
    assert order.shape == (len(labels) // batch, batch)
    groups = labels[order].view(len(order), vehicles, -1)
    assert groups.shape[2] == {4: 2, 6: 3}.get(batch, 4)
    assert (groups == groups[..., :1]).all()
    met = torch.bincount(groups[..., 0].flatten(), minlength=len(counts))
    assert met.max() - met.min() <= 1  # vehicles equally often


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(PartregError, match="batch is 11, but there are 10 images to learn from"):
        shuffled(Run(batch=11), torch.arange(10), torch.Generator())


def test_a_vehicle_shows_all_its_images_before_one_comes_twice():
    labels = torch.arange(2).repeat_interleave(8)
    order = by_identity(Run(batch=8), labels, torch.Generator().manual_seed(3))
    assert order.shape == (2, 8)
    assert len(order.unique()) == 16


def test_eq_3_and_what_is_logged_by_hand():
    logits = {"global": torch.tensor([[0.0, 0.0], [9.0, 0.0]]), "window": torch.zeros(2, 2)}
    present = {"global": torch.tensor([True, True]), "window": torch.tensor([True, False])}
    output = Output(torch.zeros(2, 3), logits, present)
    found = part_regularized_losses(Run(part_weight=0.5), None, output, {"vehicle": torch.tensor([0, 0])})
    assert list(found) == ["loss", "loss_global", "loss_window", "accuracy_global", "accuracy_window"]
    two = torch.log(torch.tensor(2.0))
    torch.testing.assert_close(found["loss_window"], two / 2)  # one image of two has the part
    torch.testing.assert_close(found["loss"], found["loss_global"] + 0.5 * found["loss_window"])
    torch.testing.assert_close(found["loss_global"], (two + torch.log1p(torch.tensor(-9.0).exp())) / 2)
    assert found["accuracy_global"] == 1

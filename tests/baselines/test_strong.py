import math

import pytest
import torch

from partreg.baselines import strong
from partreg.baselines.strong import generalized_mean
from partreg.parts.boxes import PARTS
from partreg.reid.network import Output, built
from partreg.reid.run import Run

RUN = Run(method="strong", size=64, dim=8, batch=8, margin=0.5, part_weight=0.25)
VEHICLES = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def boxes(batch=8):
    """Window over the upper half, left light in the lower right quarter; right light and brand missing."""
    found = torch.full((batch, 4, 4), torch.nan)
    found[:, 0] = torch.tensor([0.0, 0.0, 1.0, 0.5])
    found[:, 1] = torch.tensor([0.5, 0.5, 1.0, 1.0])
    return found


@pytest.fixture
def images():
    return torch.randint(0, 256, (8, 3, 64, 64), generator=torch.Generator().manual_seed(0))


def made(run=RUN):
    return built(run, {"vehicle": 4}, strong.METHOD.network)


def test_generalized_mean_by_hand():
    channel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    for power, expected in ((1.0, 2.5), (2.0, math.sqrt(7.5)), (3.0, 25 ** (1 / 3)), (200.0, 4 * 0.25 ** (1 / 200))):
        assert generalized_mean(channel, torch.tensor(power)).item() == pytest.approx(expected, rel=1e-5)


def test_generalized_mean_of_a_dark_map_has_a_finite_gradient():
    channel, power = torch.zeros(1, 2, 2, 2, requires_grad=True), torch.tensor(9.0, requires_grad=True)
    pooled = generalized_mean(channel, power)
    pooled.sum().backward()
    assert pooled.flatten().tolist() == pytest.approx([1e-6] * 2)
    assert channel.grad.isfinite().all()
    assert power.grad.isfinite()


def test_without_parts_there_are_no_part_parameters(images):
    network = made(RUN.changed(parts=()))
    assert not [name for name, _ in network.named_parameters() for part in PARTS if part in name]
    output = network.train()(images)
    assert list(output.logits) == ["global"]
    assert network.power.item() == 3


def test_the_feature_is_the_necks_and_neither_boxes_nor_parts_matter_at_test(images):
    network = made().eval()
    network.neck["global"].running_mean.uniform_(-1, 1)
    with_boxes, without = network(images, boxes()), network(images)
    torch.testing.assert_close(with_boxes.feature, without.feature)
    assert list(without.logits) == ["global"]
    before = network.embed["global"](generalized_mean(network.feature_map(images), network.power))
    neck = network.neck["global"]
    after = (before - neck.running_mean) / (neck.running_var + neck.eps).sqrt()
    torch.testing.assert_close(without.extra["before_neck"], before)
    torch.testing.assert_close(without.feature, after / after.norm(dim=1, keepdim=True), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(without.logits["global"], after @ network.classify["global"].weight.T)


def test_a_part_is_pooled_over_its_cells_and_normalized_over_the_images_that_have_it(images):
    network, place = made().train(), boxes()
    place[5:] = torch.nan
    output = network(images, place)
    assert {branch: int(seen.sum()) for branch, seen in output.present.items()} == {
        "global": 8, "window": 5, "light": 5, "brand": 0,
    }  # fmt: skip
    pooled = network.feature_map(images)[:5, :, 2:, 2:].mean((2, 3)) @ network.embed["light"].weight.T
    normal = (pooled - pooled.mean(0)) / (pooled.var(0, correction=0) + 1e-5).sqrt()
    expected = normal @ network.classify["light"].weight.T
    torch.testing.assert_close(output.logits["light"][:5], expected, rtol=1e-3, atol=1e-4)
    assert not output.logits["light"][5:].any()
    assert not output.logits["brand"].any()


def test_a_part_that_one_image_has_teaches_nothing(images):
    network, place = made().train(), boxes()
    place[1:] = torch.nan
    output = network(images, place)
    strong.METHOD.losses(RUN, network, output, {"vehicle": VEHICLES})["loss"].backward()
    assert int(output.present["light"].sum()) == 1
    assert not network.classify["light"].weight.grad.any()
    assert network.embed["light"].weight.grad is None


def test_the_losses_by_hand():
    # Softmax (3/4, 1/4) for images of the first vehicle, (1/2, 1/2) for the second's. Smoothed labels are (0.95, 0.05).
    scores = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]]).repeat(2, 1)
    # From their mean (5, 7) the images lie right, above, left and below, at whatever lengths. So each has the other
    # image of its vehicle at 2, and the nearest of the other vehicle at sqrt(2).
    before = torch.tensor([[7.0, 7.0], [5.0, 10.0], [3.0, 7.0], [5.0, 4.0]])
    output = Output(
        torch.full((4, 1), torch.nan),  # no loss looks at what is compared at test
        {"global": scores, "light": scores},
        {"light": torch.tensor([True, False, True, False])},
        {"before_neck": before},
    )
    found = strong.METHOD.losses(RUN, None, output, {"vehicle": torch.tensor([0, 1, 0, 1])})
    identity = (0.95 * math.log(4 / 3) + 0.05 * math.log(4) + math.log(2)) / 2
    light, triplet = math.log(4 / 3) / 2, 0.5 + 2 - math.sqrt(2)
    assert next(iter(found)) == "loss"
    assert {name: value.item() for name, value in found.items()} == pytest.approx({
        "loss": identity + triplet + 0.25 * light, "loss_global": identity, "loss_triplet": triplet,
        "loss_light": light, "accuracy_global": 0.5,
    }, abs=1e-5)  # fmt: skip


def test_the_triplet_loss_does_not_mind_what_all_features_share():
    chance = torch.Generator().manual_seed(0)
    before, vehicles = torch.randn(8, 4, generator=chance), torch.arange(4).repeat_interleave(2)
    scores = torch.zeros(8, 4)
    first, second = (
        strong.METHOD.losses(
            RUN, None, Output(some, {"global": scores}, {}, {"before_neck": some}), {"vehicle": vehicles}
        )
        for some in (before, before + 100)
    )
    assert first["loss_triplet"] == pytest.approx(second["loss_triplet"].item(), abs=1e-3)


def test_the_necks_shift_nothing_and_what_no_feature_needs_is_named(images):
    network = made()
    fixed = {name for name, value in network.named_parameters() if not value.requires_grad}
    assert fixed == {f"neck.{branch}.bias" for branch in ("global", *PARTS)}
    unused = {id(value) for value in network.only_for_training()}
    needed = {name.split(".")[0] for name, value in network.named_parameters() if id(value) not in unused}
    assert needed == {"backbone", "embed", "neck", "power"}
    network.eval()(images).feature[:, 0].sum().backward()
    assert all((value.grad is None) == (id(value) in unused) for value in network.parameters() if value.requires_grad)


def test_a_step_lowers_the_loss(images):
    network = made().train()

    def losses():
        return strong.METHOD.losses(RUN, network, network(images, boxes()), {"vehicle": VEHICLES})

    before = losses()
    assert list(before)[1:] == ["loss_global", "loss_triplet", *(f"loss_{part}" for part in PARTS), "accuracy_global"]
    before["loss"].backward()
    torch.optim.SGD(network.parameters(), lr=1e-3).step()
    after = losses()
    assert after["loss"] < before["loss"]
    assert after["loss_global"] < before["loss_global"]


def test_with_a_margin_of_0_there_is_no_triplet_loss_and_each_image_comes_once(images):
    run, drawn = RUN.changed(margin=0.0), torch.Generator().manual_seed(0)
    network = made(run).train()
    output, targets = network(images, boxes()), {"vehicle": VEHICLES}
    some, every = strong.losses(run, network, output, targets), strong.losses(RUN, network, output, targets)
    assert set(every) - set(some) == {"loss_triplet"}
    assert (every["loss"] - some["loss"]).item() == pytest.approx(every["loss_triplet"].item(), rel=1e-5)
    assert sorted(strong.order(run, VEHICLES, drawn).flatten().tolist()) == list(range(8))
    (batch,) = VEHICLES[strong.order(RUN, VEHICLES, drawn)]
    assert len(set(batch.tolist())) == 2  # vehicles, each with its two images twice

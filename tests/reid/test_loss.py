import math

import pytest
import torch

from partreg.reid.loss import agreement_loss, branch_losses, global_loss, part_loss, part_regularized_loss
from partreg.reid.network import Output

# Scores of two identities whose softmax is (3/4, 1/4) and (1/2, 1/2).
LOGITS = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
LABELS = torch.tensor([0, 1])


def test_eq_1_by_hand():
    assert global_loss(LOGITS, LABELS).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_an_image_without_the_part_adds_nothing():
    seen = torch.tensor([True, False])
    assert part_loss(LOGITS, LABELS, seen).item() == pytest.approx(math.log(4 / 3) / 2)
    assert part_loss(LOGITS, LABELS, ~seen).item() == pytest.approx(math.log(2) / 2)
    assert part_loss(LOGITS, LABELS, seen & ~seen).item() == 0


def test_nor_does_it_move_the_weights():
    logits = LOGITS.clone().requires_grad_()
    part_loss(logits, LABELS, torch.tensor([True, False])).backward()
    assert logits.grad[0].tolist() == pytest.approx([-0.125, 0.125])
    assert logits.grad[1].tolist() == [0, 0]


def test_eq_3_weighs_each_part_by_lambda_and_the_global_branch_by_one():
    losses = {"global": torch.tensor(1.0), "window": torch.tensor(2.0), "light": torch.tensor(4.0)}
    assert part_regularized_loss(losses, 0.5).item() == 4
    assert part_regularized_loss({"global": torch.tensor(1.0)}, 0.5).item() == 1
    assert part_regularized_loss({"window": torch.tensor(2.0)}, 0.5).item() == 1


def test_the_global_loss_may_weigh_less_than_in_eq_3():
    losses = {"global": torch.tensor(1.0), "window": torch.tensor(2.0)}
    assert part_regularized_loss(losses, 0.25, 0.5).item() == 1


def test_agreement_by_hand():
    # Image 0: window (3/4, 1/4), light (1/4, 3/4) but missing, global (1/2, 1/2); image 1 has no part at all.
    apart = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    logits = {"global": torch.zeros(2, 2), "window": LOGITS, "light": -LOGITS}
    present = {"window": torch.tensor([True, False]), "light": torch.tensor([False, False])}
    assert agreement_loss(Output(LOGITS, logits, present)).item() == pytest.approx(apart / 2)
    # With the light, the parts' mean is the global branch's own (1/2, 1/2).
    both = {"window": torch.tensor([True, False]), "light": torch.tensor([True, False])}
    assert agreement_loss(Output(LOGITS, logits, both)).item() == pytest.approx(0, abs=1e-6)


def test_agreement_pulls_the_global_branch_alone():
    logits = {name: LOGITS.clone().requires_grad_() for name in ("global", "window")}
    logits["global"].data.zero_()
    agreement_loss(Output(LOGITS, logits, {"window": torch.tensor([True, True])})).backward()
    assert logits["global"].grad[0].tolist() == pytest.approx([-0.125, 0.125])
    assert logits["window"].grad is None


def test_branches_keep_their_names():
    output = Output(LOGITS, {"global": LOGITS, "brand": LOGITS}, {"brand": torch.tensor([False, True])})
    losses = branch_losses(output, LABELS)
    assert losses["global"].item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)
    assert losses["brand"].item() == pytest.approx(math.log(2) / 2)

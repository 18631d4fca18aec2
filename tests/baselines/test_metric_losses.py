import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from partreg.baselines.metric_losses import (
    batch_hard,
    contrastive,
    coupled_clusters,
    root,
    squared_distances,
    triplet,
)

# Two vehicles on a line: one at 0 and 2 (mean 1), one at 3 and 5 (mean 4).
LINE = torch.tensor([[0.0], [2.0], [3.0], [5.0]])
LABELS = torch.tensor([7, 7, 4, 4])
LOSSES = (triplet, coupled_clusters, batch_hard)


def slow(loss, features: list[Tensor], labels: list[int], margin: float) -> float:
    """The three losses as their publications write them, one image after the other."""
    images = range(len(labels))

    def square(x: Tensor, y: Tensor) -> float:
        return (x - y).square().sum().item()

    def others(i: int) -> list[int]:
        return [n for n in images if labels[n] != labels[i]]

    def own(i: int) -> list[int]:
        return [p for p in images if labels[p] == labels[i]]

    if loss is triplet:
        hinges = [
            max(0.0, square(features[a], features[p]) + margin - square(features[a], features[n]))
            for a in images for p in own(a) if p != a for n in others(a)
        ]  # fmt: skip
        return sum(hinges) / max(len(hinges), 1)
    total = 0.0
    for i in images:
        if not others(i):
            continue
        if loss is coupled_clusters:
            centre = torch.stack([features[p] for p in own(i)]).mean(0)
            near = min(square(features[n], centre) for n in others(i))
            total += 0.5 * max(0.0, square(features[i], centre) + margin - near)
        else:
            far = max(math.sqrt(square(features[i], features[p])) for p in own(i))
            near = min(math.sqrt(square(features[i], features[n])) for n in others(i))
            total += max(0.0, far + margin - near)
    return total / len(labels)


def test_distances_by_hand():
    corners = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    squares = squared_distances(corners, torch.tensor([[0.0, 0.0], [3.0, 0.0], [6.0, 8.0]]))
    torch.testing.assert_close(squares, torch.tensor([[0.0, 9.0, 100.0], [25.0, 16.0, 25.0]]), atol=1e-4, rtol=0)
    torch.testing.assert_close(root(torch.tensor([0.0, 0.25, 9.0])), torch.tensor([0.0, 0.5, 3.0]), atol=2e-6, rtol=0)


def test_features_far_from_the_origin_keep_their_distances():
    far = 10_000 + LINE
    torch.testing.assert_close(squared_distances(far, far), squared_distances(LINE, LINE), atol=1e-4, rtol=0)


def test_contrastive_by_hand():
    # One vehicle at distance 3: 9/2. Two at 0.5 with margin 2: 1.5^2 / 2 = 1.125. Two at 5: nothing.
    distances, same = torch.tensor([3.0, 0.5, 5.0]), torch.tensor([True, False, False])
    assert contrastive(distances, same, 2.0).item() == pytest.approx((4.5 + 1.125) / 3)


def test_triplet_by_hand():
    # Both positives are 4 apart (squared); with margin 1 a negative must be 5 away. From 0: 9 and 25; from 2: 1 (short
    # by 4) and 9; from 3: 9 and 1 (short by 4); from 5: 25 and 9. Eight triplets.
    assert triplet(LINE, LABELS, 1.0).item() == pytest.approx(8 / 8)
    # With margin 6 it must be 10: short by 1, 0; 9, 1; 1, 9; 0, 1.
    assert triplet(LINE, LABELS, 6.0).item() == pytest.approx(22 / 8)


def test_coupled_clusters_by_hand():
    # Each image is 1 from its mean (squared); the nearest negative to 1 is 3 and to 4 is 2, both 4 away (squared).
    assert coupled_clusters(LINE, LABELS, 1.0).item() == 0
    assert coupled_clusters(LINE, LABELS, 5.0).item() == pytest.approx((1 + 5 - 4) / 2)
    # A third vehicle alone at 2.5: it is its own mean, so 0, and 2 and 3 are 0.25 away; it is 2.25 from both means.
    features, labels = torch.cat([LINE, torch.tensor([[2.5]])]), torch.cat([LABELS, torch.tensor([1])])
    expected = (4 * (1 + 5 - 2.25) / 2 + (0 + 5 - 0.25) / 2) / 5
    assert coupled_clusters(features, labels, 5.0).item() == pytest.approx(expected)


def test_batch_hard_by_hand():
    # Positives are 2 away; the nearest negatives 3, 1, 1 and 3.
    assert batch_hard(LINE, LABELS, 0.5).item() == pytest.approx((0 + 1.5 + 1.5 + 0) / 4)
    assert batch_hard(LINE, LABELS, 2.0).item() == pytest.approx((1 + 3 + 3 + 1) / 4)


def test_the_gradient_of_coupled_clusters_pulls_to_the_centre_and_pushes_the_negative():
    line = LINE.clone().requires_grad_()
    coupled_clusters(line, LABELS, 5.0).backward()
    # Only the first vehicle's half: image i pulls by (x_i - c) / 4, and for both images the negative at 3 is pushed by
    # -(3 - 1) / 4, which through c moves 0 and 2 by half of it each. The other half is its mirror image.
    #   0: -1/4 + 1/2          2: 1/4 + 1/2 and, as the other's nearest, +1      3 and 5: mirrored
    torch.testing.assert_close(line.grad.flatten(), torch.tensor([0.25, 1.75, -1.75, -0.25]))


@pytest.mark.parametrize("loss", LOSSES)
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    seed=st.integers(0, 10**6),
    margin=st.floats(0, 3),
    spread=st.floats(0, 2),
)
def test_losses_are_those_of_the_slow_loops(loss, labels, seed, margin, spread):
    features = spread * torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = loss(features, torch.tensor(labels), margin).item()
    assert found == pytest.approx(slow(loss, list(features), labels, margin), abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]])
def test_gradients_are_finite_where_all_features_are_equal(loss, labels):
    features = torch.ones(4, 3, requires_grad=True)
    value = loss(features, torch.tensor(labels), 0.5)
    value.backward()
    assert value.isfinite()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_of_one_vehicle_gives_nothing(loss):
    features = LINE.clone().requires_grad_()
    value = loss(features, torch.zeros(4, dtype=torch.int64), 0.5)
    value.backward()
    assert value.item() == 0
    assert features.grad.flatten().tolist() == [0.0] * 4


def test_the_gradient_of_a_contrastive_pair_at_distance_0_is_finite():
    pair = torch.zeros(2, 3, requires_grad=True)
    distances = root((pair[:1] - pair[1:]).square().sum(1))
    for same in (True, False):
        contrastive(distances, torch.tensor([same]), 1.0).backward(retain_graph=True)
    assert pair.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_down_the_gradient_lowers_the_loss(loss):
    features = LINE.clone().requires_grad_()
    before = loss(features, LABELS, 5.0)
    before.backward()
    assert loss(LINE - 0.01 * features.grad, LABELS, 5.0) < before

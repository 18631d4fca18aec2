import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partreg.baselines import method
from partreg.errors import PartregError
from partreg.reid.likeness import HIDDEN, cell_features, hide, hiding, likeness, matches, strongest
from partreg.reid.network import PartRegularizedNet, built
from partreg.reid.run import Run
from partreg.reid.train import train


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 64, 64), generator=torch.Generator().manual_seed(seed))


def test_a_map_of_two_by_two_cells_by_hand():
    network = PartRegularizedNet(2, parts=(), dim=2)
    network.feature_map = lambda images: images
    network.embed["global"].weight = torch.nn.Parameter(torch.tensor([[1.0, 0.0], [0.0, 10.0]]))
    one = cell_features(network, torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, -1.0]]]])).numpy()[0]
    other = cell_features(network, torch.tensor([[[[0.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]])).numpy()[0]
    assert one.tolist() == [[[1, 0], [2, 10]], [[3, 0], [4, -10]]]
    assert other.tolist() == [[[0, 10], [1, 0]], [[0, 0], [0, 0]]]
    pairs = likeness(one, other)  # products of the features of two cells, over 4 x 4 pairs
    assert (pairs * 16).tolist() == [
        [[[0, 1], [0, 0]], [[100, 2], [0, 0]]],
        [[[0, 3], [0, 0]], [[-100, 4], [0, 0]]],
    ]
    assert pairs.sum() == one.mean((0, 1)) @ other.mean((0, 1)) == 10 / 16
    # The best pair first; its cells are then taken, and what speaks against the likeness is no match.
    assert matches(pairs).tolist() == [[0, 1, 0, 0], [1, 1, 0, 1]]
    assert matches(pairs, 1).tolist() == [[0, 1, 0, 0]]
    assert matches(-np.ones((1, 1, 1, 1))).shape == (0, 4)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), stage=st.sampled_from([1, 2]))
def test_the_sum_over_all_pairs_gives_inner_product_and_distance(seed, stage):
    torch.manual_seed(seed)
    network = PartRegularizedNet(3, "tiny", dim=16, last_stride=stage).eval()
    pair = images(2, seed)
    with torch.no_grad():
        features = network(pair).feature.numpy().astype(np.float64)
    first, second = cell_features(network, pair).numpy()
    total, scale = likeness(first, second).sum(), np.square(features).sum(1).max()
    assert total / scale == pytest.approx(features[0] @ features[1] / scale, abs=1e-5)
    squared = np.square(features).sum() - 2 * total
    assert squared / scale == pytest.approx(np.square(features[0] - features[1]).sum() / scale, abs=1e-5)


def test_the_map_does_not_change_when_the_images_change_places():
    network = PartRegularizedNet(3, "tiny", dim=16).eval()
    first, second = cell_features(network, images(2)).numpy()
    np.testing.assert_allclose(likeness(first, second), likeness(second, first).transpose(2, 3, 0, 1))


@pytest.mark.parametrize("name", ["strong", "vgg_triplet"])
def test_a_feature_that_is_no_mean_over_cells_is_refused(name):
    network = built(Run(backbone="tiny", method=name, parts=()), {"vehicle": 3}, method(name).network)
    with pytest.raises(PartregError, match="no mean over all cells"):
        cell_features(network, images(1))
    without = PartRegularizedNet(3, "tiny", use_global=False)
    with pytest.raises(PartregError, match="no mean over all cells"):
        cell_features(without, images(1))


def test_the_strongest_cells_by_hand():
    values = np.array([[[0.0, 5.0], [5.0, -9.0]], [[1.0, 1.0], [1.0, 1.0]]])
    assert strongest(values, 0.5).tolist() == [[[False, True], [True, False]], [[True, True], [False, False]]]
    assert strongest(values, 0.01).sum((1, 2)).tolist() == [1, 1]


def test_hidden_cells_have_the_images_mean_colour_and_the_others_stay():
    picture = images(1)
    cells = torch.zeros(1, 4, 4, dtype=torch.bool)
    cells[0, 1, 3] = True  # rows 16 to 31, columns 48 to 63
    hidden = hide(picture, cells)
    assert torch.equal(hidden[0, :, 20, 50], picture.float().mean((2, 3))[0])
    changed = (hidden != picture).any(1)[0]
    assert changed[16:32, 48:].all()
    assert changed.sum() == 16 * 16


def test_hiding_of_a_trained_network(drawn, quick, tmp_path):
    table, boxes = drawn
    train(quick.changed(epochs=1), table, boxes, tmp_path / "run", tmp_path)
    pairs = np.arange(24).reshape(12, 2)
    found = hiding(tmp_path / "run", table, pairs, pixels=tmp_path, share=0.25)
    assert list(found.columns) == list(HIDDEN)
    assert len(found) == 12
    assert np.isfinite(found).all(axis=None)
    assert found.equals(hiding(tmp_path / "run", table, pairs, pixels=tmp_path, share=0.25))
    all_hidden = hiding(tmp_path / "run", table, pairs, pixels=tmp_path, share=1.0)
    np.testing.assert_allclose(all_hidden["likeness"], all_hidden["random"], atol=1e-5)  # the same cells: all


def test_hiding_the_cells_that_answer_moves_the_pair_apart():
    """A network that looks at one colour: red in one corner of both, green in another corner of the first alone."""
    from partreg.reid.likeness import _growth

    network = PartRegularizedNet(2, parts=(), dim=2)
    network.feature_map = lambda images: torch.nn.functional.avg_pool2d(images[:, :2].float(), 16) / 16
    network.embed["global"].weight = torch.nn.Parameter(torch.eye(2))
    first, second = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    first[0, 0, :16, :16] = second[0, 0, :16, :16] = 100
    first[0, 1, 48:, 48:] = 200
    before, alike, strong, drawn = _growth(network, first, second, 1 / 16, np.random.default_rng(0))
    assert before == pytest.approx(200 / 256)
    assert alike > 0 > strong  # the green corner is the strongest, and hiding it brings the pair nearer
    assert alike > drawn

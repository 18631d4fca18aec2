import numpy as np
import pytest
import torch

from partreg.reid.activation import activation_maps, class_activation, share_on_cells
from partreg.reid.network import PartRegularizedNet
from partreg.reid.train import train


def test_by_hand():
    network = PartRegularizedNet(2, parts=(), dim=2)
    network.feature_map = lambda images: torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, 1.0]]]])
    network.embed["global"].weight = torch.nn.Parameter(torch.tensor([[1.0, 0.0], [0.0, 10.0]]))
    network.classify["global"].weight = torch.nn.Parameter(torch.tensor([[1.0, -1.0], [2.0, 1.0]]))
    # Column 0 scores a cell by first - 10 * second channel, column 1 by 2 * first + 10 * second.
    found = [class_activation(network, None, torch.tensor([label])).tolist() for label in (0, 1)]
    assert found == [[[[1.0, -8.0], [3.0, -6.0]]], [[[2.0, 14.0], [6.0, 18.0]]]]
    assert class_activation(network, None).tolist() == found[1]  # rated 10 against -2.5


@pytest.mark.parametrize("branch", ["global", "window"])
def test_the_mean_over_a_branchs_cells_is_its_logit(branch):
    network = PartRegularizedNet(7, dim=16).eval()
    images = torch.randint(0, 256, (3, 3, 96, 96), generator=torch.Generator().manual_seed(0))
    boxes = torch.full((3, 4, 4), torch.nan)
    boxes[:, 0] = torch.tensor([0.0, 0.0, 1.0, 0.5])
    labels = torch.tensor([0, 6, 3])
    maps = class_activation(network, images, labels, branch)
    assert maps.shape == (3, 6, 6)
    pooled = (maps[:, :3] if branch == "window" else maps).mean((1, 2))
    expected = network(images, boxes).logits[branch].gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(pooled, expected, rtol=1e-3, atol=1e-5)


def test_of_a_trained_network(drawn, quick, tmp_path):
    images, boxes = drawn
    train(quick.changed(epochs=1), images, boxes, tmp_path / "run", tmp_path)
    own = activation_maps(tmp_path / "run", images, pixels=tmp_path, own=True)
    guessed = activation_maps(tmp_path / "run", images, pixels=tmp_path)
    assert own.shape == guessed.shape == (24, 2, 2)
    assert (guessed.mean((1, 2)) >= own.mean((1, 2)) - 1e-5).all()  # the guess is the highest logit
    assert np.isfinite(own).all()
    with pytest.raises(ValueError, match="vehicles that the network learnt"):
        activation_maps(tmp_path / "run", images.assign(vehicle=1), pixels=tmp_path, own=True)


def test_the_share_of_a_map_on_cells_by_hand():
    cams = np.array([[[3.0, -5.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    cells = np.zeros((2, 2, 2, 2), bool)
    cells[0, 0, 0, :] = True  # the upper row of image 0: 3 of 3 + 1, what is negative counts as nothing
    cells[1, 1, 0, 0] = True
    np.testing.assert_allclose(share_on_cells(cams, cells), [[0.75, np.nan], [np.nan, 0.25]])

"""The file of a trained network's backbone is what another network starts from."""

import pytest
import torch

from partreg.errors import PartregError
from partreg.reid.network import make_network
from partreg.reid.run import Run
from partreg.reid.start import write_backbone


def test_a_network_starts_from_the_backbone_of_another(tmp_path):
    first = make_network(Run(backbone="tiny", seed=3), 7)
    torch.save({"network": first.state_dict()}, tmp_path / "weights.pt")
    write_backbone(tmp_path, tmp_path / "start.pt")
    after, alone = (
        make_network(Run(backbone="tiny", weights=weights, seed=4), 5) for weights in (str(tmp_path / "start.pt"), "")
    )
    for name, value in first.backbone.state_dict().items():
        assert torch.equal(after.backbone.state_dict()[name], value)
    assert any(
        not torch.equal(alone.backbone.state_dict()[name], value) for name, value in first.backbone.state_dict().items()
    )


def test_a_folder_without_a_network_is_refused(tmp_path):
    with pytest.raises(PartregError, match="expected the weights of a trained network"):
        write_backbone(tmp_path, tmp_path / "start.pt")
    assert not (tmp_path / "start.pt").exists()

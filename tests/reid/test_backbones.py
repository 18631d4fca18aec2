import subprocess
import sys

import pytest
import torch
from torchvision import models

from partreg.errors import PartregError
from partreg.reid.backbones import BACKBONES, make_backbone
from partreg.reid.run import Run


@pytest.mark.parametrize(
    ("name", "channels", "stride"),
    [
        ("tiny", 128, 16),
        ("small", 256, 16),
        ("resnet18", 512, 16),
        ("resnet34", 512, 16),
        ("resnet50", 2048, 16),
        ("squeezenet1_0", 512, 8),
    ],
)
def test_backbones_keep_their_last_map_or_halve_it(name, channels, stride):
    for last_stride in (1, 2):
        backbone, given = make_backbone(name, last_stride)
        with torch.inference_mode():
            found = backbone.eval()(torch.zeros(1, 3, 64, 64)).shape
        assert given == channels == found[1]
        # SqueezeNet's first convolution has no padding, so it loses a cell at the edge.
        assert abs(found[2] - 64 // (stride * last_stride)) <= (name == "squeezenet1_0")


def test_small_is_a_resnet_of_one_block_a_stage():
    backbone, _ = make_backbone("small", 1)
    assert [block.conv1.out_channels for block in list(backbone)[4:]] == [32, 64, 128, 256]
    assert [block.stride for block in list(backbone)[4:]] == [1, 2, 2, 1]


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_is_as_it_says(name):
    assert (name in models.list_models()) is BACKBONES[name].published
    if BACKBONES[name].published:
        assert models.get_model_weights(name).IMAGENET1K_V1.url
        assert Run(backbone=name, weights="imagenet").weights == "imagenet"
    else:
        with pytest.raises(PartregError, match=f"nobody publishes ImageNet weights of {name}"):
            Run(backbone=name, weights="imagenet")
    if not BACKBONES[name].stages:
        with pytest.raises(PartregError, match=f"expected 4, for {name} has no stages"):
            Run(backbone=name, part_stage=3)


def test_one_entry_adds_a_backbone():
    """In another process, whose descriptions are made after the entry."""
    script = (
        "import sys\nfrom partreg.reid.backbones import BACKBONES, Backbone\n"
        "BACKBONES['resnet101'] = Backbone()\n"
        "from partreg.reid.run import Run\n"
        "run = Run(backbone='resnet101', part_stage=3, parts='window', size=32, dim=8)\n"
        "assert 'torch' not in sys.modules\n"  # whoever schedules networks does not wait for it
        "from partreg.reid.network import make_network\n"
        "print(make_network(run, 2).embed['window'].in_features)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "1024\n", done.stderr

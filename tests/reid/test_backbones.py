import subprocess
import sys

import pytest
import torch
from torchvision import models

from partreg.errors import PartregError
from partreg.reid.backbones import WIDTHS, has_stages, make_backbone
from partreg.reid.network import make_network
from partreg.reid.run import Run

FOUND = [  # name, channels, stride of the whole at last stride 1
    ("tiny", 128, 16),
    ("small", 256, 16),
    ("resnet18", 512, 16),
    ("resnet50", 2048, 16),
    ("squeezenet1_0", 512, 8),
    ("mobilenet_v3_small", 576, 16),
    ("efficientnet_b0", 1280, 16),
    ("densenet121", 1024, 16),
    ("convnext_tiny", 768, 16),
    ("regnet_y_400mf", 440, 16),
    ("shufflenet_v2_x0_5", 1024, 16),
    ("vgg11_bn", 512, 16),
]
TIMM = [("timm/resnet18d", 512, 16), ("timm/efficientnet_b0", 1280, 16), ("timm/convnext_atto", 320, 16)]


@pytest.mark.parametrize(("name", "channels", "stride"), [*FOUND, *TIMM])
def test_backbones_keep_their_last_map_or_halve_it(name, channels, stride):
    if name.startswith("timm/"):
        pytest.importorskip("timm")
    states = []
    for last_stride in (1, 2):
        torch.manual_seed(0)
        backbone, given = make_backbone(name, last_stride)
        states.append(backbone.state_dict())
        assert backbone.training
        with torch.inference_mode():
            found = backbone.eval()(torch.zeros(1, 3, 64, 64)).shape
        assert given == channels == found[1]
        # SqueezeNet's first convolution has no padding, so it loses a cell at the edge.
        assert abs(found[2] - 64 // (stride * last_stride)) <= (name == "squeezenet1_0")
    assert all(torch.equal(value, states[1][layer]) for layer, value in states[0].items())


@pytest.mark.parametrize("name", [name for name, _, _ in FOUND if name not in WIDTHS])
def test_a_backbone_computes_what_torchvisions_classifier_receives(name):
    """Its map, or the map's averages; so nothing between the last map and the classifier is lost."""
    torch.manual_seed(3)
    full, received = models.get_model(name, weights=None).eval(), []
    list(full.children())[-1].register_forward_pre_hook(lambda _, given: received.append(given[0].clone()))
    torch.manual_seed(3)
    backbone = make_backbone(name, 2)[0].eval()
    image = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        full(image)
        found = backbone(image)
    expected = received[0]
    if found.shape != expected.shape and expected.flatten(1).shape[1] == found.shape[1]:
        found, expected = found.mean((2, 3)), expected.flatten(1)
    torch.testing.assert_close(found.flatten(1), expected.flatten(1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["squeezenet1_1", "mobilenet_v3_small", "efficientnet_b0", "densenet121", "convnext_tiny", "regnet_y_400mf"],
)
def test_parts_learn_on_each_family_and_nothing_is_drawn_while_training(name):
    network = make_network(Run(backbone=name, parts=("window",), size=64, dim=8), 3).train()
    box = torch.tensor([0.0, 0.0, 0.3, 0.6]).expand(2, 4, 4)
    images = torch.arange(2 * 3 * 64 * 64).view(2, 3, 64, 64) % 256
    found, again = network(images, box), network(images, box)
    assert all(torch.equal(found.features[branch], again.features[branch]) for branch in ("global", "window"))
    assert not torch.allclose(found.features["window"], found.features["global"])
    found.logits["window"].sum().backward()
    assert next(network.backbone.parameters()).grad.abs().sum() > 0


def test_small_is_a_resnet_of_one_block_a_stage():
    backbone, _ = make_backbone("small", 1)
    assert [block.conv1.out_channels for block in list(backbone)[4:]] == [32, 64, 128, 256]
    assert [block.stride for block in list(backbone)[4:]] == [1, 2, 2, 1]


@pytest.mark.parametrize("name", WIDTHS)
def test_nobody_publishes_weights_of_this_books_own(name):
    with pytest.raises(PartregError, match=f"nobody publishes ImageNet weights of {name}"):
        Run(backbone=name, weights="imagenet")
    assert name not in models.list_models()


@pytest.mark.parametrize(("name", "stages"), [("tiny", True), ("resnext50_32x4d", True), ("squeezenet1_0", False)])
def test_only_resnets_have_stages(name, stages):
    assert has_stages(make_backbone(name, 1)[0]) is stages
    run = Run(backbone=name, part_stage=3, parts="window", size=32, dim=8)
    if stages:
        assert make_network(run, 2).embed["window"].in_features == make_network(run, 2).channels // 2
    else:
        with pytest.raises(PartregError, match=f"part_stage is 3; expected 4, for {name} has no stages"):
            make_network(run, 2)


@pytest.mark.parametrize(
    ("name", "last_stride", "sentence"),
    [
        ("resnet51", 1, "'resnet51' is unknown; did you mean 'resnet50'"),
        ("fcn_resnet50", 1, "'fcn_resnet50' is unknown"),  # torchvision has it, but it classifies no pictures
        ("vit_b_32", 2, "vit_b_32 takes no picture of 128 pixels"),
        ("swin_t", 2, r"the last layer of swin_t gives \(4, 4, 768\) for a picture, expected a map"),
        ("inception_v3", 1, "the last stage of inception_v3 has no stride that partreg can change; say last_stride=2"),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # torchvision's about Inception's first weights
def test_what_is_no_backbone_is_told_in_a_sentence(name, last_stride, sentence):
    with pytest.raises(PartregError, match=sentence):
        make_backbone(name, last_stride)


def test_without_timm_its_networks_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(PartregError, match="timm/resnet18 needs timm, which is not installed here; run: python -m pip"):
        make_backbone("timm/resnet18", 1)


def test_a_description_waits_neither_for_torch_nor_for_the_name():
    script = (
        "import sys\nfrom partreg.reid.run import Run\n"
        "Run(backbone='resnet101', weights='imagenet')\nRun(backbone='timm/anything')\n"
        "assert 'torch' not in sys.modules\nassert 'torchvision' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

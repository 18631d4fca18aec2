import hashlib
from types import SimpleNamespace

import pytest
import torch
from torchvision import models

from partreg.errors import PartregError
from partreg.reid.backbones import make_backbone
from partreg.reid.network import PartRegularizedNet, check_pixels, load_backbone, make_network
from partreg.reid.run import Run


@pytest.fixture
def images():
    return torch.randint(0, 256, (2, 3, 96, 96), generator=torch.Generator().manual_seed(0))


def boxes(batch=2):
    """Window over the upper half, right light and brand missing, left light in the lower right quarter."""
    found = torch.full((batch, 4, 4), torch.nan)
    found[:, 0] = torch.tensor([0.0, 0.0, 1.0, 0.5])
    found[:, 1] = torch.tensor([0.5, 0.5, 1.0, 1.0])
    return found


def test_local_average_pooling_by_hand():
    network = PartRegularizedNet(2, parts=("window", "light"))
    feature_map = torch.tensor([[[1.0, 2.0], [3.0, 5.0]], [[10.0, 20.0], [30.0, 50.0]]])[None]
    cells = network.cells(boxes(1), 1, 2)
    assert cells.int().tolist() == [[[[1, 1], [1, 1]], [[1, 1], [0, 0]], [[0, 0], [0, 1]]]]
    assert network.pooled(feature_map, cells).tolist() == [[[2.75, 27.5], [1.5, 15.0], [5.0, 50.0]]]
    assert network.pooled(feature_map, torch.zeros_like(cells)).tolist() == [[[0.0, 0.0]] * 3]


def test_forward_is_the_formula_branch_by_branch(images):
    network = PartRegularizedNet(5, dim=16).eval()
    output = network(images, boxes())
    feature_map = network.feature_map(images)
    assert feature_map.shape == (2, 256, 6, 6)
    regions = {
        "global": feature_map,
        "window": feature_map[:, :, :3],
        "light": feature_map[:, :, 3:, 3:],
        "brand": torch.zeros_like(feature_map),
    }
    for branch, region in regions.items():
        feature = region.mean((2, 3)) @ network.embed[branch].weight.T
        expected = feature @ network.classify[branch].weight.T
        torch.testing.assert_close(output.logits[branch], expected, rtol=1e-4, atol=1e-6)
        if branch == "global":
            torch.testing.assert_close(output.feature, feature, rtol=1e-4, atol=1e-6)
    assert {branch: seen.tolist() for branch, seen in output.present.items()} == {
        "global": [True] * 2, "window": [True] * 2, "light": [True] * 2, "brand": [False] * 2,
    }  # fmt: skip


def test_the_feature_map_is_computed_once_for_all_branches(images, monkeypatch):
    network, calls = PartRegularizedNet(5), []
    once = network.backbone.forward
    monkeypatch.setattr(network.backbone, "forward", lambda x: calls.append(1) or once(x))
    network(images, boxes())
    assert calls == [1]


def test_at_test_stage_neither_boxes_nor_parts_matter(images):
    network = PartRegularizedNet(5).eval()
    with_boxes, without = network(images, boxes()), network(images)
    torch.testing.assert_close(with_boxes.feature, without.feature)
    assert list(without.logits) == ["global"]
    assert without.feature.shape == (2, 256)


def test_without_global_branch_the_parts_stand_side_by_side(images):
    network = PartRegularizedNet(5, parts=("window", "light"), use_global=False, dim=8).eval()
    output = network(images, boxes())
    assert output.feature.shape == (2, 16)
    feature_map = network.feature_map(images)
    light = feature_map[:, :, 3:, 3:].mean((2, 3)) @ network.embed["light"].weight.T
    torch.testing.assert_close(output.feature[:, 8:], light, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="needs boxes"):
        network(images)


def test_pixels_are_normalized_as_the_weights_expect():
    red = torch.zeros(1, 3, 1, 1)
    red[:, 0] = 255.0
    for kind, expected in (("rgb", (2.2489, -2.0357, -1.8044)), ("caffe", (-104.0, -117.0, 132.0))):
        network = PartRegularizedNet(2, pixels=kind)
        network.backbone = torch.nn.Identity()
        torch.testing.assert_close(network.feature_map(red).flatten(), torch.tensor(expected), rtol=1e-4, atol=1e-4)


def test_runs_of_a_seed_start_from_the_same_backbone_and_global_branch():
    before = torch.random.get_rng_state()
    full, baseline, other = (make_network(Run(**kw), 5) for kw in ({}, {"parts": ()}, {"seed": 1}))
    assert torch.equal(torch.random.get_rng_state(), before)
    for layer, value in baseline.state_dict().items():
        if not layer.startswith("classify"):
            assert torch.equal(value, full.state_dict()[layer])
    assert not torch.equal(full.embed["global"].weight, other.embed["global"].weight)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_0"])
def test_weights_from_a_file_are_torchvisions_own(tmp_path, name):
    full = getattr(models, name)(weights=None).eval()
    torch.save(full.state_dict(), tmp_path / "w.pth")
    network = make_network(Run(backbone=name, weights=str(tmp_path / "w.pth"), last_stride=2), 3).eval()
    x = torch.rand(1, 3, 64, 64)
    if name == "resnet18":
        full.fc, full.avgpool = torch.nn.Identity(), torch.nn.AdaptiveAvgPool2d(1)
        expected, found = full(x).flatten(), network.backbone(x).mean((2, 3)).flatten()
    else:
        expected, found = full.features(x), network.backbone(x)
    torch.testing.assert_close(found, expected)


def test_a_calibrated_map_has_a_root_mean_square_of_one_and_ranks_as_before(images):
    network = PartRegularizedNet(3, backbone="squeezenet1_0", parts=(), pixels="caffe").train()
    before = network(images).feature
    network.calibrate(images)
    assert network.training
    assert network.feature_map(images).square().mean().item() == pytest.approx(1, rel=1e-4)
    after = network(images).feature
    torch.testing.assert_close(after, before * network.gain, rtol=1e-4, atol=1e-6)
    assert network.gain.item() != pytest.approx(1, rel=0.1)
    assert "gain" in network.state_dict()
    network.calibrate(images)  # a second time changes nothing
    torch.testing.assert_close(network(images).feature, after, rtol=1e-4, atol=1e-6)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    backbone, _ = make_backbone("resnet18", 1)
    cases = {
        "gone.pth": (None, "no such file of weights"),
        "text.pth": (b"not a state dict", "expected a state dict saved by torch.save"),
        "list.pth": ([1], "found list"),
        "other.pth": ({"conv1.weight": torch.zeros(1)}, r"layer conv1.weight is \(1,\), but resnet18 has it as"),
        "empty.pth": ({}, "layer conv1.weight is missing"),
    }  # fmt: skip
    for name, (content, message) in cases.items():
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            torch.save(content, path)
        with pytest.raises(PartregError, match=message) as caught:
            load_backbone(backbone, "resnet18", str(path))
        assert str(path) in str(caught.value)


def test_imagenet_weights_come_through_torchvision_or_the_error_names_the_way_round(monkeypatch):
    backbone, _ = make_backbone("resnet18", 1)
    state = models.resnet18(weights=None).state_dict()
    asked = []

    def fetch(url, **how):
        asked.append((url, how["weights_only"]))
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    load_backbone(backbone, "resnet18", "imagenet")
    assert asked == [("https://download.pytorch.org/models/resnet18-f37072fd.pth", True)]
    assert torch.equal(backbone.conv1.weight, state["conv1.weight"])

    def offline(url, **how):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(PartregError, match=r"resnet18-f37072fd.pth: .* could not be fetched .* weights=<file>"):
        load_backbone(backbone, "resnet18", "imagenet")


def test_the_published_squeezenet_sees_what_it_was_trained_on(real):
    run = Run(backbone="squeezenet1_0", weights=str(real / "weights" / "squeezenet1_0_imagenet.pth"), pixels="caffe")
    network = make_network(run, 3).eval()
    found = network(torch.full((1, 3, 128, 128), 128.0)).feature
    assert found.shape == (1, 256)
    assert bool(found.isfinite().all())


def test_the_pixels_follow_the_file_of_weights(tmp_path, monkeypatch):
    path = tmp_path / "squeezenet.pth"
    torch.save(make_backbone("squeezenet1_0", 2)[0].state_dict(), path)
    run = Run(backbone="squeezenet1_0", weights=str(path), pixels="caffe", last_stride=2)
    make_network(run, 3)  # nobody can tell what a file of one's own expects
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    own = SimpleNamespace(url=f"https://download.pytorch.org/models/squeezenet1_0-{digest[:8]}.pth")
    monkeypatch.setattr("torchvision.models.get_model_weights", lambda name: [own])  # each is named by its hash
    with pytest.raises(PartregError, match=r"squeezenet\.pth: these are torchvision's own .* set pixels=rgb"):
        make_network(run, 3)
    make_network(run.changed(pixels="rgb"), 3)
    with pytest.raises(PartregError, match="pixels is 'caffe'; expected rgb, which 'imagenet' learnt from"):
        Run(backbone="squeezenet1_0", weights="imagenet", pixels="caffe")


@pytest.mark.parametrize(("stage", "channels", "grid"), [(4, 256, 4), (3, 128, 4), (2, 64, 8)])
def test_parts_may_pool_an_earlier_map_and_the_feature_does_not_change_with_it(stage, channels, grid):
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, 3, 64, 64), generator=chance)
    network = make_network(Run(size=64, part_stage=stage), 5).eval()
    assert network.embed["window"].in_features == channels
    early, last = network.feature_maps(pixels, stage)
    assert early.shape == (2, channels, grid, grid)
    assert torch.equal(last, network.feature_map(pixels))
    boxes = torch.tensor([0.0, 0.0, 0.5, 1.0]).expand(2, 4, 4)
    found = network(pixels, boxes)
    by_hand = network.classify["window"](network.embed["window"](early[..., : grid // 2].mean((2, 3))))
    torch.testing.assert_close(found.logits["window"], by_hand, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.feature, network(pixels).feature, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "size", "low", "high"),
    [("small", 128, -0.55, -0.3), ("resnet18", 256, -0.55, -0.3), ("squeezenet1_0", 256, 0.05, 0.3)],
)
def test_neurons_look_as_far_beside_their_cell_as_the_page_of_assumptions_says(name, size, low, high):
    """In cells, to the right and down of the strip of the picture that `partreg.parts.cells` takes for theirs."""
    torch.manual_seed(0)
    network, places, found = make_backbone(name, 1)[0].train(), torch.arange(size) + 0.5, []
    for _ in range(2):
        images = torch.randn(4, 3, size, size, requires_grad=True)
        feature_map = network(images)
        grid = feature_map.shape[-1]
        for cell in (grid // 2 - 1, grid // 2):
            asked = (feature_map[:, :, cell, cell] * torch.randn(4, feature_map.shape[1])).sum()
            weight = torch.autograd.grad(asked, images, retain_graph=True)[0].square().sum((0, 1))
            centre = torch.stack([weight.sum(axis) @ places for axis in (0, 1)]) / weight.sum()
            found.append(centre * grid / size - (cell + 0.5))
    across, down = torch.stack(found).mean(0).tolist()
    assert low < across < high
    assert low < down < high


def test_a_part_with_a_word_of_torch_is_refused():
    with pytest.raises(PartregError, match="parts: 'keys' is a word of torch's own; give this class another name"):
        make_network(Run(parts="keys,lock", size=32, backbone="tiny"), 2)


def test_weights_of_timm_come_from_a_file_in_its_names(tmp_path):
    timm, safetensors = pytest.importorskip("timm"), pytest.importorskip("safetensors.torch")
    given = timm.create_model("resnet18", num_classes=7).state_dict()
    torch.save(given, tmp_path / "w.pth")
    safetensors.save_file(given, tmp_path / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        run = Run(backbone="timm/resnet18", weights=str(tmp_path / name), parts=(), size=32)
        assert torch.equal(make_network(run, 2).backbone.conv1.weight, given["conv1.weight"])
    with pytest.raises(PartregError, match="give weights=<file> with timm's state dict of timm/resnet34"):
        make_network(run.changed(backbone="timm/resnet34"), 2)


def test_pixels_that_timms_weights_do_not_expect_are_refused():
    pytest.importorskip("timm")
    with pytest.raises(PartregError, match="expect pixels with the means"):
        check_pixels(Run(backbone="timm/tf_efficientnet_lite0", weights="imagenet", parts=()))
    check_pixels(Run(backbone="timm/resnet18", weights="imagenet", parts=()))

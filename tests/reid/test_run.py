import dataclasses
import json

import pytest

from partreg.errors import PartregError
from partreg.reid.run import Run, from_dict
from partreg.workflow import networks, open_workspace
from partreg.workflow.profile import digest, read_profile


@pytest.mark.parametrize("profile", ["smoke", "paper", "reference", "regime"])
def test_the_weight_of_the_parts_is_that_of_every_profile_without_the_kept_start(profile):
    assert read_profile(profile)["reid"]["part_weight"] == Run().part_weight == 0.3


def test_json_brings_back_an_equal_run_with_the_same_key():
    run = Run(dataset="veri", parts=("window",), lr=0.01, seed=3)
    again = from_dict(json.loads(run.to_json()))
    assert again == run
    assert again.key == run.key


def test_key_is_twelve_hexadecimal_digits_and_changes_with_every_field():
    changes = {
        "dataset": "veri", "data": "x", "parts": ("light",), "use_global": False, "boxes": "whole", "size": 128,
        "backbone": "resnet18", "weights": "imagenet", "pixels": "caffe", "last_stride": 2, "dim": 128,
        "part_weight": 0.5, "epochs": 3, "batch": 8, "lr": 0.01, "schedule": "exponential", "decay": 0.9,
        "warmup": 0.0, "momentum": 0.5, "weight_decay": 0.0, "augment": ("flip",), "held_out": 4, "seed": 1,
    }  # fmt: skip
    changes |= {"method": "vgg_ccl", "margin": 1.0, "global_weight": 0.5, "hidden": 0.2}
    changes |= {"part_stage": 3, "part_dropout": 0.5, "agreement": 1.0}
    base = Run(backbone="resnet50")
    assert set(changes) == set(json.loads(base.to_json()))
    keys = {base.changed(**{name: value}).key for name, value in changes.items()} | {base.key}
    assert len(keys) == len(changes) + 1
    assert all(len(key) == 12 and int(key, 16) >= 0 for key in keys)


def test_keys_are_what_they_were():
    """They name folders and stand in tables that are kept, so a new way to check or to group the fields moves none."""
    assert Run().key == "4463aaf802db"
    assert Run(dataset="veri", parts="window", lr=1, weights="imagenet", backbone="resnet50").key == "af9aaa5b5763"


@pytest.mark.parametrize(
    ("profile", "keys"), [("smoke", "da0877cdde53"), ("laptop", "2c2512964aac"), ("reference", "2cac6e64a235")]
)
def test_the_networks_of_a_profile_are_what_they_were(profile, keys):
    found = {run.changed(data="").key for run in networks(open_workspace(profile)).values()}
    assert digest(sorted(found)) == keys


def test_what_means_the_same_is_the_same_run():
    assert Run(parts="light, window") == Run(parts=["window", "light"])
    assert Run(lr=1).key == Run(lr=1.0).key
    assert Run(size=96.0) == Run()
    assert Run(parts="") == Run(parts=())


def test_weights_from_a_file_count_as_their_bytes(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"1")
    (tmp_path / "b.pth").write_bytes(b"1")
    (tmp_path / "c.pth").write_bytes(b"2")
    keys = [Run(weights=str(tmp_path / name)).key for name in ("a.pth", "b.pth", "c.pth")]
    assert keys[0] == keys[1] != keys[2]
    with pytest.raises(PartregError, match=r"gone\.pth: expected a file of weights, found none"):
        _ = Run(weights=str(tmp_path / "gone.pth")).key


def test_which_runs_wait_for_the_detector():
    assert [Run(boxes=boxes).detects for boxes in ("filled", "detected", "shuffled", "random")] == [True] * 4
    assert [Run(boxes=boxes).detects for boxes in ("whole", "truth")] == [False] * 2
    assert not Run(parts=()).detects


def test_names():
    assert Run().branches_name == "Global+Window+Light+Brand"
    assert Run(parts=()).branches_name == "Baseline (w/o parts)"
    assert Run(parts=("window",), use_global=False, boxes="shuffled").branches_name == "Window, boxes shuffled"
    assert Run(method="strong", parts=("window",)).branches_name == "strong+window"
    assert Run().name == "vehicleid, Global+Window+Light+Brand, small, 96 px, seed 0"


def test_parts_of_ones_own_come_in_one_order():
    assert Run(parts="wheel, saddle") == Run(parts=["saddle", "wheel", "wheel"])
    assert Run(parts="wheel,saddle").branches_name == "Global+Saddle+Wheel"
    assert from_dict(json.loads(Run(parts=("left pedal",)).to_json())).parts == ("left pedal",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"parts": "wheel,global"}, "parts is 'wheel,global'; expected names out of window, light, brand; or those"),
        ({"parts": "front.wheel"}, "parts is 'front.wheel'; expected names"),
        ({"parts": ["left_light"]}, "expected names out of window, light, brand"),
        ({"backbone": 18}, "backbone is 18; expected text"),
        ({"parts": "window,wheel"}, "parts is 'window,wheel'; expected names out of window, light, brand"),
        ({"part_weight": float("inf")}, "part_weight is inf; expected a number from 0 to 1000"),
        ({"parts": (), "use_global": False}, "at least one part where use_global is false"),
        ({"dataset": "cars"}, "dataset is 'cars'; expected one of vehicleid, veri"),
        ({"last_stride": 3}, "last_stride is 3; expected one of 1, 2"),
        ({"size": 0}, "size is 0; expected a whole number from 32 to 2048"),
        ({"size": "large"}, "size is 'large'; expected a whole number"),
        ({"size": 96.5}, "size is 96.5; expected a whole number"),
        ({"use_global": 1}, "use_global is 1; expected true or false"),
        ({"epochs": 0}, "epochs is 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"weights": "imagenet"}, "nobody publishes ImageNet weights of small"),
        ({"weights": "rendered", "backbone": "resnet18"}, "expected '' or a file where the backbone is resnet18"),
        ({"weights": "rendered", "pixels": "caffe"}, "expected rgb, which 'rendered' learnt from"),
        ({"colour": "red"}, "here: 'colour' is unknown; expected one of"),
        ({"epoch": 3}, "here: 'epoch' is unknown; did you mean 'epochs'?"),
        ({"size": "96"}, "here: size is '96'; expected a whole number from 32 to 2048"),
        ({"size": True}, "size is True; expected a whole number"),
        ({"last_stride": True}, "last_stride is True; expected one of 1, 2"),
        ({"lr": "0.1"}, "lr is '0.1'; expected a number from 0 to 1000"),
        ({"lr": None}, "lr is None; expected a number"),
        ({"method": None}, "method is None; expected text"),
        ({"weights": 7}, "weights is 7; expected text: write it in quotes"),
        ({"parts": None}, "parts is None; expected names out of window, light, brand"),
    ],
)
def test_slips_are_named(values, message):
    with pytest.raises(PartregError, match=message):
        from_dict(values, "here")


def test_a_run_that_is_made_directly_is_guarded_too():
    with pytest.raises(PartregError, match=r"^run: size is 0; expected a whole number from 32 to 2048\.$"):
        Run(size=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Run().size = 64


def test_a_list_is_no_run():
    with pytest.raises(PartregError, match="expected a JSON object"):
        from_dict([1])


def test_a_folder_is_no_file_of_weights(tmp_path):
    with pytest.raises(PartregError, match="expected a file of weights, found a folder"):
        Run(backbone="resnet18", weights=str(tmp_path)).key  # noqa: B018

"""Profiles and a reader's own choices."""

import dataclasses

import pytest
import yaml

from partreg import workflow
from partreg.errors import PartregError
from partreg.workflow.profile import REPOSITORY, read_profile


def test_the_profiles_have_the_same_fields_and_only_sizes_seeds_paths_and_the_recipe_differ():
    laptop, smoke, paper = (read_profile(name) for name in ("laptop", "smoke", "paper"))
    assert set(laptop) == set(smoke) == set(paper)
    assert set(laptop["benchmark"]) == set(smoke["benchmark"])
    assert set(laptop["reid"]) == set(smoke["reid"]) == set(paper["reid"])
    for name in ("backbone", "weights", "last_stride", "dim", "part_weight", "lr", "schedule", "weight_decay"):
        assert laptop["reid"][name] == smoke["reid"][name], name


def test_the_default_folder_and_a_chosen_one(tmp_path):
    assert workflow.open_workspace("smoke").folder == REPOSITORY / "build" / "smoke"
    assert workflow.open_workspace("smoke", output=str(tmp_path)).folder == tmp_path


def test_seeds_and_overrides_replace_what_the_profile_says():
    ws = workflow.open_workspace("smoke", seeds="3,4", overrides={"reid": {"epochs": 7}, "annotate": 9})
    assert ws.profile.seeds == [3, 4]
    assert ws.profile.reid["epochs"] == 7
    assert ws.profile.reid["batch"] == read_profile("smoke")["reid"]["batch"]
    assert ws.profile.annotate == 9


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"profile": "no_such"}, "laptop"),
        ({"profile": "smoke", "seeds": "one"}, "whole numbers"),
        ({"profile": "smoke", "vehicleid": "no/such/folder"}, "VEHICLEID=path"),
        ({"profile": "smoke", "overrides": {"epoch": 3}}, "unknown field 'epoch'"),
        ({"profile": "paper"}, "data/VehicleID_V1.0"),
    ],
)
def test_a_slip_is_told_in_one_sentence(choices, words):
    with pytest.raises(PartregError) as caught:
        workflow.open_workspace(**choices)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_profile_of_ones_own_must_have_every_field(tmp_path):
    fields = {name: value for name, value in read_profile("smoke").items() if name not in ("name", "seeds")}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**fields, "seed": 1}))
    with pytest.raises(PartregError, match=r"missing \['seeds'\], unknown \['seed'\]"):
        workflow.open_workspace(str(path))
    path.write_text(yaml.safe_dump({**fields, "seeds": [5]}))
    assert workflow.open_workspace(str(path)).profile.seeds == [5]


def test_a_profile_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        workflow.open_workspace("smoke").profile.annotate = 1


def test_a_detector_is_described_alike_in_all_profiles():
    described = [set(read_profile(name)["detector"]) for name in ("smoke", "laptop", "paper")]
    assert described == [{"model", "size", "epochs", "batch", "seed"}] * 3

"""Profiles, a reader's own choices, and the digests that tell when work is due again."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml

from partreg import workflow
from partreg.errors import PartregError
from partreg.workflow import profile, rows
from partreg.workflow.profile import REPOSITORY, data_key, needed_code, parts_key, read_profile


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


def test_keys_change_with_what_they_describe_and_with_nothing_else():
    ws = workflow.open_workspace("smoke")
    other = workflow.open_workspace("smoke", overrides={"benchmark": {"seed": 1}})
    longer = workflow.open_workspace("smoke", overrides={"detector": {"epochs": 3}})
    reseeded = workflow.open_workspace("smoke", seeds="9")
    assert data_key(ws, "veri") != data_key(other, "veri")
    assert data_key(ws, "veri") == data_key(longer, "veri") == data_key(reseeded, "veri")
    assert parts_key(ws) != parts_key(longer)
    assert parts_key(ws) == parts_key(reseeded)


def test_the_lists_of_a_folder_make_its_key(tmp_path):
    folder = tmp_path / "VeRi"
    folder.mkdir()
    (folder / "name_train.txt").write_text("0001_c001_00000001_0.jpg\n")
    before = profile._lists_key(str(folder))
    profile._lists_key.cache_clear()
    (folder / "name_train.txt").write_text("0002_c001_00000001_0.jpg\n")
    assert profile._lists_key(str(folder)) != before


def test_comments_and_docstrings_are_not_code(tmp_path, monkeypatch):
    def key(source):
        (tmp_path / "module.py").write_text(source)
        profile.code_key.cache_clear()
        return profile.code_key("module")

    monkeypatch.setattr(profile.partreg, "__file__", str(tmp_path / "__init__.py"))
    plain = key("def f(x):\n    return x + 1\n")
    assert plain == key('"""What."""\n\n\ndef f(x):\n    """Add."""\n    # why\n    return x + 1\n')
    assert plain != key("def f(x):\n    return x + 2\n")
    profile.code_key.cache_clear()


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("lomo", {"lomo"}),
        ("vgg_ccl", {"vgg_ccl", "vgg_triplet", "metric_losses"}),
        ("mixed_diff_ccl", {"mixed_diff_ccl", "googlenet", "metric_losses"}),
        ("bow_cn", {"bow_cn", "bag_of_words", "color_names"}),
        ("plate_snn", {"plate_snn", "plates", "metric_losses"}),
    ],
)
def test_a_method_needs_the_modules_that_it_imports_and_those_that_they_import(module, needed):
    assert needed_code(f"baselines/{module}") == tuple(sorted(f"baselines/{name}" for name in needed))


def test_an_edit_of_a_module_makes_the_rows_that_need_it_due(tmp_path, monkeypatch):
    copy = tmp_path / "partreg"
    shutil.copytree(Path(profile.partreg.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    ws = workflow.open_workspace("smoke")

    def keys():
        profile.code_key.cache_clear()
        profile.needed_code.cache_clear()
        networks = {name: workflow.method_run(ws, "vehicleid", name).key for name in ("vgg_ccl", "vgg_triplet")}
        return networks | {name: rows.row_key(ws, name, 0) for name in ("plate_snn", "fact_plate_snn", "lomo")}

    try:
        with monkeypatch.context() as patch:
            patch.setattr(profile.partreg, "__file__", str(copy / "__init__.py"))
            before = keys()
            with open(copy / "baselines" / "metric_losses.py", "a") as file:
                file.write("\n# said otherwise\n")
            assert keys() == before
            with open(copy / "baselines" / "metric_losses.py", "a") as file:
                file.write("\nMORE = 1\n")
            after = keys()
        assert {name for name in before if before[name] != after[name]} == set(before) - {"lomo"}
    finally:
        profile.code_key.cache_clear()
        profile.needed_code.cache_clear()


def test_a_profile_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        workflow.open_workspace("smoke").profile.annotate = 1


def test_a_detector_is_described_alike_in_all_profiles():
    described = [set(read_profile(name)["detector"]) for name in ("smoke", "laptop", "paper")]
    assert described == [{"model", "size", "epochs", "batch", "seed"}] * 3

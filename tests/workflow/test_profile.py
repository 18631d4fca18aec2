"""Profiles and a reader's own choices."""

import dataclasses

import pytest
import yaml

from needs import parts_key
from partreg import workflow
from partreg.errors import PartregError
from partreg.workflow.profile import REPOSITORY, digest, read_profile


def test_the_profiles_have_the_same_fields_and_only_sizes_seeds_paths_and_the_recipe_differ():
    laptop, smoke, paper = (read_profile(name) for name in ("laptop", "smoke", "paper"))
    assert set(laptop) == set(smoke) == set(paper)
    assert set(laptop["benchmark"]) == set(smoke["benchmark"])
    assert set(laptop["reid"]) == set(smoke["reid"]) == set(paper["reid"])
    for name in ("backbone", "last_stride", "dim", "schedule", "weight_decay"):
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
        ({"profile": "smoke", "seeds": "one"}, "seeds[0] is 'one'; expected a whole number"),
        ({"profile": "smoke", "vehicleid": "no/such/folder"}, "VEHICLEID=path"),
        ({"profile": "smoke", "overrides": {"epoch": 3}}, "'epoch' is unknown"),
        ({"profile": "paper"}, "data/VehicleID_V1.0"),
    ],
)
def test_a_slip_is_told_in_one_sentence(choices, words):
    with pytest.raises(PartregError) as caught:
        workflow.open_workspace(**choices)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def written(tmp_path, name, values):
    (tmp_path / name).write_text(yaml.safe_dump(values))
    return str(tmp_path / name)


def test_a_profile_of_ones_own_must_have_every_field_or_extend_one(tmp_path):
    fields = {name: value for name, value in read_profile("smoke").items() if name not in ("name", "seeds")}
    with pytest.raises(PartregError, match="'seed' is unknown; did you mean 'seeds'"):
        workflow.open_workspace(written(tmp_path, "mine.yaml", {**fields, "seed": 1}))
    with pytest.raises(PartregError, match=r"mine\.yaml: seeds must be given, too; extends: laptop takes over"):
        workflow.open_workspace(written(tmp_path, "mine.yaml", fields))
    whole = workflow.open_workspace(written(tmp_path, "mine.yaml", {**fields, "seeds": [5]}))
    extending = workflow.open_workspace(written(tmp_path, "mine.yaml", {"extends": "smoke", "seeds": [5]}))
    assert whole == extending
    assert whole.profile.seeds == [5]


def test_a_profile_says_only_what_it_changes(tmp_path):
    changes = {
        "extends": "smoke",
        "reid": {"epochs": 3},
        "names": {},
        "methods": {"oife": None, "strong": {"lr": None}},
    }
    smoke, mine = read_profile("smoke"), read_profile(written(tmp_path, "mine.yaml", {**changes, "evidence": {}}))
    assert mine["name"] == "mine"
    assert mine["reid"] == {**smoke["reid"], "epochs": 3}  # dictionaries merge
    assert mine["evidence"] == {}  # an empty one empties
    assert mine["methods"] == {**{k: v for k, v in smoke["methods"].items() if k != "oife"}, "strong": {"margin": 0.3}}
    assert mine["dial"] == smoke["dial"]


def test_paths_count_from_the_profile_that_says_them(tmp_path):
    for folder in ("below/VeRi", "VehicleID"):
        (tmp_path / folder).mkdir(parents=True)
    written(tmp_path, "below/base.yaml", {"extends": "smoke", "veri": "VeRi"})
    top = written(tmp_path, "top.yaml", {"extends": "below/base.yaml", "vehicleid": "VehicleID"})
    found = workflow.open_workspace(top).profile
    assert (found.name, found.veri, found.vehicleid) == (
        "top",
        str(tmp_path / "below" / "VeRi"),
        str(tmp_path / "VehicleID"),
    )


@pytest.mark.parametrize(
    ("extends", "words"),
    [
        ("lptop", "mine.yaml: extends: 'lptop' is none of laptop, paper"),
        ("mine.yaml", "mine.yaml: extends leads back to this file, by way of"),
        ("other.yaml", "mine.yaml: extends leads back to this file, by way of"),
        ("absent.yaml", "absent.yaml: no such file"),
        ("choices.yaml", "choices.yaml: 'profile' belongs into a file of choices"),
        (["laptop"], "mine.yaml: extends is ['laptop']; expected text"),
        (7, "mine.yaml: extends is 7; expected text: write it in quotes"),
        ("bad.yaml", "bad.yaml: annotate is 0; expected a whole number of at least 1"),
    ],
)
def test_what_cannot_be_extended_is_told_in_one_sentence(tmp_path, extends, words):
    written(tmp_path, "other.yaml", {"extends": "mine.yaml"})
    written(tmp_path, "choices.yaml", {"profile": "smoke"})
    written(tmp_path, "bad.yaml", {"extends": "smoke", "annotate": 0})
    with pytest.raises(PartregError) as caught:
        workflow.open_workspace(written(tmp_path, "mine.yaml", {"extends": extends, "seeds": [1]}))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


SAME = {"profile": "smoke"}


@pytest.mark.parametrize(
    ("choices", "seeds"),
    [
        ({"seeds": 0}, [0]),
        ({"seeds": [0, 1]}, [0, 1]),
        ({"seeds": (2, 1)}, [2, 1]),
        ({"seeds": "0, 1"}, [0, 1]),
        ({"seeds": ""}, [3]),
        ({"seeds": None}, [3]),
    ],
)
def test_seeds_are_taken_as_meant(tmp_path, choices, seeds):
    path = tmp_path / "mine.yaml"
    path.write_text("profile: smoke\nseeds: [3]\n")
    assert workflow.open_workspace(str(path), **choices).profile.seeds == seeds


@pytest.mark.parametrize(
    "value", ["0;1", "0,,1", "0,1,", "1.5", "-1", 1.5, True, [0, True], [0, 0], "1,1", {"a": 1}, "²", "9" * 5000]
)
def test_seeds_that_could_mean_two_things_are_refused(value):
    with pytest.raises(PartregError, match=r"^seeds"):
        workflow.open_workspace("smoke", seeds=value)


def test_dictionaries_may_come_as_text(tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.touch()
    names = '{"windshield": "front_window"}'
    for overrides in ('{"reid": {"epochs": 1}}', "reid: {epochs: 1}", {"reid": {"epochs": 1}}):
        ws = workflow.open_workspace("smoke", overrides=overrides, names=names, annotations=str(boxes))
        assert ws.profile.reid == {**read_profile("smoke")["reid"], "epochs": 1}
        assert ws.profile.names == {"windshield": "front_window"}


def test_overrides_merge_at_every_depth():
    given = {"evidence": {"base": {"size": 64}}, "methods": {"vgg_ccl": {"lr": 0.1}}}
    ws, smoke = workflow.open_workspace("smoke", overrides=given), read_profile("smoke")
    assert ws.profile.evidence["base"] == {**smoke["evidence"]["base"], "size": 64}
    assert ws.profile.methods["vgg_ccl"] == {"lr": 0.1, "margin": smoke["methods"]["vgg_ccl"]["margin"]}
    emptied = workflow.open_workspace("smoke", overrides={"evidence": {}, "methods": {"vgg_ccl": {"lr": None}}}).profile
    assert emptied.evidence == {}
    assert emptied.methods["vgg_ccl"] == {"margin": smoke["methods"]["vgg_ccl"]["margin"]}


def test_choices_may_start_from_a_profile_of_ones_own_and_go_before_it(tmp_path):
    written(tmp_path, "base.yaml", {"extends": "smoke", "annotate": 7, "reid": {"lr": 0.5}})
    given = {"profile": "base.yaml", "overrides": {"reid": {"lr": None}, "seeds": [1]}}
    ws = workflow.open_workspace(written(tmp_path, "mine.yaml", given), seeds=2, overrides={"reid": {"epochs": 3}})
    assert (ws.profile.name, ws.folder.name) == ("mine", "mine")
    assert (ws.profile.annotate, ws.profile.seeds) == (7, [2])
    assert ws.profile.reid == {**{k: v for k, v in read_profile("smoke")["reid"].items() if k != "lr"}, "epochs": 3}


@pytest.mark.parametrize("profile", ["lptop", "nowhere/lptop"])
def test_a_file_of_choices_that_names_no_profile_is_named(tmp_path, profile):
    path = written(tmp_path, "mine.yaml", {"profile": profile, "vehicleid": "cars"})
    with pytest.raises(PartregError, match=f"mine.yaml: profile: '{profile}' is none of laptop, paper"):
        workflow.open_workspace(path)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"output": 2024}, "output is 2024; expected text"),
        ({"output": 1000.0}, "-r in place of -p"),
        ({"profile": 2024}, "profile is 2024; expected text"),
        ({"profile": "../profiles/smoke"}, "is none of laptop, paper"),
        ({"vehicleid": True}, "vehicleid is True; expected text"),
        ({"names": "windshield"}, "names is 'windshield'; expected fields"),
        ({"names": {"windshield": "window"}}, "names.windshield is 'window'; expected one of front_window"),
        ({"names": {"windshield": "front_window"}}, "names: there is no COCO file"),
        ({"photographs": "."}, "photographs: there is no COCO file"),
        ({"overrides": 5}, "overrides is 5; expected fields"),
        ({"overrides": '{"reid": {"epochs": 1}, "reid": {"lr": 0.1}}'}, "line 1: 'reid' is given a second time"),
        (
            {"overrides": "reid: {epochs: 1}\nreid: {lr: 0.1}"},
            "overrides: expected YAML (line 2: 'reid' is given a second time",
        ),
        ({"names": "{a: body, a: front_window}"}, "names: expected YAML (line 1: 'a' is given a second time"),
        ({"overrides": "{annotate: 2024-13-45}"}, "overrides: expected YAML"),
        ({"overrides": "[" * 5000}, "overrides: expected YAML"),
        ({"overrides": '{"annotate": ' + "9" * 5000 + "}"}, "overrides: expected YAML"),
        ({"overrides": "reid"}, "overrides is 'reid'; expected fields"),
        ({"overrides": {"reid": {"epoch": 1}}}, "'epoch' is unknown; did you mean 'epochs'?"),
        ({"overrides": {"reid": {"size": 64}}}, "profile smoke: reid: size is what methods"),
        ({"overrides": {"reid": {"agreement": 1}}}, "profile smoke: reid: agreement is what methods"),
        ({"overrides": {"reid": {"epochs": [1, 2]}}}, "epochs is [1, 2]; expected a whole number"),
        ({"overrides": {"reid": {"epochs": "many"}}}, "epochs is 'many'; expected a whole number"),
        ({"overrides": {"reid": 5}}, "profile smoke: reid is 5; expected fields"),
        ({"overrides": {"benchmark": {"near": 2}}}, "profile smoke: benchmark: 'near' is unknown"),
        ({"overrides": {"benchmark": {"test_vehicles": 5}}}, "test_vehicles is 5; expected a list"),
        ({"overrides": {"benchmark": {"size": 64.5}}}, "size is 64.5; expected a whole number"),
        ({"overrides": {"benchmark": {"shortcuts": float("nan")}}}, "shortcuts is nan; expected a number"),
        ({"overrides": {"methods": {"vgg_cl": {"lr": 1}}}}, "'vgg_cl' is unknown; did you mean 'vgg_ccl'?"),
        ({"overrides": {"methods": {"vgg_ccl": {"margins": 1}}}}, "did you mean 'margin'?"),
        ({"overrides": {"other_methods": "no"}}, "other_methods is 'no'; expected true or false"),
        ({"overrides": {"annotate": True}}, "annotate is True; expected a whole number"),
        ({"overrides": {"annotate": 0}}, "annotate is 0; expected a whole number of at least 1"),
        ({"overrides": {"detector": {"epochs": "8"}}}, "detector.epochs is '8'"),
        ({"overrides": {"detector": {"size": 100}}}, "detector.size is 100; expected a multiple of 32"),
        ({"overrides": {"detector": {"size": 0}}}, "detector.size is 0; expected a whole number of at least 32"),
        ({"overrides": {"sizes": {"vehicleid": 96}}}, "sizes.vehicleid is 96; expected a list"),
        ({"overrides": {"sizes": {"vehicleid": []}}}, "expected a list of at least 1"),
        ({"overrides": {"sizes": {"VehicleID": [96]}}}, "'VehicleID' is unknown; did you mean 'vehicleid'?"),
        ({"overrides": {"seeds": "0,1"}}, "seeds is '0,1'; expected a list"),
        ({"overrides": {"seeds": []}}, "seeds is []; expected a list of at least 1"),
        ({"overrides": {"dial": {"size": 8}}}, "dial.size is 8"),
        ({"overrides": {"reid": {"lr": 10**400}}}, "expected a number"),
        ({"vehicleid": "~nobody-here/a"}, "'~nobody-here/a' is no path here"),
        ({"vehicleid": "a\0b"}, "is no path here"),
        ({"profile": "~nobody-here/mine.yaml"}, "'~nobody-here/mine.yaml' is no path here"),
        ({"profile": "a\0b.yaml"}, "is no path here"),
        ({"vehicleid": "a" * 300}, "no such path"),
        ({"profile": "laptop", "overrides": {"evidence": {"short": 1}}}, "evidence: axes, base, cell_seeds, middle"),
        ({"overrides": {"evidence": {"axes": {"shortcut": [1]}}}}, "did you mean 'shortcuts'?"),
        ({"overrides": {"reid": {"weights": "no.pth"}}}, "no.pth: no such file, expected for weights of 'reid'"),
        ({"overrides": {"reid": {"weights": "/"}}}, "/: no such file, expected for weights of 'reid'"),
        ({"overrides": {"evidence": {"weights": "no.pth"}}}, "no such file, expected for weights of 'evidence'"),
    ],
)
def test_no_value_is_bent(choices, words):
    with pytest.raises(PartregError) as caught:
        workflow.open_workspace(**{**SAME, **choices})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# What each profile says in full, for what it leaves out stands in another file.
IN_FULL = {"laptop": "976ff2971bdd", "smoke": "14042882e3c5", "reference": "cfcee8a17c6c", "regime": "9808a9a4be39"}


@pytest.mark.parametrize("name", IN_FULL)
def test_a_packaged_profile_is_as_it_is_written(name):
    assert digest(read_profile(name)) == IN_FULL[name]
    assert dataclasses.asdict(workflow.open_workspace(name).profile) == read_profile(name)


def test_the_default_profile_says_every_field():
    written = yaml.safe_load((REPOSITORY / "profiles" / "laptop.yaml").read_text())
    assert read_profile("laptop") == {"name": "laptop", **written}


def test_every_path_counts_from_the_file_that_says_it(tmp_path, monkeypatch):
    mine, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    for folder in (mine / "VehicleID", mine / "VeRi", mine / "photographs", elsewhere):
        folder.mkdir(parents=True)
    for name in ("boxes.json", "a.pth", "b.pth", "c.pth"):
        (mine / name).touch()
    paths = {"vehicleid": "VehicleID", "veri": "~/VeRi", "annotations": "boxes.json", "photographs": "./photographs"}
    weights = {
        "reid": {"weights": "a.pth"},
        "methods": {"oife": {"weights": "b.pth"}},
        "evidence": {"weights": "c.pth"},
    }
    choices = {"profile": "smoke", "output": "out", **paths, "overrides": weights}
    (mine / "mine.yaml").write_text(yaml.safe_dump(choices))
    smoke = {name: value for name, value in read_profile("smoke").items() if name != "name"}
    merged = {**smoke, **paths, **{name: {**smoke[name], **weights[name]} for name in weights}}
    (mine / "whole.yaml").write_text(yaml.safe_dump(merged))
    monkeypatch.setenv("HOME", str(mine))
    monkeypatch.chdir(elsewhere)
    for name in ("mine", "whole"):
        ws = workflow.open_workspace(f"../mine/{name}.yaml")
        found = ws.profile
        assert (found.vehicleid, found.veri) == (str(mine / "VehicleID"), str(mine / "VeRi"))
        assert (found.annotations, found.photographs) == (str(mine / "boxes.json"), str(mine / "photographs"))
        at = [found.reid["weights"], found.methods["oife"]["weights"], found.evidence["weights"]]
        assert at == [str(mine / f"{letter}.pth") for letter in "abc"]
        assert found.name == name
        assert ws.folder == (mine / "out" if name == "mine" else REPOSITORY / "build" / "whole")
    # What is given beside the file counts from the folder that one is in, and goes before it.
    here = workflow.open_workspace("../mine/mine.yaml", output="o", veri=".", overrides={"reid": {"weights": ""}})
    assert (here.folder, here.profile.veri) == (elsewhere / "o", str(elsewhere))
    assert (here.profile.reid["weights"], here.profile.evidence["weights"]) == ("", str(mine / "c.pth"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile: [", "expected YAML"),
        ("- a\n- b\n", "mine.yaml is ['a', 'b']; expected fields"),
        ("1: 2\n", "mine.yaml: [1] is 1; expected text"),
        ("profile: smoke\noverrides:\n  seeds: [0]\n  seeds: [1]\n", "line 4: 'seeds' is given a second time"),
        ("profil: smoke\n", "'profil' is unknown; did you mean 'profile'?"),
        ("profile: mine.yaml\n", "mine.yaml: 'profile' belongs into a file of choices"),
        ("profile: smoke\noutput: 2024\n", "output is 2024; expected text"),
        ("profile: smoke\nseeds: 0;1\n", "seeds[0] is '0;1'"),
        ("profile: smoke\nreid: {epochs: 5}\n", "under overrides"),
        ("profile: smoke\nveri: VeRi\n", "no such path, expected for 'veri' by profile 'mine'"),
    ],
)
def test_a_file_of_choices_that_is_wrong_is_refused_in_one_sentence(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(PartregError) as caught:
        workflow.open_workspace(str(path))
    assert str(path.parent) in str(caught.value)
    assert words in str(caught.value)
    with pytest.raises(PartregError, match=r"absent\.yaml: no such file"):
        workflow.open_workspace(str(tmp_path / "absent.yaml"))


def test_categories_of_ones_own_are_part_of_what_the_boxes_come_from(tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.touch()
    plain = workflow.open_workspace("smoke", annotations=str(boxes))
    named = workflow.open_workspace("smoke", annotations=str(boxes), names={"windshield": "front_window"})
    assert parts_key(plain) != parts_key(named)
    boxes.write_text("{}")
    assert parts_key(workflow.open_workspace("smoke", annotations=str(boxes))) != parts_key(named)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sizes", {"veri": [64]}, "sizes: vehicleid must be given, too"),
        ("held_out", {}, "held_out: vehicleid, veri must be given, too"),
        ("benchmark", {"size": 64}, "benchmark: images_per_track, images_per_vehicle"),
        ("dial", {"rows": []}, "dial: benchmark, epochs"),
        ("detector", {"size": 64}, "detector: batch, epochs, model, seed"),
    ],
)
def test_a_whole_profile_leaves_nothing_to_defaults_of_the_code(tmp_path, field, value, words):
    fields = {name: value for name, value in read_profile("smoke").items() if name != "name"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**fields, field: value}))
    with pytest.raises(PartregError) as caught:
        workflow.open_workspace(str(tmp_path / "mine.yaml"))
    assert words in str(caught.value)


def test_a_profile_that_is_changed_in_the_code_is_guarded_too():
    profile = workflow.open_workspace("smoke").profile
    with pytest.raises(PartregError, match=r"^profile: sizes\.veri is \[\]; expected a list of at least 1"):
        dataclasses.replace(profile, sizes={**profile.sizes, "veri": []})


def test_a_profile_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        workflow.open_workspace("smoke").profile.annotate = 1


def test_a_detector_is_described_alike_in_all_profiles():
    described = [set(read_profile(name)["detector"]) for name in ("smoke", "laptop", "paper")]
    assert described == [{"model", "size", "epochs", "batch", "seed"}] * 3


def test_a_whole_number_with_a_point_is_one_wherever_it_is_read(tmp_path):
    overrides = {"reid": {"epochs": 3.0}, "methods": {"strong": {"epochs": 2.0}}}
    profile = workflow.open_workspace("smoke", output=str(tmp_path), overrides=overrides).profile
    assert repr(profile.reid["epochs"]) == "3"
    assert repr(profile.methods["strong"]["epochs"]) == "2"


def test_a_profile_that_says_nothing_of_the_recipe_takes_that_of_a_run(tmp_path):
    fields = read_profile(written(tmp_path, "mine.yaml", {"extends": "smoke", "reid": {}}))
    assert fields["reid"] == {"backbone": "small", "epochs": 20, "part_weight": 0.3}

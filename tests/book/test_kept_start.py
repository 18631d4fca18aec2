"""What the networks of the profile laptop start from: made by one command, kept with where it comes from."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

import start
from partreg import files
from partreg.datasets.split import hold_out
from partreg.reid.network import make_network
from partreg.reid.run import START, Run
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid, plan_veri
from partreg.workflow.profile import REFERENCE, read_profile

BOOK = Path(start.__file__).parent


@pytest.fixture(scope="module")
def kept():
    return files.read_json(REFERENCE / "start.json")


def test_the_kept_start_is_the_one_whose_origin_is_kept(kept):
    assert files.sha256(START) == kept["sha256"] == Run(weights="rendered").weights_content
    assert kept["clean"]


def test_the_profile_start_is_what_was_trained(kept):
    profile = read_profile("start")
    assert kept["profile"] == profile["name"]
    for name in ("backbone", "epochs", "lr"):
        assert kept[name] == profile["reid"][name]
    assert kept["held_out"] == profile["held_out"]["vehicleid"]
    assert kept["size"] == profile["sizes"]["vehicleid"][-1]


def test_it_learnt_from_another_seed_of_the_benchmark_than_any_profile_that_starts_from_it():
    seeds = {name: read_profile(name)["benchmark"].get("seed", 0) for name in ("start", "laptop")}
    assert seeds["start"] != seeds["laptop"]


def test_the_datasheet_counts_the_vehicles_whose_marks_the_start_has_learnt(kept):
    of_start, laptop = (Benchmark(**read_profile(name)["benchmark"]) for name in ("start", "laptop"))
    first, *others = plan_vehicleid(of_start), plan_vehicleid(laptop), plan_veri(laptop)
    learnt = set(hold_out(pd.DataFrame({"vehicle": sorted(first.train)}), kept["held_out"], seed=0)[0].vehicle)
    seen = {(one.marks, one.plate) for one in first.vehicles if one.identity in learnt}
    vehicleid, veri = ({one.identity for one in plan.vehicles if (one.marks, one.plate) in seen} for plan in others)
    assert not vehicleid
    test = veri & set(max(others[1].tests.values(), key=len))
    learning = veri & others[1].train
    counted = f"{len(test)} of the 100 test\nvehicles of `laptop`, and {len(learning)} of its 130 training vehicles"
    assert counted in (BOOK / "datasheet.md").read_text(encoding="utf-8")


def test_a_network_starts_from_it(kept):
    network = make_network(Run(weights="rendered", parts=()), 5)
    first = torch.load(START, weights_only=True)
    for name, value in network.backbone.state_dict().items():
        assert torch.equal(value, first[name].to(value.dtype)), name


def test_a_training_leaves_its_backbone_in_half_precision_and_its_origin(tmp_path):
    run = Run(parts=(), epochs=3)
    whole = make_network(run, 5).state_dict()
    network = tmp_path / "network"
    files.write_weights(network / "weights.pt", {"network": whole})
    files.write_text(network / "run.json", run.to_json())
    files.write_text(network / "history.csv", "epoch,cmc1\n1,0.1\n2,0.25\n")
    facts = {"profile": "start", "seconds": 9.5, "device": "CPU", "commit": "abc", "clean": False, "made": "2026"}
    files.write_json(network / "provenance.json", facts)
    start.write(network, tmp_path / "made")
    halves = torch.load(tmp_path / "made" / "start.pt", weights_only=True)
    assert {f"backbone.{name}" for name in halves} == {name for name in whole if name.startswith("backbone.")}
    assert all(
        torch.equal(value, whole[f"backbone.{name}"].half())
        for name, value in halves.items()
        if value.is_floating_point()
    )
    told = json.loads((tmp_path / "made" / "start.json").read_text())
    assert told["sha256"] == files.sha256(tmp_path / "made" / "start.pt")
    assert (told["validation CMC@1 (%)"], told["epochs"], told["clean"]) == (25.0, 3, False)

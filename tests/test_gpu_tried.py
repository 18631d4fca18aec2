"""What is tried on held-out vehicles: its table, and that the recipes are the strong baseline's."""

import pytest
import torch
import torch.nn.functional as F

from partreg.baselines import strong
from partreg.reid.method import by_identity, shuffled
from partreg.reid.run import Run
from tests import gpu_tried


def result(kind, outcome="done", **record):
    facts = {"row": "plain", "cmc1": 0.123456, "commit": "abc", "hits": [0.5], "outcome": outcome, **record}
    return {"kind": kind, "row": facts["row"], "wall": 1.0, "record": facts}


def test_the_table_has_what_was_tried_and_is_done():
    some = [result("study"), result("recipe", cosine=0.2), result("tried", row="pulled")]
    table = gpu_tried.table([*some, result("recipe", outcome="failed")])
    assert table[["kind", "row"]].to_numpy().tolist() == [["recipe", "plain"], ["variation", "pulled"]]
    assert table.cmc1.tolist() == [0.1235, 0.1235]
    assert table.cosine.fillna(-1).tolist() == [0.2, -1]
    assert list(table) == list(gpu_tried.table([])) == gpu_tried.COLUMNS


def test_a_control_learns_in_the_same_way_from_the_whole_image():
    for name in gpu_tried.CONTROLLED:
        idea, control = gpu_tried.VARIATIONS[name], gpu_tried.VARIATIONS[f"{name}, whole map"]
        assert control.changes == {**idea.changes, "boxes": "whole"}
        assert control.method == idea.method


def learnt(name):
    """The network of a recipe after the same start, its output and its losses for the same images."""
    idea = gpu_tried.RECIPES[name]
    run = Run(backbone="tiny", size=64, batch=8, parts=(), dim=16)
    torch.manual_seed(0)
    network = idea.method.network(run, {"vehicle": 4}).train()
    images = 255 * torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    output = network(images)
    targets = {"vehicle": torch.arange(4).repeat_interleave(2)}
    return run, network, images, output, targets, idea.method.losses(run, network, output, targets)


def test_with_all_tricks_the_recipe_is_the_strong_baseline():
    run, network, images, output, targets, losses = learnt("strong")
    other = strong.network(run, {"vehicle": 4}).train()
    other.load_state_dict(network.state_dict())
    theirs = other(images)
    assert torch.equal(F.normalize(output.feature), theirs.feature)
    expected = strong.losses(run, other, theirs, targets)
    theirs = {name: value.item() for name, value in expected.items()}
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(theirs)


@pytest.mark.parametrize("trick", ["identities", "triplet", "smoothing", "gem", "neck", "erase"])
def test_a_trick_changes_what_it_names(trick):
    plain, some = learnt("plain"), learnt(f"plain + {trick}")
    assert torch.equal(plain[3].feature, some[3].feature) == (trick not in ("gem", "neck"))
    assert (plain[-1]["loss"].item() == some[-1]["loss"].item()) == (trick in ("identities", "erase"))
    method, changes = gpu_tried.RECIPES[f"plain + {trick}"].method, gpu_tried.RECIPES[f"plain + {trick}"].changes
    assert method.order is (by_identity if trick in ("identities", "triplet") else shuffled)
    assert ("erase" in changes.get("augment", ())) == (trick == "erase")


def test_without_one_trick_the_strong_recipe_has_the_others():
    tricks = {
        name: gpu_tried.RECIPES[name].method.network.args[0] for name in gpu_tried.RECIPES if name.startswith("strong")
    }
    assert tricks.pop("strong") == set(gpu_tried.TRICKS)
    assert tricks == {name: set(gpu_tried.TRICKS) - set(name.split(" - ")[1:]) for name in tricks}
    assert len(tricks) == 6


def test_the_pull_between_distances_vanishes_where_they_agree():
    features = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    apart = gpu_tried.relative_distances(features)
    assert torch.allclose(apart, gpu_tried.relative_distances(3 * features), atol=1e-2)
    assert float(apart.mean()) == pytest.approx(1)
    assert torch.allclose(apart[0, 1] / apart[2, 3], torch.dist(*features[:2]) / torch.dist(*features[2:4]), atol=1e-4)

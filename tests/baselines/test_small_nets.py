import pytest
import torch
from torch import nn

from partreg.baselines import small_nets
from partreg.errors import PartregError


def test_a_net_keeps_its_seconds_and_one_that_lost_them_is_trained_again(tmp_path, monkeypatch):
    clock, trained = iter([10.0, 12.5, 20.0, 21.0]), []
    monkeypatch.setattr(small_nets.time, "perf_counter", lambda: next(clock))

    def train():
        trained.append(nn.Linear(2, 1))
        return trained[-1]

    def kept():
        return small_nets.load(nn.Linear(2, 1), tmp_path).weight

    assert small_nets.train_once(tmp_path, train) == small_nets.train_once(tmp_path, train) == 2.5
    assert len(trained) == 1
    assert torch.equal(kept(), trained[0].weight)
    (tmp_path / "net.json").unlink()  # as where the process was killed between the net and its record
    assert small_nets.train_once(tmp_path, train) == 1.0
    assert torch.equal(kept(), trained[1].weight)


def test_a_loaded_net_is_in_evaluation_mode(tmp_path):
    small_nets.train_once(tmp_path, lambda: nn.BatchNorm2d(1))
    assert not small_nets.load(nn.BatchNorm2d(1), tmp_path).training


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_weights_of_something_else(tmp_path, content):
    if content:
        (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(PartregError, match=r"weights.pt: not readable weights of a Linear .*; train it anew"):
        small_nets.load(nn.Linear(2, 1), tmp_path)


def test_weights_of_another_net(tmp_path):
    small_nets.train_once(tmp_path, lambda: nn.Linear(3, 1))
    with pytest.raises(PartregError, match=r"not readable weights of a Linear"):
        small_nets.load(nn.Linear(2, 1), tmp_path)

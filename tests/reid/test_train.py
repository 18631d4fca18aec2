import json
import math
import os
import shutil
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from partreg import files
from partreg.errors import DivergedError, PartregError
from partreg.reid import train as training
from partreg.reid.device import choose_device, reproducible
from partreg.reid.features import extract, load, part_boxes
from partreg.reid.network import PartRegularizedNet, make_network
from partreg.reid.run import Run
from partreg.reid.train import learning_rate, learnt_from, train
from partreg.workflow.stages import validation_score


def test_schedules_by_hand():
    cosine = Run(lr=0.4, schedule="cosine", epochs=12, warmup=2)
    assert [learning_rate(cosine, e) for e in (0, 1, 2, 7, 12)] == pytest.approx([0, 0.2, 0.4, 0.2, 0])
    fading = Run(lr=0.01, schedule="exponential", decay=0.5, epochs=3, warmup=0)
    assert [learning_rate(fading, e) for e in (0, 1, 3)] == pytest.approx([0.01, 0.005, 0.00125])
    assert learning_rate(Run(epochs=1, warmup=1), 1) == 0.1


@pytest.fixture(scope="module")
def trained(drawn, quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    images, boxes = drawn
    validation = images[images.vehicle > 15].reset_index(drop=True)
    how = {"validate_every": 2, "score": validation_score}
    history = train(quick, images, boxes, folder / "run", folder / "pixels", validation, **how)
    return folder, history


def test_what_training_leaves_behind(trained, quick):
    folder, _ = trained
    assert sorted(os.listdir(folder / "run")) == ["history.csv", "run.json", "training.json", "weights.pt"]
    facts = json.loads((folder / "run" / "training.json").read_text())
    assert facts["images"] == 24
    assert facts["vehicles"] == 6
    run, network, vehicles = load(folder / "run")
    assert run == quick
    assert vehicles == [12, 13, 14, 15, 16, 17]
    assert facts["parameters"] == sum(p.numel() for p in network.parameters())
    at_test = sum(p.numel() for p in network.backbone.parameters()) + network.embed["global"].weight.numel()
    assert facts["parameters_at_test"] == at_test


def test_history_has_a_row_an_epoch(trained, drawn, quick):
    folder, history = trained
    branches = ("global", "window", "light", "brand")
    columns = ["epoch", "lr", "loss", *(f"loss_{b}" for b in branches), *(f"accuracy_{b}" for b in branches), "cmc1"]
    assert list(history) == columns
    assert history.epoch.tolist() == [1, 2, 3]
    assert history.lr.tolist() == pytest.approx([0.02, 0.01, 0.0])
    parts = history[[f"loss_{branch}" for branch in branches[1:]]].sum(axis=1)
    np.testing.assert_allclose(history.loss, history.loss_global + 0.3 * parts, rtol=1e-4)
    assert history.cmc1.isna().tolist() == [True, False, False]
    assert history.cmc1[1:].between(0, 1).all()
    images, boxes = drawn
    validation = images[images.vehicle > 15].reset_index(drop=True)
    again = train(quick, images, boxes, folder / "run", folder / "pixels", validation, score=validation_score)
    pd.testing.assert_frame_equal(again, history)


def test_test_images_are_scored_beside_and_decide_nothing(trained, drawn, quick, tmp_path):
    folder, history = trained
    images, boxes = drawn
    validation, test = (images[images.vehicle > floor].reset_index(drop=True) for floor in (15, 14))
    how = {"validate_every": 2, "score": validation_score, "test": test}
    watched = train(quick, images, boxes, tmp_path / "run", tmp_path, validation, **how)
    assert watched.cmc1_test.isna().tolist() == [True, False, False]
    pd.testing.assert_frame_equal(watched.drop(columns="cmc1_test"), history)
    assert (tmp_path / "run" / "weights.pt").read_bytes() == (folder / "run" / "weights.pt").read_bytes()


def test_an_agreement_and_dropped_parts_change_what_is_learnt(drawn, quick, tmp_path):
    images, boxes = drawn
    kinds = {
        "none": {},
        "agreement": {"agreement": 1.0},
        "dropout": {"part_dropout": 0.5},
        "equal": {"global_weight": 0.5},
    }
    for name, changes in kinds.items():
        history = train(quick.changed(epochs=1, **changes), images, boxes, tmp_path / name, tmp_path)
        assert ("loss_agreement" in history) == (name == "agreement")
    assert len({(tmp_path / name / "weights.pt").read_bytes() for name in kinds}) == len(kinds)


def test_it_learns_colors(drawn, tmp_path):
    run = Run(size=32, epochs=20, batch=12, lr=0.02, warmup=2, dim=16, augment=("flip",))
    history = train(run, *drawn, tmp_path / "run", tmp_path)
    assert history.accuracy_global.iloc[-1] > 0.8
    assert history.loss.iloc[-1] < history.loss.iloc[0] / 2
    # One in six images never shows its window: that share of the branch is never right, for its scores are all zero.
    assert history.loss_window.iloc[-1] < history.loss_global.iloc[0]


def test_the_same_description_gives_the_same_bytes(trained, drawn, quick, tmp_path):
    folder, _ = trained
    torch.manual_seed(99)  # the global state must not matter
    train(quick, *drawn, tmp_path / "again", tmp_path)
    weights = [(path / "weights.pt").read_bytes() for path in (folder / "run", tmp_path / "again")]
    assert weights[0] == weights[1]
    train(quick.changed(seed=1), *drawn, tmp_path / "other", tmp_path)
    assert (tmp_path / "other" / "weights.pt").read_bytes() != weights[0]


def test_a_killed_training_goes_on_bit_for_bit(trained, drawn, quick, tmp_path, monkeypatch):
    folder, history = trained
    one_epoch = training.one_epoch

    def killed(run, method, network, step, data, epoch, bar):
        if epoch == 1:
            one_epoch(run, method, network, step, data, epoch, bar)  # half-done work of the next epoch is lost
            raise KeyboardInterrupt
        return one_epoch(run, method, network, step, data, epoch, bar)

    images, boxes = drawn
    validation = images[images.vehicle > 15].reset_index(drop=True)
    arguments = quick, images, boxes, tmp_path / "run", tmp_path, validation
    how = {"validate_every": 2, "score": validation_score}
    monkeypatch.setattr(training, "one_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(*arguments, **how)
    assert os.listdir(tmp_path / "run") == ["checkpoint.pt"]
    epochs = []
    monkeypatch.setattr(training, "one_epoch", lambda *a: epochs.append(a[5]) or one_epoch(*a))
    resumed = train(*arguments, **how)
    assert epochs == [1, 2]
    assert (tmp_path / "run" / "weights.pt").read_bytes() == (folder / "run" / "weights.pt").read_bytes()
    pd.testing.assert_frame_equal(resumed, history)


def test_a_foreign_or_broken_checkpoint_is_refused(drawn, quick, tmp_path):
    (tmp_path / "run").mkdir()
    other = learnt_from(quick.changed(seed=5), *drawn, None, {}, tmp_path)
    files.write_weights(tmp_path / "run" / "checkpoint.pt", {"learnt_from": other, "history": []})
    with pytest.raises(PartregError, match=r"checkpoint\.pt: a training from another description is in this folder"):
        train(quick, *drawn, tmp_path / "run", tmp_path)
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(PartregError, match=r"checkpoint\.pt: not a readable checkpoint"):
        train(quick, *drawn, tmp_path / "run", tmp_path)


def redrawn(images, folder, name):
    """The table with one picture of the same name and size, and other pixels."""
    folder.mkdir()
    path = folder / name
    Image.fromarray(255 - np.array(Image.open(images.path[images.image == name].item()))).save(path, compress_level=0)
    return images.assign(path=images.path.where(images.image != name, str(path)))


def test_a_used_folder_is_refused_whatever_differs_and_given_back_where_nothing_does(drawn, quick, tmp_path):
    images, boxes = drawn
    run, validation = quick.changed(epochs=1), images.iloc[:4]
    first = train(run, images, boxes, tmp_path / "run", tmp_path, validation)
    weights = (tmp_path / "run" / "weights.pt").read_bytes()
    moved = boxes.assign(x0=boxes.x0 / 2)
    others = {
        "another description": (run.changed(seed=1), images, boxes, validation),
        "other vehicles": (run, images.assign(vehicle=images.vehicle + 1), boxes, validation),
        "other pictures": (run, redrawn(images, tmp_path / "redrawn", images.image[3]), boxes, validation),
        "other part boxes": (run, images, moved, validation),
        "other validation images": (run, images, boxes, images.iloc[4:8]),
    }
    for words, (description, table, places, held_out) in others.items():
        with pytest.raises(PartregError, match=f"training.json: a training from {words} is in this folder"):
            train(description, table, places, tmp_path / "run", tmp_path, held_out)
    pd.testing.assert_frame_equal(train(run, images, boxes, tmp_path / "run", tmp_path, validation), first)
    assert (tmp_path / "run" / "weights.pt").read_bytes() == weights


def test_weights_under_another_description_are_refused(trained, quick, drawn, tmp_path):
    shutil.copytree(trained[0] / "run", tmp_path / "run")
    files.write_json(tmp_path / "run" / "run.json", asdict(quick.changed(seed=7)))
    with pytest.raises(PartregError, match=r"run\.json: another description than that of the weights beside it"):
        extract(tmp_path / "run", drawn[0], pixels=tmp_path)


def test_a_loss_that_is_no_number_stops_the_training(drawn, quick, tmp_path):
    with pytest.raises(DivergedError, match=r"the loss is (nan|inf) in epoch \d, step \d; train with a smaller lr"):
        train(quick.changed(lr=1000.0, warmup=0), *drawn, tmp_path / "run", tmp_path)


def test_a_single_vehicle_is_refused(drawn, quick, tmp_path):
    images, boxes = drawn
    with pytest.raises(PartregError, match="at least two vehicles"):
        train(quick, images[images.vehicle == 12], boxes, tmp_path, tmp_path)


def test_baseline_needs_no_boxes_and_parts_do(drawn, quick, tmp_path):
    images, boxes = drawn
    history = train(quick.changed(parts=(), epochs=1), images, None, tmp_path / "run", tmp_path)
    assert [name for name in history if name.startswith("loss")] == ["loss", "loss_global"]
    assert math.isnan(history.cmc1[0])
    for none in (None, boxes[:0], boxes.assign(image="elsewhere.jpg")):
        with pytest.raises(PartregError, match="expected part boxes of the 24 images, found none"):
            train(quick, images, none, tmp_path / "other", tmp_path)


def test_controls_of_table_4(drawn, quick):
    images, boxes = drawn
    boxes = boxes.assign(x1=boxes.x1 + np.arange(len(boxes)) * 1e-4)  # tell the images apart
    own = part_boxes(quick, boxes, images)
    assert own[:, 0].isnan().any(-1).tolist() == [False] * 20 + [True] * 4
    whole = part_boxes(quick.changed(boxes="whole"), None, images)
    assert whole.tolist() == [[[0.0, 0.0, 1.0, 1.0]] * 4] * 24
    shuffled = part_boxes(quick.changed(boxes="shuffled"), boxes, images)
    again = part_boxes(quick.changed(boxes="shuffled"), boxes, images)
    other = part_boxes(quick.changed(boxes="shuffled", seed=1), boxes, images)
    assert torch.equal(shuffled.nan_to_num(), again.nan_to_num())
    assert not torch.equal(shuffled.nan_to_num(), other.nan_to_num())
    assert not torch.equal(shuffled.nan_to_num(), own.nan_to_num())
    assert sorted(shuffled[:, 3, 2].tolist()) == sorted(own[:, 3, 2].tolist())
    assert part_boxes(quick.changed(parts=()), boxes, images) is None
    moved = part_boxes(quick.changed(boxes="random"), boxes, images)
    seen = ~own.isnan()
    assert torch.equal(~moved.isnan(), seen)
    torch.testing.assert_close(
        (moved[..., 2:] - moved[..., :2])[seen[..., 2:]], (own[..., 2:] - own[..., :2])[seen[..., 2:]]
    )
    assert 0 <= moved[seen].min() < 0.05 < 0.95 < moved[seen].max() <= 1


def test_only_a_backbone_trained_elsewhere_is_calibrated(drawn, quick, tmp_path):
    backbone = make_network(quick.changed(seed=7), 2).backbone
    torch.save(backbone.state_dict(), tmp_path / "w.pth")
    for name, weights in (("own", ""), ("given", str(tmp_path / "w.pth"))):
        train(quick.changed(weights=weights, epochs=1, lr=0.0), *drawn, tmp_path / name, tmp_path)
    gains = [load(tmp_path / name)[1].gain.item() for name in ("own", "given")]
    assert gains[0] == 1
    assert gains[1] != pytest.approx(1, rel=1e-3)
    given = load(tmp_path / "given")[1].backbone.state_dict()
    assert all(torch.equal(given[name], value) for name, value in backbone.state_dict().items() if "weight" in name)


def test_whole_map_heads_pool_the_whole_map_even_when_images_move(drawn, quick, tmp_path, monkeypatch):
    seen = []
    forward = PartRegularizedNet.forward
    monkeypatch.setattr(
        PartRegularizedNet, "forward", lambda net, x, boxes: seen.append(boxes) or forward(net, x, boxes)
    )
    train(quick.changed(boxes="whole", epochs=1), *drawn, tmp_path / "run", tmp_path)
    assert (torch.cat(seen) == torch.tensor([0.0, 0.0, 1.0, 1.0])).all()


def test_features_by_folder(trained, drawn):
    folder, _ = trained
    images, _ = drawn
    found = extract(folder / "run", images, pixels=folder / "pixels", batch=7)
    assert found.shape == (24, 8)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, extract(folder / "run", images, pixels=folder / "pixels"), rtol=1e-2, atol=1e-3)
    turned = extract(folder / "run", images[::-1], pixels=folder / "pixels")
    np.testing.assert_allclose(turned[::-1], found, rtol=1e-2, atol=1e-3)


def test_features_of_parts_alone(drawn, quick, tmp_path):
    images, boxes = drawn
    train(quick.changed(use_global=False, epochs=1), images, boxes, tmp_path / "run", tmp_path)
    found = extract(tmp_path / "run", images, boxes, pixels=tmp_path)
    assert found.shape == (24, 24)
    assert (found[-4:, :8] == 0).all()  # vehicle 17 shows no window
    assert (found[:4, :8] != 0).any()
    with pytest.raises(PartregError, match="expected part boxes"):
        extract(tmp_path / "run", images, pixels=tmp_path)


def test_fused_features_begin_with_the_global_one(trained, drawn):
    folder, _ = trained
    images, boxes = drawn
    alone = extract(folder / "run", images, pixels=folder / "pixels")
    fused = extract(folder / "run", images, boxes, pixels=folder / "pixels", fused=True)
    assert fused.shape == (24, 4 * 8)
    np.testing.assert_allclose(fused[:, :8], alone, rtol=1e-4, atol=1e-4)
    assert (fused[-4:, 8:16] == 0).all()  # vehicle 17 shows no window


def test_a_folder_without_a_network_is_named(trained, tmp_path):
    folder, _ = trained
    with pytest.raises(PartregError, match=r"run\.json: no such file"):
        load(tmp_path)
    (tmp_path / "run.json").write_text((folder / "run" / "run.json").read_text())
    with pytest.raises(PartregError, match=r"weights\.pt: not the weights of the run beside it"):
        load(tmp_path)


def test_settings_are_put_back_and_absent_devices_named():
    before = torch.get_num_threads()
    with reproducible(3, torch.device("cpu")):
        assert torch.get_num_threads() == 3
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(PartregError, match="not a device's name"):
        choose_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(PartregError, match="sees none here"):
            choose_device("cuda")

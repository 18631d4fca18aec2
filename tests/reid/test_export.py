"""A network that has left its folder computes what it computed there."""

import dataclasses
import json
import re
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from partreg import files
from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.reid import export
from partreg.reid.features import compute, load
from partreg.reid.network import make_network
from partreg.reid.pixels import decode
from partreg.reid.run import Run
from tests.conftest import REPOSITORY

RUNS = {
    "tiny": Run(size=64, backbone="tiny", dim=32),
    "small, parts on stage 3": Run(size=48, backbone="small", last_stride=2, part_stage=3),
    "squeezenet, Caffe's pixels": Run(size=64, backbone="squeezenet1_0", pixels="caffe", parts=()),
    "without a global branch": Run(size=32, backbone="tiny", use_global=False),
}


def left(folder, run):
    """Leave a random network in a folder as a training does."""
    network = make_network(run, 3)
    network.calibrate(torch.from_numpy(pictures(8, run.size)).permute(0, 3, 1, 2))
    files.write_json(folder / "run.json", dataclasses.asdict(run))
    known = {"network": network.state_dict(), "vehicles": torch.tensor([4, 7, 9]), "classes": {"vehicle": 3}}
    files.write_weights(folder / "weights.pt", known)
    return folder


def pictures(number, size):
    return np.random.default_rng(number).integers(0, 256, (number, size, size, 3), dtype=np.uint8)


@pytest.fixture(params=RUNS)
def run(request):
    return RUNS[request.param]


@pytest.fixture
def folder(tmp_path, run):
    return left(tmp_path / "run", run)


@pytest.mark.parametrize("run", [run for run in RUNS.values() if run.use_global], ids=lambda run: run.backbone)
def test_onnx_runtime_gives_the_librarys_features_of_any_number_of_pictures(folder, run, tmp_path):
    said = export.to_onnx(folder, tmp_path / "network.onnx")
    assert 0 <= said < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("pictures", "tensor(uint8)", ["N", run.size, run.size, 3])
    assert (given.name, given.type, given.shape) == ("features", "tensor(float)", ["N", run.dim])
    network = load(folder)[1]
    for number in (1, 5):
        shown = pictures(number, run.size)
        with torch.inference_mode():  # float32, whatever this processor computes faster
            expected = network(torch.from_numpy(shown).permute(0, 3, 1, 2)).feature.numpy()
        found = session.run(None, {"pictures": shown})[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
        assert np.abs(expected).max() > 0.1
        # Blue, green, red give other features: the order of the colours counts.
        assert np.abs(session.run(None, {"pictures": shown[..., ::-1].copy()})[0] - expected).max() > 1e-3


def test_the_example_of_the_page_gives_the_librarys_distance(tmp_path, monkeypatch, capsys):
    export.to_onnx(left(tmp_path / "run", RUNS["tiny"]), tmp_path / "export" / "network.onnx")
    for name, shown in zip("ab", pictures(2, 90), strict=True):
        Image.fromarray(shown[:, :70]).save(tmp_path / f"{name}.jpg")
    page = (REPOSITORY / "book" / "export.md").read_text(encoding="utf-8")
    example = next(code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "onnxruntime" in code)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    images = torch.from_numpy(np.stack([decode(f"{name}.jpg", 64) for name in "ab"])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        first, second = load(tmp_path / "run")[1](images).feature
    assert float(capsys.readouterr().out) == pytest.approx(float((first - second).norm()), abs=1e-4)


def test_the_onnx_file_is_the_same_each_time_and_names_no_folder_of_this_computer(tmp_path):
    run = Run(size=32, backbone="tiny", weights="/home/someone/imagenet.pt")
    folder = left(tmp_path / "run", run.changed(weights=""))
    files.write_json(folder / "run.json", dataclasses.asdict(run))
    for name in ("a", "b"):
        export.to_onnx(folder, tmp_path / f"{name}.onnx")
        export.to_safetensors(folder, tmp_path / f"{name}.safetensors")
    for kind in ("onnx", "safetensors"):
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert content == (tmp_path / f"b.{kind}").read_bytes()
        assert b"someone" not in content
        assert str(files.__file__.split("partreg")[0]).encode() not in content
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "a.onnx").metadata_props}
    assert Run(**json.loads(facts["run"])) == run.changed(weights="imagenet.pt")


def test_an_onnx_file_is_compared_on_pictures_of_a_folder(tmp_path, monkeypatch):
    folder = left(tmp_path / "run", RUNS["tiny"])
    for number, shown in enumerate(pictures(7, 40)):
        Image.fromarray(shown).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(export, "BATCH", 3)
    before, seen = export.compared, []
    monkeypatch.setattr(export, "compared", lambda *of: seen.append(of[2]) or before(*of))
    command = ["export", str(folder), "--out", str(tmp_path / "out"), "--onnx", "--check", str(tmp_path)]
    done = CliRunner().invoke(commands, command)
    assert re.search(r"differ by at most \d\.\de-\d\d, on 7 pictures and 4 random ones", done.output), done.output
    assert [len(batch) for batch in seen] == [1, 3, 3, 3, 1]
    np.testing.assert_array_equal(seen[-1][0], decode(tmp_path / "6.png", 64))
    for words, said in [
        (["--check", str(folder)], "found none"),
        (["--safetensors", "--check", "x"], "say --onnx too"),
    ]:
        with pytest.raises(PartregError, match=said):
            CliRunner().invoke(commands, ["export", str(folder), *words], catch_exceptions=False)


def test_a_file_that_differs_on_the_pictures_is_not_written(tmp_path, monkeypatch):
    folder = left(tmp_path / "run", RUNS["tiny"])
    Image.fromarray(pictures(9, 64)[4]).save(tmp_path / "a.png")
    shown = torch.from_numpy(decode(tmp_path / "a.png", 64))
    right = export.Exported.forward

    def wrong(stage, pictures):
        alike = (pictures.float() - shown.float()).abs().mean((1, 2, 3)) < 1
        return right(stage, pictures) + 2e-3 * alike[:, None].float()

    monkeypatch.setattr(export.Exported, "forward", wrong)
    assert export.to_onnx(folder, tmp_path / "network.onnx") < 1e-4
    with pytest.raises(PartregError, match=r"differ by 0\.00\d+"):
        export.to_onnx(folder, tmp_path / "another.onnx", pictures=[tmp_path / "a.png"])
    assert not (tmp_path / "another.onnx").exists()


def test_an_onnx_file_is_loaded_with_its_run_or_refused_in_a_sentence(tmp_path):
    export.to_onnx(left(tmp_path / "run", RUNS["tiny"]), tmp_path / "network.onnx")
    run, session = export.from_onnx(tmp_path / "network.onnx")
    assert run == RUNS["tiny"]
    assert session.run(None, {"pictures": pictures(2, 64)})[0].shape == (2, 32)
    with pytest.raises(PartregError, match=r"none\.onnx: no such file; give a file that `partreg export` wrote"):
        export.from_onnx(tmp_path / "none.onnx")
    (tmp_path / "a.onnx").write_bytes(b"spoilt")
    with pytest.raises(PartregError, match=r"a\.onnx: not a network that partreg wrote as ONNX"):
        export.from_onnx(tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "network.onnx")
    onnx.helper.set_model_props(model, {"run": RUNS["tiny"].changed(size=48).to_json()})
    onnx.save(model, tmp_path / "b.onnx")
    with pytest.raises(PartregError, match=r"b\.onnx: expected .*\[48, 48, 3\].* found .*\[64, 64, 3\]"):
        export.from_onnx(tmp_path / "b.onnx")


def test_a_wrong_onnx_file_is_not_written(tmp_path, monkeypatch):
    folder = left(tmp_path / "run", RUNS["tiny"])
    right = export.Exported.forward
    monkeypatch.setattr(export.Exported, "forward", lambda stage, pictures: right(stage, pictures) + 2e-3)
    with pytest.raises(PartregError, match=r"differ by 0\.00\d+ from the library's; use --safetensors"):
        export.to_onnx(folder, tmp_path / "network.onnx")
    assert not (tmp_path / "network.onnx").exists()


def test_safetensors_bring_back_an_equal_network(folder, run, tmp_path):
    export.to_safetensors(folder, tmp_path / "network.safetensors")
    same, network, vehicles = export.from_safetensors(tmp_path / "network.safetensors")
    before = load(folder)[1]
    assert (same, vehicles) == (run, [4, 7, 9])
    mine, theirs = network.state_dict(), before.state_dict()
    assert list(mine) == list(theirs)
    for name, tensor in theirs.items():
        assert mine[name].dtype == tensor.dtype
        assert mine[name].contiguous().numpy().tobytes() == tensor.contiguous().numpy().tobytes(), name
    boxes = torch.rand(5, 4, 4, generator=torch.Generator().manual_seed(0)).sort(-1).values
    shown = pictures(5, run.size)
    np.testing.assert_array_equal(compute(network, shown, boxes), compute(before, shown, boxes))


def test_a_spoilt_or_missing_safetensors_file_is_one_sentence(tmp_path):
    with pytest.raises(PartregError, match=r"none\.safetensors: no such file"):
        export.from_safetensors(tmp_path / "none.safetensors")
    (tmp_path / "a.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{} ")
    with pytest.raises(PartregError, match=r"a\.safetensors: not a network that partreg wrote as safetensors"):
        export.from_safetensors(tmp_path / "a.safetensors")


def test_what_cannot_be_exported_says_why(tmp_path, monkeypatch):
    with pytest.raises(PartregError, match=r"no trained network, for run\.json and weights\.pt cannot be found"):
        export.described(tmp_path)
    folder = left(tmp_path / "parts", RUNS["without a global branch"])
    with pytest.raises(PartregError, match=r"needs part boxes, .* use --safetensors"):
        export.to_onnx(folder, tmp_path / "network.onnx")
    folder = left(tmp_path / "run", RUNS["tiny"])
    (folder / "weights.pt").write_bytes(b"spoilt")
    with pytest.raises(PartregError, match="not the weights of the run beside it"):
        export.to_safetensors(folder, tmp_path / "network.safetensors")
    (folder / "weights.pt").unlink()
    with pytest.raises(PartregError, match=r"for weights\.pt cannot be found there"):
        export.to_onnx(folder, tmp_path / "network.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    folder = left(tmp_path / "run", RUNS["tiny"])
    with pytest.raises(PartregError, match=r"onnxruntime is not installed.*: python -m pip install onnx onnxruntime"):
        export.to_onnx(folder, tmp_path / "network.onnx")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["MODEL_CARD.md", "network.onnx", "network.safetensors"]),
        (["--onnx"], ["MODEL_CARD.md", "network.onnx"]),
        (["--safetensors"], ["MODEL_CARD.md", "network.safetensors"]),
    ],
)
def test_the_command_writes_what_was_asked_for(tmp_path, words, names):
    folder = left(tmp_path / "run", RUNS["tiny"])
    done = CliRunner().invoke(commands, ["export", str(folder), "--out", str(tmp_path / "out"), *words])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert all(name in done.output for name in names)


@pytest.mark.parametrize("name", ["vgg_triplet", "strong"])  # the second computes what the paper's does, and more
def test_another_methods_network_travels_as_safetensors_alone(tmp_path, name):
    from partreg import baselines
    from partreg.reid.network import built

    run, method = Run(size=32, backbone="tiny", method=name, parts=()), baselines.method(name)
    network = built(run, {"vehicle": 3}, method.network)
    files.write_json(tmp_path / "run" / "run.json", dataclasses.asdict(run))
    known = {"network": network.state_dict(), "vehicles": torch.tensor([4, 7, 9]), "classes": {"vehicle": 3}}
    files.write_weights(tmp_path / "run" / "weights.pt", known)
    with pytest.raises(PartregError, match=f"the paper's network, not for {name}; use --safetensors"):
        export.to_onnx(tmp_path / "run", tmp_path / "network.onnx", method)
    command = ["export", str(tmp_path / "run"), "--safetensors", "--out", str(tmp_path)]
    assert CliRunner().invoke(commands, command).exit_code == 0
    again = export.from_safetensors(tmp_path / "network.safetensors", method)[1]
    shown = pictures(2, 32)
    np.testing.assert_array_equal(compute(again, shown, None), compute(network.eval(), shown, None))

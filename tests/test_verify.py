import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from partreg import verify
from partreg.__main__ import commands
from partreg.errors import PartregError

RECORD = "studies/own_dial/one.json"


@pytest.fixture
def folder(tmp_path):
    """A small results folder, with some of what a run leaves beside its results."""
    root = tmp_path / "run"
    (root / "runs" / "ab").mkdir(parents=True)
    np.save(root / "runs/ab/features_test.npy", np.array([[1.0, 2.0], [3.0, np.nan]]))
    torch.save({"network": {"w": torch.tensor([1.0, 2.0])}, "vehicles": torch.tensor([3])}, root / "runs/ab/weights.pt")
    pd.DataFrame({"epoch": [1, 2], "cmc1": [0.25, np.nan]}).to_csv(root / "runs/ab/history.csv", index=False)
    (root / "runs/ab/features_test.json").write_text('{"seconds_per_image": 0.5}')
    (root / "runs/ab/provenance.json").write_text('{"seconds": 1}')
    (root / "runs/ab/.weights.lock").write_text("")
    (root / "studies/own_dial").mkdir(parents=True)
    (root / RECORD).write_text(json.dumps([{"cmc1": 0.5, "row": "Baseline", "commit": "abc"}]))
    (root / "studies/settings.csv").write_text("a\n1\n")  # no part of the book's own run
    (root / "parts-ab/detector/Ultralytics").mkdir(parents=True)
    (root / "parts-ab/detector/Ultralytics/settings.json").write_text('{"datasets_dir": "here"}')
    (root / "site").mkdir()
    (root / "site/page.txt").write_text("not a result")
    verify.record(root)
    return root


def test_results_leave_out_what_differs_from_run_to_run(folder):
    expected = ["runs/ab/features_test.npy", "runs/ab/history.csv", "runs/ab/weights.pt", RECORD]
    assert verify.results(folder) == expected
    assert list(verify.recorded(folder)) == expected


def test_the_record_is_what_sha256sum_reads(folder):
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)


def test_a_folder_as_recorded(folder):
    assert verify.against_record(folder) == []
    done = CliRunner().invoke(commands, ["verify", str(folder)])
    assert (done.exit_code, done.output) == (0, "all 4 files are the same\n")


def test_every_change_of_a_recorded_folder_is_named(folder):
    (folder / "runs/ab/weights.pt").write_bytes(b"")
    (folder / "runs/ab/history.csv").unlink()
    (folder / "studies/own_dial/two.json").write_text("[]")
    assert [str(one) for one in verify.against_record(folder)] == [
        "runs/ab/history.csv: is missing",
        "studies/own_dial/two.json: is not in the record",
        "runs/ab/weights.pt: is not the file that was recorded",
    ]
    done = CliRunner().invoke(commands, ["verify", str(folder)])
    assert done.exit_code == 1
    assert done.output.endswith("3 of 4 files differ\n")


@pytest.fixture
def again(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "again")


def test_a_rerun_is_compared_number_by_number(folder, again):
    assert verify.against_rerun(folder, again) == []
    np.save(again / "runs/ab/features_test.npy", np.array([[1.0, 2.25], [3.0, np.nan]]))
    torch.save(
        {"network": {"w": torch.tensor([1.0, 2.5])}, "vehicles": torch.tensor([3])}, again / "runs/ab/weights.pt"
    )
    (again / RECORD).write_text(json.dumps([{"cmc1": 0.625, "row": "Baseline", "commit": "other"}]))
    found = {one.name: one.largest for one in verify.against_rerun(folder, again)}
    assert found == {RECORD: 0.125, "runs/ab/features_test.npy": 0.25, "runs/ab/weights.pt": 0.5}
    assert [one.name for one in verify.against_rerun(folder, again, tolerance=0.25)] == ["runs/ab/weights.pt"]


def test_an_empty_cell_of_a_table_is_no_difference(folder, again):
    for where, score in ((folder, "0.5"), (again, "0.75")):
        (where / "runs/ab/history.csv").write_text(f"cmc1,occluder\n{score},\n0.1,car\n")
    (found,) = verify.against_rerun(folder, again)
    assert found.largest == 0.25


def test_another_commit_or_zip_header_is_no_difference(folder, again):
    (again / RECORD).write_text(json.dumps([{"commit": "other", "code": "2", "cmc1": 0.5, "row": "Baseline"}]))
    torch.save({"network": {"w": torch.tensor([1.0, 2.0])}, "vehicles": torch.tensor([3])}, again / "runs/ab/w.pt")
    (again / "runs/ab/w.pt").replace(again / "runs/ab/weights.pt")
    assert (folder / "runs/ab/weights.pt").read_bytes() != (again / "runs/ab/weights.pt").read_bytes()
    assert verify.against_rerun(folder, again) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("runs/ab/history.csv", b"epoch,cmc1\n1,0.25\n", "other values, and another number"),
        ("runs/ab/history.csv", b"epoch,other\n1,0.25\n2,\n", "has other bytes"),
        ("runs/ab/history.csv", b"epoch,cmc1\n1,0.25\n2,0.5\n", "numbers differ by up to inf"),
        ("runs/ab/features_test.npy", b"not numpy", "has other bytes"),
        ("runs/ab/weights.pt", b"not torch", "has other bytes"),
        (RECORD, b'[{"cmc1": 0.5, "row": "Full"}]', "numbers differ by up to inf"),
    ],
)
def test_what_cannot_be_compared_is_a_difference(folder, again, name, content, message):
    (again / name).write_bytes(content)
    (found,) = verify.against_rerun(folder, again, tolerance=100)
    assert found.name == name
    assert message in found.message


def test_a_file_on_one_side_is_a_difference(folder, again):
    (again / RECORD).unlink()
    (again / "runs/ab/more.csv").write_text("a\n1\n")
    messages = [str(one) for one in verify.against_rerun(folder, again)]
    assert messages == [
        f"{RECORD}: is missing in {again}",
        f"runs/ab/more.csv: is missing in {folder}",
    ]


def keyed(root, first, second, seeds=(0, 1)):
    """Two networks, boxes, distances and points, in folders that are named by keys."""
    for seed, key in zip(seeds, (first, second), strict=True):
        folder = root / "runs" / key
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"dataset": "veri", "data": key, "seed": seed}))
        np.save(folder / "features_test.npy", np.array([float(seed)]))
        (root / f"dial/data-{key}/VeRi").mkdir(parents=True)
        (root / f"dial/data-{key}/VeRi/name_train.txt").write_text(f"{seed}")
    (root / f"parts-{first}").mkdir()
    (root / f"parts-{second}/detector").mkdir(parents=True)
    (root / f"parts-{first}/veri_filled.csv").write_text("x0\n0.5\n")
    torch.save({"w": torch.tensor([1.0])}, root / f"parts-{second}/detector/weights.pt")
    (root / f"methods/lomo-{first}").mkdir(parents=True)
    np.save(root / f"methods/lomo-{first}/distances.npy", np.array([1.0]))
    (root / f"dial/veri-2-own-{second}.json").write_text('[{"cmc1": 0.5}]')
    return root


def test_results_under_other_keys_are_compared_with_those_of_the_same_description(tmp_path):
    one = keyed(tmp_path / "one", "0" * 12, "1" * 12)
    two = keyed(tmp_path / "two", "f" * 12, "a" * 12)
    assert verify.against_rerun(one, two) == []
    swapped = keyed(tmp_path / "swapped", "f" * 12, "a" * 12, seeds=(1, 0))
    assert verify.against_rerun(one, swapped) == []
    np.save(two / f"runs/{'a' * 12}/features_test.npy", np.array([1.25]))
    np.save(two / f"methods/lomo-{'f' * 12}/distances.npy", np.array([3.0]))
    found = {one.name: one.largest for one in verify.against_rerun(one, two)}
    assert found == {f"runs/{'1' * 12}/features_test.npy": 0.25, f"methods/lomo-{'0' * 12}/distances.npy": 2.0}


def test_a_network_of_another_description_is_missing(tmp_path):
    one = keyed(tmp_path / "one", "0" * 12, "1" * 12)
    two = keyed(tmp_path / "two", "f" * 12, "a" * 12, seeds=(0, 2))
    messages = [str(found) for found in verify.against_rerun(one, two)]
    assert f"runs/{'1' * 12}/run.json: is missing in {two}" in messages
    assert f"runs/{'a' * 12}/run.json: is missing in {one}" in messages
    assert not [message for message in messages if "0" * 12 in message]


@pytest.mark.parametrize(
    ("line", "message"),
    [("what\n", "SHA256SUMS:1: expected a SHA-256 hash"), (f"{'0' * 64}  ../secret\n", "leads out of this folder")],
)
def test_a_bad_record_is_named(folder, line, message):
    (folder / verify.SUMS).write_text(line)
    with pytest.raises(PartregError, match=message):
        verify.against_record(folder)


def test_a_folder_that_is_none(tmp_path, folder):
    with pytest.raises(PartregError, match="no such folder"):
        verify.against_record(tmp_path / "nothing")
    with pytest.raises(PartregError, match="no results of a run"):
        verify.against_rerun(folder, tmp_path / "run" / "site")
    (folder / verify.SUMS).unlink()
    with pytest.raises(PartregError, match="make book"):
        verify.against_record(folder)
    assert CliRunner().invoke(commands, ["verify", str(folder)], catch_exceptions=True).exit_code == 1

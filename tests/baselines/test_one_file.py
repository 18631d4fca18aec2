"""A method is one file: taken out, nothing else has to know; put in, it is trained and judged as the others."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from partreg import baselines, paper
from partreg.baselines import declarations
from tests.conftest import REPOSITORY

MINE = '''
"""Centre loss on the features of VGG+Triplet Loss: each feature near the mean of its vehicle's in the batch."""

import torch

from partreg.baselines.declaration import Declaration
from partreg.baselines.vgg_triplet import UnitFeatureNet
from partreg.reid.method import Method, by_identity


def losses(run, network, output, targets):
    vehicles = targets["vehicle"]
    same = (vehicles[:, None] == vehicles).float()
    centres = same @ output.feature / same.sum(1, keepdim=True)
    spread = (output.feature - centres).square().sum(1).mean()
    apart = (run.margin - torch.pdist(output.feature)).relu().mean()
    return {"loss": spread + apart, "loss_spread": spread, "loss_apart": apart}


METHOD = Method(UnitFeatureNet, losses, by_identity)

DECLARATION = Declaration(name="Centre loss")
'''
JUDGED = """
import sys
from partreg import workflow
from partreg.baselines import judged_on
from partreg.figures import methods

overrides = {"held_out": {"vehicleid": 0}}
ws = workflow.open_workspace("smoke", output=sys.argv[1], vehicleid=sys.argv[2], overrides=overrides)
assert all("mine" in judged_on(dataset) for dataset in ("vehicleid", "veri"))
judged = workflow.judge(ws, "vehicleid", "mine", epochs=1, size=32, batch=4)
(run,) = workflow.method_networks(ws, "vehicleid", "mine", 0, epochs=1, size=32, batch=4).values()
print("summands", *workflow.history(ws, run).filter(like="loss"))
print(methods.scores("mine", "vehicleid", 0, judged.scores).frame.to_csv())
"""
TAKEN_OUT = """
import sys
from partreg import workflow
from partreg.baselines import declarations
from partreg.figures import methods, tables

ws = workflow.open_workspace("smoke", output=sys.argv[1])
assert "{method}" not in {{*declarations(), *workflow.other_methods(ws, "veri").values()}}
assert workflow.runs(ws)
print("notes", *workflow.left_out(ws, "veri"))
print(tables.comparison(3, {{}}, data="nothing").frame.loc["{row}"].to_csv())
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package without what was compiled; changed files in it are another package's."""
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(REPOSITORY / "partreg", tmp_path / "copy" / "partreg", ignore=ignore)


@pytest.fixture
def root(tmp_path):
    """Six vehicles to learn and six to test on, four pictures each, in VehicleID's layout."""
    folder = tmp_path / "VehicleID_V1.0"
    for place in ("train_test_split", "image"):
        (folder / place).mkdir(parents=True)
    for name, vehicles in (("train_list", range(1, 7)), ("test_list_6", range(11, 17))):
        images = [(f"{10 * vehicle + number:07d}", vehicle) for vehicle in vehicles for number in range(4)]
        (folder / "train_test_split" / f"{name}.txt").write_text("".join(f"{one} {v}\n" for one, v in images))
        for one, vehicle in images:
            color = np.random.default_rng(vehicle).integers(0, 256, 3)
            Image.new("RGB", (40, 40), tuple(map(int, color))).save(folder / "image" / f"{one}.jpg")
    return folder


def said(package, script, *words):
    """What a script prints that imports the copied package."""
    command = [sys.executable, "-c", script, *map(str, words)]
    where = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=where, cwd=package.parent, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_network_is_one_new_file_and_judged_in_the_form_of_table_1(package, root, tmp_path):
    (package / "baselines" / "mine.py").write_text(MINE)
    lines = said(package, JUDGED, tmp_path / "results", root).splitlines()
    assert lines[0] == "summands loss loss_spread loss_apart"
    assert lines[1] == 'test set,CMC@1,CMC@5,"CMC@1, published"'
    assert lines[2].startswith("Small (list 6),")
    assert lines[2].endswith(",–")


def test_a_method_that_is_taken_out_stands_in_its_table_as_published(package, tmp_path):
    built_on = {name for about in declarations().values() for name in about.built_on}
    method = next(name for name, about in declarations().items() if about.tables == ("veri",) and name not in built_on)
    row = declarations()[method].name
    (package / "baselines" / f"{method}.py").unlink()
    text = said(package, TAKEN_OUT.format(method=method, row=row), tmp_path / "results")
    assert f"{row}: not run, for there is no module of partreg.baselines that declares it." in text
    cells = dict(line.rsplit(",", 1) for line in text.splitlines() if line.startswith(("mAP,", "HIT")))
    for column, score in paper.table(3).loc[row].items():
        assert float(cells[f"{column},published"]) == score
        assert cells[f"{column},reproduced"] == ""


def test_what_is_special_to_a_method_stands_in_no_other_room():
    """Chapter 11 begins with OIFE, or with VGG+CCL where key points lack; chapter 12 asks about the strong baseline."""
    names = set(declarations()) - {"oife", "vgg_ccl", "strong"}
    for path in sorted((REPOSITORY / "partreg").rglob("*.py")):
        if path.parent != baselines.FOLDER:
            text = path.read_text(encoding="utf-8")
            assert not [name for name in names if f'"{name}"' in text], path

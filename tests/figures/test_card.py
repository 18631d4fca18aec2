"""A model card says what the files of a network's folder say, and nothing that they do not."""

import dataclasses
import re
import tomllib

import pytest
import yaml

from partreg import files
from partreg.errors import PartregError
from partreg.figures.card import CITATION, UNKNOWN, model_card
from partreg.figures.origins import RENDERED
from partreg.reid.run import Run
from tests.conftest import REPOSITORY

MADE = {
    "profile": "laptop",
    "device": "CPU (made_up, 3 cores)",
    "commit": "0123456789",
    "clean": False,
    "made": "2026-11-26T21:33+00:00",
    "versions": {"torch": "9.8.7"},
}
TRAINING = {
    "device": "cpu",
    "format": "float32",
    "images": 12345,
    "vehicles": 678,
    "parameters": 2222222,
    "parameters_at_test": 1111111,
    "seconds": 98.7,
    "learnt_from": {"pictures": "cdf4073f64564484"},
}


def card(folder, run, **others):
    """The card of a folder with these files, with its lines joined to paragraphs."""
    files.write_json(folder / "run.json", dataclasses.asdict(run))
    for name, value in others.items():
        files.write_json(folder / f"{name}.json", value)
    return re.sub(r"(?<=[^\n|])\n(?=[^\n|#>-])", " ", model_card(folder))


def test_the_card_has_what_the_files_say(tmp_path):
    run = Run(size=64, seed=3, epochs=17, parts=("window", "light"), dim=99, backbone="squeezenet1_0", pixels="caffe")
    run = run.changed(weights="/home/someone/squeezenet.pt")
    scores = {"10": {"cmc1": 0.25251, "cmc5": 0.605}, "6": {"cmc1": 0.1875, "cmc5": 0.75}}
    others = {"provenance": MADE | {"data": RENDERED}, "training": TRAINING, "scores": scores, "features_test": MADE}
    text = card(tmp_path, run, **others)
    for line in (
        "| pictures | rendered benchmark |",
        "| judged by the rules of | VehicleID |",
        "| images | 12,345 |",
        "| vehicles | 678 |",
        "| profile | laptop |",
        "| epochs | 17 |",
        "| seed | 3 |",
        "| device | CPU (made_up, 3 cores) |",
        "| number format | float32 |",
        "| seconds | 98.7 |",
        "| commit | 0123456789 with uncommitted changes |",
        "| torch | 9.8.7 |",
        "| digest of the pictures | cdf4073f64564484 |",
        "| parameters | 2,222,222 |",
        "| parameters that features need | 1,111,111 |",
        "| backbone | squeezenet1_0; its first weights were `squeezenet.pt` |",
        "| branches | global, window, light |",
        "| vehicles in the test list | CMC@1 | CMC@5 |",
    ):
        assert f"\n{line}\n" in text
    assert "a feature of 99 numbers" in text
    assert "64 x 64 pixels" in text
    assert text.index("| 6 | 0.188 | 0.750 |") < text.index("| 10 | 0.253 | 0.605 |")
    assert "The protocol of VehicleID" in text
    assert "not for real photographs" in text
    assert "someone" not in text
    assert text.count(UNKNOWN) == 1  # where it says what the word means


def test_veri_has_its_own_protocol_and_scores(tmp_path):
    scores = {"mAP": 0.44141, "hit1": 0.38889, "hit5": 0.94444}
    text = card(tmp_path, Run(dataset="veri", parts=()), scores=scores, provenance=MADE | {"data": "VeRi"})
    assert "The protocol of VeRi-776" in text
    assert "| HIT@1 | HIT@5 | mAP |" in text
    assert "| 0.389 | 0.944 | 0.441 |" in text
    assert "| pictures | VeRi |" in text
    assert "rendered" not in text


def test_what_the_files_do_not_say_is_not_made_up(tmp_path):
    text = card(tmp_path, Run())
    assert "| pictures | not recorded |" in text
    assert "The folder has no scores." in text
    assert "do not say whether it learnt photographs or rendered vehicles" in text
    boxed = {"boxes": [{"data": RENDERED}]}  # as networks with detected parts left it, before all networks did
    assert "| pictures | rendered benchmark |" in card(tmp_path, Run(), provenance=MADE | boxed)
    with pytest.raises(PartregError, match=r"run\.json: no such file"):
        model_card(tmp_path / "none")


def test_a_network_of_parts_alone_has_their_features_side_by_side(tmp_path):
    text = card(tmp_path, Run(parts=("window", "light"), use_global=False, dim=10))
    assert "a feature of 20 numbers" in text
    assert "and the boxes of its parts" in text


def test_citation_and_licence_are_the_projects(tmp_path):
    paper = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))["preferred-citation"]
    authors = ", ".join(f"{one['given-names']} {one['family-names']}" for one in paper["authors"])
    assert f"{authors}. {paper['title']}. {paper['collection-title']}, {paper['year']}, pages" in CITATION
    assert f"pages {paper['start']} to {paper['end']}" in CITATION
    licence = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    text = card(tmp_path, Run())
    assert f"is {licence}." in text
    assert f"> {CITATION}" in text


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("partreg", "that of the paper"),
        ("vami", "`vami` of the paper's Tables 1 to 3"),
        ("strong", "`strong` of this book"),
    ],
)
def test_only_a_method_of_the_tables_is_called_so(tmp_path, method, words):
    assert f"| method | {words} |" in card(tmp_path, Run(method=method), training=TRAINING)

"""Nothing that a file, list, name or parameter says is run, followed out of its folder, or put into a page raw."""

import ast
import json
import pickle
import re
import shlex
import struct
import subprocess
import zlib
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

from partreg import files, verify, workflow
from partreg.baselines import small_nets
from partreg.datasets.check import check
from partreg.datasets.veri import read_labels
from partreg.errors import PartregError
from partreg.figures import tables
from partreg.figures.origins import source_line
from partreg.parts import annotation, detector
from partreg.parts.formats import read_coco
from partreg.reid import features, network, train
from partreg.reid.pixels import decode
from partreg.workflow.profile import open_workspace, read_profile
from tests.conftest import REPOSITORY

FORBIDDEN = {
    "pickle",
    "cPickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "cloudpickle",
    "xml.dom.minidom",
    "xml.sax",
    "lxml",
}


def sources():
    """Every piece of our code: the library, what publishes the book, and the cells of the notebooks."""
    for path in sorted([*(REPOSITORY / "partreg").rglob("*.py"), *(REPOSITORY / "book").glob("*.py")]):
        yield path.relative_to(REPOSITORY).as_posix(), ast.parse(path.read_text())
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                yield f"{path.name}: {cell.id}", ast.parse(cell.source)


def calls():
    """Every call in our code: where, the name called, and its keyword arguments that are constants."""
    for where, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                constants = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                yield f"{where}:{node.lineno}", ast.unparse(node.func), constants


def test_no_loader_of_code_is_called():
    seen = set()
    for where, name, given in calls():
        seen.add(name)
        if name == "torch.load":
            assert given.get("weights_only") is True, where
        if name in ("np.load", "np.save", "numpy.load"):
            assert given.get("allow_pickle") is False, where
        assert name not in ("eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "pd.read_pickle"), where
        assert not given.get("shell"), where
    assert {"torch.load", "np.load", "yaml.safe_load"} <= seen, "the calls were looked at"


def test_no_module_that_runs_what_it_reads_is_imported():
    for where, tree in sources():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if isinstance(node, ast.ImportFrom) and name == "joblib":
                    taken = {alias.name for alias in node.names}
                    assert taken <= {"Parallel", "delayed"}, f"{where}: joblib.load runs what it reads"
                    continue
                assert name.split(".")[0] not in FORBIDDEN, where
                assert name not in FORBIDDEN, where
                if name.startswith("xml.etree"):
                    taken = {alias.name for alias in node.names}
                    assert taken == {"ParseError"}, f"{where}: XML is read by defusedxml"


class Evil:
    """What runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.fixture
def mark(tmp_path):
    """A file that appears if anything runs; the test fails where it does."""
    path = tmp_path / "was-run"
    yield path
    assert not path.exists(), "code out of a file was run"


def test_a_pickle_does_run_where_it_is_loaded(tmp_path):
    pickle.loads(pickle.dumps(Evil(tmp_path / "seen")))
    assert (tmp_path / "seen").exists()


def evil_weights(folder: Path, mark: Path) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save({"network": Evil(mark), "classes": {"vehicle": 2}, "run": "", "history": []}, folder / "weights.pt")
    return folder / "weights.pt"


def test_weights_run_no_code(tmp_path, mark):
    path = evil_weights(tmp_path / "run", mark)
    files.write_json(path.with_name("run.json"), {"backbone": "tiny", "size": 32, "parts": []})
    files.write_json(path.with_name("detector.json"), {"model": "yolo11n.yaml", "classes": ["a"], "size": 32})
    readers = {
        "network": lambda: features.load(path.parent),
        "backbone": lambda: network._from_file(str(path)),
        "detector": lambda: detector.load_detector(path),
        "small nets": lambda: small_nets.load(torch.nn.Identity(), path.parent),
    }
    for name, read in readers.items():
        with pytest.raises(PartregError, match=r"weights\.pt"):
            read()
        assert not mark.exists(), name


def test_a_checkpoint_runs_no_code(tmp_path, mark):
    evil_weights(tmp_path, mark).rename(tmp_path / "checkpoint.pt")
    run = features.from_dict({"backbone": "tiny", "size": 32, "parts": []})
    with pytest.raises(PartregError, match="not a readable checkpoint"):
        train.resumed({"run": run.to_json()}, tmp_path, torch.nn.Identity(), None)


def test_arrays_run_no_code(tmp_path, mark):
    np.save(tmp_path / "evil.npy", np.array([Evil(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(PartregError, match=r"evil\.npy: expected an array of numbers"):
        files.read_array(tmp_path / "evil.npy")
    with pytest.raises(ValueError, match="pickle"):
        verify.numbers(tmp_path / "evil.npy")


@pytest.mark.parametrize("read", [read_profile, open_workspace])
def test_yaml_runs_no_code(tmp_path, mark, read):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"profile: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{mark}']]\n"
    )
    with pytest.raises(PartregError, match=r"mine\.yaml: expected (a )?YAML"):
        read(str(path))


@pytest.mark.parametrize(
    "inside",
    [
        '<!DOCTYPE T [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;">]><T><Item imageName="&b;"/></T>',
        '<!DOCTYPE T [<!ENTITY a SYSTEM "file:///etc/passwd">]><T><Item imageName="&a;"/></T>',
        '<!DOCTYPE T SYSTEM "http://127.0.0.1:9/none.dtd"><T><Item imageName="0001_c001_00000010_0.jpg"/></T>',
    ],
)
def test_xml_has_no_entities(tmp_path, inside):
    path = tmp_path / "train_label.xml"
    path.write_text(f'<?xml version="1.0" encoding="gb2312"?>{inside}')
    found = []
    assert read_labels(path, found.append) == {}
    assert "expected XML in gb2312" in str(found[0])


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", ""])
def test_annotations_stay_in_their_folder(tmp_path, name):
    (tmp_path / "secret.jpg").touch()
    folder = tmp_path / "photographs"
    folder.mkdir()
    coco = {
        "images": [{"id": 1, "file_name": name, "width": 10, "height": 10}],
        "categories": [{"id": 1, "name": "vehicle"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
    }
    files.write_json(tmp_path / "boxes.json", coco)
    with pytest.raises(PartregError, match=r"leads out of this folder|boxes\.json"):
        annotation.located(read_coco(tmp_path / "boxes.json"), folder)


def test_lists_stay_in_their_folder(tmp_path):
    for name in ("../../etc/passwd 1", "/etc/passwd 1", "..%2f 1", "a\x00b 1"):
        split = tmp_path / "train_test_split"
        split.mkdir(exist_ok=True)
        (split / "train_list.txt").write_text(f"{name}\n")
        (split / "test_list_1.txt").write_text("0000001 1\n")
        problems = [str(problem) for problem in check(tmp_path).problems]
        assert any(re.search(r"train_list\.txt:1: expected an image name", problem) for problem in problems)
        assert not any("passwd is" in problem for problem in problems), "it was not looked for"


def bomb(path: Path, side: int) -> Path:
    """A PNG of side x side black pixels, one bit each: some kilobytes that would fill a gigabyte."""
    row = b"\x00" + bytes((side + 7) // 8)
    squeezed = zlib.compress(row * side, 9)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", squeezed), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_a_decompression_bomb_is_refused(tmp_path):
    path = bomb(tmp_path / "bomb.png", 20_000)
    assert path.stat().st_size < 200_000
    with pytest.raises(PartregError, match=r"bomb\.png: not a readable image .*decompression bomb"):
        decode(path, 32)
    (tmp_path / "images.csv").write_text("path,vehicle\nbomb.png,1\n")
    (problem,) = (one for one in check(tmp_path).problems if one.line)
    assert "decompression bomb" in problem.message


NAMES = ["it's", "$(touch was-run)", "`touch was-run`", '";touch was-run;"', "a\\b", "{x}", "-rf", "ü 車", "a&b|c>d"]


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_reaches_no_shell_unquoted(tmp_path, name):
    """`make -n` prints the command that the shell would read: the name must come out of it whole, as one word."""
    given = name.replace("$", "$$")  # which is how a dollar is written for make
    place = ["OUTPUT", "FILE"]
    run = [*place, "DATA", "VEHICLEID", "NAMES"]
    read = {"book": run, "photographs": run, "reference": [*run, "WEIGHTS"], "serve": [*place, "PORT"]}
    read |= {"keep": [*place, "WHAT"], "faults": ["KILLS"], "fuzz": ["SECONDS"]}
    for target, choices in read.items():
        options = [f"{choice}={given}" for choice in choices]
        command = [
            "make",
            "-n",
            "-o",
            ".venv/.installed",
            "-C",
            str(REPOSITORY),
            "--no-print-directory",
            target,
            *options,
        ]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        words = shlex.split(printed.replace("\\\n", " "), comments=True)
        assert any(name in word for word in words), target
        assert not {"touch", "was-run"} & set(words), target


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_parameter_is_one_word(name):
    """The Snakefile's own way to make a command: JSON, quoted once."""
    text = (REPOSITORY / "Snakefile").read_text()
    assert text.count("shlex.join") == 2
    assert set(re.findall(r"^ *shell: (.*)$", text, re.M)) == {'"{params.command}"'}
    command = shlex.join(["python", "-m", "x", json.dumps({"output": name})])
    assert json.loads(shlex.split(command)[-1]) == {"output": name}


def test_what_is_served_is_served_here_only():
    text = (REPOSITORY / "Makefile").read_text()
    assert re.search(r"http\.server .*--bind 127\.0\.0\.1", text)
    assert re.search(r"jupyter lab .*--ip=127\.0\.0\.1", text)
    assert "0.0.0.0" not in text


def test_pages_show_names_as_text(tmp_path):
    name = '<img src=x onerror="alert(1)">'
    root = tmp_path / name
    root.mkdir()
    ws = workflow.open_workspace("smoke", vehicleid=str(root))
    line = source_line(workflow.origin(ws, "vehicleid", "drawn"))
    frame = pd.DataFrame({name: [name]}, index=pd.Index([name], name=name))
    html = tables.simple(frame, f"A caption with {name}.")._repr_html_()
    for page in (line, html):
        assert "<img" not in page
        assert "&lt;img" in page

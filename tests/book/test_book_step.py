"""Running one notebook: whole or not at all, its failure in one sentence, its progress on the terminal."""

import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import needs
import step
from tests.conftest import REPOSITORY


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A repository with one notebook, which divides by its parameter."""
    cells = [new_code_cell("by = 1", metadata={"tags": ["parameters"]}), new_code_cell("6 / by")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "divide.ipynb")
    for module in (needs, step):
        monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    return tmp_path


def test_a_notebook_that_runs_leaves_its_output_and_nothing_else(shelf, capsys):
    assert step.run_notebook("divide", str(shelf / "out" / "divide.ipynb"), '{"by": 3, "label": "six by three"}') == 0
    executed = nbformat.read(shelf / "out" / "divide.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0]["data"]["text/plain"] == "2.0"
    seen = [path.name for path in (shelf / "out").iterdir() if path.suffix != ".lock"]
    assert seen == ["divide.ipynb"]
    assert capsys.readouterr().out.startswith("partreg: six by three: started\npartreg: six by three: done in ")


def test_a_notebook_that_fails_says_why_and_keeps_its_red_cell_apart(shelf, capsys):
    assert step.run_notebook("divide", str(shelf / "divide.ipynb"), '{"by": 0}') == 1
    assert not (shelf / "divide.ipynb").exists()
    assert (shelf / "divide.failed.ipynb").exists()
    told = capsys.readouterr().err
    assert "divide.failed.ipynb" in told
    assert "ZeroDivisionError: division by zero" in told


def test_a_notebook_is_given_the_choices_that_it_declares(shelf):
    step.execute("divide", shelf / "divide.ipynb", {"by": 3, "seeds": "0,1", "names": "{}"})
    executed = nbformat.read(shelf / "divide.ipynb", as_version=4)
    assert "seeds" not in "".join(cell.source for cell in executed.cells)


def test_progress_bars_become_a_line_now_and_then(capsys):
    lines = step.TerminalLines("a network", every=0)
    lines.write("a network, seed 0:  10%|█   | 1/10\ra network, seed 0:  20%|██  | 2/10")
    lines.write("no bar")
    assert capsys.readouterr().out == "partreg: a network: 20%|██  | 2/10\n"


def test_what_starts_a_chapter_does_not_load_torch():
    # Each of a book's forty notebooks is started by a process of its own; torch and torchvision take three seconds.
    code = "import sys; import step; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "book", check=False).returncode == 0

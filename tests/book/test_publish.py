"""How an executed notebook becomes a page."""

import base64
import io
import json
import re
import shlex

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

import chapter
import publish
from listings import WIDTH
from needs import NEEDS, source
from partreg.errors import PartregError
from tests.conftest import REPOSITORY

LINE = '<p class="provenance">Data: rendered · profile x · seed 0</p>'


def notebook(*cells, parameters=None, seconds=90.0):
    """An executed chapter with a title and these cells."""
    title = new_markdown_cell("# How?\n\n**Read first:** nothing.\n\nMore.")
    metadata = {"papermill": {"duration": seconds, "parameters": parameters or {}}}
    return new_notebook(cells=[title, *cells], metadata=metadata)


def drawn(words, line=""):
    more = {"provenance": line} if line else {}
    return new_code_cell(words, outputs=[new_output("execute_result", {"image/png": ""}, metadata=more)])


def sources(found):
    return [cell.source for cell in found.cells[1:]]


def test_the_book_shows_no_folder_of_one_machine():
    choices = {"profile": "smoke", "output": "/home/me/out", "vehicleid": "/data/it"}
    injected = new_code_cell('profile = "smoke"\noutput = "/home/me/out"', metadata={"tags": ["injected-parameters"]})
    shown = chapter.readable("05_vehicleid", notebook(injected, new_code_cell('"a/b"'), parameters=choices))
    assert sources(shown) == ['"a/b"']
    assert "/home/me" not in nbformat.writes(shown)  # a reader can download it
    command = (
        "papermill notebooks/05_vehicleid.ipynb out.ipynb \\\n    -p profile smoke \\\n    -p vehicleid FOLDER\n```"
    )
    assert command in shown.cells[0].source


def test_a_figure_gets_the_line_that_it_carries_and_no_others():
    html = {"text/html": '<table></table><p class="provenance">of the next table</p>'}
    table = new_code_cell("t", outputs=[new_output("display_data", html)])
    cells = [drawn("a", '<p class="provenance">of VehicleID</p>'), table, drawn("diagram"), new_code_cell("c")]
    shown = chapter.readable("05_vehicleid", notebook(*cells))
    assert sources(shown) == ["a", '<p class="provenance">of VehicleID</p>', "t", "diagram", "c"]
    assert shown.cells[2].cell_type == "markdown"


def test_provenance_is_one_quiet_line_a_section():
    html = {"text/html": f"<table></table>{LINE}"}
    table = new_code_cell("t", outputs=[new_output("display_data", html)])
    shown = chapter.readable(
        "05_vehicleid",
        notebook(drawn("a", LINE), table, drawn("b", LINE), new_markdown_cell("## On"), drawn("c", LINE)),
    )
    folded = '<details class="provenance"><summary>Data: rendered · profile x</summary><p>seed 0</p></details>'
    assert sources(shown) == ["a", folded, "t", "b", "## On", "c", folded]
    assert shown.cells[3].outputs[0].data["text/html"] == "<table></table>"


def test_a_chapter_says_how_long_it_takes_and_how_it_was_made():
    lines = 'lr = 0.1  # learning rate\nname = ""  # a|b, such as {"a": "b"}; "": build/<profile>'
    given = new_code_cell(lines, metadata={"tags": ["parameters"]})
    words = new_markdown_cell("word " * 1000)
    run = {"profile": "smoke", "overrides": '{"lr": 1}'}
    told = chapter.readable("04_reid_training", notebook(given, words, parameters=run, seconds=600)).cells[0].source
    assert told.startswith(
        "# How?\n\n**Read first:** nothing.\n\n*6 minutes to read, 10 minutes to run in this copy (prof"
    )
    assert "-p profile smoke \\\n    -p overrides '{\"lr\": 1}'" in told
    assert "| `lr` | `0.1` | learning rate |" in told
    assert '| `name` | `""` | a/b, such as `{"a": "b"}`; `""`: `build/<profile>` |' in told
    assert "It writes one network" in told
    assert told.endswith("\n\nMore.")


@pytest.mark.parametrize("name", NEEDS)
def test_every_chapter_says_what_it_reads_and_writes(name):
    code = nbformat.read(source(name), as_version=4).cells
    told = chapter.opening(name, notebook(*code))
    folders = (REPOSITORY / "book" / "running.md").read_text(encoding="utf-8")
    named = re.findall(r"\(`([\w-]+)[/*]*`", told)
    assert [name for name in named if f"`build/<profile>/{name}" not in folders] == []
    assert ("It reads nothing. It writes nothing." in told) == (name == "by_hand")
    assert ("`reference/`" in told) == bool(NEEDS[name].kept)
    assert ("(`runs/`)" in told) == bool(NEEDS[name].networks or NEEDS[name].copied)
    assert ("It writes nothing" in told) == (name in ("by_hand", "13_when_parts_pay"))


def test_the_first_page_has_a_picture_of_a_chapter(tmp_path):
    file = io.BytesIO()
    Image.new("RGBA", (3, 2), "red").save(file, "PNG")
    shown = new_output("display_data", {"image/png": base64.b64encode(file.getvalue()).decode()})
    nbformat.write(new_notebook(cells=[new_code_cell("", id="two", outputs=[shown])]), tmp_path / "n.ipynb")
    assert Image.open(io.BytesIO(publish.picture(tmp_path / "n.ipynb", "two"))).size == (3, 2)
    with pytest.raises(PartregError, match="no picture in a cell 'three'; run make book"):
        publish.picture(tmp_path / "n.ipynb", "three")


def test_a_long_value_of_a_command_goes_on_in_the_next_line():
    overrides = json.dumps({f"field_{number}": [number] for number in range(20)})
    shown = chapter.command("04_reid_training", {"profile": "smoke", "overrides": overrides})
    assert max(map(len, shown.splitlines())) <= WIDTH
    words = shlex.split(shown.replace("\\\n", " "))
    assert json.loads(words[-1]) == json.loads(overrides)


def test_every_report_of_kept_results_is_on_a_page():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "book").glob("*.md")))
    reports = [(name, report.__name__) for name, some in publish.REPORTS.items() for report in some]
    names = "|".join(publish.REPORTS)
    assert sorted(re.findall(rf"\{{include\}} ({names})_(\w+)\.md", text)) == sorted(reports)

"""How an executed notebook becomes a page."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

import publish


def test_the_book_shows_no_folder_of_one_machine(tmp_path):
    parameters = new_code_cell('profile = "smoke"\noutput = "/home/me/out"', metadata={"tags": ["injected-parameters"]})
    nbformat.write(new_notebook(cells=[parameters, new_code_cell('"a/b"')]), tmp_path / "n.ipynb")
    shown = publish.readable(tmp_path / "n.ipynb")
    assert [cell.source for cell in shown.cells] == ['profile = "smoke"', '"a/b"']


def test_a_figure_gets_the_line_that_it_carries_and_no_others(tmp_path):
    def drawn(name, line=""):
        more = {"provenance": line} if line else {}
        return new_code_cell(name, outputs=[new_output("execute_result", {"image/png": ""}, metadata=more)])

    html = {"text/html": '<table></table><p class="provenance">of the next table</p>'}
    table = new_code_cell("t", outputs=[new_output("display_data", html)])
    cells = [drawn("a", '<p class="provenance">of VehicleID</p>'), table, drawn("diagram"), new_code_cell("c")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "n.ipynb")
    shown = publish.readable(tmp_path / "n.ipynb").cells
    assert [cell.source for cell in shown] == ["a", '<p class="provenance">of VehicleID</p>', "t", "diagram", "c"]
    assert shown[1].cell_type == "markdown"

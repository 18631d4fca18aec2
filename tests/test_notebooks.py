"""The notebooks as they are committed: clean, in order, and with the parameters that `make book` gives them."""

import ast

import nbformat
import papermill
import pytest

from partreg.workflow import CHAPTERS, CHOICES
from tests.conftest import REPOSITORY

PATHS = {name: REPOSITORY / "notebooks" / f"{name}.ipynb" for name in CHAPTERS}


def test_the_folder_holds_the_chapters_and_nothing_else():
    assert sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb")) == list(CHAPTERS)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_notebook_is_committed_without_outputs_and_with_ids_of_its_own(name):
    notebook = nbformat.read(PATHS[name], as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_notebook_takes_the_parameters_of_make_book(name):
    declared = papermill.inspect_notebook(str(PATHS[name]))
    assert set(CHOICES) <= set(declared)
    defaults = {key: ast.literal_eval(declared[key]["default"]) for key in CHOICES}
    assert defaults == {**dict.fromkeys(CHOICES, ""), "profile": "laptop", "overrides": {}}


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_has_words_for_those_who_cannot_see_it(name):
    notebook = nbformat.read(PATHS[name], as_version=4)
    for cell in notebook.cells:
        told = cell.metadata.get("mystnb", {})
        if "figure" in told:
            assert len(told.get("image", {}).get("alt", "")) > 20, cell.id


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_carries_where_it_came_from_or_draws_what_no_run_has_made(name):
    notebook = nbformat.read(PATHS[name], as_version=4)
    shown = {"Sourced(", "panels("}  # 12 draws its two charts by a function that gives a Sourced
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("mystnb", {}) and "diagram" not in cell.metadata.get("tags", []):
            assert any(word in cell.source.splitlines()[-1] for word in shown), cell.id

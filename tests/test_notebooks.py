"""The notebooks as they are committed: clean, in order, and with the parameters that `make book` gives them."""

import ast

import nbformat
import papermill
import pytest

from needs import NEEDS
from partreg.workflow import CHOICES
from tests.conftest import REPOSITORY

HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
PATHS = {name: REPOSITORY / "notebooks" / f"{name}.ipynb" for name in NEEDS}


def tags(cell):
    return cell.metadata.get("tags", [])


def test_the_folder_holds_the_chapters_and_nothing_else():
    assert sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb")) == list(NEEDS)


@pytest.mark.parametrize("name", NEEDS)
def test_a_notebook_is_committed_without_outputs_and_with_ids_of_its_own(name):
    notebook = nbformat.read(PATHS[name], as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


# A chapter declares the choices that it uses: the first learns nothing, and the next three train no network to judge.
# All take both data sets, for a profile may name folders that are not there.
BOXES = {"annotations", "photographs", "names"}
WITHOUT = ("13_when_parts_pay", "by_hand")  # parameters: one shows what is kept, the other makes all it needs
UNUSED = {"00": {*BOXES, "seeds"}, "01": {"seeds"}, "02": {"seeds"}, "03": {"seeds"}}


@pytest.mark.parametrize("name", [name for name in NEEDS if name not in WITHOUT])
def test_a_notebook_takes_the_parameters_that_it_uses(name):
    declared = papermill.inspect_notebook(str(PATHS[name]))
    used = set(CHOICES) - UNUSED.get(name[:2], set())
    assert set(CHOICES) & set(declared) == used
    defaults = {key: ast.literal_eval(declared[key]["default"]) for key in used}
    empty = {**dict.fromkeys(used, ""), "profile": "laptop", "overrides": {}}
    assert defaults == ({**empty, "names": {}} if "names" in used else empty)
    assert "seed" not in declared


@pytest.mark.parametrize("name", [name for name in NEEDS if name not in WITHOUT])
def test_every_parameter_is_explained(name):
    (source,) = (cell.source for cell in nbformat.read(PATHS[name], as_version=4).cells if "parameters" in tags(cell))
    assert [line for line in source.splitlines() if line and "  # " not in line] == []


@pytest.mark.parametrize("name", NEEDS)
def test_the_first_cell_stops_where_a_parameter_is_unknown(name):
    cells = [cell for cell in nbformat.read(PATHS[name], as_version=4).cells if cell.cell_type == "code"]
    first = next(cell.source for cell in cells if "parameters" not in tags(cell))
    opens = "workflow.check_injected(globals())" if name in WITHOUT else "ws = workflow.open_notebook(globals()"
    assert opens in first


@pytest.mark.parametrize("name", WITHOUT)
def test_a_chapter_that_needs_no_choice_takes_no_parameters(name):
    assert papermill.inspect_notebook(str(PATHS[name])) == {}


@pytest.mark.parametrize("name", NEEDS)
def test_a_chapter_opens_with_its_question_and_closes_with_what_a_run_found(name):
    cells = nbformat.read(PATHS[name], as_version=4).cells
    title, *paragraphs = cells[0].source.split("\n\n")
    assert "?" in title, "a title says what one learns"
    openings = ("**The question.** ", "**Afterwards you can** ", "**Read first:** ")
    assert [one for one in openings if any(words.startswith(one) for words in paragraphs)] == list(openings)
    sources = [cell.source for cell in cells if cell.cell_type == "markdown"]
    (found,) = (number for number, source in enumerate(sources) if source.startswith("## What we found\n\n"))
    assert "{glue:text}" in sources[found]
    assert sources[found].count("\n\n") == 1, "one sentence or two"
    assert any("```{exercise}" in source for source in sources[found + 1 :])


@pytest.mark.parametrize("name", NEEDS)
def test_every_figure_has_words_for_those_who_cannot_see_it(name):
    notebook = nbformat.read(PATHS[name], as_version=4)
    for cell in notebook.cells:
        told = cell.metadata.get("mystnb", {})
        if "figure" in told:
            assert len(told.get("image", {}).get("alt", "")) > 20, cell.id


@pytest.mark.parametrize("name", NEEDS)
def test_every_figure_carries_where_it_came_from_or_draws_what_no_run_has_made(name):
    notebook = nbformat.read(PATHS[name], as_version=4)
    shown = {"Sourced(", "panels("}  # 12 draws its two charts by a function that gives a Sourced
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("mystnb", {}) and "diagram" not in cell.metadata.get("tags", []):
            assert any(word in cell.source.splitlines()[-1] for word in shown), cell.id


@pytest.mark.parametrize("name", NEEDS)
def test_a_history_is_read_where_scores_by_other_code_are_left_out(name):
    code = "".join(cell.source for cell in nbformat.read(PATHS[name], as_version=4).cells if cell.cell_type == "code")
    assert "history.csv" not in code  # `workflow.history` knows which code scored


def code_cells(name) -> list:
    """A notebook's cells of code, but for its parameters."""
    cells = [cell for cell in nbformat.read(PATHS[name], as_version=4).cells if cell.cell_type == "code"]
    return [cell for cell in cells if "parameters" not in cell.metadata.get("tags", [])]


def lines(cells) -> int:
    """How many lines of code they hold that are not empty."""
    return sum(bool(line.strip()) for cell in cells for line in cell.source.splitlines())


@pytest.mark.parametrize("name", NEEDS)
def test_a_notebook_shows_its_code(name):
    cells = [cell for cell in code_cells(name) if "check" not in tags(cell)]  # of an exercise: it knows the answer
    hidden = [cell for cell in cells if HIDDEN & set(cell.metadata.get("tags", []))]
    assert 3 * lines(hidden) < lines(cells)


def test_notebooks_leave_loops_to_the_library():
    in_full = ("by_hand", "04_reid_training")  # the loops are their subject
    found = [lines(code_cells(name)) for name in NEEDS if name not in in_full]
    assert sum(found) < 75 * len(found)

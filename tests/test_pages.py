"""The book's sources hold together: what they list, quote and point to is there. Rendering is tested elsewhere."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml
from markdown_it import MarkdownIt

import pages
from listings import WIDTH, laid_out, quoted

REPOSITORY = Path(__file__).resolve().parents[1]
BOOK = REPOSITORY / "book"
PAGES = sorted(BOOK.rglob("*.md"))
MADE_BY_THE_BUILD = {"book/statistics"}


def chapters(node):
    """Every file that a table of contents names, in order."""
    if isinstance(node, list):
        return [name for child in node for name in chapters(child)]
    own = [node[key] for key in ("root", "file") if key in node]
    return own + [name for key in ("parts", "chapters", "sections") for name in chapters(node.get(key, []))]


TOC = chapters(yaml.safe_load((REPOSITORY / "_toc.yml").read_text(encoding="utf-8")))


def test_every_page_is_in_the_table_of_contents_once():
    pages = {page.relative_to(REPOSITORY).with_suffix("").as_posix() for page in PAGES}
    assert len(TOC) == len(set(TOC))
    assert {name for name in TOC if name.startswith("book/")} - MADE_BY_THE_BUILD == pages - MADE_BY_THE_BUILD


def test_the_equations_come_before_the_protocols_so_that_their_numbers_are_the_papers():
    assert TOC.index("book/method") < TOC.index("book/protocols")
    numbered = [name for name in TOC if (REPOSITORY / f"{name}.md").exists()]
    labels = [
        label
        for name in numbered
        for label in re.findall(
            r"^\$\$ *\((eq-[\w-]+)\)", (REPOSITORY / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert labels[:3] == ["eq-global", "eq-parts", "eq-loss"]
    assert len(labels) == 6


def test_pictures_come_before_protocols():
    order = [
        "notebooks/00_near_duplicates",
        "book/method",
        "notebooks/01_part_annotation",
        "notebooks/04_reid_training",
    ]
    order += ["book/protocols", "notebooks/07_ablation", "book/running", "book/glossary", "book/api"]
    assert TOC[1] == order[0]
    assert [name for name in TOC if name in order] == order


def test_every_symbol_of_an_equation_is_explained():
    text = (BOOK / "method.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \$\\class\{(s-\w+)\}.*? \| (.+) \| (.+) \|$", text, re.MULTILINE)
    used = [
        name
        for equation in re.findall(r"^\$\$\n(.*?)^\$\$", text, re.MULTILINE | re.DOTALL)
        for name in (re.findall(r"\\class\{(s-\w+)\}", equation))
    ]
    assert len(used) > 20
    assert {name for name, *_ in rows} == set(used)
    assert len(rows) == len(set(used))


def test_every_module_has_its_place_in_the_reference():
    written = [page.read_text(encoding="utf-8") for page in [BOOK / "api.md", *(BOOK / "api").glob("*.md")]]
    text = "\n".join([*written, pages.methods_reference()])
    listed = re.findall(r"^\.\. automodule:: (\S+)$", text, re.MULTILINE)
    modules = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        for path in (REPOSITORY / "partreg").rglob("*.py")
        if path.name != "__main__.py"
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == modules - {"partreg"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(BOOK).as_posix())
def test_quoted_code_exists(page):
    text = page.read_text(encoding="utf-8")
    for file, name in re.findall(r"\{literalinclude\} (\S+)\n:pyobject: ([\w.]+)", text):
        source = (page.parent / file).resolve().read_text(encoding="utf-8")
        for word in name.split("."):
            assert re.search(rf"^ *(class|def) {word}\b", source, re.MULTILINE), f"{page.name} quotes {name} of {file}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(BOOK).as_posix())
def test_code_of_a_page_is_no_wider_than_it(page):
    found = MarkdownIt().parse(quoted(page.read_text(encoding="utf-8"), page.parent))
    code = [token for token in found if token.type == "fence" and re.match(r"(\w|\{code)", token.info)]
    wide = [line for token in code for line in token.content.splitlines() if len(line) > WIDTH]
    assert not wide, "write it on several lines, or say it in fewer words"


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_code_of_a_chapter_fits_a_page(path):
    cells = nbformat.read(path, as_version=4).cells
    shown = laid_out([cell.source for cell in cells if cell.cell_type == "code"])
    wide = [line for source in shown for line in source.splitlines() if len(line) > WIDTH]
    assert not wide, "no formatter shortens a comment or a text: say it in fewer words"


def test_numbers_are_taken_from_notebooks_that_are_in_the_book():
    for page in PAGES:
        for notebook in re.findall(r"notebooks/(\w+)\.ipynb", page.read_text(encoding="utf-8")):
            assert f"notebooks/{notebook}" in TOC, f"{page.name} points to {notebook}"


def test_nothing_is_loaded_from_elsewhere():
    settings = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    assert not settings["sphinx"]["config"]["mathjax_path"].startswith("http")
    assert settings["sphinx"]["config"]["nb_ipywidgets_js"] == {}
    styles = (BOOK / "_static" / "partreg.css").read_text(encoding="utf-8")
    assert "http" not in styles
    assert "@import" not in styles


def test_the_licences_are_whole():
    licence = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert licence.lstrip().startswith("GNU AFFERO GENERAL PUBLIC LICENSE")
    assert len(licence.splitlines()) == 661
    assert "CC BY 4.0" in (BOOK / "LICENSE").read_text(encoding="utf-8")


def test_no_page_refers_to_a_figure_by_a_number_that_is_not_printed():
    # numfig_format in _config.yml leaves the numbers away, so {numref} would print nothing; {ref} names its words.
    sources = [*PAGES, *(REPOSITORY / "notebooks").glob("*.ipynb")]
    assert not [path.name for path in sources if "{numref}" in path.read_text(encoding="utf-8")]


def test_all_pages_say_the_same_of_what_was_tested():
    promise = (BOOK / "promises.md").read_text(encoding="utf-8")
    assert "macOS or Windows: all was tested on Linux with Python 3.11 only" in promise
    sources = [*PAGES, REPOSITORY / "README.md", REPOSITORY / "requirements.lock", REPOSITORY / "environment.yml"]
    named = [path.name for path in sources if "macos" in path.read_text(encoding="utf-8").lower()]
    assert named == ["promises.md"]
    for path in (BOOK / "running.md", REPOSITORY / "README.md"):
        assert "On Linux with Python 3.11, make and git" in path.read_text(encoding="utf-8")


def test_what_the_build_writes_for_a_page_is_included_by_one():
    included = {
        Path(name).name for page in PAGES for name in re.findall(r"\{include\} (\S+)", page.read_text(encoding="utf-8"))
    }
    source = (REPOSITORY / "book/publish.py").read_text(encoding="utf-8")
    made = {"paper_recipe.md", "marks_table.md", "methods_reference.md"}
    assert made <= included
    assert all(name.removesuffix(".md") in source for name in made)

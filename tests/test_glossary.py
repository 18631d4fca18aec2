"""Words of the glossary are linked, or explained, where they first appear in a chapter."""

import re
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BOOK = REPOSITORY / "book"
TERMS = re.findall(r"^([^\s:#].*)\n  ", (BOOK / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
# Words that mean other things, too: "in the same light", "a part of the images". They are linked where they are meant.
EVERYDAY = {
    "budget",
    "part",
    "point",
    "pull",
    "light",
    "mark",
    "tie",
    "window",
    "brand",
    "control",
    "reference",
    "seed",
    "margin",
    "junk",
    "missed",
    "threshold",
    "profile",
}
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
PAGES = [BOOK / "method.md", BOOK / "protocols.md", *NOTEBOOKS]
ROLE = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")
# What is no prose: headings, code, math, other roles, links, options of directives. And what explains: emphasis.
APART = re.compile(
    r"^#[^\n]*$|^(`{3,}).*?^\1`*$|^ *\$\$.*?^ *\$\$|\{[\w:]+\}`[^`]*`|`+[^`\n]+`+|\$[^$\n]+\$|"
    r"\[[^\]]*\]\([^)]*\)|^:\w[^\n]*$|<[^>\n]+>",
    re.MULTILINE | re.DOTALL,
)
EMPHASIS = re.compile(r"(\*{1,2})(?=\S)[^*]+\1")


def words(path: Path) -> str:
    """The prose of a page, or of all cells of a chapter."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def form(term: str) -> re.Pattern[str]:
    """A term as it stands in a sentence: its plural, a capital letter at the beginning."""
    first, rest = term[0], term[1:]
    start = first if term.isupper() or not first.isalpha() else f"[{first.lower()}{first.upper()}]"
    ending = re.escape(rest[:-1]) + "(?:y|ies)" if rest.endswith("y") else re.escape(rest) + "(?:s|es)?"
    longer = "|".join(re.escape(other[len(term) :]) for other in TERMS if other.startswith(f"{term} "))
    return re.compile(rf"(?<![\w@-]){start}{ending}(?![\w-]" + (f"|{longer}" if longer else "") + ")")


def late(text: str) -> dict[str, int]:
    """The terms that appear in a text before they are linked or explained, each with its place."""
    plain = APART.sub(lambda found: " " * len(found[0]), text)
    explained = {found.start(): found[0] for found in EMPHASIS.finditer(plain)}
    plain = EMPHASIS.sub(lambda found: " " * len(found[0]), plain)
    missed = {}
    for term in TERMS:
        met = form(term).search(plain)
        if term in EVERYDAY or met is None:
            continue
        links = [found.start() for found in ROLE.finditer(text) if found[1] == term]
        links += [place for place, shown in explained.items() if form(term).search(shown)]
        if not links or min(links) > met.start():
            missed[term] = met.start()
    return missed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_term_is_linked_or_explained_where_it_first_appears(path):
    assert late(words(path)) == {}


def test_a_term_that_is_linked_too_late_is_found():
    assert set(late("A query finds. {term}`Queries <query>` are many.")) == {"query"}
    assert late("*Queries* are images. A query finds.") == {}
    assert late("{term}`query` and queries, `query`, [the gallery](x.md)") == {}


def test_every_link_leads_to_a_term_and_every_term_is_used():
    linked = {found for path in [*BOOK.rglob("*.md"), *NOTEBOOKS] for found in ROLE.findall(words(path))}
    assert linked == set(TERMS)

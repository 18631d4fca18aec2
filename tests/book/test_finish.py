"""How built pages are made good for every reader."""

import base64
import io

import pytest
from bs4 import BeautifulSoup
from PIL import Image

import finish
from partreg.errors import PartregError


def page(body: str) -> BeautifulSoup:
    return BeautifulSoup(
        f"<html><head></head><body><main><article>{body}</article></main></body></html>", "html.parser"
    )


def test_pages_load_no_script_that_they_do_without():
    found = page(
        '<script src="_static/vendor/fontawesome/6/js/all.min.js"></script><script src="_static/mathjax.js"></script>'
        '<link href="webfonts/fa-brands-400.woff2"/><link href="fontawesome/css/all.min.css"/><script src="x"></script>'
    )
    finish.only_what_is_used(found)
    left = [tag.get("src") or tag.get("href") for tag in found.find_all(["script", "link"])]
    assert left == ["fontawesome/css/all.min.css", "x"]


def test_a_fold_is_called_what_is_written_on_it_or_what_it_belongs_to():
    found = page(
        '<details><summary aria-label="Toggle hidden content">Show code</summary></details>'
        "<li><a>API</a><details><summary><i></i></summary></details></li>"
    )
    finish.names(found)
    assert [fold.get("aria-label") for fold in found.find_all("summary")] == [None, "Pages of API"]


def test_parameters_of_a_signature_are_no_list_of_definitions():
    found = page("<dl><dt>f(<dl><dd>a,</dd><dd>b,</dd></dl>)</dt><dd>Says what it does.</dd></dl>")
    finish.signatures(found)
    assert str(found.dt) == '<dt>f(<span class="parameters"><span>a,</span><span>b,</span></span>)</dt>'
    assert found.dl.dd.text == "Says what it does."


def test_every_table_and_equation_scrolls_in_a_region_of_its_own_name():
    found = page(
        "<h2>Times<a>#</a></h2><table><tr><th> </th><th>a</th></tr></table>"
        '<div class="pst-scrollable-table-container"><table></table></div>'
        '<div role="region" aria-label="Mine"><table><caption>Mine</caption></table></div>'
        '<div class="math"><span class="eqno">(3)<a>#</a></span>\\[x\\]</div>'
    )
    for _ in range(2):  # a page may be finished again
        finish.scrolling(found)
    regions = found.find_all(attrs={"role": "region"})
    assert [region["aria-label"] for region in regions] == [
        "Table: Times", "Table: Times, 2", "Mine", "Equation (3)",
    ]  # fmt: skip
    assert all(table.find_parent(attrs={"role": "region"}) for table in found.find_all("table"))
    assert [cell.text for cell in found.find_all("th")] == ["a"]


def test_pictures_are_files_with_a_size_and_only_the_first_is_awaited(tmp_path):
    drawn = io.BytesIO()
    Image.new("RGB", (7, 5)).save(drawn, "png")
    inside = base64.b64encode(drawn.getvalue()).decode()
    for name in ("_images", "book"):
        (tmp_path / name).mkdir()
    (tmp_path / "_images" / "a.png").write_bytes(drawn.getvalue())
    found = page(f'<img src="../_images/a.png"/><img src="data:image/png;base64,{inside}"/>')
    finish.pictures(found, tmp_path, tmp_path / "book")
    first, second = found.find_all("img")
    assert (tmp_path / "book" / second["src"]).read_bytes() == drawn.getvalue()
    assert [(image["width"], image["height"]) for image in (first, second)] == [("7", "5")] * 2
    assert [image.get("loading") for image in (first, second)] == [None, "lazy"]


def test_a_wide_picture_scrolls(tmp_path):
    Image.new("RGB", (21, 10)).save(tmp_path / "wide.png")
    Image.new("RGB", (20, 10)).save(tmp_path / "small.png")
    found = page('<img src="wide.png" alt="A street"/><img src="small.png" alt="A door"/>')
    for _ in range(2):
        finish.pictures(found, tmp_path, tmp_path)
    [region] = found.find_all(attrs={"role": "region"})
    assert region["aria-label"] == "Picture: A street"
    assert region.img["src"] == "wide.png"


def test_equations_are_drawn_with_what_a_screen_reader_reads():
    found = page(
        '<span class="math">\\(a &lt; b\\)</span><div class="math"><span class="eqno">(1)</span>\n\\[\\frac12\\]</div>'
    )
    finish.equations([found])
    inline, alone = found.select(".math")
    assert "\\(" not in inline.text
    assert inline.find("math").find("mo").text == "<"
    assert alone.find(class_="eqno").text == "(1)"
    assert alone.find(class_="katex-display").find("mfrac")
    before = str(found)
    finish.equations([found])
    assert str(found) == before


def test_an_equation_that_is_none_stops_the_book(capfd):
    with pytest.raises(PartregError, match="cannot be drawn"):
        finish.equations([page('<span class="math">\\(\\frac{1\\)</span>')])
    assert "KaTeX parse error" in capfd.readouterr().err

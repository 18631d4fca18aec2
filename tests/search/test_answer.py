"""`partreg search`: lines, JSON, and a page that opens offline."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.search.answer import answer
from partreg.search.page import Hit, RankList, rank_page
from partreg.search.store import read_index
from tests.search.conftest import draw


def ran(*words):
    done = CliRunner().invoke(commands, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_picture_of_the_index_is_its_own_nearest(indexed, pictures):
    found = json.loads(ran("search", indexed, pictures / "c.png", pictures / "lot/a.png", "--top", 2, "--json"))
    assert found["exact"] is True
    first, second = found["queries"]
    assert first["picture"] == str(pictures / "c.png")
    assert [hit["rank"] for hit in first["results"]] == [1, 2]
    assert (first["results"][0]["path"], second["results"][0]["path"]) == ("c.png", "lot/a.png")
    assert first["results"][0]["distance"] == pytest.approx(0, abs=1e-5)
    assert first["results"][1]["distance"] > 1e-3


def test_lines_say_rank_distance_and_path(indexed, tmp_path):
    lines = ran("search", indexed, draw(tmp_path / "query.png", 2)).splitlines()
    assert lines[0] == f"nearest to {tmp_path / 'query.png'}:"
    assert re.fullmatch(r" +1 +0\.0000  c\.png", lines[1])
    assert len(lines) == 5


def test_the_page_holds_its_pictures_and_runs_nothing(indexed, pictures, tmp_path):
    page = tmp_path / "found.html"
    ran("search", indexed, pictures / "c.png", "--page", page)
    text = page.read_text(encoding="utf-8")
    assert text.count('<img src="data:image/jpeg;base64,') == 5
    assert len(re.findall(r'alt="[^"]+"', text)) == 5
    assert "<script" not in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert 'alt="Rank 1, distance 0.000: c.png"' in text


def test_a_page_does_not_take_the_place_of_a_picture(indexed, pictures):
    before = (pictures / "c.png").read_bytes()
    words = ["search", str(indexed), "--page", str(pictures / "c.png"), str(pictures / "lot/a.png")]
    with pytest.raises(PartregError, match=r"--page .*c\.png: expected a file that ends in \.html; name one"):
        CliRunner().invoke(commands, words, catch_exceptions=False)
    assert (pictures / "c.png").read_bytes() == before


def test_a_name_that_is_no_utf8_is_an_escape_on_the_page(indexed, pictures, tmp_path):
    path = tmp_path / os.fsdecode(b"latin\xe9.png")
    path.write_bytes((pictures / "c.png").read_bytes())
    words = [sys.executable, "-m", "partreg", "search", indexed, path, "--page", tmp_path / "found.html"]
    done = subprocess.run(words, env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"}, capture_output=True, check=True)
    assert b"latin\\udce9.png" in done.stdout
    assert "latin\\udce9.png" in (tmp_path / "found.html").read_text(encoding="utf-8")


def test_a_picture_that_is_gone_is_said_on_the_page(indexed, pictures):
    index = read_index(indexed)
    (pictures / "lot/a.png").unlink()
    text = answer(index, [pictures / "c.png"]).to_page(index)
    assert text.count("<img ") == 4
    assert "lot/a.png. The picture cannot be opened now." in text


def test_names_are_text_on_the_page(tmp_path):
    evil = '"><script>alert(1)</script>.png'
    hits = [Hit(1, 0.5, evil, tmp_path / "none.png")]
    text = rank_page([RankList(draw(tmp_path / 'a"><b>.png', 1), hits)], "<i>title")
    assert "<script" not in text
    assert "<b>.png" not in text
    assert "<i>" not in text
    assert "&lt;script&gt;" in text


def test_an_index_is_not_searched_by_another_network(indexed, pictures, other_network):
    with pytest.raises(PartregError, match="features of two networks cannot be compared"):
        answer(read_index(indexed), [pictures / "c.png"], network=other_network)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_a_wide_screen(indexed, pictures, tmp_path, browser, scheme):
    index = read_index(indexed)
    path = tmp_path / "found.html"
    path.write_text(answer(index, [pictures / "c.png"]).to_page(index), encoding="utf-8")
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        asked = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert all(url.startswith(("file:", "data:")) for url in asked)
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)")
        page.close()

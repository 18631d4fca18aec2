"""The local page: what it answers to good, broken, huge and hostile files, on the wire and in a browser."""

import base64
import http.client
import io
import json
import struct
import zlib
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from packages import package_file
from partreg import local
from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.parts import detector
from partreg.parts.boxes import BOX_COLUMNS
from partreg.reid.export import to_onnx
from partreg.search import live
from partreg.search.index import index_folder
from partreg.search.store import read_index
from partreg.search.threshold import Threshold, write_threshold
from tests.conftest import visit, watch
from tests.search.conftest import draw

EVIL = '"><img src=x onerror=document.title=1>.png'
SEEN = [("picture", "front", "window", 0.2, 0.1, 0.8, 0.4, 0.9, "detected")]


def png(width: int, height: int) -> bytes:
    """The header of a PNG file that claims a size, and next to no pixels: what is called a decompression bomb."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def jpeg(side: int = 64) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file := io.BytesIO(), "jpeg")
    return file.getvalue()


NO_PICTURE = "the file is no picture that can be read (no format of pictures that is known here)"
HOSTILE = {
    "empty.jpg": (b"", "the file is empty; choose a picture."),
    "page.jpg": (b"<html><script>alert(1)</script></html>", NO_PICTURE),
    "drawing.jpg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', NO_PICTURE),
    "program.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\n", NO_PICTURE),
    "noise.png": (np.random.default_rng(1).bytes(5000), NO_PICTURE),
    "short.jpg": (jpeg()[:900], "the file is no picture that can be read (image file is truncated"),
    "bomb.png": (
        png(60_000, 60_000),
        "the file is no picture that can be read (Image size (3600000000 pixels) exceeds",
    ),
    "large.png": (png(10_000, 10_000), "the picture has 10,000 x 10,000 pixels, expected at most 50,000,000 in all"),
    "hollow.png": (png(500, 500), "the file is no picture that can be read ("),
}


@pytest.fixture
def desk(pictures, network, monkeypatch):
    """The page of five pictures, one with a hostile name, calibrated, with a detector that sees a window."""
    draw(pictures / EVIL, 4)
    index = read_index(index_folder(pictures, network).index.folder)
    rates = {"rate": 0.5, "distance": 0.2, "low": 0.4, "high": 0.6, "nearest": 0.1, "farthest": 0.3, "missed": 0.1}
    curve = {"rates": [0.1, 0.9], "distances": [0.05, 9.0]}
    write_threshold(index.folder, Threshold(**rates, **curve, vehicles=20, pairs=100, weights=index.weights))
    table = pd.DataFrame(SEEN, columns=list(BOX_COLUMNS))
    monkeypatch.setattr(detector, "detect", lambda weights, images: table)
    monkeypatch.setattr(detector, "load_detector", lambda weights: None)
    return live.open_desk(index, detector="detector")


@pytest.fixture
def address(desk):
    with live.page(desk) as found:
        yield found


def ask(address, path, body=None, **headers):
    """The status and the JSON of one request, as a browser would send it, or a stranger."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    connection.request("GET" if body is None else "POST", where.path + path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content)


def test_a_picture_of_the_index_finds_itself(address, pictures):
    content = (pictures / "c.png").read_bytes()
    status, told = ask(address, "search", content)
    assert status == 200
    names = [hit["name"] for hit in told["hits"]]
    assert sorted(names) == sorted(["c.png", "lot/a.png", "lot/b.JPG", "d ü,1.png", EVIL])
    assert names[0] == "c.png"
    assert told["hits"][0]["distance"] == pytest.approx(0, abs=1e-5)
    assert (told["hits"][0]["verdict"]["same"], told["hits"][-1]["verdict"]["same"]) == ("yes", "no")
    assert told["parts"] == [{"part": "window", "corners": [0.2, 0.1, 0.8, 0.4]}]
    assert told["view"] == "front"
    shown = Image.open(io.BytesIO(base64.b64decode(told["picture"].partition(",")[2])))
    assert (shown.format, shown.size) == ("JPEG", (40, 36))


def test_the_map_of_a_pair_is_symmetric_and_its_best_cells_are_in_it(address, pictures):
    content = (pictures / "c.png").read_bytes()
    status, told = ask(address, f"likeness?match={quote('c.png')}", content)
    assert status == 200
    rows, columns = told["grid"]
    pairs = np.array(told["pairs"]).reshape(rows * columns, rows * columns)
    np.testing.assert_allclose(pairs, pairs.T, atol=2e-4)
    assert np.abs(pairs).max() == 1
    a, b, c, d = told["best"][0]
    assert pairs[a * columns + b, c * columns + d] == pairs.max()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_one_sentence_and_the_server_goes_on(address, pictures, name):
    content, words = HOSTILE[name]
    for path in ("search", "likeness?match=c.png"):
        status, told = ask(address, path, content)
        assert status == 400
        assert list(told) == ["error"]
        assert told["error"].startswith(words)
        assert "\n" not in told["error"]
        assert "/" not in told["error"]  # no path of this machine
    assert ask(address, "search", (pictures / "c.png").read_bytes())[0] == 200


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (60_000, 2)])
def test_a_picture_of_any_shape_is_looked_at(address, size):
    Image.new("RGB", size).save(file := io.BytesIO(), "png")
    assert ask(address, "search", file.getvalue())[0] == 200
    assert ask(address, "likeness?match=c.png", file.getvalue())[0] == 200


def test_a_file_of_50_mb_is_refused_and_the_server_goes_on(address, pictures):
    status, told = ask(address, "search", bytes(50 * 2**20))
    assert (status, told["error"]) == (
        413,
        "52,428,800 bytes were sent, expected at most 33,554,432; send a smaller file.",
    )
    assert ask(address, "search", (pictures / "c.png").read_bytes())[0] == 200


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "c.png\0", "", "photos/c.png", "threshold.json"])
def test_only_pictures_of_the_index_are_compared(address, pictures, name):
    status, told = ask(address, f"likeness?match={quote(name)}", (pictures / "c.png").read_bytes())
    assert status == 400
    assert told["error"].endswith("no picture of the index; search again.")


def test_strangers_get_nothing(address, pictures):
    content = (pictures / "c.png").read_bytes()
    port = urlsplit(address).port
    for headers in [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]:
        assert ask(address, "search", content, **headers)[0] == 403
    assert ask(f"http://127.0.0.1:{port}/", "search", content)[0] == 403  # without the token
    assert ask(address, "../photos/c.png")[0] in (403, 404)


def test_a_picture_that_is_gone_is_said(address, pictures):
    content = (pictures / "c.png").read_bytes()
    (pictures / "lot/a.png").unlink()
    hits = {hit["name"]: hit for hit in ask(address, "search", content)[1]["hits"]}
    assert hits["lot/a.png"]["picture"] == ""
    status, told = ask(address, "likeness?match=lot/a.png", content)
    assert (status, told["error"].split(";")[0]) == (400, "lot/a.png: cannot be opened now")


def test_a_link_that_leads_out_since_is_not_followed(address, pictures, tmp_path):
    secret = draw(tmp_path / "secret.png", 9)
    (pictures / "lot/a.png").unlink()
    (pictures / "lot/a.png").symlink_to(secret)
    status, _ = ask(address, "likeness?match=lot/a.png", (pictures / "c.png").read_bytes())
    assert status == 400


def test_without_threshold_or_detector_the_page_says_how_to_get_them(indexed, network, pictures, tmp_path):
    plain = live.open_desk(read_index(indexed))
    about = live.about(plain)
    assert about["uncalibrated"] == f"Same vehicle? Calibrate it first, by `partreg calibrate {indexed} images.csv`."
    assert (about["detector"], about["mapless"]) == (False, "")
    told = live.found(plain, live.opened((pictures / "c.png").read_bytes()))
    assert (told["parts"], told["hits"][0]["verdict"]) == ([], None)
    with pytest.raises(PartregError, match=r"detector\.json: no such file"):
        live.open_desk(read_index(indexed), detector=tmp_path)


def test_a_network_without_cells_still_searches(pictures, network, tmp_path):
    to_onnx(network, tmp_path / "network.onnx")
    index = index_folder(pictures, tmp_path / "network.onnx", tmp_path / "onnx.index").index
    desk = live.open_desk(index)
    assert "gives features but no cells" in desk.mapless
    picture = live.opened((pictures / "c.png").read_bytes())
    assert live.found(desk, picture)["hits"][0]["name"] == "c.png"
    with pytest.raises(PartregError, match="gives features but no cells"):
        live.compare(desk, picture, "c.png")


def test_the_command_says_where_the_page_is(indexed, monkeypatch):
    monkeypatch.setattr(local, "wait", lambda: None)
    done = CliRunner().invoke(commands, ["page", str(indexed)], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output.startswith("Open http://127.0.0.1:")


# ------------------------------------------------------------------------------------------ in a browser


@pytest.fixture
def opened(browser, address):
    """A function that opens the page; what it asks of anybody else, or says on its console, fails the test."""
    troubles, contexts = [], []

    def open_page(width=1280, scheme="light", **how):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **how)
        contexts.append(context)
        page = context.new_page()
        watch(page, troubles, address, "data:")
        visit(page, address)
        page.wait_for_function("() => document.getElementById('about').textContent.startsWith('5 pictures')")
        return page

    open_page.troubles = troubles
    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def said(page, words):
    page.wait_for_function("words => document.getElementById('said').textContent.includes(words)", arg=words)
    return page.inner_text("#said")


@pytest.mark.browser
def test_a_chosen_picture_shows_parts_matches_likeness_and_verdict(opened, pictures):
    page = opened()
    page.get_by_label("Choose a picture").set_input_files(pictures / "c.png")
    said(page, "5 pictures found")
    assert page.inner_text("#verdict").startswith("Same vehicle? yes. Distance 0.000. Less than 10% of the pairs")
    assert page.locator("#parts .box").inner_text() == "window"
    assert page.locator("#parts-said").inner_text().endswith("window. It takes this for the front of a vehicle")
    hits = page.locator("#hits button")
    assert hits.count() == 5
    assert hits.first.get_attribute("aria-pressed") == "true"
    assert page.locator("#first .cell").count() == page.locator("#second .cell").count() > 1
    hits.nth(4).click()
    page.wait_for_function("() => document.getElementById('pair').textContent.endsWith('match 5')")
    assert page.inner_text("#verdict").startswith("Same vehicle? no. Distance ")
    assert page.title() == "Which vehicle is this?"
    assert EVIL in page.inner_text("#hits")  # as text


@pytest.mark.browser
def test_the_keyboard_alone_does_it_all(opened, pictures):
    page = opened()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        page.wait_for_function("() => document.activeElement.id === 'file'")
        page.keyboard.press("Enter")
    chooser.value.set_files(pictures / "c.png")
    said(page, "5 pictures found")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "gridcell"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.wait_for_function(
        "() => document.getElementById('cell').textContent.startsWith('Row 2, column 2 of your picture')"
    )
    page.keyboard.press("Escape")
    assert page.inner_text("#cell").startswith("Equal numbers")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "() => document.getElementById('cell').textContent.startsWith('Row 1, column 1 of the match')"
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # shows all cells again
    assert page.inner_text("#cell").startswith("Equal numbers")
    page.locator("#hits button").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('pair').textContent.endsWith('match 2')")


@pytest.mark.browser
def test_a_dropped_picture_is_looked_at_and_a_dropped_word_is_not(opened, pictures):
    page = opened()
    drop = """([name, content]) => {
        const data = new DataTransfer();
        if (name) data.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name));
        document.querySelector("main").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }"""
    page.evaluate(drop, ["", ""])
    said(page, "No file was dropped")
    content = base64.b64encode((pictures / "c.png").read_bytes()).decode()
    page.evaluate(drop, [f"../../{EVIL}", content])
    assert EVIL in said(page, "5 pictures found")
    assert page.title() == "Which vehicle is this?"


@pytest.mark.browser
def test_a_bad_file_is_one_sentence_and_the_next_good_one_works(opened, pictures, tmp_path):
    page = opened()
    files = {
        **HOSTILE,
        "huge.jpg": (bytes(50 * 2**20), "huge.jpg: the file has more than 32 MB; choose a smaller one."),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_bytes(content)
        page.set_input_files("#file", tmp_path / name)
        said(page, words)
        assert page.get_attribute("#said", "role") == "status"
        assert "wrong" in page.get_attribute("#said", "class")
        assert page.is_hidden("#found")
    page.set_input_files("#file", pictures / "c.png")
    said(page, "5 pictures found")
    assert "wrong" not in page.get_attribute("#said", "class")
    opened.troubles[:] = [one for one in opened.troubles if "status of 400" not in one]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen_and_axe_finds_nothing(opened, pictures, width, scheme):
    page = opened(width, scheme, bypass_csp=True)  # axe is put into the page, which its policy would not allow
    page.set_input_files("#file", pictures / "c.png")
    said(page, "5 pictures found")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(package_file("axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document).then(found => found.violations.map(one => [one.id, one.impact, one.nodes.length]))"
    )
    assert found == []

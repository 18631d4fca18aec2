"""The whole chain on the smoke profile, and the book that comes of it in a browser."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup
from filelock import FileLock

import chapter
from listings import WIDTH
from needs import NEEDS, chapter_path, method_path, run_path
from packages import package_file
from partreg import files, paper, workflow
from partreg.baselines import declarations, table_methods
from partreg.baselines.task import Cost
from partreg.errors import PartregError
from partreg.figures.tables import NOT_RUN
from partreg.reid.features import load
from partreg.reid.pixels import decode
from partreg.studies import dial, effects, evidence
from partreg.studies.study import record_path
from partreg.workflow import keys, methods
from partreg.workflow.profile import REFERENCE, REPOSITORY
from tests.conftest import visit
from tests.walk import replaced, steps, walk

# The chapters that show a thing to touch.
TOUCHED = ["00_near_duplicates", "03_missing_parts", "04_reid_training", "09_activation_maps", "10_rank_lists"]
TOUCHED += ["13_when_parts_pay", "14_every_rule"]
STRANGE = "it's $(touch was-run) ü"  # a folder's name: an apostrophe, a command, a space, a letter beyond ASCII


def command(folder: Path) -> list[str]:
    """`make book PROFILE=smoke OUTPUT=folder`, without the installation."""
    return [sys.executable, str(REPOSITORY / "book" / "driver.py"), "--profile", "smoke", "--output", str(folder)]


def make_book(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(command(folder), capture_output=True, text=True, check=False)


def kill_after(folder: Path, words: str) -> None:
    """Start `make book`, and kill it and all that it runs without warning once it prints ``words``."""
    process = subprocess.Popen(command(folder), stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stderr:
        if words in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> workflow.Workspace:
    """A book by `make book PROFILE=smoke` in a folder with a strange name, killed twice on its way, as may happen.

    PARTREG_TEST_BOOK names a folder to keep it in; several processes of tests may share it.
    """
    folder = Path(os.environ.get("PARTREG_TEST_BOOK") or tmp_path_factory.mktemp("book")) / STRANGE
    with FileLock(folder.with_name("lock")):
        if not (folder / "site").exists():
            kill_after(folder, "00_near_duplicates: started")
            kill_after(folder, "02_detector_training: started")
        done = make_book(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return workflow.open_workspace("smoke", output=str(folder))


@pytest.mark.chain
def test_every_chapter_ran_to_its_end(built):
    for name in NEEDS:
        notebook = nbformat.read(chapter_path(built, name), as_version=4)
        assert notebook.metadata.papermill["exception"] is None
        assert any(cell.get("outputs") for cell in notebook.cells), name


@pytest.mark.chain
def test_every_figure_carries_where_it_came_from(built):
    for name in NEEDS:
        for cell in nbformat.read(chapter_path(built, name), as_version=4).cells:
            drawn = "figure" in cell.metadata.get("mystnb", {}) and "diagram" not in cell.metadata.get("tags", [])
            if drawn and any("image/png" in output.get("data", {}) for output in cell.outputs):
                assert chapter.carried(cell), f"{name}, {cell.id}"


@pytest.mark.chain
def test_a_folders_name_is_not_run(built):
    assert not list(built.folder.rglob("was-run"))
    assert not [place for place in (built.folder.parent, REPOSITORY, Path.cwd()) if (place / "was-run").exists()]


@pytest.mark.chain
def test_every_network_left_its_description_scores_and_provenance(built):
    for table in workflow.runs(built).values():
        for run in (run for row in table.values() for run in row):
            folder = workflow.run_folder(built, run)
            assert files.read_json(folder / "run.json")["seed"] == run.seed
            assert {"profile", "device", "commit", "seconds"} <= set(files.read_json(folder / "provenance.json"))
            if run.method != "partreg":
                continue  # its scores stand in its notebook
            scores = files.read_json(folder / "scores.json")
            flat = [
                value for entry in scores.values() for value in (entry.values() if isinstance(entry, dict) else [entry])
            ]
            assert flat
            assert all(0 <= value <= 1 for value in flat)


@pytest.mark.chain
@pytest.mark.parametrize("method", table_methods("veri").values())
def test_every_other_method_of_table_3_left_its_distances_cost_and_provenance(built, method):
    data = workflow.load_veri(built)
    for seed in built.profile.seeds:
        folder = methods.method_folder(built, method, seed)
        found = np.load(folder / "distances.npy", allow_pickle=False)
        assert found.shape == (len(data.query), len(data.gallery))
        assert np.isfinite(found).all()
        cost = Cost(**files.read_json(folder / "cost.json"))
        assert cost.query > 0
        assert cost.training > 0 or method == "lomo"
        assert {"profile", "device", "commit"} <= set(files.read_json(folder / "provenance.json"))
        if declarations()[method].takes_a_while:
            assert method_path(built, method, seed).exists()


def shown_tables(ws, name: str) -> dict[int, str]:
    """The HTML of the paper's tables in an executed chapter, by their numbers."""
    outputs = [
        output["data"]["text/html"]
        for cell in nbformat.read(chapter_path(ws, name), as_version=4).cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    found = {text: re.search(r"<caption><span>Table (\d)\.", text) for text in outputs}
    return {int(number[1]): text for text, number in found.items() if number}


@pytest.mark.chain
def test_no_row_of_tables_1_to_3_was_left_out(built):
    tables = shown_tables(built, "05_vehicleid") | shown_tables(built, "06_veri")
    assert set(tables) == {1, 2, 3}
    for number, text in tables.items():
        assert NOT_RUN not in text.lower(), number
        assert text.count('<th scope="row">') >= len(paper.table(number)), number


@pytest.mark.chain
@pytest.mark.parametrize("pictures", ["rendered", "photographs"])
def test_the_walk_goes_from_pictures_to_an_index(built, pictures, request, tmp_path):
    if pictures == "photographs":
        real = request.getfixturevalue("real")
        cars, boxes, drawn_on = real / "khoa_cars/VehicleID_V1.0", real / "car_parts/annotations.json", "images"
        (tmp_path / "images").symlink_to(real / "car_parts" / "images")
    else:
        cars, boxes, drawn_on = built.vehicleid, keys.annotations(built), "cars"
    shutil.copytree(cars, tmp_path / "cars")
    shutil.copy(boxes, tmp_path / "boxes.json")
    (tmp_path / "book").symlink_to(built.folder)
    seconds, said = walk(tmp_path, {"BOOK": "book", "PHOTOGRAPHS": drawn_on, "--epochs": "30", "epochs:": "1"})
    assert list(seconds) == list(steps())
    assert seconds["Train the network"] > seconds["Check the folder"] > 0
    assert files.read_json(tmp_path / "detector" / "start.json")["start"]
    (run,) = (tmp_path / "mine" / "runs").glob("*/")
    assert files.read_json(run / "run.json")["weights"].endswith("start.pt")
    listed = pd.read_csv(next((tmp_path / "cars.index").glob("pictures-*.csv")))
    assert len(listed) == len(list((tmp_path / "cars" / "image").iterdir()))
    assert "0.0000" in said.splitlines()[-6]  # a picture finds itself first
    assert (tmp_path / "found.html").exists()


def test_a_page_without_a_variable_is_not_walked():
    with pytest.raises(ValueError, match="do not say 'CAR'"):
        replaced("CARS=cars", {"CAR": "x"})


@pytest.mark.chain
def test_the_points_of_the_books_own_dial_are_there(built):
    own = built.profile.dial
    points = [files.read_json(record_path(built, dial.OWN, key)) for key in dial.OWN.jobs(built)]
    assert len(points) == len(own["near_duplicates"]) * len(own["layouts"]) * len(own["rows"])
    assert {point["row"] for point in points} == set(own["rows"])
    assert all(0 <= point["low"] <= point["cmc1"] <= point["high"] <= 1 for point in points)


@pytest.mark.chain
def test_the_repositorys_points_have_the_columns_of_the_books_own(built):
    path = REFERENCE / "dial.csv"
    if not path.exists():
        pytest.skip("no reference/dial.csv here: make reference makes it")
    own = dial.own_points(built)
    assert set(pd.read_csv(path).columns) == set(own.columns)


@pytest.mark.chain
def test_trainings_for_the_claims_leave_whole_records(built, tmp_path):
    wanted = [
        paper.FULL,
        "True boxes, lights not extended",
        "50% of parts hidden, averaged",
        f"{paper.FULL}, last stride 2",
    ]
    wanted += ["50% of parts hidden, left out", f"{paper.BASELINE}, pretrained on other models"]
    every = [job for job in evidence.listed(built) if job.what["study"] == "rows"]
    for job in every:
        if job.what["row"] in wanted and job.run.seed == 1:
            evidence.STUDY.record(built, job)
    evidence.STUDY.collect(built, tmp_path)
    kept = effects.read_evidence(tmp_path)
    assert set(kept.runs.row) == set(wanted)
    assert (kept.runs.outcome == "done").all()
    assert kept.runs[["cmc1_small", "cmc1_large", "validation", "cmc1_best", "accuracy"]].notna().all().all()
    full = effects.chosen(kept, {"row": paper.FULL}).iloc[0]
    assert 0 < full.on_parts < 1
    assert 0 < full.same_model <= 1
    assert 0 <= full.cmc1_fused <= full.cmc5_fused <= 1
    assert effects.effect(kept, [{"row": paper.FULL, "score": "cmc1_fused"}], [{"row": paper.FULL}]).values
    assert len(kept.hits) == len(wanted) + 1
    again = next(job for job in every if job.what["row"] == paper.FULL and job.run.seed == 0)
    with pytest.raises(PartregError, match="were not scored on the way"):  # the book's own run trained it
        evidence.measure(again)


@pytest.mark.chain
def test_a_second_make_book_runs_no_notebook(built):
    before = {name: chapter_path(built, name).stat().st_mtime_ns for name in NEEDS}
    done = make_book(built.folder)
    assert done.returncode == 0, done.stderr
    assert "started" not in done.stderr
    assert before == {name: chapter_path(built, name).stat().st_mtime_ns for name in NEEDS}


@pytest.mark.chain
def test_a_deleted_network_is_trained_again_with_the_same_scores(built):
    run = workflow.runs(built)["controls"]["Boxes shuffled between images"][0]
    folder = workflow.run_folder(built, run)
    scores, weights = (folder / "scores.json").read_bytes(), (folder / "weights.pt").read_bytes()
    shutil.rmtree(folder)
    done = make_book(built.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "scores.json").read_bytes() == scores
    assert (folder / "weights.pt").read_bytes() == weights
    assert run_path(built, run).exists()


# ------------------------------------------------------------------------------------------------ the book


def pages(ws) -> list[Path]:
    html = ws.folder / "site" / "_build" / "html"
    return sorted(path for folder in ("book", "notebooks") for path in (html / folder).rglob("*.html"))


@pytest.mark.chain
def test_nothing_in_the_book_is_fetched_from_elsewhere(built):
    loads = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=[\"'](?:https?:)?//[^\"']+", re.I)
    for page in pages(built):
        found = [tag for tag in loads.findall(page.read_text(encoding="utf-8")) if 'rel="canonical"' not in tag]
        assert not found, (page.name, found)


@pytest.fixture(scope="session")
def served(built):
    """The address of the built book on this machine."""
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    root = built.folder / "site" / "_build" / "html"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_opens_whole(built, browser, served, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}"))
    page.on("response", lambda response: troubles.append(f"{response.status}: {response.url}"))
    root = built.folder / "site" / "_build" / "html"
    for path in pages(built):
        name = path.relative_to(root).as_posix()
        page.goto(f"{served}/{name}", wait_until="load")
        equations = page.locator(".math").count()
        assert page.locator(".math .katex").count() == equations, name
        page.evaluate("document.querySelectorAll('img').forEach(image => { image.loading = 'eager'; })")
        page.wait_for_load_state("networkidle")
        broken = page.eval_on_selector_all(
            "img", "all => all.filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        assert not broken, (name, broken)
        unnamed = page.eval_on_selector_all(  # a button with a name of its own says what its image shows
            "article img",  # Sphinx gives a figure that has no text the name of its file
            "all => all.filter(i => !i.closest('button[aria-label]') && (!i.alt || i.src.endsWith(i.alt.slice(-20))))"
            ".map(i => i.src)",
        )
        assert not unnamed, (name, unnamed)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, (name, f"{wide} px wider than the screen")
        fine = (f"200: {served}/", f"304: {served}/", "200: data:", "200: blob:")
        assert not [trouble for trouble in troubles if not trouble.startswith(fine)], name
    context.close()


@pytest.mark.browser
def test_no_link_within_the_book_is_broken(built, browser, served):
    page = browser.new_page()
    root = built.folder / "site" / "_build" / "html"
    for path in pages(built):
        page.goto(f"{served}/{path.relative_to(root).as_posix()}", wait_until="domcontentloaded")
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        for link in {link.split("#")[0] for link in links if link.startswith(served)}:
            target = root / link.removeprefix(served).split("?")[0].lstrip("/")
            assert (target / "index.html" if target.is_dir() else target).exists(), (path.name, link)
    page.close()


@pytest.mark.browser
def test_each_thing_to_touch_takes_the_place_of_its_picture(built, browser, served):
    root = built.folder / "site" / "_build" / "html"
    told = {path: path.read_text(encoding="utf-8").count("data-touch=") for path in pages(built)}
    assert set(TOUCHED) <= {path.stem for path in told if told[path]}
    page = browser.new_page()
    for path in (path for path in told if told[path]):
        for address in (path.as_uri(), f"{served}/{path.relative_to(root).as_posix()}"):
            page.goto(address)
            assert page.locator(".touch").count() == told[path], address
            assert page.locator(".touch-still").count() == 0, address
    page.close()


@pytest.mark.browser
def test_the_first_page_fits_one_screen(built, browser, served):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{served}/book/intro.html", wait_until="load")
    pictures = page.locator("article img")
    assert pictures.count() == 1
    assert pictures.evaluate("picture => picture.complete && picture.naturalWidth > 0")
    doors = page.locator(".doors .sd-card")
    assert doors.count() == 4
    lowest = doors.evaluate_all("doors => Math.max(...doors.map(door => door.getBoundingClientRect().bottom))")
    assert 0 < lowest <= 900
    page.close()
    assert (built.folder / "site/_build/html/book/intro.html").stat().st_size < 300_000


# ------------------------------------------------------------------------------------------ for every reader


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious_on_any_page(built, browser, served, width):
    axe = package_file("axe-core/axe.min.js").read_text(encoding="utf-8")
    asked = """axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
        .filter(one => ["serious", "critical"].includes(one.impact))
        .map(one => [one.id, one.nodes.map(node => node.target.join(" "))]))"""
    page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    root = built.folder / "site" / "_build" / "html"
    for path in [*pages(built), root / "search.html", root / "genindex.html"]:
        name = path.relative_to(root).as_posix()
        page.goto(f"{served}/{name}", wait_until="load")
        page.evaluate(axe)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.documentElement.dataset.theme == '{scheme}'")
            assert page.evaluate(asked) == [], (name, scheme, width)
    page.close()


# What a page offers to do, and what scrolls: the keyboard must reach all of it that is in sight.
OFFERED = """() => {
    const scrolls = one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth
        && ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
    const again = 'button.symbol[tabindex="-1"]';  // a symbol that an equation had before: one stop is enough
    const links = [...document.querySelectorAll("a[href], button, summary, input, select, textarea, [role=slider]")]
        .filter(one => !one.disabled && one.type != "radio" && !one.matches(again));
    const all = [...links, ...[...document.querySelectorAll("main *")].filter(scrolls)];
    window.offered = all.filter(one => one.checkVisibility({visibilityProperty: true}) && one.getClientRects().length);
    window.reached = new Set(), window.unseen = [];
    document.addEventListener("focusin", ({target}) => {
        window.reached.add(target);
        const rings = [null, "::after"].map(part => getComputedStyle(target, part));  // a card's link is its ::after
        if (rings.every(ring => ring.outlineStyle == "none" && ring.boxShadow == "none")) {
            window.unseen.push(target.outerHTML.slice(0, 200));
        }
    });
    return window.offered.length;
}"""
LEFT = "window.offered.filter(one => !window.reached.has(one)).map(one => one.outerHTML.slice(0, 200))"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_tab_key_alone_reaches_everything_and_shows_where_it_is(built, browser, served, width):
    page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    root = built.folder / "site" / "_build" / "html"
    for path in pages(built):
        name = path.relative_to(root).as_posix()
        visit(page, f"{served}/{name}", wait_until="load")
        for _ in range(page.evaluate(OFFERED) + 50):
            page.keyboard.press("Tab")
            if page.evaluate("window.reached.add(document.activeElement), document.activeElement == document.body"):
                break
        assert page.evaluate(LEFT) == [], name
        assert page.evaluate("window.unseen") == [], name
    page.close()


@pytest.mark.browser
def test_the_first_stop_of_the_tab_key_skips_to_the_text(built, browser, served):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    visit(page, f"{served}/book/method.html", wait_until="load")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")  # it slides into sight
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#main-content').contains(document.activeElement)")
    page.close()


@pytest.mark.browser
def test_a_page_without_its_pictures_is_under_2_mb(built, browser, served):
    root = built.folder / "site" / "_build" / "html"
    for path in pages(built):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        answers = []
        page.on("response", lambda answer, into=answers: into.append(answer))
        page.goto(f"{served}/{path.relative_to(root).as_posix()}", wait_until="networkidle")
        sizes = {one.url: len(one.body()) for one in answers if one.request.resource_type != "image"}
        assert not [url for url in sizes if "searchindex" in url], path.name
        assert sum(sizes.values()) < 2_000_000, (path.name, sizes)
        page.close()


@pytest.mark.browser
def test_tables_are_tables_on_a_phone(built, browser, served):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    root = built.folder / "site" / "_build" / "html"
    for path in pages(built):
        page.goto(f"{served}/{path.relative_to(root).as_posix()}", wait_until="load")
        broken = page.eval_on_selector_all(
            "main table",
            """all => all.filter(table => {
                const region = table.closest("[role=region][aria-label]");
                const cells = [...table.querySelectorAll("td, th")].filter(cell => cell.checkVisibility());
                return !region || cells.some(cell => getComputedStyle(cell).display != "table-cell")
                    || !["auto", "scroll"].includes(getComputedStyle(region).overflowX);
            }).map(table => table.outerHTML.slice(0, 200))""",
        )
        assert not broken, (path.name, broken)
    page.close()


@pytest.mark.chain
def test_no_line_of_code_is_wider_than_a_page(built):
    for path in pages(built):
        found = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        code = [one for one in found.select(".highlight pre") if not one.find_parent(class_="cell_output")]
        wide = [line for one in code for line in one.get_text().splitlines() if len(line) > WIDTH]
        assert not wide, (path.name, wide)


@pytest.mark.chain
def test_a_screen_reader_finds_mathml_and_no_latex_is_left(built):
    for path in pages(built):
        found = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for equation in found.select(".math"):
            assert equation.find("math"), (path.name, equation)
        for latex in found.select("annotation, pre, code, script, style"):
            latex.decompose()
        assert not re.findall(r"\\\(|\\\[|\$[^$ ]*\\[a-z]+[^$]*\$", found.get_text()), path.name


# -------------------------------------------------------------------------------------------- the networks in the page

IN_PAGE = "notebooks/17_in_the_page.html"


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_networks_run_in_a_page_of_under_25_mb_with_pythons_numbers(built, browser, served, tmp_path, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, answers = context.new_page(), []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{served}/{IN_PAGE}", wait_until="networkidle")
    page.get_by_role("button", name="Load both networks").click()
    for number, one in enumerate(files.read_json(built.folder / "in_page" / "page.json")["pictures"][:4], start=1):
        if number > 1:
            page.get_by_role("button", name=f"Picture {number}", exact=True).click()
        asked = "name => document.querySelector('.in-page').computed?.name === name"
        page.wait_for_function(asked, arg=f"Picture {number}", timeout=60_000)
        found = page.evaluate("document.querySelector('.in-page').computed.results.map(one => [...one.features])")
        kind, text = one["picture"].split(";base64,")
        path = tmp_path / f"{number}.{kind.split('/')[1]}"
        path.write_bytes(base64.b64decode(text))
        for row, features in zip((paper.FULL, paper.BASELINE), found, strict=True):
            run, network, _ = load(workflow.run_folder(built, workflow.runs(built)["table_4"][row][0]))
            with torch.inference_mode():  # float32, whatever this processor computes faster
                expected = network(torch.from_numpy(decode(path, run.size))[None].permute(0, 3, 1, 2)).feature[0]
            np.testing.assert_allclose(features, expected.numpy(), atol=1e-3)
    assert all(one.url.startswith((served, "data:", "blob:")) for one in answers)
    assert sum(len(one.body()) for one in answers if one.url.startswith(served)) < 25_000_000
    page.evaluate(package_file("axe-core/axe.min.js").read_text(encoding="utf-8"))
    axe = "async () => (await axe.run('.in-page', {resultTypes: ['violations']})).violations.map(one => one.id)"
    assert page.evaluate(axe) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1
    context.close()


@pytest.mark.browser
def test_opened_as_a_file_the_page_of_networks_shows_a_still_picture(built, browser):
    page = browser.new_page()
    page.goto((built.folder / "site" / "_build" / "html" / IN_PAGE).as_uri())
    assert page.get_by_role("img", name="Pictures of vehicles with their part boxes").is_visible()
    assert page.get_by_text("opened as a file").is_visible()
    assert page.get_by_role("button", name="Load both networks").count() == 0
    page.close()


# ------------------------------------------------------------------------------------------------ the chapter "By hand"

BY_HAND = "notebooks/by_hand.html"
ENDED = "() => /^(All|Done|Stopped|Python)/.test(document.querySelector('.hand-top .hand-status').textContent)"


def editor(page, name: str):
    """The editor of a cell of the page, "cell 3", or of an exercise by its place, "exercise 1"; it is opened."""
    if name.startswith("exercise"):
        return page.locator(".tag_exercise .hand-editor").nth(int(name.split()[1]) - 1)
    edit = page.get_by_role("button", name=f"Edit {name}", exact=True)
    if edit.is_visible():
        edit.click()
    return page.get_by_label(f"Python code of {name}.", exact=False)


def ran(page, field) -> str:
    """What a cell gave, after its editor got Control and Enter; with notes and errors."""
    page.evaluate("document.querySelector('.hand-top .hand-status').textContent = ''")
    field.press("Control+Enter")
    page.wait_for_function(ENDED, timeout=120_000)
    return field.locator("xpath=following-sibling::div[contains(@class, 'hand-result')]").inner_text()


@pytest.mark.browser
def test_all_cells_run_in_the_page_and_give_what_papermill_gave(browser, served):
    page = browser.new_page()
    visit(page, f"{served}/{BY_HAND}")
    page.get_by_role("button", name="Run all cells of this page").click()
    page.wait_for_function(ENDED, timeout=120_000)
    assert page.locator(".hand-top .hand-status").inner_text().startswith("All ")
    given = page.eval_on_selector_all(
        ".cell:has(.hand-result)",
        """cells => cells.map(cell => {
            const check = cell.classList.contains('tag_exercise') ? cell.nextElementSibling : cell;
            const text = found => found ? found.textContent.trimEnd() : '';
            return [text(check.querySelector('.cell_output pre')), text(cell.querySelector('.hand-result pre'))];
        })""",
    )
    assert len(given) > 25
    assert [live for _, live in given] == [still for still, _ in given]
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_cell_is_edited_and_run_with_those_above_it(browser, served, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    visit(page, f"{served}/{BY_HAND}")
    field = editor(page, "cell 3")
    book = field.input_value()
    field.fill(book.replace("[0.5, 1.0, -1.0]", "[0.5, 1.0, 0.0]"))
    said = ran(page, field)
    assert said.startswith("Ran 2 cells above first.")
    assert "[0.75, 1.25, 0.15, 0.15, 0.4, 0.75]" in said  # red times 0.5 plus green
    old = page.locator(".cell:has(.hand-result)").nth(5).get_by_text("Shown is what it gave before a change above")
    assert old.is_visible()
    said = ran(page, editor(page, "cell 6"))
    assert not old.is_visible()
    assert said.startswith("Ran 2 cells above first.")
    assert said.count("(sticker 0.0347)") == 1  # 1.25 / 36
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 1
    page.get_by_role("button", name="Reset cell 3", exact=False).click()
    assert field.input_value() == book
    assert "[0.25, 1.15, 0.0, 0.0, 0.0, 0.25]" in page.locator(".cell:has(.hand-result)").nth(2).inner_text()
    context.close()


@pytest.mark.browser
def test_a_mistake_is_pythons_last_line_with_its_number_and_stops_what_is_below(browser, served):
    page = browser.new_page()
    visit(page, f"{served}/{BY_HAND}")
    field = editor(page, "cell 2")
    field.fill("first = 1\nsecond = frist + 1\n")
    assert ran(page, field).endswith("Line 2: NameError: name 'frist' is not defined. Did you mean: 'first'?")
    assert ran(page, editor(page, "cell 4")) == "Not run, because cell 2 above failed."
    field.fill("first = (1,\n")
    assert ran(page, field) == "Line 1: SyntaxError: '(' was never closed"
    field.fill("6 * 7")
    assert ran(page, field) == "42"
    page.close()


@pytest.mark.browser
def test_an_endless_loop_is_stopped_and_the_next_run_starts_anew(browser, served):
    page = browser.new_page()
    visit(page, f"{served}/{BY_HAND}")
    field = editor(page, "cell 1")
    book = field.input_value()
    field.fill("while True:\n    pass\n")
    field.press("Control+Enter")
    bar = page.locator(".hand-bar", has=page.get_by_role("button", name="Run cell 1", exact=True))
    assert "Running cell 1 ..." in bar.inner_text()  # beside the cell, not only at the top of the page
    page.get_by_role("button", name="Run cell 2", exact=True).click()
    assert page.get_by_text("cell 2: Not run: cell 1 still runs. Wait, or press Stop.", exact=True).is_visible()
    page.get_by_role("button", name="Stop cell 1", exact=True).click()
    page.wait_for_function(ENDED, timeout=60_000)
    assert page.locator(".hand-top .hand-status").inner_text().startswith("Stopped.")
    assert "Stopped." in bar.inner_text()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Run cell 1"
    assert page.get_by_role("button", name="Stop").count() == 0
    field.fill("while True:\n    pass\n")
    field.press("Control+Enter")
    page.get_by_role("button", name="Stop Python", exact=True).click()
    page.wait_for_function(ENDED, timeout=60_000)
    field.fill(book)
    assert "Third row" in ran(page, field)
    page.close()


@pytest.mark.browser
def test_exercises_are_checked_in_the_page(browser, served):
    page = browser.new_page()
    visit(page, f"{served}/{BY_HAND}")
    assert not page.locator(".tag_check").first.is_visible()
    field = editor(page, "exercise 1")
    field.fill("number_of_cells = 9")
    assert ran(page, field).endswith("An edge at 1.0 or 2.0 only touches the next cell.")
    field.fill("number_of_cells = 4")
    assert ran(page, field) == "Right."
    field.fill("number_of_cells = [4]")
    assert "The check could not use this answer. TypeError" in ran(page, field)
    page.close()


@pytest.mark.browser
def test_the_keyboard_alone_edits_runs_and_leaves(browser, served):
    page = browser.new_page()
    visit(page, f"{served}/{BY_HAND}")
    focused = "document.activeElement.getAttribute('aria-label') || ''"
    page.get_by_role("button", name="Run all cells of this page").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "Edit cell 1":
            break
    page.keyboard.press("Enter")
    assert page.evaluate(focused).startswith("Python code of cell 1.")
    page.keyboard.press("Control+End")
    for words in ("for n in [1]:", "print(n + 41)"):
        page.keyboard.press("Enter")
        page.keyboard.type(words)
    page.keyboard.press("Shift+Enter")  # the second line is indented as Python wants it
    page.wait_for_function(ENDED, timeout=120_000)
    result = page.locator(".hand-result").first
    assert result.inner_text().endswith("\n42")
    assert result.get_attribute("aria-live") == "polite"
    page.keyboard.press("Control+z")
    assert page.evaluate("document.activeElement.value").endswith("print(n + 41)") is False
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "Run cell 1"
    page.keyboard.press("Tab")
    assert page.evaluate(focused).startswith("Reset cell 1")
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "Run cell 1"
    page.close()


@pytest.mark.browser
def test_opened_as_a_file_or_without_scripts_the_chapter_shows_the_books_own_outputs(built, browser, served):
    address = (built.folder / "site" / "_build" / "html" / BY_HAND).as_uri()
    for scripts, where in ((True, address), (False, f"{served}/{BY_HAND}")):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.goto(where)
        assert page.locator(".hand-editor, .hand-button").count() == 0
        assert page.get_by_text("Yellow, third row: [0.25, 1.15, 0.0, 0.0, 0.0, 0.25]").is_visible()
        assert page.get_by_text("opened as a file").count() == int(scripts)
        context.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_symbol_of_an_equation_says_what_it_is(built, browser, served, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    visit(page, f"{served}/book/method.html", wait_until="load")
    symbol = page.locator("#equation-eq-parts button.symbol[aria-label^='the mask']").first
    tip = page.locator("[role=tooltip]")
    for call in (symbol.focus, symbol.hover, symbol.click):
        page.mouse.move(0, 0)
        page.keyboard.press("Escape")
        assert not tip.is_visible()
        symbol.evaluate("symbol => symbol.blur()")
        call()
        assert tip.inner_text() == "the mask: which cells of the feature map the part covers; S × S, each 0 or 1"
    box = tip.bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    page.close()

"""Networks in a browser: what it computes from a file is what the library computes from it, pixel by pixel."""

import gzip
import http.server
import json
import threading
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from packages import package_file
from partreg import files
from partreg.errors import PartregError
from partreg.parts.boxes import PARTS
from partreg.parts.cells import branch_cells
from partreg.reid.activation import class_activation, share_on_cells
from partreg.reid.network import make_network
from partreg.reid.pixels import decode
from partreg.reid.run import Run
from partreg.retrieval.distances import l2
from partreg.touch import in_page, thing
from tests.conftest import watch

RUNS = {
    "with parts": Run(size=48, backbone="small", dim=16),
    "without parts": Run(size=64, backbone="tiny", dim=8, parts=(), pixels="caffe"),
}
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'"
)
BOXES = np.full((10, 4, 4), np.nan)
BOXES[:, 0], BOXES[:, 3] = [0.2, 0.1, 0.8, 0.4], [0.1, 0.6, 0.9, 0.95]


def smooth(seed, width, height):
    """A picture with colours and edges, as photographs have."""
    chance = np.random.default_rng(seed)
    small = Image.fromarray(chance.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    noise = chance.integers(-20, 20, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(small.resize((width, height))) + noise, 0, 255).astype(np.uint8))


def left(folder, run):
    network = make_network(run, 5)
    network.calibrate(torch.from_numpy(np.array(smooth(0, run.size, run.size))[None]).permute(0, 3, 1, 2))
    files.write_json(folder / "run.json", asdict(run))
    state = {"network": network.state_dict(), "vehicles": torch.arange(5), "classes": {"vehicle": 5}}
    files.write_weights(folder / "weights.pt", state)
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    root = tmp_path_factory.mktemp("networks")
    return {name: left(root / name, run) for name, run in RUNS.items()}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Ten pictures of five vehicles: a JPEG and a PNG of each."""
    root = tmp_path_factory.mktemp("images")
    paths = [root / f"{number}.{'jpg' if number < 5 else 'png'}" for number in range(10)]
    for number, path in enumerate(paths):
        smooth(number, 70 + 9 * number, 130 - 7 * number).save(path)
    return pd.DataFrame({"path": [str(path) for path in paths], "vehicle": [*range(5)] * 2})


@pytest.fixture(scope="module")
def site(tmp_path_factory, networks, images):
    """The folder of a page with all that it loads, and what it shows."""
    root = tmp_path_factory.mktemp("site")
    shown = in_page.network_files(root / "in_page", networks, images, range(5), range(3, 9), BOXES)
    (root / "onnxruntime").mkdir()
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        content = package_file(f"onnxruntime-web/dist/{name}").read_bytes()
        zipped = name.endswith("wasm")
        (root / "onnxruntime" / (name + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    (root / "in_page.js").write_text(thing.alone("in_page"), encoding="utf-8")
    (root / "touch.css").write_text(thing.style(), encoding="utf-8")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Networks</title>'
    head += '<link rel="icon" href="data:,">'
    links = '<link rel="stylesheet" href="touch.css"><script defer src="in_page.js"></script>'
    page = f'<!doctype html><html lang="en">{head}{links}<main><h1>A page</h1>{shown._repr_html_()}</main></html>'
    (root / "page.html").write_text(page, encoding="utf-8")
    return root, shown


class Handler(http.server.SimpleHTTPRequestHandler):
    """A plain server that forbids a page to run text as code and to load anything from elsewhere."""

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def address(site):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *of: Handler(*of, directory=str(site[0])))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser, address):
    """The page after its networks were loaded; an error, or a request to elsewhere, fails the test."""
    troubles = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    watch(opened, troubles, address, "data:", "blob:")
    opened.goto(f"{address}/page.html")
    opened.get_by_role("button", name="Load both networks").click()
    taken(opened, "Picture 1")
    yield opened
    context.close()
    assert not troubles


def taken(page, name):
    """Wait until a picture is computed; what each network gave, as arrays."""
    page.wait_for_function("name => document.querySelector('.in-page').computed?.name === name", arg=name)
    return page.evaluate(
        """() => {
            const { results, pixels } = document.querySelector(".in-page").computed;
            const plain = ({ data, dims }) => ({ data: [...data], dims });
            return results.map(({ map, features, activation, list }, number) => ({
                pixels: [...pixels[number]], features: [...features], map: plain(map), activation: plain(activation),
                list,
            }));
        }"""
    )


def agrees(found, path, networks):
    """Compare what the browser computed of a file with the library."""
    for (name, folder), one in zip(networks.items(), found, strict=True):
        network = in_page.ready(folder).network
        size = RUNS[name].size
        pixels = decode(path, size)
        np.testing.assert_array_equal(np.reshape(one["pixels"], (size, size, 3)), pixels)
        image = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
        with torch.inference_mode():
            wanted = network.feature_map(image).numpy(), network(image).feature.numpy()[0]
        shapes = [np.reshape(one[key]["data"], one[key]["dims"]) for key in ("map", "activation")]
        np.testing.assert_allclose(shapes[0], wanted[0], atol=1e-3)
        np.testing.assert_allclose(one["features"], wanted[1], atol=1e-3)
        assert np.abs(wanted[1]).max() > 0.02
        assert shapes[1].shape[1] == len(network.branches)
        label = network(image).logits["global"].argmax(1)
        for branch, activation in zip(network.branches, shapes[1][0], strict=True):
            expected = class_activation(network, image, label, branch)[0].numpy()
            np.testing.assert_allclose(activation, expected, atol=1e-3)


def test_the_exported_numbers_are_the_librarys_and_the_ranks_are_right(site, networks, images):
    shown = site[1]
    assert 0 <= shown.difference < 1e-4
    assert shown.size == sum(path.stat().st_size for path in (site[0] / "in_page").iterdir())
    assert sorted(path.name for path in (site[0] / "in_page").iterdir()) == ["0.onnx", "1.onnx", "page.json"]
    for name, folder in networks.items():
        network = in_page.ready(folder).network
        pixels = np.stack([decode(path, RUNS[name].size) for path in images["path"]])
        with torch.inference_mode():
            features = network(torch.from_numpy(pixels).permute(0, 3, 1, 2)).feature.numpy()
        far = l2(features[3:9], features[:5])
        expected = [
            sorted(row, key=float).index(row[images["vehicle"][3 + n]]) + 1 for n, row in enumerate(far.tolist())
        ]
        assert shown.ranks[name].tolist() == expected
        assert expected[:2] == [1, 1]  # these pictures are in the gallery themselves


def test_networks_that_are_too_large_for_a_page_are_not_written(networks, images, tmp_path, monkeypatch):
    in_page.network_files(tmp_path, networks, images, range(5), range(5, 7), BOXES)
    monkeypatch.setattr(in_page, "MOST", 10_000)
    shown = in_page.network_files(tmp_path, networks, images, range(5), range(5, 7), BOXES)
    assert list(tmp_path.iterdir()) == []
    assert "too much for a page to load" in shown._repr_html_()
    assert "in-page" not in shown._repr_html_()


def test_other_networks_and_wrong_numbers_are_refused(networks, images, tmp_path, monkeypatch):
    none = left(tmp_path / "parts alone", RUNS["with parts"].changed(use_global=False))
    with pytest.raises(PartregError, match="expected a network of the paper's with a global branch"):
        in_page.ready(none)
    right = in_page.Ready.compute
    monkeypatch.setattr(in_page.Ready, "compute", lambda one, pixels: [found + 2e-3 for found in right(one, pixels)])
    with pytest.raises(PartregError, match=r"map: ONNX Runtime's numbers differ by 0\.00"):
        in_page.network_files(tmp_path / "files", networks, images, range(5), range(5, 7), BOXES)


def test_a_picture_that_no_browser_reads_is_given_as_one_that_all_do(tmp_path):
    smooth(1, 30, 20).save(tmp_path / "a.ppm")
    assert in_page._whole(tmp_path / "a.ppm").startswith("data:image/png;base64,")
    smooth(1, 30, 20).save(tmp_path / "a.JPG")
    assert in_page._whole(tmp_path / "a.JPG").startswith("data:image/jpeg;base64,")


@pytest.mark.browser
def test_the_books_pictures_give_the_librarys_numbers(page, networks, images):
    for number in (1, 3, 5):
        page.get_by_role("button", name=f"Picture {number}", exact=True).click()
        found = taken(page, f"Picture {number}")
        agrees(found, images["path"][number + 2], networks)


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth(30, 300, 170).save(path, quality=80, exif=exif)


OWN = {
    "large.jpg": lambda path: smooth(21, 1600, 1100).save(path, quality=90),
    "colours at half the size.jpg": lambda path: smooth(22, 333, 251).save(path, quality=75, subsampling=2),
    "tall.jpg": lambda path: smooth(27, 300, 1000).save(path),
    "small.png": lambda path: smooth(23, 20, 31).save(path),
    "grey.png": lambda path: smooth(24, 90, 91).convert("L").save(path),
    "palette.png": lambda path: smooth(25, 90, 91).quantize(32).save(path),
    "grey.jpg": lambda path: smooth(26, 90, 91).convert("L").save(path),
    "turned.jpg": turned,
}


@pytest.mark.browser
@pytest.mark.parametrize("name", OWN)
def test_a_picture_of_the_readers_gives_the_librarys_numbers(page, networks, tmp_path, name):
    OWN[name](tmp_path / name)
    page.get_by_label("Your own picture").set_input_files(tmp_path / name)
    agrees(taken(page, name), tmp_path / name, networks)
    assert page.get_by_text("Nearest of 5 vehicles", exact=True).count() == 2  # nobody knows the right one


@pytest.mark.browser
def test_what_is_no_picture_or_hides_pixels_is_refused_and_the_page_goes_on(page, tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    Image.new("RGBA", (9, 9), (1, 2, 3, 100)).save(tmp_path / "glass.png")
    for name, why in [("text.jpg", "could not be decoded"), ("glass.png", "partly transparent")]:
        page.get_by_label("Your own picture").set_input_files(tmp_path / name)
        page.get_by_role("status").filter(has_text=f"{name} cannot be used").filter(has_text=why).wait_for()
        assert ".." not in page.get_by_role("status").filter(has_text=why).inner_text()
    page.get_by_role("button", name="Picture 2", exact=True).click()
    taken(page, "Picture 2")


@pytest.mark.browser
def test_boxes_mark_the_librarys_cells_and_give_its_logits(page, networks, images):
    box = page.get_by_role("application", name="Box of the window")
    box.focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowDown"):
        for _ in range(7):
            page.keyboard.press(key)
    page.get_by_role("checkbox", name="left light").check()
    corners = torch.full((1, 4, 4), torch.nan, dtype=torch.float64)
    corners[0, 0] = torch.tensor([0.27, 0.17, 0.94, 0.54])
    corners[0, 1], corners[0, 3] = torch.tensor([0.3, 0.3, 0.7, 0.7]), torch.tensor([0.1, 0.6, 0.9, 0.95])
    folder = networks["with parts"]
    network = in_page.ready(folder).network
    pixels = decode(images["path"][3], RUNS["with parts"].size)
    image = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
    with torch.inference_mode():
        activation = class_activation(network, image).numpy()
        output = network(image, corners.float())
    label = output.logits["global"].argmax(1)
    cells = branch_cells(corners, PARTS, activation.shape[-1]).numpy()
    shares = share_on_cells(activation, cells)[0]
    table = page.locator(".touch table tbody tr").evaluate_all(
        "all => all.map(row => [...row.children].map(one => one.textContent))"
    )
    for row, part, marked, share in zip(table, PARTS, cells[0], shares, strict=False):
        assert row[:2] == [part, str(marked.sum())]
        assert float(row[2].removesuffix("%")) == pytest.approx(100 * share, abs=0.06)
        assert float(row[4]) == pytest.approx(float(output.logits[part][0, label]), abs=1e-3)
    marked = page.locator(".touch-stage img ~ .touch-grid span").evaluate_all("all => all.map(one => one.className)")
    assert [one == "covered" for one in marked] == cells[0].any(0).ravel().tolist()
    assert table[3][1] == str(cells[0].any(0).sum())


@pytest.mark.browser
def test_the_lists_are_sorted_by_the_librarys_distances_and_show_the_right_vehicle(page, networks, images, site):
    page.get_by_role("button", name="Picture 6", exact=True).click()
    found = taken(page, "Picture 6")
    for (name, folder), one in zip(networks.items(), found, strict=True):
        network = in_page.ready(folder).network
        pixels = np.stack([decode(path, RUNS[name].size) for path in images["path"]])
        with torch.inference_mode():
            features = network(torch.from_numpy(pixels).permute(0, 3, 1, 2)).feature.numpy()
        far = l2(features[8:9], features[:5])[0]
        assert [hit["place"] for hit in one["list"]] == np.argsort(far, kind="stable").tolist()
        np.testing.assert_allclose([hit["distance"] for hit in one["list"]], np.sort(far), atol=1e-3)
        rank = site[1].ranks[name][5]
        assert page.get_by_text(f"the right one has rank {rank}").count() >= 1
    assert page.locator(".touch-row .touch-answer").count() == 2


@pytest.mark.browser
def test_a_dropped_picture_is_computed_and_the_map_may_be_a_channel(page, networks, tmp_path, slide):
    smooth(40, 80, 60).save(tmp_path / "dropped.png")
    content = list((tmp_path / "dropped.png").read_bytes())
    page.evaluate(
        """content => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(content)], "dropped.png", { type: "image/png" }));
            const how = { dataTransfer: data, bubbles: true, cancelable: true };
            document.querySelector(".touch").dispatchEvent(new DragEvent("drop", how));
        }""",
        content,
    )
    agrees(taken(page, "dropped.png"), tmp_path / "dropped.png", networks)
    painted = """() => {
        const one = document.querySelector(".touch-map canvas");
        return [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data];
    }"""
    before = page.evaluate(painted)
    assert not page.get_by_role("slider", name="Channel").is_visible()
    page.get_by_label("Map").select_option("one channel of the feature map")
    slide(page, "Channel", 3)
    assert page.evaluate(painted) != before


@pytest.mark.browser
def test_a_page_without_scripts_or_opened_as_a_file_shows_the_still_picture(browser, site, address):
    for scripts, where in [(True, (site[0] / "page.html").as_uri()), (False, f"{address}/page.html")]:
        context = browser.new_context(java_script_enabled=scripts)
        opened = context.new_page()
        opened.goto(where)
        assert opened.get_by_role("img", name="Pictures of vehicles with their part boxes").is_visible()
        assert opened.get_by_text("opened as a file").count() == int(scripts)
        assert opened.get_by_role("button").count() == 0
        context.close()


@pytest.mark.browser
def test_a_lost_file_is_named_and_the_button_stays(browser, address):
    context = browser.new_context()
    opened = context.new_page()
    opened.route("**/1.onnx", lambda route: route.fulfill(status=404))
    opened.goto(f"{address}/page.html")
    opened.get_by_role("button", name="Load both networks").click()
    opened.get_by_text("The networks cannot run here (in_page/1.onnx is not there).").wait_for()
    assert opened.get_by_role("button", name="Load both networks").is_enabled()
    context.close()


def test_it_loads_only_from_beside_itself():
    text = thing.alone("in_page")
    assert "http" not in text
    assert "eval(" not in text
    assert json.dumps("file:") in text

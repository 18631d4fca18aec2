"""`partreg likeness`: lines, a figure, and a page that opens offline."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from partreg.__main__ import commands
from partreg.errors import PartregError
from partreg.reid.export import to_onnx
from partreg.search.extract import features_of, load_network
from partreg.search.likeness import alike, likeness_page
from tests.search.conftest import RUN, draw, saved


def ran(*words):
    return CliRunner().invoke(commands, ["likeness", *map(str, words)], catch_exceptions=False)


def test_distance_and_map_are_those_of_the_features(pictures, network):
    loaded = load_network(network)
    found = alike(loaded, pictures / "c.png", pictures / "lot/a.png")
    one, other = features_of(loaded, [pictures / "c.png", pictures / "lot/a.png"])
    assert found.distance == pytest.approx(np.linalg.norm(one - other), rel=1e-4)
    assert found.pairs.sum() == pytest.approx(one @ other, rel=1e-4)


def test_two_networks_give_two_maps_as_lines_figure_and_page(pictures, network, other_network, tmp_path):
    both = ["--network", network, "--network", other_network]
    files = ["--to", tmp_path / "maps.png", "--page", tmp_path / "maps.html"]
    done = ran(pictures / "c.png", pictures / "lot/a.png", *both, *files)
    assert done.exit_code == 0, done.output
    assert done.output.count("(without parts): distance") == 2
    assert "   1  " in done.output
    with Image.open(tmp_path / "maps.png") as image:
        assert image.height > image.width
    page = (tmp_path / "maps.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/jpeg') == 1
    assert "<h1>Likeness of c.png and a.png</h1>" in page
    assert page.count("<caption>") == 2
    assert "<script" not in page


def test_maps_do_not_take_the_place_of_a_picture(pictures, network):
    both = [pictures / "c.png", pictures / "lot/a.png"]
    with pytest.raises(PartregError, match="this is one of the two pictures; name another file"):
        ran(*both, "--network", network, "--to", pictures / "lot" / ".." / "c.png")


def test_names_stay_text(network, tmp_path):
    paths = [draw(tmp_path / f'"><script>{number}.png', number) for number in range(2)]
    assert "<script" not in likeness_page(*paths, [alike(load_network(network), *paths)])


def test_what_cannot_be_drawn_or_has_no_cells_is_said(pictures, network, tmp_path):
    pair = pictures / "c.png", pictures / "lot/a.png"
    with pytest.raises(PartregError, match=r"maps\.exe: cannot draw a file of this kind"):
        ran(*pair, "--network", network, "--to", tmp_path / "maps.exe")
    to_onnx(network, tmp_path / "network.onnx")
    with pytest.raises(PartregError, match="gives features but no cells"):
        alike(load_network(tmp_path / "network.onnx"), *pair)
    strong = saved(tmp_path / "strong", RUN.changed(parts=("window",)))
    assert "(with parts)" in alike(load_network(strong), *pair).label
    with pytest.raises(PartregError, match=r"none\.png"):
        alike(load_network(network), pictures / "none.png", pair[1])

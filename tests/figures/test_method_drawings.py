"""The drawings of the methods: whole, legible, and true to the paper's list of rows."""

from itertools import combinations, pairwise
from types import SimpleNamespace

import pytest

from partreg import paper
from partreg.baselines import declarations
from partreg.baselines.declaration import INPUTS
from partreg.baselines.task import Cost
from partreg.figures import methods

NAMES = [name for name, about in declarations().items() if about.nodes]  # one's own may have no drawing


def inside(point, box, by=0.05):
    left, top, wide, high = box
    return left + by < point[0] < left + wide - by and top + by < point[1] < top + high - by


def on(path, steps=60):
    """Points along a polyline, its ends included."""
    for (x, y), (there_x, there_y) in pairwise(path):
        for step in range(steps + 1):
            share = step / steps
            yield x + share * (there_x - x), y + share * (there_y - y)


def test_every_method_of_the_tables_is_told_and_drawn_once():
    rows = [about.name for about in declarations().values() if about.tables]
    assert all(about.nodes for about in declarations().values() if about.tables)
    assert len(set(rows)) == len(rows)
    assert set(rows) <= {*paper.ROWS[1], *paper.ROWS[3]} - {paper.OURS}


def test_a_method_that_was_taken_out_is_said_to_have_no_drawing():
    figure = methods.draw("taken_out")
    assert [text.get_text() for text in figure.axes[0].texts] == ["partreg/baselines/taken_out.py declares no drawing."]


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_of_the_known_words(name):
    about = declarations()[name]
    assert set(about.needs) <= set(INPUTS)
    assert set(about.test) <= {"number plates", "cameras", "time", "camera distances"}  # nobody labels a query
    assert about.publication
    assert about.feature
    assert about.alt.startswith("Flow chart: ")
    assert about.alt.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_boxes_stay_apart_and_on_the_page(name):
    nodes = declarations()[name].nodes.values()
    for node in nodes:
        assert node.kind in methods.COLORS
        assert node.column in range(methods.COLUMNS)
        assert node.row >= 0
        assert node.text.count("\n") < 3
    for one, other in combinations(nodes, 2):
        (left, top, wide, high), (x, y, width, height) = methods.frame(one), methods.frame(other)
        assert left + wide < x or x + width < left or top + high < y or y + height < top


@pytest.mark.parametrize("name", NAMES)
def test_arrows_join_boxes_of_the_drawing_and_cross_no_other(name):
    flow = declarations()[name]
    assert len(set(flow.arrows)) == len(flow.arrows)
    assert {end for edge in flow.arrows for end in edge} == set(flow.nodes)
    for source, target in flow.arrows:
        first, second = flow.nodes[source], flow.nodes[target]
        assert second.column > first.column or (second.column == first.column and second.row != first.row)
        points = list(on(methods.path(first, second)))
        for node in flow.nodes.values():
            assert not any(inside(point, methods.frame(node)) for point in points), (source, target)


@pytest.mark.parametrize("name", NAMES)
def test_something_is_compared_and_it_needs_nothing_of_training_alone(name):
    flow = declarations()[name]
    compared = [node for node, box in flow.nodes.items() if box.kind == "compared"]
    assert len(compared) == 1
    needed = set(compared)
    while more := {a for a, b in flow.arrows if b in needed and not flow.nodes[a].training} - needed:
        needed |= more
    sources = {node for node in flow.nodes if not any(b == node for _, b in flow.arrows)}
    assert any(flow.nodes[node].kind == "input" for node in needed)
    assert {node for node, box in flow.nodes.items() if not box.training} == needed
    assert all(flow.nodes[node].kind == "input" for node in sources)


@pytest.mark.parametrize("name", NAMES)
def test_words_stay_in_their_box(name):
    figure = methods.draw(name)
    figure.draw_without_rendering()
    high = figure.get_figheight()
    words = [text for text in figure.axes[0].texts if text.get_gid()]
    assert {text.get_gid() for text in words} == set(declarations()[name].nodes)
    for text in words:
        node = declarations()[name].nodes[text.get_gid()]
        left, top, wide, tall = methods.frame(node)
        lean = methods.SLANT if node.kind == "input" else 0.06
        extent = text.get_window_extent()
        assert extent.x0 / figure.dpi >= left + lean, text.get_text()
        assert extent.x1 / figure.dpi <= left + wide - lean, text.get_text()
        assert high - extent.y1 / figure.dpi >= top + 0.03
        assert high - extent.y0 / figure.dpi <= top + tall - 0.03
        assert text.get_size() >= 8
    for text in figure.axes[0].texts:
        assert text.get_window_extent().x1 <= figure.bbox.x1


def test_every_method_is_offered_with_the_data_sets_that_it_fits():
    table = methods.overview().frame
    assert set(table.method) == set(declarations())
    assert table.dataset["Strong baseline"] == "vehicleid or veri"
    assert table.dataset["VGG+CCL"] == "vehicleid"


def test_scores_stand_beside_the_published_ones_where_there_are_any(monkeypatch):
    monkeypatch.setattr(methods.tables, "score", lambda seeds, name: f"{name} of {len(seeds)} seed")
    one = SimpleNamespace(origins=())
    lists = methods.scores("vgg_ccl", "vehicleid", 0, {6: one, 8: one, 10: one}).frame
    assert list(lists["CMC@1, published"]) == [f"{score:.3f}" for score in paper.ROWS[1]["VGG+CCL"]]
    assert set(methods.scores("strong", "vehicleid", 0, {6: one}).frame["CMC@1, published"]) == {"–"}
    veri = methods.scores("oife", "veri", 0, one).frame
    assert list(veri.loc["published"]) == ["0.480", "0.894", "–"]
    assert list(veri.loc["reproduced"]) == ["mAP of 1 seed", "hit1 of 1 seed", "hit5 of 1 seed"]


def test_tables_say_what_a_method_needs_and_costs():
    needs = methods.needs(["siamese_path", "strong"]).frame["needed for a query"]
    assert list(needs) == ["cameras, time, camera distances", "nothing"]
    judged = SimpleNamespace(cost=Cost(90.0, 0, 0.25), scores=SimpleNamespace(origins=()))
    assert list(methods.prices({"siamese_path": judged}).frame.loc["Siamese+Path"]) == [
        "1.5",
        "no feature",
        "250.0",
        "identities, cameras, time, camera distances",
    ]

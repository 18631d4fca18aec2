import numpy as np
import pandas as pd
import pytest
from defusedxml import ElementTree

from partreg import paper
from partreg.figures import tables
from partreg.figures.tables import Score
from partreg.retrieval.protocols import VehicleIDScores, VeRiScores
from partreg.retrieval.statistics import Contrast, Estimate


def parsed(table: tables.Table):
    return ElementTree.fromstring("<div>" + table.html.replace("<br>", "<br/>") + "</div>")


def rows(table: tables.Table) -> dict[str, list[str]]:
    """The words of each row by its last header cell."""
    found = {}
    for row in parsed(table).find(".//tbody"):
        cells = ["".join(cell.itertext()) for cell in row]
        heads = sum(cell.tag == "th" for cell in row)
        found["/".join(cells[:heads])] = cells[heads:]
    return found


def test_a_cell_has_published_reproduced_and_difference():
    table = tables.comparison(1, {"Ours": {"Large": Score((0.659,), (0.621, 0.698))}}, data="here")
    assert rows(table)["Ours"][-3:] == ["0.742", "0.659 [0.621, 0.698]", "−8.3"]
    assert table.frame.loc["Ours", ("Large", "difference")] == pytest.approx(-0.083)


def test_what_was_not_run_says_so_and_is_never_empty():
    table = tables.comparison(2, {"Ours": {"Small": Score((0.5,))}}, data="here")
    found = rows(table)
    assert found["OIFE"][:3] == ["–", "not run", "–"]
    assert found["Ours"] == ["0.923", "0.500", "−42.3", "0.883", "not run", "–", "0.864", "not run", "–"]
    assert all(cell for row in found.values() for cell in row)
    assert np.isnan(table.frame.loc["VAMI", ("Small", "reproduced")])


def test_seeds_are_shown_as_mean_and_spread_with_their_number():
    table = tables.comparison(4, {paper.FULL: {"CMC@1": Score((0.60, 0.62, 0.64))}}, data="here")
    assert rows(table)[paper.FULL][1] == "0.620 ± 0.020"
    assert "over 3 seeds" in table.html
    assert "bootstrap" not in table.html


def test_one_seed_is_called_one_seed():
    with_interval = tables.comparison(4, {paper.FULL: {"CMC@1": Score((0.6,), (0.5, 0.7))}}, data="here")
    assert "one seed; in brackets the 95% bootstrap interval over vehicles" in with_interval.html
    assert "bootstrap" not in tables.comparison(4, {paper.FULL: {"CMC@1": Score((0.6,))}}, data="here").html


def test_kept_scores_stand_in_a_column_of_their_own():
    kept = {paper.FULL: {"CMC@1": Score((0.20, 0.22), (0.08, 0.34))}, "Global+Brand": {"CMC@1": Score((0.1,))}}
    table = tables.comparison(4, {paper.FULL: {"CMC@1": Score((0.6,))}}, data="here", kept=kept)
    found = rows(table)
    assert found[paper.FULL][:4] == ["0.742", "0.600", "−14.2", "0.210 [0.080, 0.340]"]
    assert found[paper.BASELINE][:4] == ["0.645", "not run", "–", "–"]
    assert found["Global+Brand"][:4] == ["–", "not run", "–", "0.100"]
    assert table.frame.loc[paper.FULL, ("CMC@1", "reference")] == pytest.approx(0.21)
    assert 'colspan="4"' in table.html
    assert "reference" not in tables.comparison(4, {}, data="here").html


def test_controls_come_beneath_the_papers_rows():
    table = tables.comparison(4, {"Boxes shuffled": {"CMC@1": Score((0.6,))}}, data="here")
    assert list(rows(table)) == [*paper.table(4).index, "Boxes shuffled"]
    assert rows(table)["Boxes shuffled"] == ["–", "0.600", "–", "–", "not run", "–"]


def test_the_papers_contradictions_are_marked_where_they_stand():
    table = tables.comparison(4, {}, data="here")
    assert rows(table)["Global+Light+Window"][3] == "0.887*"
    assert "* Without the brand branch" in table.html
    assert "(Large)†. Published" in table.html
    third = rows(tables.comparison(3, {}, data="here"))
    assert (third["VAMI"][0], third["Ours"][0], third["OIFE"][3]) == ("0.501*", "0.743†", "0.894‡")


@pytest.mark.parametrize("number", range(1, 7))
def test_every_remark_of_a_table_has_its_sign_and_sentence(number):
    html = tables.comparison(number, {}, data="here").html
    for sign, remark in zip(tables.SIGNS, paper.remarks(number), strict=False):
        assert html.count(sign) >= 2, remark.name
    assert len(paper.remarks(number)) <= len(tables.SIGNS)


def test_marked_cells_exist():
    for places in tables.MARKED.values():
        for number, cells in places.items():
            assert all(np.isfinite(paper.table(number).loc[cell]) for cell in cells)


@pytest.mark.parametrize("number", range(1, 7))
def test_tables_can_be_read_aloud(number):
    root = parsed(tables.comparison(number, {}, data="<b> & co"))
    table = root.find(".//table")
    assert table.find("caption/span").text.startswith(f"Table {number}. ")
    assert "<b> & co" in table.find("caption/span").text
    assert all(head.get("scope") in {"row", "rowgroup", "col", "colgroup"} for head in table.iter("th"))
    wide = len(table.find("tbody")[0])
    head = table.find("thead")
    assert sum(int(cell.get("colspan", 1)) for cell in head[0]) == wide
    assert len(head[1]) + sum(cell.get("rowspan") == "2" for cell in head[0]) == wide
    assert root.find(".//div[@role='region']").get("tabindex") == "0"


def test_input_sizes_are_shown_as_printed_and_as_run():
    scores = {row: {"CMC@1": Score((0.5,))} for row in paper.table(5).index}
    table = tables.comparison(5, scores, data="here", sizes={128: 48, 256: 256})
    assert list(table.frame.index[:2]) == [("Small", "128 px (here 48 px)"), ("Small", "256 px")]
    assert rows(table)["Large/128 px (here 48 px)"][:3] == ["0.661", "0.500", "−16.1"]
    assert rows(table)["256 px"][:2] == ["0.742", "0.500"]  # the vehicle set's header spans its two rows


@pytest.mark.parametrize(
    ("dataset", "here", "pairs"),
    [
        ("vehicleid", [256], {256: 256}),
        ("vehicleid", [128], {128: 128}),
        ("vehicleid", [96], {256: 96}),
        ("vehicleid", [64, 64], {256: 64}),
        ("vehicleid", [48, 96], {128: 48, 256: 96}),
        ("vehicleid", [256, 512], {256: 256}),
        ("vehicleid", [64, 128, 256], {128: 128, 256: 256}),
        ("veri", [48, 96, 128], {128: 48, 256: 96, 512: 128}),
        ("veri", [256, 512], {256: 256, 512: 512}),
        ("veri", [96, 256], {128: 96, 256: 256}),
        ("veri", [128, 256, 512], {128: 128, 256: 256, 512: 512}),
    ],
)
def test_a_size_stands_for_the_printed_one_that_it_is(dataset, here, pairs):
    assert tables.pair_sizes(paper.SIZES[dataset], here) == pairs


def test_fewer_sizes_leave_rows_not_run():
    table = tables.comparison(6, {256: {"mAP": Score((0.5,))}}, data="here", sizes={256: 48})
    assert list(table.frame.index) == ["128 px", "256 px (here 48 px)", "512 px"]
    assert rows(table)["512 px"][:3] == ["0.743*", "not run", "–"]


def test_vehicle_sets_are_the_three_shortest_lists():
    assert tables.vehicle_sets([3200, 800, 2400, 13164, 1600]) == {"Small": 800, "Medium": 1600, "Large": 2400}
    assert tables.vehicle_sets([40]) == {"Small": 40}
    assert tables.set_headings({"Small": 800, "Medium": 60}) == {
        "Small": "Small (800)",
        "Medium": "Medium (1600; here 60)",
    }


def test_words():
    assert (tables.signed(0.0231), tables.signed(-0.08), tables.percent(0.6594)) == ("+2.3", "−8.0", "65.9%")
    assert tables.signed(np.nan) == tables.percent(np.nan) == "–"
    assert tables.gain_words(Estimate(0.02, -0.001, 0.041)) == ["+2.0", "−0.1 to +4.1"]
    assert tables.gain_words(Estimate(0.02, np.nan, np.nan)) == ["+2.0", "–"]
    assert "khoa_cars" in tables.data_words("VehicleID", "khoa_cars")
    assert "rendered" in tables.data_words("VehicleID", "")


def test_a_small_table_escapes_and_heads_its_rows():
    frame = pd.DataFrame({"mAP": ["<1>"]}, index=pd.Index(["rule"], name="AP"))
    table = tables.simple(frame, "A caption", "<p>below</p>")
    assert rows(table) == {"rule": ["<1>"]}
    assert table.html.endswith("<p>below</p>")
    assert "rule" in repr(table)
    assert table._repr_html_() == table.html


def test_a_small_table_is_made_of_the_values_of_each_row():
    table = tables.listed({"a": [1, 0.5], "b": [2, "–"]}, ["n", "share"], "of", "A caption")
    assert rows(table) == {"a": ["1", "0.5"], "b": ["2", "–"]}  # a whole number stays one beside a fraction
    assert [cell.text for cell in parsed(table).find(".//thead")[0]] == ["of", "n", "share"]


def vehicleid_scores(hits: list[float], cmc: float) -> VehicleIDScores:
    return VehicleIDScores(np.full((2, 5), cmc), np.array(hits), np.ones(4), np.array([1, 1, 2, 2]), 2)


def test_score_takes_an_interval_with_one_seed_only():
    one = vehicleid_scores([1.0, 1.0, 0.0, 0.0], 0.5)
    assert tables.score([one], "cmc1") == Score((0.5,), (0.0, 1.0))
    assert tables.score([one, one], "cmc1") == Score((0.5, 0.5))
    assert tables.score([one], "cmc5") == Score((0.5,), (1.0, 1.0))


def test_every_row_is_scored_in_every_column():
    one, other = (vehicleid_scores([1.0, 1.0, 0.0, 0.0], cmc) for cmc in (0.5, 0.25))
    cells = tables.scored({"a": [one, one], "b": [other, other]}, {"CMC@1": "cmc1", "CMC@5": "cmc5"})
    assert cells["b"] == {"CMC@1": Score((0.25, 0.25)), "CMC@5": Score((0.25, 0.25))}
    assert cells["a"]["CMC@1"].mean == 0.5


def test_gain_is_paired_over_queries():
    # Both vehicles differ widely from each other, yet the second network is better by 0.25 on each.
    full, base = vehicleid_scores([1.0, 0.75, 0.25, 0.5], 0.6), vehicleid_scores([0.5, 0.75, 0.25, 0.0], 0.4)
    value, low, high = tables.gain([full, full], [base], "cmc1")
    assert value == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.25, 0.25))


def test_every_score_of_veri_is_kept_query_by_query():
    ranks = np.array([1, 4, 9, 0])
    ap = np.array([1.0, 0.5, 0.25, np.nan])
    curve = np.array([1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    scores = VeRiScores({"rectangular": ap}, ranks, ranks, curve, curve, np.array([1, 2, 3, 4]))
    for name in ("mAP", "hit1", "hit5"):
        assert np.nanmean(tables.per_query(scores, name)) == pytest.approx(getattr(scores, name))
        low, high = tables.score([scores], name).interval
        assert low <= getattr(scores, name) <= high


@pytest.mark.parametrize(
    ("mean", "error", "sentence"),
    [
        (
            0.02,
            0.005,
            "is +2.0 points on average (95% interval +1.0 to +3.0): here parts help the strong baseline too.",
        ),
        (0.0, 0.002, "interval −0.4 to +0.4): here parts do not help the strong baseline by half a point."),
        (0.02, 0.02, "interval −1.9 to +5.9): whether parts help the strong baseline is undecided. Four in five such "),
        (0.02, np.nan, "is +2.0 points for one pair of trainings; one pair cannot tell a gain from chance."),
        (np.nan, np.nan, "There is no pair to compare."),
    ],
)
def test_a_gain_is_told_by_where_its_interval_lies(mean, error, sentence):
    assert sentence in tables.gain_sentence(Contrast(mean, error, np.inf))


def test_a_difference_in_points_with_its_interval():
    assert tables.in_points(Contrast(-0.01)) == "−1.0 (–)"
    assert tables.in_points(Contrast(np.nan)) == "–"

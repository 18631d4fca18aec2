"""The published numbers: against each other where the paper says one thing twice, and against its abstract."""

import re
from pathlib import Path

import numpy as np
import pytest

from partreg import paper
from partreg.baselines import declarations

BOOK = Path(__file__).resolve().parents[1] / "book"

# Sums of each table's columns, added up by hand from the printed page: a slip in any cell changes one.
SUMS = {
    1: (2.745, 2.431, 2.915),
    2: (3.750, 3.419, 4.048),
    3: (4.274, 7.296, 7.100),
    4: (4.892, 5.893),
    5: (4.348, 5.213),
    6: (2.098, 2.743, 2.925),
}
ROWS = {1: 6, 2: 6, 3: 13, 4: 7, 5: 6, 6: 3}


@pytest.mark.parametrize("number", range(1, 7))
def test_every_cell_adds_up_to_the_printed_column(number):
    frame = paper.table(number)
    assert len(frame) == ROWS[number]
    np.testing.assert_allclose(frame.sum().to_numpy(), SUMS[number], atol=1e-9)


def test_tables_say_what_they_are_of():
    tables = {number: paper.table(number) for number in range(1, 7)}
    assert tables[5].index.names == ["Vehicle set", "Input size"]
    assert tables[6].index.name == "Input size"
    assert tables[4].attrs["caption"].startswith("Ablation")


def test_the_full_model_is_the_same_number_wherever_it_stands():
    full = paper.table(4).loc[paper.FULL]
    assert full["CMC@1"] == paper.table(1).loc[paper.OURS, "Large"] == paper.table(5).loc[("Large", 256), "CMC@1"]
    assert full["CMC@5"] == paper.table(2).loc[paper.OURS, "Large"] == paper.table(5).loc[("Large", 256), "CMC@5"]
    for size in ("Small", "Medium", "Large"):
        assert paper.table(5).loc[(size, 256), "CMC@1"] == paper.table(1).loc[paper.OURS, size]
        assert paper.table(5).loc[(size, 256), "CMC@5"] == paper.table(2).loc[paper.OURS, size]
    assert paper.table(6).loc[512].tolist() == paper.table(3).loc[paper.OURS].tolist()


def test_the_abstracts_gains_come_out_of_the_tables():
    def gain(number, row, column):
        frame = paper.table(number)
        return round(100 * (frame.loc[paper.OURS, column] / frame.loc[row, column] - 1))

    assert gain(1, "VAMI", "Large") == 57
    assert gain(1, "OIFE", "Large") == 11
    assert gain(2, "VAMI", "Large") == 23
    assert gain(3, "VAMI", "mAP") == 48
    assert gain(3, "Siamese+Path", "mAP") == 27


def test_dashes_stay_dashes():
    assert paper.table(1).loc["OIFE"].isna().tolist() == [True, True, False]
    assert int(paper.table(3).isna().to_numpy().sum()) == 4


def test_remarks_stand_beside_their_tables():
    assert [remark.name for remark in paper.remarks(4)] == ["remark-cmc5", "remark-metric"]
    assert paper.remarks(7) == ()


def test_the_book_has_a_section_for_each_remark():
    text = (BOOK / "remarks.md").read_text(encoding="utf-8")
    assert re.findall(r"^\((remark-\w+)\)=$", text, re.MULTILINE) == [remark.name for remark in paper.REMARKS]


def test_every_row_is_cited_from_the_bibliography():
    keys = set(re.findall(r"@\w+\{(\w+),", (BOOK / "references.bib").read_text(encoding="utf-8")))
    cited = {about.name: about.citation for about in declarations().values() if about.tables}
    assert set(cited) <= {row for number in (1, 2, 3) for row in paper.ROWS[number]}
    assert set(cited.values()) <= keys

"""Figures of few cells: every number is written into its cell, and answers are marked by more than colour."""

import pytest

from partreg.figures import grids

PICTURE = [[(0.2, 0.3, 0.7)] * 3 for _ in range(3)]
NUMBERS = [[0.0, 0.0191, -0.05], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_every_number_is_in_its_cell_and_a_picture_has_none():
    picture, numbers = grids.draw({"a": PICTURE, "b": NUMBERS}).axes
    assert words(picture) == []
    assert words(numbers) == ["0.00", "0.02", "-0.05", "1.00", "2.00", "3.00", "4.00", "5.00", "6.00"]
    assert [text.get_position() for text in numbers.texts][:4] == [(0, 0), (1, 0), (2, 0), (0, 1)]
    assert words(grids.draw({"b": NUMBERS}, thousandths=True).axes[0])[:3] == ["0", "19", "-50"]


def test_a_box_lies_where_its_shares_of_the_picture_say():
    ax = grids.draw({"b": NUMBERS}, [(1 / 3, 0, 1, 0.5)]).axes[0]
    (box,) = ax.patches
    assert box.get_bbox().extents == pytest.approx([0.5, -0.5, 2.5, 1.0])


def test_right_and_wrong_answers_have_marks_and_the_query_has_none():
    pictures = {"q": (PICTURE, "D", 1), "a": (PICTURE, "D", 2), "b": (PICTURE, "E", 3)}
    figure = grids.rank_lists({"query": ["q"], "found": ["b", "a"]}, pictures, "D")
    labels = [ax.get_xlabel() for ax in figure.axes if ax.axison]
    assert labels == ["vehicle D, camera 1", "b: E, camera 3  ✗", "a: D, camera 2  ✓"]

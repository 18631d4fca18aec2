"""The plan of the house has all rooms, and no arrow that leads down."""

import pytest

import plan
from publish import as_svg
from tests.conftest import REPOSITORY

LEFT_OUT = {"__init__", "__main__", "errors", "files", "guard", "verify"}  # they serve all rooms, or none


@pytest.fixture(scope="module")
def found():
    return plan.arrows()


def test_every_package_is_a_room():
    there = {path.parent.name for path in (REPOSITORY / "partreg").glob("*/__init__.py")}
    there |= {path.stem for path in (REPOSITORY / "partreg").glob("*.py")} - LEFT_OUT
    assert there | {"notebooks"} == set(plan.ROOMS)


def test_no_room_imports_one_further_down(found):
    assert plan.downward(found) == []
    assert found["notebooks", "workflow"] > 10
    assert plan.downward(plan.Counter({("datasets", "reid"): 1, ("reid", "datasets"): 2})) == [("datasets", "reid")]


def test_the_picture_has_the_same_in_words(found):
    words = plan.page(found)
    assert "reid imports datasets, parts;" in words
    assert all(f"| `{room}` |" in words for room in plan.ROOMS)


def test_the_picture_is_drawn_alike_each_time(found):
    assert as_svg(plan.drawn(found)) == as_svg(plan.drawn(found))


def test_a_room_has_the_lines_of_its_files():
    (path,) = plan.sources("paper")
    assert plan.lines("paper") == path.read_text(encoding="utf-8").count("\n")

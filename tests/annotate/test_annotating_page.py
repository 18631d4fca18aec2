"""The page about boxes of one's own shows commands that there are, with options that they take."""

import shlex

import pytest

from tests.conftest import REPOSITORY
from tests.shown import shown, understood

PAGE = (REPOSITORY / "book" / "annotating.md").read_text(encoding="utf-8")
SHOWN = shown(PAGE)


@pytest.mark.parametrize("line", SHOWN)
def test_a_shown_command_is_understood(line):
    assert understood(line)


def test_every_command_about_boxes_is_shown():
    assert {shlex.split(line)[1] for line in SHOWN} == {"annotate", "convert", "agreement"}

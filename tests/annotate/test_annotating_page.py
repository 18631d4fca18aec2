"""The page about boxes of one's own shows commands that there are, with options that they take."""

import re
import shlex

import click
import pytest

from partreg.__main__ import commands
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "book" / "annotating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
SHOWN = [line for block in BLOCKS for line in block.splitlines() if line.startswith("partreg ")]


@pytest.mark.parametrize("line", SHOWN)
def test_a_shown_command_is_understood(line):
    _, name, *words = shlex.split(line)
    with click.Context(commands) as parent:
        assert commands.commands[name].make_context(name, words, parent=parent).params


def test_every_command_about_boxes_is_shown():
    assert {shlex.split(line)[1] for line in SHOWN} == {"annotate", "convert", "agreement"}

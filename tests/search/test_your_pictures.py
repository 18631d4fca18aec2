"""The pages about pictures of one's own show commands that there are, with options that they take."""

import shlex

import pytest

from partreg.__main__ import commands
from partreg.search.groups import BYTES
from partreg.search.live import LARGEST, PIXELS
from partreg.search.pictures import SUFFIXES
from tests.conftest import REPOSITORY
from tests.shown import shown, understood
from tests.walk import steps

PAGE = (REPOSITORY / "book" / "your_pictures.md").read_text(encoding="utf-8")
WALK = "".join(steps().values()).replace("\\\n", "")
SHOWN = [*shown(PAGE), *(line for line in WALK.splitlines() if line.startswith("partreg "))]


@pytest.mark.parametrize("line", SHOWN)
def test_a_shown_command_is_understood(line):
    assert understood(line)


def test_every_command_about_pictures_is_shown():
    named = {shlex.split(line)[1] for line in SHOWN}
    assert named == set(commands.commands) - {"verify", "annotate", "convert", "agreement"}


def test_what_the_page_says_of_sizes_and_names_holds():
    assert pytest.approx(3.2, abs=0.01) == 20_000 * 19_999 / 2 * BYTES / 1e9
    assert 300 * 299 // 2 - 100 * 3 == 44_550
    assert f"up to {LARGEST // 2**20} MB and {PIXELS // 10**6} million pixels" in PAGE
    assert ", ".join(f"`{suffix}`" for suffix in SUFFIXES[:-1]) + f" or `{SUFFIXES[-1]}`" in " ".join(PAGE.split())

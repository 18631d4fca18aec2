"""The pages about pictures of one's own show commands that there are, with options that they take."""

import os
import re
import shlex
import subprocess

import pytest

from partreg.__main__ import commands
from partreg.datasets.own import read_galleries
from partreg.datasets.suffixes import SUFFIXES
from partreg.datasets.table_csv import read_csv
from partreg.files import write_json
from partreg.search.groups import BYTES
from partreg.search.live import HERE, LARGEST, PIXELS
from tests import walk
from tests.conftest import REPOSITORY
from tests.search.conftest import draw
from tests.shown import shown, understood

PAGE = (REPOSITORY / "book" / "your_pictures.md").read_text(encoding="utf-8")
WALK = "".join(walk.steps().values()).replace("\\\n", "")
SHOWN = [*shown(PAGE), *(line for line in WALK.splitlines() if line.startswith("partreg "))]


@pytest.mark.parametrize("line", SHOWN)
def test_a_shown_command_is_understood(line):
    assert understood(line)


def test_every_command_about_pictures_is_shown():
    named = {shlex.split(line)[1] for line in SHOWN}
    assert named == set(commands.commands) - {"verify", "annotate", "convert", "agreement"}


def test_no_page_installs_the_library_by_its_bare_name():
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "book").glob("*.md")]  # no package index has it
    assert [page.name for page in pages if "pip install partreg" in page.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("name", commands.commands)
def test_the_list_of_commands_cuts_no_sentence_short(name):
    width = 80 - 6 - max(map(len, commands.commands))
    assert not commands.commands[name].get_short_help_str(width).endswith("...")


def test_two_books_in_one_folder_give_one_place_each(tmp_path):
    for name in ("data-1/VeRi/image_test", "data-2/VeRi/image_test", "parts-1/detector", "parts-2/detector"):
        (tmp_path / "build" / "laptop" / name).mkdir(parents=True)
    for run in ("a", "b"):
        write_json(tmp_path / "build" / "laptop" / "runs" / run / "run.json", {"dataset": "veri", "method": "partreg"})
    lines = [line for line in PAGE.splitlines() if re.match(r"[A-Z]+=|cp ", line)]
    said = subprocess.check_output(
        ["bash", "-euc", "\n".join([*lines, 'ls -d "$PICTURES" "$NETWORK" "$DETECTOR"'])], cwd=tmp_path, text=True
    )
    assert len(said.splitlines()) == 3


def test_the_walk_lists_the_vehicles_that_were_not_learnt(tmp_path, monkeypatch):
    for vehicle in ("007", "7", "KA-12", "x"):
        draw(tmp_path / "cars" / vehicle / "a.png", 1)
    (code,) = re.findall(r"```python\n(.*?)```", walk.PAGE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    listed = read_csv("cars/test.csv")
    learnt = read_galleries("cars").train["vehicle_name"]
    assert {*listed["vehicle_name"]} == {"007", "7", "KA-12", "x"} - {*learnt}
    assert all(map(os.path.isfile, listed["path"]))


def test_what_the_page_says_of_sizes_and_names_holds():
    assert pytest.approx(3.2, abs=0.01) == 20_000 * 19_999 / 2 * BYTES / 1e9
    assert 300 * 299 // 2 - 100 * 3 == 44_550
    assert f"up to {LARGEST // 2**20} MB and {PIXELS // 10**6} million pixels" in PAGE
    assert ", ".join(f"`{suffix}`" for suffix in SUFFIXES[:-1]) + f" or `{SUFFIXES[-1]}`" in " ".join(PAGE.split())
    assert f'accept="{",".join(SUFFIXES)}"' in (HERE / "live.html").read_text(encoding="utf-8")

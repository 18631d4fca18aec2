"""What methods say of themselves: read without loading them, complete, and refused in one sentence where wrong."""

import importlib
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from partreg import baselines, paper
from partreg.baselines import declarations, judged_on, networks, read, table_methods
from partreg.baselines.declaration import Declaration
from partreg.errors import PartregError

MINIMAL = 'METHOD = 1\nDECLARATION = Declaration(name="Mine"{})\n'


def write(folder, name="mine", more="", text=MINIMAL):
    path = folder / f"{name}.py"
    path.write_text(text.format(more))
    return path


def test_asking_what_there_is_loads_no_torch():
    script = "import sys\nfrom partreg.baselines import declarations, networks\nassert declarations() and networks()\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("method", declarations())
def test_a_module_has_what_its_text_says(method):
    module, about = importlib.import_module(f"partreg.baselines.{method}"), declarations()[method]
    assert replace(about, trains=False, compares=False) == module.DECLARATION
    assert about.trains == hasattr(module, "METHOD")
    assert about.compares == callable(getattr(module, "distances", None))


def test_tables_are_in_the_papers_order():
    for dataset, number in (("vehicleid", 1), ("vehicleid", 2), ("veri", 3)):
        rows = list(table_methods(dataset))
        assert rows == [row for row in paper.ROWS[number] if row in rows]
    rows = [*paper.ROWS[1], *paper.ROWS[3]]
    places = [rows.index(about.name) for about in declarations().values() if about.tables]
    assert places == sorted(places)


def test_a_method_beyond_the_tables_can_be_judged_on_both_data_sets_and_a_network_always_on_vehicleid():
    assert "strong" in judged_on("veri")
    assert set(networks()) <= set(judged_on("vehicleid"))
    assert not set(judged_on("veri")) & (set(table_methods("vehicleid").values()) - set(table_methods("veri").values()))


def test_a_name_is_all_that_a_method_must_declare(tmp_path):
    write(tmp_path)
    write(tmp_path, "helper", text="METHOD = 1\n")
    about = declarations(tmp_path)
    assert about == {"mine": Declaration("Mine", trains=True)}
    assert about["mine"].home == "vehicleid"
    write(tmp_path, text="def distances(task): ...\n\n\nDECLARATION = Declaration(name='Mine', built_on=('other',))\n")
    assert read(tmp_path / "mine.py") == Declaration("Mine", built_on=("other",), compares=True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (", training=('luck',)", "training: 'luck' is unknown; expected some of identities, "),
        (", test=('luck',)", "test: 'luck' is unknown"),
        (", tables=('cars',)", "tables: 'cars' is unknown; expected some of vehicleid, veri."),
        (", tables=('veri',)", "Table 3 has no row 'Mine'; leave its data set out of tables."),
        (", learns_from='cars'", "learns_from: 'cars' is unknown; expected some of vehicleid, veri."),
        (", run={{'rate': 1}}", "run or tried: 'rate' is unknown"),
        (", tried=({{'rate': 1}},)", "run or tried: 'rate' is unknown"),
        (", nodes={{'a': ('text', 'maybe', 0, 0)}}", "nodes: 'maybe' is unknown; expected some of input, learnt, "),
        (", nodes={{'a': ('text',)}}", "nodes: expected (text, kind, column, row) for each box"),
        (", edges=('a b',)", "edges: 'a' is unknown"),
        (", row='Mine'", "unexpected keyword argument 'row'"),
        (", feature=str(128)", "DECLARATION takes literals as keywords"),
    ],
)
def test_a_wrong_declaration_is_one_sentence_that_names_its_file(tmp_path, more, words):
    path = write(
        tmp_path,
        text=MINIMAL.replace("{}", more.replace("{{", "{").replace("}}", "}")).replace("{", "{{").replace("}", "}}"),
    )
    with pytest.raises(PartregError) as caught:
        declarations(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_method_that_neither_trains_nor_compares_is_refused(tmp_path):
    write(tmp_path, text='DECLARATION = Declaration(name="Mine")\n')
    with pytest.raises(PartregError, match=r"mine\.py: expected METHOD or a function distances"):
        declarations(tmp_path)


def test_two_methods_of_one_name_are_refused_for_a_table_could_show_only_one(tmp_path):
    write(tmp_path)
    write(tmp_path, "other")
    with pytest.raises(PartregError, match=r"other\.py: mine\.py has the name 'Mine', too"):
        declarations(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DECLARATION: object = Declaration(name='Mine')\nMETHOD = 1\n", "expected DECLARATION = Declaration"),
        ("DECLARATION = make()\nMETHOD = 1\nDECLARATION.name\n", "no other use of it"),
        (MINIMAL.replace("{}", "") + "def distances(task):\n    return DECLARATION.feature\n", "no other use of it"),
        ("from a import distances\n" + MINIMAL.replace("{}", ""), "is imported, which nobody reads"),
    ],
)
def test_what_no_key_would_hold_is_refused(tmp_path, text, words):
    path = write(tmp_path, text=text)
    with pytest.raises(PartregError) as caught:
        read(path)
    assert words in str(caught.value)


def test_what_a_method_is_built_on_is_there_and_no_circle(tmp_path):
    write(tmp_path, more=", built_on=('other',)")
    with pytest.raises(PartregError, match=r"mine\.py: built_on names 'other', which is no method; add its file"):
        declarations(tmp_path)
    write(tmp_path, "other", more=", built_on=('mine',)")
    with pytest.raises(PartregError, match=r"the methods .*mine.* are built on each other"):
        declarations(tmp_path)


def test_a_method_that_is_taken_out_leaves_the_others_as_they_are(tmp_path):
    folder = shutil.copytree(baselines.FOLDER, tmp_path / "baselines", ignore=shutil.ignore_patterns("__pycache__"))
    last = next(reversed([m for m in declarations() if not any(m in a.built_on for a in declarations().values())]))
    (folder / f"{last}.py").unlink()
    assert declarations(folder) == {method: about for method, about in declarations().items() if method != last}

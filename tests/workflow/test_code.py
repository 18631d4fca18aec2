"""Digests of code: what a module and all that it imports do."""

import ast
import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import needs
from needs import NEEDS, notebook_key
from partreg import workflow
from partreg.baselines import declarations, table_methods
from partreg.studies import dial, evidence
from partreg.workflow import code, keys, methods
from partreg.workflow.code import closure, code_key
from partreg.workflow.profile import REPOSITORY, digest
from tests.conftest import forget

PACKAGE = Path(code.partreg.__file__).parent


def write(root: Path, **modules: str) -> None:
    """A small package in place of partreg: files by "folder__module"."""
    for name, source in modules.items():
        path = root / (name.replace("__", "/").replace("/init", "/__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package whose modules the digests are made of."""
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.setattr(code.partreg, "__file__", str(tmp_path / "__init__.py"))
    forget(code)
    yield tmp_path
    forget(code)


def key(root, *roots):
    forget(code)
    return code_key(*roots)


def test_comments_and_docstrings_are_not_code(package):
    write(package, module="def f(x):\n    return x + 1\n")
    plain = key(package, "partreg.module")
    write(package, module='"""What."""\n\n\ndef f(x):\n    """Add."""\n    # why\n    return x + 1\n')
    assert key(package, "partreg.module") == plain
    write(package, module="def f(x):\n    return x + 2\n")
    assert key(package, "partreg.module") != plain


def test_imports_count_wherever_they_stand_and_whatever_they_are_called(package):
    write(
        package,
        a="import partreg.b\n\n\ndef f():\n    from partreg.inner import c as other\n    return other\n",
        b="from partreg.inner.d import x\n",
        inner__init="",
        inner__c="",
        inner__d="",
        inner__e="",
    )
    assert closure("partreg.a") == ("partreg.a", "partreg.b", "partreg.inner.c", "partreg.inner.d")


def test_a_name_that_a_package_passes_on_leads_to_its_module_alone(package):
    write(
        package,
        inner__init="from partreg.inner.first import one as uno\nfrom partreg.inner.second import two\nOWN = 1\n",
        inner__first="",
        inner__second="",
        by_name="from partreg.inner import uno\n",
        by_attribute="from partreg import inner\n\n\ndef f():\n    return inner.two\n",
        own="from partreg.inner import OWN\n",
        whole="from partreg import inner\n\nkept = inner\n",
    )
    assert closure("partreg.by_name") == ("partreg.by_name", "partreg.inner.first")
    assert closure("partreg.by_attribute") == ("partreg.by_attribute", "partreg.inner.second")
    everything = ("partreg.inner", "partreg.inner.first", "partreg.inner.second")
    assert closure("partreg.own") == (*everything, "partreg.own")
    assert closure("partreg.whole") == (*everything, "partreg.whole")


def test_a_package_that_imports_its_own_submodule_passes_on_this_one_alone(package):
    write(package, package__init="from partreg.package import one\nfrom partreg.package import two as second\n")
    write(package, package__one="A = 1\n", package__two="B = 2\n", package__three="C = 3\n")
    write(package, user="from partreg.package import second\n")
    forget(code)
    assert closure("partreg.user") == ("partreg.package.two", "partreg.user")


def test_a_function_is_its_own_code_and_follows_neither_workflow_nor_studies(package):
    stages = (
        "from partreg.lower import low\nfrom partreg.workflow.other import plumbing\n"
        "from partreg.studies.other import table\nfrom partreg.studies_too import like\n"
        "from partreg.unused import not_here\nLIMIT = 3\n\n\n"
        "def make(x):\n    from partreg.lazy import late\n    return helped(low(late(plumbing(table(like(x))))))\n\n\n"
        "def helped(x):\n    return min(x, LIMIT)\n\n\ndef kept(x):\n    return not_here(make(x))\n"
    )
    write(package, lower="low = 1\n", lazy="late = 1\n", unused="", workflow__init="", workflow__other="plumbing = 1\n")
    write(package, studies_too="like = 1\n", studies__init="", studies__other="table = 1\n", workflow__stages=stages)
    root = "partreg.workflow.stages:make"
    before = key(package, root)
    assert closure(root) == ("partreg.lazy", "partreg.lower", "partreg.studies_too")
    for plumbing in (("not_here(make(x))", "make(not_here(x))"), ("def kept", "def lock")):
        write(package, workflow__stages=stages.replace(*plumbing))
        assert key(package, root) == before
    for made in (("LIMIT = 3", "LIMIT = 4"), ("min(x", "max(x"), ("late(plumbing", "late(2 * plumbing")):
        write(package, workflow__stages=stages.replace(*made))
        assert key(package, root) != before
    with pytest.raises(ValueError, match="no such code"):
        code_key("partreg.workflow.stages:gone")


def test_a_notebook_is_its_cells_and_what_they_import(package, tmp_path):
    write(package, used="", unused="")
    path = tmp_path / "chapter.ipynb"

    def written(text, source="from partreg import used\n"):
        cells = [("markdown", text), ("code", source)]
        path.write_text(json.dumps({"cells": [{"cell_type": kind, "source": [some]} for kind, some in cells]}))
        forget(code)
        return notebook_key(path)

    before = written("What?")
    assert written("Why?") != before
    write(package, unused="x = 1\n")
    assert written("What?") == before
    write(package, used="x = 1\n")
    assert written("What?") != before


def test_the_closure_of_training_is_what_python_imports_for_it():
    script = "import sys, partreg.reid.train; print(' '.join(m for m in sys.modules if m.startswith('partreg.')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {module for module in done.stdout.split() if not code.path_of(f"{module}.__init__")}
    found = {module for module in closure("partreg.reid.train") if not code.path_of(f"{module}.__init__")}
    assert found - loaded <= {"partreg.retrieval.distances"}
    assert loaded <= found
    assert {"partreg.parts.cells", "partreg.datasets.pictures"} <= found
    shown = {"partreg.reid.activation", "partreg.reid.likeness"}
    assert not [module for module in found if "retrieval" in module or module in shown]


DEFINITIONS = "def f(x=[]):\n    return f(x)\n\n\nasync def g(): ...\n\n\nclass A: ...\n"
dump = partial(ast.dump, show_empty=True) if sys.version_info >= (3, 13) else ast.dump


def test_the_text_of_code_leaves_out_type_parameters_where_there_are_none():
    """As Python 3.12 has them: a field of functions and classes that is an empty list."""
    tree = ast.parse(DEFINITIONS)
    before = code.written(tree)
    for node in tree.body:
        if "type_params" not in node._fields:
            node._fields, node.type_params = (*node._fields, "type_params"), []
    assert dump(tree).count("type_params=[]") == 3
    assert code.written(tree) == before
    assert "type_params" not in before


def test_the_text_of_code_names_empty_lists_in_every_python(monkeypatch):
    """As Python 3.13 dumps a tree: without empty lists, unless it is asked for them."""
    tree = ast.parse(DEFINITIONS)
    before = code.written(tree)
    assert "keywords=[]" in before

    def newer(node, show_empty=False):
        return dump(node) if show_empty else re.sub(r"(, )?\w+=\[\]", "", dump(node))

    monkeypatch.setattr(ast, "dump", newer)
    monkeypatch.setattr(code, "sys", SimpleNamespace(version_info=(3, 13, 0)))
    assert code.written(tree) == before


# ------------------------------------------------------------------------------------------- every module, changed


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    return workflow.open_workspace("smoke", output=str(tmp_path_factory.mktemp("results")))


@pytest.fixture
def listed(tmp_path):
    """A table of one picture, in place of test images that are not rendered here."""
    (tmp_path / "a.png").write_bytes(b"picture")
    return pd.DataFrame({"image": ["a.png"], "path": [str(tmp_path / "a.png")], "vehicle": [1]})


def kept(ws, listed):
    """The keys of all kinds of things that are kept, by name."""
    plain = workflow.make_run(ws, "vehicleid", parts=())
    found = {
        "data": ws.root("veri").parent.name,
        "annotations": digest(keys.annotated(ws)),
        "detector": digest(keys.detector(ws)),
        "detected": keys.boxes_key(ws, "veri", "detected"),
        "filled": keys.boxes_key(ws, "veri", "filled"),
        "network": plain.key,
        "network, filled": workflow.make_run(ws, "vehicleid").key,
        "network, true boxes": workflow.make_run(ws, "vehicleid", boxes="truth").key,
        "network, whole": workflow.make_run(ws, "vehicleid", boxes="whole").key,
        "network, veri": workflow.make_run(ws, "veri", parts=()).key,
        "network, vami": workflow.method_run(ws, "vehicleid", "vami").key,
        "features": digest({**keys.extracted(ws, plain, listed), "network": ""}),
        "scores": keys.judging("vehicleid"),
        "scores, veri": keys.judging("veri"),
        "points": digest([job.key for job in dial.OWN.listed(ws)]),
    }
    found |= {f"row {method}": methods.method_key(ws, method, 0) for method in table_methods("veri").values()}
    jobs = evidence.listed(ws)
    found["record"] = next(job for job in jobs if job.what["study"] == "cells" and job.run.parts).code
    found["record, looked at"] = next(job for job in jobs if evidence.looked_at(job.what)).code
    return found


class Copy:
    """The package in a folder of its own; what was parsed before is not parsed again, so that changes are quick."""

    def __init__(self, folder, monkeypatch):
        self.root = folder / "partreg"
        shutil.copytree(PACKAGE, self.root, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setattr(code.partreg, "__file__", str(self.root / "__init__.py"))
        parsed = {}

        def tree(module):
            text = code.path_of(module).read_text()
            if (module, text) not in parsed:
                parsed[module, text] = code.stripped(ast.parse(text))
            return parsed[module, text]

        tree.cache_clear = lambda: None
        dumps = {}

        def dumped(module):
            found = tree(module)
            if id(found) not in dumps:
                dumps[id(found)] = ast.dump(found)
            return dumps[id(found)]

        dumped.cache_clear = lambda: None
        monkeypatch.setattr(code, "tree", tree)
        monkeypatch.setattr(code, "dumped", dumped)

    def changed(self, module, look, function=""):
        """What ``look`` sees while a module has one statement more, somewhere or in a function."""
        path = code.path_of(module)
        before = path.read_text()
        tree = ast.parse(before)
        bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.If | ast.For)]
        if function:
            bodies = [n.body for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function]
        body = random.Random(module).choice(bodies or [tree.body])
        body.append(ast.parse("print(0)").body[0])
        try:
            path.write_text(ast.unparse(tree))
            forget(code)
            return look()
        finally:
            path.write_text(before)
            forget(code)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    made = Copy(tmp_path / "copy", monkeypatch)
    forget(code)
    yield made
    monkeypatch.undo()
    forget(code)


MODULES = sorted(
    ".".join(("partreg", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


def test_a_change_of_a_module_reaches_what_it_makes_and_nothing_else(ws, listed, copy):
    before = kept(ws, listed)
    roots = {
        "data": ["partreg.synthetic.layouts"],
        "annotations": ["partreg.parts.annotation"],
        "detector": ["partreg.parts.annotation", "partreg.parts.detector"],
        "filled": ["partreg.parts.missing"],
        "network": ["partreg.reid.train", "partreg.datasets.split", "partreg.datasets.vehicleid"],
        "network, true boxes": ["partreg.parts.annotation"],
        "network, veri": ["partreg.reid.train", "partreg.datasets.split", "partreg.datasets.veri"],
        "network, vami": ["partreg.baselines.vami"],
        "features": ["partreg.reid.features"],
        "scores": ["partreg.reid.features", "partreg.retrieval.protocols", "partreg.datasets.vehicleid"],
        "scores, veri": ["partreg.reid.features", "partreg.retrieval.protocols", "partreg.datasets.veri"],
        "record": ["partreg.retrieval.protocols"],
        "record, looked at": ["partreg.reid.activation", "partreg.figures.ranklist", "partreg.parts.cells"],
        "points": [
            *("partreg.synthetic.dials", "partreg.baselines.strong", "partreg.baselines.vgg_ccl"),
            "partreg.retrieval.statistics",
        ],
    }
    read = {name: [f"partreg.datasets.{name}"] for name in ("vehicleid", "veri")}
    after = {  # what a result is made from, besides its own code
        "annotations": ["data", *read["vehicleid"]],
        "detector": ["annotations"],
        "detected": ["detector", "data", *read["veri"]],
        "filled": ["detected"],
        "network": ["data"],
        "network, whole": ["network"],
        "network, true boxes": ["network"],
        "network, veri": ["data"],
        "network, vami": ["network"],
        "network, filled": ["network", "filled"],
        "points": ["network", "scores"],
        "record": ["network, true boxes", "scores", "data"],
        "record, looked at": ["network, filled", "scores", "data"],
    }

    def holds(name):
        found = set(closure(*roots.get(name, ())))
        for inner in after.get(name, ()):
            found |= holds(inner) if inner in before else set(closure(inner))
        return found

    named = [name for name in before if not name.startswith("row ")]
    # Filled boxes of VehicleID, whose reader is another; a table's own key does not hold how it is drawn.
    expected = {name: holds(name) for name in named}
    expected["network, filled"] -= {"partreg.datasets.veri"} - holds("network")
    wrong = {}
    for module in MODULES:
        if module.startswith(("partreg.workflow", "partreg.studies")):
            continue
        now = copy.changed(module, lambda: kept(ws, listed))
        changed = {name for name in named if now[name] != before[name]}
        due = {name for name in named if module in expected[name]}
        if changed != due:
            wrong[module] = changed ^ due
    assert wrong == {}


@pytest.mark.parametrize(
    ("module", "function", "due"),
    [
        ("partreg.workflow.stages", "kept", set()),
        ("partreg.workflow.stages", "trained", set()),
        ("partreg.workflow.stages", "detected_boxes", set()),
        ("partreg.workflow.methods", "distances", set()),
        ("partreg.workflow.methods", "measure", set()),
        ("partreg.workflow.profile", "open_workspace", set()),
        ("partreg.studies.evidence", "on_parts", {"record, looked at"}),
        ("partreg.workflow.stages", "true_boxes", {"network, true boxes", "record"}),
    ],
)
def test_of_the_workflow_only_what_makes_a_result_counts(ws, listed, copy, module, function, due):
    before = kept(ws, listed)
    now = copy.changed(module, lambda: kept(ws, listed), function)
    assert {name for name in before if before[name] != now[name]} == due


FACTS = {"row fact", "row fact_plate_rec", "row fact_plate_snn", "row fact_plate_str"}


@pytest.mark.parametrize(
    ("module", "due"),
    [
        ("fact", FACTS),
        ("color_names", FACTS | {"row bow_cn"}),
        ("googlenet", FACTS | {"row googlenet"}),
        ("plates", {"row plate_snn", *FACTS} - {"row fact"}),
        ("spacetime", {"row siamese_path", "row oife_st", "row fact_plate_str"}),
        ("small_nets", {"row siamese_path", "row plate_snn", *FACTS} - {"row fact"}),
        ("vami", {"row vami", "network, vami"}),
        ("oife_st", {"row oife_st"}),
    ],
)
def test_a_change_of_a_method_reaches_all_that_is_built_on_it(ws, listed, copy, module, due):
    before = kept(ws, listed)
    now = copy.changed(f"partreg.baselines.{module}", lambda: kept(ws, listed))
    assert {name for name in before if before[name] != now[name]} == due


def test_what_a_method_is_given_reaches_every_method(ws, listed, copy):
    every = {f"row {method}" for method in table_methods("veri").values()}
    before = kept(ws, listed)
    now = copy.changed("partreg.workflow.methods", lambda: kept(ws, listed), "task")
    assert {name for name in before if before[name] != now[name]} == every
    now = copy.changed("partreg.datasets.split", lambda: kept(ws, listed))
    assert every <= {name for name in before if before[name] != now[name]}


def test_what_a_method_says_of_itself_decides_no_result(ws, listed, copy):
    before = kept(ws, listed)
    for path in (copy.root / "baselines").glob("*.py"):
        path.write_text(re.sub(r"\bname=\"", 'name="The ', path.read_text()))
    (copy.root / "baselines" / "declaration.py").write_text("class Declaration: ...\n")
    forget(code)
    assert kept(ws, listed) == before


def test_a_chapter_is_due_with_what_methods_say_of_themselves(package, tmp_path, monkeypatch):
    write(package, baselines__init="declarations = 1\n", other="from partreg.baselines import declarations\n")
    path = tmp_path / "chapter.ipynb"

    def keyed(source):
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [source]}]}))
        forget(code)
        return notebook_key(path)

    sources = ("import partreg.other", "from partreg.baselines import declarations", "import partreg")
    before = [keyed(source) for source in sources]
    changed = {**declarations(), "oife": replace(declarations()["oife"], alt="Flow chart: another.")}
    monkeypatch.setattr(needs, "declarations", lambda: changed)
    assert [keyed(source) != old for source, old in zip(sources, before, strict=True)] == [True, True, False]


def networks_and_scores(ws):
    runs = {f"{run.name} {run.boxes}": run.key for run in workflow.networks(ws).values()}
    return runs, [keys.judging(dataset) for dataset in ("vehicleid", "veri")]


@pytest.mark.parametrize(
    ("module", "share", "scores"),
    [
        ("partreg.datasets.split", "every", False),
        ("partreg.datasets.pictures", "every", True),
        ("partreg.datasets.layouts", "none", False),
        ("partreg.parts.cells", "every", True),
        ("partreg.reid.activation", "none", False),
        ("partreg.retrieval.metrics", "none", True),
        ("partreg.figures.tables", "none", False),
        ("partreg.synthetic.dials", "none", False),
    ],
)
def test_the_networks_that_a_module_makes_due(ws, copy, module, share, scores):
    before, scored = networks_and_scores(ws)
    now, scored_now = copy.changed(module, lambda: networks_and_scores(ws))
    due = [name for name in before if before[name] != now[name]]
    assert len(due) == {"every": len(before), "none": 0}[share]
    assert (scored != scored_now) is scores


def test_chapters_are_due_with_the_code_that_their_cells_use(copy):
    def chapters():
        return {name: notebook_key(REPOSITORY / "notebooks" / f"{name}.ipynb") for name in NEEDS}

    before = chapters()
    now = copy.changed("partreg.figures.maps", chapters)
    assert {name for name in before if before[name] != now[name]} == {"09_activation_maps"}
    now = copy.changed("partreg.retrieval.metrics", chapters)
    assert {"05_vehicleid", "06_veri", "14_every_rule"} <= {name for name in before if before[name] != now[name]}


def test_settings_that_a_thing_does_not_have_are_not_in_its_key(ws, listed):
    before = kept(ws, listed)

    def due(**fields):
        now = kept(workflow.Workspace(replace(ws.profile, **fields), ws.folder), listed)
        return {name.split(",")[0].split()[0] for name in before if before[name] != now[name]}

    assert due(seeds=[9]) == {"network", "points"}
    assert due(galleries=7) == {"points"}
    assert due(detector={**ws.profile.detector, "epochs": 3}) == {"detector", "detected", "filled", "network"}
    assert "filled" not in due(reid={**ws.profile.reid, "lr": 0.03})

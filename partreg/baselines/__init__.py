"""The methods of Tables 1 to 3, and those that a reader adds: one file a method; shared code is in other files.

A method is a module with a ``DECLARATION`` (`partreg.baselines.declaration`) and at least one of these:

- ``METHOD``, a `partreg.reid.method.Method`: a network that learns from images. Where there is nothing else, its
  features are compared by L2;
- ``distances``, a function of a `partreg.baselines.task.Task`: distances between VeRi-776's query and gallery images.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partreg import paper
from partreg.baselines.declaration import TABLES, Declaration
from partreg.errors import PartregError

if TYPE_CHECKING:
    from partreg.reid.method import Method

FOLDER = Path(__file__).parent


@cache
def declarations(folder: Path = FOLDER) -> Mapping[str, Declaration]:
    """Return every method's declaration by its module, in the order of the paper's tables; methods of none come last.

    They are read from the modules' text, because an import would load torch, which takes seconds.

    Raises:
        PartregError: a declaration is wrong; the sentence names its file.
    """
    methods = {path.stem: about for path in sorted(folder.glob("*.py")) if (about := read(path))}
    rows = [*paper.ROWS[1], *paper.ROWS[3]]
    place = {method: rows.index(about.name) if about.tables else len(rows) for method, about in methods.items()}
    for method, about in methods.items():
        if missing := [name for name in about.built_on if name not in methods]:
            raise PartregError(
                f"{folder / method}.py: built_on names {missing[0]!r}, which is no method; add its file."
            )
    try:
        TopologicalSorter({method: about.built_on for method, about in methods.items()}).prepare()
    except CycleError as error:
        raise PartregError(f"{folder}: the methods {' and '.join(error.args[1])} are built on each other.") from error
    first: dict[str, str] = {}
    for method, about in methods.items():
        if (other := first.setdefault(about.name, method)) != method:
            raise PartregError(
                f"{folder / method}.py: {other}.py has the name {about.name!r}, too; change one of them."
            )
    return {method: methods[method] for method in sorted(methods, key=place.__getitem__)}


def read(path: Path) -> Declaration | None:
    """Return the declaration in a module's text; None where the module is no method."""
    given: dict[str, Any] = {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = sum(isinstance(node, ast.Name) and node.id == "DECLARATION" for node in ast.walk(tree))
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name="distances"):
                given["compares"] = True
            case ast.Assign(targets=[ast.Name(id="METHOD")]) | ast.AnnAssign(target=ast.Name(id="METHOD")):
                given["trains"] = True
            case ast.ImportFrom(names=names) if {"METHOD", "distances"} & {one.asname or one.name for one in names}:
                given["imports"] = True
            case ast.Assign(targets=[ast.Name(id="DECLARATION")], value=ast.Call() as call):
                given["call"] = call
    call, imports = given.pop("call", None), given.pop("imports", False)
    if not named:
        return None
    if not call or named > 1:  # no key knows of other uses
        raise PartregError(
            f"{path}: expected DECLARATION = Declaration(...), once, and no other use of it; write it so."
        )
    if imports:
        raise PartregError(f"{path}: METHOD or distances is imported, which nobody reads; define it in this file.")
    try:
        about = Declaration(**{word.arg: ast.literal_eval(word.value) for word in call.keywords}, **given)
    except (TypeError, ValueError, PartregError) as error:
        raise PartregError(f"{path}: DECLARATION takes literals as keywords: {error}") from error
    for number in (number for dataset in about.tables for number in TABLES[dataset]):
        if about.name not in paper.ROWS[number]:
            raise PartregError(f"{path}: Table {number} has no row {about.name!r}; leave its data set out of tables.")
    if not given:
        raise PartregError(f"{path}: expected METHOD or a function distances beside the DECLARATION; add one.")
    return about


def table_methods(dataset: str) -> dict[str, str]:
    """Return the methods of a data set's tables, by the paper's names and in its order."""
    names = {about.name: method for method, about in declarations().items() if dataset in about.tables}
    return {row: names[row] for row in paper.ROWS[TABLES[dataset][0]] if row in names}


def judged_on(dataset: str) -> list[str]:
    """Return the methods that can be judged on a data set: those of its tables, then all others that fit.

    Functions ``distances`` are for VeRi-776, so VehicleID fits networks alone. A method in no table fits both.
    """
    fits = {"vehicleid": lambda about: about.trains, "veri": lambda about: not about.tables}[dataset]
    return list(dict.fromkeys([*table_methods(dataset).values(), *(m for m, a in declarations().items() if fits(a))]))


def networks() -> list[str]:
    """Return the methods that train a network on images."""
    return [method for method, about in declarations().items() if about.trains]


def method(name: str) -> Method:
    """Return how the network called ``name`` learns: "partreg", the paper's, or one of `networks`.

    Raises:
        PartregError: there is no such method.
    """
    from partreg.reid.method import PART_REGULARIZED  # here, because it loads torch, which takes seconds

    if name == "partreg":
        return PART_REGULARIZED
    if name not in networks():
        raise PartregError(f"method: {name!r} trains no network; expected partreg or one of {', '.join(networks())}.")
    return import_module(f"partreg.baselines.{name}").METHOD

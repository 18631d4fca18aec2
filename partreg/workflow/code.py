"""Compute digests of code: of a module of partreg, and of all of partreg that it imports.

Each result is kept under a digest of what made it, and code is a part of that. Nobody lists modules: a *root* says
where the work begins, and its imports say the rest. A root is

- a module, "partreg.reid.train": its own code and, one after the other, that of all modules it imports; or
- a function, "partreg.workflow.stages:filled": its own code, that of what it names in its module, and of the modules
  that these import. From there, imports of `partreg.workflow` and `partreg.studies` are not followed: a result of
  another stage or study has a key of its own, and a changed lock must not make every network due.

Imports inside functions count. If a package's ``__init__`` only passes a name on, the module that defines it counts:
to import one name does not bring its siblings along. Docstrings, comments and the ``DECLARATION`` of a method do not
count.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import partreg

KEYED = ("partreg.workflow", "partreg.studies")  # whose results have keys of their own


def path_of(module: str) -> Path | None:
    """Return the file of a module such as "partreg.reid.train", a package's ``__init__``; None where there is none."""
    place = Path(partreg.__file__).parent.joinpath(*module.split(".")[1:])
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def tree(module: str) -> ast.Module:
    """Return the syntax tree of a module, without docstrings."""
    return stripped(ast.parse(path_of(module).read_text(encoding="utf-8")))


def stripped(found: ast.Module) -> ast.Module:
    """Return the tree without docstrings and without a method's declaration, whose parts are in recipes by name."""
    found.body = [statement for statement in found.body if not declares(statement)]
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(found):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return found


def declares(statement: ast.stmt) -> bool:
    """Return whether a statement is a method's ``DECLARATION``, or imports what only this needs."""
    imports_it = isinstance(statement, ast.ImportFrom) and statement.module == "partreg.baselines.declaration"
    return bound(statement) == (["Declaration"] if imports_it else ["DECLARATION"])


def written(node: ast.AST) -> str:
    """Return a syntax tree as text that is the same in every version of Python, from 3.11 on."""
    options = {"show_empty": True} if sys.version_info >= (3, 13) else {}
    return ast.dump(node, **options).replace(", type_params=[]", "")  # which 3.12 introduced


@cache
def dumped(module: str) -> str:
    """Return the code of a whole module as text."""
    return written(tree(module))


@cache
def defined_in(module: str, name: str) -> str:
    """Return where ``from module import name`` leads: a submodule, or where an ``__init__`` has the name from."""
    if not path_of(f"{module}.__init__"):  # no package
        return module
    for node in tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("partreg"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return f"{module}.{alias.name}" if node.module == module else defined_in(node.module, alias.name)
    own = {word for statement in tree(module).body for word in bound(statement)}
    return module if name in own or path_of(f"{module}.{name}") is None else f"{module}.{name}"


def bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    inner = [one for name in ("body", "orelse", "handlers", "finalbody") for one in getattr(statement, name, [])]
    return [name for one in inner for name in bound(one)]


def imported(code: Iterable[ast.AST], above: Iterable[ast.stmt] = ()) -> set[str]:
    """Return the modules of partreg that pieces of code import, and those that they use of imports ``above`` them."""
    every = [node for piece in code for node in ast.walk(piece)]
    names = {node.id for node in every if isinstance(node, ast.Name)}
    found, packages = set(), {}
    for node in [*every, *above]:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "partreg"}
        if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] != "partreg":
            continue
        for alias in node.names:
            name, module = alias.asname or alias.name, defined_in(node.module, alias.name)
            if node in above and name not in names:
                continue
            if path_of(f"{module}.__init__") and module != node.module:
                packages[name] = module
            else:
                found.add(module)
    inner = [node for node in every if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    found |= {defined_in(packages[node.value.id], node.attr) for node in inner if node.value.id in packages}
    bases = {id(node.value) for node in inner}
    whole = {node.id for node in every if isinstance(node, ast.Name) and id(node) not in bases}
    return found | {module for name, module in packages.items() if name in whole}


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules of partreg that a module imports, anywhere in it."""
    return frozenset(imported([tree(module)]))


@cache
def pieces(module: str, function: str) -> dict[str, ast.stmt]:
    """Return a function, what it names in its module, and what these name, by name; without imports."""
    named = {name: statement for statement in tree(module).body for name in bound(statement)}
    found: dict[str, ast.stmt] = {}
    waiting = [function]
    while waiting:
        name = waiting.pop()
        statement = named.get(name)
        if name in found or statement is None or isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        found[name] = statement
        waiting += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return found


@cache
def begun(root: str) -> frozenset[str]:
    """Return the modules with which the closure of a root begins."""
    module, _, function = root.partition(":")
    if path_of(module) is None or (function and not pieces(module, function)):
        raise ValueError(f"{root}: no such code in partreg")
    if not function:
        return frozenset([module])
    above = [statement for statement in tree(module).body if isinstance(statement, ast.Import | ast.ImportFrom)]
    found = imported(pieces(module, function).values(), above)
    return frozenset(name for name in found if not f"{name}.".startswith(tuple(f"{package}." for package in KEYED)))


@cache
def closure(*roots: str) -> tuple[str, ...]:
    """Return every module whose code decides what the roots do, sorted; without a function's own module."""
    found: set[str] = set()
    waiting = [module for root in roots for module in begun(root)]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imports(module)
    return tuple(sorted(found))


@cache
def code_key(*roots: str) -> str:
    """Return twelve hexadecimal digits of what the roots do: their own code, and all modules in their closure."""
    digest = hashlib.sha256()
    for module in closure(*roots):
        digest.update(f"{module}\n{dumped(module)}\n".encode())
    for root in sorted({root for root in roots if ":" in root}):
        for name, statement in sorted(pieces(*root.split(":")).items()):
            digest.update(f"{root.split(':')[0]}:{name}\n{written(statement)}\n".encode())
    return digest.hexdigest()[:12]

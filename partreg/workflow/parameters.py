"""Open a notebook: from the parameters of its first cell to a workspace, and to the network that they describe.

papermill only logs a parameter that no cell declares, and makes a number of a word that looks like one. Here either
stops the notebook with one sentence.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from partreg.errors import PartregError
from partreg.guard import checked, known
from partreg.reid.run import Run
from partreg.workflow.methods import check_method
from partreg.workflow.profile import CHOICES, DataSet, Natural, Text, Workspace, located, merged, open_workspace, tidy
from partreg.workflow.runs import make_run

INJECTED = "# Parameters\n"  # the first line of the cell that papermill adds


def open_notebook(namespace: Mapping[str, Any], **changes: Any) -> Workspace:
    """Return the workspace that a notebook's parameters ask for: those of `CHOICES` that its first cell declares.

    ``namespace`` is the notebook's ``globals()``; IPython keeps the cells that have run in its ``In``. ``changes`` are
    fields of the profile that other parameters of the notebook replace; they win over ``overrides``.

    Raises:
        PartregError: a parameter that the notebook does not declare, or a value that is not of its kind.
    """
    check_injected(namespace)
    # A later cell may use a word such as `names` for something else, and the first one may run again.
    taken = declared(namespace.get("In", [])) or namespace
    given = {name: namespace[name] for name in CHOICES if name in taken and name in namespace}
    choices = tidy(given, Path.cwd())
    changed = {name: fields for name, fields in changes.items() if fields}
    return open_workspace(**{**choices, "overrides": merged(choices.get("overrides", {}), changed)})


def check_injected(namespace: Mapping[str, Any]) -> None:
    """Stop if papermill added a parameter that no cell declares, or a value of another kind than the default's.

    The choices, and what is None by default, are checked where they are used. JupyterLab adds nothing.
    """
    cells: Sequence[str] = namespace.get("In", [])
    places = [place for place, cell in enumerate(cells) if cell.startswith(INJECTED)]
    if not places:
        return
    given, defaults = assigned(cells[places[-1]]), declared(cells[: places[-1]])
    if given and not defaults:
        raise PartregError(f"parameters: {next(iter(given))!r} was given, but this notebook takes none.")
    known("parameters", given, {**defaults, **CHOICES})  # a file of choices may say more than this chapter uses
    kinds = {bool: bool, int: Natural, str: Text}
    for name, value in given.items():
        if name not in CHOICES and type(defaults[name]) in kinds:
            checked(kinds[type(defaults[name])], value, name)


def declared(cells: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that a notebook declares, with their defaults; {} where no cell has any."""
    found = [assigned(cell) for cell in cells if not cell.startswith(INJECTED)]
    return next((names for names in reversed(found) if "profile" in names), {})


def assigned(cell: str) -> dict[str, Any]:
    """Return the names to which a cell assigns a literal value, with that value; no other cell has any."""
    try:
        lines = ast.parse(cell).body
    except SyntaxError:  # a magic of IPython
        return {}
    found: dict[str, Any] = {}
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(target := line.targets[0], ast.Name):
            found[target.id] = None
            with contextlib.suppress(ValueError):
                found[target.id] = ast.literal_eval(line.value)
    return found


def described_run(ws: Workspace, namespace: Mapping[str, Any]) -> Run:
    """Return the network of the parameters of chapter 04: the profile's, with their changes.

    ``namespace`` has ``dataset``, and the fields of `Run` that may be changed, None where not.

    Raises:
        PartregError: a value that is not allowed.
    """
    fields = [field.name for field in dataclasses.fields(Run) if field.name not in ("dataset", "data", "method")]
    return make_run(ws, checked(DataSet, namespace["dataset"], "dataset"), **changes(namespace, fields))


def described_method(ws: Workspace, namespace: Mapping[str, Any]) -> tuple[str, str, int, dict[str, Any]]:
    """Return method, data set, seed and changes of the parameters of chapter 11, as for `described_run`."""
    dataset = checked(DataSet, namespace["dataset"], "dataset")
    check_method(dataset, namespace["method"])
    changed = changes(namespace, ("epochs", "lr", "margin", "size", "parts"))
    return namespace["method"], dataset, ws.profile.seeds[0], changed


def changes(namespace: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return those of the ``fields`` of `Run` that a notebook's parameters set, with whole paths."""
    return located({name: namespace[name] for name in fields if namespace.get(name) is not None}, Path.cwd())

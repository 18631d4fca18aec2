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
from partreg.reid.run import Run, from_json
from partreg.workflow.methods import check_method
from partreg.workflow.profile import CHOICES, DataSet, Natural, Text, Workspace, located, merged, open_workspace, tidy
from partreg.workflow.runs import make_run, method_run

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
    """Return the network of the parameters of chapter 04: the profile's with their changes, or a whole description.

    ``namespace`` has ``run``, ``dataset``, and the fields of `Run` that may be changed, None where not.

    Raises:
        PartregError: a value that is not allowed, both a whole description and changes, or a description of other data
            or other code than there are here.
    """
    fields = [field.name for field in dataclasses.fields(Run) if field.name not in ("dataset", "data", "method")]
    given, changes = description(namespace, fields)
    if given is None:
        return make_run(ws, checked(DataSet, namespace["dataset"], "dataset"), **changes)
    found = make_run(ws, **{**dataclasses.asdict(given), "data": ""})
    demand_same_data(found, given)
    return found


def described_method(ws: Workspace, namespace: Mapping[str, Any]) -> tuple[str, str, int, dict[str, Any]]:
    """Return method, data set, seed and changes of the parameters of chapter 11, as for `described_run`."""
    changeable = ("epochs", "lr", "margin", "size", "parts")
    given, changes = description(namespace, changeable)
    if given is None:
        dataset = checked(DataSet, namespace["dataset"], "dataset")
        check_method(dataset, namespace["method"])
        return namespace["method"], dataset, ws.profile.seeds[0], changes
    changes = {name: getattr(given, name) for name in changeable}
    found = method_run(ws, given.dataset, given.method, seed=given.seed, **changes)
    if found.changed(data=given.data) != given:
        raise PartregError(
            f"run: it differs from the profile in more than {', '.join(changeable)} and seed; choose the profile "
            "that it was described by, or say the rest by overrides."
        )
    demand_same_data(found, given)
    return given.method, given.dataset, given.seed, changes


def description(namespace: Mapping[str, Any], fields: Sequence[str]) -> tuple[Run | None, dict[str, Any]]:
    """Return the run whose JSON is the parameter ``run``, or None and the ``fields`` that other parameters change."""
    changes = located({name: namespace[name] for name in fields if namespace.get(name) is not None}, Path.cwd())
    if not namespace["run"]:
        return None, changes
    if changes:
        raise PartregError(f"run: it is a whole description, but {', '.join(changes)} is given, too; leave one out.")
    run = from_json(namespace["run"])
    seeds = tidy({"seeds": namespace.get("seeds")}, Path.cwd()).get("seeds")
    if seeds and run.seed not in seeds:
        raise PartregError(f"run: its seed is {run.seed}, but seeds is {seeds}; leave one out.")
    return run, {}


def demand_same_data(found: Run, given: Run) -> None:
    """Refuse a description of other data or code than there are here; allow one that names neither."""
    if given.data not in ("", found.data):
        raise PartregError(
            f"run: data is {given.data!r}, but here data and code make it {found.data!r}; leave data out of the "
            "description to train it with what is here."
        )

"""What a reader may write into a profile and into a file of choices: names, kinds and ranges, checked at the start.

Nothing is bent: a word that could mean two things, a name that nothing reads and a list where a number belongs are each
refused in one sentence, before anything is made from them.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from partreg.baselines import NETWORKS
from partreg.datasets.lines import NUMBER
from partreg.errors import PartregError
from partreg.files import parse_json
from partreg.parts.boxes import BODY, CLASSES
from partreg.reid.run import Run, from_dict
from partreg.synthetic.benchmark import Benchmark

DATASETS = ("vehicleid", "veri")
PATHS = ("vehicleid", "veri", "annotations", "photographs")
# What tells the rows of the tables apart: a profile that set one of these for all would give rows a wrong name.
ROWS_OWN = ("dataset", "data", "method", "parts", "use_global", "boxes", "hidden", "size", "held_out", "seed")
Check = Callable[[str, Any], Any]


def refuse(where: str, value: Any, expected: str) -> PartregError:
    """The sentence about a value that is not what was expected."""
    return PartregError(f"{where} is {value!r}; expected {expected}.")


def known(where: str, names: Iterable[Any], expected: Iterable[str]) -> None:
    """Refuse names that nothing reads, so that a typing error does not go unheard.

    Raises:
        PartregError: one of ``names`` is not among those ``expected``; the sentence has the nearest one.
    """
    expected = list(expected)
    for name in names:
        if name not in expected:
            near = difflib.get_close_matches(str(name), expected, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise PartregError(f"{where}: {name!r} is unknown; {hint}expected one of {', '.join(sorted(expected))}.")


def text(where: str, value: Any) -> str:
    """Text; a number is refused, for papermill's -p makes 7 of "007" and 1000.0 of "1e3"."""
    if isinstance(value, bool | int | float):
        raise refuse(where, value, "text: write it in quotes in YAML, or give it to papermill by -r in place of -p")
    if not isinstance(value, str | Path):
        raise refuse(where, value, "text")
    return str(value)


def flag(where: str, value: Any) -> bool:
    """True or false, and not a word for it."""
    if not isinstance(value, bool):
        raise refuse(where, value, "true or false")
    return value


def whole(low: int = 0) -> Check:
    """A whole number of at least ``low``."""

    def check(where: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise refuse(where, value, f"a whole number of at least {low}")
        return value

    return check


def number(where: str, value: Any) -> float:
    """A number of at least 0, whole or not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise refuse(where, value, "a number of at least 0")
    return value


def several(check: Check, least: int = 1) -> Check:
    """A list of at least so many different values of one kind."""

    def check_all(where: str, value: Any) -> list:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise refuse(where, value, f"a list of at least {least}")
        found = [check(f"{where}[{place}]", one) for place, one in enumerate(value)]
        if len(set(found)) < len(found):
            raise refuse(where, value, "each value once")
        return found

    return check_all


def mapping(checks: dict[str, Check], needed: Iterable[str] = (), empty: bool = True) -> Check:
    """Some of the fields that are named, each with its own check; all that are ``needed``, or perhaps none at all."""

    def check_all(where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise refuse(where, value, "fields with their values, as {name: value}")
        known(where, value, checks)
        absent = sorted(set(needed) - set(value)) if value or not empty else []
        if absent:
            raise PartregError(
                f"{where}: {', '.join(absent)} must be given, too; profiles/reference.yaml has all of it."
            )
        return {name: checks[name](f"{where}.{name}", one) for name, one in value.items()}

    return check_all


def recipe(where: str, value: Any) -> dict[str, Any]:
    """Fields of `partreg.reid.run.Run` that all networks share, with values that it takes."""
    if not isinstance(value, dict):
        raise refuse(where, value, "fields with their values, as {name: value}")
    for name in value:
        if name in ROWS_OWN:
            raise PartregError(f"{where}: {name} is what rows of the tables differ in; use sizes, held_out or seeds.")
    known(where, value, [field.name for field in dataclasses.fields(Run) if field.name not in ROWS_OWN])
    from_dict(value, where)
    return value


def methods(where: str, value: Any) -> dict[str, Any]:
    """What each network of `partreg.baselines` changes of the recipe."""
    return mapping(dict.fromkeys(NETWORKS, recipe))(where, value)


def categories(where: str, value: Any) -> dict[str, str]:
    """What the categories of a COCO file of one's own are called here (`partreg.parts.formats.NAMES`)."""
    value = dictionary(where, value)
    for name, meant in value.items():
        if not isinstance(name, str) or meant not in (*CLASSES, BODY):
            raise refuse(f"{where}.{name}", meant, f"one of {', '.join((*CLASSES, BODY))}")
    return value


def dictionary(where: str, value: Any) -> dict[str, Any]:
    """A dictionary, also from its text in JSON or YAML, which is how papermill's -p and make hand it over."""
    if isinstance(value, str) and value.strip():
        value = _parsed(where, value)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise refuse(where, value, 'a dictionary such as {"name": "value"}')
    return value


def _parsed(where: str, words: str) -> Any:
    """What a text in JSON or else in YAML says; 1e-3 is a number in JSON alone."""
    try:
        return parse_json(words, where)
    except PartregError:
        pass
    try:
        value, twice = yaml.safe_load(words), repeated(yaml.compose(words, Loader=yaml.SafeLoader))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise refuse(where, words, 'a dictionary such as {"name": "value"}') from error
    if twice:
        raise PartregError(f"{where}: {twice}; remove one of the two.")
    return value


def repeated(node: yaml.Node | None) -> str:
    """The first field that a YAML text gives twice, of which YAML would take the last in silence; "" where none is."""
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, map(repeated, node.value)), "")
    if not isinstance(node, yaml.MappingNode):
        return ""
    seen = set()
    for name, value in node.value:
        if name.value in seen and isinstance(name.value, str):
            return f"line {name.start_mark.line + 1}: {name.value!r} is given a second time"
        seen.add(name.value if isinstance(name.value, str) else id(name))
        if inner := repeated(value):
            return inner
    return ""


def seeds(where: str, value: Any) -> list[int]:
    """Training seeds from a number, a list of numbers, or text such as "0,1,2"; [] where nothing is given."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        words = value.split(",")
        if not all(NUMBER.fullmatch(word.strip()) for word in words):
            raise refuse(where, value, "whole numbers with commas between, such as 0,1,2")
        value = [int(word) for word in words]
    return SEEDS(where, value if isinstance(value, list | tuple) else [value])


def layouts(where: str, value: Any) -> list[str]:
    """Names of data sets from text such as "vehicleid,veri", or from a list.

    Raises:
        PartregError: another name than those two, one of them twice, or none.
    """
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    for word in words if isinstance(words, list | tuple) else [words]:
        if word not in DATASETS:
            raise refuse(where, value, f"one or both of {', '.join(DATASETS)}, with a comma between")
    return several(text)(where, words)


def merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """``before`` with the values of ``after`` in place of its own; dictionaries merge, at every depth."""
    both = dict(before)
    for name, value in after.items():
        mixed = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = merged(both[name], value) if mixed else value
    return both


def located(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The fields with whole paths: ``~`` is the home, and what is relative counts from ``folder``.

    Paths are `PATHS`, and every ``weights`` but "imagenet".
    """
    found = {}
    for name, value in fields.items():
        path = (name in PATHS and value) or (name == "weights" and value not in ("", "imagenet"))
        if isinstance(value, dict) and name != "names":
            value = located(value, folder)
        elif path and isinstance(value, str | Path):
            value = whole_path(value, folder)
        found[name] = value
    return found


def whole_path(path: str | Path, folder: Path) -> str:
    """The whole path; ``~`` is the home, and a relative one counts from ``folder``.

    Raises:
        PartregError: it is no path at all.
    """
    try:
        return str((folder / Path(path).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise PartregError(f"{str(path)[:80]!r} is no path here ({error}); write it out from the root.") from error


def is_there(path: str) -> bool:
    """Whether there is something at a path; one that is too long to exist is not there."""
    try:
        return Path(path).exists()
    except OSError:
        return False


SEEDS = several(whole())
_KINDS: dict[type, Check] = {
    int: whole(),
    float: number,
    tuple: several(whole(1)),
}
OPTIONAL = ("models", "fleet", "test_images")  # of a benchmark; left out, they are as is usual
BENCHMARK = {field.name: _KINDS[type(field.default)] for field in dataclasses.fields(Benchmark)}
NEEDED = [name for name in BENCHMARK if name not in OPTIONAL]
SIZES = several(whole(32))
CELL = {**BENCHMARK, "held_out": whole(), "pixels": whole(32)}
DETECTOR = {"model": text, **dict.fromkeys(("size", "epochs", "batch"), whole(1)), "seed": whole()}
DIAL: dict[str, Check] = {
    "near_duplicates": several(number, 0),
    "layouts": several(text, 0),
    "rows": several(text, 0),
    "benchmark": mapping(BENCHMARK),
    "size": whole(32),
    "epochs": whole(1),
}
EVIDENCE: dict[str, Check] = {
    "seeds": SEEDS,
    "cell_seeds": SEEDS,
    "short": whole(1),
    "middle": whole(1),
    "base": mapping(CELL, ("train_vehicles", "held_out", "pixels"), empty=False),
    "axes": mapping({name: several(number) for name in CELL if name != "test_vehicles"}),
    "weights": text,
    "pixels": text,
}
FIELDS: dict[str, Check] = {
    "benchmark": mapping(BENCHMARK, NEEDED),
    **dict.fromkeys(PATHS, text),
    "names": categories,
    "annotate": whole(1),
    "detector": mapping(DETECTOR, DETECTOR, empty=False),
    "reid": recipe,
    "other_rows": flag,
    "methods": methods,
    "dial": mapping(DIAL, DIAL, empty=False),
    "evidence": mapping(EVIDENCE, EVIDENCE),
    "sizes": mapping(dict.fromkeys(DATASETS, SIZES), DATASETS, empty=False),
    "held_out": mapping(dict.fromkeys(DATASETS, whole()), DATASETS, empty=False),
    "seeds": SEEDS,
    "galleries": whole(1),
}

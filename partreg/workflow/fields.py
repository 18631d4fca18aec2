"""What a reader may write into a profile and into a file of choices: each name once, with its kind.

Nothing is bent: a word that could mean two things, a name that nothing reads and a list where a number belongs are each
refused in one sentence, before anything is made from them (`partreg.guard`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Annotated, Any, NotRequired

import yaml
from pydantic import AfterValidator, BeforeValidator, WrapValidator, with_config
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from partreg.baselines import networks
from partreg.datasets import DATASETS
from partreg.datasets.lines import NUMBER
from partreg.errors import PartregError
from partreg.files import parse_json
from partreg.guard import STRICT, Guarded, checked, number, objection, one_of, several, whole
from partreg.parts.boxes import BODY, CLASSES
from partreg.reid.run import Run
from partreg.synthetic.benchmark import Benchmark

PATHS = ("vehicleid", "veri", "annotations", "photographs")
# What tells the methods of the tables apart: a profile that set one of these for all would give them a wrong name.
METHODS_OWN = ("dataset", "data", "method", "parts", "use_global", "boxes", "hidden", "size", "held_out", "seed")


def parsed(text: Any) -> Any:
    """What a text in JSON or YAML says; papermill's -p and make hand dictionaries over so."""
    if not isinstance(text, str):
        return text
    with contextlib.suppress(PartregError):
        return parse_json(text, "")  # first, for in YAML 1e-3 is no number
    try:
        value = yaml.safe_load(text)
        _refuse_twice(yaml.compose(text, Loader=yaml.SafeLoader))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise objection(f"expected YAML ({' '.join(str(error).split())}); fix the line.") from error
    return value


def _refuse_twice(node: yaml.Node | None) -> None:
    """Refuse a field that a YAML text gives twice, of which YAML would take the last in silence."""
    fields = node.value if isinstance(node, yaml.MappingNode) else []
    for place, (name, _) in enumerate(fields):
        if name.value in [other.value for other, _ in fields[:place]]:
            raise ValueError(f"line {name.start_mark.line + 1}: {name.value!r} is given a second time")
    for inner in node.value if isinstance(node, yaml.SequenceNode) else [value for _, value in fields]:
        _refuse_twice(inner)


def words_of(value: Any) -> Any:
    """The words of a text with commas between them."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def seed_list(value: Any) -> Any:
    """Training seeds from a number, a list of numbers, or text such as "0,1,2"."""
    if isinstance(value, str):
        return [int(word) if NUMBER.fullmatch(word) else word for word in words_of(value)]
    return value if isinstance(value, list | tuple) else [value]


def recipe(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of `partreg.reid.run.Run` that all networks share, with values that it takes; 3.0 epochs are 3."""
    for name in values:
        if name in METHODS_OWN:
            raise objection(f"{name} is what methods of the tables differ in; use sizes, held_out or seeds.")
    try:
        run = Run(**values)
    except PartregError as error:
        raise objection(str(error).removeprefix("run: ")) from error
    return {name: taken if isinstance(taken := getattr(run, name), int) else values[name] for name in values}


def whole_recipe(values: dict[str, Any]) -> dict[str, Any]:
    """The same with those fields that others read from a profile; `Run` has them where it does not say."""
    return {name: getattr(Run, name) for name in ("backbone", "epochs", "part_weight")} | values


def table(kinds: dict[str, Any], optional: Any = ()) -> Any:
    """A dictionary with a value of its kind for each name and no other; the ``optional`` ones may be left out."""
    marked = {name: NotRequired[kind] if name in optional else kind for name, kind in kinds.items()}
    return with_config(STRICT)(TypedDict("Fields", marked))  # type: ignore[operator]


def or_empty(kind: Any) -> Any:
    """All of a table, or nothing: {}."""
    return Annotated[kind, WrapValidator(lambda value, rest: value if value == {} else rest(value))]


Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value)]
Count, Natural, Size = Annotated[int, whole(1)], Annotated[int, whole()], Annotated[int, whole(32)]
Amount = Annotated[Any, number()]  # 2 stays 2, for it is part of what results are named by
Seeds = several(Natural)
DataSet = Annotated[str, one_of(DATASETS)]
Fields = Annotated[dict[str, Any], BeforeValidator(parsed)]
Categories = dict[str, Annotated[str, one_of((*CLASSES, BODY))]]
Recipe = Annotated[dict[str, Any], AfterValidator(recipe)]
_KINDS = {int: Natural, float: Amount, tuple: several(Count)}
BENCHMARK = {field.name: _KINDS[type(field.default)] for field in dataclasses.fields(Benchmark)}
CELL = {**BENCHMARK, "held_out": Natural, "pixels": Size}
_Benchmark = or_empty(table(BENCHMARK, ("models", "fleet", "test_images")))  # without these, they are as is usual
_Detector = table({"model": Text, "size": Count, "epochs": Count, "batch": Count, "seed": Natural})
_Methods = table(dict.fromkeys(networks(), Recipe), networks())
_Dial = table({
    "near_duplicates": several(Amount, 0), "layouts": several(Text, 0), "rows": several(Text, 0),
    "benchmark": table(BENCHMARK, BENCHMARK), "size": Size, "epochs": Count,
})  # fmt: skip
_Evidence = or_empty(table({
    "seeds": Seeds, "cell_seeds": Seeds, "short": Count, "middle": Count, "weights": Text, "pixels": Text,
    "base": table(CELL, set(CELL) - {"train_vehicles", "held_out", "pixels"}),
    "axes": table({name: several(Amount) for name in CELL if name != "test_vehicles"}, CELL),
}))  # fmt: skip
_Sizes, _HeldOut = table(dict.fromkeys(DATASETS, several(Size))), table(dict.fromkeys(DATASETS, Natural))


@dataclass(frozen=True)
class Profile(Guarded):
    """What a run costs: sizes, seeds and paths. One YAML file under ``profiles/`` each; laptop.yaml explains them."""

    ADVICE = "extends: laptop takes over what a profile leaves out, and reference.yaml has all of evidence"

    name: str
    benchmark: _Benchmark
    vehicleid: Text
    veri: Text
    annotations: Text
    photographs: Text
    names: Categories
    annotate: Count
    detector: _Detector
    reid: Annotated[Recipe, AfterValidator(whole_recipe)]
    other_rows: bool
    methods: _Methods
    dial: _Dial
    evidence: _Evidence
    sizes: _Sizes
    held_out: _HeldOut
    seeds: Seeds
    galleries: Count


FIELDS = tuple(field.name for field in dataclasses.fields(Profile) if field.name != "name")
_CHOICES: dict[str, tuple[Any, str]] = {
    "profile": (Text, "one of smoke, laptop, paper and reference, or a YAML file: a profile, or these choices by name"),
    "output": (Text, "folder for everything that is made; default build/<profile>"),
    "vehicleid": (Text, "root of a VehicleID_V1.0 folder, in place of the rendered benchmark"),
    "veri": (Text, "root of a VeRi-776 folder, in place of the rendered benchmark"),
    "annotations": (Text, "COCO file with part boxes to train the detector on"),
    "photographs": (Text, "folder of the images that this file names"),
    "names": (
        Annotated[Categories, BeforeValidator(parsed)],
        "what its categories are, where they are not known, such as {windshield: front_window}",
    ),
    "seeds": (Annotated[Seeds, BeforeValidator(seed_list)], "training seeds such as 0,1,2"),
    "overrides": (
        Annotated[table(dict.fromkeys(FIELDS, Any), FIELDS), BeforeValidator(parsed)],
        "other fields of the profile, such as {reid: {epochs: 5}}; dictionaries merge",
    ),
}
CHOICES = {name: meaning for name, (_, meaning) in _CHOICES.items()}
Choices = table({name: kind for name, (kind, _) in _CHOICES.items()}, CHOICES)


def layouts(where: str, value: Any) -> list[str]:
    """Names of data sets, each once and at least one, from text such as "vehicleid,veri", or from a list."""
    found: list[str] = checked(several(DataSet), words_of(value), where)
    return found


def merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """``before`` with the values of ``after`` in place of its own; dictionaries merge, at every depth."""
    both = [name for name in after if isinstance(after[name], dict) and isinstance(before.get(name), dict)]
    return {**before, **after, **{name: merged(before[name], after[name]) for name in both}}


def located(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The fields with whole paths, also those in dictionaries: ``output``, `PATHS`, and ``weights`` from a file."""

    def whole(name: str, value: Any) -> Any:
        if isinstance(value, dict) and name != "names":
            return located(value, folder)
        path = name in ("output", *PATHS) or (name == "weights" and value != "imagenet")
        return whole_path(value, folder) if path and value and isinstance(value, str | Path) else value

    return {name: whole(name, value) for name, value in fields.items()}


def whole_path(path: str | Path, folder: Path) -> str:
    """The whole path; ``~`` is the home, and a relative one counts from ``folder``."""
    try:
        return str((folder / Path(path).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise PartregError(f"{str(path)[:80]!r} is no path here ({error}); write it out from the root.") from error

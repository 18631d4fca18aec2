"""Read what a reader may choose: profiles and files of choices; open a workspace from them.

Each field and each choice is named here once, with its kind. Nothing is guessed: a word that could mean two things, a
name that nothing reads and a list in the place of a number are each refused in one sentence, before anything is made
from them (`partreg.guard`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, NotRequired

import yaml
from pydantic import AfterValidator, BeforeValidator, WrapValidator, with_config
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

import partreg
from partreg.baselines import networks
from partreg.datasets import DATASETS
from partreg.datasets.lines import NUMBER
from partreg.errors import PartregError
from partreg.files import parse_json, read_text
from partreg.guard import STRICT, Guarded, checked, expected, known, number, objection, one_of, several, whole
from partreg.parts.boxes import BODY, CLASSES
from partreg.parts.formats import LIGHT
from partreg.reid.run import WORDS, Run
from partreg.synthetic.benchmark import Benchmark
from partreg.workflow.code import code_key

REPOSITORY = Path(partreg.__file__).resolve().parents[1]
PROFILES = Path(partreg.__file__).resolve().with_name("profiles").resolve()  # a link here, so that a wheel takes them
REFERENCE = REPOSITORY / "reference"  # results that are committed


PATHS = ("vehicleid", "veri", "annotations", "photographs")
# In these the methods of the tables differ: a profile that set one for all would give the methods wrong names.
METHODS_OWN = (
    *("dataset", "data", "method", "parts", "use_global", "boxes", "hidden", "agreement", "size", "held_out", "seed"),
)


class Once(yaml.SafeLoader):
    """YAML in which each field is given once; of two, a plain loader would take the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the fields of one dictionary."""
        names = [name.value for name, _ in node.value]
        for place, (name, _) in enumerate(node.value):
            if name.value in names[:place]:
                raise ValueError(f"line {name.start_mark.line + 1}: {name.value!r} is given a second time")
        return super().construct_mapping(node, deep)


def parsed(text: Any) -> Any:
    """Return what a text in JSON or YAML says; papermill's -p and make pass dictionaries as such texts."""
    if not isinstance(text, str):
        return text
    with contextlib.suppress(PartregError):
        return parse_json(text, "")  # first, because in YAML 1e-3 is no number
    try:
        return Once(text).get_single_data()
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise objection(f"expected YAML ({' '.join(str(error).split())}); fix the line.") from error


def words_of(value: Any) -> Any:
    """Return the words of a text with commas between them."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def seed_list(value: Any) -> Any:
    """Return training seeds from a number, a list of numbers, or text such as "0,1,2"."""
    if isinstance(value, str):
        return [int(word) if NUMBER.fullmatch(word) else word for word in words_of(value)]
    return value if isinstance(value, list | tuple) else [value]


def recipe(values: dict[str, Any]) -> dict[str, Any]:
    """Return fields of `partreg.reid.run.Run` that all networks share, with values that it takes; 3.0 epochs are 3."""
    for name in values:
        if name in METHODS_OWN:
            raise objection(f"{name} is what methods of the tables differ in; use sizes, held_out or seeds.")
    try:
        run = Run(**values)
    except PartregError as error:
        raise objection(str(error).removeprefix("run: ")) from error
    return {name: taken if isinstance(taken := getattr(run, name), int) else values[name] for name in values}


def whole_recipe(values: dict[str, Any]) -> dict[str, Any]:
    """Return the same with the fields that others read from a profile; `Run` gives those that the profile does not."""
    return {name: getattr(Run, name) for name in ("backbone", "epochs", "part_weight")} | values


def table(kinds: dict[str, Any], optional: Any = ()) -> Any:
    """Return a dictionary with a value of its kind for each name and no other; ``optional`` ones may be left out."""
    marked = {name: NotRequired[kind] if name in optional else kind for name, kind in kinds.items()}
    return with_config(STRICT)(TypedDict("Fields", marked))  # type: ignore[operator]


def in_strides(size: int) -> int:
    """Return a detector's size; it has cells of 32 pixels, and would round another one without a word."""
    if size % 32:
        raise expected("a multiple of 32")
    return size


def or_empty(kind: Any) -> Any:
    """Return all of a table, or nothing: {}."""
    return Annotated[kind, WrapValidator(lambda value, rest: value if value == {} else rest(value))]


Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value)]
Count, Natural, Size = Annotated[int, whole(1)], Annotated[int, whole()], Annotated[int, whole(32)]
Strides = Annotated[Size, AfterValidator(in_strides)]
Amount = Annotated[Any, number()]  # 2 stays 2, because it is part of the names of results
Seeds = several(Natural)
DataSet = Annotated[str, one_of(DATASETS)]
Fields = Annotated[dict[str, Any], BeforeValidator(parsed)]
Categories = dict[str, Annotated[str, one_of((*CLASSES, LIGHT, BODY))]]
Names = Annotated[Categories, BeforeValidator(parsed)]
Recipe = Annotated[dict[str, Any], AfterValidator(recipe)]
_KINDS = {int: Natural, float: Amount, tuple: several(Count)}
BENCHMARK = {field.name: _KINDS[type(field.default)] for field in dataclasses.fields(Benchmark)}
CELL = {**BENCHMARK, "held_out": Natural, "pixels": Size}
_Benchmark = or_empty(table(BENCHMARK, ("models", "fleet", "test_images")))  # without these, the usual values hold
_Detector = or_empty(
    table(
        {"model": Text, "size": Strides, "epochs": Count, "batch": Count, "seed": Natural, "weights": Text},
        ("weights",),  # of a detector that is trained already; the other fields do not matter then
    )
)
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
_Regime = or_empty(table({
    "seeds": table(dict.fromkeys(("curve", "table", "others", "pairs"), Natural)),
    "vehicles": several(Annotated[int, whole(2)]), "epochs": Count, "even": Count,
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
    other_methods: bool
    methods: _Methods
    dial: _Dial
    evidence: _Evidence
    regime: _Regime
    sizes: _Sizes
    held_out: _HeldOut
    seeds: Seeds
    galleries: Count


FIELDS = tuple(field.name for field in dataclasses.fields(Profile) if field.name != "name")
_CHOICES: dict[str, tuple[Any, str]] = {
    "profile": (Text, "smoke, laptop, paper, reference or regime, or a YAML file: a profile, or these choices by name"),
    "output": (Text, "folder for everything that is made; default build/<profile>"),
    "vehicleid": (
        Text,
        "root of a VehicleID_V1.0 folder, or of your own pictures, in place of the rendered benchmark",
    ),
    "veri": (
        Text,
        "root of a VeRi-776 folder, or of your own pictures with cameras, in place of the rendered benchmark",
    ),
    "annotations": (Text, "COCO file with part boxes to train the detector on"),
    "photographs": (Text, "folder of the images that this file names"),
    "names": (
        Names,
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


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A profile, and the folder of all that is made from it (``build/<profile>`` unless chosen).

    ``changed`` names the fields in which a reader's choices differ from the profile; data and seeds aside, which are
    named wherever a number is.
    """

    profile: Profile
    folder: Path
    changed: tuple[str, ...] = ()

    @property
    def vehicleid(self) -> Path:
        """Root of the VehicleID_V1.0 layout, see `root`."""
        return self.root("vehicleid")

    @property
    def veri(self) -> Path:
        """Root of the VeRi-776 layout, see `root`."""
        return self.root("veri")

    def root(self, dataset: str) -> Path:
        """Root of "vehicleid" or "veri": the reader's own folder, or that of the rendered benchmark.

        A digest of what the profile says of the benchmark, and of the code that renders it, names the latter.
        """
        key = digest(self.profile.benchmark, code_key("partreg.synthetic.layouts"))
        rendered = {"vehicleid": "VehicleID_V1.0", "veri": "VeRi"}[dataset]
        return Path(getattr(self.profile, dataset) or self.folder / f"data-{key}" / rendered)

    def is_synthetic(self, dataset: str) -> bool:
        """Whether ``dataset`` is the rendered benchmark rather than a folder of the reader's own."""
        return not getattr(self.profile, dataset)

    @property
    def pixels(self) -> Path:
        """Folder of decoded pictures, shared by all runs and named by the code that decodes them."""
        return self.folder / "pixels" / code_key("partreg.reid.pixels")

    @property
    def drawn_elsewhere(self) -> bool:
        """Whether the detector learns from a file that did not come from chapter 01, by the reader or the stand-in."""
        return self.profile.annotations not in ("", str(finished_boxes(self)))


def layouts(where: str, value: Any) -> list[str]:
    """Return names of data sets, each once and at least one, from text such as "vehicleid,veri", or from a list."""
    found: list[str] = checked(several(DataSet), words_of(value), where)
    return found


def located(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the fields with whole paths, also nested: ``output``, `PATHS`, a file of ``weights`` or ``profile``."""

    def whole(name: str, value: Any) -> Any:
        if isinstance(value, dict) and name != "names":
            return located(value, folder)
        path = name in ("output", *PATHS) or (name == "weights" and value not in WORDS)
        path = path or (name == "profile" and is_path(value))
        return whole_path(value, folder) if path and value and isinstance(value, str | Path) else value

    return {name: whole(name, value) for name, value in fields.items()}


def is_path(profile: Any) -> bool:
    """Return whether a profile is given as the path of a YAML file."""
    return str(profile).endswith((".yaml", ".yml"))


def whole_path(path: str | Path, folder: Path) -> str:
    """Return the whole path; ``~`` is the home, and a relative path counts from ``folder``."""
    try:
        return str((folder / Path(path).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise PartregError(f"{str(path)[:80]!r} is no path here ({error}); write it out from the root.") from error


def home() -> Path:
    """Return the folder of results, from which our profiles' paths count: the repository, or without it this folder."""
    return REPOSITORY if (REPOSITORY / "Snakefile").is_file() else Path.cwd()


def read_profile(name: str, below: tuple[Path, ...] = (), where: str = "profile") -> dict[str, Any]:
    """Return the fields of ``profiles/<name>.yaml``, or of a profile of your own if ``name`` is a path.

    A profile may say ``extends:`` and then only what it changes (`merged`). Paths are returned whole. In a profile
    here they count from `home`; in one of your own, from its folder, and so does the path of a profile that it extends.
    For messages, ``below`` are the profiles that extend this one, and ``where`` is the place that names it.

    Raises:
        PartregError: no such profile, not YAML, fields missing, unknown or of the wrong kind, or a circle.
    """
    names = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    if not is_path(name) and name not in names:
        raise PartregError(
            f"{where}: {name!r} is none of {', '.join(names)}; choose one, or give the path of a YAML file of your own."
        )
    start = below[-1].parent if below else Path.cwd()
    path = Path(whole_path(name, start)) if is_path(name) else PROFILES / f"{name}.yaml"
    if path in below:
        raise PartregError(f"{path}: extends leads back to this file, by way of {below[-1]}; let one extend no other.")
    values = located(read_yaml(path), path.parent if is_path(name) else home())
    if choices := [field for field in values if field in CHOICES and field not in FIELDS]:
        raise PartregError(
            f"{path}: {choices[0]!r} belongs into a file of choices, where fields of the profile are changed under "
            "overrides; in a profile, write extends: in place of profile:, and the fields themselves."
        )
    known(str(path), values, (*FIELDS, "extends"))
    if (parent := values.pop("extends", None)) is not None:
        parent = checked(Text, parent, "extends", str(path))
        values = merged(read_profile(parent, (*below, path), f"{path}: extends"), values)
    return dataclasses.asdict(Profile.of({**values, "name": path.stem}, str(path)))


def merged(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return ``before`` as ``after`` changes it: dictionaries merge, but {} empties one, and null takes a name out."""
    found = {**before, **after}
    for name, value in after.items():
        if value and isinstance(value, dict) and isinstance(before.get(name), dict):
            found[name] = merged(before[name], value)
    return {name: value for name, value in found.items() if value is not None}


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return the fields of a YAML file, which must exist and give each once."""
    found: dict[str, Any] = checked(Fields, read_text(path), "", str(path))
    return found


def tidy(choices: dict[str, Any], folder: Path, source: str = "") -> dict[str, Any]:
    """Return the choices that were made, in their own kinds and with whole paths; what is empty was not chosen."""
    given = {name: value for name, value in choices.items() if value is not None and value != ""}
    found = checked(Choices, given, "", source)
    return located({name: value for name, value in found.items() if value}, folder)


def open_workspace(profile: str = "laptop", **choices: Any) -> Workspace:
    """Open a profile with a reader's own choices; what is empty keeps what the profile says.

    Relative paths count from the folder that you are in; in a YAML file, from that file's folder; in a profile under
    ``profiles/``, from the repository, if there is one. ``~`` is your home.

    Args:
        profile: a name under ``profiles/``, or the path of a YAML file: a profile, or any of these arguments by name.
            What is given beside it wins over what the file says.
        **choices: any others of `CHOICES`, which says what they are. Dictionaries may be text in JSON or YAML; seeds
            may be "0,1,2", 0 or [0, 1].

    Raises:
        PartregError: an unknown profile or field, a value of the wrong kind, or a path that does not exist.
    """
    given, start = tidy(choices, Path.cwd()), checked(Text, profile, "profile")
    own = {"extends", *FIELDS} - CHOICES.keys()  # what tells a profile from a file of choices
    filed, where = {"profile": start}, "profile"
    if is_path(start) and own.isdisjoint(said := read_yaml(path := whole_path(start, Path.cwd()))):
        filed, where = tidy(said, Path(path).parent, path), f"{path}: profile"
    fields = before = read_profile(filed.get("profile", "laptop"), where=where)
    for some in (filed, given):
        fields = merged(fields, some.get("overrides", {}) | {name: some[name] for name in FIELDS if name in some})
    name = Path(start).stem
    opened = Profile.of({**fields, "name": name}, f"profile {name}")
    demand_paths(opened)
    output = {**filed, **given}.get("output", home() / "build" / name)
    both = {**before, **fields}
    untold = {"seeds", "names", "other_methods", *PATHS}  # they change no number by itself, or are told beside it
    changed = (one for one in both if fields.get(one) != before.get(one) and one not in untold)
    return with_drawn_boxes(Workspace(opened, Path(output), tuple(changed)))


def demand_paths(profile: Profile) -> None:
    """Refuse a profile with a path that does not exist, with categories but no file, or with nothing to render."""
    for field in PATHS:
        if (path := getattr(profile, field)) and not os.path.exists(path):
            raise PartregError(
                f"{path}: no such path, expected for {field!r} by profile {profile.name!r}; put it there, or say "
                f"where it is ({field}=path for a notebook, {field.upper()}=path for make)."
            )
    own = {"detector": profile.detector, "reid": profile.reid, "evidence": profile.evidence}
    for owner, recipe in {**own, **profile.methods}.items():
        path = recipe.get("weights", "")
        if path not in WORDS and not os.path.isfile(path):
            raise PartregError(f"{path}: no such file, expected for weights of {owner!r} by profile {profile.name!r}.")
    for field in ("names", "photographs"):
        if getattr(profile, field) and not profile.annotations:
            raise PartregError(f"{field}: there is no COCO file that it could belong to; give annotations=file, too.")
    if not profile.benchmark and not (profile.vehicleid and profile.veri):
        raise PartregError(
            f"profile {profile.name!r} says nothing of a benchmark to render; give both vehicleid=folder and "
            "veri=folder, or take over benchmark: from profiles/laptop.yaml under overrides."
        )


def drawn_boxes(ws: Workspace) -> Path:
    """Return the COCO file of the part boxes that a reader draws in chapter 01, so far; nothing else writes there.

    Each data set has a file of its own, because its images' names mean nothing elsewhere.
    """
    root = ws.vehicleid.parent.name if ws.is_synthetic("vehicleid") else f"own-{digest(str(ws.vehicleid))}"
    return ws.folder / "drawn" / f"{root}.json"


def finished_boxes(ws: Workspace) -> Path:
    """Return the file of the same boxes, written once all images are drawn; then the detector learns from it."""
    return drawn_boxes(ws).with_suffix(f".{ws.profile.annotate}.json")


def with_drawn_boxes(ws: Workspace) -> Workspace:
    """Return the workspace; if no annotations are chosen, with all boxes that a reader has drawn to the end."""
    if ws.profile.annotations or not finished_boxes(ws).exists():
        return ws
    profile = dataclasses.replace(ws.profile, annotations=str(finished_boxes(ws)))
    return dataclasses.replace(ws, profile=profile)


def digest(*values: Any) -> str:
    """Return twelve hexadecimal digits of ``values`` as canonical JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

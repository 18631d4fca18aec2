"""Profiles and workspaces: what a run costs, a reader's own choices, and digests that tell when work is due again."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import partreg
from partreg.errors import PartregError

REPOSITORY = Path(partreg.__file__).resolve().parents[1]
REFERENCE = REPOSITORY / "reference"  # results that are committed
DATASETS = ("vehicleid", "veri")
CHAPTERS = (
    "00_near_duplicates",
    "01_part_annotation",
    "02_detector_training",
    "03_missing_parts",
    "04_reid_training",
    "05_vehicleid",
    "06_veri",
    "07_ablation",
    "08_resolution",
    "09_activation_maps",
    "10_rank_lists",
    "11_other_methods",
    "12_where_it_breaks",
    "13_when_parts_pay",
    "14_every_rule",
)
CHOICES = ("profile", "output", "vehicleid", "veri", "annotations", "photographs", "seeds", "overrides")


@dataclass(frozen=True)
class Profile:
    """What a run costs: sizes, seeds and paths. One YAML file under ``profiles/`` each; see there for the fields."""

    name: str
    benchmark: dict[str, Any]
    vehicleid: str
    veri: str
    annotations: str
    photographs: str
    annotate: int
    detector: dict[str, Any]
    reid: dict[str, Any]
    other_rows: bool
    methods: dict[str, dict[str, Any]]
    dial: dict[str, Any]
    evidence: dict[str, Any]
    sizes: dict[str, list[int]]
    held_out: dict[str, int]
    seeds: list[int]
    galleries: int


@dataclass(frozen=True)
class Workspace:
    """A profile, and the folder that everything made from it goes to (``build/<profile>`` unless chosen)."""

    profile: Profile
    folder: Path

    @property
    def vehicleid(self) -> Path:
        """Root of the VehicleID_V1.0 layout: the reader's own or the rendered benchmark."""
        return Path(self.profile.vehicleid or self.folder / f"data-{_rendered_key(self)}" / "VehicleID_V1.0")

    @property
    def veri(self) -> Path:
        """Root of the VeRi-776 layout: the reader's own or the rendered benchmark."""
        return Path(self.profile.veri or self.folder / f"data-{_rendered_key(self)}" / "VeRi")

    def root(self, dataset: str) -> Path:
        """Root of ``dataset`` ("vehicleid" or "veri")."""
        return {"vehicleid": self.vehicleid, "veri": self.veri}[dataset]

    def is_synthetic(self, dataset: str) -> bool:
        """Whether ``dataset`` is the rendered benchmark rather than a folder of the reader's own."""
        return not getattr(self.profile, dataset)

    @property
    def parts(self) -> Path:
        """Folder of the annotations, the detector and the boxes."""
        return self.folder / f"parts-{parts_key(self)}"


def read_profile(name: str) -> dict[str, Any]:
    """The fields of ``profiles/<name>.yaml``, or of a YAML file of one's own when ``name`` is a path.

    Raises:
        PartregError: no such profile, not YAML, or fields missing or unknown.
    """
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else REPOSITORY / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (REPOSITORY / "profiles").glob("*.yaml")))
        raise PartregError(f"{path}: no such profile; use one of {known}, or the path of a YAML file of your own.")
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PartregError(f"{path}: expected YAML ({' '.join(str(error).split())}); mend the line.") from error
    expected = {field.name for field in dataclasses.fields(Profile)} - {"name"}
    if not isinstance(fields, dict) or set(fields) != expected:
        given = set(fields) if isinstance(fields, dict) else set()
        raise PartregError(
            f"{path}: missing {sorted(expected - given)}, unknown {sorted(given - expected)}; "
            "start from a copy of profiles/laptop.yaml."
        )
    return {"name": path.stem, **fields}


def open_workspace(
    profile: str = "laptop",
    output: str = "",
    vehicleid: str = "",
    veri: str = "",
    annotations: str = "",
    photographs: str = "",
    seeds: str = "",
    overrides: dict[str, Any] | None = None,
) -> Workspace:
    """Open a profile with a reader's own choices; an empty string keeps what the profile says.

    Args:
        profile: a name under ``profiles/``, or the path of a YAML file.
        output: folder for everything that is made; default ``build/<profile>`` beside the notebooks.
        vehicleid: root of a VehicleID_V1.0 folder, in place of the rendered benchmark.
        veri: root of a VeRi-776 folder, in place of the rendered benchmark.
        annotations: COCO file with part boxes to train the detector on, in place of the profile's.
        photographs: folder of the images that ``annotations`` names.
        seeds: comma-separated training seeds, such as "0,1,2".
        overrides: other fields of the profile to replace, such as ``{"reid": {"epochs": 5}}``; dictionaries merge.

    Raises:
        PartregError: an unknown profile or field, a folder that is not there, seeds that are not numbers.
    """
    fields = read_profile(profile)
    for name, value in (overrides or {}).items():
        if name not in fields or name == "name":
            raise PartregError(f"overrides: unknown field {name!r}; expected one of {sorted(set(fields) - {'name'})}.")
        fields[name] = {**fields[name], **value} if isinstance(fields[name], dict) else value
    for name, value in {
        "vehicleid": vehicleid, "veri": veri, "annotations": annotations, "photographs": photographs
    }.items():  # fmt: skip
        path = Path(value).expanduser() if value else REPOSITORY / fields[name]
        fields[name] = str(path.resolve()) if value or fields[name] else ""
        if fields[name] and not path.exists():
            raise PartregError(
                f"{path}: no such path, expected for {name!r} by profile {fields['name']!r}; put it there, or say "
                f"where it is ({name}=path for a notebook, {name.upper()}=path for make)."
            )
    if seeds:
        try:
            fields["seeds"] = [int(seed) for seed in str(seeds).split(",")]
        except ValueError as error:
            raise PartregError(f"seeds: expected whole numbers such as 0,1,2, got {seeds!r}; mend it.") from error
    folder = Path(output).expanduser().resolve() if output else REPOSITORY / "build" / fields["name"]
    return Workspace(Profile(**fields), folder)


@cache
def code_key(*packages: str) -> str:
    """Digest of what the named modules of partreg do: their syntax trees without docstrings and comments.

    It is part of each description below, so that a changed method is run again and a mended docstring is not.
    """
    digest = hashlib.sha256()
    root = Path(partreg.__file__).parent
    for package in packages:
        for path in sorted((root / package).rglob("*.py")) if (root / package).is_dir() else [root / f"{package}.py"]:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                    and ast.get_docstring(node) is not None
                ):
                    node.body = node.body[1:]
            digest.update(f"{path.relative_to(root).as_posix()}\n{ast.dump(tree)}".encode())
    return digest.hexdigest()[:12]


@cache
def needed_code(module: str) -> tuple[str, ...]:
    """A module of `partreg.baselines`, as "baselines/oife", and those there that it is built on, in order of name."""
    path = Path(partreg.__file__).parent / f"{module}.py"
    found = {module}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        if names == ["partreg.baselines"]:
            names = [f"partreg.baselines.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("partreg.baselines."):
                found.update(needed_code(name.removeprefix("partreg.").replace(".", "/")))
    return tuple(sorted(found))


def digest(*values: Any) -> str:
    """Twelve hexadecimal digits of ``values`` as canonical JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _rendered_key(ws: Workspace) -> str:
    return digest(ws.profile.benchmark, code_key("synthetic"))


@cache
def _lists_key(root: str) -> str:
    """Digest of the lists of a data set on disk (its text, CSV and XML files two folders deep)."""
    digest = hashlib.sha256()
    for path in sorted(p for pattern in ("*", "*/*") for p in Path(root).glob(pattern)):
        if path.suffix in {".txt", ".xml", ".csv"} and path.is_file():
            digest.update(path.relative_to(root).as_posix().encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()[:12]


def data_key(ws: Workspace, dataset: str) -> str:
    """Digest of which images of which vehicles ``dataset`` holds."""
    return _rendered_key(ws) if ws.is_synthetic(dataset) else _lists_key(str(ws.root(dataset)))


def parts_key(ws: Workspace) -> str:
    """Digest of how the part boxes come about: data, annotations, detector, and the code of `partreg.parts`."""
    annotated = hashlib.sha256(Path(ws.profile.annotations).read_bytes()).hexdigest() if ws.profile.annotations else ""
    data = [data_key(ws, dataset) for dataset in DATASETS]
    return digest(data, annotated, ws.profile.annotate, ws.profile.detector, code_key("parts"))

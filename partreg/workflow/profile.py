"""Profiles and workspaces: what a run costs, and a reader's own choices."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import partreg
from partreg.errors import PartregError
from partreg.workflow.code import code_key

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
        return Path(self.profile.vehicleid or self.folder / f"data-{rendered_key(self)}" / "VehicleID_V1.0")

    @property
    def veri(self) -> Path:
        """Root of the VeRi-776 layout: the reader's own or the rendered benchmark."""
        return Path(self.profile.veri or self.folder / f"data-{rendered_key(self)}" / "VeRi")

    def root(self, dataset: str) -> Path:
        """Root of ``dataset`` ("vehicleid" or "veri")."""
        return {"vehicleid": self.vehicleid, "veri": self.veri}[dataset]

    def is_synthetic(self, dataset: str) -> bool:
        """Whether ``dataset`` is the rendered benchmark rather than a folder of the reader's own."""
        return not getattr(self.profile, dataset)


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


def digest(*values: Any) -> str:
    """Twelve hexadecimal digits of ``values`` as canonical JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def rendered_key(ws: Workspace) -> str:
    """Digest of the rendered data sets: what the profile says of them, and the code that renders."""
    return digest(ws.profile.benchmark, code_key("partreg.synthetic.layouts"))

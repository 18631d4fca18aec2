"""Profiles and workspaces: what a run costs, and a reader's own choices."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import partreg
from partreg.errors import PartregError
from partreg.files import read_text
from partreg.guard import checked, known
from partreg.workflow.code import code_key
from partreg.workflow.fields import CHOICES, FIELDS, PATHS, Choices, Fields, Profile, Text, located, merged, whole_path

REPOSITORY = Path(partreg.__file__).resolve().parents[1]
PROFILES = Path(partreg.__file__).resolve().with_name("profiles").resolve()  # a link here, so that a wheel takes them
REFERENCE = REPOSITORY / "reference"  # results that are committed


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
        return getattr(self, dataset)

    def is_synthetic(self, dataset: str) -> bool:
        """Whether ``dataset`` is the rendered benchmark rather than a folder of the reader's own."""
        return not getattr(self.profile, dataset)

    @property
    def pixels(self) -> Path:
        """Folder of decoded pictures, shared by all runs and named by the code that decodes them."""
        return self.folder / "pixels" / code_key("partreg.reid.pixels")

    @property
    def drawn_here(self) -> bool:
        """Whether the boxes that the detector learns from are those that the reader drew in chapter 01."""
        return self.profile.annotations == str(finished_boxes(self))


def home() -> Path:
    """Where results go, and from where paths in a profile of ours count: the repository, or without it this folder."""
    return REPOSITORY if (REPOSITORY / "Snakefile").is_file() else Path.cwd()


def demand_repository(command: str) -> None:
    """Refuse a command that needs more than the library, where partreg is installed without its repository."""
    if not (REPOSITORY / "Snakefile").is_file():
        raise PartregError(
            f"{Path(partreg.__file__).parent}: partreg is installed here without its notebooks and book, which "
            f"{command} needs; clone the repository and call it there."
        )


def read_profile(name: str, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The fields of ``profiles/<name>.yaml``, or of a profile of one's own when ``name`` is a path.

    A profile may say ``extends:`` and then only what it changes (`extended`). Paths come out whole: those of a profile
    here count from `home`, those of one's own from its folder, as does the path of a profile that it extends. For
    messages, ``below`` are the profiles that extend this one.

    Raises:
        PartregError: no such profile, not YAML, fields missing, unknown or of the wrong kind, or a circle.
    """
    names = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    if not is_path(name) and name not in names:
        where = f"{below[-1]}: extends" if below else "profile"
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
        values = extended(read_profile(parent, (*below, path)), values)
    return asdict(Profile.of({**values, "name": path.stem}, str(path)))


def extended(parent: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A profile as another one changes it: dictionaries merge, but {} empties one, and null takes a name out."""
    both = [name for name in own if own[name] and isinstance(own[name], dict) and isinstance(parent.get(name), dict)]
    found = {**parent, **own, **{name: extended(parent[name], own[name]) for name in both}}
    return {name: value for name, value in found.items() if value is not None}


def profile_files(name: str) -> list[Path]:
    """The files that say what a profile under ``profiles/`` is: its own, and those of the profiles that it extends."""
    path = PROFILES / f"{name}.yaml"
    parent = read_yaml(path).get("extends")
    return [path, *(profile_files(parent) if parent else ())]


def is_path(profile: str) -> bool:
    """Whether a profile is given as the path of a YAML file."""
    return str(profile).endswith((".yaml", ".yml"))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The fields of a YAML file, which must be there and give each once."""
    found: dict[str, Any] = checked(Fields, read_text(path), "", str(path))
    return found


def read_choices(path: str | Path) -> dict[str, Any]:
    """The choices in a YAML file, by the names of `open_workspace`'s arguments; their paths count from its folder."""
    path = Path(whole_path(path, Path.cwd()))
    choices = tidy(read_yaml(path), path.parent, str(path))
    if is_path(choices.get("profile", "")):
        raise PartregError(
            f"{path}: profile is {choices['profile']!r}; expected the name of one of those under profiles/."
        )
    return choices


def tidy(choices: dict[str, Any], folder: Path, source: str = "") -> dict[str, Any]:
    """The choices that were made, in their own kinds and with whole paths; what is empty was not chosen."""
    given = {name: value for name, value in choices.items() if value is not None and value != ""}
    found = checked(Choices, given, "", source)
    return located({name: value for name, value in found.items() if value}, folder)


def open_workspace(profile: str = "laptop", **choices: Any) -> Workspace:
    """Open a profile with a reader's own choices; what is empty keeps what the profile says.

    Relative paths count from the folder that one is in, those in a YAML file from that file's folder, and those in a
    profile under ``profiles/`` from the repository, if there is one; ``~`` is your home.

    Args:
        profile: a name under ``profiles/``, or the path of a YAML file: a profile, or any of these arguments by name.
            What is given beside it goes before what the file says.
        **choices: any others of `CHOICES`, which says what they are. Dictionaries may be text in JSON or YAML; seeds
            may be "0,1,2", 0 or [0, 1].

    Raises:
        PartregError: an unknown profile or field, a value of the wrong kind, or a path where nothing is.
    """
    choices, start = tidy(choices, Path.cwd()), checked(Text, profile, "profile")
    own = {"extends", *FIELDS} - CHOICES.keys()  # what tells a profile from a file of choices
    if is_path(start) and own.isdisjoint(read_yaml(whole_path(start, Path.cwd()))):
        filed = read_choices(start)
        choices = merged(filed, choices)
        fields = {**read_profile(filed.get("profile", "laptop")), "name": Path(start).stem}
    else:
        fields = read_profile(start)
    fields = merged(fields, choices.get("overrides", {}))
    fields |= {field: choices[field] for field in FIELDS if field in choices}
    opened = Profile.of(fields, f"profile {fields['name']}")
    demand_paths(opened)
    folder = Path(choices["output"]) if "output" in choices else home() / "build" / opened.name
    return with_drawn_boxes(Workspace(opened, folder))


def demand_paths(profile: Profile) -> None:
    """Refuse a profile that names a path where nothing is, categories of no file, or nothing to render."""
    for field in PATHS:
        if (path := getattr(profile, field)) and not os.path.exists(path):
            raise PartregError(
                f"{path}: no such path, expected for {field!r} by profile {profile.name!r}; put it there, or say "
                f"where it is ({field}=path for a notebook, {field.upper()}=path for make)."
            )
    for owner, recipe in {"reid": profile.reid, "evidence": profile.evidence, **profile.methods}.items():
        path = recipe.get("weights", "")
        if path not in ("", "imagenet") and not os.path.isfile(path):
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
    """COCO file of the part boxes that a reader draws in chapter 01, as far as they are; nothing else writes there.

    Each data set has a file of its own, for its images' names mean nothing elsewhere.
    """
    root = ws.vehicleid.parent.name if ws.is_synthetic("vehicleid") else f"own-{digest(str(ws.vehicleid))}"
    return ws.folder / "drawn" / f"{root}.json"


def finished_boxes(ws: Workspace) -> Path:
    """The same boxes, there once all images that the profile asks for are drawn: then the detector learns from them."""
    return drawn_boxes(ws).with_suffix(f".{ws.profile.annotate}.json")


def with_drawn_boxes(ws: Workspace) -> Workspace:
    """The workspace with the boxes that a reader has drawn to the end as annotations, where no others are chosen."""
    if ws.profile.annotations or not finished_boxes(ws).exists():
        return ws
    return replace(ws, profile=replace(ws.profile, annotations=str(finished_boxes(ws))))


def digest(*values: Any) -> str:
    """Twelve hexadecimal digits of ``values`` as canonical JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def rendered_key(ws: Workspace) -> str:
    """Digest of the rendered data sets: what the profile says of them, and the code that renders."""
    return digest(ws.profile.benchmark, code_key("partreg.synthetic.layouts"))

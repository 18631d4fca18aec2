"""The lock, the conda file, and what the project names must say the same."""

import re
import tomllib

import yaml

from tests.conftest import REPOSITORY

NAMED = ["jupyter", "jupyter-book", "torch", "torchvision", "ultralytics", "matplotlib", "seaborn", "papermill"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pins = [line.split(";")[0].strip() for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+_!-]+", pin) for pin in pins)
    return {normal(name): number for name, number in (pin.split("==") for pin in pins)}


def test_the_conda_file_gives_the_versions_of_the_lock():
    conda = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    assert "-r requirements.lock" in pip
    pins = dict(entry.split("==") for entry in pip if "==" in entry)
    assert set(NAMED) <= set(pins)
    assert {name: locked()[normal(name)] for name in pins} == pins


def test_everything_that_the_library_imports_is_locked():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    entries = [
        *project["dependencies"],
        *(entry for extra in project["optional-dependencies"].values() for entry in extra),
    ]
    needed = {normal(re.match(r"[A-Za-z0-9._-]+", entry)[0]) for entry in entries}
    untested = {"timm"}  # its tests are skipped where it is not installed
    assert {"torch", "onnxruntime"} <= needed <= set(locked()) | untested


def test_no_file_names_a_package_registry():
    npm = ("package.json", "package-lock.json")
    for name in ("requirements.lock", "environment.yml", "pyproject.toml", "Makefile", *npm):
        assert not re.search(r"https?://", (REPOSITORY / name).read_text().replace("http://127.0.0.1", "")), name

"""The wheel is of use without the repository: library, `partreg check`, profiles."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.test_environment import normal

PROFILE = (
    "from partreg.workflow.profile import *; print(read_profile('laptop')['name'], open_workspace('smoke').folder)"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder of packages with the wheel in it and nothing else of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    names = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():  # a copy, since a build leaves files behind
        source = REPOSITORY / name
        if name.startswith(("partreg/", "profiles/")) or "/" not in name:
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                (folder / "source" / name).symlink_to(source.readlink())
            elif source.exists():
                (folder / "source" / name).write_bytes(source.read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *alone, "--no-build-isolation", "-w", folder, folder / "source"], check=True)
    subprocess.run([*pip, "install", *alone, "--target", folder / "packages", *folder.glob("*.whl")], check=True)
    return folder / "packages"


def run(installed: Path, here: Path, *words: str) -> subprocess.CompletedProcess:
    """A command of the installed copy, in a folder outside of the repository."""
    environment = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "HOME": str(here)}
    return subprocess.run([sys.executable, *words], cwd=here, env=environment, capture_output=True, text=True)


def test_partreg_check_works(installed, tmp_path):
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    (tmp_path / "images.csv").write_text("path,vehicle,split\na.jpg,1,train\nb.jpg,2,train\n")
    done = run(installed, tmp_path, "-m", "partreg", "check", str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "b.jpg" in done.stdout


def test_the_profiles_and_the_types_travel_in_it(installed, tmp_path):
    done = run(installed, tmp_path, "-c", PROFILE)
    assert done.stdout.split() == ["laptop", str(tmp_path / "build" / "smoke")], done.stderr
    assert (installed / "partreg" / "py.typed").exists()
    assert (installed / "partreg" / "reid" / "start.pt").exists()
    names = {path.name for path in (installed / "partreg" / "profiles").iterdir()}
    assert names == {path.name for path in (REPOSITORY / "profiles").glob("*.yaml")}
    touch = Path("partreg", "touch")
    assert {path.name for path in (installed / touch).iterdir() if path.suffix in (".css", ".js")} == {
        path.name for path in (REPOSITORY / touch).iterdir() if path.suffix in (".css", ".js")
    }
    assert all((installed / "partreg" / "annotate" / f"page.{kind}").is_file() for kind in ("html", "css", "js"))


def test_all_that_the_library_imports_is_named_by_the_project():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extra = [entry for entries in project.get("optional-dependencies", {}).values() for entry in entries]
    named = {normal(re.match(r"[A-Za-z0-9._-]+", entry)[0]) for entry in [*project["dependencies"], *extra]}
    known = {
        "faiss": ["faiss-cpu"],
        "timm": ["timm"],
    } | packages_distributions()  # what is optional need not be installed here
    for path in (REPOSITORY / "partreg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in {module.split(".")[0] for module in modules} - sys.stdlib_module_names - {"partreg"}:
                assert {normal(package) for package in known[name]} & named, f"{path.name} imports {name}"

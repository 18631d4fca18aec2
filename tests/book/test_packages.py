"""The packages from npm: exact versions with digests, and a sentence where one is not installed."""

import json
import re

import pytest

import packages
from partreg.errors import PartregError
from tests.conftest import REPOSITORY

NAMED = json.loads((REPOSITORY / "package.json").read_text())
LOCK = json.loads((REPOSITORY / "package-lock.json").read_text())["packages"]


def test_the_lock_has_what_is_named_at_an_exact_version():
    named = NAMED["dependencies"] | NAMED["devDependencies"]
    assert named == {name: LOCK[f"node_modules/{name}"]["version"] for name in named}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in named.values())


def test_every_package_has_a_digest_and_names_no_place_to_fetch_it_from():
    fetched = {name: entry for name, entry in LOCK.items() if name}
    assert all(entry["integrity"].startswith("sha512-") for entry in fetched.values())
    assert not any("resolved" in entry for entry in fetched.values())


def test_what_is_installed_is_what_is_locked():
    for name in NAMED["dependencies"] | NAMED["devDependencies"]:
        installed = json.loads(packages.package_file(f"{name}/package.json").read_text())
        assert installed["version"] == LOCK[f"node_modules/{name}"]["version"], "run make install"


def test_a_package_that_is_not_installed_is_named_with_what_to_do(tmp_path):
    with pytest.raises(PartregError, match=r"pyodide.mjs: no such file; run make install"):
        packages.package_file("pyodide/pyodide.mjs", tmp_path)

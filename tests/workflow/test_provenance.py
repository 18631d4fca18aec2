"""The commit under a table is this repository's, the one that the environment names for a copy, or unknown."""

import shutil
import subprocess
import sys

import pytest

from partreg import workflow
from partreg.workflow.profile import open_workspace
from partreg.workflow.provenance import provenance


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def outer(tmp_path, monkeypatch):
    """A repository with a commit, and in it a folder that the code is taken to lie in."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    module = sys.modules["partreg.workflow.provenance"]
    module.committed.cache_clear()
    monkeypatch.delenv("PARTREG_COMMIT", raising=False)
    monkeypatch.setattr(module, "REPOSITORY", tmp_path / "outer" / "copy")
    (tmp_path / "outer" / "copy").mkdir(parents=True)
    git(tmp_path / "outer", "init", "--quiet")
    git(tmp_path / "outer", "commit", "--quiet", "--allow-empty", "-m", "other")
    yield tmp_path / "outer"
    module.committed.cache_clear()


def test_a_copy_inside_another_repository_has_no_commit(outer):
    assert workflow.provenance(workflow.open_workspace("smoke"))["commit"] == "unknown"


def test_a_copy_takes_the_commit_that_the_environment_names(outer, monkeypatch):
    monkeypatch.setenv("PARTREG_COMMIT", "0123456789")
    facts = workflow.provenance(workflow.open_workspace("smoke"))
    assert (facts["commit"], facts["clean"]) == ("0123456789", True)


def test_a_repository_of_its_own_has_one_whatever_the_environment_names(outer, monkeypatch):
    git(outer / "copy", "init", "--quiet")
    git(outer / "copy", "commit", "--quiet", "--allow-empty", "-m", "mine")
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=outer / "copy", capture_output=True, text=True, check=True)
    monkeypatch.setenv("PARTREG_COMMIT", "0123456789")  # is for copies alone
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))  # as in a hook of the other one
    facts = workflow.provenance(workflow.open_workspace("smoke"))
    assert said.stdout.startswith(facts["commit"])
    assert len(facts["commit"]) == 10
    assert facts["clean"]


def test_without_git_there_is_no_commit(outer, monkeypatch):
    monkeypatch.setenv("PARTREG_COMMIT", "")  # as the Makefile leaves it where there is no git
    monkeypatch.setenv("PATH", "")
    assert workflow.provenance(workflow.open_workspace("smoke"))["commit"] == "unknown"


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    module = sys.modules["partreg.workflow.provenance"]
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "not-installed-anywhere"))
    assert set(workflow.provenance(workflow.open_workspace("smoke"))["versions"]) == {"python", "numpy"}


def test_a_number_says_in_what_its_profile_was_changed(tmp_path):
    def told(**choices):
        return provenance(open_workspace("smoke", output=str(tmp_path), **choices))["profile"]

    assert told() == told(seeds="3") == told(overrides={"reid": {"epochs": 2}, "other_methods": False}) == "smoke"
    assert told(overrides={"reid": {"epochs": 3}, "detector": {}}) == "smoke with other detector, reid"

"""The commit under a table is this repository's, or unknown."""

import shutil
import subprocess
import sys

import pytest

from partreg import workflow


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
    monkeypatch.setattr(module, "REPOSITORY", tmp_path / "outer" / "copy")
    (tmp_path / "outer" / "copy").mkdir(parents=True)
    git(tmp_path / "outer", "init", "--quiet")
    git(tmp_path / "outer", "commit", "--quiet", "--allow-empty", "-m", "other")
    yield tmp_path / "outer"
    module.committed.cache_clear()


def test_a_copy_inside_another_repository_has_no_commit(outer):
    assert workflow.provenance(workflow.open_workspace("smoke"))["commit"] == "unknown"


def test_a_repository_of_its_own_has_one_whatever_the_environment_names(outer, monkeypatch):
    git(outer / "copy", "init", "--quiet")
    git(outer / "copy", "commit", "--quiet", "--allow-empty", "-m", "mine")
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=outer / "copy", capture_output=True, text=True, check=True)
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))  # as in a hook of the other one
    facts = workflow.provenance(workflow.open_workspace("smoke"))
    assert said.stdout.startswith(facts["commit"])
    assert len(facts["commit"]) == 10
    assert facts["clean"]


def test_without_git_there_is_no_commit(outer, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert workflow.provenance(workflow.open_workspace("smoke"))["commit"] == "unknown"

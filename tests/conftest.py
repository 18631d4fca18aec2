"""What the tests share."""

import os
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real photographs and official name lists, for local tests only."""
    folder = Path(os.environ.get("PARTREG_REAL", REPOSITORY.parent / "shared" / "real"))
    if not folder.is_dir():
        pytest.skip("no real data here: set PARTREG_REAL to the folder that holds it to run this test")
    return folder


def forget(module: ModuleType) -> None:
    """Empty the caches of a module's functions, as in a new process."""
    for value in vars(module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()

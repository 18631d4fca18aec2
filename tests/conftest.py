"""What the tests share."""

import os
import shutil
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


def watch(page, troubles: list[str], *own: str) -> None:
    """Note a page's errors in ``troubles``, and what it asks of any address that begins otherwise than its ``own``."""
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(own) else troubles.append(asked.url))


def visit(page, address: str, **how) -> None:
    """Open an address and wait until the page has been drawn: a key that is pressed before may be lost."""
    page.goto(address, **how)
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, one for all tests: a second one cannot be driven from the same process."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        message = "no Chromium here: install Debian's package chromium to run the browser tests"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()

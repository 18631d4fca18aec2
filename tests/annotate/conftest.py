"""The page to annotate, served and opened in headless Chromium."""

from contextlib import ExitStack

import pytest
from PIL import Image

from partreg import local
from partreg.annotate.page import FILES, routes
from partreg.annotate.session import Session, usable
from tests.annotate.hand import until
from tests.conftest import visit, watch


@pytest.fixture
def folder(tmp_path):
    """Three pictures of 200 x 100 pixels."""
    (tmp_path / "photos").mkdir()
    for at, name in enumerate(["a.jpg", "b.jpg", "c ü&.jpg"]):
        Image.new("RGB", (200, 100), (60 * at, 90, 120)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def opened(browser, folder, tmp_path):
    """A function that serves a session on the folder, or on the pictures with proposals, and opens its page.

    An error in the page, or a request for anything but this server, fails the test, unless it clears ``troubles``.
    """
    troubles, stack = [], ExitStack()

    def open_page(classes=("left_light", "window", "vehicle"), proposals=None, width=1280, **how):
        sizes = {name: size for name, size in usable(folder)[0].items() if not proposals or name in proposals}
        session = Session(folder, tmp_path / "boxes.json", classes, sizes, proposals)
        address = stack.enter_context(local.serving(routes(session), FILES))
        context = browser.new_context(viewport={"width": width, "height": 860}, **how)
        stack.callback(context.close)
        page = context.new_page()
        watch(page, troubles, address, "data:")
        visit(page, address)
        until(page, "!busy && find('said').textContent !== ''")
        return session, page

    open_page.troubles = troubles
    yield open_page
    stack.close()
    assert not troubles

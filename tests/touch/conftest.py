"""A page of its own for one thing, opened as a file in headless Chromium, as a reader would."""

import json

import pytest

from partreg.touch import thing
from tests.conftest import visit, watch


@pytest.fixture
def opened(browser, tmp_path):
    """A function that opens one thing, or several, on a page of their own from ``file://``.

    An error in the page, or a request for anything but its own files, fails the test, unless it clears ``troubles``.
    """
    contexts, troubles = [], []

    def open_page(*things, width=1280, scripts=True, touch=False, scheme="light"):
        (tmp_path / "touch.js").write_text(thing.script(), encoding="utf-8")
        (tmp_path / "touch.css").write_text(thing.style(), encoding="utf-8")
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A thing</title>'
        links = '<link rel="stylesheet" href="touch.css"><script defer src="touch.js"></script>'
        margins = "@media (max-width: 576px) { main { padding: 0 28px } }"  # as wide as a page of the book leaves
        colours = f"<style>:root {{ color-scheme: light dark }} {margins}</style>"
        body = "\n".join(one.html() for one in things)
        page_text = f'<!doctype html><html lang="en">{head}{colours}{links}<main><h1>A page</h1>{body}</main></html>'
        (tmp_path / "page.html").write_text(page_text, encoding="utf-8")
        how = {"viewport": {"width": width, "height": 900}, "java_script_enabled": scripts, "has_touch": touch}
        context = browser.new_context(color_scheme=scheme, **how)
        contexts.append(context)
        page = context.new_page()
        watch(page, troubles, "file:", "data:", "blob:")
        address = (tmp_path / "page.html").as_uri()
        visit(page, address) if scripts else page.goto(address)
        return page

    open_page.troubles = troubles
    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


@pytest.fixture
def slide():
    """A function that sets a slider, found by its name, as a hand would."""

    def set_to(page, name, value, nth=0):
        page.get_by_role("slider", name=name, exact=True).nth(nth).evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }",
            str(value),
        )

    return set_to


@pytest.fixture
def finger():
    """A function that moves a finger over a page: touches at the first point and lets go at the last."""

    def move(page, *points):
        session = page.context.new_cdp_session(page)
        for kind, place in zip(["touchStart", *["touchMove"] * (len(points) - 1)], points, strict=True):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": place[0], "y": place[1]}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    return move


@pytest.fixture
def in_jupyter():
    """A function that imports a thing's module and draws with it, as anywidget does in JupyterLab; gives its HTML."""

    def draw(page, one):
        return page.evaluate(
            """async ([text, data]) => {
                const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
                const { default: widget } = await import(address);
                const el = document.createElement("div");
                await widget.render({ model: { get: (name) => (name === "data" ? data : undefined) }, el });
                return el.innerHTML;
            }""",
            [thing.module(one.name), json.loads(json.dumps(one.data))],
        )

    return draw

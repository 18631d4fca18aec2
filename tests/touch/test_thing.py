"""What all things to touch share: one text for JupyterLab and for pages, small, and a picture where scripts are off."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from partreg.touch import thing


@pytest.fixture
def example():
    data = {"text": "</script><b>", "number": 0.5}
    return thing.Thing("cells", data, thing.picture(np.zeros((4, 6, 3), np.uint8)), 'A "picture" of nothing')


def test_the_data_cannot_end_their_element_early(example):
    text = re.search(r'<script type="application/json">(.*)</script></figure>$', example.html())[1]
    assert "<" not in text
    assert json.loads(text) == example.data


def test_the_words_of_the_picture_are_quoted(example):
    assert 'alt="A &quot;picture&quot; of nothing"' in example.html()


def test_jupyter_is_given_a_widget_and_what_stays_without_a_kernel(example):
    bundle = example._repr_mimebundle_()
    assert bundle["text/html"] == example.html()
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    live = thing.widget(example)
    assert live.data == example.data
    assert live._esm == thing.source("shared") + "\n" + thing.source("cells")
    assert live._css == thing.style()


@pytest.mark.parametrize("name", thing.names())
def test_a_thing_has_one_export_which_pages_do_without(name):
    assert len(re.findall(r"^export default \{$", thing.source(name), re.MULTILINE)) == 1
    assert "import" not in re.sub(r"//.*|/\*[\s\S]*?\*/", "", thing.module(name))
    assert "export" not in re.sub(r"//.*|/\*[\s\S]*?\*/", "", thing.script())


def test_all_things_together_are_small():
    assert len(thing.names()) >= 1
    assert len(thing.script().encode()) + len(thing.style().encode()) < 80_000


def test_nothing_is_loaded_from_elsewhere():
    assert "http" not in thing.script() + thing.style()
    assert "@import" not in thing.style()


def test_a_picture_is_made_smaller_never_larger():
    def size(uri):
        return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).size

    pixels = np.zeros((60, 120, 3), np.uint8)
    assert size(thing.picture(pixels, 40)) == (40, 20)
    assert size(thing.picture(pixels, 400)) == (120, 60)


def test_a_missing_number_is_null():
    assert json.dumps(thing.rounded([[1 / 3, np.nan]], 2)) == "[[0.33, null]]"


@pytest.mark.browser
def test_the_picture_stays_where_scripts_are_off_or_fail(opened, example):
    assert opened(example, scripts=False).get_by_role("img", name='A "picture" of nothing').is_visible()
    assert opened(example).get_by_role("img", name='A "picture" of nothing').is_visible()
    assert len(opened.troubles) == 1  # the example lacks the data of its thing
    opened.troubles.clear()

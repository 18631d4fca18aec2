"""Code as pages show it."""

import ast
import subprocess

import pytest

import listings
from tests.conftest import REPOSITORY

PAGE = """Before.

```{{literalinclude}} ../{file}
:pyobject: {name}
{more}:caption: Eq. 1
```

After.
"""


def test_code_is_laid_out_at_the_width_of_a_page():
    wide = "found = wanted(" + ", ".join(f"argument_{number}={number}" for number in range(10)) + ")"
    source = [wide, "x = 1;  # kept as it is\ny", ""]
    found = listings.laid_out(source)
    assert max(len(line) for line in found[0].splitlines()) <= listings.WIDTH < len(wide)
    assert [ast.dump(ast.parse(one)) for one in found] == [ast.dump(ast.parse(one)) for one in source]


def test_what_is_not_python_is_not_laid_out():
    with pytest.raises(subprocess.CalledProcessError):
        listings.laid_out(["x = ("])


def test_a_quoted_function_loses_its_docstring_to_a_fold():
    page = PAGE.format(file="partreg/reid/loss.py", name="global_loss", more="")
    shown = listings.quoted(page, REPOSITORY / "book")
    code, fold = shown.split(":::{dropdown}")
    assert code.startswith("Before.\n\n```{code-block} python\n:caption: Eq. 1\n\ndef global_loss(")
    assert '"""' not in code
    assert ".. autofunction:: partreg.reid.loss.global_loss\n   :no-index:\n```" in fold
    assert fold.endswith(":::\n\nAfter.\n")


def test_a_quoted_class_loses_the_docstrings_of_its_methods_too():
    page = PAGE.format(file="partreg/reid/network.py", name="PartRegularizedNet", more="")
    shown = listings.quoted(page, REPOSITORY / "book")
    assert "    def forward(self" in shown
    assert '"""' not in shown
    assert ".. autoclass:: partreg.reid.network.PartRegularizedNet\n   :no-index:\n   :members:" in shown


def test_a_method_is_quoted_alone_and_starts_at_the_margin():
    page = PAGE.format(file="partreg/reid/network.py", name="PartRegularizedNet.pooled", more="")
    shown = listings.quoted(page, REPOSITORY / "book")
    assert "\n\ndef pooled(self, feature_map" in shown
    assert "def forward" not in shown
    assert ".. automethod:: partreg.reid.network.PartRegularizedNet.pooled\n   :no-index:\n```" in shown


def test_a_quote_may_end_early():
    page = PAGE.format(file="partreg/reid/run.py", name="Run", more=":end-before: def __post_init__\n")
    shown = listings.quoted(page, REPOSITORY / "book")
    assert "@dataclass" in shown
    assert "__post_init__" not in shown


def test_a_page_without_quotes_stays_as_it_is():
    assert listings.quoted("# A page\n", REPOSITORY / "book") == "# A page\n"

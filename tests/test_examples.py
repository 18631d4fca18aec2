"""The examples in the docstrings of the core print what they say."""

import doctest
import pkgutil
from importlib import import_module

import pytest

from listings import WIDTH

CORE = ("datasets", "parts", "reid", "retrieval")
MODULES = [
    f"partreg.{package}.{module.name}"
    for package in CORE
    for module in pkgutil.iter_modules(import_module(f"partreg.{package}").__path__)
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_print_what_they_say(module):
    assert not doctest.testmod(import_module(module)).failed


def test_the_core_has_examples():
    assert sum(doctest.testmod(import_module(module)).attempted for module in MODULES) > 30


@pytest.mark.parametrize("module", MODULES)
def test_no_example_is_wider_than_a_page(module):
    found = doctest.DocTestFinder().find(import_module(module))
    lines = [line.strip() for one in found for line in (one.docstring or "").splitlines()]
    assert not [line for line in lines if line[:4] in (">>> ", "... ") and len(line) > WIDTH]

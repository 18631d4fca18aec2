"""The other rows of Tables 1, 2 and 3, one file a method; what methods share lies in a file of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from partreg.errors import PartregError

if TYPE_CHECKING:
    from partreg.reid.method import Method

# Methods that train a network on images, by their modules.
NETWORKS = ("vgg_triplet", "vgg_ccl", "mixed_diff_ccl", "oife", "vami", "googlenet", "siamese_path", "strong")


def method(name: str) -> Method:
    """How the network called ``name`` learns: "partreg", the paper's, or one of `NETWORKS`.

    Raises:
        PartregError: there is no such method.
    """
    from partreg.reid.method import PART_REGULARIZED  # here, for whoever asks for names need not wait for torch

    if name == "partreg":
        return PART_REGULARIZED
    if name not in NETWORKS:
        raise PartregError(f"method: {name!r} trains no network; expected partreg or one of {', '.join(NETWORKS)}.")
    return import_module(f"partreg.baselines.{name}").METHOD

"""The other rows of Tables 1, 2 and 3, one file a method; what methods share lies in a file of its own."""

from importlib import import_module

from partreg.errors import PartregError
from partreg.reid.method import PART_REGULARIZED, Method

# Methods that train a network on images, by their modules.
NETWORKS = ("vgg_triplet", "vgg_ccl", "mixed_diff_ccl", "oife", "vami", "googlenet", "siamese_path", "strong")


def method(name: str) -> Method:
    """How the network called ``name`` learns: "partreg", the paper's, or one of `NETWORKS`.

    Raises:
        PartregError: there is no such method.
    """
    if name == "partreg":
        return PART_REGULARIZED
    if name not in NETWORKS:
        raise PartregError(f"method: {name!r} trains no network; expected partreg or one of {', '.join(NETWORKS)}.")
    return import_module(f"partreg.baselines.{name}").METHOD

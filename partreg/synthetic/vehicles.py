"""The vehicles of the benchmark (the near-duplicates of Figure 1): models, identities and their marks.

A model decides the geometry; a model and a colour make a group of near-duplicates. An identity differs from the others
of its group only in small marks: mostly behind the windows, some on lights and badge, few on body and wheels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partreg.errors import PartregError

STYLES = ("sedan", "suv", "van", "hatchback", "mpv", "pickup", "estate")
MAKERS = 8
# The codes of VeRi-776's list_type.txt and list_color.txt.
TYPE_CODES = {"sedan": 1, "suv": 2, "van": 3, "hatchback": 4, "mpv": 5, "pickup": 6, "estate": 9}
TYPE_NAMES = ("sedan", "suv", "van", "hatchback", "mpv", "pickup", "bus", "truck", "estate")
COLOR_NAMES = ("yellow", "orange", "green", "gray", "red", "blue", "white", "golden", "brown", "black")
# Paint as linear RGB, its share among the groups, and how much it glitters (metallic flakes).
PAINTS = {
    "white": ((0.80, 0.80, 0.79), 0.27, 0.0),
    "black": ((0.012, 0.012, 0.014), 0.20, 0.2),
    "gray": ((0.20, 0.21, 0.22), 0.21, 0.7),
    "red": ((0.42, 0.022, 0.020), 0.09, 0.2),
    "blue": ((0.028, 0.075, 0.26), 0.09, 0.4),
    "brown": ((0.11, 0.055, 0.030), 0.05, 0.5),
    "golden": ((0.42, 0.34, 0.21), 0.04, 0.7),
    "yellow": ((0.70, 0.46, 0.03), 0.02, 0.0),
    "green": ((0.030, 0.13, 0.065), 0.02, 0.3),
    "orange": ((0.60, 0.18, 0.02), 0.01, 0.1),
}
# Length, width, height, belt, ground clearance, tumblehome, hood length, windscreen run, rear overhang of the roof,
# backlight run, height of the tail (m): where the roof ends is measured from the tail.
SHAPES = {
    "sedan": (4.65, 1.80, 1.46, 0.93, 0.20, 0.30, 1.22, 0.82, 1.35, 0.70, 1.02),
    "suv": (4.60, 1.87, 1.72, 1.08, 0.27, 0.22, 1.10, 0.66, 0.42, 0.34, 1.10),
    "van": (4.55, 1.74, 1.93, 1.05, 0.22, 0.10, 0.42, 0.58, 0.13, 0.10, 1.20),
    "hatchback": (4.00, 1.72, 1.50, 0.94, 0.19, 0.27, 0.98, 0.75, 0.52, 0.42, 1.02),
    "mpv": (4.72, 1.82, 1.72, 1.00, 0.20, 0.18, 0.82, 0.92, 0.30, 0.24, 1.08),
    "pickup": (5.20, 1.88, 1.76, 1.08, 0.32, 0.20, 1.20, 0.60, 1.85, 0.14, 1.08),
    "estate": (4.72, 1.80, 1.50, 0.93, 0.20, 0.28, 1.22, 0.82, 0.36, 0.42, 0.98),
}
SHAPE_FIELDS = (
    "length", "width", "height", "belt", "clearance", "tumble", "hood", "screen", "overhang", "backlight", "tail",
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """One model of one maker: all that its vehicles have in common. Lengths in metres."""

    number: int
    maker: int
    style: str
    length: float
    width: float
    height: float
    belt: float
    clearance: float
    tumble: float
    hood: float
    screen: float
    overhang: float
    backlight: float
    tail: float
    wheel: float
    seed: int


@dataclass(frozen=True)
class Mark:
    """A small thing that identifies a vehicle: ``place`` is the surface, ``kind`` the thing; u, v, size in [0, 1]."""

    place: str
    kind: str
    u: float
    v: float
    size: float
    color: tuple[int, int, int]
    second: tuple[int, int, int]


@dataclass(frozen=True)
class Vehicle:
    """An identity: its model, colour (VeRi code), paint (linear RGB), plate text and marks."""

    identity: int
    model: int
    color: int
    paint: tuple[float, float, float]
    flakes: float
    plate: str
    marks: tuple[Mark, ...]
    seed: int


VIVID = (
    (214, 40, 40), (250, 210, 40), (40, 160, 80), (40, 110, 220), (245, 245, 240), (240, 130, 30), (200, 60, 160),
    (60, 200, 210), (130, 70, 190), (150, 210, 60),
)  # fmt: skip
# (place, kinds, mean number on an identity, u range, v range): u runs across the vehicle, v up the surface.
MARKS = (
    ("front_glass", ("sticker", "sticker", "round_sticker", "permit", "strip"), 1.5, (0.06, 0.94), (0.62, 0.90)),
    ("front_dash", ("tissue", "toy", "bottle", "papers", "plush", "phone"), 1.5, (0.10, 0.90), (0.0, 1.0)),
    ("front_hang", ("knot", "beads", "tree", "disc"), 0.75, (0.46, 0.54), (0.0, 1.0)),
    ("seats", ("covers", "cushion", "child_seat"), 0.6, (0.0, 1.0), (0.0, 1.0)),
    ("rear_glass", ("sticker", "round_sticker", "strip", "sign"), 1.4, (0.08, 0.92), (0.12, 0.85)),
    ("rear_shelf", ("tissue", "plush", "cushion", "box", "hat"), 1.4, (0.10, 0.90), (0.0, 1.0)),
    ("front_lamp", ("replaced", "yellowed", "ring"), 0.22, (0.0, 1.0), (0.0, 1.0)),
    ("rear_lamp", ("replaced", "dark", "ring"), 0.22, (0.0, 1.0), (0.0, 1.0)),
    ("front_badge", ("badge", "bow"), 0.18, (0.3, 0.7), (0.0, 1.0)),
    ("rear_badge", ("badge", "letters", "fish"), 0.30, (0.15, 0.85), (0.0, 1.0)),
    ("plate_frame", ("frame",), 0.30, (0.5, 0.5), (0.0, 1.0)),
    ("side", ("decal", "stripe", "scratch", "dent"), 0.35, (0.15, 0.85), (0.3, 0.8)),
    ("face", ("scratch", "patch"), 0.20, (0.15, 0.85), (0.1, 0.9)),
    ("hood", ("scratch", "decal"), 0.12, (0.15, 0.85), (0.2, 0.8)),
    ("wheel", ("rim",), 0.12, (0.5, 0.5), (0.5, 0.5)),
)


def make_models(count: int, seed: int) -> list[Model]:
    """Make ``count`` models: spread styles and makers evenly, and jitter each shape around its style's."""
    models = []
    for number in range(count):
        rng = np.random.default_rng([seed, 11, number])
        style = STYLES[number % len(STYLES)]
        shape = dict(zip(SHAPE_FIELDS, SHAPES[style], strict=True))
        for name in shape:
            shape[name] = round(float(shape[name] * rng.uniform(0.95, 1.05)), 4)
        shape["wheel"] = round(float(rng.uniform(0.30, 0.33) * (1.12 if style in ("suv", "pickup") else 1.0)), 4)
        maker = int((number * 3 + number // len(STYLES)) % MAKERS)
        models.append(Model(number, maker, style, seed=int(rng.integers(2**31)), **shape))
    return models


def kinds(identities: int, near_duplicates: float) -> int:
    """Return the number of groups of one model and colour whose mean size is nearest to ``near_duplicates``."""
    return int(np.clip(round(identities / near_duplicates), 1, identities))


def models_needed(identities: int, near_duplicates: float) -> int:
    """Return the number of models that give every group its own model and colour."""
    return -(-kinds(identities, near_duplicates) // len(PAINTS))


def check_kinds(identities: int, near_duplicates: float, models: int) -> None:
    """Check that ``identities`` vehicles can have ``near_duplicates`` of a kind on average.

    Raises:
        PartregError: they cannot; the error says what would do.
    """
    needed, least = models_needed(identities, near_duplicates), identities / (models * len(PAINTS))
    if needed > models:
        raise PartregError(
            f"benchmark: near_duplicates is {near_duplicates:g}, but {identities} vehicles of {models} models in "
            f"{len(PAINTS)} colours have at least {least:.2f} of a kind; ask for so many, or for {needed} models."
        )
    if near_duplicates > identities:
        raise PartregError(
            f"benchmark: near_duplicates is {near_duplicates:g}, but a layout has {identities} vehicles in all; ask "
            f"for at most {identities}, or for more vehicles."
        )


def group_sizes(identities: int, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the size of each group of near-duplicates: (groups,) int, long-tailed, largest first, each at least 1.

    Their sum is ``identities``; their mean is as near to ``mean`` as whole groups can come.
    """
    groups = kinds(identities, mean)
    weights = (np.arange(groups) + 1.5) ** -0.7
    sizes = 1 + rng.multinomial(identities - groups, weights / weights.sum())
    return np.sort(sizes)[::-1]


def make_mark(place: str, kinds: tuple[str, ...], u: tuple, v: tuple, rng: np.random.Generator) -> Mark:
    """Draw one mark on ``place``."""
    first, second = rng.choice(len(VIVID), 2, replace=False)
    kind = kinds[int(rng.integers(len(kinds)))]
    values = [round(float(x), 4) for x in (rng.uniform(*u), rng.uniform(*v), rng.uniform())]
    return Mark(place, kind, *values, VIVID[first], VIVID[second])


def make_vehicle(identity: int, model: Model, color: str, seed: int) -> Vehicle:
    """Make one identity: the model's geometry, the group's paint, its own marks and plate."""
    rng = np.random.default_rng([seed, 12, identity])
    marks = []
    for place, kinds, mean, u, v in MARKS:
        marks += [make_mark(place, kinds, u, v, rng) for _ in range(min(rng.poisson(mean), 4))]
    letters = rng.integers(0, 26, 2)
    plate = "".join(chr(65 + int(n)) for n in letters) + "".join(str(int(n)) for n in rng.integers(0, 10, 5))
    paint, _, flakes = PAINTS[color]
    shade = np.random.default_rng([seed, 13, model.number, COLOR_NAMES.index(color)]).uniform(0.88, 1.1)
    paint = tuple(round(float(min(p * shade, 0.85)), 4) for p in paint)
    code = COLOR_NAMES.index(color) + 1
    return Vehicle(identity, model.number, code, paint, flakes, plate, tuple(marks), int(rng.integers(2**31)))


def make_fleet(identities: int, near_duplicates: float, models: list[Model], seed: int) -> list[Vehicle]:
    """Make all vehicles, numbered from 1, their groups in random order.

    Models and colours are long-tailed: a few groups of near-duplicates are large, most are small.

    Raises:
        PartregError: there are more groups than pairs of a model and a colour, or fewer vehicles than one group's.
    """
    check_kinds(identities, near_duplicates, len(models))
    rng = np.random.default_rng([seed, 10])
    sizes = group_sizes(identities, near_duplicates, rng)
    pairs = [(model, color) for model in models for color in PAINTS]
    weights = np.array([(model.number + 2.0) ** -0.5 * PAINTS[color][1] for model, color in pairs])
    drawn = rng.choice(len(pairs), len(sizes), replace=False, p=weights / weights.sum())
    owner = np.repeat(np.arange(len(sizes)), sizes)
    rng.shuffle(owner)
    return [make_vehicle(identity, *pairs[drawn[group]], seed) for identity, group in enumerate(owner, start=1)]


def more_of_the_kinds(fleet: list[Vehicle], count: int, models: list[Model], seed: int) -> list[Vehicle]:
    """Make ``count`` more vehicles, numbered on, each of the model and colour of a random vehicle of the fleet."""
    like = np.random.default_rng([seed, 14]).integers(len(fleet), size=count)
    return [
        make_vehicle(len(fleet) + k, models[fleet[n].model], COLOR_NAMES[fleet[n].color - 1], seed)
        for k, n in enumerate(like, start=1)
    ]

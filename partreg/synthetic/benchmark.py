"""The description of the near-duplicate benchmark and the plan of its images (Section 4.1: VehicleID and VeRi-776).

The description decides everything: the same `Benchmark` gives the same bytes, with any number of processes.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from partreg.errors import PartregError
from partreg.synthetic.cameras import CAMERAS, Camera, Moment, make_cameras, make_moment
from partreg.synthetic.occluders import OCCLUDERS
from partreg.synthetic.render import Shot
from partreg.synthetic.vehicles import (
    Model,
    Vehicle,
    check_kinds,
    make_fleet,
    make_models,
    models_needed,
    more_of_the_kinds,
)

MOST, MANY = math.inf, 10**6
LIMITS = {
    "seed": (0, 2**31 - 1), "size": (32, 4096), "train_vehicles": (1, MOST), "test_vehicles": (1, MOST),
    "images_per_vehicle": (2, MOST), "veri_train_vehicles": (1, MOST), "veri_test_vehicles": (1, MOST),
    "tracks_per_vehicle": (2, CAMERAS), "images_per_track": (1, MOST), "models": (1, MOST),
    "near_duplicates": (1, MOST), "shortcuts": (0, 1), "fleet": (0, MOST), "test_images": (0, MOST),
}  # fmt: skip
FRACTIONS = ("near_duplicates", "shortcuts")


@dataclass(frozen=True)
class Benchmark:
    """What to render.

    Attributes:
        seed: seed of all random draws.
        size: side of the square images, in pixels.
        train_vehicles: identities to train on, in VehicleID's layout.
        test_vehicles: identities of the test lists, small to large (the paper's 800, 1,600 and 2,400).
        images_per_vehicle: images of each identity, in VehicleID's layout, at least 2.
        veri_train_vehicles: identities to train on, in VeRi's layout.
        veri_test_vehicles: identities to test on, in VeRi's layout.
        tracks_per_vehicle: tracks of each identity, each from another camera, at least 2.
        images_per_track: images of each track.
        models: number of vehicle models.
        near_duplicates: mean number of identities of one model and colour, training and test together, at least 1;
            as near as whole groups can come.
        shortcuts: in [0, 1], how often a training image repeats its vehicle's usual street, camera and light.
        fleet: number of identities from which VehicleID's layout draws kinds and test vehicles; 0 for those that it
            needs. With a fleet, another number of training vehicles changes no test image: if there are fewer, they are
            some of the fleet's; if more, the rest are new vehicles of its kinds.
        test_images: images of each test identity, in VehicleID's layout; 0 for as many as of a training identity.
    """

    seed: int = 0
    size: int = 128
    train_vehicles: int = 240
    test_vehicles: tuple[int, ...] = (100, 200, 300)
    images_per_vehicle: int = 8
    veri_train_vehicles: int = 120
    veri_test_vehicles: int = 60
    tracks_per_vehicle: int = 4
    images_per_track: int = 4
    models: int = 28
    near_duplicates: float = 12.0
    shortcuts: float = 0.5
    fleet: int = 0
    test_images: int = 0

    def __post_init__(self):
        object.__setattr__(self, "test_vehicles", tuple(sorted(self.test_vehicles)))
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else [value]:
                kind = int | float if name in FRACTIONS else int
                if isinstance(number, bool) or not isinstance(number, kind) or not low <= number <= high:
                    raise PartregError(f"benchmark: {name} is {value}; expected {_words(name, low, high)}.")
        if not self.test_vehicles or len(set(self.test_vehicles)) < len(self.test_vehicles):
            raise PartregError(
                f"benchmark: test_vehicles is {self.test_vehicles}; expected at least one test list, each of another "
                "length; correct the profile."
            )
        if 0 < self.fleet <= self.pool:
            raise PartregError(f"benchmark: fleet is {self.fleet}; expected more than the {self.pool} test vehicles.")
        if self.test_images == 1:
            raise PartregError("benchmark: test_images is 1; expected 2 or more, or 0 for as many as in training.")
        for identities in self.identities:
            check_kinds(identities, self.near_duplicates, self.models)

    @property
    def identities(self) -> tuple[int, int]:
        """Count the identities that receive a kind, in VehicleID's layout and in VeRi's."""
        vehicleid = self.fleet or self.train_vehicles + self.pool
        return vehicleid, self.veri_train_vehicles + self.veri_test_vehicles

    @property
    def pool(self) -> int:
        """Count the test identities of VehicleID's layout; its lists are not nested, so several need a few more."""
        lists = self.test_vehicles
        return lists[-1] + (max(1, lists[0] // 4) if len(lists) > 1 else 0)


def _words(name: str, low: float, high: float) -> str:
    number = "a number" if name in FRACTIONS else "whole numbers" if name == "test_vehicles" else "a whole number"
    return f"{number} of at least {low}" if high == MOST else f"{number} from {low} to {high}"


def described(fields: dict[str, Any]) -> Benchmark:
    """Make the benchmark that a profile describes; lists become tuples.

    Raises:
        PartregError: a field does not exist, or the benchmark cannot be rendered.
    """
    known = [field.name for field in dataclasses.fields(Benchmark)]
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise PartregError(f"benchmark: there is no field {unknown[0]!r}; expected some of {', '.join(known)}.")
    return Benchmark(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})


def with_enough_models(fields: dict[str, Any]) -> dict[str, Any]:
    """Add models to the fields of a `Benchmark` if its models and colours are too few for its kinds.

    Studies that lower ``near_duplicates`` need this.

    Raises:
        PartregError: the fields cannot be rendered with any number of models.
    """
    benchmark = described({**fields, "models": MANY})
    needed = max(models_needed(number, benchmark.near_duplicates) for number in benchmark.identities)
    return fields if needed <= fields.get("models", Benchmark.models) else {**fields, "models": needed}


@dataclass(frozen=True)
class Plan:
    """The contents of a layout: models, vehicles, cameras, training and test identities, shots, names and tracks."""

    models: list[Model]
    vehicles: list[Vehicle]
    cameras: list[Camera]
    train: frozenset[int]
    tests: dict[int, list[int]]
    shots: list[Shot]
    names: list[str]
    tracks: list[str]

    def of(self, identities: list[int]) -> list[tuple[str, Shot]]:
        """Return name and shot of every image of ``identities``, identity by identity."""
        wanted = set(identities)
        pairs = [(n, s) for n, s in zip(self.names, self.shots, strict=True) if s.vehicle in wanted]
        return sorted(pairs, key=lambda pair: pair[1].vehicle)


def split(identities: int, train: int, seed: list[int]) -> tuple[list[int], list[int]]:
    """Split 1..identities into training identities and the others, both in random order."""
    order = [int(n) for n in np.random.default_rng(seed).permutation(identities) + 1]
    return order[:train], order[train:]


def test_lists(pool: list[int], sizes: tuple[int, ...]) -> dict[int, list[int]]:
    """Choose test identities of each size, from alternate ends of the pool: like VehicleID's lists, not nested."""
    turns = range(len(sizes) - 1, -1, -1)  # the largest list has the first turn
    return {n: sorted(pool[-n:] if turn % 2 else pool[:n]) for turn, n in zip(turns, sizes, strict=True)}


def take_shot(vehicle: int, moment: Moment, camera: Camera, rng: np.random.Generator, step: int = 0) -> Shot:
    """Draw one frame of a moment; ``step`` frames later the vehicle has driven on and turned a little."""
    cut = rng.random() < 0.12
    side = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.14, 0.50, 2) * rng.permutation([1.0, 0.3])
    shift = side if cut else rng.normal(0, 0.012, 2)
    hidden = rng.random() < 0.20
    drift = np.random.default_rng([moment.seed, 31]).uniform(-0.10, 0.10, 2)
    return Shot(
        vehicle=vehicle,
        moment=moment,
        azimuth=float(camera.azimuth + drift[0] + 0.035 * step + rng.normal(0, 0.045)),
        elevation=float(np.clip(camera.elevation + drift[1] * 0.4 + rng.normal(0, 0.012), 0.10, 0.62)),
        distance=float(camera.distance * (1 - 0.03 * step) * rng.uniform(0.97, 1.03)),
        roll=float(rng.normal(0, 0.012)),
        margin=float(rng.uniform(0.03, 0.16)),
        shift=(float(shift[0]), float(shift[1])),
        along=1.3 * step,
        occluder=str(rng.choice(OCCLUDERS)) if hidden else "",
        seed=int(rng.integers(2**31)),
    )


def plan_vehicleid(benchmark: Benchmark) -> Plan:
    """Plan the images of VehicleID's layout: most images of an identity show its usual end, front or rear."""
    b = benchmark
    models = make_models(b.models, b.seed)
    vehicles = make_fleet(b.fleet or b.train_vehicles + b.pool, b.near_duplicates, models, b.seed)
    cameras = make_cameras("ends", b.seed)
    train, pool = split(len(vehicles), len(vehicles) - b.pool, [b.seed, 1])
    further = more_of_the_kinds(vehicles, max(b.train_vehicles - len(train), 0), models, b.seed)
    train, vehicles = frozenset([*train, *(v.identity for v in further)][: b.train_vehicles]), vehicles + further
    tests = test_lists(pool, b.test_vehicles)
    used = train.union(*tests.values())
    shots, names = [], []
    for vehicle in vehicles:
        if vehicle.identity not in used:
            continue
        rng = np.random.default_rng([b.seed, 2, vehicle.identity])
        usual = int(rng.random() < 0.42)
        ends = [[c for c in cameras if c.number % 2 == 1], [c for c in cameras if c.number % 2 == 0]]
        home_camera = ends[usual][int(rng.integers(10))]
        home = make_moment(home_camera, rng)
        for _ in range(b.images_per_vehicle if vehicle.identity in train else b.test_images or b.images_per_vehicle):
            end = usual if rng.random() < 0.85 else 1 - usual
            camera = ends[end][int(rng.integers(10))]
            moment = make_moment(camera, rng, int(rng.integers(10**6)))
            if rng.random() < b.shortcuts and vehicle.identity in train:
                camera, moment = home_camera, replace(home, time=moment.time, driver=moment.driver)
            shots.append(take_shot(vehicle.identity, moment, camera, rng))
            names.append(f"image/{len(names) + 1:07d}.jpg")
    return Plan(models, vehicles, cameras, train, tests, shots, names, [""] * len(names))


def plan_veri(benchmark: Benchmark) -> Plan:
    """Plan the images of VeRi's layout: tracks of one camera and moment, a vehicle's tracks from different cameras.

    The vehicles' kinds and marks are drawn by the seed after the benchmark's. So they carry the marks of the vehicles
    in VehicleID's layout of a benchmark with the next seed, on other models.
    """
    b = benchmark
    models = make_models(b.models, b.seed)
    vehicles = make_fleet(b.veri_train_vehicles + b.veri_test_vehicles, b.near_duplicates, models, b.seed + 1)
    cameras = make_cameras("all", b.seed)
    train, pool = split(len(vehicles), b.veri_train_vehicles, [b.seed, 3])
    train = frozenset(train)
    shots, names, tracks = [], [], []
    for vehicle in vehicles:
        rng = np.random.default_rng([b.seed, 4, vehicle.identity])
        folder = "image_train" if vehicle.identity in train else "image_test"
        home, time = None, int(rng.integers(10**4, 8 * 10**4))
        for number in rng.permutation(20)[: b.tracks_per_vehicle]:
            camera = cameras[int(number)]
            time += int(rng.integers(150, 900))
            moment = make_moment(camera, rng, time)
            if home is None:
                home = moment
            elif vehicle.identity in train and rng.random() < b.shortcuts:
                light = ("sun_azimuth", "sun_elevation", "sun", "sky", "warmth", "place", "traffic")
                moment = replace(moment, **{name: getattr(home, name) for name in light})
            track = f"{vehicle.identity:04d}_c{camera.number:03d}_t{len(set(tracks)) + 1:04d}"
            for step in range(b.images_per_track):
                at = replace(moment, time=time + 10 * step)
                shots.append(take_shot(vehicle.identity, at, camera, rng, step))
                names.append(f"{folder}/{vehicle.identity:04d}_c{camera.number:03d}_{at.time:08d}_{step % 2}.jpg")
                tracks.append(track)
    return Plan(models, vehicles, cameras, train, {len(pool): sorted(pool)}, shots, names, tracks)

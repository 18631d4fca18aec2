"""Twenty surveillance cameras: their pose, light and lens, and the moments of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CAMERAS = 20
LENS = {
    "saturation": (0.9, 1.25), "contrast": (0.96, 1.18), "exposure": (0.88, 1.15), "warmth": (-0.035, 0.035),
    "blur": (0.0, 0.75), "noise": (0.006, 0.026),
}  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """One camera. Angles in radians (azimuth 0 sees the front), lengths in metres, its place on the map in metres."""

    number: int
    azimuth: float
    elevation: float
    distance: float
    lanes: tuple[float, ...]
    saturation: float
    contrast: float
    exposure: float
    warmth: float
    blur: float
    noise: float
    quality: int
    map_x: float
    map_y: float
    seed: int


@dataclass(frozen=True)
class Moment:
    """One vehicle that passes one camera; the images of a track share it.

    ``place`` is where along the street (m), ``lane`` how far from its middle (m); the sun's direction in radians,
    ``sun`` and ``sky`` their strength, ``heading`` the vehicle's yaw against the street.
    """

    camera: int
    place: float
    lane: float
    sun_azimuth: float
    sun_elevation: float
    sun: float
    sky: float
    warmth: float
    heading: float
    traffic: int
    driver: tuple[int, int, int]
    time: int
    seed: int


def make_cameras(views: str, seed: int) -> list[Camera]:
    """Make the twenty cameras of a city; ``views`` is "ends" (fronts and rears, as VehicleID) or "all" (as VeRi)."""
    rng = np.random.default_rng([seed, 20, len(views)])
    cameras = []
    for number in range(1, CAMERAS + 1):
        azimuth = rng.uniform(-0.62, 0.62)
        if views == "all" and number % 5 == 0:
            azimuth = (1 if number <= CAMERAS // 2 else -1) * rng.uniform(1.1, 1.5)
        cameras.append(
            Camera(
                number=number,
                azimuth=float(azimuth + (0.0 if number % 2 else np.pi)),
                elevation=float(np.radians(rng.uniform(9, 27))),
                distance=float(rng.uniform(11, 24)),
                lanes=(-5.2, -1.75, 1.75, 5.2)[:: 1 if number % 3 else 2],
                **{name: float(rng.uniform(*span)) for name, span in LENS.items()},
                quality=int(rng.integers(68, 95)),
                map_x=float(rng.uniform(0, 1400)),
                map_y=float(rng.uniform(0, 900)),
                seed=int(rng.integers(2**31)),
            )
        )
    return cameras


def camera_distances(cameras: list[Camera]) -> np.ndarray:
    """Return the distances between all pairs of cameras on the map: (20, 20) whole metres."""
    at = np.array([(c.map_x, c.map_y) for c in cameras])
    return np.round(np.linalg.norm(at[:, None] - at[None], axis=-1)).astype(int)


def make_moment(camera: Camera, rng: np.random.Generator, time: int = -1) -> Moment:
    """Draw the moment in which a vehicle passes ``camera``: the place, the light, the traffic."""
    weather = rng.random()
    low_sun = weather > 0.85
    sun = 0.0 if weather < 0.3 else float(rng.uniform(0.6, 1.1))
    return Moment(
        camera=camera.number,
        place=float(rng.uniform(12, 68)),
        lane=float(rng.choice(camera.lanes) + rng.normal(0, 0.25)),
        sun_azimuth=float(rng.uniform(-np.pi, np.pi)),
        sun_elevation=float(np.radians(rng.uniform(14, 25) if low_sun else rng.uniform(35, 70))),
        sun=sun,
        sky=float(rng.uniform(0.85, 1.15) * (1.0 if sun == 0 else 0.60)),
        warmth=float(rng.uniform(0.03, 0.08) if low_sun else rng.uniform(-0.02, 0.02)),
        heading=float(rng.normal(0, 0.06)),
        traffic=int(rng.integers(2**31)) if rng.random() < 0.35 else 0,
        driver=tuple(int(c) for c in rng.integers(30, 220, 3)),
        time=time,
        seed=int(rng.integers(2**31)),
    )

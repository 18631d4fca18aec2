"""The streets that the cameras watch: road, pavement, trees, fences, buildings and sky, drawn once a camera.

A street is a box along x: the ground, a row of trees and posts on either pavement, and the buildings behind. Pixels are
looked up where their rays meet these planes, so that a background moves as it should when a vehicle drives along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from partreg.synthetic.cameras import Camera, Moment
from partreg.synthetic.light import LINEAR

LENGTH, HALF, WALL_HEIGHT = 80.0, 16.0, 14.0  # metres of street drawn before it repeats
KERB, TREES, BUILDINGS = 7.2, 8.6, 13.0  # distance of these from the middle, in metres
WALLS = ((176, 160, 140), (150, 146, 144), (190, 180, 166), (140, 110, 92), (112, 118, 126), (198, 192, 184))
PANES = ((58, 70, 84), (44, 48, 54), (86, 98, 106))
SIGNS = ((170, 50, 44), (44, 90, 150), (200, 170, 70), (60, 120, 80), (230, 226, 216), (90, 84, 80))
CAR_PAINTS = ((210, 210, 208), (40, 40, 42), (120, 122, 126), (130, 34, 30), (40, 60, 110))
CAR = np.array([(0, 0.3), (4.3, 0.3), (4.3, 0.75), (3.3, 0.92), (2.7, 1.4), (1.0, 1.42), (0.3, 0.95), (0, 0.85)])
CAR_GLASS = np.array([(3.15, 0.93), (2.65, 1.33), (1.05, 1.35), (0.5, 0.95)])


@dataclass(frozen=True)
class Street:
    """Textures of one camera's street, uint8: ground (H, W, 3), trees (2, H, W, 4) and buildings (2, H, W, 3)."""

    ground: np.ndarray
    trees: np.ndarray
    buildings: np.ndarray
    sky: np.ndarray
    scale: float


def cloud(rng: np.random.Generator, shape: tuple[int, int], sizes: tuple, weights: tuple) -> np.ndarray:
    """Draw smooth noise (H, W) float32 about 0: sums of random grids with cells of ``sizes`` pixels."""
    total = np.zeros(shape, np.float32)
    for size, weight in zip(sizes, weights, strict=True):
        small = rng.standard_normal((shape[0] // size + 2, shape[1] // size + 2)).astype(np.float32)
        total += weight * cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return total


class Sheet:
    """An image drawn on in metres, the origin at its lower left corner, (0, -low) there."""

    def __init__(self, width: float, height: float, scale: float, color, low: float = 0.0, channels: int = 3):
        self.scale, self.low, self.height = scale, low, height
        self.image = np.zeros((round(height * scale), round(width * scale), channels), np.uint8)
        self.image[:] = color

    def fill(self, points, color) -> None:
        """Fill a polygon."""
        unit = self.scale * 16
        at = np.array([(round(x * unit), round((self.height - (y - self.low)) * unit)) for x, y in points], np.int32)
        cv2.fillPoly(self.image, [at], tuple(int(c) for c in color), cv2.LINE_AA, 4)

    def box(self, x0: float, y0: float, x1: float, y1: float, color) -> None:
        """Fill a rectangle."""
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color)

    def spot(self, x: float, y: float, r: float, color) -> None:
        """Fill a circle."""
        centre = round(x * self.scale * 16), round((self.height - y + self.low) * self.scale * 16)
        value = tuple(int(c) for c in color)
        cv2.circle(self.image, centre, round(r * self.scale * 16), value, -1, cv2.LINE_AA, 4)


def shade_noise(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Brighten or darken uint8 colours by a relative noise (H, W)."""
    lit = image * cv2.merge([1 + noise] * 3)
    return np.clip(lit, 0, 255, out=lit).astype(np.uint8)


def draw_ground(rng: np.random.Generator, scale: float) -> np.ndarray:
    """Draw the ground seen from above: lanes, kerbs, pavement, crossing, patches and manholes."""
    tone = rng.uniform(78, 118)
    sheet = Sheet(LENGTH, 2 * HALF, scale, tone + np.array([0, 1, 3]), -HALF)
    grass = rng.random() < 0.5
    for side in (-1, 1):
        sheet.box(0, side * KERB, LENGTH, side * HALF, (158, 152, 144))
        for x in np.arange(0, LENGTH, 0.8):
            sheet.box(x, side * KERB, x + 0.05, side * HALF, (136, 130, 124))
        for y in np.arange(KERB + 0.8, HALF, 0.8):
            sheet.box(0, side * y, LENGTH, side * (y + 0.05), (136, 130, 124))
        if grass:
            sheet.box(0, side * (KERB + 0.4), LENGTH, side * (KERB + 2.0), (84, 112, 58))
        sheet.box(0, side * KERB, LENGTH, side * (KERB + 0.28), (182, 178, 172))
        sheet.box(0, side * (KERB - 0.10), LENGTH, side * KERB, (60, 60, 62))
    for _ in range(7):
        x, y, w, h = rng.uniform(0, LENGTH), rng.uniform(-KERB, KERB - 1), rng.uniform(1, 5), rng.uniform(0.6, 1.6)
        sheet.box(x, y, x + w, y + h, tone * rng.uniform(0.78, 1.1) + np.zeros(3))
    noise = cloud(rng, sheet.image.shape[:2], (2, 8, 60), (0.05, 0.025, 0.05))
    rows = np.linspace(HALF, -HALF, sheet.image.shape[0])
    tyres = np.cos((np.abs(rows) % 3.5 - 1.75) / 1.75 * 2 * np.pi) * 0.04 * (np.abs(rows) < KERB)
    sheet.image = shade_noise(sheet.image, noise + tyres[:, None].astype(np.float32))
    draw_markings(sheet, rng)
    return shade_noise(sheet.image, leaf_shade(rng, rows))


def leaf_shade(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Draw the shadow of trees along one kerb as a relative darkening; some streets have none."""
    if rng.random() < 0.35:
        return np.zeros((len(rows), 1), np.float32)
    shape = (len(rows), round(len(rows) * LENGTH / (2 * HALF)))
    side = rng.choice([-1, 1]) * rng.uniform(5.5, 8.0)
    band = np.exp(-(((rows - side) / rng.uniform(1.6, 3.0)) ** 2)).astype(np.float32)
    leaves = cloud(rng, shape, (6, 14, 70), (0.5, 0.7, 1.0)) - 0.3 + band[:, None] * 1.2
    return -0.48 * np.clip(leaves * 1.6, 0, 1) * np.minimum(band * 1.6, 1)[:, None]


def draw_markings(sheet: Sheet, rng: np.random.Generator) -> None:
    """Draw lane lines, arrows, a crossing and manholes."""
    white, middle = (222, 222, 216), (214, 172, 70) if rng.random() < 0.6 else (222, 222, 216)
    for y in (-0.15, 0.15):
        sheet.box(0, y - 0.06, LENGTH, y + 0.06, middle)
    dash = rng.choice([2.0, 3.0, 4.0])
    for side in (-1, 1):
        for x in np.arange(0, LENGTH, dash * 2):
            sheet.box(x, side * 3.5 - 0.075, x + dash, side * 3.5 + 0.075, white)
        sheet.box(0, side * 6.75 - 0.07, LENGTH, side * 6.75 + 0.07, white)
        for lane in (1.75, 5.2):
            x, y = rng.uniform(0, LENGTH - 6), side * lane
            sheet.box(x, y - 0.09, x + 3, y + 0.09, white)
            foot, tip = (x + 3, x + 4.4) if side > 0 else (x, x - 1.4)
            sheet.fill([(foot, y - 0.35), (foot, y + 0.35), (tip, y)], white)
    start = rng.uniform(0, LENGTH - 4)
    for y in np.arange(-KERB + 0.3, KERB, 0.95):
        sheet.box(start, y, start + 3.2, y + 0.5, white)
    for _ in range(5):
        sheet.spot(rng.uniform(0, LENGTH), rng.uniform(-6, 6), 0.33, (58, 56, 54))


def draw_buildings(rng: np.random.Generator, scale: float) -> np.ndarray:
    """Draw one row of facades: shops below, windows above."""
    sheet = Sheet(LENGTH, WALL_HEIGHT, scale, (190, 205, 220))
    x = 0.0
    while x < LENGTH:
        width = rng.uniform(7, 16)
        wall = np.array(WALLS[rng.integers(6)]) * rng.uniform(0.85, 1.05)
        sheet.box(x, 0, x + width, WALL_HEIGHT, wall)
        glass, frame = np.array(PANES[rng.integers(3)]), wall * 0.72
        wide, gap = rng.uniform(1.0, 2.0), rng.uniform(0.6, 1.4)
        for z in np.arange(4.2, WALL_HEIGHT - 1, 3.0):
            for w in np.arange(x + gap, x + width - wide, wide + gap):
                sheet.box(w - 0.08, z - 0.08, w + wide + 0.08, z + 1.68, frame)
                sheet.box(w, z, w + wide, z + 1.6, glass * rng.uniform(0.8, 1.35))
        sheet.box(x + 0.3, 0.3, x + width - 0.3, 2.7, np.array((52, 56, 60)) * rng.uniform(0.7, 1.6))
        for w in np.arange(x + 0.3, x + width - 0.3, 2.2):
            sheet.box(w, 0, w + 0.15, 2.8, wall * 0.8)
        sign = np.array(SIGNS[rng.integers(6)])
        sheet.box(x + 0.2, 2.8, x + width - 0.2, 3.5, sign)
        for w in np.arange(x + 1.0, x + width * rng.uniform(0.4, 0.8), 0.55):
            sheet.box(w, 2.98, w + 0.36, 3.32, 255 - sign * 0.4)
        x += width
    return shade_noise(sheet.image, cloud(rng, sheet.image.shape[:2], (3, 40), (0.02, 0.05)))


def draw_tree(sheet: Sheet, rng: np.random.Generator, x: float) -> None:
    """Draw a trunk and a crown of leaves, light above and dark below."""
    crown, r = rng.uniform(3.2, 4.6), rng.uniform(1.2, 1.9)
    sheet.box(x - 0.13, 0, x + 0.13, crown, (74, 60, 48, 255))
    green = np.array((70, 104, 50)) * rng.uniform(0.75, 1.2) + [rng.uniform(-5, 25), 0, 0]
    turn, reach = rng.uniform(0, 2 * np.pi, 110), r * np.sqrt(rng.random(110))
    dx, dz = reach * np.cos(turn), reach * np.sin(turn) * 0.9
    light = 0.85 + 0.30 * dz / r + rng.uniform(-0.22, 0.22, 110)
    leaves = np.clip(green * light[:, None], 0, 255).tolist()
    places = zip((x + dx).tolist(), (crown + dz).tolist(), rng.uniform(0.14, 0.36, 110).tolist(), leaves, strict=True)
    for at, high, size, leaf in places:
        sheet.spot(at, high, size, (*leaf, 255))


def draw_parked(sheet: Sheet, rng: np.random.Generator, x: float) -> None:
    """Draw a parked car from its side."""
    sheet.fill(CAR + np.array([x, 0]), (*CAR_PAINTS[rng.integers(5)], 255))
    sheet.fill(CAR_GLASS + np.array([x, 0]), (34, 38, 42, 255))
    for wheel in (0.85, 3.45):
        sheet.spot(x + wheel, 0.32, 0.34, (18, 18, 19, 255))
        sheet.spot(x + wheel, 0.32, 0.19, (120, 122, 124, 255))


def draw_trees(rng: np.random.Generator, scale: float) -> np.ndarray:
    """Draw what stands on a pavement: trees, lamp posts, hedges, railings, parked cars, people; (H, W, 4) uint8."""
    sheet = Sheet(LENGTH, WALL_HEIGHT, scale, 0, channels=4)
    kind = rng.integers(4)
    if kind == 0:
        for x in np.arange(0, LENGTH, 1.1):
            sheet.box(x, 0, x + 0.07, 1.0, (140, 144, 148, 255))
        for z in (0.35, 0.65, 0.95):
            sheet.box(0, z, LENGTH, z + 0.06, (150, 154, 158, 255))
    elif kind == 1:
        for x in np.arange(0, LENGTH, 0.14):
            shade = rng.uniform(0.7, 1.2)
            sheet.spot(x, rng.uniform(0.05, 0.75), rng.uniform(0.12, 0.26), (58 * shade, 88 * shade, 44 * shade, 255))
    elif kind == 2:
        for x in np.arange(rng.uniform(0, 3), LENGTH - 5, 6.1):
            if rng.random() < 0.7:
                draw_parked(sheet, rng, x)
    spacing = rng.uniform(6, 11)
    for x in np.arange(2, LENGTH - 2, spacing):
        draw_tree(sheet, rng, x + rng.uniform(-0.8, 0.8))
    for x in np.arange(rng.uniform(3, 9), LENGTH, 24):
        sheet.box(x, 0, x + 0.16, 9, (104, 108, 112, 255))
    for _ in range(8):
        x, cloth = rng.uniform(0, LENGTH), rng.uniform(30, 200, 3)
        sheet.box(x - 0.17, 0, x + 0.17, 0.85, (44, 46, 56, 255))
        sheet.box(x - 0.23, 0.80, x + 0.23, 1.45, (*cloth, 255))
        sheet.spot(x, 1.6, 0.13, (176, 136, 112, 255))
    return sheet.image


@lru_cache(maxsize=20)
def make_street(camera: Camera, size: int) -> Street:
    """Draw the street of a camera, fine enough for images of ``size`` pixels."""
    rng = np.random.default_rng([camera.seed, 30])
    scale = 20.0 * float(np.clip(size / 128, 0.8, 1.25))
    ground = draw_ground(rng, scale)
    trees = np.stack([draw_trees(rng, scale) for _ in range(2)])
    buildings = np.stack([draw_buildings(rng, scale) for _ in range(2)])
    sky = np.array((198, 214, 232) if rng.random() < 0.6 else (214, 216, 218), np.float32)
    return Street(ground, trees, buildings, sky, scale)


def look_up(texture: np.ndarray, x: np.ndarray, row: np.ndarray, scale: float) -> np.ndarray:
    """Look up texture values at x (metres, repeating) and row (metres from the top); (N, C) uint8."""
    places = np.zeros((-(-len(x) // 256), 256, 2), np.float32)  # remap wants images, and none wider than 32,767
    flat = places.reshape(-1, 2)
    flat[: len(x), 0], flat[: len(x), 1] = np.mod(x, LENGTH) * scale, row * scale
    values = cv2.remap(texture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1, texture.shape[2])[: len(x)]


def background(street: Street, moment: Moment, origin: np.ndarray, rays: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Compute the light of the street behind a vehicle.

    The camera is at ``origin`` (3,) in the coordinates of the street: x along it, the vehicle at ``moment.place`` and
    ``moment.lane``. ``rays`` (3, N) are directions there; ``shade`` (N,) is how much of the sun reaches the ground, in
    [0, 1], where 1 is unshaded. Returns (3, N) linear RGB.
    """
    dy, dz = rays[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        t_ground = np.where(dz < -1e-4, -origin[2] / dz, 1e9).astype(np.float32)
        side = np.where(dy > 0, 1.0, -1.0).astype(np.float32)
        t_trees = (side * TREES - origin[1]) / dy
        t_walls = (side * BUILDINGS - origin[1]) / dy
    sun = np.array([[1 + moment.warmth], [1.0], [1 - moment.warmth]], np.float32) * moment.sun
    light = np.array([[0.97], [1.0], [1.04]], np.float32) * moment.sky
    out = np.empty(rays.shape, np.float32)
    out[:] = LINEAR[street.sky.astype(np.uint8)][:, None] * 1.3 * (light + 0.25 * sun)
    near = np.minimum(t_ground, 400)
    ground = np.flatnonzero(t_ground < 1e8)
    x, y = (origin[k] + near[ground] * rays[k, ground] for k in (0, 1))
    road = LINEAR.take(look_up(street.ground, x, HALF - y, street.scale).T)
    bright, lit = np.sin(moment.sun_elevation), shade[ground]
    out[:, ground] = road * (light * (0.45 + 0.55 * lit) * 0.9 + sun * bright * lit * 1.6)
    far = (t_walls < t_ground) & (t_walls < 150) & (origin[2] + t_walls * dz < WALL_HEIGHT)
    stand(out, far, street.buildings, street, origin, rays, t_walls, light * 0.8 + sun * 0.35)
    high = (t_trees < t_ground) & (t_trees < 150) & (origin[2] + t_trees * dz < WALL_HEIGHT)
    stand(out, high, street.trees, street, origin, rays, t_trees, light * 0.7 + sun * 0.45)
    haze = np.clip(np.minimum(near, np.where(far, t_walls, 400)) / 260, 0, 0.5)
    return out * (1 - haze) + haze * 0.62 * (light + 0.2 * sun)


def stand(out, mask, textures, street, origin, rays, t, light) -> None:
    """Draw what stands upright along the street over ``out``, where ``mask`` is true."""
    for texture, beside in zip(textures, (rays[1] < 0, rays[1] > 0), strict=True):
        here = np.flatnonzero(mask & beside)
        if len(here) == 0:
            continue
        x, z = (origin[k] + t[here] * rays[k, here] for k in (0, 2))
        texels = look_up(texture, x, WALL_HEIGHT - z, street.scale).T
        color = LINEAR.take(texels[:3]) * light
        if len(texels) == 4:
            alpha = texels[3] / np.float32(255)
            color = color * alpha + out[:, here] * (1 - alpha)
        out[:, here] = color

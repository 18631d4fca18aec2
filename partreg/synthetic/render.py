"""Render one picture of one vehicle by ray casting (embree), with its exact truth.

Samples that hit the vehicle are shaded from its atlas; window samples look on into the cabin, whose sheets (ornaments,
dash, seats) shift with the view as real things behind glass do. The street behind is looked up, not cast.

Matrix products use einsum and not ``@``: BLAS rounds differently on different machines and settings, and one last bit
in a thousand pictures is enough to train another network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from partreg.synthetic.cameras import Camera, Moment
from partreg.synthetic.canvas import GLASS, LAMP, MATTE, PAINT, TAIL, Canvas
from partreg.synthetic.geometry import Mesh, build_mesh
from partreg.synthetic.light import LINEAR, to_stored
from partreg.synthetic.marks import LAYER_HIGH, LAYER_WIDTH, Cabin, build_cabin, paint_vehicle
from partreg.synthetic.occluders import draw_occluder
from partreg.synthetic.streets import background, make_street
from partreg.synthetic.textures import paint_model
from partreg.synthetic.vehicles import PAINTS, Model, Vehicle

SAMPLES = 2  # a side: every pixel is the mean of 2 x 2 samples
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Shot:
    """One image to take: the vehicle, the moment, and how this frame differs from its neighbours."""

    vehicle: int
    moment: Moment
    azimuth: float
    elevation: float
    distance: float
    roll: float
    margin: float
    shift: tuple[float, float]
    along: float
    occluder: str
    seed: int


@dataclass(frozen=True)
class View:
    """A pinhole view in vehicle coordinates: origin (3,), axes (3, 3) as rows right, down, forward, and its window."""

    origin: np.ndarray
    axes: np.ndarray
    left: float
    top: float
    side: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points (N, 3) to image coordinates (N, 2), relative to the image's side."""
        p = np.einsum("ij,kj->ik", points - self.origin, self.axes)
        return (p[:, :2] / p[:, 2:] - [self.left, self.top]) / self.side

    def rays(self, at: np.ndarray) -> np.ndarray:
        """Return unit directions (N, 3) float32 through image coordinates (N, 2)."""
        x, y = self.left + at[:, 0] * self.side, self.top + at[:, 1] * self.side
        d = x[:, None] * self.axes[0] + y[:, None] * self.axes[1] + self.axes[2]
        d /= np.sqrt(np.einsum("ij,ij->i", d, d))[:, None]
        return d.astype(np.float32)


@dataclass(frozen=True)
class Body:
    """A model ready for ray casting: mesh, embree scene and unmarked atlas."""

    model: Model
    mesh: Mesh
    scene: EmbreeScene
    canvas: Canvas
    corners: np.ndarray  # (T, 3, 5): normal and atlas position at the first corner, and how they change to the others
    geometry: TriangleMesh  # the scene does not keep it alive


@dataclass(frozen=True)
class Finish:
    """What an identity adds to a body: marked atlas, cabin, paint."""

    canvas: Canvas
    cabin: Cabin
    paint: np.ndarray
    flakes: float


@dataclass
class Hits:
    """Samples that meet a vehicle: their index among the rays, atlas texel, normal, point and direction."""

    index: np.ndarray
    row: np.ndarray
    column: np.ndarray
    normal: np.ndarray
    point: np.ndarray
    ray: np.ndarray


@dataclass(frozen=True)
class Picture:
    """An image (S, S, 3) uint8 RGB, and the samples from which its truth comes."""

    image: np.ndarray
    parts: np.ndarray
    whole: dict[int, int]
    view: View
    cover: np.ndarray


@lru_cache(maxsize=64)
def make_body(model: Model, size: int) -> Body:
    """Build and paint a model for images of ``size`` pixels."""
    mesh = build_mesh(model)
    scene = EmbreeScene()
    geometry = TriangleMesh(scene, mesh.vertices, mesh.triangles)
    corners = np.concatenate([mesh.normals[mesh.triangles], mesh.atlas], -1)
    corners[:, 1:] -= corners[:, :1]
    canvas = paint_model(model, 100.0 * float(np.clip(size / 128, 0.8, 2.0)))
    return Body(model, mesh, scene, canvas, np.ascontiguousarray(corners, np.float32), geometry)


def make_finish(body: Body, vehicle: Vehicle) -> Finish:
    """Paint an identity and build its cabin."""
    canvas = paint_vehicle(body.canvas, body.model, vehicle)
    cabin = build_cabin(body.model, vehicle, body.canvas.scale)
    return Finish(canvas, cabin, np.array(vehicle.paint, np.float32), vehicle.flakes)


def direction(azimuth: float, elevation: float) -> np.ndarray:
    """Return the unit vector (3,) towards two angles in radians."""
    a, e = azimuth, elevation
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def look(shot: Shot, mesh: Mesh) -> View:
    """Aim at a shot's vehicle; the frame is its projection with a margin, shifted."""
    away = direction(shot.azimuth, shot.elevation)
    origin = np.array([0, 0, 0.7]) + shot.distance * away
    right = np.cross(-away, UP)
    right /= np.sqrt(np.sum(right**2))
    down = np.cross(-away, right)
    c, s = np.cos(shot.roll), np.sin(shot.roll)
    axes = np.stack([c * right + s * down, c * down - s * right, -away])
    plane = View(origin, axes, 0.0, 0.0, 1.0).project(mesh.vertices)
    low, high = plane.min(0), plane.max(0)
    side = float((high - low).max() * (1 + shot.margin))
    corner = (low + high) / 2 - side / 2 + np.array(shot.shift) * side
    return View(origin, axes, float(corner[0]), float(corner[1]), side)


def grid(size: int) -> np.ndarray:
    """Return the centres of size x size pixels in image coordinates: (size * size, 2)."""
    line = (np.arange(size) + 0.5) / size
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


def silhouette(view: View, vertices: np.ndarray, size: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Find the samples of a size x size grid over [low, high] under the vertices' convex hull: their indices."""
    at = (view.project(vertices) - low) / (high - low) * size
    hull = cv2.convexHull(at.astype(np.float32))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1)
    return np.flatnonzero(cv2.dilate(mask, np.ones((3, 3), np.uint8)))


def cast(body: Body, canvas: Canvas, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """Find where rays (N, 3) from ``origin`` meet a body."""
    start = np.empty_like(rays)
    start[:] = origin
    hits = body.scene.run(start, rays, output=True)
    index = np.flatnonzero(hits["primID"] >= 0)
    triangle = hits["primID"][index]
    u, v = hits["u"][index, None], hits["v"][index, None]
    stored = np.take(body.corners, triangle, axis=0)
    mixed = stored[:, 0] + u * stored[:, 1] + v * stored[:, 2]
    normal = mixed[:, :3]
    normal /= np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None] + 1e-6
    at = mixed[:, 3:] * canvas.scale
    column = np.clip(at[:, 0].astype(np.int32), 0, canvas.part.shape[1] - 1)
    row = np.clip(at[:, 1].astype(np.int32), 0, canvas.part.shape[0] - 1)
    ray = rays[index]
    point = origin.astype(np.float32) + hits["tfar"][index, None] * ray
    return Hits(index, row, column, normal, point, ray)


def environment(direction_z: np.ndarray, sky: float, ground: float) -> np.ndarray:
    """Return the brightness of the surroundings in a direction's height: dark road, bright horizon, sky."""
    up = np.clip(direction_z, 0, 1)
    street = ground + (0.42 - ground) * np.clip((direction_z + 0.25) / 0.25, 0, 1)
    return sky * np.where(
        direction_z > 0.10, 0.95 - 0.35 * up, np.where(direction_z > 0, 0.42 + 5.3 * up, street)
    ).astype(np.float32)


def ripple(direction: np.ndarray, moment: Moment) -> np.ndarray:
    """Uneven surroundings (trees, facades) that glass reflects: (N,) about 0, smooth in direction."""
    phase = (moment.seed % 628) / 100
    x, y, z = direction.T
    return np.sin(4 * x + 3 * y + phase) * np.sin(6 * z + 2 * phase) + 0.5 * np.sin(9 * y - 5 * z + 3 * phase)


GLOSSINESS = np.array([0.04, 0.075, 0.02, 0.45, 0.07, 0.06, 0.05], np.float32)  # by material: reflectance head on


def shade(finish: Finish, hits: Hits, moment: Moment, sun: np.ndarray) -> np.ndarray:
    """Compute the light that the samples send to the camera: (N, 3) float32 linear RGB."""
    canvas = finish.canvas
    material = canvas.material[hits.row, hits.column]
    albedo = LINEAR[canvas.color[hits.row, hits.column]]
    albedo = np.where((material == PAINT)[:, None], albedo * finish.paint, albedo)
    n, d = hits.normal, hits.ray
    facing = np.einsum("ij,ij->i", n, d)
    nz = n[:, 2]
    mirrored = d - 2 * facing[:, None] * n
    cosine = np.clip(np.einsum("ij,j->i", n, sun), 0, 1)
    height = np.clip(0.45 + hits.point[:, 2] / 1.1, 0.45, 1.0)
    ambient = moment.sky * (0.60 + 0.40 * nz) * height
    sheen = np.clip(-facing, 0, 1)
    flakes = 1 + finish.flakes * (sheen**3 - 0.35) * 0.9
    diffuse = (ambient + moment.sun * 1.35 * cosine) * np.where(material == PAINT, flakes, 1)
    fresnel = GLOSSINESS[material]
    fresnel = fresnel + (1 - fresnel) * np.clip(1 - sheen, 0, 1) ** 5 * np.where(material == MATTE, 0.1, 0.75)
    toward_sun = np.clip(np.einsum("ij,j->i", mirrored, sun), 0, 1)
    glint = toward_sun**70 * moment.sun * np.where(material == MATTE, 0.0, 1.6)
    reflection = fresnel * environment(mirrored[:, 2], moment.sky, 0.12) + glint * np.clip(fresnel * 6, 0, 1)
    glow = np.where(material == LAMP, 0.16, np.where(material == TAIL, 0.10, 0.0)).astype(np.float32)
    out = albedo * (diffuse + glow)[:, None] + reflection[:, None]
    glass = np.flatnonzero(material == GLASS)
    reflection[glass] *= 1 + 0.8 * ripple(mirrored[glass], moment)
    if len(glass):
        inside = cabin_light(finish.cabin, hits.point[glass], d[glass], moment)
        out[glass] = inside * 0.85 * (1 - fresnel[glass, None]) + reflection[glass, None] * 0.8
    tint = np.array([1 + moment.warmth, 1, 1 - moment.warmth], np.float32)
    return out * tint


def cabin_light(cabin: Cabin, point: np.ndarray, ray: np.ndarray, moment: Moment) -> np.ndarray:
    """Compute the light (N, 3) float32 that comes through a window; a ray meets the sheets in its direction's order."""
    light = 0.55 * moment.sky + 0.45 * moment.sun
    out = np.empty_like(ray)
    # Behind everything: the cabin's dark, or the street seen through the window opposite.
    dy = np.where(np.abs(ray[:, 1]) < 1e-3, 1e-3, ray[:, 1])
    through = point[:, 2] + (np.sign(dy) * 0.72 - point[:, 1]) / dy * ray[:, 2]
    clear = (through > cabin.dash + 0.03) & (through < cabin.dash + 0.42) & (np.abs(dy) > 0.15)
    out[:] = np.where(clear, 0.16, 0.022)[:, None] * light
    for backwards, order in ((True, (3, 2, "dash", 1, 0)), (False, (0, 2, 3, "shelf", 4))):
        rows = np.flatnonzero((ray[:, 0] < 0) == backwards)
        start, way, seen = point[rows], ray[rows], out[rows]
        for name in order:
            if isinstance(name, str):
                flat_board(cabin, name, start, way, seen, light)
            else:
                sheet(cabin, name, start, way, seen, light)
            if name == 2:
                driver(cabin, moment, start, way, seen, light)
        out[rows] = seen
    return out


def driver(cabin: Cabin, moment: Moment, point, ray, out, light: float) -> None:
    """Draw the driver of the day, in the front left seat; a driver is no mark of the vehicle."""
    t = (cabin.places[2] + 0.14 - point[:, 0]) / ahead(ray)
    y, z = point[:, 1] + t * ray[:, 1] - 0.37, point[:, 2] + t * ray[:, 2] - cabin.dash
    head = (y / 0.095) ** 2 + ((z - 0.27) / 0.125) ** 2 < 1
    torso = (y / 0.23) ** 4 + ((z + 0.10) / 0.25) ** 4 < 1
    for shape, color in ((torso, moment.driver), (head, (186, 140, 116)), (head & (z > 0.31), (34, 28, 24))):
        out[shape & (t > 0)] = LINEAR[list(color)] * (light * 0.5)


def ahead(ray: np.ndarray) -> np.ndarray:
    """Return x of rays (N, 3), without values so near to 0 that nothing can be divided by them."""
    return np.where(np.abs(ray[:, 0]) < 1e-3, 1e-3, ray[:, 0])


def flat_board(cabin: Cabin, name: str, point, ray, out, light: float) -> None:
    """Draw the top of the dash board or rear shelf, seen from above."""
    height = cabin.dash if name == "dash" else cabin.shelf
    x = point[:, 0] + (height - point[:, 2]) / np.minimum(ray[:, 2], -1e-4) * ray[:, 0]
    hit = x > cabin.places[1] - 0.25 if name == "dash" else x < cabin.places[4] + 0.35
    hit &= (ray[:, 2] < -1e-3) & (point[:, 2] > height)
    out[hit] = np.array([0.035, 0.036, 0.038], np.float32) * light


SHEET_LIGHT = (0.95, 0.9, 0.42, 0.30, 0.85)  # how much daylight reaches hang, dash, front seats, rear seats, shelf


def sheet(cabin: Cabin, number: int, point, ray, out, light: float) -> None:
    """Draw one sheet of the cabin over the light from behind it."""
    t = (cabin.places[number] - point[:, 0]) / ahead(ray)
    y, z = point[:, 1] + t * ray[:, 1], point[:, 2] + t * ray[:, 2]
    image = cabin.layers[number]
    column = ((y + LAYER_WIDTH) * cabin.scale).astype(np.int32)
    row = ((LAYER_HIGH - z) * cabin.scale).astype(np.int32)
    good = (t > 0) & (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
    texel = image[row[good], column[good]]
    alpha = texel[:, 3:] / np.float32(255)
    out[good] = out[good] * (1 - alpha) + LINEAR[texel[:, :3]] * alpha * (light * SHEET_LIGHT[number])


def ground_shade(view: View, mesh: Mesh, sun: np.ndarray, size: int, offset: np.ndarray) -> np.ndarray:
    """Draw the vehicle's soft shadow: the share of the sun that reaches the ground, (size, size) float32."""
    v = mesh.vertices + offset
    reach = v[:, 2:] / max(sun[2], 0.2)
    shadow = v[:, :2] - reach * sun[:2]
    out = np.ones((size, size), np.float32)
    for outline, depth in ((shadow, 0.90), (v[v[:, 2] < 0.9 + offset[2], :2], 0.60)):
        flat = np.concatenate([outline, np.zeros((len(outline), 1))], 1)
        at = view.project(flat) * size
        layer = np.ones((size, size), np.float32)
        hull = cv2.convexHull(np.clip(at, -4 * size, 5 * size).astype(np.float32))
        cv2.fillConvexPoly(layer, np.round(hull * 16).astype(np.int32), 1 - depth, cv2.LINE_AA, 4)
        out *= cv2.GaussianBlur(layer, (0, 0), size / 90)
    return out


class Studio:
    """Renders shots, and keeps the models, vehicles and streets that it has built. One for each process."""

    def __init__(self, models: list[Model], vehicles: list[Vehicle], cameras: list[Camera], size: int):
        self.models, self.vehicles, self.cameras, self.size = models, vehicles, cameras, size
        self.finishes: dict[int, Finish] = {}

    def body(self, number: int) -> Body:
        """Return the body of a model."""
        return make_body(self.models[number], self.size)

    def finish(self, vehicle: Vehicle) -> Finish:
        """Return the finish of an identity; only the last few are kept."""
        if vehicle.identity not in self.finishes:
            body = self.body(vehicle.model)
            while len(self.finishes) > 3:
                self.finishes.pop(next(iter(self.finishes)))
            self.finishes[vehicle.identity] = make_finish(body, vehicle)
        return self.finishes[vehicle.identity]

    def take(self, shot: Shot) -> Picture:
        """Render a shot."""
        vehicle = self.vehicles[shot.vehicle - 1]
        body, finish = self.body(vehicle.model), self.finish(vehicle)
        camera, moment, size = self.cameras[shot.moment.camera - 1], shot.moment, self.size
        rng = np.random.default_rng([shot.seed, 40])
        view = look(shot, body.mesh)
        sun = direction(moment.sun_azimuth, moment.sun_elevation).astype(np.float32)
        scene = self.behind(view, body, shot, sun)
        fine = size * SAMPLES
        index = silhouette(view, body.mesh.vertices, fine)
        hits = cast(body, finish.canvas, view.origin, view.rays(grid(fine)[index]))
        layer = np.zeros((fine * fine, 4), np.float32)
        at = index[hits.index]
        layer[at, :3], layer[at, 3] = shade(finish, hits, moment, sun), 1.0
        layer = cv2.resize(layer.reshape(fine, fine, 4), (size, size), interpolation=cv2.INTER_AREA)
        scene = scene * (1 - layer[..., 3:]) + layer[..., :3]
        parts = np.full(fine * fine, 255, np.uint8)
        parts[at] = finish.canvas.part[hits.row, hits.column]
        scene, cover = self.before(scene, view, body, shot, sun, rng)
        image, parts = develop(scene * gain(moment), camera, rng), parts.reshape(fine, fine)
        return Picture(image, parts, self.whole_counts(parts, view, body, finish), view, cover)

    def behind(self, view: View, body: Body, shot: Shot, sun: np.ndarray) -> np.ndarray:
        """Draw the street, the shadows on it and the traffic behind the vehicle: (S, S, 3) linear."""
        moment, size = shot.moment, self.size
        rays = view.rays(grid(size))
        c, s = np.cos(moment.heading), np.sin(moment.heading)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
        origin = np.einsum("ij,j->i", turn, view.origin) + np.array([moment.place + shot.along, moment.lane, 0])
        above = sun if moment.sun else UP
        shadow = ground_shade(view, body.mesh, above, size, np.zeros(3))
        other = None
        if moment.traffic:
            rng = np.random.default_rng([moment.traffic, 41])
            away = -np.sign(np.cos(shot.azimuth)) * rng.uniform(6.5, 9.0)
            offset = np.array([away, rng.choice([-3.5, 0.0, 3.5]), 0.0])
            if offset[1] == 0:
                offset[0] *= 1.15
            other = self.passing(rng, view, offset, moment, sun, rays)
            shadow *= ground_shade(view, other[2], above, size, offset)
        shadow = 1 - (1 - shadow) * (1.0 if moment.sun else 0.75)
        turned = np.einsum("ij,kj->ik", rays, turn)
        street = make_street(self.cameras[moment.camera - 1], size)
        out = background(street, moment, origin, turned, shadow.ravel()).reshape(size, size, 3)
        if other is not None:
            out = out * (1 - other[1]) + other[0]
        return out

    def passing(self, rng: np.random.Generator, view: View, offset: np.ndarray, moment: Moment, sun, rays) -> tuple:
        """Draw another vehicle at ``offset`` from ours: its light (S, S, 3), coverage (S, S, 1) and mesh."""
        size = self.size
        body = self.body(int(rng.integers(len(self.models))))
        paint, _, flakes = PAINTS[list(PAINTS)[int(rng.integers(5))]]
        nobody = Vehicle(0, body.model.number, 0, paint, flakes, "", (), 0)
        finish = make_finish(body, nobody)
        moved = View(view.origin - offset, view.axes, view.left, view.top, view.side)
        layer = np.zeros((size * size, 4), np.float32)
        depth = np.einsum("ij,j->i", body.mesh.vertices - moved.origin, moved.axes[2])
        index = silhouette(moved, body.mesh.vertices, size) if depth.min() > 1.0 else ()
        if len(index):
            hits = cast(body, finish.canvas, moved.origin, rays[index])
            at = index[hits.index]
            layer[at, :3], layer[at, 3] = shade(finish, hits, moment, sun), 1.0
        layer = cv2.GaussianBlur(layer.reshape(size, size, 4), (0, 0), 0.5)
        return layer[..., :3], layer[..., 3:], body.mesh

    def before(self, scene, view: View, body: Body, shot: Shot, sun, rng) -> tuple[np.ndarray, np.ndarray]:
        """Draw what stands between camera and vehicle, and its coverage of each pixel: (S, S, 3), (S, S)."""
        size = self.size
        if shot.occluder == "":
            return scene, np.zeros((size, size), np.float32)
        if shot.occluder == "car":
            toward = np.array([np.cos(shot.azimuth), np.sin(shot.azimuth), 0])
            across = np.array([-toward[1], toward[0], 0])
            offset = toward * rng.uniform(4.2, 5.6) + across * rng.choice([-1, 1]) * rng.uniform(0.9, 2.0)
            color, alpha, _ = self.passing(rng, view, offset, shot.moment, sun, view.rays(grid(size)))
            return scene * (1 - alpha) + color, alpha[..., 0]
        color, alpha = draw_occluder(shot.occluder, size, rng)
        light = shot.moment.sky * 0.8 + shot.moment.sun * 0.5
        return scene * (1 - alpha[..., None]) + LINEAR[color] * (alpha[..., None] * light), alpha

    def whole_counts(self, parts: np.ndarray, view: View, body: Body, finish: Finish) -> dict[int, int]:
        """Count the samples that each part would have without the frame's edge and without an occluder."""
        at = view.project(body.mesh.vertices)
        low, high = min(0.0, float(at.min())), max(1.0, float(at.max()))
        if low == 0.0 and high == 1.0:
            samples = parts[parts != 255]
        else:
            size = round((high - low) * self.size)
            index = silhouette(view, body.mesh.vertices, size, low, high)
            rays = view.rays(low + grid(size)[index] * (high - low))
            hits = cast(body, finish.canvas, view.origin, rays)
            samples = np.repeat(finish.canvas.part[hits.row, hits.column], SAMPLES**2)
        return {int(k): int(n) for k, n in zip(*np.unique(samples, return_counts=True), strict=True)}


def gain(moment: Moment) -> float:
    """Return the gain of automatic exposure, which leaves a part of the difference between dull and bright days."""
    return float((1.15 / (0.9 * moment.sky + 1.3 * moment.sun * np.sin(moment.sun_elevation))) ** 0.55)


def develop(scene: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Convert light to the camera's picture: exposure, colour, blur and noise; (S, S, 3) uint8 RGB."""
    size = scene.shape[0]
    picture = to_stored(scene * (camera.exposure * np.array([1 + camera.warmth, 1, 1 - camera.warmth], np.float32)))
    grey = picture.mean(-1, keepdims=True)
    picture = grey + (picture - grey) * camera.saturation
    picture = 0.5 + (picture - 0.5) * camera.contrast
    sigma = camera.blur * size / 128
    if sigma > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    noise = rng.standard_normal(scene.shape, dtype=np.float32)
    picture += noise * camera.noise
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)

"""Render one picture of one vehicle by ray casting (embree), with its exact truth.

Samples that hit the vehicle are shaded from its atlas; window samples look on into the cabin, whose sheets (ornaments,
dash, seats) shift with the view as real things behind glass do. The street behind is looked up, not cast.

Vectors and colours of many samples are (3, N): NumPy is several times faster on long rows than on rows of three.
Products are summed one by one, by `dot` or by einsum, and not by ``@``: BLAS rounds differently on different machines
and settings, and one last bit in a thousand pictures is enough to train another network. For the same reason the order
of every sum stays as it is.
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
from partreg.synthetic.geometry import build_mesh
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
        """Project points (3, N) to image coordinates (2, N), relative to the image's side."""
        x, y, z = points - self.origin[:, None]
        right, down, ahead = (x * a + z * c + y * b for a, b, c in self.axes)
        return np.stack([(right / ahead - self.left) / self.side, (down / ahead - self.top) / self.side])

    def rays(self, index: np.ndarray, size: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Return unit directions (3, N) float32 through pixels of a size x size grid over [low, high] of the image."""
        row = index // size
        line = low + (np.arange(size) + 0.5) / size * (high - low)
        x, y = (self.left + line * self.side)[index - row * size], (self.top + line * self.side)[row]
        d = [x * a + y * b + c for a, b, c in self.axes.T]
        length = np.sqrt(d[0] * d[0] + d[2] * d[2] + d[1] * d[1])
        return np.stack([k / length for k in d]).astype(np.float32)


@dataclass(frozen=True)
class Body:
    """A model ready for ray casting: vertices (3, V), embree scene, unmarked atlas and a cabin without marks."""

    model: Model
    points: np.ndarray
    foot: np.ndarray  # the outermost of its low vertices, (3, N), on the ground
    scene: EmbreeScene
    canvas: Canvas
    cabin: Cabin
    corners: np.ndarray  # (5, 3, T): normal and atlas position at the first corner, and how they change to the others
    geometry: TriangleMesh  # the scene does not keep it alive


@dataclass(frozen=True)
class Finish:
    """What an identity adds to a body: marked atlas, cabin, paint."""

    canvas: Canvas
    cabin: Cabin
    paint: np.ndarray
    flakes: float


@dataclass(frozen=True)
class Hits:
    """Samples that meet a vehicle: their index among the rays, texel in the flat atlas, normal, point and direction."""

    index: np.ndarray
    texel: np.ndarray
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
    cabin = build_cabin(model, (), canvas.scale)
    corners = np.ascontiguousarray(corners.transpose(2, 1, 0), np.float32)
    points = np.ascontiguousarray(mesh.vertices.T, float)
    return Body(model, points, make_foot(points), scene, canvas, cabin, corners, geometry)


def make_foot(points: np.ndarray) -> np.ndarray:
    """Choose the vertices under 0.9 m that lie within a millimetre of their hull, seen from above: (3, N), z is 0."""
    x, y = points[:2, points[2] < 0.9]
    hull = cv2.convexHull(np.stack([x, y], -1).astype(np.float32))[:, 0].astype(float)
    ahead = np.roll(hull, -1, 0) - hull
    ahead /= np.hypot(*ahead.T)[:, None]
    inside = np.abs((x[:, None] - hull[:, 0]) * ahead[:, 1] - (y[:, None] - hull[:, 1]) * ahead[:, 0]).min(1)
    return np.stack([x, y, np.zeros_like(x)])[:, inside < 1e-3]


def make_finish(body: Body, vehicle: Vehicle) -> Finish:
    """Paint an identity and build its cabin."""
    canvas = paint_vehicle(body.canvas, body.model, vehicle)
    cabin = build_cabin(body.model, vehicle.marks, body.canvas.scale)
    return Finish(canvas, cabin, np.array(vehicle.paint, np.float32), vehicle.flakes)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the dot products (N,) of vectors (3, N) with others (3, N), or with one (3,)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def direction(azimuth: float, elevation: float) -> np.ndarray:
    """Return the unit vector (3,) towards two angles in radians."""
    a, e = azimuth, elevation
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def look(shot: Shot, points: np.ndarray) -> tuple[View, np.ndarray]:
    """Aim at a vehicle with vertices ``points`` (3, V); the frame is its projection with a margin, shifted.

    Returns the view, and the vertices in its image coordinates (2, V).
    """
    away = direction(shot.azimuth, shot.elevation)
    origin = np.array([0, 0, 0.7]) + shot.distance * away
    right = np.cross(-away, UP)
    right /= np.sqrt(np.sum(right**2))
    down = np.cross(-away, right)
    c, s = np.cos(shot.roll), np.sin(shot.roll)
    axes = np.stack([c * right + s * down, c * down - s * right, -away])
    plane = View(origin, axes, 0.0, 0.0, 1.0).project(points)
    low, high = plane.min(1), plane.max(1)
    side = float((high - low).max() * (1 + shot.margin))
    corner = (low + high) / 2 - side / 2 + np.array(shot.shift) * side
    return View(origin, axes, float(corner[0]), float(corner[1]), side), (plane - corner[:, None]) / side


def silhouette(at: np.ndarray, size: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Find the samples of a size x size grid over [low, high] under the convex hull of points (2, V): their indices."""
    hull = cv2.convexHull(((at - low) / (high - low) * size).T.astype(np.float32))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1)
    return np.flatnonzero(cv2.dilate(mask, np.ones((3, 3), np.uint8)).view(bool))


def cast(body: Body, canvas: Canvas, origin: np.ndarray, rays: np.ndarray) -> Hits:
    """Find where rays (3, N) from ``origin`` meet a body."""
    start = np.empty((rays.shape[1], 3), np.float32)
    start[:] = origin
    hits = body.scene.run(start, np.ascontiguousarray(rays.T), output=True)
    index = np.flatnonzero(hits["primID"] >= 0)
    triangle, u, v, reach = (hits[name].take(index) for name in ("primID", "u", "v", "tfar"))
    mixed = [a.take(triangle) + u * b.take(triangle) + v * c.take(triangle) for a, b, c in body.corners]
    normal = np.stack(mixed[:3])
    normal /= np.sqrt(dot(normal, normal)) + 1e-6
    high, wide = canvas.part.shape
    column = np.clip((mixed[3] * canvas.scale).astype(np.int32), 0, wide - 1)
    row = np.clip((mixed[4] * canvas.scale).astype(np.int32), 0, high - 1)
    ray = rays.take(index, axis=1)
    return Hits(index, row * wide + column, normal, origin.astype(np.float32)[:, None] + reach * ray, ray)


def environment(direction_z: np.ndarray, sky: float, ground: float) -> np.ndarray:
    """Return the brightness of the surroundings in a direction's height: dark road, bright horizon, sky."""
    up = np.clip(direction_z, 0, 1)
    street = ground + (0.42 - ground) * np.clip((direction_z + 0.25) / 0.25, 0, 1)
    return sky * np.where(
        direction_z > 0.10, 0.95 - 0.35 * up, np.where(direction_z > 0, 0.42 + 5.3 * up, street)
    ).astype(np.float32)


def ripple(direction: np.ndarray, moment: Moment) -> np.ndarray:
    """Return uneven surroundings (trees, facades) that glass reflects: (N,) about 0, smooth in direction."""
    phase = (moment.seed % 628) / 100
    x, y, z = direction
    return np.sin(4 * x + 3 * y + phase) * np.sin(6 * z + 2 * phase) + 0.5 * np.sin(9 * y - 5 * z + 3 * phase)


# By material, in the order of `partreg.synthetic.canvas`: how much is reflected head on, how much of the rest at a
# grazing angle, the strength of the sun's image, and the glow of lamps.
GLOSSINESS = np.array([0.04, 0.075, 0.02, 0.45, 0.07, 0.06, 0.05], np.float32)
GRAZING, MIRRORED = np.where(np.arange(7) == MATTE, [[0.1], [0.0]], [[0.75], [1.6]])
GLOW = np.array([0.16 if m == LAMP else 0.10 if m == TAIL else 0.0 for m in range(7)], np.float32)


def shade(finish: Finish, hits: Hits, moment: Moment, sun: np.ndarray) -> np.ndarray:
    """Compute the light that the samples send to the camera: (3, N) float32 linear RGB."""
    material = finish.canvas.material.take(hits.texel)
    color = finish.canvas.color.reshape(-1, 3).take(hits.texel, 0)
    painted = material == PAINT
    n, d = hits.normal, hits.ray
    facing = dot(n, d)
    mirrored = d - 2 * facing * n
    cosine = np.clip(dot(n, sun), 0, 1)
    height = np.clip(0.45 + hits.point[2] / 1.1, 0.45, 1.0)
    ambient = moment.sky * (0.60 + 0.40 * n[2]) * height
    sheen = np.clip(-facing, 0, 1)
    flakes = 1 + finish.flakes * (sheen**3 - 0.35) * 0.9
    diffuse = (ambient + moment.sun * 1.35 * cosine) * np.where(painted, flakes, 1) + GLOW.take(material)
    fresnel = GLOSSINESS.take(material)
    fresnel = fresnel + (1 - fresnel) * np.clip(1 - sheen, 0, 1) ** 5 * GRAZING.take(material)
    reflection = fresnel * environment(mirrored[2], moment.sky, 0.12)
    if moment.sun:
        toward = dot(mirrored, sun)
        near = np.flatnonzero(toward > 0.5)  # elsewhere it is too little for the last bit
        glint = np.minimum(toward[near], 1) ** 70 * moment.sun * MIRRORED.take(material[near])
        reflection[near] += glint * np.clip(fresnel[near] * 6, 0, 1)
    out = np.empty((3, len(material)))
    for channel, paint in enumerate(finish.paint):
        albedo = LINEAR.take(color[:, channel])
        out[channel] = np.where(painted, albedo * paint, albedo) * diffuse + reflection
    glass = np.flatnonzero(material == GLASS)
    if len(glass):
        inside = cabin_light(finish.cabin, hits.point.take(glass, 1), d.take(glass, 1), moment)
        outside = reflection[glass] * (1 + 0.8 * ripple(mirrored.take(glass, 1), moment))
        out[:, glass] = inside * 0.85 * (1 - fresnel[glass]) + outside * 0.8
    return (out * np.array([[1 + moment.warmth], [1], [1 - moment.warmth]], np.float32)).astype(np.float32)


def cabin_light(cabin: Cabin, point: np.ndarray, ray: np.ndarray, moment: Moment) -> np.ndarray:
    """Compute the light (3, N) float32 that comes through a window; a ray meets the sheets in its direction's order."""
    light = 0.55 * moment.sky + 0.45 * moment.sun
    out = np.empty_like(ray)
    # Behind everything: the cabin's dark, or the street seen through the window opposite.
    dy = np.where(np.abs(ray[1]) < 1e-3, 1e-3, ray[1])
    through = point[2] + (np.sign(dy) * 0.72 - point[1]) / dy * ray[2]
    clear = (through > cabin.dash + 0.03) & (through < cabin.dash + 0.42) & (np.abs(dy) > 0.15)
    out[:] = np.where(clear, 0.16, 0.022) * light
    for backwards, order in ((True, (3, 2, "driver", "dash", 1, 0)), (False, (0, 2, "driver", 3, "shelf", 4))):
        chosen = np.flatnonzero((ray[0] < 0) == backwards)
        start, way, seen = (a.take(chosen, 1) for a in (point, ray, out))
        ahead = np.where(np.abs(way[0]) < 1e-3, 1e-3, way[0])  # nothing can be divided by values nearer to 0
        for name in order:
            if name == "driver":
                driver(cabin, moment, start, way, ahead, seen, light)
            elif name in ("dash", "shelf"):
                flat_board(cabin, name, start, way, seen, light)
            else:
                sheet(cabin, name, start, way, ahead, seen, light)
        out[:, chosen] = seen
    return out


def driver(cabin: Cabin, moment: Moment, point, ray, ahead, out, light: float) -> None:
    """Draw the driver of the day, in the front left seat; a driver is no mark of the vehicle."""
    t = (cabin.places[2] + 0.14 - point[0]) / ahead
    y, z = point[1] + t * ray[1] - 0.37, point[2] + t * ray[2] - cabin.dash
    near = np.flatnonzero((t > 0) & (np.abs(y) < 0.24) & (z > -0.36) & (z < 0.40))
    y, z = y[near], z[near]
    head = (y / 0.095) ** 2 + ((z - 0.27) / 0.125) ** 2 < 1
    torso = (y / 0.23) ** 4 + ((z + 0.10) / 0.25) ** 4 < 1
    for shape, color in ((torso, moment.driver), (head, (186, 140, 116)), (head & (z > 0.31), (34, 28, 24))):
        out[:, near[shape]] = (LINEAR[list(color)] * (light * 0.5))[:, None]


def flat_board(cabin: Cabin, name: str, point, ray, out, light: float) -> None:
    """Draw the top of the dash board or rear shelf, seen from above."""
    height = cabin.dash if name == "dash" else cabin.shelf
    x = point[0] + (height - point[2]) / np.minimum(ray[2], -1e-4) * ray[0]
    hit = x > cabin.places[1] - 0.25 if name == "dash" else x < cabin.places[4] + 0.35
    hit &= (ray[2] < -1e-3) & (point[2] > height)
    out[:, hit] = np.array([[0.035], [0.036], [0.038]], np.float32) * light


SHEET_LIGHT = (0.95, 0.9, 0.42, 0.30, 0.85)  # how much daylight reaches hang, dash, front seats, rear seats, shelf


def sheet(cabin: Cabin, number: int, point, ray, ahead, out, light: float) -> None:
    """Draw one sheet of the cabin over the light from behind it."""
    t = (cabin.places[number] - point[0]) / ahead
    y, z = point[1] + t * ray[1], point[2] + t * ray[2]
    high, wide, _ = cabin.layers[number].shape
    column = ((y + LAYER_WIDTH) * cabin.scale).astype(np.int32)
    row = ((LAYER_HIGH - z) * cabin.scale).astype(np.int32)
    met = np.flatnonzero((t > 0) & (column >= 0) & (column < wide) & (row >= 0) & (row < high))
    texel = cabin.layers[number].reshape(-1, 4).take(row[met] * wide + column[met], 0)
    drawn = np.flatnonzero(texel[:, 3])
    met, texel = met[drawn], texel[drawn].T
    alpha = texel[3] / np.float32(255)
    out[:, met] = out[:, met] * (1 - alpha) + LINEAR.take(texel[:3]) * alpha * (light * SHEET_LIGHT[number])


def ground_shade(view: View, body: Body, sun: np.ndarray, size: int, offset: np.ndarray) -> np.ndarray:
    """Draw the soft shadow of a vehicle at ``offset``: the share of the sun that reaches the ground, (S, S) float32."""
    v = body.points + offset[:, None]
    reach = v[2] / max(sun[2], 0.2)
    shadow = np.stack([v[0] - reach * sun[0], v[1] - reach * sun[1], np.zeros_like(reach)])
    out = np.ones((size, size), np.float32)
    for outline, depth in ((shadow, 0.90), (body.foot + offset[:, None], 0.60)):
        at = np.clip(view.project(outline) * size, -4 * size, 5 * size)
        hull = cv2.convexHull(at.T.astype(np.float32))
        layer = np.ones((size, size), np.float32)
        cv2.fillConvexPoly(layer, np.round(hull * 16).astype(np.int32), 1 - depth, cv2.LINE_AA, 4)
        out *= cv2.GaussianBlur(layer, (0, 0), size / 90)
    return out


class Studio:
    """A renderer of shots that keeps the models, vehicles and streets that it has built; one for each process."""

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
        view, points = look(shot, body.points)
        sun = direction(moment.sun_azimuth, moment.sun_elevation).astype(np.float32)
        fine = size * SAMPLES
        index = silhouette(points, fine)
        hits = cast(body, finish.canvas, view.origin, view.rays(index, fine))
        at = index[hits.index]
        layer = np.zeros((4, fine, fine), np.float32)
        layer.reshape(4, -1)[:3, at], layer.reshape(4, -1)[3, at] = shade(finish, hits, moment, sun), 1.0
        upper, lower = (layer[:, k::2, ::2] + layer[:, k::2, 1::2] for k in (0, 1))
        color, alpha = np.split((upper + lower) * np.float32(0.25), [3])
        scene = self.behind(view, body, shot, sun, np.flatnonzero(alpha < 1)) * (1 - alpha) + color
        parts = np.full(fine * fine, 255, np.uint8)
        parts[at] = finish.canvas.part.take(hits.texel)
        scene, cover = self.before(scene, view, body, shot, sun, rng)
        image, parts = develop(scene * gain(moment), camera, rng), parts.reshape(fine, fine)
        return Picture(image, parts, self.whole_counts(parts, view, points, body, finish), view, cover)

    def behind(self, view: View, body: Body, shot: Shot, sun: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Draw street, shadows and traffic behind the vehicle: (3, S, S) linear.

        ``shown`` are the flat indices of the pixels that the vehicle does not fill; the street is looked up there only.
        """
        moment, size = shot.moment, self.size
        c, s = np.cos(moment.heading), np.sin(moment.heading)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
        origin = np.einsum("ij,j->i", turn, view.origin) + np.array([moment.place + shot.along, moment.lane, 0])
        above = sun if moment.sun else UP
        shadow = ground_shade(view, body, above, size, np.zeros(3))
        other = None
        if moment.traffic:
            rng = np.random.default_rng([moment.traffic, 41])
            away = -np.sign(np.cos(shot.azimuth)) * rng.uniform(6.5, 9.0)
            offset = np.array([away, rng.choice([-3.5, 0.0, 3.5]), 0.0])
            if offset[1] == 0:
                offset[0] *= 1.15
            other = self.passing(rng, view, offset, moment, sun)
            shadow *= ground_shade(view, other[2], above, size, offset)
        shadow = 1 - (1 - shadow) * (1.0 if moment.sun else 0.75)
        rays = view.rays(shown, size)
        turned = np.stack([dot(rays, row) for row in turn])
        street = make_street(self.cameras[moment.camera - 1], size)
        out = np.zeros((3, size, size))
        out.reshape(3, -1)[:, shown] = background(street, moment, origin, turned, shadow.take(shown))
        return out if other is None else out * (1 - other[1]) + other[0]

    def passing(self, rng: np.random.Generator, view: View, offset: np.ndarray, moment: Moment, sun) -> tuple:
        """Draw another vehicle at ``offset`` from ours: its light (3, S, S), coverage (S, S) and body."""
        size = self.size
        body = self.body(int(rng.integers(len(self.models))))
        paint, _, flakes = PAINTS[list(PAINTS)[int(rng.integers(5))]]
        finish = Finish(body.canvas, body.cabin, np.array(paint, np.float32), flakes)
        moved = View(view.origin - offset, view.axes, view.left, view.top, view.side)
        layer = np.zeros((size * size, 4), np.float32)
        nearest = dot(body.points - moved.origin[:, None], moved.axes[2]).min()
        index = silhouette(moved.project(body.points), size) if nearest > 1.0 else ()
        if len(index):
            hits = cast(body, finish.canvas, moved.origin, moved.rays(index, size))
            at = index[hits.index]
            layer[at, :3], layer[at, 3] = shade(finish, hits, moment, sun).T, 1.0
        layer = cv2.GaussianBlur(layer.reshape(size, size, 4), (0, 0), 0.5).transpose(2, 0, 1)
        return layer[:3], layer[3], body

    def before(self, scene, view: View, body: Body, shot: Shot, sun, rng) -> tuple[np.ndarray, np.ndarray]:
        """Draw what stands between camera and vehicle, and its coverage of each pixel: (3, S, S), (S, S)."""
        size = self.size
        if shot.occluder == "":
            return scene, np.zeros((size, size), np.float32)
        if shot.occluder == "car":
            toward = np.array([np.cos(shot.azimuth), np.sin(shot.azimuth), 0])
            across = np.array([-toward[1], toward[0], 0])
            offset = toward * rng.uniform(4.2, 5.6) + across * rng.choice([-1, 1]) * rng.uniform(0.9, 2.0)
            light, alpha, _ = self.passing(rng, view, offset, shot.moment, sun)
            return scene * (1 - alpha) + light, alpha
        color, alpha = draw_occluder(shot.occluder, size, rng)
        light = shot.moment.sky * 0.8 + shot.moment.sun * 0.5
        return scene * (1 - alpha) + LINEAR[color.transpose(2, 0, 1)] * (alpha * light), alpha

    def whole_counts(self, parts: np.ndarray, view: View, at: np.ndarray, body: Body, finish: Finish) -> dict[int, int]:
        """Count the samples that each part would have without the frame's edge and without an occluder."""
        low, high = min(0.0, float(at.min())), max(1.0, float(at.max()))
        if low == 0.0 and high == 1.0:
            counts = np.bincount(parts[parts != 255])
        else:
            size = round((high - low) * self.size)
            rays = view.rays(silhouette(at, size, low, high), size, low, high)
            hits = cast(body, finish.canvas, view.origin, rays)
            counts = np.bincount(finish.canvas.part.take(hits.texel)) * SAMPLES**2
        return {part: int(number) for part, number in enumerate(counts) if number}


def gain(moment: Moment) -> float:
    """Return the gain of automatic exposure, which leaves a part of the difference between dull and bright days."""
    return float((1.15 / (0.9 * moment.sky + 1.3 * moment.sun * np.sin(moment.sun_elevation))) ** 0.55)


def develop(scene: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Convert light (3, S, S) to the camera's picture: exposure, colour, blur and noise; (S, S, 3) uint8 RGB."""
    size = scene.shape[1]
    tint = np.array([[[1 + camera.warmth]], [[1]], [[1 - camera.warmth]]], np.float32)
    picture = to_stored(scene * (camera.exposure * tint))
    grey = picture.mean(0)
    picture = grey + (picture - grey) * camera.saturation
    picture = np.ascontiguousarray((0.5 + (picture - 0.5) * camera.contrast).transpose(1, 2, 0))
    sigma = camera.blur * size / 128
    if sigma > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    picture += noise * camera.noise
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)

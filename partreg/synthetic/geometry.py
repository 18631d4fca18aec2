"""The body of a vehicle model as a triangle mesh; every triangle has a place in a texture atlas.

The body is lofted from cross-sections along its length. Each triangle is painted by orthogonal projection from one of
five charts (front, rear, top, left, right), so that textures are drawn in metres and boxes of parts are exact.
Vehicle coordinates in metres: x forward, y to the vehicle's left, z up, the origin on the ground below its centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from partreg.synthetic.vehicles import Model

CHARTS = ("front", "rear", "top", "left", "right", "wheel", "dark")
HALF_WIDTH, HALF_LENGTH, CHART_HEIGHT = 1.25, 2.9, 2.3  # what a chart covers, in metres
ATLAS_WIDTH, ATLAS_HEIGHT = 5.9, 2.3 + 2.5 + 2.3 + 2.3
# Upper left corner of each chart in the atlas (column, row), in metres.
CORNERS = {
    "front": (0.0, 0.0), "rear": (2.5, 0.0), "top": (0.0, 2.3), "left": (0.0, 4.8), "right": (0.0, 7.1),
    "wheel": (5.0, 0.0), "dark": (5.1, 1.2),
}  # fmt: skip
DARK_SPOT = np.array(CORNERS["dark"]) + 0.2  # a place in the atlas that is plain dark
SIDE_LEVELS, GLASS_LEVELS, CORNER_LEVELS, ROOF_LEVELS = 6, 4, 4, 5


@dataclass(frozen=True)
class Mesh:
    """Vertices (V, 3), triangles (T, 3), vertex normals (V, 3), atlas position of each corner (T, 3, 2) in metres."""

    vertices: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    atlas: np.ndarray


def chart_position(chart: str, points: np.ndarray) -> np.ndarray:
    """Place points (..., 3) of the vehicle in the atlas: (..., 2), column and row in metres."""
    x, y, z = np.moveaxis(points, -1, 0)
    across, half = (y, HALF_WIDTH) if chart in ("front", "rear") else (x, HALF_LENGTH)
    down = HALF_WIDTH - y if chart == "top" else CHART_HEIGHT - z
    column, row = CORNERS[chart]
    return np.stack([column + half + across, row + down], -1)


class Outline:
    """The side view and plan of a model: top, bottom and half width along x."""

    def __init__(self, model: Model):
        m = self.model = model
        self.front, self.back = m.length / 2, -m.length / 2
        self.cowl = self.front - m.hood
        self.roof_front = self.cowl - m.screen
        self.roof_back = self.back + m.overhang
        self.deck = max(self.roof_back - m.backlight, self.back + 0.03)
        drop = 0.12 if m.style != "van" else 0.17
        knots = [
            (self.back, m.tail - 0.10), (self.back + 0.05, m.tail - 0.01), (self.deck, m.tail + 0.02),
            (self.roof_back, m.height - 0.05), ((self.roof_front + self.roof_back) / 2, m.height),
            (self.roof_front, m.height - 0.05), (self.cowl, m.belt + 0.06),
            (self.front - 0.16, m.belt - drop),
            (self.front, m.belt - 0.24),
        ]  # fmt: skip
        xs, zs = zip(*knots, strict=True)
        self.x = np.linspace(self.back, self.front, 241)
        order = np.argsort(xs)
        top = np.interp(self.x, np.array(xs)[order], np.array(zs)[order])
        step = self.x[1] - self.x[0]
        self.z = gaussian_filter1d(top, (0.05 if m.style in ("van", "pickup") else 0.075) / step, mode="nearest")

    def edge(self, end: str) -> float:
        """Return half the width where the lamps of an end, "front" or "rear", are."""
        x = self.front - 0.10 if end == "front" else self.back + 0.08
        return float(self.half_width(x, self.model.belt - 0.2))

    def mirror(self) -> float:
        """Return the y of the left mirror."""
        return float(self.half_width(self.cowl - 0.25, self.model.belt + 0.05)) + 0.13

    def top(self, x: float | np.ndarray) -> np.ndarray:
        """Return the height of the top at ``x``."""
        return np.interp(x, self.x, self.z)

    def half_width(self, x: float | np.ndarray, z: float | np.ndarray) -> np.ndarray:
        """Return half the width at ``x`` and ``z``: rounded nose and tail, waist, shoulder and tumblehome."""
        m = self.model
        nose = np.clip((x - (self.front - 0.55)) / 0.55, 0, 1) ** 2.6 * 0.17
        tail = np.clip((self.back + 0.45 - x) / 0.45, 0, 1) ** 2.6 * 0.10
        low = np.clip((0.5 - z) / 0.5, 0, 1) ** 2 * 0.10
        shoulder = np.clip((z - m.belt) / 0.05, 0, 1) * 0.035 / (m.width / 2)
        lean = np.clip(z - m.belt, 0, None) * m.tumble / (m.width / 2)
        waist = 0.012 * np.cos(np.clip((z - 0.6) / 0.35, -1, 1) * np.pi)
        return m.width / 2 * (1 - nose - tail - low - shoulder - lean + waist - 0.012)

    def bottom(self, x: np.ndarray) -> np.ndarray:
        """Return the height of the floor at ``x``; it rises at both ends."""
        ends = np.clip((np.abs(x) - (self.front - 0.3)) / 0.3, 0, 1) ** 2
        return self.model.clearance + 0.07 * ends


@lru_cache(maxsize=64)
def outline_of(model: Model) -> Outline:
    """Return the outline of a model, made once."""
    return Outline(model)


def stations(outline: Outline) -> np.ndarray:
    """Choose the x of cross-sections: dense at both ends and where the profile bends."""
    o = outline
    ends = np.array([0, 0.02, 0.05, 0.10, 0.17, 0.26, 0.38, 0.55])
    bends = [o.cowl, o.roof_front, o.roof_back, o.deck]
    near = np.concatenate([[b + d for d in (-0.12, -0.06, 0, 0.06, 0.12)] for b in bends])
    grid = np.linspace(o.back + 0.55, o.front - 0.55, 26)
    x = np.concatenate([o.back + ends, o.front - ends, near, grid])
    x = np.unique(np.round(x[(x >= o.back) & (x <= o.front)], 3))
    return x[np.concatenate([[True], np.diff(x) > 0.012])]


def section(outline: Outline, x: float) -> np.ndarray:
    """Return a closed cross-section (K, 2) of y and z: from the floor's centre up the left side, over the top, back."""
    m = outline.model
    top, low = float(outline.top(x)), float(outline.bottom(x))
    radius = 0.07 if m.style == "van" else 0.09
    edge = top - radius
    belt = min(m.belt, edge)
    z = np.concatenate([np.linspace(low + 0.04, belt, SIDE_LEVELS), np.linspace(belt, edge, GLASS_LEVELS + 1)[1:]])
    y = outline.half_width(np.full_like(z, x), z)
    bend = np.linspace(0, np.pi / 2, CORNER_LEVELS + 1)[1:]
    corner = np.stack([y[-1] - radius * (1 - np.cos(bend)), edge + radius * np.sin(bend) * 0.8], -1)
    roof_y = np.linspace(corner[-1, 0], 0, ROOF_LEVELS + 1)[1:]
    crown = radius * 0.8 + 0.028 * (1 - (roof_y / max(corner[-1, 0], 1e-3)) ** 2)
    floor, roof = [[0, low], [y[0] * 0.93, low]], np.stack([roof_y, edge + crown], -1)
    half = np.concatenate([floor, np.stack([y, z], -1), corner, roof])
    right = half[-2::-1] * [-1, 1]
    return np.concatenate([half, right])


def smooth_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Compute vertex normals (V, 3): the area-weighted mean of the adjoining triangles', of length one."""
    face = face_normals(vertices[triangles])
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, triangles[:, k], face)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def face_normals(corners: np.ndarray) -> np.ndarray:
    """Compute the normals (T, 3) of triangles (T, 3, 3), twice as long as their areas."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def quads(n: int, k: int) -> np.ndarray:
    """Join the vertices of an n x k grid by triangles (T, 3)."""
    index = np.arange(n * k).reshape(n, k)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])


def loft(rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join rings (N, K, 3) along x and close both ends: vertices and triangles."""
    n, k, _ = rings.shape
    caps, extra = [], []
    for row, flip in ((0, True), (n - 1, False)):
        ring = rings[row]
        centre = np.array([ring[0, 0], 0, (ring[:, 2].min() + ring[:, 2].max()) / 2])
        base = n * k + len(extra) * (k + 1)
        extra.append(np.concatenate([ring, centre[None]]))
        i = np.arange(k - 1)
        fan = np.stack([base + i, base + i + 1, np.full(k - 1, base + k)], -1)
        caps.append(fan[:, ::-1] if flip else fan)
    return np.concatenate([rings.reshape(-1, 3), *extra]), np.concatenate([quads(n, k), *caps])


def choose_charts(outline: Outline, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Choose the chart that paints each triangle: (T,) indices into CHARTS."""
    o, corners = outline, vertices[triangles]
    normal = face_normals(corners)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    x, z = corners[..., 0].mean(1), corners[..., 2].mean(1)
    nx, ny, nz = normal.T
    chart = np.full(len(triangles), CHARTS.index("top"))
    screen = (x > o.roof_front - 0.05) & (x < o.cowl + 0.03) & (nx > 0.2)
    back = (x < o.roof_back + 0.05) & (x > o.deck - 0.06) & (nx < -0.2)
    if o.model.style == "pickup":
        back &= z > o.model.belt + 0.03  # below it is the wall between cab and bed, which shows no lamps
    front = (nx > 0.5) & (x > o.front - 0.6)
    rear = (nx < -0.5) & (x < o.back + 0.6)
    side = np.abs(ny) > 0.62
    chart[screen | front] = CHARTS.index("front")
    chart[back | rear] = CHARTS.index("rear")
    chart[side & (ny > 0)] = CHARTS.index("left")
    chart[side & (ny < 0)] = CHARTS.index("right")
    chart[nz < -0.6] = CHARTS.index("dark")
    return chart


def wheel(centre: tuple[float, float], outer: float, radius: float, width: float = 0.2) -> tuple[np.ndarray, ...]:
    """Make a wheel: its vertices, triangles and atlas positions; ``outer`` is the y of its outer face."""
    turn = np.linspace(0, 2 * np.pi, 25)[:-1]
    ring = np.stack([centre[0] + radius * np.cos(turn), np.zeros(24), centre[1] + radius * np.sin(turn)], -1)
    sign = np.sign(outer)
    rows = [ring + np.array([0, outer, 0]), ring + np.array([0, outer - sign * width, 0])]
    hub = np.array([[centre[0], outer - sign * 0.02, centre[1]]])
    vertices = np.concatenate([rows[0], hub, rows[0], rows[1]])
    i, j = np.arange(24), (np.arange(24) + 1) % 24
    disc = np.stack([i, j, np.full(24, 24)], -1)
    tread = np.concatenate([np.stack([25 + i, 25 + j, 49 + j], -1), np.stack([25 + i, 49 + j, 49 + i], -1)])
    flat = (vertices[disc][..., [0, 2]] - np.array(centre)) / radius * 0.40
    column, row = CORNERS["wheel"]
    face = np.stack([column + 0.45 + flat[..., 0], row + 0.45 - flat[..., 1]], -1)
    atlas = np.concatenate([face, np.tile(DARK_SPOT, (48, 3, 1))])
    triangles = np.concatenate([disc, tread])
    if sign > 0:
        triangles = triangles[:, [0, 2, 1]]
        atlas = atlas[:, [0, 2, 1]]
    return vertices, triangles, atlas


def mirror(centre: np.ndarray, atlas_spot: np.ndarray) -> tuple[np.ndarray, ...]:
    """Make a door mirror, a rounded box: its vertices, triangles and atlas positions."""
    up, around = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 7), np.linspace(0, 2 * np.pi, 13), indexing="ij")
    ball = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], -1)
    ball = np.sign(ball) * np.abs(ball) ** 0.6 * np.array([0.07, 0.12, 0.08]) + centre
    triangles = quads(7, 13)
    return ball.reshape(-1, 3), triangles, np.tile(atlas_spot, (len(triangles), 3, 1))


def build_mesh(model: Model) -> Mesh:
    """Build the mesh of a model: body, four wheels, two mirrors (about 3,000 triangles)."""
    o = outline_of(model)
    rings = np.stack([np.insert(section(o, x), 0, x, axis=1) for x in stations(o)])
    vertices, triangles = loft(rings)
    charts = choose_charts(o, vertices, triangles)
    atlas = np.empty((len(triangles), 3, 2))
    for number, chart in enumerate(CHARTS[:5]):
        painted = charts == number
        atlas[painted] = chart_position(chart, vertices[triangles[painted]])
    atlas[charts == CHARTS.index("dark")] = DARK_SPOT
    pieces = [(vertices, triangles, atlas)]
    axle_y = model.width / 2 - 0.045
    for x in axles(model):
        pieces += [wheel((x, model.wheel), s * axle_y, model.wheel) for s in (1, -1)]
    spot = chart_position("top", np.array([o.front - 0.5, 0.35, 0.0]))
    pieces += [mirror(np.array([o.cowl - 0.30, s * o.mirror(), model.belt + 0.10]), spot) for s in (1, -1)]
    starts = np.cumsum([0] + [len(p[0]) for p in pieces[:-1]])
    vertices, atlas = np.concatenate([p[0] for p in pieces]), np.concatenate([p[2] for p in pieces])
    triangles = np.concatenate([p[1] + start for p, start in zip(pieces, starts, strict=True)])
    normals = smooth_normals(vertices, triangles)
    vertices, normals, atlas = (array.astype(np.float32) for array in (vertices, normals, atlas))
    return Mesh(vertices, triangles.astype(np.int32), normals, atlas)


def axles(model: Model) -> tuple[float, float]:
    """Return the x of the front and of the rear axle."""
    return model.length / 2 - 0.82 * model.length / 4.6, -model.length / 2 + 0.80 * model.length / 4.6

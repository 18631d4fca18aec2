"""Identity marks and interiors, which distinguish near-duplicates; most lie behind the windows (Figure 1)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from partreg.synthetic.cameras import Camera
from partreg.synthetic.canvas import CHROME, LAMP, MATTE, PART, SHIFT, TAIL, Canvas, box, disc, star
from partreg.synthetic.geometry import Outline, outline_of
from partreg.synthetic.textures import lamp_shape, paint_wheel, screens
from partreg.synthetic.vehicles import Mark, Model, Vehicle

LAYER_WIDTH, LAYER_LOW, LAYER_HIGH = 1.1, 0.45, 2.05
PLATE_NEAR = 600.0  # pixels times metres: 60 pixels for 7 symbols at 10 metres, 30 at 20
LAYERS = ("hang", "dash", "front_seats", "rear_seats", "shelf")
WHITE, SCRATCH = (240, 240, 236), (190, 186, 180)
CLOTH = ((46, 46, 50), (92, 84, 74), (60, 34, 30), (120, 112, 98))


class Layer:
    """A transparent sheet across the cabin, (H, W, 4) uint8 RGBA; drawn on in metres (y, z)."""

    def __init__(self, scale: float):
        self.scale = scale
        self.image = np.zeros((round((LAYER_HIGH - LAYER_LOW) * scale), round(2 * LAYER_WIDTH * scale), 4), np.uint8)

    def fill(self, points, color: tuple[int, int, int]) -> None:
        """Fill a polygon (N, 2)."""
        y, z = np.asarray(points, float).T
        at = np.stack([y + LAYER_WIDTH, LAYER_HIGH - z], -1) * self.scale - 0.5
        at = [np.round(at * 2**SHIFT).astype(np.int32)]
        cv2.fillPoly(self.image, at, (*(int(c) for c in color), 255), cv2.LINE_AA, SHIFT)


@dataclass(frozen=True)
class Cabin:
    """The inside of a vehicle: x of each layer, heights of dash board and shelf, the layers (5, H, W, 4) uint8."""

    places: tuple[float, ...]
    dash: float
    shelf: float
    layers: np.ndarray
    scale: float


def cabin_things(layer: Layer, mark: Mark, y: float, foot: float) -> None:
    """Draw one thing on the dash board or rear shelf, with its foot at height ``foot``."""
    s, a, b = 0.8 + 0.5 * mark.size, mark.color, mark.second
    parcel = [
        (box(y - 0.12 * s, foot, y + 0.12 * s, foot + 0.10 * s), a),
        (box(y - 0.12 * s, foot + 0.03, y + 0.12 * s, foot + 0.055), b),
    ]
    tip = [(y - 0.05, foot + 0.10 * s), (y + 0.05, foot + 0.10 * s), (y + 0.02, foot + 0.17 * s)]
    ears = [(disc(y + k * 0.05 * s, foot + 0.20 * s, 0.028 * s), b) for k in (-1, 1)]
    animal = [(disc(y, foot + 0.06 * s, 0.08 * s, 0.065 * s), a), (disc(y, foot + 0.15 * s, 0.06 * s), a), *ears]
    sheet = [(y - 0.16 * s, foot), (y + 0.12 * s, foot), (y + 0.16 * s, foot + 0.06), (y - 0.10 * s, foot + 0.07)]
    shapes = {
        "box": parcel,
        "tissue": [*parcel, (tip, WHITE)],
        "toy": animal,
        "plush": animal,
        "bottle": [
            (box(y - 0.035, foot, y + 0.035, foot + 0.17 * s, 0.02), a),
            (box(y - 0.025, foot + 0.17 * s, y + 0.025, foot + 0.21 * s), b),
        ],
        "papers": [(sheet, WHITE), (box(y - 0.06, foot + 0.02, y + 0.04, foot + 0.045), a)],
        "phone": [
            (box(y - 0.05, foot + 0.02, y + 0.05, foot + 0.16, 0.015), (15, 15, 16)),
            (box(y - 0.038, foot + 0.04, y + 0.038, foot + 0.145), a),
        ],
        "cushion": [
            (box(y - 0.13 * s, foot, y + 0.13 * s, foot + 0.16 * s, 0.05), a),
            (disc(y, foot + 0.08 * s, 0.05 * s), b),
        ],
        "hat": [
            (disc(y, foot + 0.05, 0.15 * s, 0.04), a),
            (disc(y, foot + 0.09, 0.085 * s, 0.065), a),
            (box(y - 0.085 * s, foot + 0.055, y + 0.085 * s, foot + 0.085), b),
        ],
    }
    for shape, color in shapes[mark.kind]:
        layer.fill(shape, color)


def hanging(layer: Layer, mark: Mark, top: float) -> None:
    """Draw a thing that hangs from the mirror."""
    y, z, s = (mark.u - 0.5) * 0.6, top - 0.15, 0.85 + 0.4 * mark.size
    layer.fill(box(y - 0.012, z - 0.05, y + 0.012, top - 0.05), mark.color)
    if mark.kind == "knot":
        layer.fill(disc(y, z - 0.06 * s, 0.075 * s, n=4), mark.color)
        layer.fill(disc(y, z - 0.06 * s, 0.03 * s, n=4), mark.second)
        layer.fill([(y - 0.03, z - 0.21 * s), (y + 0.03, z - 0.21 * s), (y, z - 0.10 * s)], mark.color)
    elif mark.kind == "beads":
        for k in range(5):
            layer.fill(disc(y, z - 0.045 * k * s, 0.028), mark.color if k % 2 else mark.second)
    elif mark.kind == "tree":
        for k in range(2):
            foot = z - 0.13 * s + 0.06 * k
            layer.fill([(y - 0.065 * s, foot), (y + 0.065 * s, foot), (y, z + 0.07 * k)], mark.color)
    else:
        layer.fill(disc(y, z - 0.06 * s, 0.07 * s), mark.color)
        layer.fill(disc(y, z - 0.06 * s, 0.035 * s), mark.second)


def build_cabin(model: Model, marks: tuple[Mark, ...], scale: float) -> Cabin:
    """Build the cabin of an identity with ``marks``: dash, steering wheel, seats, mirror, and the things in it."""
    o, base = outline_of(model), model.belt
    layers = {name: Layer(scale) for name in LAYERS}
    seats(layers["front_seats"], layers["rear_seats"], model, marks)
    top = float(o.top(o.roof_front)) - 0.06
    layers["hang"].fill(box(-0.12, top - 0.10, 0.12, top - 0.04, 0.02), (12, 12, 13))
    wide = float(o.half_width(o.cowl, base)) - 0.25
    for mark in marks:
        if mark.place == "front_hang":
            hanging(layers["hang"], mark, top)
        elif mark.place == "front_dash":
            cabin_things(layers["dash"], mark, (mark.u - 0.5) * 2 * wide, base + 0.035)
        elif mark.place == "rear_shelf":
            cabin_things(layers["shelf"], mark, (mark.u - 0.5) * 2 * wide, screens(o)["rear"][0, 1] + 0.01)
    ring, centre = disc(0.37, base + 0.03, 0.17, 0.13, n=30), [0.37, base + 0.03]
    inner = (ring - centre) * 0.8 + centre
    layers["dash"].fill(np.concatenate([ring, ring[:1], inner[:1], inner[::-1]]), (14, 14, 15))  # the steering wheel
    back = min(o.roof_back, 0.0) if model.style == "pickup" else o.roof_back
    rear_seats, shelf = max(o.roof_front - 1.45, back + 0.12), (o.deck + o.roof_back) / 2 + 0.10
    places = (o.roof_front + 0.18, o.cowl - 0.30, o.roof_front - 0.55, rear_seats, shelf)
    return Cabin(places, base + 0.03, base - 0.02, np.stack([layers[name].image for name in LAYERS]), scale)


def seats(front: Layer, rear: Layer, model: Model, marks: tuple[Mark, ...]) -> None:
    """Draw the seats with their head rests, and the marks on them."""
    base, cloth = model.belt, CLOTH[model.seed % len(CLOTH)]
    marks = [mark for mark in marks if mark.place == "seats"]
    covers = next((mark.color for mark in marks if mark.kind == "covers"), cloth)
    for y in (-0.37, 0.37):
        front.fill(box(y - 0.24, 0.3, y + 0.24, base + 0.14, 0.10), covers)
        front.fill(box(y - 0.13, base + 0.17, y + 0.13, base + 0.34, 0.05), covers)
        front.fill(box(y - 0.04, base + 0.10, y + 0.04, base + 0.20), (20, 20, 20))
    rear.fill(box(-0.62, 0.3, 0.62, base + 0.08, 0.08), cloth)
    for y in (-0.40, 0.0, 0.40):
        rear.fill(box(y - 0.11, base + 0.08, y + 0.11, base + 0.23, 0.04), cloth)
    for mark in marks:
        if mark.kind == "cushion":
            rear.fill(box(mark.u - 0.66, base - 0.04, mark.u - 0.34, base + 0.24, 0.06), mark.color)
        elif mark.kind == "child_seat":
            y = 0.4 if mark.u > 0.5 else -0.4
            rear.fill(box(y - 0.22, 0.4, y + 0.22, base + 0.26, 0.10), mark.color)
            rear.fill(disc(y, base + 0.05, 0.12, 0.16), mark.second)


def glass_mark(canvas: Canvas, outline: Outline, mark: Mark) -> None:
    """Draw a sticker on a window, the flatter the more the window slopes."""
    chart, run = ("front", outline.model.screen) if mark.place == "front_glass" else ("rear", outline.model.backlight)
    shape = screens(outline)[chart]
    (x0, z0), (x1, z1) = shape.min(0), shape.max(0)
    squeeze = float(np.clip((z1 - z0) / np.hypot(run, z1 - z0), 0.5, 1.0))
    z = z0 + (z1 - z0) * mark.v
    inset = 0.10 + 0.12 * mark.v
    y = x0 + inset + (x1 - x0 - 2 * inset) * mark.u
    s = 0.055 + 0.03 * mark.size

    def round_(r: float, n: int = 24) -> np.ndarray:
        return disc(y, z, s * r, s * r * squeeze, n)

    def flat(wide: float, high: float) -> np.ndarray:
        return box(y - s * wide, z - s * high * squeeze, y + s * wide, z + s * high * squeeze)

    outer, inner = {
        "round_sticker": (round_(1.0), round_(0.55)),
        "permit": (flat(1.5, 1.0), box(y - s * 1.2, z - s * 0.2, y + s * 1.2, z + s * 0.3 * squeeze)),
        "strip": (flat(3.2, 0.55), round_(0.4)),
        "sign": (round_(1.5, 4), round_(0.7, 4)),
        "sticker": (flat(1.0, 1.0), flat(0.5, 0.5)),
    }[mark.kind]
    canvas.fill(chart, outer, mark.color, MATTE)
    canvas.fill(chart, inner, mark.second, MATTE)


def lamp_mark(canvas: Canvas, outline: Outline, mark: Mark) -> None:
    """Draw a lamp that is replaced, yellowed or has a ring."""
    chart, material = ("front", LAMP) if mark.place == "front_lamp" else ("rear", TAIL)
    shape = lamp_shape(outline, chart) * [1 if mark.u > 0.5 else -1, 1]
    (x0, z0), (x1, z1) = shape.min(0), shape.max(0)
    x, z, r = (x0 + x1) / 2, (z0 + z1) / 2, (z1 - z0) * 0.4
    if mark.kind == "ring":
        canvas.line(chart, disc(x, z, r * 1.1), 0.03, mark.color, material, closed=True)
    elif mark.kind == "yellowed":
        canvas.fill(chart, shape, (214, 190, 96), MATTE)
    elif mark.kind == "dark":
        canvas.fill(chart, shape, (46, 10, 12), TAIL)
    else:
        canvas.fill(chart, shape, (235, 238, 242), material)
        canvas.fill(chart, disc(x, z, r), mark.color, material)


def face_mark(canvas: Canvas, outline: Outline, mark: Mark) -> None:
    """Draw a badge, letters, scratch or patch on the front or rear."""
    m = outline.model
    y, s = (mark.u - 0.5) * 2 * (m.width / 2 - 0.25), 0.05 + 0.035 * mark.size
    if mark.place == "front_badge":
        z = m.belt - 0.06
        shape = disc(y, z, s, s * 0.7) if mark.kind == "badge" else star(y, z, s * 1.4, s * 0.5, 2)
        canvas.fill("front", shape, mark.color, MATTE)
    elif mark.place == "rear_badge":
        z = m.belt - 0.13
        if mark.kind == "letters":
            for k in range(4):
                canvas.fill("rear", box(y + 0.06 * k, z, y + 0.06 * k + 0.04, z + 0.06), mark.color, CHROME)
        else:
            canvas.fill("rear", disc(y, z, s * 1.5, s * (1.2 if mark.kind == "badge" else 0.6)), mark.color, MATTE)
    else:
        chart, z = ("front", "rear")[int(mark.size > 0.5)], m.clearance + 0.15 + 0.35 * mark.v
        if mark.kind == "scratch":
            canvas.line(chart, [(y, z), (y + 0.22, z + 0.05), (y + 0.3, z + 0.02)], 0.022, SCRATCH, MATTE)
        else:
            canvas.fill(chart, box(y - 0.10, z - 0.06, y + 0.10, z + 0.06, 0.02), (70, 70, 72), MATTE)


def plate_frame(canvas: Canvas, outline: Outline, mark: Mark) -> None:
    """Draw a frame around both plates."""
    pad = max(1, round(0.02 * canvas.scale))
    for part in ("front_plate", "rear_plate"):
        plate_area = canvas.part == PART[part]
        columns, rows = np.flatnonzero(plate_area.any(0)), np.flatnonzero(plate_area.any(1))
        low, high = (int(columns[0]) - pad, int(rows[0]) - pad), (int(columns[-1]) + pad, int(rows[-1]) + pad)
        cv2.rectangle(canvas.color, low, high, mark.color, max(1, round(0.03 * canvas.scale)))


def wheel_mark(canvas: Canvas, outline: Outline, mark: Mark) -> None:
    """Draw other rims."""
    paint_wheel(canvas, 4 + int(mark.size * 4), mark.color if mark.size > 0.6 else (40, 40, 42))


def side_mark(canvas: Canvas, outline: Outline, mark: Mark) -> None:
    """Draw a decal, stripe, scratch or dent on a side or the bonnet."""
    o, m = outline, outline.model
    if mark.place == "hood":
        x, y = o.front - 0.3 - 0.6 * mark.v, (mark.u - 0.5) * 1.2
        if mark.kind == "scratch":
            canvas.line("top", [(x, y), (x - 0.3, y + 0.08)], 0.022, SCRATCH, MATTE)
        else:
            canvas.fill("top", star(x, y, 0.13, 0.06, 5), mark.color, MATTE)
        return
    chart = "left" if mark.size > 0.5 else "right"
    x, z = o.back + m.length * mark.u, m.clearance + 0.15 + (m.belt - m.clearance - 0.25) * mark.v
    if mark.kind == "stripe":
        for side in ("left", "right"):
            canvas.fill(side, box(o.back + 0.4, z, o.front - 0.6, z + 0.06), mark.color, MATTE)
    elif mark.kind == "decal":
        canvas.fill(chart, box(x - 0.28, z - 0.12, x + 0.28, z + 0.12, 0.05), mark.color, MATTE)
        canvas.fill(chart, disc(x, z, 0.08), mark.second, MATTE)
    elif mark.kind == "scratch":
        canvas.line(chart, [(x, z), (x + 0.35, z + 0.04), (x + 0.6, z + 0.01)], 0.025, SCRATCH, MATTE)
    else:
        canvas.fill(chart, disc(x, z, 0.14, 0.09), (150, 150, 150))


PAINTERS = {
    "front_glass": glass_mark, "rear_glass": glass_mark, "front_lamp": lamp_mark, "rear_lamp": lamp_mark,
    "front_badge": face_mark, "rear_badge": face_mark, "face": face_mark, "plate_frame": plate_frame,
    "side": side_mark, "hood": side_mark, "wheel": wheel_mark,
}  # fmt: skip


def paint_vehicle(base: Canvas, model: Model, vehicle: Vehicle) -> Canvas:
    """Paint the atlas of an identity: its model's atlas with its own marks; those of the cabin are not on it."""
    outline, canvas = outline_of(model), copy.deepcopy(base)
    for mark in vehicle.marks:
        if mark.place in PAINTERS:
            PAINTERS[mark.place](canvas, outline, mark)
    return canvas


@lru_cache(maxsize=64)
def plate(text: str) -> np.ndarray:
    """Draw a number plate, seen straight and near, as (96, 288, 3) uint8 RGB; do not write to it."""
    image = np.full((96, 288, 3), (24, 66, 150), np.uint8)
    cv2.rectangle(image, (4, 4), (283, 91), (235, 235, 235), 3)
    font, scale = cv2.FONT_HERSHEY_DUPLEX, 1.75
    (w, h), _ = cv2.getTextSize(text, font, scale, 4)
    cv2.putText(image, text, ((288 - w) // 2, (96 + h) // 2), font, scale, (240, 240, 240), 4, cv2.LINE_AA)
    return image


def plate_width(turn: float, distance: float) -> float:
    """Return the width in pixels of a plate seen from ``turn`` radians off its end and ``distance`` metres away."""
    return float(PLATE_NEAR * np.cos(turn) / distance)


def plate_crop(
    text: str, camera: Camera, turn: float, fall: float, roll: float, distance: float, seed: int
) -> np.ndarray:
    """Draw a number plate as a camera sees it from afar, cut out and resized: (24, 72, 3) uint8 RGB.

    The views from the side and from above shear the plate. It shrinks to the few pixels that the camera has for it, and
    receives the camera's exposure, contrast, blur and noise there. The cut is never quite tight.

    ``turn`` and ``fall`` are the camera's angles to the side of the plate and above it, ``roll`` is the angle by which
    it leans, all in radians; ``distance`` is in metres. ``seed`` decides the cut, the surroundings, the light and the
    noise.
    """
    rng = np.random.default_rng([seed, 19])
    spin = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    turned = np.array([[np.cos(turn), 0.0], [np.sin(turn) * np.sin(fall), np.cos(fall)]])
    onto = np.einsum("ij,jk->ik", spin, turned)
    corners = np.einsum("ij,kj->ik", np.array([(-1, -1), (1, -1), (-1, 1)]) * (1, 1 / 3), onto)
    reach = np.einsum("ij,j->i", np.abs(onto), (1, 1 / 3))  # of all four corners
    low, high = rng.normal(-1.05, 0.06, 2), rng.normal(1.05, 0.06, 2)
    at = ((corners / reach - low) / (high - low) * (288, 96)).astype(np.float32)
    across = cv2.getAffineTransform(np.array([(0, 0), (288, 0), (0, 96)], np.float32), at)
    around = tuple(float(c) for c in rng.uniform(20, 170) + rng.normal(0, 12, 3))
    flat = cv2.warpAffine(plate(text), across, (288, 96), flags=cv2.INTER_LINEAR, borderValue=around)
    wide = max(12, round(plate_width(turn, distance)))
    tall = max(5, round(wide * reach[1] / reach[0]))
    small = cv2.resize(flat, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    # the lens blurs by its own width and by how much the vehicle moved while the shutter was open
    small = cv2.GaussianBlur(small, (0, 0), 0.25 + 0.8 * camera.blur, sigmaY=0.25 + 0.5 * camera.blur)
    small = cv2.blur(small, (1 + int(rng.integers(0, 3)), 1))
    small = small * (camera.exposure * rng.uniform(0.55, 1.1)) + rng.choice([0.0, rng.uniform(0, 0.35)])
    small = 0.5 + (small - 0.5) * camera.contrast * rng.uniform(0.6, 1.0)
    small += rng.standard_normal(small.shape, dtype=np.float32) * (1.5 * camera.noise)
    return cv2.resize((np.clip(small, 0, 1) * 255).astype(np.uint8), (72, 24), interpolation=cv2.INTER_LINEAR)

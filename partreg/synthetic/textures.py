"""Paint a model's atlas in the maker's style: windows, lamps, grille, badge, doors and wheels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from partreg.synthetic.canvas import CHROME, GLASS, GLOSS, LAMP, MATTE, TAIL, Canvas, box, disc, star
from partreg.synthetic.geometry import CORNERS, Outline, axles, outline_of
from partreg.synthetic.vehicles import Model

BLACK, DARK, GREY, SILVER = (10, 10, 11), (28, 28, 30), (90, 92, 95), (200, 202, 205)
AMBER, RED, DEEP_RED, CLEAR = (235, 140, 30), (200, 18, 16), (120, 8, 10), (225, 230, 235)


@lru_cache(maxsize=64)
def screens(outline: Outline) -> dict[str, np.ndarray]:
    """Outline the front and rear window (y, z) and the side windows (x, z); do not write to them."""
    o, m = outline, outline.model
    outlines = {}
    for name, x_low, x_high in (("front", o.cowl, o.roof_front), ("rear", o.deck, o.roof_back)):
        low, high = float(o.top(x_low)) + 0.035, float(o.top(x_high)) - 0.055
        wide = float(o.half_width(x_low, low)) - 0.10
        narrow = float(o.half_width(x_high, high)) - 0.12
        half = [(wide, low), (narrow, high), (narrow * 0.5, high + 0.012)]
        left = [(wide * 0.6, low - 0.012), *half]
        outlines[name] = np.array([*left, *((-y, z) for y, z in left[::-1])])
    start = o.deck if m.style != "pickup" else o.roof_back - 0.08
    x = np.linspace(start - 0.05, o.cowl - 0.05, 40)
    upper, lower = o.top(x) - 0.115, np.full_like(x, m.belt + 0.035)
    keep = upper > lower + 0.03
    outlines["side"] = np.concatenate([np.stack([x, lower], -1)[keep], np.stack([x, upper], -1)[keep][::-1]])
    return outlines


def paint_glass(canvas: Canvas, outline: Outline) -> None:
    """Paint the windows with their black borders, pillars, wipers and demister."""
    o, m = outline, outline.model
    glass = screens(o)
    for chart in ("front", "rear"):
        shape = glass[chart]
        centre = shape.mean(0)
        canvas.fill(chart, centre + (shape - centre) * [1.035, 1.10], BLACK, GLOSS)
        canvas.fill(chart, shape, BLACK, GLASS, f"{chart}_window")
    low = glass["front"][0, 1]
    for y in (-0.38, 0.22):
        canvas.line("front", [(y, low + 0.015), (y + 0.42, low + 0.04)], 0.014, BLACK, MATTE)
    if m.style not in ("sedan", "pickup"):
        low = glass["rear"][0, 1]
        canvas.line("rear", [(0.05, low + 0.01), (0.42, low + 0.05)], 0.014, BLACK, MATTE)
    canvas.line("rear", [(-0.13, glass["rear"][4, 1] + 0.01), (0.13, glass["rear"][4, 1] + 0.01)], 0.025, RED, TAIL)
    side, rng = glass["side"], np.random.default_rng([m.seed, 1])
    panel = m.style == "van" and rng.random() < 0.4
    front_pillar = o.roof_front - 0.28
    rear_pillar = o.roof_back + (0.10 if m.style in ("sedan", "hatchback") else 0.55)
    for chart in ("left", "right"):
        shape = side.copy()
        if panel:
            shape[:, 0] = np.maximum(shape[:, 0], front_pillar - 0.1)
        centre = shape.mean(0)
        canvas.fill(chart, centre + (shape - centre) * [1.02, 1.08], BLACK, GLOSS)
        canvas.fill(chart, shape, BLACK, GLASS, "side_window")
        for x, wide in ((front_pillar, 0.07), (rear_pillar, 0.06)):
            canvas.line(chart, [(x, m.belt), (x - 0.02, m.height)], wide, BLACK, GLOSS)


def lamp_shape(outline: Outline, end: str) -> np.ndarray:
    """Outline a lamp of an end, "front" or "rear", as pairs (abs(y), z); it runs past the corner on to the side."""
    model, edge, front = outline.model, outline.edge(end), end == "front"
    kind = (model.maker + (0 if front else 3)) % 4
    high = model.belt - (0.11 if front else -0.01)
    out = edge + 0.06
    if model.style in ("van", "mpv", "pickup", "suv") and not front and kind != 1:
        return box(edge - 0.17, high - 0.30, out, high + (0.16 if model.style != "pickup" else -0.06), 0.03)
    if kind == 0:
        inner = [(edge - 0.18, high - 0.21), (edge - 0.42, high - 0.15), (edge - 0.37, high - 0.05)]
        return np.array([(out, high - 0.17), *inner, (out, high + 0.01)])
    if kind == 1:
        return disc(edge - 0.16, high - 0.10, 0.155, 0.13)
    if kind == 2:
        inner = [(edge - 0.40, high - 0.19), (edge - 0.46, high - 0.07)]
        return np.array([(out, high - 0.14), *inner, (out, high + 0.02)])
    return box(edge - 0.33, high - 0.19, out, high - 0.01, 0.03)


def paint_lamps(canvas: Canvas, outline: Outline) -> None:
    """Paint head and tail lamps, on the front or rear and round the corner on the sides."""
    o, m = outline, outline.model
    for chart, sx, tip, *colors in (
        ("front", o.front, o.front - 0.26, (128, 132, 138), LAMP),
        ("rear", o.back, o.back + 0.22, RED, TAIL),
    ):
        shape = lamp_shape(outline, chart)
        low, high = shape[:, 1].min(), shape[:, 1].max()
        wedge = [(sx, low + 0.02), (sx, high - 0.01), (tip, high), (tip, (low + high) / 2 + 0.02)]
        for sign, side in ((1, "left"), (-1, "right")):
            part = f"{chart}_{side}_lamp"
            canvas.fill(chart, shape * [sign, 1], *colors, part)
            canvas.line(chart, shape * [sign, 1], 0.012, DARK, closed=True)
            paint_lens(canvas, m, chart, sign, shape)
            if shape[:, 0].max() > o.edge(chart) + 0.03:
                canvas.fill(side, wedge, *colors, part)


def paint_lens(canvas: Canvas, m: Model, chart: str, sign: int, shape: np.ndarray) -> None:
    """Paint the inside of a lamp: reflectors of a headlamp, indicator and reversing light of a tail lamp."""
    (x0, z0), (x1, z1) = shape.min(0), np.minimum(shape.max(0), [9, 9])
    middle, r = (z0 + z1) / 2, (z1 - z0) * 0.34
    if chart == "front":
        for k in range(1 + m.maker % 2):
            x = x0 + (x1 - x0) * (0.35 + 0.28 * k)
            canvas.fill(chart, disc(sign * x, middle, r), CLEAR, LAMP)
            canvas.fill(chart, disc(sign * x, middle, r * 0.5), (150, 155, 165), LAMP)
        x = x1 - 0.10
        canvas.fill(chart, box(sign * x, z0 + 0.03, sign * (x + 0.035), z1 - 0.03), AMBER, LAMP)
        return
    if z1 - z0 > 0.28:
        first, second = z0 + (z1 - z0) * 0.22, z0 + (z1 - z0) * 0.42
        canvas.fill(chart, box(sign * x0, z0, sign * x1, first), CLEAR, LAMP)
        canvas.fill(chart, box(sign * x0, first, sign * x1, second), AMBER, LAMP)
    else:
        canvas.fill(chart, disc(sign * (x0 + (x1 - x0) * 0.35), middle, r * 0.75), CLEAR, LAMP)
        canvas.fill(chart, disc(sign * (x1 - 0.14), middle, r), DEEP_RED, TAIL)


BADGE_COLORS = (
    (20, 40, 110), (30, 30, 34), (150, 20, 24), (20, 20, 24), (16, 60, 40), (170, 24, 20), (24, 50, 120), (40, 40, 44),
)  # fmt: skip


def paint_badge(canvas: Canvas, maker: int, chart: str, y: float, z: float, r: float) -> None:
    """Paint the maker's badge."""
    shapes = (
        disc(y, z, r), disc(y, z, r * 1.35, r * 0.9), star(y, z, r * 1.15, r * 0.5, 4),
        box(y - r, z - r, y + r, z + r, r * 0.5), star(y, z, r * 1.2, r * 0.55, 5),
        box(y - 1.3 * r, z - 0.6 * r, y + 1.3 * r, z + 0.6 * r, 0.02), disc(y, z, r, n=6),
        disc(y, z, r * 1.1, n=3, turn=np.pi / 2),
    )  # fmt: skip
    ring = shapes[maker]
    canvas.fill(chart, ring, (225, 226, 230), CHROME, f"{chart}_badge")
    centre = ring.mean(0)
    canvas.fill(chart, centre + (ring - centre) * 0.62, BADGE_COLORS[maker], MATTE)
    if maker in (0, 1, 6):
        canvas.line(chart, [(y - r * 0.6, centre[1]), (y + r * 0.6, centre[1])], 0.014, (225, 226, 230), CHROME)


def paint_grille(canvas: Canvas, m: Model, half: float, low: float, high: float) -> None:
    """Paint the maker's grille between the head lamps."""
    kind = m.maker % 4
    top, foot = half, half * (0.72, 1.0, 0.85, 0.6)[kind]
    frame = np.array([(-foot, low), (foot, low), (top, high), (-top, high)])
    canvas.fill("front", frame, DARK, GLOSS, "front_face")
    rows = (4, 0, 2, 3)[kind]
    for k in range(rows):
        z = low + (high - low) * (k + 0.7) / (rows + 0.4)
        w = foot + (top - foot) * (z - low) / (high - low) - 0.02
        canvas.line("front", [(-w, z), (w, z)], 0.022 if kind != 2 else 0.04, SILVER if m.seed % 3 else GREY, CHROME)
    if kind == 1:
        for y in np.linspace(-half * 0.86, half * 0.86, 9):
            canvas.line("front", [(y, low + 0.01), (y, high - 0.01)], 0.02, SILVER, CHROME)
    canvas.line("front", frame, 0.024, SILVER if m.seed % 2 else GREY, CHROME, closed=True)


def paint_front(canvas: Canvas, outline: Outline) -> None:
    """Paint grille, badge, bumper, fog lamps and the blank plate."""
    o, m = outline, outline.model
    edge, low = o.edge("front"), m.clearance
    canvas.fill("front", box(-1.1, 0, 1.1, low + 0.12), DARK, MATTE)
    intake = edge * (0.55 + 0.08 * (m.seed % 3))
    canvas.fill("front", box(-intake, low + 0.05, intake, low + 0.19, 0.05), BLACK, MATTE)
    for k in (1, 2):
        canvas.line("front", [(-intake, low + 0.05 + 0.047 * k), (intake, low + 0.05 + 0.047 * k)], 0.012, GREY, MATTE)
    for sign in (1, -1):
        y = sign * (edge - 0.17)
        canvas.fill("front", box(y - 0.11, low + 0.06, y + 0.11, low + 0.19, 0.03), BLACK, MATTE)
        canvas.fill("front", disc(y, low + 0.125, 0.045), CLEAR, LAMP)
    z0, z1 = m.belt - 0.30, m.belt - 0.13
    if m.style in ("suv", "pickup"):
        z0 -= 0.08
    paint_grille(canvas, m, edge - (0.36, 0.36, 0.48, 0.36)[m.maker % 4], z0, z1)
    paint_badge(canvas, m.maker, "front", 0.0, (z0 + z1) / 2 if m.maker % 2 else z1 + 0.02, 0.075)
    canvas.fill("front", box(-0.23, z0 - 0.16, 0.23, z0 - 0.045), BLACK, MATTE, "front_plate")
    canvas.line("front", [(-edge, z0 - 0.02), (edge, z0 - 0.02)], 0.008, (120, 120, 120))


def paint_rear(canvas: Canvas, outline: Outline) -> None:
    """Paint badge, lettering, tail gate, bumper and the blank plate."""
    o, m = outline, outline.model
    edge, low = o.edge("rear"), m.clearance
    rng = np.random.default_rng([m.seed, 2])
    canvas.fill("rear", box(-1.1, 0, 1.1, low + 0.16), DARK, MATTE)
    for sign in (1, -1):
        canvas.fill("rear", box(sign * (edge - 0.24), low + 0.20, sign * (edge - 0.06), low + 0.235), DEEP_RED, TAIL)
    if rng.random() < 0.6:
        canvas.fill("rear", box(edge - 0.42, low - 0.01, edge - 0.26, low + 0.05, 0.02), SILVER, CHROME)
    z = m.belt - 0.10
    canvas.line("rear", [(-edge + 0.05, m.belt - 0.36), (edge - 0.05, m.belt - 0.36)], 0.014, (60, 60, 60))
    if m.maker % 3 == 0:
        canvas.fill("rear", box(-0.34, z - 0.085, 0.34, z - 0.055), SILVER, CHROME)
    plate = z - 0.16 if m.style not in ("van", "pickup") else low + 0.26
    canvas.fill("rear", box(-0.30, plate - 0.09, 0.30, plate + 0.075, 0.03), (110, 110, 110), None, "rear_face")
    canvas.fill("rear", box(-0.23, plate - 0.06, 0.23, plate + 0.055), BLACK, MATTE, "rear_plate")
    paint_badge(canvas, m.maker, "rear", 0.0, z + 0.03, 0.065)
    name = "".join(chr(65 + int(k)) for k in rng.integers(0, 26, 3)) + str(int(rng.integers(1, 9)))
    canvas.write("rear", (-(edge - 0.50), z - 0.02), 0.06, name, SILVER, mirrored=True)


def paint_sides(canvas: Canvas, outline: Outline) -> None:
    """Paint doors, handles, sills and wheel arches."""
    o, m = outline, outline.model
    front_axle, rear_axle = axles(m)
    seam, low = (70, 70, 72), m.clearance
    doors = [o.cowl - 0.12, o.roof_front - 0.28, o.roof_back + 0.30 if m.style != "pickup" else o.roof_back]
    for chart in ("left", "right"):
        canvas.fill(chart, box(o.back, 0, o.front, low + 0.11), DARK, MATTE)
        for x in doors:
            canvas.line(chart, [(x, low + 0.12), (x + 0.02, m.belt), (x - 0.02, m.belt + 0.05)], 0.012, seam)
        for x in doors[1:]:
            canvas.fill(chart, box(x + 0.06, m.belt - 0.14, x + 0.22, m.belt - 0.105, 0.01), (160, 160, 162))
        if m.maker % 2:
            color = DARK if m.seed % 2 else SILVER
            canvas.line(chart, [(rear_axle, low + 0.32), (front_axle, low + 0.32)], 0.03, color, MATTE)
        canvas.line(chart, [(o.back + 0.2, m.belt - 0.03), (o.front - 0.5, m.belt - 0.05)], 0.012, (150, 150, 150))
        for x in (front_axle, rear_axle):
            r = m.wheel * 1.16
            if m.style in ("suv", "pickup"):
                canvas.fill(chart, disc(x, m.wheel, r + 0.06, n=36), DARK, MATTE)
            canvas.fill(chart, disc(x, m.wheel, r, n=36), (4, 4, 4), MATTE)


def paint_top(canvas: Canvas, outline: Outline) -> None:
    """Paint bonnet seams, sunroof, roof rails, the bed of a pickup."""
    o, m = outline, outline.model
    wide = float(o.half_width(o.cowl, m.belt)) - 0.10
    nose = o.front - 0.18
    seam = [(nose, -wide * 0.82), (o.cowl, -wide), (o.cowl, wide), (nose, wide * 0.82)]
    canvas.line("top", seam, 0.012, (90, 90, 92))
    for sign in (1, -1):
        canvas.line("top", [(o.front - 0.25, sign * wide * 0.45), (o.cowl, sign * wide * 0.6)], 0.03, (225, 225, 225))
    roof = float(o.half_width(0.0, m.height)) - 0.08
    rng = np.random.default_rng([m.seed, 3])
    if rng.random() < 0.45 and m.style != "pickup":
        canvas.fill("top", box(o.roof_front - 0.75, -roof * 0.6, o.roof_front - 0.22, roof * 0.6, 0.06), BLACK, GLOSS)
    if m.style in ("suv", "estate", "mpv"):
        for y in (roof, -roof):
            rail = [(o.roof_back + 0.1, y), (o.roof_front - 0.1, y)]
            canvas.line("top", rail, 0.05, SILVER if m.seed % 2 else DARK, CHROME)
    if m.style == "pickup":
        canvas.fill("top", box(o.back + 0.10, -wide + 0.08, o.deck - 0.03, wide - 0.08), (20, 20, 21), MATTE)
        for y in np.linspace(-wide + 0.2, wide - 0.2, 7):
            canvas.line("top", [(o.back + 0.12, y), (o.deck - 0.05, y)], 0.02, (42, 42, 44), MATTE)


def paint_wheel(canvas: Canvas, spokes: int, color: tuple[int, int, int]) -> None:
    """Paint the wheel's disc: tyre, rim, spokes; the chart is scaled so that the tyre's edge is 0.40 from the hub."""
    canvas.fill("wheel", box(-0.44, -0.44, 0.44, 0.44), (12, 12, 13), MATTE, "wheel")
    canvas.fill("wheel", disc(0, 0, 0.29, n=36), (40, 40, 42), MATTE)
    for k in range(spokes):
        turn = 2 * np.pi * k / spokes + 0.3
        canvas.line("wheel", [(0, 0), (0.27 * np.cos(turn), 0.27 * np.sin(turn))], 0.075, color, MATTE)
    canvas.line("wheel", disc(0, 0, 0.275, n=36), 0.035, color, MATTE, closed=True)
    canvas.fill("wheel", disc(0, 0, 0.06), color, MATTE)


def paint_model(model: Model, scale: float) -> Canvas:
    """Paint the atlas of a model at ``scale`` texels a metre; the paint is white, and `shade` colours it."""
    outline, canvas = outline_of(model), Canvas(scale)
    for paint in (paint_front, paint_rear, paint_sides, paint_top, paint_lamps, paint_glass):
        paint(canvas, outline)
    paint_wheel(canvas, 5 + model.maker % 3 * 2, (150, 152, 155))
    x, y = CORNERS["dark"]
    rows, columns = slice(round(y * scale), round((y + 0.6) * scale)), slice(round(x * scale), round((x + 0.6) * scale))
    canvas.color[rows, columns], canvas.material[rows, columns] = 8, MATTE
    return canvas

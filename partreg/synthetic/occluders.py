"""Things that come between camera and vehicle: a pole, a tree, leaves, a pedestrian, a sign."""

from __future__ import annotations

import cv2
import numpy as np

from partreg.synthetic.canvas import box

OCCLUDERS = ("pole", "leaves", "pedestrian", "sign", "car")
PALE = (238, 238, 238)
ROUND = np.stack([f(np.linspace(0, 2 * np.pi, 20)) for f in (np.cos, np.sin)], -1)


class Film:
    """Colour (S, S, 3) and coverage (S, S), both uint8, of what is drawn; places are relative to the image's side."""

    def __init__(self, size: int):
        self.color, self.alpha = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)

    def fill(self, points, value) -> None:
        """Fill a polygon (N, 2)."""
        at = np.round(np.asarray(points) * self.alpha.shape[0] * 16).astype(np.int32)
        cv2.fillPoly(self.alpha, [at], 255, cv2.LINE_AA, 4)
        cv2.fillPoly(self.color, [at], tuple(int(v) for v in value), cv2.LINE_8, 4)

    def ball(self, x: float, y: float, r: float, value, ry: float | None = None) -> None:
        """Fill an ellipse."""
        self.fill(ROUND * (r, ry or r) + (x, y), value)


def draw_occluder(kind: str, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw one occluder: its colour (size, size, 3) uint8 and coverage (size, size) float32 in [0, 1]."""
    film = Film(size)
    {"pole": pole, "leaves": leaves, "pedestrian": pedestrian, "sign": sign}[kind](film, rng)
    return film.color, cv2.GaussianBlur(film.alpha, (0, 0), size / 220).astype(np.float32) / 255


def pole(film: Film, rng: np.random.Generator) -> None:
    """Draw a lamp post or trunk, round in its shading, sometimes with leaves at its top."""
    x, width, lean = rng.uniform(0.15, 0.85), rng.uniform(0.05, 0.11), rng.uniform(-0.03, 0.03)
    tone = np.array((118, 120, 122) if rng.random() < 0.5 else (92, 76, 60))
    for k in range(8):
        f = (k + 0.5) / 8
        light = 0.55 + 0.6 * np.sin(np.pi * min(f * 0.9 + 0.15, 1))
        a, b = x + width * (k / 8 - 0.5), x + width * ((k + 1.15) / 8 - 0.5)
        film.fill([(a, 0), (b, 0), (b + lean, 1), (a + lean, 1)], np.clip(tone * light, 0, 255))
    if rng.random() < 0.5:
        blobs(film, rng, x, rng.uniform(0.0, 0.08), rng.uniform(0.16, 0.24))


def blobs(film: Film, rng: np.random.Generator, x: float, y: float, spread: float) -> None:
    """Draw a bunch of 60 leaves."""
    green = np.array((66, 98, 46)) * rng.uniform(0.8, 1.2)
    for _ in range(60):
        a, d = rng.uniform(0, 2 * np.pi), spread * np.sqrt(rng.random())
        light = 0.9 - 0.35 * np.sin(a) * d / spread + rng.uniform(-0.2, 0.25)
        at = x + d * np.cos(a), y + d * np.sin(a) * 0.7
        film.ball(*at, rng.uniform(0.015, 0.04), np.clip(green * light, 0, 255), 0.02)


def leaves(film: Film, rng: np.random.Generator) -> None:
    """Draw a branch that hangs in from a side or from above."""
    x = rng.choice([rng.uniform(0.0, 0.15), rng.uniform(0.85, 1.0), rng.uniform(0.2, 0.8)])
    y = rng.uniform(0.1, 0.7) if x < 0.16 or x > 0.84 else rng.uniform(0.05, 0.3)
    for k in range(5):
        at = x + (0.5 - x) * 0.16 * k + rng.uniform(-0.08, 0.08), y + rng.uniform(-0.14, 0.14)
        blobs(film, rng, *at, rng.uniform(0.14, 0.24))


def pedestrian(film: Film, rng: np.random.Generator) -> None:
    """Draw a person who walks through the picture."""
    x, foot, h = rng.uniform(0.15, 0.85), rng.uniform(0.9, 1.15), rng.uniform(0.55, 0.75)
    cloth, trousers = rng.uniform(40, 210, 3), np.array([(40, 44, 60), (30, 30, 32), (96, 84, 70)][rng.integers(3)])
    stride = rng.uniform(0.03, 0.07)
    hip, neck = foot - 0.48 * h, foot - 0.84 * h
    for s in (-1, 1):
        ends = (x + s * stride + 0.03, foot), (x + s * stride - 0.03, foot)
        film.fill([(x - 0.045, hip), (x + 0.045, hip), *ends], trousers * (0.8 if s < 0 else 1.0))
    waist, shoulder = hip + 0.01, neck + 0.05
    back = [(x + 0.06, waist), (x + 0.085, shoulder)]
    film.fill([(x - 0.06, waist), *back, (x + 0.03, neck), (x - 0.03, neck), (x - 0.085, shoulder)], cloth)
    film.fill([(x + 0.02, waist), *back, (x + 0.04, neck + 0.01)], cloth * 0.75)
    for s in (-1, 1):
        arm = (x + s * 0.07, neck + 0.03), (x + s * 0.095, shoulder), (x + s * 0.10, hip), (x + s * 0.075, hip)
        film.fill(arm, cloth * 0.85)
    film.ball(x, neck - 0.055, 0.042, (178, 138, 114), 0.055)
    film.ball(x, neck - 0.08, 0.044, (30, 24, 20), 0.035)


def sign(film: Film, rng: np.random.Generator) -> None:
    """Draw a traffic sign on its post."""
    x, y, r = rng.uniform(0.15, 0.85), rng.uniform(0.15, 0.55), rng.uniform(0.12, 0.20)
    film.fill(box(x - 0.018, y, x + 0.018, 1), (128, 130, 132))
    film.fill(box(x - 0.018, y, x - 0.004, 1), (168, 170, 172))
    kind = rng.integers(3)
    if kind == 0:
        film.ball(x, y, r, (196, 30, 34))
        film.ball(x, y, r * 0.74, (238, 238, 234))
        film.fill(box(x - r * 0.4, y - 0.02, x + r * 0.4, y + 0.02), (30, 30, 32))
    elif kind == 1:
        film.ball(x, y, r, (24, 84, 170))
        film.fill([(x, y - r * 0.6), (x + r * 0.45, y), (x - r * 0.45, y)], PALE)
        film.fill(box(x - 0.02, y, x + 0.02, y + r * 0.6), PALE)
    else:
        film.fill(box(x - r, y - r * 0.7, x + r, y + r * 0.7), (28, 110, 74))
        for k in range(2):
            low, high = y - r * 0.4 + k * r * 0.5, y - r * 0.2 + k * r * 0.5
            film.fill(box(x - r * 0.7, low, x + r * 0.6, high), (236, 238, 236))

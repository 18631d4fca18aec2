"""Drawing in metres on the texture atlas of a vehicle: colour, material and part of every texel."""

from __future__ import annotations

import cv2
import numpy as np

from partreg.synthetic.geometry import ATLAS_HEIGHT, ATLAS_WIDTH, CHART_HEIGHT, CORNERS, HALF_LENGTH, HALF_WIDTH

PAINT, GLASS, MATTE, CHROME, LAMP, TAIL, GLOSS = range(7)
# What the truth knows of: the order is the value in the part atlas.
PART_NAMES = (
    "body", "front_window", "rear_window", "front_left_lamp", "front_right_lamp", "rear_left_lamp", "rear_right_lamp",
    "front_badge", "rear_badge", "front_face", "rear_face", "front_plate", "rear_plate", "side_window", "wheel",
)  # fmt: skip
PART = {name: number for number, name in enumerate(PART_NAMES)}
SHIFT = 4


class Canvas:
    """Three images of the same size: ``color`` (H, W, 3) uint8 RGB, ``material`` and ``part`` (H, W) uint8."""

    def __init__(self, scale: float):
        self.scale, shape = scale, (round(ATLAS_HEIGHT * scale), round(ATLAS_WIDTH * scale))
        self.color = np.full((*shape, 3), 255, np.uint8)
        self.material, self.part = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)

    def pixels(self, chart: str, points: np.ndarray) -> np.ndarray:
        """Convert points (N, 2) of a chart from metres to fixed-point pixels of the atlas."""
        points = np.asarray(points, float)
        column, row = CORNERS[chart]
        if chart == "wheel":
            at = points + np.array([column + 0.45, row + 0.45])
        elif chart == "top":
            at = np.stack([column + HALF_LENGTH + points[:, 0], row + HALF_WIDTH - points[:, 1]], -1)
        else:
            half = HALF_WIDTH if chart in ("front", "rear") else HALF_LENGTH
            at = np.stack([column + half + points[:, 0], row + CHART_HEIGHT - points[:, 1]], -1)
        return np.round((at * self.scale - 0.5) * 2**SHIFT).astype(np.int32)

    def fill(self, chart: str, points, color=None, material: int | None = None, part: str | None = None) -> None:
        """Fill a polygon (N, 2); what is None stays as it was. Only the colour is antialiased."""
        at = [self.pixels(chart, points)]
        if color is not None:
            cv2.fillPoly(self.color, at, tuple(int(c) for c in color), cv2.LINE_AA, SHIFT)
        if material is not None:
            cv2.fillPoly(self.material, at, int(material), cv2.LINE_8, SHIFT)
        if part is not None:
            cv2.fillPoly(self.part, at, PART[part], cv2.LINE_8, SHIFT)

    def line(self, chart: str, points, width: float, color, material: int | None = None, closed: bool = False) -> None:
        """Draw a polyline ``width`` metres wide."""
        at, thick = [self.pixels(chart, points)], max(1, round(width * self.scale))
        cv2.polylines(self.color, at, closed, tuple(int(c) for c in color), thick, cv2.LINE_AA, SHIFT)
        if material is not None:
            cv2.polylines(self.material, at, closed, int(material), thick, cv2.LINE_8, SHIFT)

    def write(self, chart: str, centre, height: float, text: str, color, mirrored: bool = False) -> None:
        """Write ``text`` centred at a point of a chart, ``height`` metres high."""
        size = max(height * self.scale / 21.0, 0.2)
        (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
        stamp = np.zeros((h + 4, w + 4), np.uint8)
        cv2.putText(stamp, text, (2, h + 1), cv2.FONT_HERSHEY_DUPLEX, size, 255, max(1, round(size * 1.6)), cv2.LINE_AA)
        stamp = stamp[:, ::-1] if mirrored else stamp
        x, y = self.pixels(chart, np.array([centre]))[0] // 2**SHIFT
        top, left = max(y - stamp.shape[0] // 2, 0), max(x - stamp.shape[1] // 2, 0)
        area = self.color[top : top + stamp.shape[0], left : left + stamp.shape[1]]
        alpha = stamp[: area.shape[0], : area.shape[1], None] / 255.0
        area[:] = area * (1 - alpha) + np.array(color) * alpha


def disc(x: float, y: float, rx: float, ry: float | None = None, n: int = 24, turn: float = 0.0) -> np.ndarray:
    """Return an ellipse as a polygon (n, 2)."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False) + turn
    return np.stack([x + rx * np.cos(t), y + (rx if ry is None else ry) * np.sin(t)], -1)


def box(x0: float, y0: float, x1: float, y1: float, cut: float = 0.0) -> np.ndarray:
    """Return a rectangle as a polygon, its corners cut off by ``cut`` metres."""
    if cut <= 0:
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    c = min(cut, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    return np.array(
        [(x0 + c, y0), (x1 - c, y0), (x1, y0 + c), (x1, y1 - c), (x1 - c, y1), (x0 + c, y1), (x0, y1 - c), (x0, y0 + c)]
    )


def star(x: float, y: float, r: float, inner: float, points: int) -> np.ndarray:
    """Return a star as a polygon."""
    t = np.pi / 2 + np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, r, inner)
    return np.stack([x + radius * np.cos(t), y + radius * np.sin(t)], -1)

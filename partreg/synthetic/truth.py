"""The exact truth of a rendered picture: part boxes with their visibility, key points and orientation.

A box is the hull of the samples that show the part, after occlusion and the frame's edge. A part of which little is
visible, or a lamp that is a sliver on the far side, has no box, because nobody could annotate it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from partreg.synthetic.canvas import PART
from partreg.synthetic.geometry import axles, outline_of
from partreg.synthetic.render import Body, Picture, Shot
from partreg.synthetic.vehicles import Model

# A box needs this visible share of the part, this width and this area (relative to the image's side and area).
NEEDS = {
    "window": (0.35, 0.09, 0.004), "light": (0.35, 0.050, 0.0014), "badge": (0.4, 0.02, 0.0002),
    "vehicle": (0.0, 0.05, 0.01),
}  # fmt: skip
BRAND_SHARE = 0.45


def orientation(azimuth: float) -> str:
    """Name the view from ``azimuth`` radians (0 is the front, positive the vehicle's left)."""
    a = (azimuth + np.pi) % (2 * np.pi) - np.pi
    side, turn = ("left" if a > 0 else "right"), abs(np.degrees(a))
    if turn < 15:
        return "front"
    if turn > 165:
        return "rear"
    return side if 70 <= turn <= 110 else f"{side} front" if turn < 70 else f"{side} rear"


def hull(shown: np.ndarray) -> tuple[float, float, float, float] | None:
    """Return the box of the true samples of a square image, relative to its side; None if there are none."""
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if len(rows) == 0:
        return None
    n = shown.shape[0]
    return columns[0] / n, rows[0] / n, (columns[-1] + 1) / n, (rows[-1] + 1) / n


def find(picture: Picture, seen: np.ndarray, names: tuple[str, ...], kind: str) -> dict:
    """Find box, visibility and presence of the part that consists of ``names``."""
    shown, visibility = count(picture, seen, names)
    box, (share, width, area) = hull(shown), NEEDS[kind]
    large = box is not None and box[2] - box[0] >= width and np.count_nonzero(shown) >= area * shown.size
    return {"box": box, "visibility": round(visibility, 4), "present": bool(large and visibility >= share)}


def count(picture: Picture, seen: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, float]:
    """Find the samples of ``names`` among the parts ``seen``, (S, S) bool, and what share of those parts they are."""
    shown = np.logical_or.reduce([seen == PART[n] for n in names])
    whole = sum(picture.whole.get(PART[n], 0) for n in names)
    return shown, min(1.0, int(np.count_nonzero(shown)) / whole) if whole else 0.0


def part_truth(picture: Picture) -> dict:
    """Describe all parts of a picture.

    Returns:
        ``view`` ("front", "rear" or "unknown") and, for vehicle, window, left_light, right_light (the image's left and
        right), badge and brand: ``box`` (relative, tight; the brand's extends to the bottom), ``visibility`` and
        ``present``.
    """
    size = picture.parts.shape[0]
    hidden = (picture.cover >= 0.5).repeat(size // len(picture.cover), 0).repeat(size // len(picture.cover), 1)
    seen = np.where(hidden, 255, picture.parts)  # 255 is no part
    weigh = {"window": 1, "plate": 3}
    scores = {
        v: sum(n * picture.whole.get(PART[f"{v}_{part}"], 0) for part, n in weigh.items()) for v in ("front", "rear")
    }
    view = max(scores, key=scores.get)
    known = scores[view] > 0.004 * size * size
    names = (f"{view}_left_lamp", f"{view}_right_lamp")
    sides = names[::-1] if view == "front" else names  # the vehicle's right is the image's left in front
    parts = {
        "vehicle": find(picture, seen, tuple(PART), "vehicle"),
        "window": find(picture, seen, (f"{view}_window",), "window"),
        "left_light": find(picture, seen, sides[:1], "light"),
        "right_light": find(picture, seen, sides[1:], "light"),
        "badge": find(picture, seen, (f"{view}_badge",), "badge"),
    }
    parts["brand"] = brand(picture, seen, parts, view)
    if not known:
        for part in ("window", "left_light", "right_light", "badge", "brand"):
            parts[part]["present"] = False
    return {"view": view if known else "unknown", "parts": parts}


def brand(picture: Picture, seen: np.ndarray, parts: dict, view: str) -> dict:
    """Describe the head or rear area: the hull of lamps, badge and plate, down to the bottom of the vehicle."""
    names = tuple(f"{view}_{n}" for n in ("left_lamp", "right_lamp", "badge", "plate", "face"))
    shown, visibility = count(picture, seen, names)
    both = [parts[n]["box"] for n in ("left_light", "right_light") if parts[n]["present"]]
    box = hull(shown)
    if len(both) == 2:
        box = (min(b[0] for b in both), min(b[1] for b in both), max(b[2] for b in both), max(b[3] for b in both))
    if box is not None and parts["vehicle"]["box"] is not None:
        box = (*box[:3], max(box[3], parts["vehicle"]["box"][3]))
    wide = box is not None and box[2] - box[0] >= 0.15
    return {"box": box, "visibility": round(visibility, 4), "present": bool(wide and visibility >= BRAND_SHARE)}


@lru_cache(maxsize=64)
def keypoint_places(m: Model) -> np.ndarray:
    """Place the 20 key points in a model: (20, 3), in the order of `partreg.datasets.side.KEYPOINTS`."""
    o = outline_of(m)
    f, r = axles(m)
    half = m.width / 2
    edge, back, mirror_y = o.edge("front"), o.edge("rear"), o.mirror()
    lamp, fog = m.belt - 0.2, m.clearance + 0.12
    roof = float(o.half_width(0.0, m.height - 0.08)) - 0.05
    top_f, top_b = float(o.top(o.roof_front)), float(o.top(o.roof_back))
    return np.array([
        (f, half, m.wheel), (r, half, m.wheel), (f, -half, m.wheel), (r, -half, m.wheel),
        (o.front, -(edge - 0.17), fog), (o.front, edge - 0.17, fog),
        (o.front - 0.06, -(edge - 0.12), lamp), (o.front - 0.06, edge - 0.12, lamp),
        (o.front, 0, m.belt - 0.2), (o.front, 0, m.belt - 0.4),
        (o.cowl - 0.30, mirror_y, m.belt + 0.1), (o.cowl - 0.30, -mirror_y, m.belt + 0.1),
        (o.roof_front, -roof, top_f), (o.roof_front, roof, top_f),
        (o.roof_back, roof, top_b), (o.roof_back, -roof, top_b),
        (o.back + 0.05, back - 0.12, m.belt - 0.1), (o.back + 0.05, -(back - 0.12), m.belt - 0.1),
        (o.back, 0, m.belt - 0.07), (o.back, 0, m.belt - 0.27),
    ])  # fmt: skip


def keypoints(picture: Picture, body: Body) -> list[tuple[float, float, int]]:
    """Return relative x, y of each key point, and 1 if it is visible, 0 if it is hidden or outside."""
    places = keypoint_places(body.model)
    at = picture.view.project(places.T).T
    gap = places - picture.view.origin
    reach = np.linalg.norm(gap, axis=1)
    rays = (gap / reach[:, None]).astype(np.float32)
    start = np.empty_like(rays)
    start[:] = picture.view.origin
    depth = body.scene.run(start, rays, query="DISTANCE")
    inside = ((at > 0) & (at < 1)).all(1)
    pixel = np.clip((at * len(picture.cover)).astype(int), 0, len(picture.cover) - 1)
    seen = inside & (depth > reach - 0.22) & (picture.cover[pixel[:, 1], pixel[:, 0]] < 0.5)
    return [(round(float(x), 5), round(float(y), 5), int(s)) for (x, y), s in zip(at, seen, strict=True)]


def describe(picture: Picture, body: Body, shot: Shot) -> dict:
    """Describe the whole truth of a picture in plain values."""
    return part_truth(picture) | {
        "keypoints": keypoints(picture, body), "azimuth": round(float(np.degrees(shot.azimuth)) % 360, 2),
        "orientation": orientation(shot.azimuth), "occluder": shot.occluder,
    }  # fmt: skip

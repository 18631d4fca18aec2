"""The picture of the first page: two near-duplicates side by side, and what tells them apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np

from partreg.figures.sheets import crop
from partreg.synthetic.benchmark import Benchmark, plan_vehicleid
from partreg.synthetic.render import Studio
from partreg.synthetic.truth import part_truth

BEHIND_GLASS = {"front_glass", "front_dash", "front_hang"}  # places of marks that a windscreen shows


def two_alike(size: int = 512) -> np.ndarray:
    """Two vehicles of one model and colour in one place and one light, their windscreens enlarged below.

    Both are of the benchmark's default description and have two things behind the windscreen, and few others.

    Args:
        size: width and height of each vehicle's picture in pixels.

    Returns:
        (height, width, 3) uint8 pixels.
    """
    fleet = plan_vehicleid(Benchmark())
    largest = Counter((one.model, one.color) for one in fleet.vehicles).most_common(1)[0][0]
    alike = [one for one in fleet.vehicles if (one.model, one.color) == largest]
    told = [one for one in alike if sum(mark.place in BEHIND_GLASS for mark in one.marks) == 2]
    blur = [camera.blur for camera in fleet.cameras]
    front = min(fleet.shots, key=lambda one: (one.occluder != "", abs(one.azimuth) + blur[one.moment.camera - 1]))
    studio = Studio(fleet.models, fleet.vehicles, fleet.cameras, size)
    pair = sorted(told, key=lambda one: len(one.marks))[:2]
    drawn = [studio.take(replace(front, vehicle=one.identity)) for one in pair]
    window = part_truth(drawn[0])["parts"]["window"]["box"]  # of both: they have one shape and stand in one place
    gap = np.full((size // 40, size, 3), 255, np.uint8)
    columns = [
        np.vstack([one.image, gap, cv2.resize(crop(one.image, window, 0.04), (size, size * 3 // 7))]) for one in drawn
    ]
    return np.hstack([columns[0], np.full((len(columns[0]), size // 40, 3), 255, np.uint8), columns[1]])

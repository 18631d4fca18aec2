"""A few tiny drawn vehicles to learn: the colour of a square in the middle is the identity."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from partreg.reid.run import Run

BOXES = {
    "window": (0.2, 0.1, 0.8, 0.4),
    "left_light": (0.1, 0.6, 0.3, 0.9),
    "right_light": (0.7, 0.6, 0.9, 0.9),
    "brand": (0.1, 0.6, 0.9, 0.9),
}


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Images (24 of 6 vehicles, 40 x 36 px) and their boxes; every image of vehicle 17 lacks its window."""
    folder, chance = tmp_path_factory.mktemp("drawn"), np.random.default_rng(0)
    images, boxes = [], []
    for vehicle in range(12, 18):
        color = chance.integers(0, 256, 3)
        for number in range(4):
            pixels = chance.integers(100, 156, (36, 40, 3))
            pixels[9:27, 10:30] = color
            path = folder / f"{vehicle}_{number}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(path)
            images.append((path.name, str(path), vehicle))
            parts = [part for part in BOXES if (vehicle, part) != (17, "window")]
            boxes += [(path.name, "front", part, *BOXES[part], 1.0, "truth") for part in parts]
    columns = ["image", "view", "part", "x0", "y0", "x1", "y1", "score", "source"]
    return pd.DataFrame(images, columns=["image", "path", "vehicle"]), pd.DataFrame(boxes, columns=columns)


@pytest.fixture(scope="session")
def quick() -> Run:
    """A run of seconds."""
    return Run(size=32, epochs=3, batch=8, lr=0.02, warmup=1, dim=8)

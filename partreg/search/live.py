"""A page on this machine alone: drop a picture; see its parts, its nearest pictures, what is alike, and the verdict.

Nothing that is dropped is kept, and nothing of its name reaches the server: only the bytes are sent, to 127.0.0.1.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from partreg.datasets.pictures import open_picture, reason
from partreg.errors import PartregError
from partreg.local import Request, Routes, as_json, serving
from partreg.parts.boxes import CORNERS
from partreg.reid.likeness import likeness, matches
from partreg.search.answer import ranked
from partreg.search.extract import Network, network_of
from partreg.search.likeness import cells
from partreg.search.page import SIDE as SMALL
from partreg.search.page import Hit
from partreg.search.store import Index
from partreg.search.threshold import FILE, Threshold, read_threshold, verdict
from partreg.touch.thing import HERE as TOUCH
from partreg.touch.thing import picture as as_uri

HERE = Path(__file__).parent
LARGEST = 32 * 2**20  # bytes of a file
PIXELS = 50_000_000  # of a picture, 150 MB for each of the few copies that are held at a time
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # no format that another program would have to open
TOP = 10  # pictures that are shown
SIDE = 480  # pixels of the longer side of a picture with a map


@dataclass(frozen=True)
class Desk:
    """What the page answers by.

    Attributes:
        index: that is searched.
        network: of the index.
        threshold: of the index; None if it is not calibrated.
        detector: the ``weights.pt`` of a part detector; None shows no parts.
        mapless: why the network gives no likeness maps; "" if it does.
    """

    index: Index
    network: Network
    threshold: Threshold | None
    detector: Path | None
    mapless: str


def open_desk(index: Index, network: str | Path = "", detector: str | Path = "") -> Desk:
    """Load all that the page needs.

    Args:
        index: from `partreg.search.store.read_index`.
        network: where the network of the index lies now; "" for where it was.
        detector: the folder of a part detector (`partreg.parts.detector.train_detector`); "" for none.

    Raises:
        PartregError: the network is missing or another one, the detector is none, or the threshold is damaged.
    """
    loaded = network_of(index, network)
    calibrated = (index.folder / FILE).is_file()
    threshold = read_threshold(index.folder, index.weights) if calibrated else None
    weights = Path(detector) / "weights.pt" if detector else None
    if weights:
        from partreg.parts.detector import load_detector

        load_detector(weights)
    try:
        cells(loaded, np.zeros((loaded.size, loaded.size, 3), np.uint8))
        mapless = ""
    except PartregError as error:
        mapless = str(error)
    return Desk(index, loaded, threshold, weights, mapless)


def page(desk: Desk, port: int = 0) -> AbstractContextManager[str]:
    """Serve the page while the block runs; gives its address, see `partreg.local.serving`."""
    files = {"/": HERE / "live.html", "/shared.js": TOUCH / "shared.js"}
    files |= {f"/live.{kind}": HERE / f"live.{kind}" for kind in ("css", "js")}
    return serving(routes(desk), files, port, LARGEST)


def routes(desk: Desk) -> Routes:
    """What the page may ask: about the index, for a search, and for the likeness of the picture and a match."""

    def compared(request: Request) -> dict[str, Any]:
        return compare(desk, opened(request.body), request.query.get("match", ""))

    return {
        ("GET", "/about"): lambda request: as_json(about(desk)),
        ("POST", "/search"): lambda request: as_json(found(desk, opened(request.body))),
        ("POST", "/likeness"): lambda request: as_json(compared(request)),
    }


def opened(content: bytes) -> Image.Image:
    """Open what was dropped, upright, as RGB.

    Raises:
        PartregError: it is empty, no picture of `FORMATS`, damaged, or has more than `PIXELS` pixels.
    """
    if not content:
        raise PartregError("the file is empty; choose a picture.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        try:
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
            if width * height <= PIXELS:
                return open_picture(path)
        except Exception as error:  # Pillow raises many kinds for hostile files
            why = reason(error.__cause__ or error).replace(str(path), "it")
            raise PartregError(f"the file is no picture that can be read ({why}); choose a .jpg or .png.") from error
    found = f"{width:,} x {height:,} pixels"
    raise PartregError(f"the picture has {found}, expected at most {PIXELS:,} in all; make it smaller.")


def about(desk: Desk) -> dict[str, Any]:
    """What the page says before a picture is there."""
    folder = desk.index.folder
    return {
        "index": folder.name,
        "pictures": len(desk.index.names),
        "detector": desk.detector is not None,
        "mapless": desk.mapless,
        "uncalibrated": f"Same vehicle? Calibrate it first, by `partreg calibrate {folder} images.csv`.",
        "largest": LARGEST,
    }


def found(desk: Desk, picture: Image.Image) -> dict[str, Any]:
    """What a search finds: the picture, its parts, and its nearest ones with their verdicts."""
    features = desk.network.features(_pixels(desk, picture)[None])
    hits = ranked(desk.index, features, [Path("your picture")], TOP).lists[0].hits
    view, parts = _parts(desk, picture)
    return {
        "picture": as_uri(np.asarray(picture), SIDE),
        "view": view,
        "parts": parts,
        "hits": [_said(desk, hit) for hit in hits],
    }


def compare(desk: Desk, picture: Image.Image, name: str) -> dict[str, Any]:
    """The likeness of the picture and one of the index.

    ``pairs`` has the values of `partreg.reid.likeness.likeness` in rising order of its indices, the largest being 1.

    Raises:
        PartregError: the index has no such picture, it cannot be opened any more, or the network gives no map.
    """
    if desk.mapless:
        raise PartregError(desk.mapless)
    if name not in desk.index.names:
        raise PartregError(f"{name[:200]!r}: no picture of the index; search again.")
    try:
        other = open_picture(desk.index.path(name))
    except PartregError as error:
        raise PartregError(f"{name}: cannot be opened now; bring the index up to date by `partreg index`.") from error
    one, two = (cells(desk.network, _pixels(desk, side)) for side in (picture, other))
    pairs = likeness(one, two)
    return {
        "picture": as_uri(np.asarray(other), SIDE),
        "grid": list(one.shape[:2]),
        "pairs": (pairs / max(float(np.abs(pairs).max()), 1e-12)).ravel().round(4).tolist(),
        "best": matches(pairs).tolist(),
    }


def _pixels(desk: Desk, picture: Image.Image) -> np.ndarray:
    """What the network sees, as `partreg.reid.pixels.decode` gives it for a file."""
    size = desk.network.size
    return np.array(picture.resize((size, size), Image.Resampling.BILINEAR))


def _said(desk: Desk, hit: Hit) -> dict[str, Any]:
    """A hit as the page shows it."""
    try:
        source = as_uri(hit.path, SMALL)
    except PartregError:
        source = ""
    said = verdict(desk.threshold, hit.distance) if desk.threshold else None
    shown = {"rank": hit.rank, "distance": hit.distance, "name": hit.name, "picture": source}
    return {**shown, "verdict": asdict(said) if said else None}


def _parts(desk: Desk, picture: Image.Image) -> tuple[str, list[dict[str, Any]]]:
    """The view, and the name and corners of each part that the detector sees."""
    if desk.detector is None:
        return "unknown", []
    from partreg.parts.detector import detect

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.bmp"
        picture.save(path)
        boxes = detect(desk.detector, pd.DataFrame({"image": ["picture"], "path": [str(path)]}))
    parts = [{"part": box.part, "corners": [getattr(box, corner) for corner in CORNERS]} for box in boxes.itertuples()]
    return (str(boxes["view"].iloc[0]) if parts else "unknown"), parts

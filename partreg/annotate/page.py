"""What the page to annotate asks for: the queue, a picture, its boxes; and what it sends, the boxes of a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from typing_extensions import TypedDict

from partreg.annotate.session import Session
from partreg.datasets.pictures import open_picture
from partreg.errors import PartregError
from partreg.files import inside
from partreg.guard import checked, number, whole
from partreg.local import Answer, Request, Routes, as_json
from partreg.parts.labelled import FAR

HERE = Path(__file__).parent
FILES = {"/": HERE / "page.html", "/page.js": HERE / "page.js", "/page.css": HERE / "page.css"}
FILES["/shared.js"] = HERE.parent / "touch" / "shared.js"
SIDE = 2560  # pixels of a picture's longer side in the page at most; boxes are in those of the file all the same
LIGHTS = ("left_light", "right_light")  # what `partreg.parts.boxes.extend_lights` extends
Corner = Annotated[float, number(-FAR, FAR)]


class Drawn(TypedDict):
    """A box as the page sends it, in pixels."""

    label: str
    x0: Corner
    y0: Corner
    x1: Corner
    y1: Corner


class Finished(TypedDict):
    """A finished picture as the page sends it."""

    image: str
    boxes: list[Drawn]
    seconds: Annotated[float, number(0, FAR)]
    saves: Annotated[int, whole()]


def routes(session: Session, left_out: int = 0) -> Routes:
    """What answers the page, see `partreg.local.serving`.

    Args:
        session: one annotator's work.
        left_out: pictures that cannot be annotated.
    """
    return {
        ("GET", "/work"): lambda request: as_json(_work(session, left_out)),
        ("GET", "/boxes"): lambda request: as_json(_boxes(session, request.query.get("image", ""))),
        ("GET", "/picture"): lambda request: _picture(session, request.query.get("image", "")),
        ("POST", "/save"): lambda request: as_json(_save(session, request)),
    }


def _work(session: Session, left_out: int) -> dict[str, Any]:
    lights = [label for label in session.classes if label in LIGHTS]
    queue = [{"name": name, "done": session.finished(name)} for name in session.queue]
    found = {
        "title": f"Boxes in {session.folder.name}",
        "file": str(session.path),
        "left_out": left_out,
        "progress": session.progress(),
    }
    return {**found, "classes": session.classes, "lights": lights, "queue": queue}


def _boxes(session: Session, image: str) -> dict[str, Any]:
    boxes = [
        {"label": box.label, "x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1, "score": score}
        for box, score in session.boxes(image)
    ]
    width, height = session.sizes[image]
    return {"width": width, "height": height, "boxes": boxes, "saves": session.saves[image]}


def _picture(session: Session, image: str) -> Answer:
    session.boxes(image)  # refuses what is not in the queue
    picture, buffer = open_picture(inside(session.folder, image)), io.BytesIO()
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    picture.save(buffer, "JPEG", quality=92)
    return Answer(buffer.getvalue(), "image/jpeg")


def _save(session: Session, request: Request) -> dict[str, Any]:
    sent: Finished = checked(Finished, request.json(), "", "the page")
    boxes = [(one["label"], (one["x0"], one["y0"], one["x1"], one["y1"])) for one in sent["boxes"]]
    open_picture(inside(session.folder, sent["image"]))  # what cannot be shown, nobody has annotated
    if sent["saves"] != session.saves[sent["image"]]:
        raise PartregError(f"{sent['image']}: another tab has saved it meanwhile; reload this page to see its boxes.")
    session.save(sent["image"], boxes, sent["seconds"])
    return {**session.progress(), "saves": session.saves[sent["image"]]}

"""What all things to touch share: one source file each, for JupyterLab and for a page that is opened as a file.

A thing is a Python function, which gives a `Thing` with the data of its chapter, and a file of JavaScript beside it,
which draws these data: ``export default { render({ model, el }) { ... } }``, as anywidget asks. `module` puts the
helpers of ``shared.js`` before it. `script` wraps the same text for pages: a script without imports, since a browser
loads no module from a file. It mounts each thing where its still picture stands.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from partreg.figures.sheets import DPI, Picture, as_pixels
from partreg.parts.boxes import PART_BOXES

HERE = Path(__file__).parent
SHARED = ("shared", "page", "in_page")  # files of JavaScript that are no things


@dataclass(frozen=True)
class Thing:
    """One thing to touch. A notebook shows it as a widget, a published page by `script`.

    Attributes:
        name: of its file of JavaScript.
        data: what this file draws, as JSON can hold it.
        still: the picture where scripts are off, see `still`.
        alt: the picture in words.
    """

    name: str
    data: Mapping[str, Any]
    still: str
    alt: str

    def html(self) -> str:
        """Return the still picture with the data beside it; `script` puts the thing in the picture's place."""
        data = json.dumps(self.data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        return (
            f'<figure class="touch-figure" data-touch="{self.name}">'
            f'<img class="touch-still" src="{self.still}" alt="{html.escape(self.alt)}">'
            f'<script type="application/json">{data}</script></figure>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Return the widget for JupyterLab, and the picture for whatever keeps the output without a kernel."""
        return {**widget(self)._repr_mimebundle_()[0], "text/html": self.html()}


def widget(thing: Thing) -> Any:
    """Return a thing as an anywidget; the kernel sends it the data once and does nothing more."""
    import anywidget
    import traitlets

    class Live(anywidget.AnyWidget):
        _esm = module(thing.name)
        _css = style()
        data = traitlets.Dict().tag(sync=True)

    return Live(data=thing.data)


def names() -> list[str]:
    """Return the names of all things, sorted."""
    return sorted(path.stem for path in HERE.glob("*.js") if path.stem not in SHARED)


def source(name: str) -> str:
    """Return a file of JavaScript of this folder."""
    return (HERE / f"{name}.js").read_text(encoding="utf-8")


def style() -> str:
    """Return the style sheet of all things."""
    return (HERE / "touch.css").read_text(encoding="utf-8")


def module(name: str) -> str:
    """Return a thing as one JavaScript module with the shared helpers in it."""
    return f"{source('shared')}\n{source(name)}"


def script() -> str:
    """Return all things as one classic script, which mounts those of its page."""
    things = "".join(
        f"things.{name} = (() => {{\n{source(name).replace('export default', 'return', 1)}}})();\n" for name in names()
    )
    return f'(() => {{\n"use strict";\n{source("shared")}\nconst things = {{}};\n{things}{source("page")}}})();\n'


def alone(name: str) -> str:
    """Return a file of JavaScript with the shared helpers as one classic script of a page."""
    return f'(() => {{\n"use strict";\n{source("shared")}\n{source(name)}}})();\n'


def picture(image: Picture, side: int = 256) -> str:
    """Return a picture as the data URI of a JPEG file.

    Args:
        image: a path or an array, as in `partreg.figures.sheets.as_pixels`.
        side: the longer side in pixels at most; a smaller picture keeps its size.
    """
    found = Image.fromarray(as_pixels(image))
    found.thumbnail((side, side))
    return image_uri(found, "jpeg", quality=88)


def still(figure: Figure) -> str:
    """Return a figure as the data URI of a PNG file of few colours, for readers whose scripts are off."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight")
    return image_uri(Image.open(file).convert("RGB").quantize(128), "png", optimize=True)


def rounded(values: Any, digits: int = 4) -> Any:
    """Return numbers, an array of any shape, as lists that JSON can hold; NaN, a missing number, becomes None."""
    array = np.asarray(values, dtype=float)
    return np.where(np.isnan(array), None, array.round(digits)).tolist()  # type: ignore[call-overload]


def boxes_by_name(corners: np.ndarray) -> dict[str, list[float] | None]:
    """Return the part boxes of an image, (4, 4) in the order of `PART_BOXES`, by name; None for one with NaN."""
    named = zip(PART_BOXES, corners, strict=True)
    return {name: None if np.isnan(box).any() else rounded(box, 5) for name, box in named}


def image_uri(image: Image.Image, kind: str, **how: Any) -> str:
    """Return an image as the data URI of a file of a kind, such as "png"; ``how`` goes to Pillow's ``save``."""
    file = io.BytesIO()
    image.save(file, format=kind, **how)
    return data_uri(file.getvalue(), kind)


def data_uri(content: bytes, kind: str) -> str:
    """Return the bytes of a picture file as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"

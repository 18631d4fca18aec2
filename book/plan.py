"""The plan of the house, from its imports: ``python book/plan.py`` prints it and draws ``build/plan.svg``.

A room is a package, with its lines; an arrow leads from a room to one that it imports. No arrow may lead down.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from partreg.figures.sheets import white_figure
from partreg.figures.tables import markdown
from partreg.workflow.code import imported, imports
from partreg.workflow.profile import REPOSITORY

# In the order in which data passes through them; `errors`, `files` and `guard` serve all rooms and have no arrows.
ROOMS = {
    "paper": "published tables",
    "datasets": "images with identities",
    "synthetic": "rendered near-duplicates",
    "parts": "boxes, detector, cells",
    "retrieval": "distances, CMC, AP, HIT",
    "reid": "network, loss, training",
    "baselines": "the other methods",
    "figures": "tables, lists, maps",
    "touch": "the method under one's hands",
    "local": "pages on this machine",
    "search": "a folder of pictures",
    "annotate": "boxes drawn and converted",
    "workflow": "profiles, keys, stages",
    "studies": "many trainings, effects",
    "notebooks": "the chapters",
}
Arrows = Counter[tuple[str, str]]


def sources(room: str) -> dict[Path, str]:
    """Return the code of a room by file; of a notebook its code cells."""
    if room == "notebooks":
        return {path: cells(path) for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))}
    place = REPOSITORY / "partreg" / room
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def cells(path: Path) -> str:
    """Return the code cells of a notebook as one text."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")


def lines(room: str) -> int:
    """Count a room's lines of code, comments and docstrings."""
    return sum(len(text.splitlines()) for text in sources(room).values())


def arrows() -> Arrows:
    """Count the files of one room that import from another, by importer and imported."""
    found: Arrows = Counter()
    for room in ROOMS:
        for path, text in sources(room).items():
            module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
            modules = imported([ast.parse(text)]) if room == "notebooks" else imports(module)
            others = {name.split(".")[1] for name in modules if "." in name} & set(ROOMS)
            found.update((room, other) for other in others - {room})
    return found


def downward(found: Arrows) -> list[tuple[str, str]]:
    """Return the arrows that lead to a room further down; there should be none."""
    order = list(ROOMS)
    return [pair for pair in found if order.index(pair[0]) < order.index(pair[1])]


def drawn(found: Arrows) -> Figure:
    """Draw the plan: rooms from top to bottom, larger with more lines, and arcs, thicker with more importing files."""
    order = list(ROOMS)
    figure, ax = white_figure(6.4, 7.2, layout="constrained")
    for place, room in enumerate(order):
        ax.text(0, -place, f"{room}    ", ha="right", va="bottom", weight="bold", size=9)
        ax.text(0, -place, f"{ROOMS[room]}, {lines(room):,} lines    ", ha="right", va="top", color="0.3", size=8)
    ax.scatter([0] * len(order), [-place for place in range(len(order))], [lines(room) / 25 for room in order], "0.2")
    for (importer, other), files in sorted(found.items()):
        start, end = -order.index(importer), -order.index(other)
        wrong = (importer, other) in downward(found)  # to the left, dashed
        look = {"color": colormaps["tab10"](-start % 10), "linestyle": "--" if wrong else "-", "alpha": 0.8}
        look |= {"linewidth": 0.5 + files / 8, "mutation_scale": 7, "shrinkA": 4, "shrinkB": 4}
        bend = f"arc3,rad={-0.55 if wrong else 0.55}"
        ax.add_patch(FancyArrowPatch((0, start), (0, end), arrowstyle="-|>", connectionstyle=bend, **look))
    ax.set(xlim=(-2.6, 2.8), ylim=(0.6 - len(order), 0.5))
    ax.set_axis_off()
    return figure


def page(found: Arrows) -> str:
    """Return the plan for the page on carrying on, in Markdown: the picture, and the same in words."""
    alt = "; ".join(f"{room} imports {', '.join(used(found, room)) or 'none of the others'}" for room in ROOMS)
    rows = [(f"`{room}`", what, f"{lines(room):,}", ", ".join(used(found, room))) for room, what in ROOMS.items()]
    table = markdown(["room", "what is in it", "lines:", "imports"], rows)
    image = f"```{{image}} _static/plan.svg\n:alt: The rooms one above the other. {alt}.\n```"
    return "\n".join([image, "", *table, ""])


def used(found: Arrows, room: str) -> list[str]:
    """Return the rooms that a room imports, from top to bottom."""
    return [other for other in ROOMS if (room, other) in found]


if __name__ == "__main__":
    plan = arrows()
    (REPOSITORY / "build").mkdir(exist_ok=True)
    drawn(plan).savefig(REPOSITORY / "build" / "plan.svg")
    print(page(plan))

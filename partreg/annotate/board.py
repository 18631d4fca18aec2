"""A session in a notebook: jupyter-bbox-widget with Submit, Skip (the picture shows no part), Undo and the progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from partreg.annotate.session import Session
from partreg.files import inside
from partreg.parts.labelled import Box


def drawing_board(session: Session) -> Any:
    """Build a JupyterLab widget for a session."""
    from ipywidgets import HTML, Button, VBox
    from jupyter_bbox_widget import BBoxWidget

    board, undo, state = BBoxWidget(classes=list(session.classes)), Button(description="Undo"), HTML()
    shown: str | None = None

    def show(name: str | None, boxes: Iterable[Box] = ()) -> None:
        nonlocal shown
        shown, found = name, session.progress()
        state.value = f"{found['done']} of {found['total']} images are finished"
        if name is not None:
            board.image, board.bboxes = str(inside(session.folder, name)), [_widgets(box) for box in boxes]

    def submit(boxes: Iterable[Mapping[str, Any]]) -> None:
        if shown is not None:
            session.save(shown, [(box["label"], _corners(box)) for box in boxes])
            show(session.current)

    board.on_submit(lambda: submit(board.bboxes))
    board.on_skip(lambda: submit([]))
    undo.on_click(lambda _: show(*(session.undo() or [session.current])))
    show(session.current)
    return VBox([state, board, undo])


def _corners(box: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box as the widget has it; one drawn to the left or up has negative sides."""
    (x0, x1), (y0, y1) = (sorted((box[at], box[at] + box[side])) for at, side in (("x", "width"), ("y", "height")))
    return x0, y0, x1, y1


def _widgets(box: Box) -> dict[str, Any]:
    return {"x": box.x0, "y": box.y0, "width": box.x1 - box.x0, "height": box.y1 - box.y0, "label": box.label}

"""A hand at the page: real mouse and keys, each press, click and drag counted, until the boxes are as wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from partreg.parts.boxes import iou

Corners = tuple[float, float, float, float]
KEYS = {0: "x0", 1: "y0", 2: "x1", 3: "y1"}
FRAME = "(() => { const frame = svg.getBoundingClientRect(); return [frame.left, frame.top, scale()]; })()"


def until(page: Any, holds: str) -> None:
    """Wait until an expression holds in the page, whose policy forbids playwright's own way to wait."""
    for _ in range(400):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"in vain: {holds}")


class Hand:
    """Draws and corrects with as few actions as the page allows; ``actions`` counts them."""

    def __init__(self, page: Any) -> None:
        self.page, self.actions = page, 0

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """The boxes that the page shows."""
        return self.page.evaluate("boxes.map((box) => ({ ...box }))")

    @property
    def classes(self) -> list[str]:
        return self.page.evaluate("work.classes")

    def press(self, key: str) -> None:
        self.actions += 1
        self.page.keyboard.press(key)

    def click(self, x: float, y: float, button: str = "left") -> None:
        self.actions += 1
        self.page.mouse.click(*self._screen(x, y), button=button)

    def drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        self.actions += 1
        self.page.mouse.move(*self._screen(x, y))
        self.page.mouse.down()
        (x, y), (to_x, to_y) = self._screen(x, y), self._screen(to_x, to_y)
        self.page.mouse.move((x + to_x) / 2 + 7, (y + to_y) / 2 + 7)
        self.page.mouse.move(to_x, to_y)
        self.page.mouse.up()

    def _screen(self, x: float, y: float) -> tuple[float, float]:
        left, top, scale = self.page.evaluate(FRAME)
        return left + x * scale, top + y * scale

    def finish(self) -> None:
        """Save, and wait for the next picture."""
        name = self.page.evaluate("image()")
        self.press("Enter")
        until(self.page, f"!busy && work.queue.find((one) => one.name === {json.dumps(name)}).done")

    def draw(self, label: str, box: Corners) -> None:
        """Pick the class, unless it is picked already and nothing lies where the box begins; then drag."""
        at = self.classes.index(label)
        free = self.page.evaluate("([x, y]) => !armed && grabbed({ x, y }, 7 / scale()) === null", list(box[:2]))
        if not free or self.page.evaluate("label") != at:
            self.press(str(at + 1))
        self.drag(*box)

    def draw_all(self, wanted: Mapping[str, Corners]) -> None:
        """Draw boxes in the order of the classes, but the class that is picked first: it needs no key."""
        picked = self.classes[self.page.evaluate("label")]
        for label in sorted(wanted, key=lambda one: (one != picked, self.classes.index(one))):
            self.draw(label, wanted[label])

    def correct(self, wanted: Mapping[str, Corners], close: float) -> None:
        """Correct the boxes that are shown until each class that is wanted has one of this overlap, and no other one.

        A window of the wrong end gets the other class. Then come boxes that nobody wants, boxes whose sides are off,
        and boxes that are missing.
        """
        self._rename(wanted, close)
        for label in [box["label"] for box in self.boxes if box["label"] not in wanted]:
            self._delete(label)
        for label, box in wanted.items():
            if label in self._shown():
                self._pull(label, box, close)
        self.draw_all({label: box for label, box in wanted.items() if label not in self._shown()})

    def _shown(self) -> dict[str, Corners]:
        return {box["label"]: tuple(box[key] for key in KEYS.values()) for box in self.boxes}

    def _rename(self, wanted: Mapping[str, Corners], close: float) -> None:
        for label, box in self._shown().items():
            missing = [one for one in wanted if one not in self._shown() and overlap(box, wanted[one]) >= close]
            if label not in wanted and missing:
                self._choose(label)
                self.press(str(self.classes.index(missing[0]) + 1))
                self.press("Escape")

    def _delete(self, label: str) -> None:
        x0, y0, x1, y1 = self._shown()[label]
        middle = [(x0 + x1) / 2, (y0 + y1) / 2]
        if self.page.evaluate("([x, y]) => boxes[under({ x, y })[0]].label", middle) == label:
            self.click(*middle, button="right")
        else:
            self._choose(label)
            self.press("Delete")

    def _choose(self, label: str) -> None:
        x0, y0, x1, y1 = self._shown()[label]
        self.click((x0 + x1) / 2, (y0 + y1) / 2)
        while self.page.evaluate("chosen < 0 ? '' : boxes[chosen].label") != label:
            self.press("]")

    def _pull(self, label: str, want: Corners, close: float) -> None:
        """Drag a corner or an edge, and the opposite one, where one alone does not do."""
        for _ in range(4):
            have = self._shown()[label]
            if overlap(have, want) >= close:
                break
            sides = best_sides(have, want)
            start = [have[sides[0]] if sides[0] is not None else (have[0] + have[2]) / 2]
            start += [have[sides[1]] if sides[1] is not None else (have[1] + have[3]) / 2]
            end = [start[axis] if side is None else want[side] for axis, side in enumerate(sides)]
            if not self._takes(label, start, sides):
                self._choose(label)
            self.drag(*start, *end)
        if self.page.evaluate("chosen") >= 0:
            self.press("Escape")

    def _takes(self, label: str, start: list[float], sides: tuple[int | None, int | None]) -> bool:
        """Whether a drag from here takes these sides of this box."""
        signs = [0 if side is None else 1 if side > 1 else -1 for side in sides]
        found = self.page.evaluate(
            "([x, y]) => { const g = grabbed({ x, y }, 6 / scale()); return g && [boxes[g.index].label, g.dx, g.dy]; }",
            start,
        )
        return found == [label, *signs]


def overlap(a: Corners, b: Corners) -> float:
    return float(iou(np.array(a), np.array(b)))


def best_sides(have: Corners, want: Corners) -> tuple[int | None, int | None]:
    """The edge or corner whose drag to its wanted place gives the largest overlap; fewer sides if it is the same."""
    found = []
    for across in (None, 0, 2):
        for down in (None, 1, 3):
            moved = [want[at] if at in (across, down) else have[at] for at in KEYS]
            found.append((round(overlap(tuple(moved), want), 6), (across is None) + (down is None), (across, down)))
    return max(found, key=lambda one: one[:2])[2]

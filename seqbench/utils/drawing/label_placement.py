"""Placement of texts in a drawing, so that they overlap nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Anchor = Literal["start", "middle", "end"]
"""The end of a text that stands at its coordinates."""

Place = tuple[float, float, Anchor]
"""Coordinates ``(x, y)`` of a text, and the end of the text that stands there."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a rectangle."""

CHARACTER_WIDTH, LINE_HEIGHT = 5.8, 10.0
"""Estimated size of text in pixels: the reader's browser chooses the font."""
NEAR = 13.0
"""A name that is further from its point than this (pixels) is joined to it by a line."""


@dataclass
class Labels:
    """The occupied rectangles of a drawing, used to place texts where nothing else stands.

    Args:
        width: width of the drawing, in pixels.
        height: height of the drawing, in pixels.
        boxes: the occupied rectangles.
    """

    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)

    def occupy(self, x: float, y: float, half: float = 4.0) -> None:
        """Keep a square around a point free of texts.

        Args:
            x: coordinate of its centre.
            y: coordinate of its centre.
            half: half of its side.
        """
        self.boxes.append((x - half, y - half, x + half, y + half))

    def occupy_line(self, start: tuple[float, float], end: tuple[float, float], half: float) -> None:
        """Keep squares along a line free of texts.

        Args:
            start: coordinates of its start.
            end: coordinates of its end.
            half: half of the side of each square.
        """
        (x, y), (right, bottom) = start, end
        if x == right or y == bottom:  # One rectangle holds all of the squares.
            left, top = min(x, right), min(y, bottom)
            self.boxes.append((left - half, top - half, max(x, right) + half, max(y, bottom) + half))
            return
        parts = 1 + int(math.hypot(right - x, bottom - y) / (2 * half))
        for k in range(parts + 1):
            self.occupy(x + (right - x) * k / parts, y + (bottom - y) * k / parts, half)

    def occupy_text(self, text: str, place: Place) -> None:
        """Keep the rectangle of a text at a place free of others."""
        self.boxes.append(text_box(text, *place))

    def find_place(self, text: str, places: Sequence[Place]) -> Place | None:
        """Return the first place where a text overlaps nothing; None where there is no such place.

        Args:
            text: the text to write.
            places: the places to try, best first.
        """
        return next((place for place in places if self._is_free(text_box(text, *place))), None)

    def _is_free(self, box: Box) -> bool:
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height
        return inside and not any(_overlap(box, other) for other in self.boxes)


def places_around(x: float, y: float) -> list[Place]:
    """Return the places for the name of a point, best first: beside it, then at growing distances around it."""
    places: list[Place] = [
        (x + 8, y + 3.5, "start"),
        (x - 8, y + 3.5, "end"),
        (x, y - 8, "middle"),
        (x, y + 15, "middle"),
    ]
    for distance in (14.0, 22.0, 32.0, 44.0, 58.0):
        for k in range(12):
            angle = 2 * math.pi * k / 12
            right, down = distance * math.cos(angle), distance * math.sin(angle)
            anchor: Anchor = "middle" if abs(right) < 1 else "start" if right > 0 else "end"
            places.append((x + right, y + down + 3.5, anchor))
    return places


def text_box(text: str, x: float, y: float, anchor: Anchor) -> Box:
    """Return the rectangle that a text takes at a place, by an estimate of its width.

    Args:
        text: the text.
        x: coordinate of its anchor.
        y: coordinate of its baseline.
        anchor: the end of the text that stands at ``x``.
    """
    width = len(text) * CHARACTER_WIDTH
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left - 2, y - LINE_HEIGHT + 2, left + width + 2, y + 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

"""Placement of texts in a drawing, so that they overlap nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from seqbench.utils.drawing.svg import svg_tag, svg_text

Anchor = Literal["start", "middle", "end"]
"""The end of a text that stands at its coordinates."""

Place = tuple[float, float, Anchor]
"""Coordinates ``(x, y)`` of a text, and the end of the text that stands there."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a rectangle."""

CHARACTER_WIDTH, LINE_HEIGHT = 6.0, 10.0
"""Estimated size of text in pixels: the reader's browser chooses the font."""


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

    def place(self, text: str, places: Sequence[Place], class_: str, required: bool = False) -> Markup | None:
        """Return the text at the first place where it overlaps nothing; None where there is no such place.

        Args:
            text: the text to write.
            places: the places to try, best first.
            class_: class of the element.
            required: whether the text is written at the first place if none is free.
        """
        free = next((place for place in places if self._is_free(_text_box(text, *place))), None)
        chosen = places[0] if free is None and required else free
        if chosen is None:
            return None
        self.boxes.append(_text_box(text, *chosen))
        x, y, anchor = chosen
        return svg_tag("text", svg_text(text), class_=class_, x=x, y=y, text_anchor=anchor)

    def _is_free(self, box: Box) -> bool:
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height
        return inside and not any(_overlap(box, other) for other in self.boxes)


def _text_box(text: str, x: float, y: float, anchor: Anchor) -> Box:
    width = len(text) * CHARACTER_WIDTH
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left, y - LINE_HEIGHT + 2, left + width, y + 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

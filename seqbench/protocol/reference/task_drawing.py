"""The drawn example of a task's card as a picture: a row for each line, a cell for each symbol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from seqbench.utils.drawing.svg import svg_tag, svg_text

CHARACTER, ROW, CELL, MARGIN = 9.0, 34.0, 24.0, 10.0
"""Width of a character, height of a row, height of a cell, and margin (px)."""

COLOURS = 8
STYLE = """\
text{font:15px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1b1b1b}
text{text-anchor:middle;dominant-baseline:central}
.label{text-anchor:start;fill:#5b6470;font-size:13px}
.blank{fill:#eceff2}.c0{fill:#bcd6f2}.c1{fill:#ffd8a8}.c2{fill:#bfe5c0}.c3{fill:#f5c1c1}
.c4{fill:#dccdf0}.c5{fill:#e4d3c6}.c6{fill:#f9d3e8}.c7{fill:#e9e6a6}
@media (prefers-color-scheme:dark){.label{fill:#aab4c0}.blank{fill:#767f89}}
"""
_BLANKS = (".", "...", "=", "+", "|")


def draw_example(example: str) -> str:
    """Return the drawn example of a card as an SVG picture.

    The first word of each line is the label of its row. The other words become cells at the columns where the example
    has them, so that inputs and targets of one step stand below each other. Equal words have one colour.

    Args:
        example: lines such as ``input   0 1 1`` and ``target  0 1 0``.
    """
    lines = [line for line in example.splitlines() if line.strip()]
    labels = max(len(line.split()[0]) for line in lines)
    words = [list(_words(line)) for line in lines]
    colours = _colours(word for row in words for _, word in row)
    first = min((column for row in words for column, _ in row), default=0)
    left = 2 * MARGIN + labels * CHARACTER
    end = max((column + len(word) for row in words for column, word in row), default=0)
    width, height = left + (end - first) * CHARACTER + MARGIN, len(lines) * ROW + MARGIN
    parts = [svg_tag("style", svg_text(STYLE.replace("\n", "")))]
    for number, (line, row) in enumerate(zip(lines, words, strict=True)):
        middle = MARGIN / 2 + number * ROW + ROW / 2
        parts.append(svg_tag("text", svg_text(line.split()[0]), class_="label", x=MARGIN, y=middle))
        for column, word in row:
            x, wide = left + (column - first) * CHARACTER, len(word) * CHARACTER
            parts.append(
                svg_tag(
                    "rect",
                    class_=colours[word],
                    x=x - CHARACTER * 0.45,
                    y=middle - CELL / 2,
                    width=wide + CHARACTER * 0.9,
                    height=CELL,
                    rx=3,
                )
            )
            parts.append(svg_tag("text", svg_text(word), x=x + wide / 2, y=middle + 1))
    box = f"0 0 {width:.0f} {height:.0f}"
    attributes = {"viewBox": box, "role": "img", "aria_label": "inputs and targets of one sequence"}
    return (
        str(svg_tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", width=width, height=height, **attributes)) + "\n"
    )


def _words(line: str) -> Iterator[tuple[int, str]]:
    """Yield the words of a line after its label, each with its column."""
    matches = list(re.finditer(r"\S+", line))
    return ((match.start(), match[0]) for match in matches[1:])


def _colours(words: Iterable[str]) -> dict[str, str]:
    """Return the class of each word's colour: grey for a blank, the others in the order in which the words appear."""
    names = list(dict.fromkeys(word for word in words if word not in _BLANKS))
    return {name: f"c{place % COLOURS}" for place, name in enumerate(names)} | dict.fromkeys(_BLANKS, "blank")

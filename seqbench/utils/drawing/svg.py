"""SVG elements as text: tags, paths, markers and dashes.

Colours are classes of the page's style sheet, so that drawings follow light and dark mode. No element has an inline
style, because the page's Content-Security-Policy forbids it.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from seqbench.utils.visible_text import visible_line

MARKERS = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
    "M-3.2 -3.2h6.4v6.4h-6.4z",
    "M0 -4.4L4.2 3.2H-4.2z",
    "M0 -4.6L4.6 0L0 4.6L-4.6 0z",
    "M0 4.4L4.2 -3.2H-4.2z",
    "M-1.3 -4.2h2.6v2.9h2.9v2.6h-2.9v2.9h-2.6v-2.9h-2.9v-2.6h2.9z",
    "M-4.4 0L3.2 -4.2V4.2z",
    "M0 -4.6L1.2 -1.5L4.4 -1.4L1.9 .6L2.7 3.7L0 1.9L-2.7 3.7L-1.9 .6L-4.4 -1.4L-1.2 -1.5z",
    "M4.4 0L-3.2 -4.2V4.2z",
    "M-2 -3.8h4l2 3.8l-2 3.8h-4l-2 -3.8z",
)
"""Marker shapes around the origin, one for each colour, so that series differ without colour as well."""
DASHES = ("", "6 2", "2 2", "8 2 2 2", "4 4", "1 2", "10 3", "6 2 1 2 1 2", "3 1", "12 2 3 2")
"""Dash patterns of lines, one for each colour."""


def svg_tag(name: str, *inside: str, **attributes: object) -> Markup:
    """Return an element with escaped attribute values.

    Args:
        name: name of the element.
        inside: its content, which must be markup or the result of `svg_text`.
        attributes: ``class_`` stands for ``class``, and underscores for hyphens; None and empty strings are left out.

    >>> str(svg_tag("path", class_="line", stroke_width=1.26, d="M0 0"))
    '<path class="line" stroke-width="1.3" d="M0 0"/>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_format_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    return Markup(f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>")


def _format_attribute(value: object) -> str:
    return format_coordinate(value) if isinstance(value, float) else escape(value)


def svg_text(text: str) -> Markup:
    """Return a text escaped for use between tags.

    >>> str(svg_text("a < b"))
    'a &lt; b'
    """
    return escape(visible_line(text))


def format_coordinate(value: float) -> str:
    """Return a coordinate with at most one decimal place.

    >>> format_coordinate(3.14), format_coordinate(3.0)
    ('3.1', '3')
    """
    written = f"{value:.1f}"
    return written[:-2] if written.endswith(".0") else written


def shorten(text: str, length: int) -> str:
    """Return a text cut to so many characters, the last of them an ellipsis.

    >>> shorten("transformer", 6)
    'trans…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def svg_path(points: Iterable[tuple[float, float]]) -> str:
    """Return the ``d`` attribute of a path along points ``(x, y)``.

    >>> svg_path([(0.0, 1.0), (2.25, 3.0)])
    'M0 1L2.2 3'
    """
    return "M" + "L".join(f"{format_coordinate(x)} {format_coordinate(y)}" for x, y in points)


def vertical_line(x: float, top: float, bottom: float) -> str:
    """Return the ``d`` attribute of a vertical line.

    Args:
        x: coordinate of the line.
        top: coordinate where it starts.
        bottom: coordinate where it ends.

    >>> vertical_line(2.0, 4.0, 12.0)
    'M2 4V12'
    """
    return f"M{format_coordinate(x)} {format_coordinate(top)}V{format_coordinate(bottom)}"


def horizontal_line(y: float, left: float, right: float) -> str:
    """Return the ``d`` attribute of a horizontal line.

    Args:
        y: coordinate of the line.
        left: coordinate where it starts.
        right: coordinate where it ends.

    >>> horizontal_line(8.0, 2.0, 12.5)
    'M2 8H12.5'
    """
    return f"M{format_coordinate(left)} {format_coordinate(y)}H{format_coordinate(right)}"


def svg_marker(x: float, y: float, slot: int | None, title: str = "") -> Markup:
    """Return the marker of a series at a point.

    Args:
        x: coordinate of its centre.
        y: coordinate of its centre.
        slot: number of the series' style, which chooses the shape; None for a small dot.
        title: text that a browser shows while the pointer is over the marker.
    """
    inside = (svg_tag("title", svg_text(title)),) if title else ()
    if slot is None:
        return svg_tag("circle", *inside, class_="mark", cx=x, cy=y, r=2.0)
    move = f"translate({format_coordinate(x)} {format_coordinate(y)})"
    return svg_tag("path", *inside, class_="mark", d=MARKERS[slot], transform=move)

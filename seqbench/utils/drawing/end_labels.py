"""Names at the right edge of a chart: stacked without overlaps, each joined to its line by a leader line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SPACING = 10.5
"""Distance between the baselines of two names (pixels)."""


@dataclass(frozen=True)
class EndLabel:
    """A name at the right edge of a chart.

    Args:
        text: the name.
        x: coordinate of the end of its line.
        y: coordinate of the end of its line.
        kind: class of the name.
        slot: number of the style of its series; None for a level.
        key: label of the series; empty for a level.
        joined: whether a leader line joins the name to the end of its line.
    """

    text: str
    x: float
    y: float
    kind: str
    slot: int | None = None
    key: str = ""
    joined: bool = True


def stack(wanted: Sequence[float], spacing: float, top: float, bottom: float) -> list[float]:
    """Return coordinates near the wanted ones, at least ``spacing`` apart, in the same order.

    Where names are too close, their common shift is the mean one. If there is no room for all of them between ``top``
    and ``bottom``, they are evenly spread over it.

    Args:
        wanted: the wanted coordinates, in any order; equal ones keep their order.
        spacing: smallest distance between two coordinates.
        top: smallest coordinate.
        bottom: largest coordinate.

    >>> stack([5.0, 5.0, 50.0], 10.0, 0.0, 100.0)
    [0.0, 10.0, 50.0]
    """
    if not wanted:
        return []
    spacing = min(spacing, (bottom - top) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=lambda k: round(wanted[k]))
    # Blocks of names that touch, each with the sum of the wanted tops of the block and its number of names.
    blocks: list[tuple[float, int]] = []
    for k in order:
        total, count = min(max(wanted[k], top), bottom), 1
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][1] * spacing > total / count:
            earlier, number = blocks.pop()
            total, count = earlier + total - count * number * spacing, number + count
        blocks.append((total, count))
    placed: list[float] = []
    for total, count in blocks:
        first = min(max(total / count, top), bottom - (count - 1) * spacing)
        placed += [first + k * spacing for k in range(count)]
    return _in_order(order, _within(placed, spacing, top, bottom))


def _within(placed: Sequence[float], spacing: float, top: float, bottom: float) -> list[float]:
    """Move coordinates that the clamping of blocks has brought too close to each other, without leaving the range."""
    down = list(placed)
    for k in range(1, len(down)):
        down[k] = max(down[k], down[k - 1] + spacing)
    limit = bottom
    for k in reversed(range(len(down))):
        down[k] = min(down[k], limit)
        limit = down[k] - spacing
    return down


def _in_order(order: Sequence[int], placed: Sequence[float]) -> list[float]:
    result = [0.0] * len(order)
    for place, k in enumerate(order):
        result[k] = placed[place]
    return result

"""Scores and intervals as text; none claims an interval where all seeds have one score."""

from __future__ import annotations

from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.leaderboard.task_data import RowData
from seqbench.utils import number_format

ALL_SEEDS = "all seeds"
"""What stands in the place of ± and a half width where all seeds have the same score."""

MOST_PLACES = 6
"""Largest number of decimal places of the ends of an interval."""


def metric_with_arrow(metric: str, direction: str) -> str:
    """Return a metric with an arrow towards better scores.

    >>> metric_with_arrow("accuracy", "max")
    'accuracy ↑'
    """
    return f"{metric} {'↑' if direction == 'max' else '↓'}"


def spread_text(row: RowData, places: int) -> str:
    """Return what stands beside a mean score: ± its half width, or that there is one seed, or that all seeds agree.

    Args:
        row: a row with a mean score.
        places: number of decimal places.
    """
    if row.half_width is None:
        return "one seed"
    if row.half_width == 0:
        return ALL_SEEDS
    return f"± {number_format.format_half_width(row.half_width, places)}"


def format_estimate(value: float, low: float | None, high: float | None, places: int = 3) -> str:
    """Return an estimate with its interval in parentheses; the estimate alone if its interval is unknown or a point.

    The ends have as many decimal places as they need to differ.

    Args:
        value: the estimate.
        low: lower end of its interval; None if unknown.
        high: upper end of its interval; None if unknown.
        places: least number of decimal places.

    >>> format_estimate(0.947, 0.934, 0.961), format_estimate(0.5, 0.5, 0.5, 2), format_estimate(0.9731, 0.9731, 0.9734)
    ('0.947 (0.934 to 0.961)', '0.50', '0.973 (0.9731 to 0.9734)')
    """
    interval = format_ends(low, high, places)
    return f"{value:.{places}f} ({interval})" if interval else f"{value:.{places}f}"


def format_optional(estimate: Estimate | None, places: int) -> str:
    """Return an estimate as ``format_estimate`` does; an empty string without one.

    Args:
        estimate: the estimate, or None.
        places: least number of decimal places.
    """
    return "" if estimate is None else format_estimate(estimate.value, estimate.low, estimate.high, places)


def format_ends(low: float | None, high: float | None, places: int = 3) -> str:
    """Return the ends of an interval, with as many decimal places as they need to differ; empty if they do not.

    Args:
        low: lower end; None if unknown.
        high: upper end; None if unknown.
        places: least number of decimal places.
    """
    if low is None or high is None:
        return ""
    for digits in range(places, MOST_PLACES + 1):
        if f"{low:.{digits}f}" != f"{high:.{digits}f}":
            return number_format.format_interval(low, high, digits)
    return ""

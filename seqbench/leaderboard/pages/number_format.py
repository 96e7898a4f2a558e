"""Scores and costs as a page writes them: few digits, aligned in their column, in units that people know."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

_THOUSANDS = ("", "k", "M", "G", "T", "P")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_TIMES = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))


def decimal_places(values: Iterable[float]) -> int:
    """How many decimals a column of scores needs for four digits of its typical value; four at most."""
    sizes = [abs(value) for value in values if value]
    typical = statistics.median(sizes) if sizes else 1.0
    return min(max(3 - math.floor(math.log10(max(typical, 1e-9))), 0), 4)


def format_score(value: float, places: int) -> str:
    """A score with so many decimals; one that they would not show at all, or that is huge, with an exponent."""
    if value and not 20 * 10.0**-places <= abs(value) < 1e7:
        return f"{value:.2g}" if abs(value) < 1 else f"{value:.4g}"
    return f"{value:.{places}f}"


def format_half_width(value: float, places: int) -> str:
    """Half of an interval beside a score of so many decimals; one too small for them is said to be."""
    if 0 < value < 0.5 * 10.0**-places:
        return f"<{10.0**-places:g}"
    return format_score(value, places) if value >= 1e7 else f"{value:.{places}f}"


def format_count(value: float) -> str:
    """``512``, ``99.1k``, ``1.85M``: three digits and a power of 1,000."""
    return _scaled(value, 1000.0, _THOUSANDS, "")


def format_bytes(value: float) -> str:
    """``512 B``, ``1.97 KiB``, ``403 MiB``: three digits and a power of 1,024."""
    return _scaled(value, 1024.0, _BYTES, " ")


def format_time(seconds: float) -> str:
    """``26.0 s``, ``2.1 min``, ``1.5 h``: one decimal, so that a column of them can be compared."""
    length, name = time_unit(seconds)
    return f"{seconds / length:,.1f} {name}" if abs(seconds) < 1e12 else f"{seconds:.3g} s"


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit, its length in seconds and its name, in which so long a time is two or more; ``s`` below that."""
    return next(((length, name) for length, name in _TIMES if abs(seconds) >= 2 * length), _TIMES[-1])


def size_unit(value: float) -> tuple[float, str]:
    """The unit, its bytes and its name, in which so large a size is one or more."""
    power = _power(value, 1024.0, len(_BYTES))
    return 1024.0**power, _BYTES[power]


def _scaled(value: float, base: float, names: tuple[str, ...], space: str) -> str:
    power = _power(value, base, len(names))
    shown = value / base**power
    if abs(shown) >= 1e6:
        return f"{value:.3g}{space}{names[0]}"
    digits = 0 if abs(shown) >= 99.95 or (power == 0 and value == int(value)) else 1 if abs(shown) >= 9.995 else 2
    return f"{shown:.{digits}f}{space}{names[power]}"


def _power(value: float, base: float, most: int) -> int:
    power = 0
    # What would be written as 1000k is 1.00M.
    while power + 1 < most and abs(value) / base**power >= base - 0.5:
        power += 1
    return power

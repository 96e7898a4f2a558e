"""Numbers as text: scores, costs, differences and axis ticks, for pages, charts and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

_THOUSANDS = ("", "k", "M", "G", "T", "P")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_TIMES = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))

LARGE = 1e15
"""Numbers of this size and above are written with an exponent instead of thousands separators."""


def format_number(value: float | None) -> str:
    """Return a number with up to four significant digits; an integer with all digits; ``-`` for None.

    >>> [format_number(value) for value in (0.97, 0.123456, 4000, None)]
    ['0.97', '0.1235', '4000', '-']
    """
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def format_large_number(value: float | None) -> str:
    """Return a number from 10 upwards as an integer with thousands separators, others as `format_number` does.

    >>> [format_large_number(value) for value in (1234567.8, 1.5, None)]
    ['1,234,568', '1.5', '-']
    """
    return f"{value:,.0f}" if value is not None and 10 <= abs(value) < LARGE else format_number(value)


def format_four_digits(value: float | None) -> str:
    """Return a number with exactly four significant digits, zeros included; an empty string for None.

    >>> [format_four_digits(value) for value in (0.97, 8.0, 12345.6, 0.0001234, 0, None)]
    ['0.9700', '8.000', '1.235e+04', '1.23e-04', '0', '']
    """
    if value is None:
        return ""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:#.4g}".rstrip(".")
    return f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.2e}"


def format_published(value: float) -> str:
    """Return a published score with up to six significant digits and without trailing zeros.

    >>> format_published(8.10)
    '8.1'
    """
    return f"{value:.6g}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: the singular for one, otherwise the plural.

    Args:
        number: the number.
        noun: the noun in the singular.
        plural: its plural; empty for one that only adds an s.

    >>> counted(1, "record"), counted(1200, "record"), counted(0, "process", "processes")
    ('1 record', '1,200 records', '0 processes')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def format_mean(mean: float | None, half_width: float | None) -> str:
    """Return a mean and the half width of its interval; only the mean if there is no interval.

    If the interval is a point, all seeds have this score.

    >>> format_mean(0.97, 0.0098), format_mean(0.97, None), format_mean(1.0, 0.0)
    ('0.9700 ± 0.0098', '0.9700', '1.000, all seeds')
    """
    if mean is None or half_width is None:
        return format_four_digits(mean)
    if half_width == 0:
        return f"{format_four_digits(mean)}, all seeds"
    return f"{format_four_digits(mean)} ± {f'{half_width:#.2g}'.rstrip('.')}"


def format_interval(low: float | None, high: float | None, places: int = 3) -> str:
    """Return both ends of an interval with ``places`` decimal places; an empty string if an end is unknown.

    >>> format_interval(0.9451, 0.9662)
    '0.945 to 0.966'
    """
    return "" if low is None or high is None else f"{low:.{places}f} to {high:.{places}f}"


def format_difference(value: float | None) -> str:
    """Return a difference with its sign and two significant digits; an empty string for None.

    >>> [format_difference(value) for value in (0.0213, -0.5, 0.0, None)]
    ['+0.021', '-0.5', '0', '']
    """
    return "" if value is None else f"{value:+.2g}" if value else "0"


def decimal_places(values: Iterable[float]) -> int:
    """Return the number of decimal places, at most four, that shows four significant digits of the median value.

    >>> decimal_places([0.9, 0.5]), decimal_places([8.2, 11.0]), decimal_places([1234.0])
    (4, 3, 0)
    """
    sizes = sorted(abs(value) for value in values if value)
    middle = len(sizes) // 2
    median = (sizes[middle] + sizes[~middle]) / 2 if sizes else 1.0
    return min(max(3 - math.floor(math.log10(max(median, 1e-9))), 0), 4)


def format_score(value: float, places: int) -> str:
    """Return a score with fixed decimal places, or with significant digits if fixed places would hide its value.

    >>> format_score(0.97, 3), format_score(5.3e-5, 4), format_score(1e30, 2)
    ('0.970', '5.3e-05', '1e+30')
    """
    if value and not 20 * 10.0**-places <= abs(value) < 1e7:
        return f"{value:.2g}" if abs(value) < 1 else f"{value:.4g}"
    return f"{value:.{places}f}"


def format_half_width(value: float, places: int) -> str:
    """Return the half width of an interval with fixed decimal places; ``<0.001`` if they would show zero.

    >>> [format_half_width(value, 3) for value in (0.0, 0.0001, 0.0123)]
    ['0.000', '<0.001', '0.012']
    """
    if 0 < value < 0.5 * 10.0**-places:
        return f"<{10.0**-places:g}"
    return format_score(value, places) if value >= 1e7 else f"{value:.{places}f}"


def format_count(value: float) -> str:
    """Return a count with three significant digits and a power of 1,000.

    >>> [format_count(value) for value in (512, 99_139, 1.85e6)]
    ['512', '99.1k', '1.85M']
    """
    return _format_scaled(value, 1000.0, _THOUSANDS, "")


def format_bytes(value: float) -> str:
    """Return a size in bytes with three significant digits and a power of 1,024.

    >>> [format_bytes(value) for value in (512, 2016, 422_857_240)]
    ['512 B', '1.97 KiB', '403 MiB']
    """
    return _format_scaled(value, 1024.0, _BYTES, " ")


def format_time(seconds: float) -> str:
    """Return a time with one decimal place in seconds, minutes or hours.

    >>> [format_time(seconds) for seconds in (26.04, 126, 9000)]
    ['26.0 s', '2.1 min', '2.5 h']
    """
    length, name = time_unit(seconds)
    return f"{seconds / length:,.1f} {name}" if abs(seconds) < 1e12 else f"{seconds:.3g} s"


def format_tick(value: float) -> str:
    """Return the shortest label of an axis tick that shows its exact value.

    >>> [format_tick(value) for value in (0.25, 4000, 1.5e6, 1e-5, 0)]
    ['0.25', '4k', '1.5M', '1e-05', '0']
    """
    if value and not 1e-4 <= abs(value) < LARGE:
        return f"{value:g}"
    if abs(value) < 1000:
        return f"{value:.6g}"
    power = min(int(math.log10(abs(value)) // 3), 4)
    return f"{value / 1000**power:.6g}{_THOUSANDS[power]}"


def time_unit(seconds: float) -> tuple[float, str]:
    """Return the length (s) and the name of the largest unit in which a time is at least 2.

    >>> time_unit(126.0)
    (60.0, 'min')
    """
    return next(((length, name) for length, name in _TIMES if abs(seconds) >= 2 * length), _TIMES[-1])


def bytes_unit(value: float) -> tuple[float, str]:
    """Return the size (bytes) and the name of the largest unit in which a size is at least 1.

    >>> bytes_unit(4e8)
    (1048576.0, 'MiB')
    """
    power = _power(value, 1024.0, len(_BYTES))
    return 1024.0**power, _BYTES[power]


def _format_scaled(value: float, base: float, names: tuple[str, ...], space: str) -> str:
    power = _power(value, base, len(names))
    scaled = value / base**power
    if abs(scaled) >= 1e6:
        return f"{value:.3g}{space}{names[0]}"
    digits = 0 if abs(scaled) >= 99.95 or (power == 0 and value == int(value)) else 1 if abs(scaled) >= 9.995 else 2
    return f"{scaled:.{digits}f}{space}{names[power]}"


def _power(value: float, base: float, count: int) -> int:
    """Return the exponent of the base with which a value is written; it is below ``count``."""
    power = 0
    # A value that would be rounded to 1000k is written as 1.00M.
    while power + 1 < count and abs(value) / base**power >= base - 0.5:
        power += 1
    return power

"""Convert durations and sizes with units to text, and text to numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from seqbench.utils.errors import SeqbenchError

_TIMES = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"": 1.0, "k": 2.0**10, "m": 2.0**20, "g": 2.0**30, "t": 2.0**40}


def format_duration(seconds: float) -> str:
    """Return a duration in seconds as text.

    >>> [format_duration(seconds) for seconds in (45, 185, 7800)]
    ['45 s', '3 min 5 s', '2 h 10 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def parse_seconds(text: str, option: str) -> float:
    """Return the seconds of a duration such as ``90``, ``90s``, ``30m``, ``2h`` or ``1d``.

    Raises:
        SeqbenchError: the text is not a duration; the message names the option.

    >>> parse_seconds("30m", "--limit")
    1800.0
    """
    return _parse_quantity(text, _TIMES, f"{option} must be a time such as 90s, 30m or 2h")


def parse_bytes(text: str, option: str) -> int:
    """Return the bytes of a size such as ``1024``, ``500M`` or ``4G``; the units are powers of 1,024.

    Raises:
        SeqbenchError: the text is not a size; the message names the option.

    >>> parse_bytes("4k", "--memory")
    4096
    """
    return int(_parse_quantity(text, _SIZES, f"{option} must be a size such as 500M or 4G"))


def _parse_quantity(text: str, units: Mapping[str, float], expected: str) -> float:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]?)", text.strip().lower())
    if not match or match[2] not in units or float(match[1]) == 0:
        raise SeqbenchError(f"{expected}, got {text!r}.")
    return float(match[1]) * units[match[2]]

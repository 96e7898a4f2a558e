"""Compare two pieces of plain data: find every difference and the size of the largest one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr


@dataclass(frozen=True)
class Difference:
    """One difference between two pieces of data.

    Args:
        where: dotted name of the value.
        recorded: the recorded value; None if it is missing.
        computed: the value that was computed again; None if it is missing.
        size: difference of two numbers, divided by the magnitude of the recorded number if that is above 1; infinite
            for other values.
    """

    where: str
    recorded: object
    computed: object
    size: float


def find_differences(recorded: object, computed: object, where: str = "") -> Iterator[Difference]:
    """Yield every difference between two pieces of plain data.

    Args:
        recorded: plain data.
        computed: plain data that should be equal.
        where: dotted name of the data.

    >>> [(one.where, one.size) for one in find_differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]})]
    [('a[1]', 0.25)]
    """
    if isinstance(recorded, Mapping) and isinstance(computed, Mapping):
        for key in sorted({*recorded, *computed}):
            yield from find_differences(recorded.get(key), computed.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(recorded, list | tuple) and isinstance(computed, list | tuple) and len(recorded) == len(computed):
        for place, (one, other) in enumerate(zip(recorded, computed, strict=True)):
            yield from find_differences(one, other, f"{where}[{place}]")
    elif (
        isinstance(recorded, int | float) and isinstance(computed, int | float) and not _any_boolean(recorded, computed)
    ):
        if recorded != computed:
            yield Difference(where, recorded, computed, abs(recorded - computed) / max(1, abs(recorded)))
    elif type(recorded) is not type(computed) or recorded != computed:
        yield Difference(where, recorded, computed, math.inf)


def compare_values(recorded: object, computed: object, tolerance: float, where: str = "") -> str:
    """Return the agreement of two pieces of plain data in words, with the largest difference.

    Args:
        recorded: plain data.
        computed: plain data that should be equal.
        tolerance: largest accepted difference of two numbers, relative to the recorded one or to 1.
        where: dotted name of the data.

    Raises:
        SeqbenchError: a difference is beyond the tolerance; the message names the largest one.

    >>> compare_values({"loss": 0.5}, {"loss": 0.5}, tolerance=0)
    'bit for bit'
    """
    largest = max(find_differences(recorded, computed, where), key=lambda one: one.size, default=None)
    if largest is None:
        return "bit for bit"
    if not largest.size <= tolerance:
        raise SeqbenchError(
            f"{largest.where} is recorded as {short_repr(largest.recorded)} and is {short_repr(largest.computed)}"
        )
    return f"within {tolerance:g}, at most {largest.size:.1e} off ({largest.where})"


def _any_boolean(*values: object) -> bool:
    return any(isinstance(value, bool) for value in values)

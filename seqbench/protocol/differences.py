"""Whether two pieces of plain data say the same: bit for bit, or how far apart their numbers are at most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr


@dataclass(frozen=True)
class Difference:
    """A place where data differ; ``size`` is relative to what is recorded or to 1, and infinite but for numbers."""

    where: str
    recorded: Any
    found: Any
    size: float


def find_differences(recorded: Any, found: Any, where: str = "") -> Iterator[Difference]:
    """Every place where plain data differ, named by dotted keys below ``where``."""
    if isinstance(recorded, Mapping) and isinstance(found, Mapping):
        for key in sorted({*recorded, *found}):
            yield from find_differences(recorded.get(key), found.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(recorded, list | tuple) and isinstance(found, list | tuple) and len(recorded) == len(found):
        for place, (one, other) in enumerate(zip(recorded, found, strict=True)):
            yield from find_differences(one, other, f"{where}[{place}]")
    elif _number(recorded) and _number(found):
        if recorded != found:
            yield Difference(where, recorded, found, abs(recorded - found) / max(1, abs(recorded)))
    elif type(recorded) is not type(found) or recorded != found:
        yield Difference(where, recorded, found, math.inf)


def compare_values(recorded: Any, found: Any, tolerance: float, where: str = "") -> str:
    """How well data agree, in words; where they differ, the largest difference is named.

    Args:
        recorded: plain data.
        found: what should be the same.
        tolerance: most that a number may be off, relative to the recorded one or to 1.
        where: what they are, for the sentence.

    Raises:
        SeqbenchError: naming the largest difference, if it is beyond the tolerance.
    """
    worst = max(find_differences(recorded, found, where), key=lambda one: one.size, default=None)
    if worst is None:
        return "bit for bit"
    if not worst.size <= tolerance:
        raise SeqbenchError(
            f"{worst.where} is recorded as {short_repr(worst.recorded)} and is {short_repr(worst.found)}"
        )
    return f"within {tolerance:g}, at most {worst.size:.1e} off ({worst.where})"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

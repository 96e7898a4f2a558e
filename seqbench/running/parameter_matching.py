"""Parameter matching: find the width at which an architecture has a given number of parameters.

Architectures are compared at an equal number of parameters. At one width this number differs: with the same
``d_model``, an LSTM has four times the parameters of a simple recurrent network. Only the width is chosen; every other
option stays unchanged.
"""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from seqbench.protocol.config import RunConfig
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr

if TYPE_CHECKING:
    from seqbench.protocol.specs import SequenceSpec

TOLERANCE = 0.02
"""Largest accepted difference from the target, as a share of the target."""

WIDEST, WIDEST_REFUSED = 2**17, 2**8
"""Largest width that is tried, and largest width that is tried if the backbone refuses all smaller widths."""

REACH, NEIGHBOURS = 64, 8
"""Largest distance to a width that replaces a refused one, and number of widths that are tried on each side of the
result (a larger width may have fewer parameters)."""

LARGEST_TARGET = 10**12
"""Largest accepted number of parameters; a larger number is taken for a typing error."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}


def parse_parameter_count(value: object) -> int:
    """Return the number of parameters that a number or a text such as ``100k``, ``1.5M``, ``2B`` or ``2e5`` means.

    Raises:
        SeqbenchError: the value is not a whole number from 1 to ``LARGEST_TARGET``.

    >>> parse_parameter_count("1.5M"), parse_parameter_count(2e5)
    (1500000, 200000)
    """
    match = re.fullmatch(r"(\d+\.?\d*(?:e\+?\d{1,2})?)([kmb]?)", str(value).strip().lower())
    number = Decimal(match[1]) * _UNITS[match[2]] if match else Decimal(0)
    if isinstance(value, bool) or not 1 <= number <= LARGEST_TARGET or number != int(number):
        raise SeqbenchError(
            f"match_params must be a number of parameters such as 100k, 1.5M, 2e5 or 100000, got {short_repr(value)}."
        )
    return int(number)


def match_parameters(config: RunConfig, target: int) -> RunConfig:
    """Return the configuration with the width whose number of trainable parameters is nearest to ``target``.

    The parameters of the whole module count: embedding, backbone and head. If several widths are equally near, the
    smallest one is chosen.

    Raises:
        SeqbenchError: no width has a number of parameters within ``TOLERANCE`` of the target.
    """
    from seqbench.datamodules import loading  # Imports torch.

    counter = _ParameterCounter(config, loading.build_datamodule(config).spec)
    ends = _find_neighbouring_widths(counter, target)
    widths = {end + step for end in ends for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}
    counts = {width: count for width in sorted(widths) if width > 0 and (count := counter.count(width)) is not None}
    if not counts:
        # The backbone refuses all widths, so its message is about another option.
        raise counter.refusal or SeqbenchError("no width could be tried")
    nearest = sorted(counts, key=lambda width: (abs(counts[width] - target), width))
    best = nearest[0]
    if abs(counts[best] - target) > TOLERANCE * target:
        sizes = " and ".join(f"d_model {width} has {counts[width]:,}" for width in sorted(nearest[:2]))
        option = "--arch.num_layers" if "num_layers" in config.arch_options else "another option of the architecture"
        raise SeqbenchError(
            f"no width of '{config.model}' on '{config.card.name}' comes within {TOLERANCE:.0%} of {target:,} "
            f"parameters: {sizes}; choose one of these numbers, or change {option}."
        )
    arch_options = {**config.arch_options, "d_model": best}
    return dataclasses.replace(config, arch_options=arch_options, match_params=target)


class _ParameterCounter:
    """Count trainable parameters by width, each width once, on the meta device.

    Attributes:
        refusal: error of the last width that the backbone refused.
    """

    def __init__(self, config: RunConfig, spec: SequenceSpec) -> None:
        self._config, self._spec = config, spec
        self._counts: dict[int, int | None] = {}
        self.refusal: SeqbenchError | None = None

    def count(self, width: int) -> int | None:
        """Return the number of trainable parameters at a width; None if the backbone refuses it."""
        if width not in self._counts:
            self._counts[width] = self._build_and_count(width)
        return self._counts[width]

    def nearest_accepted(self, width: int, low: int, high: int) -> int | None:
        """Return the accepted width nearest to ``width``, at most ``REACH`` away and between ``low`` and ``high``."""
        around = range(max(low + 1, width - REACH), min(high, width + REACH + 1))
        by_distance = sorted(around, key=lambda candidate: abs(candidate - width))
        return next((candidate for candidate in by_distance if self.count(candidate) is not None), None)

    def _build_and_count(self, width: int) -> int | None:
        from seqbench.models import build
        from seqbench.models.weights import count_parameters

        arch_options = {**self._config.arch_options, "d_model": width}
        config = dataclasses.replace(self._config, arch_options=arch_options)
        try:
            return count_parameters(build.build_on_meta_device(config, self._spec))
        except SeqbenchError as error:
            self.refusal = error
            return None


def _find_neighbouring_widths(counter: _ParameterCounter, target: int) -> tuple[int, int]:
    """Return two neighbouring accepted widths: one with fewer parameters than ``target``, one with at least as many.

    The first width is 0 if the narrowest model has at least ``target`` parameters. Both are the widest accepted width
    if the widest model has fewer than ``target`` parameters.
    """
    low, high = 0, 1
    while True:
        width = counter.nearest_accepted(high, low, high + REACH)
        if width is not None and (counter.count(width) or 0) >= target:
            high = width
            break
        low, high = width or low, 2 * high
        if high > (WIDEST if low else WIDEST_REFUSED):
            return low, low
    while (middle := counter.nearest_accepted((low + high) // 2, low, high)) is not None:
        if (counter.count(middle) or 0) < target:
            low = middle
        else:
            high = middle
    return low, high

"""Models of one size: the width at which an architecture has a given number of parameters.

Architectures are compared fairly at equal size, and what a width costs differs between them: at the same ``d_model``,
an LSTM has four times the parameters of a simple recurrent net. Only the width is chosen; every other option stays.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from seqbench.protocol.config import RunConfig
from seqbench.running import options
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from seqbench.protocol.specs import SequenceSpec

TOLERANCE = 0.02
"""Share of the asked number that a model may have more or fewer."""

WIDEST, WIDEST_REFUSED = 2**17, 2**8
"""Widths beyond are not tried; the second where a backbone has refused all before."""

REACH, NEIGHBOURS = 64, 8
"""How far from a refused width another is sought; and how far around the end, as counts may fall between widths."""

MOST = 10**12
"""More parameters than this are taken for a slip of the pen."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}


def resolve_config(given: Mapping[str, Any], arguments: Sequence[str] = ()) -> RunConfig:
    """As ``options.resolve``; a further key ``match_params`` (see ``parse``) chooses ``arch.d_model``.

    Args:
        given: as there, and perhaps ``match_params``.
        arguments: as there.

    Raises:
        SeqbenchError: as ``options.resolve``; ``match_params`` is no number, comes together with a width, or no width
            comes near enough.
    """
    rest = dict(given)
    asked = rest.pop("match_params", None)
    if asked is None:
        return options.resolve_options(rest, arguments)
    target = parse_parameter_count(asked)
    arch = rest.get("arch")
    dotted = any(argument.partition("=")[0] == "--arch.d_model" for argument in arguments)
    if dotted or (isinstance(arch, Mapping) and "d_model" in arch):
        raise SeqbenchError("match_params finds the width that arch.d_model gives; choose one of the two.")
    return match_parameters(options.resolve_options(rest, arguments), target)[0]


def parse_parameter_count(asked: Any) -> int:
    """A number of parameters from ``100k``, ``1.5M``, ``2B``, ``2e5``, ``100000``, or the number itself.

    Raises:
        SeqbenchError: it is none, or not whole, or below 1.
    """
    found = re.fullmatch(r"(\d+\.?\d*(?:e\+?\d{1,2})?)([kmb]?)", str(asked).strip().lower())
    number = Decimal(found[1]) * _UNITS[found[2]] if found else Decimal(0)
    if isinstance(asked, bool) or not 1 <= number <= MOST or number != int(number):
        raise SeqbenchError(
            f"match_params must be a number of parameters such as 100k, 1.5M, 2e5 or 100000, got {asked!r}."
        )
    return int(number)


def match_parameters(config: RunConfig, target: int) -> tuple[RunConfig, int]:
    """The configuration with the width whose trainable parameters come nearest to ``target``, and their number.

    Counted is the whole module: embedding, backbone and head.

    Raises:
        SeqbenchError: none comes within ``TOLERANCE`` of it.
    """
    from seqbench.datamodules import loading  # Torch, only where something is counted.

    counts = _Counts(config, loading.build_datamodule(config).spec)
    widths = {end + step for end in _bracket(counts, target) for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}
    found = {width: count for width in sorted(widths) if width > 0 and (count := counts(width)) is not None}
    if not found:
        raise counts.refusal or SeqbenchError("no width could be tried")  # It is not about the width.
    nearest = sorted(found, key=lambda width: (abs(found[width] - target), width))
    width = nearest[0]
    if abs(found[width] - target) > TOLERANCE * target:
        seen = " and ".join(f"d_model {width} has {found[width]:,}" for width in sorted(nearest[:2]))
        option = "--arch.num_layers" if "num_layers" in config.arch_options else "another option of the architecture"
        raise SeqbenchError(
            f"no width of '{config.model}' on '{config.card.name}' comes within {TOLERANCE:.0%} of {target:,} "
            f"parameters: {seen}; ask for such a number, or change {option}."
        )
    arch = {**config.arch_options, "d_model": width}
    return dataclasses.replace(config, arch_options=arch, match_params=target), found[width]


class _Counts:
    """Trainable parameters by width, each counted once, on the meta device; None for a width that is refused.

    Attributes:
        refusal: what the last refusal said.
    """

    def __init__(self, config: RunConfig, spec: SequenceSpec) -> None:
        self._config, self._spec = config, spec
        self._known: dict[int, int | None] = {}
        self.refusal: SeqbenchError | None = None

    def __call__(self, width: int) -> int | None:
        if width not in self._known:
            self._known[width] = self._count(width)
        return self._known[width]

    def _count(self, width: int) -> int | None:
        from seqbench.models import build
        from seqbench.models.weights import count_parameters

        arch = {**self._config.arch_options, "d_model": width}
        try:
            module = build.build_on_meta_device(dataclasses.replace(self._config, arch_options=arch), self._spec)
        except SeqbenchError as error:
            self.refusal = error
            return None
        return count_parameters(module)

    def nearest(self, width: int, low: int, high: int) -> int | None:
        """The accepted width nearest to ``width``, not far from it, strictly between ``low`` and ``high``."""
        around = range(max(low + 1, width - REACH), min(high, width + REACH + 1))
        return next((w for w in sorted(around, key=lambda w: abs(w - width)) if self(w) is not None), None)


def _bracket(counts: _Counts, target: int) -> tuple[int, int]:
    """Neighbouring widths between which the count passes ``target``.

    The first is 0 where the narrowest net has more already; both are the widest where that has less.
    """
    low, high = 0, 1
    while True:
        width = counts.nearest(high, low, high + REACH)
        if width is not None and (counts(width) or 0) >= target:
            high = width
            break
        low, high = width or low, 2 * high
        if high > (WIDEST if low else WIDEST_REFUSED):
            return low, low
    while (middle := counts.nearest((low + high) // 2, low, high)) is not None:
        if (counts(middle) or 0) < target:
            low = middle
        else:
            high = middle
    return low, high

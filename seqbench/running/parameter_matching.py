"""Parameter matching: find the width at which an architecture has a given number of parameters.

Architectures are compared at an equal number of parameters. At one width this number differs: with the same
``d_model``, an LSTM has four times the parameters of a simple recurrent network. Only the width is chosen where a width
fits; otherwise the number of heads or layers changes too. Every other option stays unchanged.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from seqbench.protocol.config import RunConfig
from seqbench.protocol.record_fields import SizeMatch
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import short_repr
from seqbench.utils.strict_model import validate

if TYPE_CHECKING:
    from seqbench.protocol.specs import SequenceSpec

TOLERANCE = 0.02
"""Largest accepted difference from the target, as a share of the target."""
LARGEST_TOLERANCE = 0.5
"""Largest tolerance that a user may set."""

HEADS = ("heads", "num_heads")
"""Names of the option for the number of heads; fewer heads allow more widths."""
MOST_WIDTHS = 64
"""Largest number of widths at which the reachable numbers of parameters are counted."""

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


def parse_tolerance(value: object) -> float:
    """Return the share that a number such as 0.05 or a text such as ``5%`` means; ``TOLERANCE`` for None.

    Raises:
        SeqbenchError: the value is not a share above 0 and at most ``LARGEST_TOLERANCE``.

    >>> parse_tolerance("5%"), parse_tolerance(0.1), parse_tolerance(None)
    (0.05, 0.1, 0.02)
    """
    if value is None:
        return TOLERANCE
    match = re.fullmatch(r"(\d*\.?\d+(?:e-?\d{1,2})?)\s*(%?)", str(value).strip().lower())
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if isinstance(value, bool) or not 0 < share <= LARGEST_TOLERANCE:
        raise SeqbenchError(
            f"match_tolerance must be a share such as 0.05 or 5%, at most 50%, got {short_repr(value)}."
        )
    return share


class NoMatchingSize(SeqbenchError):
    """No size of an architecture is near enough to the requested number of parameters."""


def match_parameters(
    config: RunConfig,
    target: int,
    tolerance: float | None = None,
    fixed: Collection[str] = (),
    spec: SequenceSpec | None = None,
) -> RunConfig:
    """Return the configuration whose number of trainable parameters is nearest to ``target``.

    The parameters of the whole module count: embedding, backbone and head. Of all widths the nearest one is chosen, and
    of equally near ones the smallest. Where no width is within the tolerance, the number of heads changes, then the
    number of layers, then both; the first of these shapes with a width within the tolerance is chosen.

    Args:
        config: the configuration.
        target: wanted number of parameters.
        tolerance: largest accepted difference, as a share of ``target``; None for ``TOLERANCE``.
        fixed: options of the architecture that keep their values, because the user sets them.
        spec: input and output of the task; None to read the data.

    Raises:
        NoMatchingSize: no size is within the tolerance.
        SeqbenchError: the backbone refuses all widths.
    """
    tolerance = TOLERANCE if tolerance is None else tolerance
    spec = _load_spec(config) if spec is None else spec
    nearest: list[tuple[int, dict[str, object]]] = []
    for shape in _shapes(config, fixed):
        counts = _counts_near(_ParameterCounter(config, spec, shape), target)
        ranked = sorted(counts, key=lambda width: (abs(counts[width] - target), width))
        if ranked and abs(counts[ranked[0]] - target) <= tolerance * target:
            chosen = {**shape, "d_model": ranked[0]}
            match = validate(SizeMatch, {"requested": target, "tolerance": tolerance, "options": chosen})
            return dataclasses.replace(_with_size(config, chosen), match_params=target, size_match=match)
        nearest += [(counts[width], {**shape, "d_model": width}) for width in ranked[:2]]
    nearest = sorted(nearest, key=lambda item: abs(item[0] - target))[:2]
    sizes = " and ".join(f"{_describe(shape)} has {count:,}" for count, shape in sorted(nearest, key=lambda x: x[0]))
    kept = [name for name in fixed if name in ("num_layers", *HEADS)]
    advice = f", or leave out {' and '.join(f'--arch.{name}' for name in kept)}" if kept else ""
    raise NoMatchingSize(
        f"no size of '{config.model}' on '{config.card.name}' comes within {100 * tolerance:g} % of "
        f"{counted(target, 'parameter')}: {sizes}; choose one of these numbers, or a larger --match-tolerance{advice}."
    )


def reachable_sizes(config: RunConfig, target: int, fixed: Collection[str] = ()) -> list[int]:
    """Return numbers of parameters that an architecture can have, from a third to three times ``target``.

    Args:
        config: the configuration.
        target: number of parameters around which sizes are tried.
        fixed: options of the architecture that keep their values.
    """
    spec = _load_spec(config)
    sizes: set[int] = set()
    for shape in _shapes(config, fixed):
        counter = _ParameterCounter(config, spec, shape)
        low, high = _find_neighbouring_widths(counter, target)
        widths = range(max(1, low // 2), 2 * max(high, 4) + 1)
        tried = widths[:: -(-len(widths) // MOST_WIDTHS)]
        sizes |= {count for width in tried if (count := counter.count(width)) and target / 3 <= count <= 3 * target}
        # The smallest model may already be larger than three times the target.
        if low == 0 and (smallest := counter.count(high)) is not None:
            sizes.add(smallest)
    return sorted(sizes)


def describe_match(config: RunConfig) -> str:
    """Return the options that were chosen for a number of parameters, and the number: ``d_model 32 for 30,000``."""
    match = config.size_match
    chosen = _describe(match.options if match else {"d_model": config.arch_options["d_model"]})
    target = counted(config.match_params or 0, "parameter")
    asked = f" ({match.requested:,} requested)" if match and match.requested != config.match_params else ""
    return f"{chosen} for {target}{asked}"


def _describe(options: Mapping[str, object]) -> str:
    """Return the width, followed by the other options that were chosen."""
    names = ["d_model", *sorted(set(options) - {"d_model"})]
    return ", ".join(f"{name} {options[name]}" for name in names)


def _with_size(config: RunConfig, size: Mapping[str, object]) -> RunConfig:
    """Return the configuration with another width, number of heads or number of layers.

    Where the encoder has the same number of heads or layers as its decoder, it keeps the same.
    """
    arch, encoder = config.arch_options, config.encoder_options
    shared = {name: value for name, value in size.items() if name in encoder and encoder[name] == arch.get(name)}
    return dataclasses.replace(config, arch_options={**arch, **size}, encoder_options={**encoder, **shared})


def _load_spec(config: RunConfig) -> SequenceSpec:
    from seqbench.datamodules import loading  # Imports torch.

    return loading.build_datamodule(config).spec


def _shapes(config: RunConfig, fixed: Collection[str]) -> list[dict[str, object]]:
    """Return the options to try beside the width, those of the configuration (no change) first."""
    options = {name: value for name, value in config.arch_options.items() if name not in fixed}
    heads: list[dict[str, object]] = []
    for name in HEADS:
        if type(value := options.get(name)) is int:
            heads += [{name: fewer} for fewer in range(value - 1, 0, -1) if value % fewer == 0]
    layers: list[dict[str, object]] = []
    if type(depth := options.get("num_layers")) is int:
        layers = [{"num_layers": depth + step} for step in (1, -1, 2, -2, 3) if depth + step > 0]
    return [{}, *heads, *layers, *({**few, **deep} for few in heads for deep in layers)]


def _counts_near(counter: _ParameterCounter, target: int) -> dict[int, int]:
    """Return the numbers of parameters by width, for the widths around the target.

    Raises:
        SeqbenchError: the backbone refuses all widths at its own depth and heads, so its message is about another
            option.
    """
    ends = _find_neighbouring_widths(counter, target)
    widths = {end + step for end in ends for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}
    counts = {width: count for width in sorted(widths) if width > 0 and (count := counter.count(width)) is not None}
    if not counts and not counter.shape:
        raise counter.refusal or SeqbenchError("no width could be tried")
    return counts


class _ParameterCounter:
    """Count trainable parameters by width, each width once, on the meta device.

    Args:
        config: configuration of the run.
        spec: spec of the task.
        shape: options of the architecture that differ from the configuration.

    Attributes:
        refusal: error of the last width that the backbone refused.
    """

    def __init__(self, config: RunConfig, spec: SequenceSpec, shape: Mapping[str, object]) -> None:
        self._config, self._spec, self.shape = config, spec, shape
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

        config = _with_size(self._config, {**self.shape, "d_model": width})
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

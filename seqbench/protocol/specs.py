"""All that a task tells a model: what goes in, what comes out, and the batch that carries both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Inputs are token ids below ``vocab``, ``(batch, time)``; padding is any valid id past the length."""

    vocab: int


@dataclass(frozen=True)
class Features:
    """Inputs are vectors of numbers, ``(batch, time, dim)``; padding is zeros."""

    dim: int


@dataclass(frozen=True)
class Context:
    """One vector for the whole sequence, ``(batch, dim)``, the same at every step of it."""

    dim: int


@dataclass(frozen=True)
class StepClasses:
    """One class below ``classes`` at every step: targets ``(batch, time)``.

    ``metrics`` names what the objective reports of them, among those it knows.
    """

    classes: int
    metrics: tuple[str, ...] = ("accuracy", "loss")


@dataclass(frozen=True)
class StepLabels:
    """Any number of ``labels`` at every step: targets ``(batch, time, labels)`` of 0 and 1.

    ``rates`` is the share of training steps that each label is set in, from which a head may start; empty where
    nothing is known.
    """

    labels: int
    rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class StepValues:
    """``dim`` numbers at every step: targets ``(batch, time, dim)``."""

    dim: int


@dataclass(frozen=True)
class SequenceClass:
    """One class below ``classes`` for the whole sequence: targets ``(batch, 1)``.

    Args:
        classes: how many.
        reads: which hidden vectors answer: ``last`` (of a backbone that looks ahead, the first and the last),
            ``mean`` of all, or ``every``: each step answers, the loss weighs them by ``Batch.weights`` (the
            lectures' divergence weights), and the last one is scored.
    """

    classes: int
    reads: str = "last"


@dataclass(frozen=True)
class SequenceValue:
    """``dim`` numbers for the whole sequence: targets ``(batch, 1, dim)``; ``reads`` as in SequenceClass."""

    dim: int
    reads: str = "last"


@dataclass(frozen=True)
class TokenSequence:
    """Another sequence of tokens, of another length: targets ``(batch, out_time)``, each row ended by ``end``.

    Args:
        vocab: ids below this one.
        start: what a decoder reads first.
        end: what ends a sequence.
        longest: most tokens that decoding may write.
        smoothing: share of the target's probability that the training loss spreads over all tokens.
        beam: hypotheses that decoding keeps; 1 is greedy search.
        length_penalty: hypotheses are compared by log-probability / length ** length_penalty.
    """

    vocab: int
    start: int
    end: int
    longest: int
    smoothing: float = 0.0
    beam: int = 1
    length_penalty: float = 1.0


Input = Tokens | Features | Context
Output = StepClasses | StepLabels | StepValues | SequenceClass | SequenceValue | TokenSequence
_KINDS: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *(Tokens, Features, Context),
        *(StepClasses, StepLabels, StepValues, SequenceClass, SequenceValue, TokenSequence),
    )
}


@dataclass(frozen=True)
class SequenceSpec:
    """What a task asks of a model.

    Args:
        input: what goes in.
        output: what comes out; it chooses the objective.
        max_length: longest sequence, in steps, that training or evaluation will show.
        look_ahead: whether an output may depend on inputs after it.
    """

    input: Input
    output: Output
    max_length: int
    look_ahead: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        data = asdict(self)
        for side in ("input", "output"):
            values = {k: list(v) if isinstance(v, tuple) else v for k, v in data[side].items()}
            data[side] = {"kind": type(getattr(self, side)).__name__, **values}
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SequenceSpec:
        """The spec that ``to_dict`` wrote (tuples come back from JSON as lists)."""
        sides = {}
        for side in ("input", "output"):
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in data[side].items() if k != "kind"}
            sides[side] = _KINDS[data[side]["kind"]](**values)
        return cls(**{**data, **sides})


@dataclass
class Batch:
    """One batch of sequences, or one rank's rows of it.

    Args:
        inputs: ``(batch, time)`` token ids, ``(batch, time, dim)`` features, or one context ``(batch, dim)``.
        targets: ``(batch, out_time)`` ids, or ``(batch, out_time, dim)``; valid also where the weight is 0.
            ``out_time`` is that of the inputs for outputs of one per step, 1 for one per sequence.
        lengths: ``(batch,)`` input steps that are not padding.
        weights: ``(batch, out_time)`` weight of each target in the loss (``(batch, time)`` where every step
            answers for its sequence); 0 where nothing is asked.
        total: the weight of the whole global batch, the same on every rank.
        scored: weight of each target in the metrics, shaped as ``weights``; None means ``weights``.
        index: ``(batch,)`` which samples of the split these are.
        first: for one chunk of a stream, whether it starts it (no carried state); None for whole sequences.
        target_lengths: ``(batch,)`` targets that are not padding, where they have a length of their own.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor
    weights: Tensor
    total: float
    index: Tensor
    scored: Tensor | None = None
    first: bool | None = None
    target_lengths: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def rows(self, which: slice | Tensor) -> Batch:
        """Some of the rows; ``total`` stays that of the global batch."""
        return self._map(lambda tensor: tensor[which])

    def valid(self) -> Tensor:
        """``(batch, out_time)``: which targets are not padding."""
        lengths = self.lengths if self.target_lengths is None else self.target_lengths
        steps = torch.arange(self.targets.shape[1], device=lengths.device)
        return steps < lengths[:, None]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The batch on a device; Lightning calls it."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def _map(self, function: Any) -> Batch:
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if hasattr(getattr(self, f.name), "device")}
        return replace(self, **{name: function(tensor) for name, tensor in tensors.items()})


def fed_back(output: Output) -> Input | None:
    """What previous outputs of this kind are as inputs; None where an output is not one per step.

    An output for the whole sequence has none before it, and a decoder of another sequence reads its own anyway.
    """
    match output:
        case StepClasses(classes=classes):
            return Tokens(classes)
        case StepLabels(labels=labels):
            return Features(labels)
        case StepValues(dim=dim):
            return Features(dim)
        case _:
            return None

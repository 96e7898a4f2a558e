"""Specifications of the inputs and outputs of a task, and the batches that hold both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Inputs are token ids, ``(batch, time)``; padding is any valid id past the length.

    Args:
        vocab: number of ids.
    """

    vocab: int


@dataclass(frozen=True)
class Features:
    """Inputs are vectors of numbers, ``(batch, time, dim)``; padding is zeros.

    Args:
        dim: numbers in one vector.
    """

    dim: int


@dataclass(frozen=True)
class Context:
    """The input is one vector for the whole sequence, ``(batch, dim)``, the same at every step.

    Args:
        dim: numbers in the vector.
    """

    dim: int


@dataclass(frozen=True)
class StepClasses:
    """One class at every step: targets ``(batch, time)``.

    Args:
        classes: number of classes.
        metrics: names of the metrics that the objective computes.
    """

    classes: int
    metrics: tuple[str, ...] = ("accuracy", "loss")


@dataclass(frozen=True)
class StepLabels:
    """Several labels at every step: targets ``(batch, time, labels)`` of 0 and 1.

    Args:
        labels: number of labels.
        rates: share of the training steps in which each label is 1, for the initial bias of the head; empty if unknown.
    """

    labels: int
    rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class StepValues:
    """Numbers at every step: targets ``(batch, time, dim)``.

    Args:
        dim: numbers at one step.
    """

    dim: int


@dataclass(frozen=True)
class SequenceClass:
    """One class for the whole sequence: targets ``(batch, 1)``.

    Args:
        classes: number of classes.
        reads: the hidden vectors from which the class is predicted: ``last`` (for a backbone that looks ahead, the
            first and the last), ``mean`` (of all), or ``every``. With ``every``, each step predicts the class, the loss
            weighs the predictions by ``Batch.weights``, and the last prediction is scored.
    """

    classes: int
    reads: str = "last"


@dataclass(frozen=True)
class SequenceValue:
    """Numbers for the whole sequence: targets ``(batch, 1, dim)``.

    Args:
        dim: numbers of one sequence.
        reads: ``last``, ``mean`` or ``every``; see ``SequenceClass``.
    """

    dim: int
    reads: str = "last"


@dataclass(frozen=True)
class TokenSequence:
    """A sequence of tokens with a length of its own: targets ``(batch, out_time)``, each row ended by ``end``.

    Args:
        vocab: number of ids.
        start: id that the decoder reads first.
        end: id that ends a sequence.
        longest: largest number of tokens that are decoded.
        smoothing: share of the target's probability that the training loss spreads over all tokens.
        beam: number of hypotheses in beam search; 1 is greedy search.
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
_INPUTS: dict[str, type[Input]] = {"Tokens": Tokens, "Features": Features, "Context": Context}
_OUTPUTS: dict[str, type[Output]] = {
    "StepClasses": StepClasses,
    "StepLabels": StepLabels,
    "StepValues": StepValues,
    "SequenceClass": SequenceClass,
    "SequenceValue": SequenceValue,
    "TokenSequence": TokenSequence,
}


@dataclass(frozen=True)
class SequenceSpec:
    """The specification of the inputs and outputs of a task.

    Args:
        input: kind of the inputs.
        output: kind of the outputs; it determines the objective.
        max_length: length of the longest sequence in training or evaluation (steps).
        look_ahead: whether an output may depend on later inputs.
    """

    input: Input
    output: Output
    max_length: int
    look_ahead: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the spec as plain data, for the record.

        >>> SequenceSpec(Tokens(8), SequenceClass(2), max_length=20).to_dict()["input"]
        {'kind': 'Tokens', 'vocab': 8}
        """
        return {
            "input": _side_to_dict(self.input),
            "output": _side_to_dict(self.output),
            "max_length": self.max_length,
            "look_ahead": self.look_ahead,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SequenceSpec:
        """Return the spec from the plain data that ``to_dict`` returned.

        Raises:
            LookupError: a key is missing, or a kind is unknown.
            TypeError: a value has the wrong type, or a kind takes other arguments.
        """
        max_length, look_ahead = data["max_length"], data["look_ahead"]
        if not isinstance(max_length, int) or not isinstance(look_ahead, bool):
            raise TypeError("max_length must be a whole number, and look_ahead true or false")
        (input_kind, inputs), (output_kind, outputs) = (_kind_and_values(data[side]) for side in ("input", "output"))
        return cls(_INPUTS[input_kind](**inputs), _OUTPUTS[output_kind](**outputs), max_length, look_ahead)


@dataclass
class Batch:
    """One batch of sequences, or one rank's rows of it.

    Args:
        inputs: ``(batch, time)`` token ids, ``(batch, time, dim)`` features, or one context ``(batch, dim)``.
        targets: ``(batch, out_time)`` ids, or ``(batch, out_time, dim)``; valid also where the weight is 0.
            ``out_time`` is ``time`` for one output per step, and 1 for one output per sequence.
        lengths: ``(batch,)`` number of input steps without padding.
        weights: ``(batch, out_time)`` weight of each target in the loss, 0 for a target that does not count;
            ``(batch, time)`` if every step predicts the class of its sequence.
        total: sum of the weights of the global batch, the same on every rank.
        index: ``(batch,)`` indices of the samples in their split.
        scored: weight of each target in the metrics, shaped as ``weights``; None means ``weights``.
        first: whether a chunk is the first one of its stream, which starts without a carried state; None for sequences.
        target_lengths: ``(batch,)`` number of targets without padding, if it differs from ``lengths``.
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
        """Return some of the rows; ``total`` stays that of the global batch."""
        return self._map(lambda tensor: tensor[which])

    def valid(self) -> Tensor:
        """Return which targets are not padding, ``(batch, out_time)``."""
        lengths = self.lengths if self.target_lengths is None else self.target_lengths
        steps = torch.arange(self.targets.shape[1], device=lengths.device)
        return steps < lengths[:, None]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the batch on a device; Lightning calls this method."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with each of its tensors replaced by the function's value."""
        return replace(
            self,
            inputs=function(self.inputs),
            targets=function(self.targets),
            lengths=function(self.lengths),
            weights=function(self.weights),
            index=function(self.index),
            scored=None if self.scored is None else function(self.scored),
            target_lengths=None if self.target_lengths is None else function(self.target_lengths),
        )


def feedback_input(output: Output) -> Input | None:
    """Return the kind of input that represents previous outputs; None if there is not one output per step.

    An output for the whole sequence has no previous output, and the decoder of a ``TokenSequence`` reads its own
    outputs already.

    >>> feedback_input(StepClasses(classes=10))
    Tokens(vocab=10)
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


def _side_to_dict(side: Input | Output) -> dict[str, object]:
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(side).items()}
    return {"kind": type(side).__name__, **values}


def _kind_and_values(side: object) -> tuple[str, dict[str, Any]]:
    """Return the kind of inputs or outputs and its arguments, with tuples instead of the lists of JSON."""
    if not isinstance(side, Mapping):
        raise TypeError("inputs and outputs must be mappings with a kind")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in side.items()}
    return str(values.pop("kind")), values

"""All that a task tells a model: what goes in, what comes out, and the batch that carries both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Inputs are token ids below ``vocab``, ``(batch, time)``; padding is any valid id past the length."""

    vocab: int


@dataclass(frozen=True)
class StepClasses:
    """One class below ``classes`` at every step, ``(batch, time)``.

    ``metrics`` names what the objective reports of them, among those it knows.
    """

    classes: int
    metrics: tuple[str, ...] = ("accuracy", "loss")


Input = Tokens
Output = StepClasses
_KINDS: dict[str, type] = {cls.__name__: cls for cls in (Tokens, StepClasses)}


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
        inputs: ``(batch, time)`` token ids.
        targets: ``(batch, time)`` class ids; valid ids also where the weight is 0.
        lengths: ``(batch,)`` steps that are not padding.
        weights: ``(batch, time)`` weight of each step in the loss.
        total: the weight of the whole global batch, the same on every rank.
        scored: ``(batch, time)`` weight of each step in the metrics; None means ``weights``.
        index: ``(batch,)`` which samples of the split these are.
        first: for one chunk of a stream, whether it starts it (no carried state); None for whole sequences.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor
    weights: Tensor
    total: float
    index: Tensor
    scored: Tensor | None = None
    first: bool | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def rows(self, start: int, stop: int) -> Batch:
        """Rows ``start`` to ``stop``; ``total`` stays that of the global batch."""
        return self._map(lambda tensor: tensor[start:stop])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The batch on a device; Lightning calls it."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def _map(self, function: Any) -> Batch:
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if hasattr(getattr(self, f.name), "device")}
        return replace(self, **{name: function(tensor) for name, tensor in tensors.items()})

"""For each check of backbones, one backbone that breaks the contract in its way."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.testing.backbones import Conforming, ConformingWithoutUnroll, FeedsBackOutput, mean, valid


class Undeclared(nn.Module):
    """Does not declare whether it is causal."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.net = ConformingWithoutUnroll(d_model)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y: Tensor = self.net(x, lengths)
        return y


class CausalAsText(ConformingWithoutUnroll):
    """Declares that it is causal by a text instead of True."""

    causal = "yes"  # type: ignore[assignment]


class RequiredKeyword(ConformingWithoutUnroll):
    """Its ``forward`` has a required keyword argument."""

    def forward(self, x: Tensor, lengths: Tensor | None = None, *, depth: int) -> Tensor:  # type: ignore[override]
        return super().forward(x, lengths)


class NoneInState(Conforming):
    """Its state holds a None."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, None if state is None else state[0])
        return y, (after, None)


class MaskArgument(Conforming):
    """Its ``forward`` calls the lengths ``mask``."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


class SqueezedBatch(ConformingWithoutUnroll):
    """Drops the batch axis of a batch of one."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x).squeeze(0)


class SqueezedTime(Conforming):
    """Drops the time axis of a sequence of one step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x).squeeze(1)


class EvenWidthAssertion(Conforming):
    """Refuses odd widths with an ``AssertionError``."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        assert d_model % 2 == 0
        super().__init__(d_model, dropout)


class SinglePrecision(Conforming):
    """Always returns float32."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x).float()


class BoundedPositions(Conforming):
    """Has a table of 64 positions."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if x.shape[1] > 64:
            raise IndexError("index 64 is out of range")
        return super().forward(x)


class AcausalGradient(Conforming):
    """Its values are causal; its gradients are not."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        future = x.flip(1).cumsum(1).flip(1)
        return super().forward(x) + future - future.detach()


class AcausalValues(ConformingWithoutUnroll):
    """Subtracts the mean over all steps, through which no gradient flows."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) - mean(x.detach(), lengths)


class AcausalInTraining(ConformingWithoutUnroll):
    """Looks ahead in training mode only."""

    def drop(self, y: Tensor) -> Tensor:
        return y - y.mean(1, keepdim=True) if self.training else y


class AcausalGate(ConformingWithoutUnroll):
    """Looks ahead through a gate that is 0 until it is trained."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.gate = nn.Parameter(torch.zeros(()))

    def drop(self, y: Tensor) -> Tensor:
        return y + self.gate * y.flip(1)


class MeanOverPadding(ConformingWithoutUnroll):
    """Looks ahead, as it declares, and averages over padding too."""

    causal = False

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) - x.mean(1, keepdim=True)


class InfiniteAtPadding(ConformingWithoutUnroll):
    """Divides by the mask of valid steps."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) / valid(x, lengths)[..., None].to(x)


class ScaledByLengths(Conforming):
    """Scales its outputs if lengths are given."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) * (1.0 if lengths is None else 2.0)


class AddsRowNumber(ConformingWithoutUnroll):
    """In evaluation mode, adds the row's number in its batch."""

    def drop(self, y: Tensor) -> Tensor:
        places = torch.arange(len(y), device=y.device, dtype=y.dtype)[:, None, None]
        return y + (0.0 if self.training else 0.1) * places


class BatchNorm(ConformingWithoutUnroll):
    """Normalises over batch and time."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.norm = nn.BatchNorm1d(d_model)

    def drop(self, y: Tensor) -> Tensor:
        return self.norm(y.transpose(1, 2)).transpose(1, 2)


class OtherStartState(Conforming):
    """Its ``unroll`` starts from ones instead of zeros."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(x, torch.ones_like(x[:, 0]) if state is None else state)


class StateOfFirstStep(Conforming):
    """Returns the state after the first step of the chunk."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(x, state)[0], self.run(x[:, :1], state)[1]


class OldStateAfterSingleSteps(Conforming):
    """Returns the old state after a chunk of one step."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, state)
        return y, after if x.shape[1] > 1 or state is None else state


class HiddenState(NamedTuple):
    h: Tensor


class NamedTupleState(Conforming):
    """Its state is a named tuple, which ``torch.load(weights_only=True)`` refuses."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, None if state is None else state.h)
        return y, HiddenState(after)


class ReversedStateRows(Conforming):
    """Its state has the rows in reversed order."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, None if state is None else state.flip(0))
        return y, after.flip(0)


class InPlaceState(Conforming):
    """Modifies the state that it is given."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        outputs = self.run(x, state)
        if state is not None:
            with torch.no_grad():
                state.mul_(0.5)
        return outputs


class GraphKeptBetweenChunks(Conforming):
    """Keeps the graph of the chunk before outside of the state."""

    last: Tensor | None = None

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, state)
        if state is not None and self.last is not None:
            y = y + 0.0 * self.last.sum()
        self.last = after
        return y, after


class UnusedParameter(Conforming):
    """Has a parameter that it does not use."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.spare = nn.Parameter(torch.zeros(d_model))


class _NegatedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class NegatedGradient(Conforming):
    """Its backward pass has the wrong sign."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y: Tensor = _NegatedGradient.apply(super().forward(x))
        return y


class PythonRandomWeights(Conforming):
    """Draws its weights from Python's random numbers."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        with torch.no_grad():
            self.inputs.weight.mul_(0.5 + random.random())


class DropoutInEvaluation(Conforming):
    """Applies dropout in evaluation mode too."""

    def drop(self, y: Tensor) -> Tensor:
        return F.dropout(y, self.p, training=True)


class NumpyDropout(Conforming):
    """Draws its dropout masks from numpy."""

    def drop(self, y: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return y
        return y * torch.from_numpy(np.random.random(y.shape) > self.p).to(y)


class UnsavedBuffer(Conforming):
    """Its outputs depend on a buffer that is not saved."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.register_buffer("secret", torch.rand(d_model), persistent=False)

    def drop(self, y: Tensor) -> Tensor:
        return super().drop(y) * self.get_buffer("secret")


class BoundLambda(Conforming):
    """Holds a lambda that is bound to its own weights."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.add_bias = lambda y: y + self.outputs.bias

    def drop(self, y: Tensor) -> Tensor:
        return super().drop(self.add_bias(y))


class CancelsInBfloat16(Conforming):
    """Divides by a number that is 0 in bfloat16."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.register_buffer("rate", torch.tensor(0.999))

    def drop(self, y: Tensor) -> Tensor:
        return super().drop(y) * (0.001 / (1 - self.get_buffer("rate")))


class MixedTypesUnderAutocast(Conforming):
    """Writes the outputs of autocast into a tensor of another type."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps = torch.arange(x.shape[1], device=x.device)[:, None].expand_as(x)
        return torch.zeros_like(x).scatter(1, steps, super().forward(x))


class BranchOnValue(Conforming):
    """Branches on the value of a tensor."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if x.abs().max().item() > 1e6:
            raise ValueError("inputs are too large")
        return super().forward(x)


class TensorOnCPU(Conforming):
    """Creates a tensor on the CPU, on whatever device its inputs are."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) + torch.zeros(x.shape[2])


class OtherWhenCompiled(Conforming):
    """Gives other outputs when it is compiled."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) * (2.0 if torch.compiler.is_compiling() else 1.0)


class RepeatedParameterGroup(Conforming):
    """Has one parameter in two optimiser groups."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.inputs.weight, self.inputs.bias]}, {"params": [self.inputs.bias], "weight_decay": 0.0}]


class FeedsBackAhead(FeedsBackOutput):
    """Is causal in its input but not in its previous output."""

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return self.run(x + mean(y_previous, lengths), None)[0]


@dataclass(frozen=True)
class Broken:
    """A backbone that one check must refuse.

    Args:
        cls: the class.
        also: other checks that refuse it too.
        settings: keyword arguments of ``check_architecture``.
        gpu: whether only a GPU shows the mistake.
    """

    cls: type[nn.Module]
    also: frozenset[str] = frozenset()
    settings: dict[str, Any] = field(default_factory=dict)
    gpu: bool = False


BROKEN = {
    "signature": Broken(MaskArgument),
    # Other checks run batches of one row too.
    "output_shape": Broken(SqueezedBatch, frozenset({"one_step_sequences", "padding_ignored"})),
    "one_step_sequences": Broken(SqueezedTime),
    "other_widths": Broken(EvenWidthAssertion),
    # The mistake shows in float64 and in bfloat16.
    "dtype_kept": Broken(SinglePrecision, frozenset({"bfloat16"})),
    "long_sequences": Broken(BoundedPositions),
    "causality_by_gradient": Broken(AcausalGradient),
    "causality_by_change": Broken(AcausalValues),
    "padding_ignored": Broken(MeanOverPadding),
    "padding_finite": Broken(InfiniteAtPadding),
    "lengths_optional": Broken(ScaledByLengths),
    "rows_independent": Broken(AddsRowNumber, frozenset({"padding_ignored"})),
    # The statistics are taken over time as well.
    "rows_independent_in_training": Broken(BatchNorm, frozenset({"causality_by_change"})),
    "unroll_equals_forward": Broken(OtherStartState),
    "chunks_equal_whole": Broken(StateOfFirstStep),
    "steps_equal_whole": Broken(OldStateAfterSingleSteps),
    "state_format": Broken(NamedTupleState),
    "state_rows": Broken(ReversedStateRows),
    "state_unchanged": Broken(InPlaceState),
    "state_detached": Broken(GraphKeptBetweenChunks),
    "gradients_reach_all": Broken(UnusedParameter),
    "loss_decreases": Broken(NegatedGradient),
    "initialization_seeded": Broken(PythonRandomWeights),
    "evaluation_repeatable": Broken(DropoutInEvaluation),
    "training_seeded": Broken(NumpyDropout),
    "state_dict_complete": Broken(UnsavedBuffer),
    "deepcopy_independent": Broken(BoundLambda),
    "bfloat16": Broken(CancelsInBfloat16),
    "autocast": Broken(MixedTypesUnderAutocast),
    "meta_device": Broken(BranchOnValue),
    "cuda": Broken(TensorOnCPU, frozenset({"meta_device", "torch_compile"}), gpu=True),
    "torch_compile": Broken(OtherWhenCompiled, gpu=True),
    "parameter_count": Broken(Conforming, settings={"parameters": 1}),
    "parameter_groups": Broken(RepeatedParameterGroup),
}

"""A backbone that keeps its contract, and one for each check that breaks it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Plain(nn.Module):
    """A leaky sum between two linear maps: keeps every contract, and has no ``unroll``."""

    causal = True

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.inputs, self.outputs = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.p = dropout

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, None)[0]

    def run(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        states = self.states(x, torch.zeros_like(x[:, 0]) if h is None else h)
        return self.drop(torch.tanh(self.outputs(states))), states[:, -1]

    def states(self, x: Tensor, h: Tensor) -> Tensor:
        found = []
        for u in self.inputs(x).unbind(1):
            h = 0.7 * h + u
            found.append(h)
        return torch.stack(found, 1)

    def drop(self, y: Tensor) -> Tensor:
        return F.dropout(y, self.p, self.training)


class Good(Plain):
    """The same with ``unroll``."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(x, state)


class DropPath(nn.Module):
    """A GRU with a residual, whose branch is left out for one row in ten (stochastic depth)."""

    causal = True

    def __init__(self, d_model: int, drop_path: float = 0.1) -> None:
        super().__init__()
        self.gru, self.p = nn.GRU(d_model, d_model, batch_first=True), drop_path

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, after = self.gru(x, None if state is None else state.transpose(0, 1).contiguous())
        return x + self.keep(x) * y, after.transpose(0, 1)

    def keep(self, x: Tensor) -> Tensor:
        """Ones, and zeros for the rows that go without, ``(batch, 1, 1)``."""
        kept = torch.rand(len(x), 1, 1, device=x.device) >= self.p if self.training else torch.ones_like(x[:, :1, :1])
        return kept.to(x)


class NumpyPath(DropPath):
    """Draws which rows go without from numpy."""

    def keep(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.random.random((len(x), 1, 1)) >= self.p * self.training).to(x)


class Wrapped(Good):
    """Its methods take what they are given, as wrapped ones do."""

    def forward(self, x: Tensor, *args: Any) -> Tensor:
        return super().forward(x, *args)

    def unroll(*args: Any) -> tuple[Tensor, Any]:
        return Good.unroll(*args)


class Choosing(Plain):
    """Looks ahead, and says so, where an option asks for it."""

    def __init__(self, d_model: int, dropout: float = 0.0, ahead: bool = False) -> None:
        super().__init__(d_model, dropout)
        self.causal = not ahead

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y if self.causal else y - mean(x, lengths)


class Undeclared(nn.Module):
    """Does not say whether it looks ahead."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.net = Plain(d_model)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y: Tensor = self.net(x, lengths)
        return y


class Vague(Plain):
    """Says it in a word that means True and is not."""

    causal = "yes"  # type: ignore[assignment]


class NamedOnly(Plain):
    """Cannot be called without an option of its forward."""

    def forward(self, x: Tensor, lengths: Tensor | None = None, *, depth: int) -> Tensor:  # type: ignore[override]
        return super().forward(x, lengths)


class Leaving(Good):
    """Exits in its forward."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise SystemExit("no licence")


class LeavingAtOnce(Good):
    """Exits when it is made."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        raise SystemExit("no licence")


class Printing(Good):
    """Greets whoever makes it."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        print("hello from the constructor")


class Lacking(Good):
    """Its state has a place for what it does not keep."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, None if state is None else state[0])
        return y, (after, None)


class Keywords(Good):
    """Hands its other options on, and tells what came."""

    def __init__(self, d_model: int, **options: Any) -> None:
        if options:
            raise ValueError(f"got {sorted(options.items())}")
        super().__init__(d_model)


class Masked(Good):
    """Its lengths have another name."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


class Squeezed(Plain):
    """Drops a batch of one."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x).squeeze(0)


class Stepless(Good):
    """Drops a time of one."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x).squeeze(1)


class Even(Good):
    """Refuses odd widths by an assertion."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        assert d_model % 2 == 0
        super().__init__(d_model, dropout)


class Single(Good):
    """Always answers in single precision."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x).float()


class Bounded(Good):
    """Has a table of 64 positions."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if x.shape[1] > 64:
            raise IndexError("index 64 is out of range")
        return super().forward(x)


class StraightThrough(Good):
    """Its values are causal, its gradients are not."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        future = x.flip(1).cumsum(1).flip(1)
        return super().forward(x) + future - future.detach()


class Peeking(Plain):
    """Normalises over the whole time, where no gradient shows it."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) - mean(x.detach(), lengths)


class PeekingInTraining(Plain):
    """Looks ahead in training alone."""

    def drop(self, y: Tensor) -> Tensor:
        return y - y.mean(1, keepdim=True) if self.training else y


class Gated(Plain):
    """Looks ahead through a gate that is shut until it is trained."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.gate = nn.Parameter(torch.zeros(()))

    def drop(self, y: Tensor) -> Tensor:
        return y + self.gate * y.flip(1)


class PaddedMean(Plain):
    """Looks ahead, as it says, and into padding."""

    causal = False

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) - x.mean(1, keepdim=True)


class Infinite(Plain):
    """Divides by which steps are valid."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) / valid(x, lengths)[..., None].to(x)


class Doubling(Good):
    """Takes lengths for more than what is valid."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) * (1.0 if lengths is None else 2.0)


class Numbered(Plain):
    """In evaluation, adds a row's place in its batch."""

    def drop(self, y: Tensor) -> Tensor:
        places = torch.arange(len(y), device=y.device, dtype=y.dtype)[:, None, None]
        return y + (0.0 if self.training else 0.1) * places


class BatchNorm(Plain):
    """Normalises over batch and time."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.norm = nn.BatchNorm1d(d_model)

    def drop(self, y: Tensor) -> Tensor:
        return self.norm(y.transpose(1, 2)).transpose(1, 2)


class OtherStart(Good):
    """Unrolls from ones, not from zeros."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(x, torch.ones_like(x[:, 0]) if state is None else state)


class FirstState(Good):
    """Hands on the state after its chunk's first step."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(x, state)[0], self.run(x[:, :1], state)[1]


class Forgetful(Good):
    """Its path for single steps forgets to write the state."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, state)
        return y, after if x.shape[1] > 1 or state is None else state


class Named(NamedTuple):
    h: Tensor


class NamedState(Good):
    """Its state is of a class of its own, which a checkpoint does not read."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, None if state is None else state.h)
        return y, Named(after)


class Reversed(Good):
    """Its state has the rows in another order."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, None if state is None else state.flip(0))
        return y, after.flip(0)


class InPlace(Good):
    """Goes on in the tensor that it was given."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        found = self.run(x, state)
        if state is not None:
            with torch.no_grad():
                state.mul_(0.5)
        return found


class Hidden(Good):
    """Holds on to the graph of the chunk before."""

    last: Tensor | None = None

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, after = self.run(x, state)
        if state is not None and self.last is not None:
            y = y + 0.0 * self.last.sum()
        self.last = after
        return y, after


class Unused(Good):
    """Has a parameter for nothing."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.spare = nn.Parameter(torch.zeros(d_model))


class _Upside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return -gradient


class Upside(Good):
    """Its own backward has the wrong sign."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y: Tensor = _Upside.apply(super().forward(x))
        return y


class Dice(Good):
    """Draws its weights from Python's random numbers."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        with torch.no_grad():
            self.inputs.weight.mul_(0.5 + random.random())


class AlwaysDropping(Good):
    """Never switches dropout off."""

    def drop(self, y: Tensor) -> Tensor:
        return F.dropout(y, self.p, training=True)


class NumpyDropout(Good):
    """Draws its masks from numpy."""

    def drop(self, y: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return y
        return y * torch.from_numpy(np.random.random(y.shape) > self.p).to(y)


class Secret(Good):
    """Its outputs hang on a buffer that is not saved."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.register_buffer("secret", torch.rand(d_model), persistent=False)

    def drop(self, y: Tensor) -> Tensor:
        return super().drop(y) * self.secret


class Bound(Good):
    """Holds a function of its own weights."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.read = lambda y: y + self.outputs.bias

    def drop(self, y: Tensor) -> Tensor:
        return super().drop(self.read(y))


class Cancelling(Good):
    """Divides by what is 0 in bfloat16."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        self.register_buffer("rate", torch.tensor(0.999))

    def drop(self, y: Tensor) -> Tensor:
        return super().drop(y) * (0.001 / (1 - self.rate))


class Scattering(Good):
    """Writes what autocast computed into what it did not."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps = torch.arange(x.shape[1], device=x.device)[:, None].expand_as(x)
        return torch.zeros_like(x).scatter(1, steps, super().forward(x))


class Looking(Good):
    """Branches on a value."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if x.abs().max().item() > 1e6:
            raise ValueError("inputs are too large")
        return super().forward(x)


class OnCPU(Good):
    """Makes a tensor on the CPU, whatever its inputs are on."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) + torch.zeros(x.shape[2])


class Compiling(Good):
    """Is another net when compiled."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) * (2.0 if torch.compiler.is_compiling() else 1.0)


class Grouped(Good):
    """Optimises one parameter twice."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.inputs.weight, self.inputs.bias]}, {"params": [self.inputs.bias], "weight_decay": 0.0}]


class Feeding(Good):
    """Reads its previous output, and keeps its contract."""

    feeds_back_output = True

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return self.run(x + 0.5 * y_previous, None)[0]

    def unroll(self, x: Tensor, y_previous: Tensor, state: Any = None) -> tuple[Tensor, Any]:  # type: ignore[override]
        return self.run(x + 0.5 * y_previous, state)


class FeedingAhead(Feeding):
    """Is causal in its input and not in its previous output."""

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return self.run(x + mean(y_previous, lengths), None)[0]


def valid(x: Tensor, lengths: Tensor | None) -> Tensor:
    steps = torch.arange(x.shape[1], device=x.device)
    return steps < (torch.full_like(steps[:1], x.shape[1]) if lengths is None else lengths)[:, None]


def mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Over the valid steps, ``(batch, 1, d_model)``."""
    counted = valid(x, lengths)[..., None].to(x)
    return (x * counted).sum(1, keepdim=True) / counted.sum(1, keepdim=True)


@dataclass(frozen=True)
class Broken:
    """A backbone that a check must find, the other checks that find it too, and how it is asked."""

    cls: type[nn.Module]
    also: frozenset[str] = frozenset()
    settings: dict[str, Any] = field(default_factory=dict)
    gpu: bool = False


BROKEN = {
    "signature": Broken(Masked),
    # Rows are also asked alone.
    "shapes": Broken(Squeezed, frozenset({"one_step", "padding"})),
    "one_step": Broken(Stepless),
    "widths": Broken(Even),
    # One mistake in two types.
    "dtypes": Broken(Single, frozenset({"bfloat16"})),
    "long_sequences": Broken(Bounded),
    "causality_by_gradient": Broken(StraightThrough),
    "causality_by_change": Broken(Peeking),
    "padding": Broken(PaddedMean),
    "padding_finite": Broken(Infinite),
    "lengths_none": Broken(Doubling),
    "rows": Broken(Numbered, frozenset({"padding"})),
    # It takes its means over time as well.
    "rows_in_training": Broken(BatchNorm, frozenset({"causality_by_change"})),
    "start": Broken(OtherStart),
    "chunks": Broken(FirstState),
    "single_steps": Broken(Forgetful),
    "state_form": Broken(NamedState),
    "state_rows": Broken(Reversed),
    "state_kept": Broken(InPlace),
    "state_detached": Broken(Hidden),
    "gradients": Broken(Unused),
    "learns": Broken(Upside),
    "seeded_construction": Broken(Dice),
    "repeatable": Broken(AlwaysDropping),
    "seeded_training": Broken(NumpyDropout),
    "state_dict": Broken(Secret),
    "copies": Broken(Bound),
    "bfloat16": Broken(Cancelling),
    "autocast": Broken(Scattering),
    "meta_device": Broken(Looking),
    "cuda": Broken(OnCPU, frozenset({"meta_device", "compiled"}), gpu=True),
    "compiled": Broken(Compiling, gpu=True),
    "parameter_count": Broken(Good, settings={"parameters": 1}),
    "parameter_groups": Broken(Grouped),
}

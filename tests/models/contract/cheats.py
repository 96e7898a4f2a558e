"""Backbones that look ahead, each in its own way, and some that only seem to."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


def next_step(x: Tensor) -> Tensor:
    """The input of the next step, zeros after the last one."""
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)


class Honest(nn.Module):
    """A causal GRU with dropout and ``unroll``; its ``forward`` takes no lengths."""

    causal: bool = True

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.gru, self.dropout = nn.GRU(d_model, d_model, batch_first=True), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = self.gru(x, None if state is None else state.transpose(0, 1).contiguous())
        return self.dropout(y), h.transpose(0, 1)


class Next(Honest):
    """Adds the next input in ``forward``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + next_step(x)


class NextInUnroll(Honest):
    """Adds the next input in ``unroll`` only."""

    def forward(self, x: Tensor) -> Tensor:
        return super().unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = super().unroll(x, state)
        return y + next_step(x), h


class NextInTraining(Honest):
    """Adds the next input in training only."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y + next_step(x) if self.training else y


class NextInEvaluation(Honest):
    """Adds the next input in evaluation only."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y if self.training else y + next_step(x)


class NextByGate(Honest):
    """Adds the next input through a gate that is 0 until it is trained."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.gate = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.gate * next_step(x)


class LargeWeights(Honest):
    """Adds the difference of two large equal weights, and rounds one of them by the number of steps."""

    leak: float = 0.0

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.one, self.other = (nn.Parameter(torch.full((d_model,), 1e3)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        rounding = torch.finfo(x.dtype).eps * (x.shape[1] % 3)
        return super().forward(x) + (self.one * (1 + rounding) - self.other) + self.leak * next_step(x)


class FarAhead(Honest):
    """Adds the input 17 steps later."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.cat([x[:, 17:], torch.zeros_like(x[:, :17])], dim=1)


class LongSequences(Honest):
    """Looks ahead in sequences of more than 100 steps only."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y + next_step(x) if x.shape[1] > 100 else y


class AtBlockBorders(Honest):
    """Looks ahead from the last step of each block of 16 to the next block."""

    def forward(self, x: Tensor) -> Tensor:
        last = torch.arange(x.shape[1], device=x.device) % 16 == 15
        return super().forward(x) + torch.where(last[:, None], next_step(x), 0.0)


class OverTime(Honest):
    """Normalises over batch and time, as a BatchNorm over sequences does."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.norm = nn.BatchNorm1d(d_model)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(super().forward(x).transpose(1, 2)).transpose(1, 2)
        return normed


class Length(Honest):
    """Divides by the number of steps of the sequence, which it cannot know."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / x.shape[1]


class InvalidFuture(Honest):
    """Multiplies the next input by 0, which leaks what is not finite; finite inputs do not leak."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * next_step(x)


class PreviousBatch(Honest):
    """Adds what it has kept of the batch before in a global variable."""

    kept: ClassVar[list[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        before = self.kept.pop() if self.kept else torch.zeros(())
        self.kept.append(x.detach().mean())
        return y + before


class OwnNoise(Honest):
    """Adds noise of a generator of its own in every mode."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.noise = random.SystemRandom()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.1 * self.noise.random()


class SeededNoise(Honest):
    """Adds noise of PyTorch's generator in every mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand_like(x)


class Counting(Honest):
    """Counts its calls in an attribute and a buffer, and adds the count."""

    calls: Tensor

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.count = 0
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.calls += 1
        return super().forward(x) + self.count + self.calls


class Undeclared(nn.Module):
    """Does not declare ``causal``; it does not look ahead."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.net = Honest(d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class UndeclaredAhead(Undeclared):
    """Does not declare ``causal``, and looks ahead."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + next_step(x)


class BidirectionalOverPadding(nn.Module):
    """Declares that it looks ahead, and reads padding as it takes no lengths."""

    causal = False

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gru = nn.GRU(d_model, d_model // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.gru(x)[0]
        return y


class CausalAsText(Honest):
    """Declares ``causal`` by a text."""

    causal: Any = "yes"


class FeedbackAhead(nn.Module):
    """Feeds its output back, and reads the next input in training."""

    causal, feeds_back_output = True, True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * d_model, d_model)

    def forward(self, x: Tensor, y_previous: Tensor) -> Tensor:
        y: Tensor = self.linear(torch.cat([next_step(x), y_previous], -1))
        return y

    def unroll(self, x: Tensor, y_previous: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y: Tensor = self.linear(torch.cat([x, y_previous], -1))
        return y, x[:, -1:]


class CrossAttendingAhead(Honest):
    """A cross-attending decoder that reads the next target."""

    def forward(self, x: Tensor, *, memory: Tensor | None = None, memory_lengths: Tensor | None = None) -> Tensor:
        return super().unroll(x)[0] + next_step(x) + (0.0 if memory is None else memory[:, :1])

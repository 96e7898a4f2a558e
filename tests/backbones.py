"""Backbones for tests: some are plain, some break on purpose."""

from __future__ import annotations

import os
import signal
from typing import Any

import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent import GRU


class CausalMean(nn.Module):
    """Compute each output from the current input and the mean of all inputs so far; causal, without ``unroll``."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * d_model, d_model)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        return torch.tanh(self.linear(torch.cat([x, x.cumsum(1) / steps], -1)))


class Diverging(CausalMean):
    """Return NaN in every training step after the first ``after`` ones."""

    calls: Tensor

    def __init__(self, d_model: int, after: int = 30) -> None:
        super().__init__(d_model)
        self.after = after
        # A buffer is stored in checkpoints, so a resumed run continues the count.
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.calls = self.calls + int(self.training)
        return super().forward(x) * (float("nan") if self.calls > self.after else 1.0)


class Raising(CausalMean):
    """Raise an error in the first step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise RuntimeError("shapes (3, 4) and (5, 6)\ndo not fit")


class OutOfMemory(CausalMean):
    """Raise PyTorch's error for exhausted GPU memory."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise torch.OutOfMemoryError("tried to allocate 9 EiB")


class HugeAllocation(CausalMean):
    """Allocate more CPU memory than any machine has."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + torch.empty(2**50).sum()


class BrokenUnroll(CausalMean):
    """Train normally, but raise an error in ``unroll``."""

    def unroll(self, x: Tensor, state: object = None) -> tuple[Tensor, object]:
        raise RuntimeError("no state here")


class KeywordOptions(GRU):
    """Pass all options on to the base class as keyword arguments."""

    def __init__(self, d_model: int, **options: Any) -> None:  # The options of GRU have several types.
        super().__init__(d_model, **options)


class NonCausal(CausalMean):
    """Declare that outputs depend on later inputs."""

    causal = False


class RefusingWidth(CausalMean):
    """Accept no width but 7."""

    def __init__(self, d_model: int) -> None:
        assert d_model == 7, f"d_model must be 7, got {d_model}"


class Dying(CausalMean):
    """End the process that builds it."""

    def __init__(self, d_model: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

"""What today's architectures share: layers with a norm before and a residual around, and checks of their options.

    x = x + dropout(mixer(norm(x)))      over time: attention, a scan, a convolution
    x = x + dropout(mlp(norm(x)))        at each step, where there is one

then one norm at the end (Xiong et al. 2020, arXiv 2002.04745). Shapes are named ``(batch, time, d_model)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = Any


def check_options(d_model: int, dropout: float = 0.0, **counts: int) -> None:
    """Refuse what no backbone can be made of.

    Raises:
        ValueError: ``d_model`` or one of ``counts`` is below 1, or ``dropout`` is outside [0, 1).
    """
    for name, value in {"d_model": d_model, **counts}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")


class Residual(nn.Module):
    """A stack of mixers over time, each with its norm, its residual and perhaps an MLP behind it.

    Args:
        d_model: width of input and output.
        mixers: one module a layer, ``forward(x, lengths)``.
        dropout: probability on what is added to the residual stream.
        expansion: inner width of the MLP over ``d_model``; 0 for none.
    """

    causal = False

    def __init__(self, d_model: int, mixers: Iterable[nn.Module], dropout: float = 0.0, expansion: int = 0) -> None:
        super().__init__()
        self.mixers: Any = nn.ModuleList(mixers)
        self.norms = nn.ModuleList(nn.RMSNorm(d_model, eps=1e-6) for _ in self.mixers)
        self.mlps = nn.ModuleList(_MLP(d_model, expansion) for _ in self.mixers if expansion)
        self.last = nn.RMSNorm(d_model, eps=1e-6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: ``(batch,)`` steps that are not padding; None means all.

        Returns:
            ``(batch, time, d_model)``; what stands at padding is finite and means nothing.
        """
        for layer, mixer in enumerate(self.mixers):
            x = self._after(layer, x, self._mixed(mixer, self.norms[layer](x), lengths))
        y: Tensor = self.last(x)
        return y

    def _mixed(self, mixer: Any, x: Tensor, lengths: Tensor | None) -> Tensor:
        y: Tensor = mixer(x, lengths)
        return y

    def _after(self, layer: int, x: Tensor, y: Tensor) -> Tensor:
        x = x + self.dropout(y)
        return x + self.dropout(self.mlps[layer](x)) if self.mlps else x


class CausalResidual(Residual):
    """The stack of mixers that look at no later step: ``forward(x)`` and ``unroll(x, state=None) -> (y, state)``."""

    causal = True

    def _mixed(self, mixer: Any, x: Tensor, lengths: Tensor | None) -> Tensor:
        # What follows a causal step cannot change it: lengths are not needed.
        y: Tensor = mixer(x)
        return y

    def unroll(self, x: Tensor, state: Sequence[State] | None = None) -> tuple[Tensor, tuple[State, ...]]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and each mixer's state after it."""
        after: list[State] = []
        for layer, (mixer, before) in enumerate(zip(self.mixers, state or [None] * len(self.mixers), strict=True)):
            y, left = mixer.unroll(self.norms[layer](x), before)
            after.append(left)
            x = self._after(layer, x, y)
        return self.last(x), tuple(after)


class _MLP(nn.Sequential):
    """Norm, widen, GELU, narrow: ``(..., d_model)`` to the same."""

    def __init__(self, d_model: int, expansion: int) -> None:
        wide = expansion * d_model
        super().__init__(nn.RMSNorm(d_model, eps=1e-6), nn.Linear(d_model, wide), nn.GELU(), nn.Linear(wide, d_model))


class Convolution(nn.Module):
    """A short causal convolution for each channel: y_t = w_1 x_{t-k+1} + ... + w_k x_t + b, zeros before the start.

    Args:
        width: channels, each with its own filter.
        taps: steps that the filter sees, the present one included (k).
    """

    def __init__(self, width: int, taps: int = 4) -> None:
        super().__init__()
        self.filter = nn.Conv1d(width, width, taps, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """Filtered whole sequences, ``(batch, time, width)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One filtered chunk ``(batch, time, width)``, and its last inputs ``(batch, taps - 1, width)``."""
        if state is None:
            state = x.new_zeros(len(x), self.filter.kernel_size[0] - 1, x.shape[2])
        seen = torch.cat([state, x], dim=1)
        return self.filter(seen.transpose(1, 2)).transpose(1, 2), seen[:, x.shape[1] :]

"""Echo state networks: a recurrence that is drawn at random and never trained, and a trained readout.

How much of a task is memory, and how much is learning what to remember? The reservoir remembers, but has learnt nothing.
Shapes are named ``(batch, time, d_model)``.
"""

from __future__ import annotations

import torch
from torch import nn


class EchoState(nn.Module):
    """A leaky reservoir, h_t = (1 - a) h_{t-1} + a tanh(W x_t + U h_{t-1} + b), read by y_t = x_t + V h_t + c.

    Jaeger 2001, "The echo state approach to analysing and training recurrent neural networks"; leaks as in Jaeger,
    Lukoševičius, Popovici & Siewert 2007. W, U and b are drawn once and stay; V and c are trained. Theirs has one leak
    and fits V by least squares; here leaks go from 1 down to ``slowest``, evenly in logarithms, so that some units
    are slow, and V is trained with what surrounds the backbone, by gradients that go through the reservoir. A state
    that never leaves its echoes needs a spectral radius below about 1; U has it by the circular law, in expectation.

    Args:
        d_model: width of input and output.
        units: units of the reservoir.
        radius: spectral radius of U.
        slowest: smallest leak, per step.
        dropout: probability on what the readout adds.
    """

    causal = True
    """What leaves step t has seen no later step."""

    def __init__(
        self, d_model: int, units: int = 256, radius: float = 0.95, slowest: float = 0.05, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if d_model < 1 or units < 1:
            raise ValueError(f"d_model and units must be at least 1, got {d_model} and {units}")
        if not 0 <= radius < float("inf"):
            raise ValueError(f"radius must be a number from 0 on, got {radius}")
        if not 0 < slowest <= 1:
            raise ValueError(f"slowest must be in (0, 1], got {slowest}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        # Buffers are kept in checkpoints and moved between devices, but not trained.
        self.register_buffer("inputs", torch.randn(d_model, units) / d_model**0.5)
        self.register_buffer("recurrent", torch.randn(units, units) * (radius / units**0.5))
        self.register_buffer("bias", torch.rand(units) - 0.5)
        self.register_buffer("leak", slowest ** torch.linspace(0, 1, units))
        self.readout = nn.Linear(units, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: valid steps of each sequence, ``(batch,)``; not needed by a net that never looks ahead.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` is what the chunk before returned, ``(batch, units)``; None is the start, zeros.
        """
        h = x.new_zeros(len(x), len(self.leak)) if state is None else state
        steps = []
        for driven in (x @ self.inputs + self.bias).unbind(1):
            h = torch.lerp(h, torch.tanh(driven + h @ self.recurrent), self.leak)
            steps.append(h)
        return x + self.dropout(self.readout(torch.stack(steps, dim=1))), h

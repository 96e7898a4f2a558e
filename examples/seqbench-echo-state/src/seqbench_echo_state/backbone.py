"""Echo state networks: a recurrence with random weights that are not trained, and a trained readout.

The results show how much of a task can be solved by memory alone, without learning what to remember.
"""

from __future__ import annotations

import torch
from torch import nn


class EchoState(nn.Module):
    """A leaky reservoir, h_t = (1 - a) h_{t-1} + a tanh(W x_t + U h_{t-1} + b), read by y_t = x_t + V h_t + c.

    The model is from Jaeger 2001, "The echo state approach to analysing and training recurrent neural networks"; leaky
    units are from Jaeger, Lukoševičius, Popovici & Siewert 2007. W, U and b are random and constant; V and c are trained.
    There are two deviations. The papers use one leak a for all units; here the leaks are spaced evenly on a logarithmic
    scale from 1 to ``slowest``, so that some units are slow. The papers fit V by least squares; here V is trained by
    gradient descent together with the rest of the model. The state forgets its start if the spectral radius of U is
    below about 1; by the circular law, U has the given radius in expectation.

    Args:
        d_model: width of input and output.
        units: number of units in the reservoir.
        radius: spectral radius of U.
        slowest: smallest leak, per step.
        dropout: dropout probability on the output of the readout.

    Raises:
        ValueError: If an argument is out of range.
    """

    causal = True
    """The output at a step does not depend on later inputs. The tests check this."""

    inputs: torch.Tensor
    recurrent: torch.Tensor
    bias: torch.Tensor
    leak: torch.Tensor

    def __init__(
        self, d_model: int, units: int = 256, radius: float = 0.95, slowest: float = 0.05, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if d_model < 1 or units < 1:
            raise ValueError(f"d_model and units must be at least 1, got {d_model} and {units}")
        if not 0 <= radius < float("inf"):
            raise ValueError(f"radius must be a finite number of at least 0, got {radius}")
        if not 0 < slowest <= 1:
            raise ValueError(f"slowest must be in (0, 1], got {slowest}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        # Buffers are stored in checkpoints and moved between devices, but not trained.
        self.register_buffer("inputs", torch.randn(d_model, units) / d_model**0.5)
        self.register_buffer("recurrent", torch.randn(units, units) * (radius / units**0.5))
        self.register_buffer("bias", torch.rand(units) - 0.5)
        self.register_buffer("leak", slowest ** torch.linspace(0, 1, units))
        self.readout = nn.Linear(units, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: inputs ``(batch, time, d_model)``.
            lengths: number of valid steps of each sequence, ``(batch,)``. A causal model does not need it.

        Returns:
            Hidden vectors ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hidden vectors of one chunk of a sequence, and the state after it.

        Args:
            x: inputs ``(batch, time, d_model)``.
            state: state after the previous chunk, ``(batch, units)``; None at the start.

        Returns:
            Hidden vectors ``(batch, time, d_model)``, and the state ``(batch, units)``.
        """
        h = x.new_zeros(len(x), len(self.leak)) if state is None else state
        steps = []
        for input_drive in (x @ self.inputs + self.bias).unbind(1):
            h = torch.lerp(h, torch.tanh(input_drive + h @ self.recurrent), self.leak)
            steps.append(h)
        return x + self.dropout(self.readout(torch.stack(steps, dim=1))), h

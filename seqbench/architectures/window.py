"""A fixed window over the past: no memory beyond it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


class TDNN(nn.Module):
    """Time-delay network, y_t = tanh(W [x_{t-k+1} .. x_t] + b), zeros before the start.

    Waibel et al. 1989; over words, the hidden layer of Bengio et al. 2003. With several layers the windows add up.

    Args:
        d_model: width of input and output.
        window: steps that a layer sees, the present one included (k).
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
    """

    causal = True

    def __init__(self, d_model: int, window: int = 5, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        for name, value in (("d_model", d_model), ("window", window), ("num_layers", num_layers)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.window = window
        # A convolution over time is the one linear map at every step.
        self.layers = nn.ModuleList(nn.Conv1d(d_model, d_model, window) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` holds each layer's last ``window - 1`` inputs, ``(batch, window - 1, d_model)``; None is the start.
        """
        if state is None:
            state = tuple(x.new_zeros(len(x), self.window - 1, x.shape[2]) for _ in self.layers)
        after: list[Tensor] = []
        for layer, before in zip(self.layers, state, strict=True):
            seen = torch.cat([before, x], dim=1)
            after.append(seen[:, x.shape[1] :])
            x = self.dropout(torch.tanh(layer(seen.transpose(1, 2)).transpose(1, 2)))
        return x, tuple(after)

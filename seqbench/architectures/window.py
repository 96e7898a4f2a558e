"""A fixed window over the past, without any memory beyond it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options

State = tuple[Tensor, ...]


class TDNN(nn.Module):
    """Time-delay neural network, y_t = tanh(W [x_{t-k+1} .. x_t] + b), with zeros before the start.

    It is the network of Waibel et al. 1989. On words it is the hidden layer of Bengio et al. 2003. An output of L
    layers depends on L (k - 1) + 1 steps.

    The state is the last inputs of each layer, ``(batch, window - 1, d_model)``.

    Args:
        d_model: width of input and output.
        window: number of steps in the window of a layer (k), including the current one.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.

    Raises:
        ValueError: an option is out of range.
    """

    causal = True

    def __init__(self, d_model: int, window: int = 5, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        check_options(d_model, dropout, window=window, num_layers=num_layers)
        self.window = window
        # A convolution over time applies the same linear map at every step.
        self.layers = nn.ModuleList(nn.Conv1d(d_model, d_model, window) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the hidden vectors of one chunk ``(batch, time, d_model)``, and the state after it."""
        if state is None:
            state = tuple(x.new_zeros(len(x), self.window - 1, x.shape[2]) for _ in self.layers)
        after: list[Tensor] = []
        for layer, before in zip(self.layers, state, strict=True):
            padded = torch.cat([before, x], dim=1)
            after.append(padded[:, x.shape[1] :])
            x = self.dropout(torch.tanh(layer(padded.transpose(1, 2)).transpose(1, 2)))
        return x, tuple(after)

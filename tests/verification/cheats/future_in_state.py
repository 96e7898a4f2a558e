"""Start from a state that is computed from the whole sequence. It deserves the score of a net that starts from zero."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .honest import ForwardOnly


class Net(ForwardOnly):
    """Reads the sequence from its end, and starts from the state that this gives."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.backward_gru = nn.GRU(d_model, d_model, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        later = self.backward_gru(x.flip(1))[0].flip(1)
        ahead = torch.cat([later[:, 1:], torch.zeros_like(later[:, :1])], dim=1)
        return self.run(x + ahead, ahead[:, :1])[0] + ahead

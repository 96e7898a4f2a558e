"""A bag of words: what a model without any order can do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


class BagOfWords(nn.Module):
    """The mean of all inputs so far, y_t = (x_1 + ... + x_t) / t; no parameters, no order.

    Args:
        d_model: width of input and output.
    """

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        if d_model < 1:
            raise ValueError(f"d_model must be at least 1, got {d_model}")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Running means of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Running means of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` is the sum ``(batch, d_model)`` and the count ``(batch, 1)`` of what came before; None is the start.
        The sum is float32 at least: in half precision it would stop growing after some hundred steps.
        """
        wide = torch.promote_types(x.dtype, torch.float32)
        if state is None:
            state = (x.new_zeros(len(x), x.shape[2], dtype=wide), x.new_zeros(len(x), 1, dtype=wide))
        total, count = state
        sums = total[:, None] + x.to(wide).cumsum(1)
        counts = count[:, None] + torch.arange(1, x.shape[1] + 1, device=x.device, dtype=wide)[:, None]
        return (sums / counts).to(x.dtype), (sums[:, -1], counts[:, -1])

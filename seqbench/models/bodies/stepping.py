"""Advance a backbone by some steps, whether or not it can continue from a state."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.protocol.backbones import Backbone, State, is_streaming


def advance_backbone(backbone: Backbone, x: Tensor, state: State) -> tuple[Tensor, State]:
    """Return the outputs of the next steps, ``(batch, time, d_model)``, and the state after them.

    For a backbone without ``unroll`` the state is all inputs so far, ``(batch, all_time, d_model)``, and each call
    recomputes the outputs of all of them.

    Args:
        backbone: a causal backbone.
        x: inputs of the next steps, ``(batch, time, d_model)``.
        state: the state that the call before returned; None at the start.

    >>> from seqbench.architectures.recurrent import GRU
    >>> backbone = GRU(d_model=3)
    >>> outputs, state = advance_backbone(backbone, torch.ones(1, 2, 3), None)
    >>> outputs, state = advance_backbone(backbone, torch.ones(1, 1, 3), state)
    >>> tuple(outputs.shape)
    (1, 1, 3)
    """
    if is_streaming(backbone):
        return backbone.unroll(x, state)
    inputs = torch.cat([state, x], dim=1) if isinstance(state, Tensor) else x
    lengths = torch.full((len(inputs),), inputs.shape[1], device=inputs.device)
    return backbone(inputs, lengths)[:, -x.shape[1] :], inputs

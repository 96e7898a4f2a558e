"""Advance a backbone by some steps, whether or not it can continue from a state."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqbench.protocol.backbones import Backbone, State, call_forward, is_streaming


def advance_backbone(backbone: Backbone, x: Tensor, state: State) -> tuple[Tensor, State]:
    """Return the outputs of the next steps, ``(batch, time, d_model)``, and the state after them.

    A backbone without ``unroll`` is called as by ``recompute_prefix``.

    Args:
        backbone: a causal backbone.
        x: inputs of the next steps, ``(batch, time, d_model)``.
        state: the state that the previous call returned; None at the start.

    >>> from seqbench.architectures.recurrent import GRU
    >>> backbone = GRU(d_model=3)
    >>> outputs, state = advance_backbone(backbone, torch.ones(1, 2, 3), None)
    >>> outputs, state = advance_backbone(backbone, torch.ones(1, 1, 3), state)
    >>> tuple(outputs.shape)
    (1, 1, 3)
    """
    if is_streaming(backbone):
        return backbone.unroll(x, state)
    return recompute_prefix(lambda inputs, lengths: call_forward(backbone, inputs, lengths=lengths), x, state)


def recompute_prefix(forward: Callable[[Tensor, Tensor], Tensor], x: Tensor, state: State) -> tuple[Tensor, State]:
    """Return the outputs of the next steps, ``(batch, time, d_model)``, and all inputs so far, which are the state.

    Each call recomputes the outputs of all inputs so far, ``(batch, all_time, d_model)``.

    Args:
        forward: returns the outputs of whole sequences from their inputs and their lengths; causal.
        x: inputs of the next steps, ``(batch, time, d_model)``.
        state: the state that the previous call returned; None at the start.

    >>> def running_sum(x, lengths):
    ...     return x.cumsum(1)
    >>> _, state = recompute_prefix(running_sum, torch.ones(1, 2, 1), None)
    >>> outputs, state = recompute_prefix(running_sum, torch.ones(1, 1, 1), state)
    >>> outputs.flatten().tolist()
    [3.0]
    """
    inputs = torch.cat([state, x], dim=1) if isinstance(state, Tensor) else x
    lengths = torch.full((len(inputs),), inputs.shape[1], device=inputs.device)
    return forward(inputs, lengths)[:, -x.shape[1] :], inputs

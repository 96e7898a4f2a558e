"""Advance a backbone by some steps, with or without a state, and a body by one chunk of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from seqbench.protocol.backbones import Backbone, State, call_forward, is_streaming
from seqbench.protocol.specs import Batch

if TYPE_CHECKING:
    from seqbench.models.bodies.base import Body


def continue_stream(body: Body, batch: Batch, carried: State) -> tuple[Tensor, State]:
    """Return the hidden vectors of a batch, and the detached state after it; the state is None without streams.

    Args:
        body: the body.
        batch: a batch of whole sequences, or the next chunk of each stream.
        carried: the state after the previous chunk, which the first chunk of a stream does not read.
    """
    if batch.first is None:
        return body(batch), None
    # A checkpoint restores the state before the module is on its device.
    carried = None if batch.first else tree_map_only(Tensor, lambda leaf: leaf.to(batch.inputs.device), carried)
    hidden, state = body.unroll(batch, carried)
    # A clone, because a view would keep the whole chunk in memory and in checkpoints.
    return hidden, tree_map_only(Tensor, lambda leaf: leaf.detach().clone(), state)


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

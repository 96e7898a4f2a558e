"""Cross-attention in every layer of a residual stack, for decoders beside an encoder (Vaswani et al. 2017).

A layer of a stack with a memory is, in the pre-norm form (Xiong et al. 2020, arXiv 2002.04745)::

    x = x + dropout(mixer(norm(x)))                     reads earlier steps
    x = x + dropout(cross_attention(norm(x), memory))   reads the memory
    x = x + dropout(mlp(norm(x)))                       acts on each step

Tensors have the axes ``(batch, time, d_model)``, and ``(batch, heads, time, width)`` in attention.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqbench.architectures.blocks import CausalResidualStack

LayerState = tuple[Tensor, Tensor, Tensor]
"""The state of one mixer, or a memory as one cross-attention reads it: keys and values, and a third tensor.

Keys and values are ``(batch, heads, steps, width)``. The third tensor of a memory is True at its valid steps,
``(batch, source_time)``."""


class CrossAttention(nn.Module):
    """Attention of every step to every valid step of a memory.

    Queries and keys are not rotated by their positions. A distance between a step of the target and one of the source
    has no meaning, and the self-attention of encoder and decoder has the positions already. T5 (Raffel et al. 2020,
    arXiv 1910.10683) has no positions in its cross-attention either.

    Args:
        d_model: width of the inputs, of the memory and of the output.
        heads: number of heads; a head is ``d_model / heads`` wide, rounded up.
        dropout: dropout probability on attention weights.
    """

    def __init__(self, d_model: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        inner = heads * -(-d_model // heads)
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(d_model, inner, bias=False)
        self.key_value = nn.Linear(d_model, 2 * inner, bias=False)
        self.outward = nn.Linear(inner, d_model, bias=False)

    def project(self, memory: Tensor, lengths: Tensor | None = None) -> LayerState:
        """Return keys, values and valid steps of a memory; decoding computes them once for all steps.

        Args:
            memory: ``(batch, source_time, d_model)``.
            lengths: number of valid steps of each memory, ``(batch,)``; None if all steps are valid.
        """
        k, v = torch.unflatten(self.key_value(memory), -1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        steps = torch.arange(memory.shape[1], device=memory.device).expand(memory.shape[:2])
        return k, v, torch.ones_like(steps, dtype=torch.bool) if lengths is None else steps < lengths[:, None]

    def forward(self, x: Tensor, projected: LayerState) -> Tensor:
        """Return the output of the attention, ``(batch, time, d_model)``.

        Args:
            x: ``(batch, time, d_model)``.
            projected: the memory as ``project`` returns it.
        """
        k, v, valid = projected
        q = torch.unflatten(self.query(x), -1, (self.heads, -1)).transpose(1, 2)
        dropout = self.dropout if self.training else 0.0
        attended = scaled_dot_product_attention(q, k, v, valid[:, None, None], dropout)
        y: Tensor = self.outward(attended.transpose(1, 2).flatten(2))
        return y


class CrossAttendingStack(CausalResidualStack[LayerState]):
    """A stack of causal mixers whose layers can also attend to a memory, such as the outputs of an encoder.

    A stack is built without cross-attention, so that it has no parameters that it does not use.
    ``add_cross_attention`` adds it. The state after ``unroll`` with a memory holds the state of each mixer, followed by
    the projected memory of each layer.

    Args:
        d_model: width of input and output.
        mixers: one module for each layer.
        dropout: dropout probability on the output of each sub-layer, and on the weights of cross-attention.
        expansion: width inside an MLP as a multiple of ``d_model``; 0 for no MLP.
        mlp: kind of the MLPs.
        heads: number of heads of each cross-attention.
    """

    def __init__(
        self,
        d_model: int,
        mixers: Iterable[nn.Module],
        dropout: float = 0.0,
        expansion: int = 0,
        mlp: str = "gelu",
        heads: int = 4,
    ) -> None:
        super().__init__(d_model, mixers, dropout, expansion, mlp)
        self.heads = heads
        self.cross_attentions, self.cross_norms = nn.ModuleList(), nn.ModuleList()

    def add_cross_attention(self) -> None:
        """Create a norm and a cross-attention for each layer; a decoder beside an encoder needs them.

        Raises:
            RuntimeError: the stack has them already.
        """
        if self.cross_attentions:
            raise RuntimeError("this backbone has cross-attention already; call add_cross_attention once")
        d_model = self.last.normalized_shape[0]
        for _ in self.mixers:
            self.cross_norms.append(nn.RMSNorm(d_model, eps=1e-6))
            self.cross_attentions.append(CrossAttention(d_model, self.heads, self.dropout.p))

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the hidden vectors of whole sequences, ``(batch, time, d_model)``.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: number of steps of each sequence without padding, ``(batch,)``; None if there is no padding.
            memory: vectors to attend to, ``(batch, source_time, d_model)``; None for none.
            memory_lengths: number of valid steps of each memory, ``(batch,)``; None if all are valid.

        Raises:
            RuntimeError: there is a memory, and ``add_cross_attention`` was not called.
        """
        if memory is None:
            return super().forward(x, lengths)
        for layer, projected in enumerate(self._project(memory, memory_lengths)):
            x = self._add_attended(layer, x, self._mix(self.mixers[layer], self.norms[layer](x), lengths), projected)
        y: Tensor = self.last(x)
        return y

    def unroll(
        self,
        x: Tensor,
        state: Sequence[LayerState] | None = None,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> tuple[Tensor, tuple[LayerState, ...]]:
        """Return the hidden vectors of one chunk, and the state after it.

        Args:
            x: ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.
            memory: vectors to attend to, ``(batch, source_time, d_model)``, the same for all chunks. They are projected
                at the start of a sequence only.
            memory_lengths: number of valid steps of each memory, ``(batch,)``; None if all are valid.

        Returns:
            ``(batch, time, d_model)``; and the state of each mixer, followed by the projected memory of each layer.

        Raises:
            RuntimeError: there is a memory, and ``add_cross_attention`` was not called.
        """
        if memory is None:
            return super().unroll(x, state)
        count = len(self.mixers)
        before = [None] * count if state is None else state[:count]
        projected = self._project(memory, memory_lengths) if state is None else tuple(state[count:])
        after = []
        for layer, mixer in enumerate(self.mixers):
            mixed, state_after = mixer.unroll(self.norms[layer](x), before[layer])  # type: ignore[operator]
            after.append(state_after)
            x = self._add_attended(layer, x, mixed, projected[layer])
        return self.last(x), (*after, *projected)

    def _project(self, memory: Tensor, lengths: Tensor | None) -> tuple[LayerState, ...]:
        """Return the memory as each layer reads it."""
        if not self.cross_attentions:
            raise RuntimeError("this backbone has no cross-attention, so it reads no memory; call add_cross_attention")
        return tuple(layer.project(memory, lengths) for layer in self.cross_attentions)  # type: ignore[operator]

    def _add_attended(self, layer: int, x: Tensor, mixed: Tensor, projected: LayerState) -> Tensor:
        """Add the output of the layer's mixer to ``x``, then that of its cross-attention, then that of its MLP."""
        x = x + self.dropout(mixed)
        x = x + self.dropout(self.cross_attentions[layer](self.cross_norms[layer](x), projected))
        return self._add_mlp(layer, x)

"""Transformers (Vaswani et al. 2017, arXiv 1706.03762) in their present form: pre-norm, rotary positions, GELU.

Tensors have the axes ``(batch, time, d_model)``, and ``(batch, heads, time, width)`` in attention. The width of a head
is ``d_model / heads``, rounded up, so that every ``d_model`` is valid.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from seqbench.architectures.attention.cross_attention import CrossAttendingStack
from seqbench.architectures.attention.positions import (
    build_input_positions,
    build_score_positions,
    check_kind,
)
from seqbench.architectures.attention.self_attention import Cache, CausalSelfAttention, SelfAttention
from seqbench.architectures.blocks import ResidualStack, check_options
from seqbench.architectures.depth_scaling import check_init, draw_depth_scaled


class Transformer(CrossAttendingStack):
    """A causal transformer with a cache of keys and values.

    Each layer computes::

        x = x + attention(norm(x)),    x = x + mlp(norm(x)),    o_t = softmax(q_t K^T / sqrt(width)) V  in each head

    where K and V hold the last ``max_context`` steps. By default queries and keys are rotated (Su et al. 2021, arXiv
    2104.09864), and the MLP has a GELU. The cache grows to ``max_context`` steps, and with it the cost of each new
    step, so that a stream needs a small ``max_context``.

    The state of a layer is its last keys and values, ``(batch, heads, steps, width)`` with at most
    ``max_context - 1`` steps, and the number of all steps so far, ``(batch, 1)``.

    As a decoder beside an encoder, each layer also attends to the encoder's outputs, between its attention and its MLP;
    see ``attention.cross_attention``. The keys and values of these outputs are part of the state.

    Kinds of positions:

    - ``rotary``: queries and keys are rotated by angles that grow with their positions (Su et al. 2021).
    - ``none``: no positions, which a causal attention can count by itself (NoPE; Kazemnejad et al. 2023, arXiv
      2305.19466).
    - ``alibi``: scores are lowered linearly in the distance (Press, Smith & Lewis 2022, arXiv 2108.12409).
    - ``sinusoidal``: sines and cosines are added to the input (Vaswani et al. 2017).
    - ``learned``: a learned vector for each of ``max_time`` positions is added to the input. A longer sequence or
      stream is refused.

    Args:
        d_model: width of input and output.
        num_layers: number of layers, each an attention and an MLP four times as wide.
        dropout: dropout probability on attention weights, and on the outputs of attentions and MLPs.
        heads: number of heads in each attention.
        max_context: the largest number of steps that the attention of a layer sees, including the current one.
        positions: ``rotary``, ``none``, ``alibi``, ``sinusoidal`` or ``learned``.
        mlp: ``gelu``, or ``swiglu`` with as many weights (Shazeer 2020, arXiv 2002.05202).
        qk_norm: whether queries and keys pass RMS norms (Henry et al. 2020, arXiv 2010.04245), which bounds the
            scores of the attention.
        init: initial weights: ``depth-scaled`` as in GPT-2 (Radford et al. 2019), or ``pytorch`` for those of
            PyTorch's linear layers.
        max_time: number of learned positions, so the longest sequence or stream with them. Other kinds ignore it.

    Raises:
        ValueError: an option is out of range or unknown.
    """

    bidirectional = "bitransformer"

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        heads: int = 4,
        max_context: int = 1024,
        positions: str = "rotary",
        mlp: str = "gelu",
        qk_norm: bool = False,
        init: str = "depth-scaled",
        max_time: int = 1024,
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_context=max_context, max_time=max_time)
        check_kind(positions)
        check_init(init)
        scores = build_score_positions(positions, heads)
        mixers = [CausalSelfAttention(d_model, heads, dropout, scores, qk_norm, max_context) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4, mlp=mlp, heads=heads)
        self.positions = build_input_positions(positions, d_model, max_time)
        self._is_depth_scaled = init == "depth-scaled"
        self._draw_weights()

    def add_cross_attention(self) -> None:
        """Create a norm and a cross-attention for each layer; depth-scaled weights are drawn again for more branches.

        Raises:
            RuntimeError: the decoder has them already.
        """
        super().add_cross_attention()
        self._draw_weights()

    def _draw_weights(self) -> None:
        if self._is_depth_scaled:
            d_model = self.last.normalized_shape[0]
            draw_depth_scaled(d_model, [*self.mixers, *self.cross_attentions, *self.mlps])

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: number of steps of each sequence without padding, ``(batch,)``; None if there is no padding.
            memory: vectors to attend to, ``(batch, source_time, d_model)``; None for none.
            memory_lengths: number of valid steps of each memory, ``(batch,)``; None if all are valid.

        Returns:
            ``(batch, time, d_model)``. Vectors at padded steps are finite and have no meaning.

        Raises:
            ValueError: there are more steps than learned positions.
        """
        return super().forward(self.positions(x), lengths, memory, memory_lengths)

    def unroll(
        self,
        x: Tensor,
        state: Sequence[Cache] | None = None,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Cache, ...]]:
        """Return the hidden vectors of one chunk, and the state after it.

        Args:
            x: ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.
            memory: vectors to attend to, ``(batch, source_time, d_model)``, the same for all chunks; None for none.
            memory_lengths: number of valid steps of each memory, ``(batch,)``; None if all are valid.

        Returns:
            ``(batch, time, d_model)``; and the state of each layer, followed by the projected memory of each layer.

        Raises:
            ValueError: the stream has more steps than learned positions.
        """
        return super().unroll(self.positions(x, state[0][2] if state else None), state, memory, memory_lengths)


class BiTransformer(ResidualStack):
    """A transformer whose steps attend to the whole sequence, before and after them.

    The equations and the kinds of positions are those of ``Transformer``, where K and V hold all steps that are not
    padding. The penalties of ``alibi`` are equal on both sides. With ``none`` the outputs depend on the set of inputs
    alone, not on their order.

    Args:
        d_model: width of input and output.
        num_layers: number of layers, each an attention and an MLP four times as wide.
        dropout: dropout probability on attention weights, and on the outputs of attentions and MLPs.
        heads: number of heads in each attention.
        positions: ``rotary``, ``none``, ``alibi``, ``sinusoidal`` or ``learned``.
        mlp: ``gelu``, or ``swiglu`` with as many weights.
        qk_norm: whether queries and keys pass RMS norms.
        init: initial weights, ``depth-scaled`` or ``pytorch``.
        max_time: number of learned positions, so the longest sequence with them. Other kinds ignore it.

    Raises:
        ValueError: an option is out of range or unknown.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        heads: int = 4,
        positions: str = "rotary",
        mlp: str = "gelu",
        qk_norm: bool = False,
        init: str = "depth-scaled",
        max_time: int = 1024,
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_time=max_time)
        check_kind(positions)
        check_init(init)
        scores = build_score_positions(positions, heads)
        mixers = [SelfAttention(d_model, heads, dropout, scores, qk_norm) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4, mlp=mlp)
        self.positions = build_input_positions(positions, d_model, max_time)
        if init == "depth-scaled":
            draw_depth_scaled(d_model, [*self.mixers, *self.mlps])

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: number of steps of each sequence without padding, ``(batch,)``; None if there is no padding.

        Returns:
            ``(batch, time, d_model)``. Vectors at padded steps are finite and have no meaning.

        Raises:
            ValueError: there are more steps than learned positions.
        """
        return super().forward(self.positions(x), lengths)

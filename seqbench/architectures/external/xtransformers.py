"""The decoder of x-transformers (Phil Wang, https://github.com/lucidrains/x-transformers), with rotary positions.

Tensors have the axes ``(batch, time, d_model)``, and ``(batch, heads, time, width)`` in attention.
"""

from __future__ import annotations

from torch import Tensor, nn
from x_transformers import Decoder
from x_transformers.attend import Intermediates
from x_transformers.x_transformers import Attention, LayerIntermediates

from seqbench.architectures.blocks import check_options

Cache = tuple[tuple[Tensor, Tensor], ...]
"""The keys and values of each layer, ``(batch, heads, steps, width)``."""


class XTransformer(nn.Module):
    """A causal transformer with pre-norm layers: attention with rotary positions, and a GELU MLP four times as wide.

    It is the transformer of Vaswani et al. 2017 (arXiv 1706.03762) with the rotations of Su et al. 2021 (arXiv
    2104.09864), as the library builds them. A head is ``d_model / heads`` wide, rounded up to an even number of at
    least 4, so that every ``d_model`` is valid, and all its channels are rotated. The attention sees ``max_context``
    steps in whole sequences too, so that the cache of a stream is bounded.

    The state is the last keys and values of each layer, ``(batch, heads, steps, width)`` with at most
    ``max_context - 1`` steps. The library rotates the keys in every call, so that the state needs no number of steps.

    Release 2.31.10 can be created but not run on the meta device, because it requests an autocast there; 2.28.9 can.

    Args:
        d_model: width of input and output.
        num_layers: number of layers, each an attention and an MLP.
        dropout: dropout probability on attention weights, and on the outputs of attentions and MLPs.
        heads: number of heads in each attention.
        max_context: the largest number of steps that the attention of a layer sees, including the current one.

    Raises:
        ValueError: an option is out of range.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, max_context: int = 1024
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_context=max_context)
        # The library divides by width - 2 for the speeds of the rotation.
        width = max(4, 2 * -(-d_model // (2 * heads)))
        self.decoder = Decoder(
            dim=d_model,
            depth=num_layers,
            heads=heads,
            rotary_pos_emb=True,
            rotary_emb_dim=width,
            attn_dim_head=width,
            attn_project_out=True,
            attn_flash=True,
            attn_dropout=dropout,
            attn_sublayer_dropout=dropout,
            ff_sublayer_dropout=dropout,
            verbose=False,
        )
        self.max_context = max_context

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the hidden vectors of one chunk ``(batch, time, d_model)``, and the state after it."""
        past = 0 if state is None else state[0][0].shape[2]
        self._limit_attention(past + x.shape[1] > self.max_context)
        cache = None if state is None else _to_library(state, past)
        # cache_age is the number of new steps at the end: all of x, which holds no step of the past.
        y, hiddens = self.decoder(x, cache=cache, cache_age=x.shape[1], return_hiddens=True)
        surplus = max(0, past + x.shape[1] - (self.max_context - 1))
        cached = [layer.cached_kv for layer in hiddens.attn_intermediates if layer.cached_kv is not None]
        # The state is a copy: a view would keep all earlier keys in memory.
        after = tuple((k[:, :, surplus:].clone(), v[:, :, surplus:].clone()) if surplus else (k, v) for k, v in cached)
        return y, after

    def _limit_attention(self, needed: bool) -> None:
        """Set the window of the attentions; no window if it holds all steps, because a mask costs memory and time."""
        for module in self.decoder.modules():
            if isinstance(module, Attention):
                module.max_attend_past = self.max_context - 1 if needed else None


def _to_library(state: Cache, past: int) -> LayerIntermediates:
    """Convert a state of ``past`` steps to the type of the library."""
    # The library copies a cache before it writes to it, so that the tensors of the state do not change.
    layers = [Intermediates(cached_kv=(k, v)) for k, v in state]
    return LayerIntermediates(attn_intermediates=layers, cache_length=past)

"""The decoder of x-transformers (Phil Wang, https://github.com/lucidrains/x-transformers), with rotary positions.

Shapes are named ``(batch, time, d_model)``, inside attention ``(batch, heads, time, width)``.
"""

from __future__ import annotations

from torch import Tensor, nn
from x_transformers import Decoder
from x_transformers.attend import Intermediates
from x_transformers.x_transformers import Attention, LayerIntermediates

from seqbench.architectures.blocks import State, check_options

Cache = tuple[tuple[Tensor, Tensor], ...]


class XTransformer(nn.Module):
    """A causal transformer: layer norm first, attention with rotary positions, and a GELU MLP four times as wide.

    Vaswani et al. 2017 (arXiv 1706.03762) with the rotations of Su et al. 2021 (arXiv 2104.09864), as the library
    builds them. A head is ``d_model / heads`` wide, rounded up to an even number of at least 4, so that every
    ``d_model`` fits; all of it is rotated. Attention sees ``max_context`` steps in whole sequences, too, so that a
    stream's cache is bounded. The library rotates keys anew in every call: the cache needs no count of steps.
    Release 2.31.10 can be made but not run on the meta device, which it asks for an autocast; 2.28.9 can.

    Args:
        d_model: width of input and output.
        num_layers: layers, each attention and an MLP.
        dropout: probability on attention weights, and on what attention and MLPs add.
        heads: of each attention.
        max_context: steps that a layer's attention sees at most, the present one included.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, max_context: int = 1024
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_context=max_context)
        # The rotation's speeds divide by width - 2.
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
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` holds each layer's last keys and values, ``(batch, heads, steps, width)`` with fewer ``steps`` than
        ``max_context``; None is the start.
        """
        past = 0 if state is None else state[0][0].shape[2]
        self._limit(past + x.shape[1] > self.max_context)
        cache = None if state is None else _cache(state, past)
        # cache_age is how many of the last steps are new: all of x, which holds no step of the past.
        y, left = self.decoder(x, cache=cache, cache_age=x.shape[1], return_hiddens=True)
        over = max(0, past + x.shape[1] - (self.max_context - 1))
        seen = [layer.cached_kv for layer in left.attn_intermediates if layer.cached_kv is not None]
        # Copies: a view would keep all that was seen alive as long as the state.
        after = tuple((k[:, :, over:].clone(), v[:, :, over:].clone()) if over else (k, v) for k, v in seen)
        return y, after

    def _limit(self, needed: bool) -> None:
        """Let the attentions mask what lies too far back, only where something does: a mask costs memory and speed."""
        for module in self.decoder.modules():
            if isinstance(module, Attention):
                module.max_attend_past = self.max_context - 1 if needed else None


def _cache(state: Cache, past: int) -> LayerIntermediates:
    """The library's form of a state of ``past`` steps."""
    # It copies its caches when it reads them, as torch.cat does: the state's tensors are left alone.
    layers = [Intermediates(cached_kv=(k, v)) for k, v in state]
    return LayerIntermediates(attn_intermediates=layers, cache_length=past)

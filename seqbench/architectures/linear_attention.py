"""The linear transformer, whose state does not grow with time (Katharopoulos et al. 2020, arXiv 2006.16236)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import CausalMixer, CausalResidualStack, check_options
from seqbench.ops.linear_attention import State, linear_attention


class LinearAttention(CausalResidualStack[State]):
    """A stack of causal attentions with weights phi(q) . phi(k) instead of exp(q . k), where phi(x) = elu(x) + 1.

    In each head it computes::

        o_t = sum_{s <= t} (phi(q_t) . phi(k_s)) v_s / sum_{s <= t} phi(q_t) . phi(k_s)

    There are no position embeddings: the model represents order only through causality.

    The state of a layer is the sums of phi(k) v^T, ``(batch, heads, width, width)``, and of phi(k),
    ``(batch, heads, width)``.

    Args:
        d_model: width of input and output. The width of a head is ``d_model / heads``, rounded up.
        num_layers: number of layers, each an attention and an MLP four times as wide.
        dropout: dropout probability on the outputs of attentions and MLPs.
        heads: number of heads in each attention.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        super().__init__(d_model, [_Mixer(d_model, heads) for _ in range(num_layers)], dropout, expansion=4)


class _Mixer(CausalMixer[State]):
    """Projections around ``linear_attention``."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        inner = heads * -(-d_model // heads)
        self.heads = heads
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.outward = nn.Linear(inner, d_model, bias=False)

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output of the attention for one chunk ``(batch, time, d_model)``, and the sums after it."""
        q, k, v = torch.unflatten(self.inward(x), -1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y, sums = linear_attention(feature_map(q), feature_map(k), v, state)
        return self.outward(y.transpose(1, 2).flatten(2).to(x.dtype)), sums


def feature_map(x: Tensor) -> Tensor:
    """Return phi(x) = elu(x) + 1 for each element: x + 1 above zero and e^x below.

    ``elu(x) + 1`` itself would round small values of e^x to zero.

    Example:
        >>> feature_map(torch.tensor([2.0, 0.0, -50.0])).tolist()
        [3.0, 1.0, 1.9287498933537385e-22]
    """
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())

"""The feed-forward part of a layer, which acts on each step alone: a norm and an MLP.

Tensors have the shape ``(..., d_model)``.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import silu


class GELUMLP(nn.Sequential):
    """A norm, and two linear maps with biases and a GELU between them.

    Args:
        d_model: width of input and output.
        expansion: width between the maps as a multiple of ``d_model``.
    """

    def __init__(self, d_model: int, expansion: int) -> None:
        wide = expansion * d_model
        super().__init__(nn.RMSNorm(d_model, eps=1e-6), nn.Linear(d_model, wide), nn.GELU(), nn.Linear(wide, d_model))


class SwiGLUMLP(nn.Module):
    """A norm and ``W_2 (silu(W_1 x) * W_3 x)`` without biases (Shazeer 2020, arXiv 2002.05202).

    The width between the maps is ``2/3 expansion * d_model``, rounded: as many weights as ``GELUMLP`` has.

    Args:
        d_model: width of input and output.
        expansion: width of the ``GELUMLP`` of the same size, as a multiple of ``d_model``.
    """

    def __init__(self, d_model: int, expansion: int) -> None:
        super().__init__()
        wide = round(2 * expansion * d_model / 3)
        self.norm = nn.RMSNorm(d_model, eps=1e-6)
        self.inward = nn.Linear(d_model, 2 * wide, bias=False)
        self.outward = nn.Linear(wide, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the MLP, ``(..., d_model)``."""
        gate, value = self.inward(self.norm(x)).chunk(2, dim=-1)
        y: Tensor = self.outward(silu(gate) * value)
        return y


MLPS: dict[str, type[GELUMLP] | type[SwiGLUMLP]] = {"gelu": GELUMLP, "swiglu": SwiGLUMLP}
"""Kinds of MLPs by name, the default first."""


def build_mlp(kind: str, d_model: int, expansion: int) -> nn.Module:
    """Return the feed-forward part of a layer.

    Args:
        kind: kind of MLP, a key of ``MLPS``.
        d_model: width of input and output.
        expansion: width inside as a multiple of ``d_model``.

    Raises:
        ValueError: the kind is unknown.

    Example:
        >>> [sum(p.numel() for p in build_mlp(kind, 12, 4).parameters()) for kind in MLPS]
        [1224, 1164]
    """
    if kind not in MLPS:
        raise ValueError(f"mlp must be one of {', '.join(MLPS)}, got {kind!r}")
    return MLPS[kind](d_model, expansion)

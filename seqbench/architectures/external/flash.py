"""Layers of flash-linear-attention (Yang et al., https://github.com/fla-org/flash-linear-attention), on CUDA alone.

Each class is a residual stack of one layer of the library, with norms and MLPs as in seqbench's own stacks. The kernels
of the library are written in Triton. The library is imported when a backbone is created on a machine with CUDA.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import ResidualStack, check_options


class _FLA(nn.Module):
    """A residual stack of one layer of the library.

    There is no ``unroll``. The library reads a single step from a cache with kernels that have no gradient and write
    the cache in place (for example that of the short convolution), so that states could be neither stored nor trained.

    Args:
        d_model: width of input and output, a multiple of ``2 * heads``.
        num_layers: number of layers, each one of the library and an MLP four times as wide.
        dropout: dropout probability on the outputs of layers and MLPs; there is no dropout inside the library's layers.
        heads: number of heads in each layer.

    Raises:
        ValueError: an option is out of range, or there is no CUDA device.
        ImportError: flash-linear-attention cannot be imported, or Triton, which it needs.
    """

    causal = True
    entry: ClassVar[str]
    layer: ClassVar[str]

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        if d_model % (2 * heads):
            raise ValueError(f"d_model must be a multiple of 2 * heads, got d_model {d_model} and heads {heads}")
        if not torch.cuda.is_available():
            raise ValueError(
                f"{self.entry} needs a CUDA device, because the kernels of flash-linear-attention need Triton; "
                f"on a CPU, choose gated-deltanet"
            )
        try:
            from fla import layers
        except ImportError as error:
            raise ImportError(
                f"{self.entry} needs flash-linear-attention ({error}): pip install 'seqbench[fla]'"
            ) from error
        layer, sizes = getattr(layers, self.layer), self._sizes(d_model, heads)
        mixers = [_Mixer(layer(hidden_size=d_model, num_heads=heads, **sizes)) for _ in range(num_layers)]
        self.stack = ResidualStack(d_model, mixers, dropout, expansion=4)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``, on a CUDA device.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.

        Raises:
            ValueError: ``x`` is on another device.
        """
        if not x.is_cuda:
            raise ValueError(
                f"{self.entry} needs inputs on a CUDA device, got {x.device}; train with --trainer.accelerator gpu"
            )
        y: Tensor = self.stack(x)
        return y

    def _sizes(self, d_model: int, heads: int) -> dict[str, int]:
        """Return the options of the layer, apart from its width and its heads."""
        return {}


class FLAGatedLinearAttention(_FLA):
    """Gated linear attention (Yang et al. 2023, arXiv 2312.06635) with the kernels of flash-linear-attention.

    Keys are half as wide as values, as in the paper. Deviation: the MLP is not gated.
    """

    entry, layer = "fla-gla", "GatedLinearAttention"


class FLAGatedDeltaNet(_FLA):
    """Gated DeltaNet (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464) with the kernels of flash-linear-attention.

    The keys of a head are ``3/4 d_model / heads`` wide, rounded up, and its values twice as wide, which are the
    proportions of the library. Deviation: the MLP is not gated.
    """

    entry, layer = "fla-gated-deltanet", "GatedDeltaNet"

    def _sizes(self, d_model: int, heads: int) -> dict[str, int]:
        return {"head_dim": -(-3 * d_model // (4 * heads)), "expand_v": 2}


class FLAKimiDeltaAttention(_FLA):
    """Kimi delta attention (Kimi Team 2025, arXiv 2510.26692) with the kernels of flash-linear-attention.

    It is the gated delta rule with a decay for every channel of a key. Deviations: the paper's network has full
    attention in every fourth layer, and a mixture of experts as its MLP; this stack has neither.
    """

    entry, layer = "fla-kda", "KimiDeltaAttention"

    def _sizes(self, d_model: int, heads: int) -> dict[str, int]:
        return {"head_dim": d_model // heads}


class _Mixer(nn.Module):
    """A layer of the library, which returns a tuple that starts with its output."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of the layer, ``(batch, time, d_model)``."""
        y: Tensor = self.layer(x)[0]
        return y

"""Layers of flash-linear-attention (Yang et al., https://github.com/fla-org/flash-linear-attention), on CUDA alone.

Each class is a stack of one layer of the library, put together as our own: a norm before, a residual around, an MLP
behind. Its kernels are Triton's, so that the library is not even imported before there is a CUDA device. Shapes are
named ``(batch, time, d_model)``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import Residual, check_options


class _FLA(nn.Module):
    """What the stacks share: one layer of the library in each residual.

    There is no ``unroll``: what reads a single step from a cache (the short convolution's update, say) is a kernel
    without a gradient that writes the cache in place, so that states could be neither kept nor trained through.

    Args:
        d_model: width of input and output; a multiple of twice the ``heads``.
        num_layers: layers, each one of the library's and an MLP four times as wide.
        dropout: probability on what layers and MLPs add; the library's layers have none inside.
        heads: of each layer.

    Raises:
        ValueError: an option is out of range, or there is no CUDA device.
        ImportError: flash-linear-attention, or Triton which it needs, cannot be imported.
    """

    causal = True
    entry: ClassVar[str]
    layer: ClassVar[str]

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        if d_model % (2 * heads):
            raise ValueError(f"d_model must be a multiple of twice the heads, got {d_model} and {heads}")
        if not torch.cuda.is_available():
            raise ValueError(
                f"{self.entry} needs a CUDA device: flash-linear-attention's kernels run on Triton alone; "
                f"choose gated-deltanet, which runs anywhere"
            )
        try:
            from fla import layers
        except ImportError as error:
            raise ImportError(
                f"{self.entry} needs flash-linear-attention ({error}): pip install 'seqbench[fla]'"
            ) from error
        layer, sizes = getattr(layers, self.layer), self._sizes(d_model, heads)
        mixers = [_Mixer(layer(hidden_size=d_model, num_heads=heads, **sizes)) for _ in range(num_layers)]
        self.stack = Residual(d_model, mixers, dropout, expansion=4)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``, on a CUDA device.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.

        Raises:
            ValueError: ``x`` is elsewhere.
        """
        if not x.is_cuda:
            raise ValueError(
                f"{self.entry} needs inputs on a CUDA device, got {x.device}; train with --trainer.accelerator gpu"
            )
        y: Tensor = self.stack(x)
        return y

    def _sizes(self, d_model: int, heads: int) -> dict[str, Any]:
        """The layer's options beside its width and heads."""
        return {}


class FLAGatedLinearAttention(_FLA):
    """Gated linear attention (Yang et al. 2023, arXiv 2312.06635), flash-linear-attention's kernels.

    Keys are half as wide as values, as in the paper; its gated MLP is a plain one here.
    """

    entry, layer = "fla-gla", "GatedLinearAttention"


class FLAGatedDeltaNet(_FLA):
    """Gated DeltaNet (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464), flash-linear-attention's kernels.

    Each head's keys are ``3/4 d_model / heads`` wide, rounded up, and its values twice as wide: the library's
    proportions. The paper's gated MLP is a plain one here.
    """

    entry, layer = "fla-gated-deltanet", "GatedDeltaNet"

    def _sizes(self, d_model: int, heads: int) -> dict[str, Any]:
        return {"head_dim": -(-3 * d_model // (4 * heads)), "expand_v": 2}


class FLAKimiDeltaAttention(_FLA):
    """Kimi delta attention (Kimi Team 2025, arXiv 2510.26692), flash-linear-attention's kernels.

    The gated delta rule with a decay for every channel of a key. The paper's stack has full attention in every fourth
    layer and experts for MLPs; neither is here.
    """

    entry, layer = "fla-kda", "KimiDeltaAttention"

    def _sizes(self, d_model: int, heads: int) -> dict[str, Any]:
        return {"head_dim": d_model // heads}


class _Mixer(nn.Module):
    """A layer of the library, which returns more than its output."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the layer adds, ``(batch, time, d_model)``."""
        y: Tensor = self.layer(x)[0]
        return y

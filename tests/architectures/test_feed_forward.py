from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import gelu

from seqbench.architectures.feed_forward import GELUMLP, MLPS, SwiGLUMLP, build_mlp


def normalize(x: torch.Tensor) -> torch.Tensor:
    return x / x.square().mean(-1, keepdim=True).add(1e-6).sqrt()


def test_the_gelu_mlp_equals_its_formula() -> None:
    mlp, x = GELUMLP(6, 3).double(), 3 * torch.randn(2, 5, 6, dtype=torch.float64)
    widen: Any = mlp[1]
    narrow: Any = mlp[3]
    wide = gelu(normalize(x) @ widen.weight.T + widen.bias)
    assert wide.shape[-1] == 18
    torch.testing.assert_close(mlp(x), wide @ narrow.weight.T + narrow.bias)


def test_the_swiglu_mlp_equals_its_formula() -> None:
    mlp, x = SwiGLUMLP(6, 4).double(), 3 * torch.randn(2, 5, 6, dtype=torch.float64)
    first, third = mlp.inward.weight.chunk(2)
    gate, value = normalize(x) @ first.T, normalize(x) @ third.T
    assert gate.shape[-1] == 16
    torch.testing.assert_close(mlp(x), (gate / (1 + (-gate).exp()) * value) @ mlp.outward.weight.T)


@pytest.mark.parametrize("d_model", [32, 37, 64, 128, 300])
def test_kinds_of_mlps_have_equal_numbers_of_weights(d_model: int) -> None:
    sizes = {kind: sum(p.numel() for p in build_mlp(kind, d_model, 4).parameters() if p.ndim == 2) for kind in MLPS}
    assert sizes["gelu"] == 8 * d_model**2
    assert abs(sizes["swiglu"] - sizes["gelu"]) <= 1.5 * d_model


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="mlp must be one of gelu, swiglu, got 'relu'"):
        build_mlp("relu", 4, 4)

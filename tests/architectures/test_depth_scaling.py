from __future__ import annotations

from typing import Any

import pytest
import torch

from seqbench.architectures.depth_scaling import check_init
from seqbench.architectures.transformer import BiTransformer, Transformer


@pytest.mark.parametrize("cls", [Transformer, BiTransformer])
@pytest.mark.parametrize("mlp", ["gelu", "swiglu"])
@pytest.mark.parametrize(("d_model", "num_layers"), [(768, 1), (96, 8)])
def test_weights_of_residual_outputs_shrink_with_the_depth(
    cls: type[Transformer | BiTransformer], mlp: str, d_model: int, num_layers: int
) -> None:
    net = cls(d_model, num_layers=num_layers, mlp=mlp)
    for name, weight in net.named_parameters():
        if weight.ndim == 2:
            is_output = name.endswith(("outward.weight", "3.weight"))
            expected = (3 * d_model) ** -0.5 / ((2 * num_layers) ** 0.5 if is_output else 1)
            assert weight.std().item() == pytest.approx(expected, rel=0.05), name
        elif name.endswith("bias"):
            assert not weight.any()


def test_at_the_width_of_gpt_2_the_weights_are_those_of_gpt_2() -> None:
    net: Any = Transformer(768, num_layers=1)
    assert net.mixers[0].inward.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_the_variance_of_the_residual_stream_does_not_grow_with_the_depth() -> None:
    def growth(num_layers: int, init: str) -> float:
        net: Any = Transformer(64, num_layers=num_layers, init=init)
        x = torch.randn(8, 32, 64)
        with torch.no_grad():
            y = x
            for layer, mixer in enumerate(net.mixers):
                y = net._add(layer, y, mixer(net.norms[layer](y)))
        return float((y - x).var())

    assert growth(24, "depth-scaled") < 2 * growth(3, "depth-scaled")
    assert growth(24, "pytorch") > 4 * growth(3, "pytorch")


def test_the_initial_weights_of_pytorch_remain_an_option() -> None:
    net: Any = Transformer(96, num_layers=8, init="pytorch")
    assert net.mixers[0].outward.weight.std().item() == pytest.approx((3 * 96) ** -0.5, rel=0.05)
    assert net.mixers[0].outward.weight.abs().max() <= 96**-0.5


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="init must be one of depth-scaled, pytorch, got 'gpt2'"):
        check_init("gpt2")

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import elu, gelu, rms_norm

from seqbench.architectures.linear_attention import LinearAttention, feature_map
from seqbench.testing.architecture_kit import check_architecture


def reference(net: Any, x: Tensor) -> Tensor:
    """o_t = sum_s phi(q_t) . phi(k_s) v_s / sum_s phi(q_t) . phi(k_s) in double precision, without any state."""
    stack, x, width = net.double(), x.double(), x.shape[2]
    for norm, mixer, mlp in zip(stack.norms, stack.mixers, stack.mlps, strict=True):
        inward = rms_norm(x, (width,), norm.weight, 1e-6) @ mixer.inward.weight.T
        heads = [part.unflatten(-1, (mixer.heads, -1)).unbind(2) for part in inward.chunk(3, dim=-1)]
        reads = []
        for q, k, v in zip(*heads, strict=True):
            weights = ((elu(q) + 1) @ (elu(k) + 1).mT).tril()
            reads.append(weights @ v / (weights.sum(-1, keepdim=True) + 1e-6))
        x = x + torch.cat(reads, -1) @ mixer.outward.weight.T
        wide = gelu(rms_norm(x, (width,), mlp[0].weight, 1e-6) @ mlp[1].weight.T + mlp[1].bias)
        x = x + wide @ mlp[3].weight.T + mlp[3].bias
    return rms_norm(x, (width,), stack.last.weight, 1e-6)


@pytest.mark.parametrize(("d_model", "heads", "time"), [(8, 2, 1), (7, 3, 70), (3, 4, 9), (16, 4, 531)])
def test_it_equals_the_formula(d_model: int, heads: int, time: int) -> None:
    net, x = LinearAttention(d_model, heads=heads), torch.randn(2, time, d_model)
    y = net(x)
    torch.testing.assert_close(y, reference(net, x).float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265]], ids=len)
def test_unroll_in_chunks_equals_forward(sizes: list[int]) -> None:
    net, x = LinearAttention(18), torch.randn(2, 531, 18)
    state, outputs = None, []
    with torch.no_grad():
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-5, rtol=0)
    assert state is not None
    assert [[tuple(leaf.shape) for leaf in layer] for layer in state] == [[(2, 4, 5, 5), (2, 4, 5)]] * 2


def test_features_are_positive_and_smooth() -> None:
    x = torch.linspace(-80, 80, 1601, requires_grad=True)
    torch.testing.assert_close(feature_map(x), elu(x.double()).float() + 1, atol=1e-6, rtol=1e-6)
    assert (feature_map(x) > 0).all()
    (slope,) = torch.autograd.grad(feature_map(x).sum(), x)
    torch.testing.assert_close(slope, x.clamp(max=0).exp())
    assert torch.isfinite(torch.autograd.grad(feature_map(1e4 * x).sum(), x)[0]).all()


def test_it_passes_the_conformance_kit() -> None:
    check_architecture(LinearAttention, d_model=7, options={"heads": 3, "dropout": 0.1})


def test_the_number_of_parameters_equals_its_formula() -> None:
    for d, inner in ((12, 12), (13, 16), (3, 4)):
        count = sum(p.numel() for p in LinearAttention(d, num_layers=3, heads=4).parameters())
        assert count == 3 * (4 * d * inner + 8 * d * d + 5 * d + 2 * d) + d


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"num_layers": 0}, {"heads": 0}, {"dropout": 1.0}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        LinearAttention(**{"d_model": 4, **options})

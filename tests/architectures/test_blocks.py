from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import (
    CausalConvolution,
    CausalMixer,
    CausalResidualStack,
    ResidualStack,
    check_options,
    group_without_decay,
)


class LengthsMixer(nn.Module):
    """Adds the length of each sequence to its steps."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x if lengths is None else x + lengths[:, None, None]


class ZeroMixer(nn.Module):
    """Returns zeros."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return torch.zeros_like(x)


class SumMixer(CausalMixer[Tensor]):
    """Computes running sums. Its state is the sum so far, ``(batch, d_model)``."""

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        sums = x.cumsum(1) if state is None else state[:, None] + x.cumsum(1)
        return sums, sums[:, -1]


def normalize(x: Tensor) -> Tensor:
    return x / x.square().mean(-1, keepdim=True).add(1e-6).sqrt()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 0}, "d_model must be at least 1, got 0"),
        ({"heads": 0}, "heads must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
        ({"dropout": float("nan")}, "dropout must be in"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_options(**{"d_model": 4, **options})


def test_options_at_their_limits_are_accepted() -> None:
    check_options(1, 0.0, num_layers=1)
    check_options(1, 0.999)


def test_a_group_without_decay_holds_the_named_parameters_of_each_module_in_order() -> None:
    layers = [nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)) for _ in range(2)]
    (group,) = group_without_decay(layers, "1.bias", "0.weight")
    expected = [p for layer in layers for p in (layer[1].bias, layer[0].weight)]
    assert [id(p) for p in group["params"]] == [id(p) for p in expected]
    assert group["weight_decay"] == 0.0


def test_a_residual_stack_is_pre_norm_with_a_norm_at_its_end() -> None:
    stack, x = ResidualStack(4, [LengthsMixer(), LengthsMixer()]), 3 * torch.randn(2, 5, 4)
    y = x + normalize(x)
    torch.testing.assert_close(stack(x), normalize(y + normalize(y)))
    assert not stack.causal


def test_an_mlp_follows_each_mixer_with_its_own_norm_and_residual() -> None:
    stack, x = ResidualStack(4, [LengthsMixer()], expansion=3), 3 * torch.randn(2, 5, 4)
    mlp: Any = stack.mlps[0]
    _, widen, _, narrow = mlp
    assert widen.weight.shape == (12, 4)
    y = x + normalize(x)
    torch.testing.assert_close(stack(x), normalize(y + narrow(F.gelu(widen(normalize(y))))))


def test_lengths_reach_the_mixers_of_a_residual_stack_but_not_causal_mixers() -> None:
    x, lengths = torch.randn(2, 5, 4), torch.tensor([5, 2])
    y = x + normalize(x) + lengths[:, None, None]
    torch.testing.assert_close(ResidualStack(4, [LengthsMixer()])(x, lengths), normalize(y))
    causal = CausalResidualStack[Tensor](4, [SumMixer()])
    assert causal.causal
    assert torch.equal(causal(x, lengths), causal(x))


def test_a_causal_stack_passes_each_mixer_its_own_state() -> None:
    stack, x = CausalResidualStack[Tensor](4, [SumMixer(), SumMixer()], expansion=2), torch.randn(3, 9, 4)
    for sizes in ([9], [4, 5], [1] * 9):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = stack.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), stack(x))
        assert state is not None
        assert [tuple(leaf.shape) for leaf in state] == [(3, 4), (3, 4)]
        torch.testing.assert_close(state[0], normalize(x).sum(1))


def test_a_state_with_too_few_layers_is_refused() -> None:
    stack, x = CausalResidualStack[Tensor](4, [SumMixer(), SumMixer()]), torch.randn(3, 2, 4)
    with pytest.raises(ValueError, match="shorter"):
        stack.unroll(x, [torch.zeros(3, 4)])


def test_dropout_acts_on_the_outputs_of_mixers_and_mlps_in_training_only() -> None:
    x = torch.randn(2, 5, 64)
    without_mlp = ResidualStack(64, [LengthsMixer()], dropout=0.5)
    mlp_alone = ResidualStack(64, [ZeroMixer()], dropout=0.5, expansion=2)
    for net in (without_mlp, mlp_alone):
        assert not torch.equal(net(x), net(x))
        net.eval()
        assert torch.equal(net(x), net(x))


def test_a_mixer_without_unroll_is_refused_by_its_name() -> None:
    class Unfinished(CausalMixer[Tensor]):
        pass

    with pytest.raises(NotImplementedError, match="Unfinished must define unroll"):
        Unfinished()(torch.randn(1, 2, 3))


@pytest.mark.parametrize("taps", [1, 2, 4])
def test_a_causal_convolution_equals_its_formula(taps: int) -> None:
    net, x = CausalConvolution(3, taps), torch.randn(2, 7, 3)
    weight, bias = net.filter.weight[:, 0], net.filter.bias
    assert bias is not None
    for t in range(7):
        expected = bias + sum(weight[:, taps - 1 - back] * x[:, t - back] for back in range(min(taps, t + 1)))
        torch.testing.assert_close(net(x)[:, t], expected)


@pytest.mark.parametrize("sizes", [[7], [3, 4], [1] * 7, [1, 6]])
def test_a_causal_convolution_in_chunks_equals_the_whole(sizes: list[int]) -> None:
    net, x = CausalConvolution(3, 4), torch.randn(2, 7, 3)
    state, outputs = None, []
    for chunk in x.split(sizes, dim=1):
        y, state = net.unroll(chunk, state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, 1), net(x))
    assert state is not None
    assert torch.equal(state, x[:, -3:])

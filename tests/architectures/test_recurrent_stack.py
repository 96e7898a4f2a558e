from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent_stack import RecurrentStack


class SumLayer(nn.Module):
    """Computes running sums; its state is the last sum, ``(1, batch, d_model)``."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        start = torch.zeros_like(x[None, :, 0]) if state is None else state
        sums = start.transpose(0, 1) + x.cumsum(1)
        return sums, sums[None, :, -1]


class CountingLayer(nn.Module):
    """Computes running sums; its state is the last sum ``(1, batch, d_model)`` and the steps ``(1, batch, 1)``."""

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        total, steps = (0.0 * x[None, :, 0], 0.0 * x[None, :, 0, :1]) if state is None else state
        sums = total.transpose(0, 1) + x.cumsum(1)
        return sums, (sums[None, :, -1], steps + x.shape[1])


def build(
    num_layers: int = 2, dropout: float = 0.0, skip: bool = False, learnt: bool = False
) -> RecurrentStack[Tensor]:
    return RecurrentStack(SumLayer, 4, num_layers, dropout, skip, start=(4,) if learnt else None)


def test_each_layer_reads_the_one_below() -> None:
    x = torch.randn(3, 7, 4)
    torch.testing.assert_close(build()(x), x.cumsum(1).cumsum(1))


def test_skip_adds_a_residual_to_all_layers_but_the_first() -> None:
    x = torch.randn(3, 7, 4)
    first = x.cumsum(1)
    torch.testing.assert_close(build(num_layers=1, skip=True)(x), first)
    torch.testing.assert_close(build(skip=True)(x), first + first.cumsum(1))


@pytest.mark.parametrize("sizes", [[7], [3, 4], [1] * 7])
def test_unroll_in_chunks_equals_forward_and_stacks_the_states_of_the_layers(sizes: list[int]) -> None:
    net, x = build(), torch.randn(3, 7, 4)
    state, outputs = None, []
    for chunk in x.split(sizes, dim=1):
        y, state = net.unroll(chunk, state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, 1), net(x))
    assert state is not None
    torch.testing.assert_close(state, torch.stack([x.cumsum(1)[:, -1], x.cumsum(1).cumsum(1)[:, -1]], dim=1))


def test_each_leaf_of_a_tuple_state_is_stacked_by_itself() -> None:
    net = RecurrentStack[tuple[Tensor, Tensor]](CountingLayer, 4, 2, 0.0, False)
    x, state, outputs = torch.randn(3, 7, 4), None, []
    for chunk in x.split([3, 4], dim=1):
        y, state = net.unroll(chunk, state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, 1), net(x))
    assert state is not None
    assert [tuple(leaf.shape) for leaf in state] == [(3, 2, 4), (3, 2, 1)]
    assert (state[1] == 7).all()


def test_a_learnt_start_is_the_initial_state_of_each_layer() -> None:
    net, x = build(learnt=True), torch.randn(3, 7, 4)
    assert net.initial is not None
    assert torch.equal(net.initial, torch.zeros(2, 4))
    with torch.no_grad():
        net.initial.copy_(torch.arange(8.0).view(2, 4))
    first = torch.arange(4.0) + x.cumsum(1)
    torch.testing.assert_close(net(x), torch.arange(4.0, 8.0) + first.cumsum(1))
    (gradient,) = torch.autograd.grad(net(x)[:, -1].sum(), net.initial)
    assert gradient.tolist() == [[3.0 * 7] * 4, [3.0] * 4]


def test_a_given_state_replaces_the_learnt_start() -> None:
    net, x = build(learnt=True), torch.randn(3, 2, 4)
    assert net.initial is not None
    state = torch.randn(3, 2, 4)
    before = net.unroll(x, state)[0]
    with torch.no_grad():
        net.initial.add_(5.0)
    assert torch.equal(net.unroll(x, state)[0], before)


def test_dropout_acts_on_the_output_of_each_layer_in_training_only() -> None:
    net, x = build(dropout=0.5), torch.ones(8, 50, 4)
    assert 0.3 < float((net(x) == 0).float().mean()) < 0.7
    net.eval()
    torch.testing.assert_close(net(x), x.cumsum(1).cumsum(1))


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        build(num_layers=0)
    with pytest.raises(ValueError, match="dropout must be in"):
        build(dropout=1.0)

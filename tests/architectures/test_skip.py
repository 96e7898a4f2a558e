from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.skip import SkipRNN


@pytest.fixture
def net() -> Any:
    torch.manual_seed(0)
    backbone: Any = SkipRNN(6, num_layers=2, delay=3)
    nn.init.normal_(backbone.initial)
    return backbone


def reference(net: Any, x: Tensor, delay: int) -> Tensor:
    """h_t = tanh(W x_t + U h_{t-1} + V h_{t-d} + b), step by step; h_0, h_{-1} .. are the learnt start."""
    for layer, cell in enumerate(net.cells):
        u, v = cell.recurrent.weight.chunk(2, dim=1)
        hidden = {step - delay: start.expand(len(x), -1) for step, start in enumerate(net.initial[layer])}
        for t, step in enumerate(x.unbind(1)):
            past = hidden[t - 1] @ u.T + hidden[t - delay] @ v.T
            hidden[t] = torch.tanh(step @ cell.inputs.weight.T + past + cell.inputs.bias)
        x = torch.stack([hidden[t] for t in range(x.shape[1])], 1)
    return x


@pytest.mark.parametrize("time", [1, 2, 3, 11])
def test_values_and_gradients_equal_the_formula(net: Any, time: int) -> None:
    net = net.double()
    x, weight = torch.randn(2, 4, time, 6, dtype=torch.float64).unbind()
    y, expected = net(x, torch.tensor([time, 1, 1, 1])), reference(net, x, delay=3)
    torch.testing.assert_close(y, expected)
    grads, expected_grads = (torch.autograd.grad((weight * z).sum(), [*net.parameters()]) for z in (y, expected))
    for gradient, other in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(gradient, other)
        assert other.any()


def test_unroll_in_chunks_equals_forward(net: Any) -> None:
    x = torch.randn(3, 9, 6)
    for sizes in ([4, 5], [2, 7], [1] * 9, [9]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
            assert state.shape == (3, 2, 3, 6)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-6, rtol=0)


def test_states_are_batch_first_and_not_changed_in_place(net: Any) -> None:
    _, state = net.unroll(torch.randn(3, 4, 6))
    before, order, x = state.clone(), torch.tensor([2, 0, 1]), torch.randn(3, 5, 6)
    torch.testing.assert_close(net.unroll(x[order], state[order])[0], net.unroll(x, state)[0][order])
    assert torch.equal(state, before)


def test_the_delayed_recurrence_alone_carries_the_past() -> None:
    net: Any = SkipRNN(6, delay=4)
    with torch.no_grad():
        net.cells[0].recurrent.weight[:, :6] = 0
    x = torch.randn(2, 14, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x)[:, 9].sum(), x)
    assert [step for step in range(14) if gradient[:, step].any()] == [1, 5, 9]


def test_no_output_depends_on_a_later_input(net: Any) -> None:
    x = torch.randn(2, 7, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x)[:, 3].sum(), x)
    assert gradient[:, :4].abs().amax((0, 2)).min() > 0
    assert (gradient[:, 4:] == 0).all()


def test_gradients_reach_every_parameter_in_a_short_sequence() -> None:
    net = SkipRNN(6, num_layers=2, delay=8)
    net(torch.randn(2, 3, 6)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only() -> None:
    backbone, x = SkipRNN(64, dropout=0.5), torch.randn(2, 3, 64)
    assert 0.3 < float((backbone(x) == 0).float().mean()) < 0.7
    assert not (backbone.eval()(x) == 0).any()


def test_it_runs_in_half_precision_and_on_the_meta_device(net: Any) -> None:
    x = torch.randn(3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = net.unroll(x)
        y = torch.cat([y, net.unroll(x, state)[0]], 1)
    y.float().square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert net.bfloat16()(x.bfloat16()).isfinite().all()
    assert net.float().to("meta")(x.to("meta")).shape == (3, 5, 6)


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"num_layers": 0}, {"dropout": 1.0}, {"delay": 1}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        SkipRNN(**{"d_model": 4, **options})


@pytest.mark.gpu
def test_cuda_and_cpu_agree(net: Any) -> None:
    x = torch.randn(3, 9, 6)
    whole = net(x)
    torch.testing.assert_close(net.cuda()(x.cuda()).cpu(), whole, atol=1e-4, rtol=1e-3)

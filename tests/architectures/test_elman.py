from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from seqbench.architectures.elman import Elman
from seqbench.architectures.recurrent import RNN


@pytest.fixture
def net() -> Any:
    torch.manual_seed(0)
    return Elman(6, num_layers=2)


def reference(net: Any, x: Tensor) -> Tensor:
    """Compute the simple recurrent network step by step, with a constant context."""
    for cell in net.cells:
        context, outputs = torch.zeros_like(x[:, 0]), []
        for step in x.unbind(1):
            total = step @ cell.weight_ih_l0.T + context @ cell.weight_hh_l0.T + cell.bias_ih_l0 + cell.bias_hh_l0
            outputs.append(torch.tanh(total))
            context = outputs[-1].detach()
        x = torch.stack(outputs, 1)
    return x


@pytest.mark.parametrize("time", [1, 2, 9])
def test_values_and_gradients_equal_a_loop_with_detached_context(net: Any, time: int) -> None:
    net = net.double()
    x, weight = torch.randn(2, 3, time, 6, dtype=torch.float64).unbind()
    x.requires_grad_()
    y, expected = net(x), reference(net, x)
    torch.testing.assert_close(y, expected)
    grads, expected_grads = (torch.autograd.grad((weight * z).sum(), [x, *net.parameters()]) for z in (y, expected))
    for gradient, other in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(gradient, other)
        assert other.any() or time == 1


def test_the_last_step_alone_gives_every_parameter_a_gradient(net: Any) -> None:
    net(torch.randn(2, 4, 6))[:, -1].square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_values_equal_the_rnn_and_gradients_do_not(net: Any) -> None:
    through_time: Any = RNN(6, num_layers=2)
    through_time.cells.load_state_dict(net.cells.state_dict())
    x = torch.randn(3, 40, 6)
    y, expected = net(x), through_time(x)
    torch.testing.assert_close(y, expected, atol=1e-6, rtol=1e-5)
    for backbone, z in ((net, y), (through_time, expected)):
        z.square().sum().backward()
        assert backbone.cells[0].weight_hh_l0.grad.any()
    assert not torch.allclose(net.cells[0].weight_hh_l0.grad, through_time.cells[0].weight_hh_l0.grad, rtol=0.01)


def test_outputs_depend_on_the_past_but_gradients_do_not(net: Any) -> None:
    x = torch.randn(2, 7, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x)[:, 3].sum(), x)
    assert (gradient.abs().amax((0, 2)) > 0).tolist() == [step == 3 for step in range(7)]
    moved = x.detach().clone()
    moved[:, 1] += 1
    changed = (net(moved) - net(x)).abs().amax((0, 2)) > 0
    assert changed.tolist() == [False] + [True] * 6


def test_unroll_in_chunks_equals_forward_in_values_and_gradients(net: Any) -> None:
    x, weight = torch.randn(2, 3, 9, 6).unbind()
    whole = net(x)
    expected_grads = torch.autograd.grad((weight * whole).sum(), [*net.parameters()])
    for sizes in ([4, 5], [1] * 9, [9]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
            assert {(tuple(leaf.shape), leaf.requires_grad) for leaf in tree_leaves(state)} == {((3, 2, 6), False)}
        torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=1e-6, rtol=0)
        grads = torch.autograd.grad((weight * torch.cat(outputs, 1)).sum(), [*net.parameters()])
        for gradient, other in zip(grads, expected_grads, strict=True):
            torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-5)


def test_dropout_is_drawn_once_and_in_training_only() -> None:
    backbone, x = Elman(64, dropout=0.5), torch.randn(2, 3, 64)
    y = backbone(x)
    assert 0.3 < float((y == 0).float().mean()) < 0.7
    kept = backbone.eval()(x)
    torch.testing.assert_close(y, torch.where(y == 0, 0, 2 * kept))
    assert not (kept == 0).any()


def test_skip_adds_the_first_layer_to_the_second(net: Any) -> None:
    x = torch.randn(3, 5, 6)
    one = Elman(6)
    one.cells[0].load_state_dict(net.cells[0].state_dict())
    both = Elman(6, num_layers=2, skip=True)
    both.load_state_dict(net.state_dict())
    torch.testing.assert_close(both(x), one(x) + net(x))


def test_it_runs_in_half_precision_and_on_the_meta_device(net: Any) -> None:
    x = torch.randn(3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    y.float().square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert net.bfloat16()(x.bfloat16()).isfinite().all()
    assert net.float().to("meta")(x.to("meta")).shape == (3, 5, 6)


@pytest.mark.parametrize(
    "options", [{"d_model": 0}, {"num_layers": 0}, {"dropout": 1.0}], ids=lambda options: next(iter(options))
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Elman(**{"d_model": 4, **options})


@pytest.mark.gpu
def test_cuda_and_cpu_agree(net: Any) -> None:
    x = torch.randn(3, 9, 6)
    whole = net(x)
    torch.testing.assert_close(net.cuda()(x.cuda()).cpu(), whole, atol=1e-2, rtol=1e-2)

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqbench.architectures.window import TDNN


def reference(net: Any, x: Tensor) -> Tensor:
    """y_t = tanh(W [x_{t-k+1} .. x_t] + b), step by step."""
    for layer in net.layers:
        outputs = []
        for t in range(x.shape[1]):
            total = layer.bias.expand(len(x), -1)
            for back in range(net.window):
                if t - back >= 0:
                    total = total + x[:, t - back] @ layer.weight[:, :, net.window - 1 - back].T
            outputs.append(torch.tanh(total))
        x = torch.stack(outputs, 1)
    return x


@pytest.mark.parametrize(("window", "layers", "time"), [(5, 1, 9), (3, 2, 9), (1, 1, 4), (6, 2, 3)])
def test_it_equals_the_formula(window: int, layers: int, time: int) -> None:
    net, x = TDNN(4, window=window, num_layers=layers), torch.randn(3, time, 4)
    torch.testing.assert_close(net(x, torch.tensor([time, 2, 1])), reference(net, x), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("window", [1, 4])
def test_unroll_in_chunks_equals_forward(window: int) -> None:
    net, x = TDNN(4, window=window, num_layers=2), torch.randn(3, 9, 4)
    for sizes in ([4, 5], [1] * 9, [9], [2, 7]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-6, rtol=0)
        assert state is not None
        assert [tuple(leaf.shape) for leaf in state] == [(3, window - 1, 4)] * 2


def test_an_output_depends_on_its_window_alone() -> None:
    x = torch.randn(2, 12, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(TDNN(4, window=3, num_layers=2)(x)[:, 8].sum(), x)
    visible = gradient.abs().amax((0, 2)) > 0
    assert visible.tolist() == [False] * 4 + [True] * 5 + [False] * 3


def test_gradients_reach_every_parameter_and_dropout_acts_in_training_only() -> None:
    net = TDNN(32, num_layers=2, dropout=0.5)
    y = net(torch.randn(2, 6, 32))
    assert 0.3 < float((y == 0).float().mean()) < 0.7
    y.square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert not (net.eval()(torch.randn(2, 6, 32)) == 0).any()


def test_sequences_of_a_batch_are_independent() -> None:
    net, x = TDNN(4), torch.randn(3, 6, 4)
    torch.testing.assert_close(net(x)[1:2], net(x[1:2]))


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"window": 0}, {"num_layers": 0}, {"dropout": 1.0}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        TDNN(**{"d_model": 4, **options})

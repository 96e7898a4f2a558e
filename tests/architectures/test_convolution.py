from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqbench.architectures.convolution import TCN


def reference(net: Any, x: Tensor) -> Tensor:
    """The paper's equations: F(s) = sum_i f(i) x_{s - d i}, twice in each block, and the residual of the block."""
    for level, block in enumerate(net.blocks):
        y = x
        for convolution in block.convolutions:
            g, v = convolution.parametrizations.weight.original0, convolution.parametrizations.weight.original1
            weight = g * v / v.flatten(1).norm(dim=1)[:, None, None]
            total = convolution.bias.expand_as(y).clone()
            taps = weight.shape[2]
            for tap in range(taps):
                back = (taps - 1 - tap) * 2**level
                if back < y.shape[1]:
                    total[:, back:] += y[:, : y.shape[1] - back] @ weight[:, :, tap].T
            y = torch.relu(total)
        x = torch.relu(x + y)
    return x


def test_it_equals_the_formula() -> None:
    torch.manual_seed(0)
    net, x = TCN(5, num_layers=3, kernel_size=3), torch.randn(2, 20, 5)
    torch.testing.assert_close(net(x), reference(net, x))


def test_unroll_in_chunks_equals_forward() -> None:
    torch.manual_seed(0)
    net, x = TCN(4, num_layers=3, kernel_size=4), torch.randn(3, 70, 4)
    whole = net(x)
    for sizes in ([30, 40], [1] * 70, [1, 60, 9]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=1e-5, rtol=0)


def test_the_receptive_field_is_that_of_the_formula() -> None:
    torch.manual_seed(0)
    net = TCN(16, num_layers=3, kernel_size=3)
    x = torch.randn(1, 60, 16, requires_grad=True)
    net(x)[0, 45].sum().backward()
    assert x.grad is not None
    visible = x.grad.abs().amax((0, 2)).nonzero()[:, 0]
    assert (int(visible.min()), int(visible.max())) == (45 - 2 * 2 * (2**3 - 1), 45)


def test_the_number_of_parameters_is_that_of_the_paper() -> None:
    """Copy memory has 8 levels of 10 channels with 8 taps: 16 convolutions with a bias and a weight norm each."""
    assert sum(p.numel() for p in TCN(10, num_layers=8, kernel_size=8).parameters()) == 16 * (10 * 10 * 8 + 10 + 10)


def test_dropout_acts_in_training_only() -> None:
    net, x = TCN(64, num_layers=1, dropout=0.5), torch.randn(2, 9, 64)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("option", ["d_model", "num_layers", "kernel_size"])
def test_sizes_below_one_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be at least 1, got 0"):
        TCN(**{"d_model": 4, option: 0})

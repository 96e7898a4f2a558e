from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqbench.architectures.feedback import NARX, Jordan

ALL = [Jordan, NARX]


@pytest.fixture(params=ALL, ids=lambda cls: cls.__name__)
def backbone(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param(6)


def reference_jordan(net: Any, x: Tensor, y: Tensor) -> Tensor:
    context, outputs = torch.zeros(len(x), x.shape[2]), []
    for step, previous in zip(x.unbind(1), y.unbind(1), strict=True):
        context = net.decay * context + (1 - net.decay) * previous
        outputs.append(torch.tanh(step @ net.inputs.weight.T + net.inputs.bias + context @ net.context.weight.T))
    return torch.stack(outputs, 1)


def reference_narx(net: Any, x: Tensor, y: Tensor) -> Tensor:
    width, outputs = x.shape[2], []
    a = net.inputs.weight.view(width, width, net.input_taps)
    b = net.outputs.weight.view(width, width, net.output_taps)
    for t in range(x.shape[1]):
        total = net.inputs.bias.expand(len(x), -1)
        # The last tap belongs to the current input, or to the last output.
        total = total + sum(x[:, t - i] @ a[:, :, -1 - i].T for i in range(net.input_taps) if t >= i)
        total = total + sum(y[:, t - i] @ b[:, :, -1 - i].T for i in range(net.output_taps) if t >= i)
        outputs.append(torch.tanh(total))
    return torch.stack(outputs, 1)


@pytest.mark.parametrize(
    ("net", "reference"),
    [
        (Jordan(5, decay=0.8), reference_jordan),
        (Jordan(5, decay=0.0), reference_jordan),
        (NARX(5, 3, 2), reference_narx),
    ],
)
def test_each_equals_its_formula(net: Any, reference: Any) -> None:
    x, y = torch.randn(2, 9, 5), torch.randn(2, 9, 5)
    torch.testing.assert_close(net(x, y), reference(net, x, y))


def test_unroll_in_chunks_equals_forward(backbone: Any) -> None:
    x, y = torch.randn(3, 9, 6), torch.randn(3, 9, 6)
    whole = backbone(x, y)
    for sizes in ([4, 5], [1] * 9, [2, 7]):
        state, outputs = None, []
        for chunk, previous in zip(x.split(sizes, dim=1), y.split(sizes, dim=1), strict=True):
            z, state = backbone.unroll(chunk, previous, state)
            outputs.append(z)
        torch.testing.assert_close(torch.cat(outputs, 1), whole)


def test_no_output_depends_on_a_later_input_or_previous_output(backbone: Any) -> None:
    x, y = (torch.randn(2, 7, 6, requires_grad=True) for _ in range(2))
    for gradient in torch.autograd.grad(backbone(x, y)[:, 3].sum(), (x, y)):
        assert gradient[:, 3].abs().sum() > 0
        assert (gradient[:, 4:] == 0).all()


@pytest.mark.parametrize(
    ("construct", "message"),
    [
        (lambda: Jordan(4, decay=1.0), r"decay must be in \[0, 1\), got 1.0"),
        (lambda: NARX(4, input_taps=0), "input_taps must be at least 1, got 0"),
        (lambda: NARX(4, output_taps=0), "output_taps must be at least 1, got 0"),
        (lambda: Jordan(4, dropout=1.0), "dropout must be in"),
    ],
)
def test_options_out_of_range_are_refused(construct: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        construct()

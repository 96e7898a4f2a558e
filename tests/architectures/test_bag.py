from __future__ import annotations

import pytest
import torch

from seqbench.architectures.bag import BagOfWords


def test_each_output_is_the_mean_of_the_inputs_so_far() -> None:
    x = torch.randn(3, 7, 4)
    y = BagOfWords(4)(x, torch.tensor([7, 2, 1]))
    for t in range(7):
        torch.testing.assert_close(y[:, t], x[:, : t + 1].mean(1))


def test_order_does_not_matter_and_there_are_no_parameters() -> None:
    net, x = BagOfWords(4), torch.randn(2, 9, 4)
    torch.testing.assert_close(net(x)[:, -1], net(x[:, torch.randperm(9)])[:, -1])
    assert list(net.parameters()) == []


def test_unroll_in_chunks_equals_forward() -> None:
    net, x = BagOfWords(4), torch.randn(3, 9, 4)
    for sizes in ([4, 5], [1] * 9, [9]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-6, rtol=0)
        assert state is not None
        assert [tuple(leaf.shape) for leaf in state] == [(3, 4), (3, 1)]


def test_no_output_depends_on_a_later_input() -> None:
    x = torch.randn(2, 7, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(BagOfWords(4)(x)[:, 3].sum(), x)
    assert torch.equal(gradient[:, :4], torch.full((2, 4, 4), 0.25))
    assert (gradient[:, 4:] == 0).all()


def test_the_sum_of_half_precision_inputs_does_not_stop_growing() -> None:
    x = torch.ones(1, 3000, 2, dtype=torch.bfloat16)
    y = BagOfWords(2)(x)
    assert y.dtype == torch.bfloat16
    assert (y == 1).all()


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="d_model must be at least 1, got 0"):
        BagOfWords(0)

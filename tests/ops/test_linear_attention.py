from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqbench.ops.linear_attention import EPS, linear_attention, linear_attention_recurrent


def drawn(time: int, dtype: torch.dtype = torch.float32, key: int = 5, value: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(time)
    q, k = (torch.rand(2, 3, time, key, generator=generator, dtype=torch.float64) for _ in range(2))
    return [x.to(dtype) for x in (q, k, torch.randn(2, 3, time, value, generator=generator, dtype=torch.float64))]


def weighted_means(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """o_t = sum_s (q_t . k_s) v_s / sum_s (q_t . k_s), s up to t: without any state."""
    weights = (q @ k.mT).tril()
    return weights @ v / (weights.sum(-1, keepdim=True) + EPS)


@pytest.mark.parametrize("time", [1, 2, 64, 65, 150, 531])
def test_both_forms_are_means_weighted_by_products(time: int) -> None:
    exact = weighted_means(*drawn(time, torch.float64))
    for form in (linear_attention, linear_attention_recurrent):
        torch.testing.assert_close(form(*drawn(time, torch.float64))[0], exact)
        torch.testing.assert_close(form(*drawn(time))[0], exact.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [64, 467]], ids=len)
def test_pieces_of_any_sizes_make_the_whole_and_its_state(sizes: list[int]) -> None:
    x = drawn(531)
    whole, after = linear_attention(*x)
    state, parts = None, []
    for piece in zip(*(leaf.split(sizes, dim=2) for leaf in x), strict=True):
        y, state = linear_attention(*piece, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 2), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, after, atol=1e-3, rtol=1e-5)  # Sums of hundreds.


def test_the_state_holds_the_two_sums() -> None:
    q, k, v = drawn(70, torch.float64)
    _, (sums, norms) = linear_attention(q, k, v)
    torch.testing.assert_close(sums, torch.einsum("bhtk,bhtv->bhkv", k, v))
    torch.testing.assert_close(norms, k.sum(2))


def test_gradients_are_those_of_the_formula() -> None:
    inputs = [x.requires_grad_() for x in drawn(70, torch.float64)]
    pull = torch.randn(2, 3, 70, 3, dtype=torch.float64)
    expected = torch.autograd.grad((weighted_means(*inputs) * pull).sum(), inputs)
    first, state = linear_attention(*(x[:, :, :41] for x in inputs), chunk_size=16)
    second, _ = linear_attention(*(x[:, :, 41:] for x in inputs), state, chunk_size=16)
    found = torch.autograd.grad((torch.cat([first, second], 2) * pull).sum(), inputs)
    torch.testing.assert_close(found, expected)


def test_weights_of_nothing_read_nothing_and_half_precision_keeps_its_sums() -> None:
    zeros = torch.zeros(1, 1, 70, 4)
    assert torch.equal(linear_attention(zeros, zeros, zeros + 1)[0], zeros)
    ones = torch.ones(1, 1, 3000, 2, dtype=torch.bfloat16)
    y, (_, norms) = linear_attention(ones, ones, ones)
    assert y.dtype == torch.float32
    assert (norms == 3000).all()

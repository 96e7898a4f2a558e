from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqbench.ops.linear_attention import EPS, linear_attention, linear_attention_recurrent


def random_inputs(time: int, dtype: torch.dtype = torch.float32, key: int = 5, value: int = 3) -> list[Any]:
    """Queries, keys and values, drawn from a seed."""
    generator = torch.Generator().manual_seed(time)
    q, k = (torch.rand(2, 3, time, key, generator=generator, dtype=torch.float64) for _ in range(2))
    return [x.to(dtype) for x in (q, k, torch.randn(2, 3, time, value, generator=generator, dtype=torch.float64))]


def reference(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """o_t = sum_s (q_t . k_s) v_s / sum_s (q_t . k_s) for s up to t, without any state."""
    weights = (q @ k.mT).tril()
    return weights @ v / (weights.sum(-1, keepdim=True) + EPS)


@pytest.mark.parametrize("time", [1, 2, 64, 65, 150, 531])
def test_both_forms_equal_the_weighted_mean(time: int) -> None:
    exact = reference(*random_inputs(time, torch.float64))
    for form in (linear_attention, linear_attention_recurrent):
        torch.testing.assert_close(form(*random_inputs(time, torch.float64))[0], exact)
        torch.testing.assert_close(form(*random_inputs(time))[0], exact.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [64, 467]], ids=len)
def test_chunks_of_any_sizes_give_the_same_outputs_and_state(sizes: list[int]) -> None:
    inputs = random_inputs(531)
    whole, after = linear_attention(*inputs)
    state, outputs = None, []
    for q, k, v in zip(*(leaf.split(sizes, dim=2) for leaf in inputs), strict=True):
        y, state = linear_attention(q, k, v, state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, 2), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, after, atol=1e-3, rtol=1e-5)  # The sums are of hundreds of terms.


def test_the_state_holds_the_two_sums() -> None:
    q, k, v = random_inputs(70, torch.float64)
    for form in (linear_attention, linear_attention_recurrent):
        _, (sums, norms) = form(q, k, v)
        torch.testing.assert_close(sums, torch.einsum("bhtk,bhtv->bhkv", k, v))
        torch.testing.assert_close(norms, k.sum(2))


def test_gradients_equal_those_of_the_formula() -> None:
    inputs = [x.requires_grad_() for x in random_inputs(70, torch.float64)]
    weight = torch.randn(2, 3, 70, 3, dtype=torch.float64)
    expected = torch.autograd.grad((reference(*inputs) * weight).sum(), inputs)
    q, k, v = (x[:, :, :41] for x in inputs)
    first, state = linear_attention(q, k, v, chunk_size=16)
    q, k, v = (x[:, :, 41:] for x in inputs)
    second, _ = linear_attention(q, k, v, state, chunk_size=16)
    gradients = torch.autograd.grad((torch.cat([first, second], 2) * weight).sum(), inputs)
    torch.testing.assert_close(gradients, expected)


def test_zero_queries_and_keys_give_zeros() -> None:
    zeros = torch.zeros(1, 1, 70, 4)
    for form in (linear_attention, linear_attention_recurrent):
        assert torch.equal(form(zeros, zeros, zeros + 1)[0], zeros)


def test_sums_of_half_precision_inputs_are_float32() -> None:
    ones = torch.ones(1, 1, 3000, 2, dtype=torch.bfloat16)
    for form in (linear_attention, linear_attention_recurrent):
        y, (_, norms) = form(ones, ones, ones)
        assert y.dtype == torch.float32
        assert (norms == 3000).all()

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqbench.ops.matrix_memory import matrix_memory, matrix_memory_recurrent

KEY, VALUE = 5, 3


def random_inputs(time: int, dtype: torch.dtype = torch.float32, spread: float = 2.0) -> list[Any]:
    """Queries, keys, values and logarithms of the input and the forget gates, drawn from a seed."""
    generator = torch.Generator().manual_seed(time)
    q, k = (torch.randn(2, 3, time, KEY, generator=generator, dtype=torch.float64) for _ in range(2))
    v = torch.randn(2, 3, time, VALUE, generator=generator, dtype=torch.float64)
    i, f = (spread * torch.randn(2, 3, time, generator=generator, dtype=torch.float64) for _ in range(2))
    return [x.to(dtype) for x in (q, k * KEY**-0.5, v, i, logsigmoid(f + 3))]


def reference(q: Tensor, k: Tensor, v: Tensor, log_input: Tensor, log_forget: Tensor) -> Tensor:
    """The paper's equations without a stabiliser: C = f C + i v k^T, n = f n + i k."""
    outputs = torch.zeros(v.shape, dtype=v.dtype)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            c, n, rows = torch.zeros(VALUE, KEY, dtype=v.dtype), torch.zeros(KEY, dtype=v.dtype), []
            for t in range(q.shape[2]):
                i, f = log_input[b, h, t].exp(), log_forget[b, h, t].exp()
                c = f * c + i * torch.outer(v[b, h, t], k[b, h, t])
                n = f * n + i * k[b, h, t]
                rows.append(c @ q[b, h, t] / (n @ q[b, h, t]).abs().clamp(min=1.0))
            outputs[b, h] = torch.stack(rows)
    return outputs


@pytest.mark.parametrize("time", [1, 2, 64, 65, 150])
def test_both_forms_equal_the_formula(time: int) -> None:
    exact = reference(*random_inputs(time, torch.float64))
    for form in (matrix_memory, matrix_memory_recurrent):
        torch.testing.assert_close(form(*random_inputs(time, torch.float64))[0], exact)
        # Where n . q is a small difference of large sums, float32 loses digits in both forms.
        torch.testing.assert_close(form(*random_inputs(time))[0], exact.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [64, 467]], ids=len)
def test_chunks_of_any_sizes_give_the_same_outputs_and_state(sizes: list[int]) -> None:
    for inputs in (random_inputs(531, torch.float64), random_inputs(531, spread=0.5)):
        whole, after = matrix_memory(*inputs)
        state, outputs = None, []
        for q, k, v, log_input, log_forget in zip(*(leaf.split(sizes, dim=2) for leaf in inputs), strict=True):
            y, state = matrix_memory(q, k, v, log_input, log_forget, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 2), whole, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(state, after, atol=1e-5, rtol=1e-5)


def test_the_state_is_the_sums_divided_by_the_exponential_of_the_stabiliser() -> None:
    q, k, v, i, f = random_inputs(71, torch.float64)  # The last chunk is padded.
    i = i - 30
    _, (memory, norm, m) = matrix_memory(q, k, v, i, f)
    later = f.flip(2).cumsum(2).flip(2) - f
    weights = (later + i).exp()
    torch.testing.assert_close(memory * m.exp()[..., None, None], torch.einsum("bht,bhtk,bhtv->bhkv", weights, k, v))
    torch.testing.assert_close(norm * m.exp()[..., None], torch.einsum("bht,bhtk->bhk", weights, k))
    torch.testing.assert_close(m, torch.maximum(f.sum(2), (later + i).amax(2)))


def test_gradients_equal_those_of_the_formula() -> None:
    inputs = [x.requires_grad_() for x in random_inputs(40, torch.float64)]
    weight = torch.randn(2, 3, 40, VALUE, dtype=torch.float64)
    expected = torch.autograd.grad((reference(*inputs) * weight).sum(), inputs)
    q, k, v, log_input, log_forget = (x[:, :, :27] for x in inputs)
    first, state = matrix_memory(q, k, v, log_input, log_forget, chunk_size=8)
    q, k, v, log_input, log_forget = (x[:, :, 27:] for x in inputs)
    second, _ = matrix_memory(q, k, v, log_input, log_forget, state, chunk_size=8)
    for outputs in (torch.cat([first, second], 2), matrix_memory_recurrent(*inputs)[0]):
        torch.testing.assert_close(torch.autograd.grad((outputs * weight).sum(), inputs), expected)


@pytest.mark.parametrize("size", [-1e4, -200.0, 200.0, 1e4])
def test_gates_whose_exponential_overflows_give_finite_results(size: float) -> None:
    for form in (matrix_memory, matrix_memory_recurrent):
        q, k, v, i, f = random_inputs(100)
        i[:, :, 20:], f[:, :, 60] = size, -1e4
        inputs = [x.requires_grad_() for x in (q, k, v, i, f)]
        y, state = form(*inputs)
        assert all(g.isfinite().all() for g in torch.autograd.grad(y.square().sum(), inputs))
        assert all(leaf.isfinite().all() for leaf in state)
        if abs(size) == 200:  # Double precision still computes the exact values.
            exact = [x.detach().double() for x in inputs]
            torch.testing.assert_close(form(*exact)[0], reference(*exact))


def test_half_precision_inputs_give_float32() -> None:
    x = [leaf.to(torch.bfloat16) for leaf in random_inputs(70)]
    y, state = matrix_memory(*x)
    assert {leaf.dtype for leaf in (y, *state)} == {torch.float32}
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast, _ = matrix_memory(*x)
    assert torch.equal(under_autocast, y)

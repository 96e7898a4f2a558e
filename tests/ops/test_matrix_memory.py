from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqbench.ops.matrix_memory import matrix_memory, matrix_memory_recurrent

KEY, VALUE = 5, 3


def drawn(time: int, dtype: torch.dtype = torch.float32, spread: float = 2.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(time)
    q, k = (torch.randn(2, 3, time, KEY, generator=generator, dtype=torch.float64) for _ in range(2))
    v = torch.randn(2, 3, time, VALUE, generator=generator, dtype=torch.float64)
    i, f = (spread * torch.randn(2, 3, time, generator=generator, dtype=torch.float64) for _ in range(2))
    return [x.to(dtype) for x in (q, k * KEY**-0.5, v, i, logsigmoid(f + 3))]


def by_hand(q: Tensor, k: Tensor, v: Tensor, log_input: Tensor, log_forget: Tensor) -> Tensor:
    """The paper's equations before stabilisation, exponentials and all: C = f C + i v k^T, n = f n + i k."""
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
def test_both_forms_are_the_formula(time: int) -> None:
    exact = by_hand(*drawn(time, torch.float64))
    for form in (matrix_memory, matrix_memory_recurrent):
        torch.testing.assert_close(form(*drawn(time, torch.float64))[0], exact)
        # Where n . q is a small difference of large sums, single precision loses digits in either form.
        torch.testing.assert_close(form(*drawn(time))[0], exact.float(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [64, 467]], ids=len)
def test_pieces_of_any_sizes_make_the_whole_and_its_state(sizes: list[int]) -> None:
    for x in (drawn(531, torch.float64), drawn(531, spread=0.5)):
        whole, after = matrix_memory(*x)
        state, parts = None, []
        for piece in zip(*(leaf.split(sizes, dim=2) for leaf in x), strict=True):
            y, state = matrix_memory(*piece, state)
            parts.append(y)
        torch.testing.assert_close(torch.cat(parts, 2), whole, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(state, after, atol=1e-5, rtol=1e-5)


def test_the_state_is_the_sums_divided_by_the_exponential_of_the_stabiliser() -> None:
    q, k, v, i, f = drawn(71, torch.float64)  # The last piece is padded.
    i = i - 30
    _, (memory, norm, m) = matrix_memory(q, k, v, i, f)
    later = f.flip(2).cumsum(2).flip(2) - f
    weights = (later + i).exp()
    torch.testing.assert_close(memory * m.exp()[..., None, None], torch.einsum("bht,bhtk,bhtv->bhkv", weights, k, v))
    torch.testing.assert_close(norm * m.exp()[..., None], torch.einsum("bht,bhtk->bhk", weights, k))
    torch.testing.assert_close(m, torch.maximum(f.sum(2), (later + i).amax(2)))


def test_gradients_are_those_of_the_formula() -> None:
    inputs = [x.requires_grad_() for x in drawn(40, torch.float64)]
    pull = torch.randn(2, 3, 40, VALUE, dtype=torch.float64)
    expected = torch.autograd.grad((by_hand(*inputs) * pull).sum(), inputs)
    first, state = matrix_memory(*(x[:, :, :27] for x in inputs), chunk_size=8)
    second, _ = matrix_memory(*(x[:, :, 27:] for x in inputs), state, chunk_size=8)
    for found in (torch.cat([first, second], 2), matrix_memory_recurrent(*inputs)[0]):
        torch.testing.assert_close(torch.autograd.grad((found * pull).sum(), inputs), expected)


@pytest.mark.parametrize("size", [-1e4, -200.0, 200.0, 1e4])
def test_gates_too_large_for_any_exponential_stay_finite(size: float) -> None:
    for form in (matrix_memory, matrix_memory_recurrent):
        q, k, v, i, f = drawn(100)
        i[:, :, 20:], f[:, :, 60] = size, -1e4
        inputs = [x.requires_grad_() for x in (q, k, v, i, f)]
        y, state = form(*inputs)
        assert all(g.isfinite().all() for g in torch.autograd.grad(y.square().sum(), inputs))
        assert all(leaf.isfinite().all() for leaf in state)
        if abs(size) == 200:  # Double precision can still say what is right.
            exact = [x.detach().double() for x in inputs]
            torch.testing.assert_close(form(*exact)[0], by_hand(*exact))


def test_half_precision_comes_out_single() -> None:
    x = [leaf.to(torch.bfloat16) for leaf in drawn(70)]
    y, state = matrix_memory(*x)
    assert {leaf.dtype for leaf in (y, *state)} == {torch.float32}
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = matrix_memory(*x)
    assert torch.equal(cast, y)

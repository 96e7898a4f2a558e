from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from seqbench.ops.delta_rule import delta_rule, delta_rule_recurrent

KEY, VALUE = 5, 3


def drawn(time: int, dtype: torch.dtype = torch.float32, reach: float = 1.0, rate: float = 0.1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(time)
    q, k = (normalize(torch.randn(2, 3, time, KEY, generator=generator, dtype=torch.float64), dim=-1) for _ in range(2))
    v = torch.randn(2, 3, time, VALUE, generator=generator, dtype=torch.float64)
    beta, decay = (torch.rand(2, 3, time, generator=generator, dtype=torch.float64) for _ in range(2))
    return [x.to(dtype) for x in (q, k, v, reach * beta, -rate * decay)]


def by_hand(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_alpha: Tensor) -> Tensor:
    """The paper's own form, S of values by keys: S_t = S_{t-1} alpha (I - beta k k^T) + beta v k^T, o = S q."""
    outputs = torch.zeros(v.shape, dtype=v.dtype)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            s = torch.zeros(VALUE, KEY, dtype=v.dtype)
            rows = []
            for t in range(q.shape[2]):
                key, share = k[b, h, t], beta[b, h, t]
                s = s @ (log_alpha[b, h, t].exp() * (torch.eye(KEY, dtype=v.dtype) - share * torch.outer(key, key)))
                s = s + share * torch.outer(v[b, h, t], key)
                rows.append(s @ q[b, h, t])
            outputs[b, h] = torch.stack(rows)
    return outputs


@pytest.mark.parametrize("reach", [1.0, 2.0])
@pytest.mark.parametrize("time", [1, 2, 32, 33, 100])
def test_both_forms_are_the_formula(time: int, reach: float) -> None:
    exact = by_hand(*drawn(time, torch.float64, reach))
    for form in (delta_rule, delta_rule_recurrent):
        torch.testing.assert_close(form(*drawn(time, torch.float64, reach))[0], exact)
        torch.testing.assert_close(form(*drawn(time, reach=reach))[0], exact.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reach", [1.0, 2.0])
@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [32, 499]], ids=len)
def test_pieces_of_any_sizes_make_the_whole_and_its_state(sizes: list[int], reach: float) -> None:
    x = drawn(531, reach=reach)
    whole, after = delta_rule(*x)
    state, parts = None, []
    for piece in zip(*(leaf.split(sizes, dim=2) for leaf in x), strict=True):
        y, state = delta_rule(*piece, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 2), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, after, atol=1e-5, rtol=0)


def test_a_write_replaces_what_stood_at_its_key_and_nothing_else() -> None:
    k = torch.eye(3).view(1, 1, 3, 3)[:, :, [0, 1, 0]]
    v = torch.tensor([[1.0], [2.0], [5.0]]).view(1, 1, 3, 1)
    _, memory = delta_rule(k, k, v, torch.ones(1, 1, 3), torch.zeros(1, 1, 3))
    assert memory.flatten().tolist() == [5.0, 2.0, 0.0]


def test_a_share_of_two_counts_modulo_two() -> None:
    bits = torch.randint(2, (1, 1, 100), generator=torch.Generator().manual_seed(0))
    start = torch.zeros(1, 1, 4, 1)
    start[0, 0, 0, 0] = 1.0
    k = torch.zeros(1, 1, 100, 4)
    k[..., 0] = 1.0
    y, _ = delta_rule(k, k, torch.zeros(1, 1, 100, 1), 2.0 * bits, torch.zeros(1, 1, 100), start)
    torch.testing.assert_close(y[..., 0], 1.0 - 2.0 * (bits.cumsum(-1) % 2))


@pytest.mark.parametrize("rate", [0.1, 20.0])
def test_gradients_are_those_of_the_formula(rate: float) -> None:
    inputs = [x.requires_grad_() for x in drawn(40, torch.float64, rate=rate)]
    pull = torch.randn(2, 3, 40, VALUE, dtype=torch.float64)
    expected = torch.autograd.grad((by_hand(*inputs) * pull).sum(), inputs)
    first, state = delta_rule(*(x[:, :, :27] for x in inputs), chunk_size=8)
    second, _ = delta_rule(*(x[:, :, 27:] for x in inputs), state, chunk_size=8)
    found = torch.autograd.grad((torch.cat([first, second], 2) * pull).sum(), inputs)
    torch.testing.assert_close(found, expected)


def test_forgetting_all_at_once_is_exact_and_finite() -> None:
    q, k, v, beta, decay = drawn(100)
    decay[:, :, 50] = -1e4
    decay[:, :, 70:73] = -300.0
    inputs = [x.requires_grad_() for x in (q, k, v, beta, decay)]
    y, _ = delta_rule(*inputs)
    torch.testing.assert_close(y, by_hand(*(x.double() for x in inputs)).float(), atol=1e-5, rtol=1e-5)
    assert all(g.isfinite().all() for g in torch.autograd.grad(y.square().sum(), inputs))


def test_half_precision_comes_out_single() -> None:
    x = [leaf.to(torch.bfloat16) for leaf in drawn(70)]
    y, memory = delta_rule(*x)
    assert y.dtype == memory.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = delta_rule(*x)
    assert torch.equal(cast, y)
    torch.testing.assert_close(delta_rule_recurrent(*x)[0], y, atol=1e-5, rtol=1e-5)

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from seqbench.ops.delta_rule import delta_rule, delta_rule_recurrent

KEY, VALUE = 5, 3


def random_inputs(
    time: int, dtype: torch.dtype = torch.float32, largest_beta: float = 1.0, decay: float = 0.1
) -> list[Any]:
    """Queries, keys, values, betas and logarithms of alpha, drawn from a seed."""
    generator = torch.Generator().manual_seed(time)
    q, k = (normalize(torch.randn(2, 3, time, KEY, generator=generator, dtype=torch.float64), dim=-1) for _ in range(2))
    v = torch.randn(2, 3, time, VALUE, generator=generator, dtype=torch.float64)
    beta, rate = (torch.rand(2, 3, time, generator=generator, dtype=torch.float64) for _ in range(2))
    return [x.to(dtype) for x in (q, k, v, largest_beta * beta, -decay * rate)]


def reference(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_alpha: Tensor) -> Tensor:
    """The paper's own form, with S of values by keys: S_t = S_{t-1} alpha (I - beta k k^T) + beta v k^T, o = S q."""
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


@pytest.mark.parametrize("largest_beta", [1.0, 2.0])
@pytest.mark.parametrize("time", [1, 2, 32, 33, 100])
def test_both_forms_equal_the_formula(time: int, largest_beta: float) -> None:
    exact = reference(*random_inputs(time, torch.float64, largest_beta))
    for form in (delta_rule, delta_rule_recurrent):
        torch.testing.assert_close(form(*random_inputs(time, torch.float64, largest_beta))[0], exact)
        single = form(*random_inputs(time, largest_beta=largest_beta))[0]
        torch.testing.assert_close(single, exact.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("largest_beta", [1.0, 2.0])
@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [32, 499]], ids=len)
def test_chunks_of_any_sizes_give_the_same_outputs_and_state(sizes: list[int], largest_beta: float) -> None:
    inputs = random_inputs(531, largest_beta=largest_beta)
    whole, after = delta_rule(*inputs)
    state, outputs = None, []
    for q, k, v, beta, log_alpha in zip(*(leaf.split(sizes, dim=2) for leaf in inputs), strict=True):
        y, state = delta_rule(q, k, v, beta, log_alpha, state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, 2), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, after, atol=1e-5, rtol=0)


def test_a_step_replaces_the_value_at_its_key_and_no_other() -> None:
    k = torch.eye(3).view(1, 1, 3, 3)[:, :, [0, 1, 0]]
    v = torch.tensor([[1.0], [2.0], [5.0]]).view(1, 1, 3, 1)
    _, memory = delta_rule(k, k, v, torch.ones(1, 1, 3), torch.zeros(1, 1, 3))
    assert memory.flatten().tolist() == [5.0, 2.0, 0.0]


def test_beta_of_two_computes_parity() -> None:
    bits = torch.randint(2, (1, 1, 100), generator=torch.Generator().manual_seed(0))
    start = torch.zeros(1, 1, 4, 1)
    start[0, 0, 0, 0] = 1.0
    k = torch.zeros(1, 1, 100, 4)
    k[..., 0] = 1.0
    y, _ = delta_rule(k, k, torch.zeros(1, 1, 100, 1), 2.0 * bits, torch.zeros(1, 1, 100), start)
    torch.testing.assert_close(y[..., 0], 1.0 - 2.0 * (bits.cumsum(-1) % 2))


@pytest.mark.parametrize("decay", [0.1, 20.0])
def test_gradients_equal_those_of_the_formula(decay: float) -> None:
    inputs = [x.requires_grad_() for x in random_inputs(40, torch.float64, decay=decay)]
    weight = torch.randn(2, 3, 40, VALUE, dtype=torch.float64)
    expected = torch.autograd.grad((reference(*inputs) * weight).sum(), inputs)
    q, k, v, beta, log_alpha = (x[:, :, :27] for x in inputs)
    first, state = delta_rule(q, k, v, beta, log_alpha, chunk_size=8)
    q, k, v, beta, log_alpha = (x[:, :, 27:] for x in inputs)
    second, _ = delta_rule(q, k, v, beta, log_alpha, state, chunk_size=8)
    for outputs in (torch.cat([first, second], 2), delta_rule_recurrent(*inputs)[0]):
        torch.testing.assert_close(torch.autograd.grad((outputs * weight).sum(), inputs), expected)


def test_a_decay_to_zero_is_exact_and_finite() -> None:
    q, k, v, beta, log_alpha = random_inputs(100)
    log_alpha[:, :, 50] = -1e4
    log_alpha[:, :, 70:73] = -300.0
    inputs = [x.requires_grad_() for x in (q, k, v, beta, log_alpha)]
    y, _ = delta_rule(*inputs)
    torch.testing.assert_close(y, reference(*(x.double() for x in inputs)).float(), atol=1e-5, rtol=1e-5)
    assert all(g.isfinite().all() for g in torch.autograd.grad(y.square().sum(), inputs))


def test_half_precision_inputs_give_float32() -> None:
    inputs = [leaf.to(torch.bfloat16) for leaf in random_inputs(70)]
    y, memory = delta_rule(*inputs)
    assert y.dtype == memory.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast, _ = delta_rule(*inputs)
    assert torch.equal(under_autocast, y)
    torch.testing.assert_close(delta_rule_recurrent(*inputs)[0], y, atol=1e-5, rtol=1e-5)

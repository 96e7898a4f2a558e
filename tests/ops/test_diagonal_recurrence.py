from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqbench.ops.diagonal_recurrence import DiagonalPowers, causal_convolution


def system() -> tuple[Tensor, Tensor]:
    """Return log lambda ``(3, 4)`` with 0.9 < |lambda| < 1, and the table lambda^l ``(3, 4, 1000)``."""
    generator = torch.Generator().manual_seed(0)
    real, imaginary = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    log_rate = torch.complex(-0.1 * real, 3 * imaginary)
    return log_rate, log_rate.exp()[..., None] ** torch.arange(1000)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 16, 17, 1000])
def test_impulse_responses_equal_sums_over_the_table(steps: int) -> None:
    log_rate, table = system()
    weights = torch.randn(2, 3, 4, dtype=torch.complex128)
    expected = (weights[..., None] * table[..., :steps]).sum(2).real
    torch.testing.assert_close(DiagonalPowers(log_rate, steps).impulse_response(weights), expected)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 16, 17, 1000])
def test_the_final_state_equals_the_end_of_the_recurrence(steps: int) -> None:
    log_rate, _ = system()
    u = torch.randn(2, 3, steps, dtype=torch.float64)
    h = torch.zeros(2, 3, 4, dtype=torch.complex128)
    for step in u.unbind(2):
        h = log_rate.exp() * h + step[..., None]
    torch.testing.assert_close(DiagonalPowers(log_rate, steps).final_state(u), h)


def test_gradients_equal_finite_differences() -> None:
    log_rate, _ = system()
    weights = torch.randn(2, 3, 4, dtype=torch.complex128, requires_grad=True)
    u = torch.randn(2, 3, 7, dtype=torch.float64, requires_grad=True)
    log_rate.requires_grad_()
    assert torch.autograd.gradcheck(lambda r, w: DiagonalPowers(r, 7).impulse_response(w), (log_rate, weights))
    assert torch.autograd.gradcheck(lambda r, x: torch.view_as_real(DiagonalPowers(r, 7).final_state(x)), (log_rate, u))


@pytest.mark.parametrize("time", [1, 2, 3, 8, 13])
def test_convolution_is_causal_and_does_not_wrap_around(time: int) -> None:
    u, kernel = torch.randn(2, 3, time, dtype=torch.float64), torch.randn(3, time, dtype=torch.float64)
    y = causal_convolution(u, kernel)
    for t in range(time):
        torch.testing.assert_close(y[..., t], (u[..., : t + 1] * kernel[:, : t + 1].flip(-1)).sum(-1))


def test_the_tables_hold_two_powers_for_the_root_of_the_steps() -> None:
    powers = DiagonalPowers(torch.randn(3, 4, dtype=torch.complex64), 10_001)
    assert powers.fine.numel() + powers.coarse.numel() <= 2 * 101 * 12

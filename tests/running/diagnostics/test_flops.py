from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_sequence

from seqbench.running.diagnostics import flops

STEPS, D = 7, 6


class Call(nn.Module):
    """A module that calls a function."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: object) -> object:
        return self.function(*inputs)


def count(function: Callable[..., object], *inputs: object) -> int:
    return flops.count_flops(function if isinstance(function, nn.Module) else Call(function), *inputs)


def x(*shape: int, complex_numbers: bool = False) -> Tensor:
    return torch.zeros(*shape, dtype=torch.complex64 if complex_numbers else torch.float32)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("cell", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_recurrent_kernels_count_each_weight_matrix_once_a_step(
    cell: Callable[..., nn.RNNBase], gates: int, training: bool
) -> None:
    step = 2 * gates * (D * D + D * D)  # One product with the input, one with the state.
    layer = cell(D, D, batch_first=True).train(training)
    assert count(layer, x(1, STEPS, D)) == STEPS * step
    assert count(cell(D, D, bias=False), x(STEPS, 3, D)) == 3 * STEPS * step
    assert count(cell(D, D, num_layers=3), x(STEPS, 1, D)) == 3 * STEPS * step
    both = 2 * 2 * gates * (D * D + D * D) + 2 * 2 * gates * (2 * D * D + D * D)
    assert count(cell(D, D, num_layers=2, bidirectional=True), x(STEPS, 1, D)) == STEPS * both


def test_packed_sequences_count_no_padding() -> None:
    packed = pack_sequence([x(5, D), x(2, D)])
    assert count(nn.GRU(D, D), packed) == 7 * 12 * D * D
    assert count(nn.LSTM(D, D), packed) == 7 * 16 * D * D


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_relu_kernels_projections_and_cells_are_counted() -> None:
    assert count(nn.RNN(D, D, nonlinearity="relu"), x(STEPS, 1, D)) == STEPS * 4 * D * D
    # The projection of an LSTM from D to 2 makes its state narrower.
    assert count(nn.LSTM(D, D, proj_size=2), x(STEPS, 1, D)) == STEPS * 2 * (4 * D * D + 4 * D * 2 + D * 2)
    assert count(nn.GRUCell(D, D), x(1, D)) == 12 * D * D
    assert count(nn.LSTMCell(D, D), x(1, D)) == 16 * D * D


def test_linear_maps_and_products_count_two_operations_a_multiply_add() -> None:
    assert count(nn.Linear(D, 5), x(1, STEPS, D)) == STEPS * 2 * D * 5
    assert count(nn.Linear(D, 5, bias=False), x(D)) == 2 * D * 5
    assert count(torch.matmul, x(3, STEPS, D), x(D)) == 3 * STEPS * 2 * D
    assert count(torch.dot, x(D), x(D)) == 2 * D
    assert count(torch.addmv, x(5), x(5, D), x(D)) == 2 * 5 * D
    assert count(torch.baddbmm, x(2, 3, 5), x(2, 3, D), x(2, D, 5)) == 2 * 2 * 3 * D * 5
    assert count(lambda a, b: torch.einsum("bti,ij->btj", a, b), x(2, STEPS, D), x(D, 5)) == 2 * 2 * STEPS * D * 5


def test_a_complex_multiply_add_is_four_multiplications_and_four_additions() -> None:
    a, b = x(3, D, complex_numbers=True), x(D, 5, complex_numbers=True)
    assert count(torch.mm, a, b) == 8 * 3 * D * 5


def test_attention_counts_the_full_square() -> None:
    q, k, v = x(2, 4, STEPS, D), x(2, 4, 11, D), x(2, 4, 11, 3)
    square = 2 * 4 * STEPS * 11 * 2 * (D + 3)
    assert count(F.scaled_dot_product_attention, q, k, v) == square
    assert count(F.scaled_dot_product_attention, q, k, v, torch.ones(STEPS, 11, dtype=torch.bool)) == square
    causal = count(lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True), q)
    assert causal == 4 * STEPS * (STEPS * 2 * 4 * D)
    # The same two products, written out.
    assert count(lambda q, k, v: torch.softmax(q @ k.mT, -1) @ v, q, k, v) == square


def test_multi_head_attention_counts_its_projections() -> None:
    net = nn.MultiheadAttention(D, 2, batch_first=True)
    token = 4 * 2 * D * D + 4 * STEPS * D
    assert count(lambda x: net(x, x, x, need_weights=False), x(1, STEPS, D)) == STEPS * token


def test_convolutions_are_counted() -> None:
    assert count(nn.Conv1d(D, 5, 3), x(1, D, STEPS)) == (STEPS - 2) * 2 * 3 * D * 5
    assert count(nn.Conv1d(D, D, 3, groups=D), x(1, D, STEPS)) == (STEPS - 2) * 2 * 3 * D
    assert count(weight_norm(nn.Conv1d(D, 5, 3)), x(1, D, STEPS)) == (STEPS - 2) * 2 * 3 * D * 5


def test_fourier_transforms_count_five_n_log_n_and_real_ones_half() -> None:
    n = 16
    whole = 5 * n * math.log2(n)
    assert count(lambda z: torch.fft.ifft(torch.fft.fft(z)), x(3, n, complex_numbers=True)) == 3 * 2 * whole
    assert count(lambda z: torch.fft.irfft(torch.fft.rfft(z, dim=1), n=n, dim=1), x(3, n, 2)) == 6 * 2 * whole / 2
    assert count(torch.fft.fft2, x(n, n, complex_numbers=True)) == 5 * n * n * math.log2(n * n)


def test_an_operation_may_register_its_formula() -> None:
    from torch.utils.flop_counter import flop_registry, register_flop_formula

    @torch.library.custom_op("seqbench_tests::twice", mutates_args=())
    def twice(x: Tensor) -> Tensor:
        return 2 * x

    packet = torch.ops.seqbench_tests.twice
    try:
        register_flop_formula(packet)(lambda shape, **_: 100 * math.prod(shape))
        assert count(twice, x(2, 3)) == 600
    finally:
        flop_registry.pop(packet, None)


def test_elementwise_operations_are_not_counted() -> None:
    assert count(lambda x: torch.tanh(x) * x + x.cumsum(1), x(2, STEPS, D)) == 0


def test_counting_restores_requires_grad(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Linear(D, D)
    net.bias.requires_grad_(False)
    count(net, x(1, D))
    assert (net.weight.requires_grad, net.bias.requires_grad) == (True, False)

    def broken(x: Tensor) -> Tensor:
        raise RuntimeError("no")

    monkeypatch.setattr(net, "forward", broken)
    with pytest.raises(RuntimeError, match="no"):
        count(net, x(1, D))
    assert net.weight.requires_grad

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqbench.architectures.attention import positions
from seqbench.architectures.attention.positions import (
    LearnedPositions,
    LinearBiases,
    RotaryPositions,
    ScorePositions,
    SinusoidalPositions,
    build_input_positions,
    build_score_positions,
    check_kind,
    head_slopes,
    number_steps,
    rotate,
    sinusoids,
)


def test_products_of_rotated_queries_and_keys_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 7, dtype=torch.float64)
    at = [torch.tensor([[t]]) for t in (0, 5, 1000, 1005, 100_000, 100_005)]
    scores = [(rotate(q, late) * rotate(k, early)).sum() for early, late in zip(at[::2], at[1::2], strict=True)]
    torch.testing.assert_close(scores, scores[:1] * 3)
    assert not torch.isclose((rotate(q, at[1]) * rotate(k, at[1])).sum(), scores[0])
    torch.testing.assert_close(rotate(q, at[3]).norm(), q.norm())
    assert torch.equal(rotate(q, at[3])[..., -1], q[..., -1])
    assert torch.equal(rotate(q[..., :1], at[3]), q[..., :1])


def test_distant_steps_have_different_angles_in_half_precision() -> None:
    x = torch.ones(1, 1, 2, 8, dtype=torch.bfloat16)
    y = rotate(x, torch.tensor([[3000, 3001]]))
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), rotate(x.float(), torch.tensor([[3000, 3001]])), atol=1e-2, rtol=0)
    assert (y[:, :, 0, 0] - y[:, :, 1, 0]).abs() > 0.1


@pytest.mark.parametrize("width", [1, 2, 7, 8])
def test_sinusoids_equal_the_formula_of_the_paper_up_to_the_order_of_channels(width: int) -> None:
    y = sinusoids(torch.tensor([[0, 3, 999]]), width, torch.float64)
    for row, position in zip(y[0], (0, 3, 999), strict=True):
        alternating = [
            (math.cos if c % 2 else math.sin)(position / 10_000 ** ((c - c % 2) / width)) for c in range(width)
        ]
        assert row.tolist() == pytest.approx(alternating[::2] + alternating[1::2], abs=1e-12)


def test_slopes_of_heads_equal_the_values_of_the_paper() -> None:
    assert head_slopes(8) == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]
    sixteen = head_slopes(16)
    assert sixteen[0] == pytest.approx(2**-0.5)
    assert sixteen[1::2] == pytest.approx(head_slopes(8))
    # Twelve heads: those of eight, and every second one of sixteen.
    assert head_slopes(12) == pytest.approx(head_slopes(8) + sixteen[:8:2])
    assert head_slopes(1) == [2**-8]


def test_biases_are_linear_in_the_distance_and_equal_on_both_sides() -> None:
    distance = torch.tensor([[0, -1, -2], [1, 0, -1], [7, 2, 0]])
    bias = LinearBiases(2).bias(distance, torch.float64)
    assert bias.dtype == torch.float64
    assert bias.tolist() == [[[-slope * abs(d) for d in row] for row in distance.tolist()] for slope in (2**-4, 2**-8)]


def test_each_kind_enters_at_its_own_place() -> None:
    scores = {kind: type(build_score_positions(kind, 4)) for kind in positions.KINDS}
    assert scores == {
        "rotary": RotaryPositions,
        "none": ScorePositions,
        "alibi": LinearBiases,
        "sinusoidal": ScorePositions,
        "learned": ScorePositions,
    }
    x = torch.randn(2, 5, 8)
    changed = {kind: not torch.equal(build_input_positions(kind, 8, 5)(x), x) for kind in positions.KINDS}
    assert changed == {"rotary": False, "none": False, "alibi": False, "sinusoidal": True, "learned": True}
    q = torch.randn(2, 4, 5, 2)
    assert torch.equal(ScorePositions().rotate(q, number_steps(x)), q)
    assert ScorePositions().bias(number_steps(x), torch.float32) is None


@pytest.mark.parametrize("module", [SinusoidalPositions(), LearnedPositions(6, 50)], ids=lambda m: type(m).__name__)
def test_positions_in_the_input_are_counted_from_the_start_of_the_stream(module: torch.nn.Module) -> None:
    x = torch.randn(2, 20, 6)
    later = torch.cat([module(x[:, :7]), module(x[:, 7:], torch.tensor([[7], [7]]))], dim=1)
    assert torch.equal(later, module(x))
    shifted = module(x[:, :1], torch.tensor([[3], [9]])) - x[:, :1]
    torch.testing.assert_close(shifted[:, 0], (module(x) - x)[0, [3, 9]])


def test_learned_positions_are_rows_of_a_table_and_end_with_it() -> None:
    module, x = LearnedPositions(3, 4), torch.zeros(2, 4, 3)
    assert torch.equal(module(x), module.table.weight.expand(2, 4, 3))
    assert torch.equal(module(x[:, :2], torch.tensor([[2], [0]]))[0], module.table.weight[2:])
    for chunk, count in ((torch.zeros(2, 5, 3), None), (x[:, :2], torch.tensor([[0], [3]]))):
        with pytest.raises(ValueError, match=r"at most 4 steps, .* got 5; choose a larger max_time"):
            module(chunk, count)


def test_learned_positions_start_with_the_size_of_embedded_tokens() -> None:
    assert 0.95 < LearnedPositions(64, 500).table.weight.std() < 1.05


def test_positions_keep_the_type_of_the_input() -> None:
    x: Tensor = torch.zeros(1, 3000, 8, dtype=torch.bfloat16)
    y = SinusoidalPositions()(x)
    assert y.dtype == torch.bfloat16
    assert (y[0, 2998, 0] - y[0, 2999, 0]).abs() > 0.1


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="positions must be one of rotary, none, alibi, sinusoidal, learned"):
        check_kind("rope")

from __future__ import annotations

import itertools

import pytest

from seqbench.protocol.search.rate_ladder import continued_ladder, rate_above, rate_below

STEPS = [float(f"{digit}e{power}") for power in range(-6, 1) for digit in (1, 2, 5)]


def test_the_ladder_is_1_2_and_5_times_powers_of_ten() -> None:
    for lower, upper in itertools.pairwise(STEPS):
        assert rate_above(lower) == upper
        assert rate_below(upper) == lower


@pytest.mark.parametrize(("rate", "below", "above"), [(3e-3, 2e-3, 5e-3), (9.9e-3, 5e-3, 1e-2), (1.5, 1.0, 2.0)])
def test_a_rate_between_two_steps_is_followed_by_the_next_one(rate: float, below: float, above: float) -> None:
    assert (rate_below(rate), rate_above(rate)) == (below, above)


def test_the_rates_of_a_grid_stay_and_further_ones_are_added_on_both_sides() -> None:
    assert continued_ladder([3e-3, 1e-3, 1e-2], 0) == (1e-3, 3e-3, 1e-2)
    assert continued_ladder([3e-3, 1e-3, 1e-2], 2) == (2e-4, 5e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2)

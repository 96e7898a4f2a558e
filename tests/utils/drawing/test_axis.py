"""Axes and their ticks."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqbench.utils.drawing.axis import Axis
from seqbench.utils.number_format import format_tick


def test_ticks_are_round_numbers_on_the_axis() -> None:
    assert Axis(0.0, 1.0, 0, 100).ticks() == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert Axis(8.13, 8.71, 0, 100).ticks() == [8.2, 8.3, 8.4, 8.5, 8.6, 8.7]
    assert Axis(20, 500, 0, 100, log=True).ticks() == [20, 50, 100, 200, 500]
    assert Axis(1e-6, 1.0, 0, 100, log=True).ticks() == [1e-6, 1e-4, 1e-2, 1.0]
    assert Axis(0.9, 3.1, 0, 100, whole=True).ticks() == [1, 2, 3]


def test_no_tick_is_beyond_the_possible_values() -> None:
    assert Axis(0.55, 1.05, 0, 100).ticks()[-1] == 1.0
    assert Axis(0.55, 1.05, 0, 100, most=0.97).ticks()[-1] == 0.9
    assert Axis(0.1, 1.05, 0, 100, log=True, least=0.15).ticks()[0] > 0.15


def test_an_axis_of_one_value_extends_to_both_sides() -> None:
    axis = Axis.over([100.0, 100.0], 0, 100)
    assert (axis.low, axis.high) == pytest.approx((94.4, 105.6))


def test_an_axis_maps_values_linearly_or_logarithmically_and_limits_distant_ones() -> None:
    assert Axis(0, 10, 100, 0)(2.5) == 75
    assert Axis(1, 100, 0, 100, log=True)(10) == pytest.approx(50)
    assert abs(Axis(0, 1, 0, 100)(1e90)) <= 1000
    assert math.isfinite(Axis(1, 10, 0, 100, log=True)(-1.0))


numbers = st.floats(-1e100, 1e100)


@example([5e-324], True)
@example([5e-324, 1e-323], False)
@given(st.lists(numbers, max_size=5), st.booleans())
def test_an_axis_of_any_values_has_at_most_seven_increasing_ticks(values: list[float], log: bool) -> None:
    axis = Axis.over(values, 0, 100, log)
    ticks = axis.ticks()
    assert axis.low < axis.high
    assert len(ticks) <= 7
    assert ticks == sorted(set(ticks))
    shown = [value for value in values if not log or value >= max(values) / 1e30 > 1e-280]
    assert all(-1e-6 <= axis(value) <= 100 + 1e-6 for value in shown)
    assert all(format_tick(tick) for tick in ticks)

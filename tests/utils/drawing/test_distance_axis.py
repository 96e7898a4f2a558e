"""The axis of the distance to the best possible score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.utils.drawing.distance_axis import DistanceAxis


def test_equal_ratios_of_the_distance_are_equally_far_apart() -> None:
    axis = DistanceAxis.over([0.5, 0.9, 0.99, 0.999], 1.0, "max", 186.0, 0.0)
    near, middle, far = axis(0.999), axis(0.99), axis(0.9)
    assert far - middle == pytest.approx(middle - near)
    assert 186.0 > far > middle > near > axis(1.0) == 0.0


@pytest.mark.parametrize(
    ("direction", "best", "ticks"), [("max", 1.0, [0.9, 0.99, 1.0]), ("min", 0.0, [0.1, 0.01, 0.0])]
)
def test_ticks_are_powers_of_ten_from_the_best_possible_score(direction: str, best: float, ticks: list[float]) -> None:
    sign = 1 if direction == "max" else -1
    axis = DistanceAxis.over([best - sign * 0.4, best - sign * 0.008], best, direction, 186.0, 0.0)
    assert axis.ticks() == pytest.approx(ticks)
    assert all(axis.contains(tick) for tick in ticks)


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(-1e9, 1e9))
def test_every_score_of_the_axis_lies_on_it_and_better_ones_are_never_lower(scores: list[float], other: float) -> None:
    axis = DistanceAxis.over(scores, 1.0, "max", 186.0, 0.0)
    assert all(0.0 <= axis(score) <= 186.0 and axis.contains(score) for score in scores)
    heights = [axis(score) for score in sorted([*scores, other])]
    assert heights == sorted(heights, reverse=True)
    assert len(axis.ticks()) <= 8
    assert axis.low < axis.high == 1.0


def test_many_magnitudes_have_few_ticks() -> None:
    axis = DistanceAxis.over([0.0, 1 - 1e-11], 1.0, "max", 186.0, 0.0)
    assert len(axis.ticks()) <= 7
    assert axis.ticks()[-1] == 1.0

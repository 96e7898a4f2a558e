"""The size of a chart and its lines."""

from __future__ import annotations

from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.chart_parts import CHART_WIDTH, GUTTER, LEFT, WIDTH, Line, Point, ScoreAxis
from seqbench.utils.drawing.distance_axis import DistanceAxis


def test_a_chart_is_as_wide_as_a_phone_and_its_names_have_room() -> None:
    assert CHART_WIDTH == LEFT + WIDTH + GUTTER <= 360
    assert GUTTER >= 80


def test_a_line_is_named_unless_it_says_otherwise() -> None:
    assert Line("gru", 0, [Point(0, 0.5, 0.5, 0.5)], "gru").named


def test_each_kind_of_axis_can_be_the_vertical_one() -> None:
    axes: list[ScoreAxis] = [Axis(0.0, 1.0, 186.0, 0.0), DistanceAxis.over([0.5], 1.0, "max", 186.0, 0.0)]
    assert all(axis.low < axis.high and axis.contains(axis.high) for axis in axes)

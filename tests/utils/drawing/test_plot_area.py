"""One chart: levels, lines, points and the names beside them."""

from __future__ import annotations

import re

from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.plot_area import HEIGHT, MOST_MARKERS, WIDTH, Plot, Point, series_group


def empty_plot() -> Plot:
    return Plot(Axis(0.0, 10.0, 0.0, WIDTH), Axis(0.0, 1.0, HEIGHT, 0.0), "Score over steps", "step")


def line(count: int, spread: float = 0.0) -> list[Point]:
    return [Point(k, 0.5, 0.5 - spread, 0.5 + spread) for k in range(count)]


def test_a_chart_has_a_label_axes_and_a_title_of_the_horizontal_axis() -> None:
    drawing = str(empty_plot().render())
    assert 'role="img"' in drawing
    assert 'aria-label="Score over steps"' in drawing
    assert re.findall(r'text-anchor="end">([^<]+)<', drawing) == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert ">step</text>" in drawing


def test_a_level_on_the_axis_is_a_line_at_its_value() -> None:
    plot = empty_plot()
    plot.add_level(0.25, "chance 0.25", "chance")
    drawing = str(plot.render())
    assert f'class="level chance" d="M0 {0.75 * HEIGHT:g}H{WIDTH}"' in drawing
    assert ">chance 0.25</text>" in drawing


def test_a_level_outside_the_axis_is_named_with_an_arrow_unless_it_is_published() -> None:
    plot = empty_plot()
    plot.add_level(2.0, "best possible 2", "best")
    plot.add_level(-1.0, "chance -1", "chance")
    plot.add_level(3.0, "published 3", "published")
    drawing = str(plot.render())
    assert "↑ best possible 2" in drawing
    assert "↓ chance -1" in drawing
    assert "published" not in drawing


def test_a_line_has_markers_at_all_points_only_if_they_are_few() -> None:
    for count, markers in ((MOST_MARKERS, MOST_MARKERS), (MOST_MARKERS + 1, 1)):
        plot = empty_plot()
        plot.add_series("gru", 0, line(count), "gru")
        assert plot.marks[0].count('class="mark"') == markers


def test_only_a_line_with_a_colour_has_a_band_between_its_seeds() -> None:
    plot = empty_plot()
    plot.add_series("gru", 0, line(3, 0.1), "gru")
    plot.add_series("lstm", 1, line(3), "lstm")
    plot.add_series("rnn", None, line(3, 0.1), "rnn")
    assert ['class="band"' in mark for mark in plot.marks] == [True, False, False]


def test_a_point_has_an_error_bar_and_a_name_where_it_has_a_colour() -> None:
    plot = empty_plot()
    plot.add_point("gru", 0, Point(5.0, 0.5, 0.25, 0.75), "gru: 0.5")
    plot.add_point("rnn", None, Point(8.0, 0.5, 0.5, 0.5), "rnn: 0.5")
    drawing = str(plot.render())
    assert f'class="bar" d="M{WIDTH / 2:g} {0.75 * HEIGHT:g}V{0.25 * HEIGHT:g}"' in drawing
    assert "<title>gru: 0.5</title>" in drawing
    assert re.findall(r'class="label"[^>]*>([^<]+)<', drawing) == ["gru"]


def test_a_group_carries_the_label_of_its_row_and_its_slot() -> None:
    assert str(series_group("a\n<b>", 2)) == '<g class="series s2" data-key="a &lt;b&gt;"/>'
    assert str(series_group("gru", None)) == '<g class="series" data-key="gru"/>'

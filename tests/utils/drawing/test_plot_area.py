"""One chart: levels, lines, points and the names beside them."""

from __future__ import annotations

import re

from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.chart_parts import HEIGHT, WIDTH, Line, Point
from seqbench.utils.drawing.plot_area import ARROW, DASH, MOST_MARKERS, Plot, series_group
from seqbench.utils.drawing.svg import DASHES


def empty_plot() -> Plot:
    return Plot(Axis(0.0, 10.0, 0.0, WIDTH), Axis(0.0, 1.0, HEIGHT, 0.0), "Score over steps", "step")


def line(label: str, slot: int | None, count: int = 3, value: float = 0.5, spread: float = 0.0) -> Line:
    points = [Point(k, value, value - spread, value + spread) for k in range(count)]
    return Line(label, slot, points, label)


def test_a_chart_has_a_label_axes_and_titles_of_both_axes() -> None:
    plot = empty_plot()
    plot.y_label = "accuracy"
    drawing = str(plot.render())
    assert 'role="img"' in drawing
    assert 'aria-label="Score over steps"' in drawing
    assert re.findall(r'text-anchor="end">([^<]+)<', drawing) == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert ">step</text>" in drawing
    assert ">accuracy</text>" in drawing


def test_a_level_on_the_axis_is_a_line_at_its_value() -> None:
    plot = empty_plot()
    plot.add_level(0.25, "chance 0.25", "chance")
    drawing = str(plot.render())
    assert f'class="level chance" d="M0 {0.75 * HEIGHT:g}H{WIDTH}"' in drawing
    assert ">chance 0.25</text>" in drawing
    assert 'class="leader"' in drawing


def test_a_level_outside_the_axis_is_named_with_an_arrow_unless_it_is_published() -> None:
    plot = empty_plot()
    plot.add_level(2.0, "best possible 2", "best", "best 2")
    plot.add_level(-1.0, "chance -1", "chance")
    plot.add_level(3.0, "published 3", "published")
    drawing = str(plot.render())
    assert "↑ best 2" in drawing
    assert "↓ chance -1" in drawing
    assert "published" not in drawing
    assert 'class="leader"' not in drawing


def test_a_line_has_markers_at_all_points_only_if_they_are_few() -> None:
    for count, markers in ((MOST_MARKERS, MOST_MARKERS), (MOST_MARKERS + 1, 1)):
        plot = empty_plot()
        plot.add_lines([line("gru", 0, count)])
        assert plot.marks[0].count('class="mark"') == markers


def test_only_a_line_with_a_colour_has_a_band_between_its_seeds() -> None:
    plot = empty_plot()
    plot.add_lines([line("gru", 0, spread=0.1), line("lstm", 1, value=0.7), line("rnn", None, spread=0.1)])
    assert ['class="band"' in mark for mark in plot.marks] == [True, False, False]


def test_lines_that_coincide_alternate_along_their_length_and_are_named() -> None:
    plot = empty_plot()
    lines = [line("rnn", 2), line("tcn", 3, value=0.9), line("lstm", 1, value=0.501), line("gru", 0), line("bow", None)]
    assert plot.add_lines(lines) == [["gru", "lstm", "rnn"]]
    dashes = [re.findall(r'stroke-dasharray="([^"]+)"', mark) for mark in plot.marks]
    offsets = [re.findall(r'stroke-dashoffset="([^"]+)"', mark) for mark in plot.marks]
    assert [dashes[k] for k in (0, 2, 3)] == [[f"{DASH} {2 * DASH}"]] * 3
    assert [offsets[k] for k in (0, 2, 3)] == [[], [f"-{DASH}"], [f"-{2 * DASH}"]]
    assert dashes[1] == [DASHES[3]]
    assert dashes[4] == []


def test_each_line_with_a_colour_has_its_name_at_its_end_in_its_own_group() -> None:
    plot = empty_plot()
    plot.add_lines([line("rnn", None), line("lstm", 1), Line("gru", 0, [Point(3, 0.5, 0.5, 0.5)], "gru", named=False)])
    drawing = str(plot.render())
    assert re.findall(r'class="label"[^>]*>([^<]+)<', drawing) == ["lstm"]
    assert re.search(r'<g class="series s1" data-key="lstm"><path class="leader"', drawing)


def test_names_of_lines_stay_if_there_are_too_many_levels() -> None:
    plot = empty_plot()
    for k in range(30):
        plot.add_level(0.5, f"published {k}", "published")
    plot.add_lines([line(f"net-{k}", k) for k in range(10)])
    names = re.findall(r'class="label"[^>]*>([^<]+)<', str(plot.render()))
    assert names == [f"net-{k}" for k in reversed(range(10))], "the line that is drawn last has the first name"


def test_a_point_has_error_bars_and_a_name_where_it_has_a_colour() -> None:
    plot = empty_plot()
    plot.add_point("gru", 0, Point(5.0, 0.5, 0.25, 0.75), "gru: 0.5", across=(4.0, 7.5))
    plot.add_point("rnn", None, Point(8.0, 0.5, 0.5, 0.5), "rnn: 0.5")
    drawing = str(plot.render())
    assert f'class="bar" d="M{WIDTH / 2:g} {0.75 * HEIGHT:g}V{0.25 * HEIGHT:g}"' in drawing
    assert f'd="M{0.4 * WIDTH:.1f} {HEIGHT / 2:g}H{0.75 * WIDTH:g}"' in drawing
    assert "<title>gru: 0.5</title>" in drawing
    assert re.findall(r'class="label"[^>]*>([^<]+)<', drawing) == ["gru"]


def test_a_bar_that_leaves_the_frame_ends_there_with_an_arrow() -> None:
    plot = empty_plot()
    plot.add_point("gru", 0, Point(5.0, 0.5, -7.0, 0.75), "gru")
    (path,) = re.findall(r'class="bar" d="([^"]+)"', str(plot.marks[0]))
    x, back = WIDTH / 2, HEIGHT - ARROW
    assert path == f"M{x:g} {HEIGHT}V{0.25 * HEIGHT:g}M{x - ARROW:g} {back:g}L{x:g} {HEIGHT}L{x + ARROW:g} {back:g}"


def test_a_name_without_room_beside_its_point_has_a_leader_line() -> None:
    plot = empty_plot()
    for k in range(5):
        plot.add_point(f"net-{k}", k, Point(5.0, 0.5, 0.4, 0.6), "a net")
    drawing = str(plot.render())
    assert len(re.findall(r'class="label"', drawing)) == 5
    assert 'class="leader"' in drawing


def test_a_group_carries_the_label_of_its_row_and_its_slot() -> None:
    assert str(series_group("a\n<b>", 2)) == '<g class="series s2" data-key="a &lt;b&gt;"/>'
    assert str(series_group("gru", None)) == '<g class="series" data-key="gru"/>'

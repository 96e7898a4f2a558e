"""The charts of a task, read back as XML."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import charts, series_style
from seqbench.leaderboard.task_data import CardVersion, Curve, PublishedFigure, RowData, SeedData, TaskData
from seqbench.utils.drawing.chart_parts import HEIGHT, WIDTH
from tests.leaderboard import sample
from tests.leaderboard.chart_kit import (
    SVG,
    captions,
    chart_as_xml,
    check_geometry,
    marks,
    name_boxes,
    parse_drawing,
)
from tests.leaderboard.kit import change_rows, task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


@pytest.fixture
def copy(data: BoardData) -> TaskData:
    return task_data(data, "copy")


@pytest.fixture
def music(data: BoardData) -> TaskData:
    return task_data(data, "music-jsb")


def test_a_task_has_the_charts_for_which_it_has_data(data: BoardData, copy: TaskData) -> None:
    parity = captions(task_data(data, "parity"))
    for text in (
        "over training steps",
        "learning rates tried, each by its longest trial",
        "against peak memory",
        "against duration",
    ):
        assert text in captions(copy)
    assert "sequence length" not in captions(copy)
    assert "sequence length" in parity
    assert "learning rates tried" not in parity


def test_the_inner_drawing_has_its_fixed_size(data: BoardData) -> None:
    drawings = [str(chart.drawing) for task in data.tasks for chart in charts.task_charts(task, {})]
    assert drawings
    for drawing in drawings:
        inner = re.search(r'class="inner" x="\d+" y="\d+" width="(\d+)" height="(\d+)"', drawing)
        assert inner
        assert [int(size) for size in inner.groups()] == [WIDTH, HEIGHT]


def test_ten_rows_have_a_colour_and_the_others_are_grey_and_thinned(data: BoardData, copy: TaskData) -> None:
    scores = [0.5] * 200
    row = replace(copy.rows[0], curve=Curve("step", list(range(200)), scores, scores, scores))
    task = replace(copy, rows=[replace(row, label=f"net-{k}") for k in range(100)])
    slots = series_style.assign_slots(replace(data, overall=None, tasks=[task]))["copy"]
    assert sorted(slots.values()) == list(range(10))
    groups = list(marks(chart_as_xml(task, "training steps", slots)))
    grey = [group for group in groups if group.get("class") == "series"]
    assert len(grey) == 90
    assert groups[:90] == grey, "grey lines are drawn below the others"
    assert groups[-1].get("data-key") == "net-0", "the best row is drawn on top"
    assert grey[0][1].get("d", "").count("L") < 30


def test_a_task_without_scores_has_no_charts(copy: TaskData) -> None:
    task = replace(copy, rows=[row for row in copy.rows if not row.seeds])
    assert task.rows
    assert charts.task_charts(task, {}) == []


def test_lines_that_coincide_are_named_below_the_chart(copy: TaskData) -> None:
    scores = [0.5, 1.0, 1.0]
    curve = Curve("step", [1, 2, 3], scores, scores, scores)
    task = change_rows(copy, lambda row: replace(row, curve=curve if row.label in ("gru", "lstm", "rnn") else None))
    assert (
        "; gru, lstm and rnn coincide"
        in charts.task_charts(task, {row.label: k for k, row in enumerate(task.rows)})[0].caption
    )


def test_names_at_the_right_edge_have_the_order_of_the_table_where_lines_end_at_one_height(copy: TaskData) -> None:
    scores = [0.5, 0.9]
    task = change_rows(copy, lambda row: replace(row, curve=Curve("step", [1, 2], scores, scores, scores)))
    chart = chart_as_xml(task, "training steps")
    names = [name for name, _ in name_boxes(chart)]
    labels = [row.label for row in series_style.rows_with_scores(task)]
    assert [name for name in names if name in labels] == labels


SCORES = st.floats(0, 1)


@st.composite
def tasks(draw: st.DrawFn) -> TaskData:
    """Draw a task with up to 20 rows of any scores, intervals, curves and costs."""
    direction = draw(st.sampled_from(["max", "min"]))
    known = st.one_of(st.none(), SCORES)
    rows = []
    for number in range(draw(st.integers(1, 20))):
        values = draw(st.lists(SCORES, min_size=1, max_size=3))
        curve = draw(st.lists(SCORES, min_size=1, max_size=5))
        seconds = sorted(draw(st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=2)))
        rows.append(
            RowData(
                label=draw(st.sampled_from(["gru", "a very long name of a network", "x"])) + f"-{number}",
                architecture="gru",
                state="ranked",
                reason="",
                rank=draw(st.one_of(st.none(), st.integers(1, 20))),
                mean=statistics.fmean(values),
                half_width=draw(st.one_of(st.none(), st.floats(0, 100))),
                seeds=[SeedData(seed, "ok", "", value, value) for seed, value in enumerate(values)],
                costs={"seconds": seconds[0], "flops_per_token": draw(st.floats(1, 1e15)), "parameters": 100.0},
                cost_ranges={"seconds": (seconds[0], seconds[1])},
                curve=Curve("step", list(range(len(curve))), curve, curve, curve),
                budget=draw(st.lists(SCORES, max_size=3)),
            )
        )
    best = draw(st.sampled_from([None, 1.0 if direction == "max" else 0.0]))
    anchor = draw(known) if best is None else None
    published = [PublishedFigure("gru", draw(SCORES), "", "")] * draw(st.integers(0, 3))
    return TaskData(
        "copy", "copy", "", CardVersion(1, "0"), "accuracy", direction, None, draw(known), best, "", anchor, "", [], {},
        published, [], rows,
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tasks())
def test_names_never_overlap_and_bars_stay_inside_the_frame(task: TaskData) -> None:
    slots = {row.label: slot for slot, row in enumerate(task.rows[:10])}
    for chart in charts.task_charts(task, slots):
        check_geometry(parse_drawing(str(chart.drawing)))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(tasks(), st.text(max_size=30))
def test_a_drawing_is_well_formed_and_inert_whatever_its_names(task: TaskData, label: str) -> None:
    label = label + '<script>alert(1)</script>" onload="alert(1)'
    task = replace(task, rows=[replace(task.rows[0], label=label), *task.rows[1:]], metric=label)
    for chart in charts.task_charts(task, {label: 0}):
        for element in parse_drawing(str(chart.drawing)).iter():
            assert element.tag.removeprefix(SVG) in ("svg", "g", "path", "text", "title", "circle")
            assert not {name for name in element.attrib if name.startswith("on") or name in ("href", "style")}

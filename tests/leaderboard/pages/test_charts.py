"""The charts of a task, read back as XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import charts, series_style
from seqbench.leaderboard.task_data import Curve, RowData, TaskData
from seqbench.utils.drawing.plot_area import HEIGHT, WIDTH
from tests.leaderboard import sample
from tests.leaderboard.kit import change_row, change_rows, task_data

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


@pytest.fixture
def copy(data: BoardData) -> TaskData:
    return task_data(data, "copy")


@pytest.fixture
def music(data: BoardData) -> TaskData:
    return task_data(data, "music-jsb")


def chart_as_xml(task: TaskData, text: str, slots: series_style.Slots | None = None) -> ElementTree.Element:
    """Return the chart whose caption contains a text; without slots each row has one."""
    slots = {row.label: k for k, row in enumerate(task.rows)} if slots is None else slots
    chart = next(chart for chart in charts.task_charts(task, slots) if text in chart.caption)
    return ElementTree.fromstring(str(chart.drawing).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def texts(element: ElementTree.Element) -> str:
    return f"| {' | '.join(element.itertext())} |"


def captions(task: TaskData) -> str:
    return " | ".join(chart.caption for chart in charts.task_charts(task, {}))


def tick_labels(chart: ElementTree.Element) -> list[str]:
    return [tick.text or "" for tick in chart.iter(f"{SVG}text") if tick.get("class") == "tick"]


def vertical_ticks(chart: ElementTree.Element) -> list[float]:
    """Return the numbers on the vertical axis."""
    ticks = [tick for tick in chart.iter(f"{SVG}text") if tick.get("text-anchor") == "end"]
    return [float(tick.text or "") for tick in ticks if tick.get("class") == "tick"]


def with_equal_scores(task: TaskData, value: float) -> TaskData:
    """Return the task with one value for all seeds of all rows that have a score."""

    def change(row: RowData) -> RowData:
        if row.mean is None:
            return row
        seeds = [replace(seed, value=value) for seed in row.seeds]
        return replace(row, mean=value, half_width=0.0, seeds=seeds)

    return change_rows(task, change)


def with_one_other_seed(task: TaskData, value: float) -> TaskData:
    """Return the task with another value for the first seed of the first row."""
    row = task.rows[0]
    return change_row(task, row.label, seeds=[replace(row.seeds[0], value=value), *row.seeds[1:]])


def test_a_task_has_the_charts_for_which_it_has_data(data: BoardData, copy: TaskData) -> None:
    parity = captions(task_data(data, "parity"))
    for text in ("over training steps", "learning rates tried", "against peak memory", "against duration"):
        assert text in captions(copy)
    assert "sequence length" not in captions(copy)
    assert "sequence length" in parity
    assert "learning rates tried" not in parity


def test_models_of_equal_size_have_no_chart_over_parameters(data: BoardData, copy: TaskData) -> None:
    assert charts.sizes_are_equal(copy)
    assert "against parameters" not in captions(copy)
    parity = task_data(data, "parity")
    assert not charts.sizes_are_equal(parity)
    assert "against parameters" in captions(parity)


def test_a_chart_has_a_label_and_each_mark_a_title(copy: TaskData) -> None:
    chart = chart_as_xml(copy, "against peak memory")
    assert chart.get("role") == "img"
    assert chart.get("aria-label") == "Test accuracy against peak memory"
    titles = [title.text or "" for title in chart.iter(f"{SVG}title")]
    assert any(re.fullmatch(r"gru: 0\.9\d+ ± 0\.\d+ at \d+ MiB", title) for title in titles), titles


def test_chance_best_possible_and_published_figures_are_levels(copy: TaskData, music: TaskData) -> None:
    assert "chance 0.125" in texts(chart_as_xml(copy, "training steps"))
    assert "best possible 1" in texts(chart_as_xml(copy, "training steps"))
    assert "anchor 8.1" in texts(chart_as_xml(music, "against duration"))
    assert "published lstm 8.45" in texts(chart_as_xml(music, "against duration"))


def test_a_level_outside_the_axis_is_named_at_its_edge(copy: TaskData) -> None:
    assert "↓ chance -5" in texts(chart_as_xml(replace(copy, chance=-5.0), "training steps"))


def test_equal_scores_are_shown_between_chance_and_the_best_possible(copy: TaskData) -> None:
    chart = chart_as_xml(with_equal_scores(copy, 1.0), "against duration")
    assert vertical_ticks(chart) == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert "| chance 0.125 |" in texts(chart)
    nearly_equal = with_one_other_seed(with_equal_scores(copy, 1.0), 0.9999)
    assert min(vertical_ticks(chart_as_xml(nearly_equal, "against duration"))) == 0.2


@pytest.mark.parametrize(
    ("name", "best", "scores"),
    [
        ("copy", 0.97, (0.5, 0.96)),
        ("copy", 1.0, (0.999, 1.0)),
        ("music-jsb", 7.9, (8.0, 9.0)),
        ("copy", 1.0, (1.0, 1.0)),
    ],
)
def test_no_tick_is_better_than_the_best_possible(
    data: BoardData, name: str, best: float, scores: tuple[float, float]
) -> None:
    original = task_data(data, name)
    for chance in (original.chance, None):
        changed = replace(original, best=best, anchor=None, chance=chance)
        task = with_one_other_seed(with_equal_scores(changed, scores[0]), scores[1])
        ticks = vertical_ticks(chart_as_xml(task, "against duration"))
        assert len(ticks) > 1
        assert max(ticks) <= best if task.direction == "max" else min(ticks) >= best


@pytest.mark.parametrize(("low", "text"), [(0.4, "| chance 0.125 |"), (0.9, "| ↓ chance 0.125 |")])
def test_the_axis_includes_chance_only_if_it_is_near_the_scores(copy: TaskData, low: float, text: str) -> None:
    task = with_one_other_seed(with_equal_scores(copy, 1.0), low)
    assert text in texts(chart_as_xml(task, "against duration"))


def test_the_pareto_front_holds_the_points_that_no_cheaper_point_beats() -> None:
    points = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (4.0, 0.9), (5.0, 1.0)]
    assert charts.pareto_front(points, "max") == [(1.0, 0.5), (2.0, 0.7), (3.0, 0.9), (5.0, 1.0)]
    assert charts.pareto_front(points, "min") == [(1.0, 0.5), (2.0, 0.4)]


def test_an_incomplete_row_is_not_on_the_pareto_front(copy: TaskData) -> None:
    def fronts(task: TaskData) -> int:
        paths = chart_as_xml(task, "against duration").iter(f"{SVG}path")
        return sum(path.get("class") == "front" for path in paths)

    assert fronts(copy) == 1
    assert fronts(change_rows(copy, lambda row: replace(row, state="incomplete"))) == 0


@pytest.mark.parametrize(("name", "transformer_is_higher"), [("copy", True), ("music-jsb", False)])
def test_higher_values_are_drawn_higher(data: BoardData, name: str, transformer_is_higher: bool) -> None:
    heights = {}
    for group in chart_as_xml(task_data(data, name), "against duration").iter(f"{SVG}g"):
        mark = next(child for child in group if child.get("class") == "mark")
        heights[group.get("data-key")] = float(re.findall(r"[\d.]+", mark.get("transform", ""))[1])
    assert (heights["transformer"] < heights["rnn"]) is transformer_is_higher


def test_one_very_large_loss_does_not_flatten_the_chart(music: TaskData) -> None:
    row = music.rows[0]
    assert row.curve
    losses = [1e80, *row.curve.mean[1:]]
    changed = change_row(music, row.label, curve=replace(row.curve, mean=losses, low=losses, high=losses))
    labels = tick_labels(chart_as_xml(changed, "training steps"))
    assert not any("e+" in label for label in labels), labels


def test_losses_of_many_magnitudes_have_a_logarithmic_axis(music: TaskData) -> None:
    task = replace(music, chance=0.17, best=0.0, anchor=None, published=[])
    for k, row in enumerate(row for row in music.rows if row.seeds):
        losses = [0.1, 10.0**-k]
        task = change_row(task, row.label, curve=Curve("step", [1, 2], losses, losses, losses))
    assert "| 0.001 |" in texts(chart_as_xml(task, "training steps"))


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
    groups = list(chart_as_xml(task, "training steps", slots).iter(f"{SVG}g"))
    grey = [group for group in groups if group.get("class") == "series"]
    assert len(grey) == 90
    assert groups[:90] == grey, "grey lines are drawn below the others"
    assert groups[-1].get("data-key") == "net-0", "the best row is drawn on top"
    assert grey[0][1].get("d", "").count("L") < 30


def test_a_task_without_scores_has_no_charts(copy: TaskData) -> None:
    task = replace(copy, rows=[row for row in copy.rows if not row.seeds])
    assert task.rows
    assert charts.task_charts(task, {}) == []


def test_the_interval_of_a_diverged_seed_does_not_stretch_the_axis(copy: TaskData) -> None:
    assert not any(label.startswith("-") for label in tick_labels(chart_as_xml(copy, "against duration")))

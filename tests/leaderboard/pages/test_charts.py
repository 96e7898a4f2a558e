from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.pages import charts, series_style
from seqbench.leaderboard.pages.plot import HEIGHT, WIDTH
from tests.leaderboard import sample

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return sample.example_document(tmp_path_factory.mktemp("records"))


def task_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(copy.deepcopy(task) for task in document["tasks"] if task["task"] == name)


def drawn(task: dict[str, Any], words: str, colours: series_style.Slots | None = None) -> ElementTree.Element:
    """The chart whose caption has these words, as XML."""
    colours = {row["label"]: k for k, row in enumerate(task["rows"])} if colours is None else colours
    chart = next(chart for chart in charts.task_charts(task, colours) if words in chart.caption)
    return ElementTree.fromstring(str(chart.drawing).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def words_of(element: ElementTree.Element) -> str:
    return " | ".join(element.itertext())


def captions(task: dict[str, Any]) -> str:
    return " | ".join(chart.caption for chart in charts.task_charts(task, {}))


def test_each_task_has_the_charts_for_which_it_has_figures(document: dict[str, Any]) -> None:
    copy_, parity = captions(task_of(document, "copy")), captions(task_of(document, "parity"))
    for words in ("over training steps", "learning rates tried", "against peak memory", "against time"):
        assert words in copy_
    assert "over length" not in copy_
    assert "over length" in parity
    assert "learning rates tried" not in parity


def test_models_of_one_size_have_no_chart_over_parameters(document: dict[str, Any]) -> None:
    assert charts.one_size(task_of(document, "copy"))
    assert "against parameters" not in captions(task_of(document, "copy"))
    assert not charts.one_size(task_of(document, "parity"))
    assert "against parameters" in captions(task_of(document, "parity"))


def test_a_chart_says_what_it_is_and_each_mark_says_its_figures(document: dict[str, Any]) -> None:
    chart = drawn(task_of(document, "copy"), "against peak memory")
    assert chart.get("role") == "img"
    assert chart.get("aria-label") == "Test accuracy against peak memory"
    titles = [title.text or "" for title in chart.iter(f"{SVG}title")]
    assert any(re.fullmatch(r"gru: 0\.9\d+ ± 0\.\d+ at \d+ MiB", title) for title in titles), titles


def test_lines_stand_for_chance_the_best_possible_and_published_figures(document: dict[str, Any]) -> None:
    assert "chance 0.125" in words_of(drawn(task_of(document, "copy"), "training steps"))
    assert "best possible 1" in words_of(drawn(task_of(document, "copy"), "training steps"))
    jsb = words_of(drawn(task_of(document, "music-jsb"), "against time"))
    assert "anchor 8.1" in jsb
    assert "published lstm 8.45" in jsb


def test_a_line_off_the_chart_is_named_at_its_edge(document: dict[str, Any]) -> None:
    task = task_of(document, "copy")
    task["chance"] = -5.0
    assert "↓ chance -5" in words_of(drawn(task, "training steps"))


def flat(task: dict[str, Any], value: float) -> dict[str, Any]:
    """The task with one value for all seeds of all rows."""
    for row in series_style.rows_with_scores(task):
        row |= {"mean": value, "half_width": 0.0}
        row["seeds"] = [{**seed, "value": value} for seed in row["seeds"]]
    return task


def ticks(chart: ElementTree.Element) -> list[float]:
    """The numbers on the axis upwards."""
    found = [tick for tick in chart.iter(f"{SVG}text") if tick.get("text-anchor") == "end"]
    return [float(tick.text or "") for tick in found if tick.get("class") == "tick"]


def test_scores_that_are_all_equal_stand_between_chance_and_the_best_possible(document: dict[str, Any]) -> None:
    chart = drawn(flat(task_of(document, "copy"), 1.0), "against time")
    assert ticks(chart) == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert "| chance 0.125 |" in words_of(chart)
    nearly = flat(task_of(document, "copy"), 1.0)
    nearly["rows"][0]["seeds"][0]["value"] = 0.9999
    assert min(ticks(drawn(nearly, "against time"))) == 0.2


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
    document: dict[str, Any], name: str, best: float, scores: tuple[float, float]
) -> None:
    for chance in (task_of(document, name)["chance"], None):
        task = flat(task_of(document, name), scores[0]) | {"best": best, "anchor": None, "chance": chance}
        task["rows"][0]["seeds"][0]["value"] = scores[1]
        found = ticks(drawn(task, "against time"))
        assert len(found) > 1
        assert max(found) <= best if task["direction"] == "max" else min(found) >= best


def test_chance_is_on_the_chart_where_it_is_within_reach(document: dict[str, Any]) -> None:
    for low, said in ((0.4, "| chance 0.125 |"), (0.9, "| ↓ chance 0.125 |")):
        task = flat(task_of(document, "copy"), 1.0)
        task["rows"][0]["seeds"][0]["value"] = low
        assert said in f"| {words_of(drawn(task, 'against time'))} |"


def test_the_front_holds_those_that_nothing_cheaper_beats() -> None:
    points = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (4.0, 0.9), (5.0, 1.0)]
    assert charts.pareto_front(points, "max") == [(1.0, 0.5), (2.0, 0.7), (3.0, 0.9), (5.0, 1.0)]
    assert charts.pareto_front(points, "min") == [(1.0, 0.5), (2.0, 0.4)]


def test_a_row_without_all_seeds_is_not_on_the_front(document: dict[str, Any]) -> None:
    task = task_of(document, "copy")
    chart = drawn(task, "against time")
    assert [mark for mark in chart.iter(f"{SVG}path") if mark.get("class") == "front"]
    for row in task["rows"]:
        row["state"] = "incomplete"
    chart = drawn(task, "against time")
    assert not [mark for mark in chart.iter(f"{SVG}path") if mark.get("class") == "front"]


def test_a_better_score_stands_higher_where_it_is_larger_and_lower_where_it_is_a_loss(document: dict[str, Any]) -> None:
    for name, higher in (("copy", True), ("music-jsb", False)):
        chart = drawn(task_of(document, name), "against time")
        heights = {}
        for group in chart.iter(f"{SVG}g"):
            mark = next(child for child in group if child.get("class") == "mark")
            heights[group.get("data-key")] = float(re.findall(r"[\d.]+", mark.get("transform", ""))[1])
        assert (heights["transformer"] < heights["rnn"]) is higher


def test_a_loss_that_blew_up_does_not_press_the_others_flat(document: dict[str, Any]) -> None:
    task = task_of(document, "music-jsb")
    for name in ("mean", "low", "high"):
        task["rows"][0]["curve"][name][0] = 1e80
    ticks = [
        tick.text or "" for tick in drawn(task, "training steps").iter(f"{SVG}text") if tick.get("class") == "tick"
    ]
    assert not any("e+" in tick for tick in ticks), ticks


def test_losses_of_many_magnitudes_get_a_logarithmic_axis(document: dict[str, Any]) -> None:
    task = task_of(document, "music-jsb")
    task |= {"chance": 0.17, "best": 0.0, "anchor": None, "published": []}
    for k, row in enumerate(row for row in task["rows"] if row["seeds"]):
        row["curve"] = {"step": [1, 2], "mean": [0.1, 10.0**-k], "low": [0.1, 10.0**-k], "high": [0.1, 10.0**-k]}
    assert "| 0.001 |" in words_of(drawn(task, "training steps"))


def test_nothing_is_drawn_outside_of_what_is_shown(document: dict[str, Any]) -> None:
    for task in document["tasks"]:
        for chart in charts.task_charts(task, {}):
            inner = re.search(r'class="inner" x="\d+" y="\d+" width="(\d+)" height="(\d+)"', str(chart.drawing))
            assert inner
            assert [int(size) for size in inner.groups()] == [WIDTH, HEIGHT]


def test_ten_rows_have_a_colour_and_the_others_are_grey_and_thinned(document: dict[str, Any]) -> None:
    task = task_of(document, "copy")
    row = task["rows"][0]
    row["curve"] = {"step": list(range(200)), **{name: [0.5] * 200 for name in ("mean", "low", "high")}}
    task["rows"] = [{**row, "label": f"net-{k}"} for k in range(100)]
    slots = series_style.assign_slots({"overall": None, "tasks": [task]})["copy"]
    assert sorted(slots.values()) == list(range(10))
    groups = list(drawn(task, "training steps", slots).iter(f"{SVG}g"))
    grey = [group for group in groups if group.get("class") == "series"]
    assert len(grey) == 90
    assert groups[:90] == grey, "they lie below the others"
    assert groups[-1].get("data-key") == "net-0", "the best lies on top"
    assert grey[0][1].get("d", "").count("L") < 30


def test_a_row_has_one_colour_in_all_tasks_and_colours_do_not_repeat_within_one() -> None:
    def task(name: str, labels: list[str]) -> dict[str, Any]:
        return {"task": name, "rows": [{"label": label, "mean": 1.0} for label in labels]}

    names = [f"n{k}" for k in range(14)]
    made = series_style.assign_slots(
        {"overall": None, "tasks": [task("a", names), task("b", names[4:]), task("c", names[:3][::-1])]}
    )
    assert made["a"]["n5"] == made["b"]["n5"]
    assert made["a"]["n1"] == made["c"]["n1"]
    for slots in made.values():
        assert len(set(slots.values())) == len(slots) <= 10


def test_no_figures_make_no_charts(document: dict[str, Any], tmp_path: Path) -> None:
    task = task_of(document, "copy")
    task["rows"] = [row for row in task["rows"] if not row["seeds"]]
    assert charts.task_charts(task, {}) == []
    assert series_style.strip_axis(task) is None


def test_a_diverged_seed_does_not_stretch_the_chart_by_its_interval(document: dict[str, Any]) -> None:
    chart = drawn(task_of(document, "copy"), "against time")
    ticks = [tick.text or "" for tick in chart.iter(f"{SVG}text") if tick.get("class") == "tick"]
    assert not any(tick.startswith("-") for tick in ticks)


def test_better_is_further_right_on_a_strip(document: dict[str, Any]) -> None:
    for name in ("copy", "music-jsb"):
        task = task_of(document, name)
        axis = series_style.strip_axis(task)
        assert axis is not None
        strips = {
            row["label"]: series_style.draw_strip(task, row, axis, 0) for row in series_style.rows_with_scores(task)
        }
        places = {label: float(re.findall(r'cx="([\d.]+)"', strip)[0]) for label, strip in strips.items()}
        assert places["transformer"] > places["gru"] > places["rnn"]


def test_the_forest_has_a_row_for_each_label_with_its_interval(document: dict[str, Any]) -> None:
    forest = str(series_style.draw_forest(document["overall"], {"gru": 1}))
    assert re.search(r"<title>gru: 0\.9\d+, 95 % interval 0\.9\d* to 0\.9\d+</title>", forest)
    assert forest.count("data-key") == len(document["overall"]["rows"])

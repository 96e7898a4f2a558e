"""Published figures beside ours: which records count, what is said of them, and how to get those that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard import reproduction
from seqbench.leaderboard.board_data import PublishedCell
from seqbench.leaderboard.data.board_card import Board, PublishedRow, load_board
from seqbench.protocol import cards
from seqbench.protocol.records import Record
from tests.leaderboard.kit import board_data, example_board, example_record, write_records
from tests.record_data import changed_record

RECIPE = {"d_model": 200, "num_layers": 2, "dropout": 0.2}
"""Of music-jsb's paper tier."""


def row(direction: str = "min", tolerance: float = 0.02) -> PublishedRow:
    return PublishedRow("a row", "mse", direction, {}, "", tolerance=tolerance)


def published(seeds: int = 1, **changed: Any) -> Board:
    data = {
        "name": "JSB",
        "task": "music-jsb",
        "metric": "nll_per_frame",
        "direction": "min",
        "setting": "300K",
        "values": {"gru": 8.43},
        "needs": "a while",
    }
    return example_board(
        tier="paper", size=None, seeds=seeds, tasks={"music-jsb": None}, published=[{**data, **changed}]
    )


def jsb(
    value: float = 8.4, seed: int = 0, arch: str = "gru", options: Mapping[str, Any] = RECIPE, **more: Any
) -> Record:
    return example_record("music-jsb", arch, seed, value, tier="paper", arch_options=options, matched=None, **more)


def cell(rules: Board, folder: Path, *records: Record) -> PublishedCell:
    (only,) = board_data(rules, write_records(folder, *records)).published
    return only


@pytest.mark.parametrize(
    ("ours", "figure", "chance", "best", "direction", "said"),
    [
        (0.0201, 0.0204, 0.0205, 0.0, "min", reproduction.BOTH_CHANCE),
        (0.0204, 0.0100, 0.0205, 0.0, "min", reproduction.WORSE),
        (0.0100, 0.0204, 0.0205, 0.0, "min", reproduction.BETTER),
        (0.1, 0.0204, 0.0205, 0.0, "min", reproduction.WORSE),  # Far worse than chance is not chance.
        (0.51, 0.52, 0.5, 1.0, "max", reproduction.BOTH_CHANCE),
        (0.13, 0.12, 0.1, 1.0, "max", reproduction.BOTH_CHANCE),
        (0.53, 0.52, 0.5, 1.0, "max", reproduction.AGREES),
        (0.90, 0.80, 0.5, 1.0, "max", reproduction.BETTER),
        (0.80, 0.90, 0.5, 1.0, "max", reproduction.WORSE),
        (0.98, 1.0, 0.5, 1.0, "max", reproduction.AGREES),
        (1e-4, 5.3e-5, 1 / 6, 0.0, "min", reproduction.BOTH_SOLVED),
        (5.3e-5, 1e-4, 1 / 6, 0.0, "min", reproduction.BOTH_SOLVED),
        (1e-2, 5.3e-5, 1 / 6, 0.0, "min", reproduction.WORSE),
        (8.5, 8.43, 11.09, None, "min", reproduction.AGREES),
        (8.61, 8.43, 11.09, None, "min", reproduction.WORSE),
        (8.2, 8.43, None, None, "min", reproduction.BETTER),
        (0.001, 0.0, 0.5, None, "min", reproduction.AGREES),
        (0.02, 0.0, 0.5, None, "min", reproduction.WORSE),
        (0.001, 0.0, None, None, "min", reproduction.WORSE),
        (0.0, 0.0, None, None, "min", reproduction.AGREES),
        (0.0, 0.0, 0.0, None, "max", reproduction.AGREES),
        (-1.01, -1.0, None, None, "max", reproduction.AGREES),
        (-1.1, -1.0, None, None, "max", reproduction.WORSE),
    ],
)
def test_a_figure_agrees_or_is_better_or_worse(
    ours: float, figure: float, chance: float | None, best: float | None, direction: str, said: str
) -> None:
    assert reproduction.judge_difference(row(direction), ours, figure, chance, best) == said


def test_the_tolerance_is_the_rows() -> None:
    assert reproduction.judge_difference(row(tolerance=0.0), 8.44, 8.43, 11.0) == reproduction.WORSE
    assert reproduction.judge_difference(row(tolerance=0.0), 8.43, 8.43, 11.0) == reproduction.AGREES
    assert reproduction.judge_difference(row(tolerance=0.3), 9.9, 8.43, 11.0) == reproduction.AGREES


def test_ours_is_the_mean_of_the_seeds_by_the_recipe(tmp_path: Path) -> None:
    found = cell(published(seeds=3), tmp_path, jsb(8.4, 0), jsb(8.5, 1))
    assert (found.ours, found.seeds, found.lacking) == (pytest.approx(8.45), 2, [2])
    assert found.difference == pytest.approx(0.02)
    assert found.half_width == pytest.approx(0.635, abs=1e-3)
    assert (found.chance, found.verdict, found.aside) == (11.09, "agrees", [])
    assert (found.parameters, found.seconds) == (100_000, 60.5)
    assert found.command == "seqbench sweep --arch gru --task music-jsb --tier paper --seeds 3"


def test_ours_is_the_best_of_the_seeds_where_the_published_one_is(tmp_path: Path) -> None:
    rules = published(seeds=3, statistic="best")
    found = cell(rules, tmp_path, jsb(8.4, 0), jsb(9.5, 1), jsb(seed=2, status="diverged", reason="nan"))
    assert (found.ours, found.half_width, found.seeds, found.verdict) == (8.4, None, 3, "agrees")
    assert (found.statistic, found.difference) == ("best", pytest.approx(-0.03))
    assert reproduction._our_figure(row("max"), [0.5, 0.7])[0] == pytest.approx(0.6)
    best = PublishedRow("a row", "accuracy", "max", {}, "", statistic="best")
    assert reproduction._our_figure(best, [0.5, 0.7]) == (0.7, None)


def test_the_maximum_of_ten_seeds_is_compared_with_the_best_of_ours() -> None:
    assert {row.statistic for row in load_board("chomsky-parity").published} == {"best"}
    assert {row.statistic for row in load_board("tcn-table1").published} == {"mean"}


def test_a_cell_says_where_its_tier_departs_from_the_published_recipe(tmp_path: Path) -> None:
    deviations = list(cards.load_card("music-jsb").tier("paper").deviations)
    assert deviations
    assert cell(published(), tmp_path).deviations == tuple(deviations)
    assert cell(published(task=None), tmp_path).deviations == ()


def test_other_configurations_than_the_recipes_do_not_count(tmp_path: Path) -> None:
    wide = jsb(7.0, 1, options={**RECIPE, "d_model": 400})
    found = cell(published(seeds=2), tmp_path, jsb(8.4, 0), wide)
    assert (found.ours, found.seeds, found.lacking) == (8.4, 1, [1])
    (aside,) = found.aside
    assert aside.endswith("it is not of the recipe: arch.d_model is 400, the recipe's 200")


def test_configurations_that_the_recipe_leaves_open_are_not_mixed(tmp_path: Path) -> None:
    relu = [jsb(9.0, seed, options={**RECIPE, "nonlinearity": "relu"}) for seed in (0, 2)]
    tanh = [jsb(8.0, seed, options={**RECIPE, "nonlinearity": "tanh"}) for seed in range(2)]
    found = cell(published(seeds=3), tmp_path, relu[0], *tanh)
    assert (found.ours, found.seeds) == (8.0, 2)
    assert "another configuration, gru (nonlinearity=relu)" in found.aside[0]


def test_an_architecture_of_the_same_name_is_not_taken_for_seqbenchs(tmp_path: Path) -> None:
    others = [jsb(1.0, seed, distribution="other") for seed in range(2)]
    found = cell(published(seeds=2), tmp_path, *others, jsb(8.4, 0))
    assert (found.ours, found.seeds, len(found.aside)) == (8.4, 1, 2)
    assert cell(published(seeds=2), tmp_path / "alone", *others).ours == 1.0


def test_a_diverged_seed_counts_as_chance_and_chance_alone_is_no_figure(tmp_path: Path) -> None:
    diverged = jsb(seed=1, status="diverged", reason="the loss is nan")
    found = cell(published(seeds=2), tmp_path / "a", jsb(8.41, 0), diverged)
    assert (found.ours, found.seeds, found.diverged, found.lacking) == (pytest.approx(9.75), 2, 1, [])
    found = cell(published(seeds=2), tmp_path / "b", diverged)
    assert (found.ours, found.verdict, found.lacking) == (None, "diverged: the loss is nan", [0])


def test_a_failed_run_says_why_and_is_still_lacking(tmp_path: Path) -> None:
    found = cell(published(), tmp_path, jsb(status="timeout", reason="it took more than 5 min"))
    assert (found.ours, found.verdict, found.lacking) == (None, "timeout: it took more than 5 min", [0])


def test_records_without_the_metric_are_not_called_not_run(tmp_path: Path) -> None:
    found = cell(published(metric="perplexity"), tmp_path, jsb())
    assert (found.ours, found.verdict) == (None, "not comparable: its records have no perplexity")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "not run: needs a while"),
        ({"needs": ""}, "not run"),
        ({"task": "copy"}, "not run: the board does not name the task copy"),
        ({"task": None}, "no such task yet"),
    ],
)
def test_a_cell_without_records_says_what_it_takes(changed: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    found = cell(published(**changed), tmp_path)
    assert (found.verdict, found.ours, found.difference) == (said, None, None)
    # A cell that no run could fill lacks none.
    assert found.lacking == ([0] if "needs" in said or said == "not run" else [])


def test_a_task_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    rules = example_board(tasks={"no-such": None}, published=[_row(task="no-such")], tier="paper")
    assert cell(rules, tmp_path).verdict.startswith("not run: no-such: unknown task 'no-such'.")


def test_the_command_is_one_that_a_shell_can_take(tmp_path: Path) -> None:
    assert cell(published(), tmp_path).command == "seqbench run --arch gru --task music-jsb --tier paper"
    odd = cell(published(values={"my; rm x": 1}), tmp_path).command
    assert odd == "seqbench run --arch 'my; rm x' --task music-jsb --tier paper"
    pair = cell(published(values={"lstm+gru": 1}), tmp_path).command
    assert pair == "seqbench run --arch lstm --encoder gru --task music-jsb --tier paper"


def test_several_rows_of_one_task_take_their_own_metric(tmp_path: Path) -> None:
    rules = example_board(
        tier="paper",
        size=None,
        seeds=1,
        tasks={"music-jsb": None},
        published=[_row(task="music-jsb", metric="nll_per_frame"), _row(task="music-jsb", metric="frame_accuracy")],
    )
    line = {"value": 0.25, "chance": 0.0, "best": None}
    run = jsb(8.4)
    run = changed_record(run, "results.metrics.test.frame_accuracy", line)
    both = board_data(rules, write_records(tmp_path, run)).published
    assert [found.ours for found in both] == [8.4, 0.25]


def test_verdicts_are_counted_without_what_cells_need(tmp_path: Path) -> None:
    cell_ = cell(published(), tmp_path)
    cells = [replace(cell_, ours=None, verdict=f"not run: needs {n}") for n in (1, 2)]
    cells += [replace(cell_, ours=1.0, verdict=reproduction.BOTH_CHANCE)]
    assert reproduction.count_verdicts(cells) == {"not run": 2, "agrees: both are chance": 1}


def _row(**changed: Any) -> dict[str, Any]:
    return {"name": "x", "metric": "accuracy", "direction": "max", "setting": "", "values": {"gru": 0.5}, **changed}

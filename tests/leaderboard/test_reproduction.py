from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from seqbench.leaderboard import reproduction
from seqbench.leaderboard.board_data import PublishedCell
from seqbench.leaderboard.data.board_card import Board, PublishedRow, load_board
from seqbench.protocol import cards
from seqbench.protocol.records import Record
from tests.leaderboard.kit import board_data, example_board, example_record, write_records
from tests.record_data import changed_record

RECIPE = {"d_model": 200, "num_layers": 2, "dropout": 0.2}
"""Options that the tier paper of music-jsb sets."""


def published_row(direction: Literal["min", "max"] = "min", tolerance: float = 0.02) -> PublishedRow:
    return PublishedRow("a row", "mse", direction, {}, "", tolerance=tolerance)


def published_board(seeds: int = 1, **changed: Any) -> Board:
    """Return a board with one published row."""
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


def jsb_record(
    value: float = 8.4, seed: int = 0, arch: str = "gru", options: Mapping[str, Any] = RECIPE, **more: Any
) -> Record:
    """Return a record of music-jsb at the tier paper."""
    return example_record("music-jsb", arch, seed, value, tier="paper", arch_options=options, matched=None, **more)


def published_cell(board: Board, folder: Path, *records: Record) -> PublishedCell:
    """Return the only cell of a board's published table."""
    (cell,) = board_data(board, write_records(folder, *records)).published
    return cell


@pytest.mark.parametrize(
    ("ours", "figure", "chance", "best", "direction", "verdict"),
    [
        (0.0201, 0.0204, 0.0205, 0.0, "min", reproduction.BOTH_CHANCE),
        (0.0204, 0.0100, 0.0205, 0.0, "min", reproduction.WORSE),
        (0.0100, 0.0204, 0.0205, 0.0, "min", reproduction.BETTER),
        (0.1, 0.0204, 0.0205, 0.0, "min", reproduction.WORSE),  # Much worse than chance is not equal to chance.
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
def test_a_figure_agrees_with_the_published_one_or_is_better_or_worse(
    ours: float, figure: float, chance: float | None, best: float | None, direction: Literal["min", "max"], verdict: str
) -> None:
    assert reproduction.judge_difference(published_row(direction), ours, figure, chance, best) == verdict


def test_the_tolerance_is_that_of_the_row() -> None:
    assert reproduction.judge_difference(published_row(tolerance=0.0), 8.44, 8.43, 11.0) == reproduction.WORSE
    assert reproduction.judge_difference(published_row(tolerance=0.0), 8.43, 8.43, 11.0) == reproduction.AGREES
    assert reproduction.judge_difference(published_row(tolerance=0.3), 9.9, 8.43, 11.0) == reproduction.AGREES


def test_our_figure_is_the_mean_of_the_seeds(tmp_path: Path) -> None:
    cell = published_cell(published_board(seeds=3), tmp_path, jsb_record(8.4, 0), jsb_record(8.5, 1))
    assert (cell.ours, cell.seeds, cell.lacking) == (pytest.approx(8.45), 2, [2])
    assert cell.difference == pytest.approx(0.02)
    assert cell.half_width == pytest.approx(0.635, abs=1e-3)
    assert (cell.chance, cell.verdict, cell.aside) == (11.09, "agrees", [])
    assert (cell.parameters, cell.seconds) == (100_000, 60.5)
    assert cell.command == "seqbench sweep --arch gru --task music-jsb --tier paper --seeds 3"


def test_our_figure_is_the_best_seed_if_the_published_one_is(tmp_path: Path) -> None:
    board = published_board(seeds=3, statistic="best")
    cell = published_cell(
        board, tmp_path, jsb_record(8.4, 0), jsb_record(9.5, 1), jsb_record(seed=2, status="diverged", reason="nan")
    )
    assert (cell.ours, cell.half_width, cell.seeds, cell.verdict) == (8.4, None, 3, "agrees")
    assert (cell.statistic, cell.difference) == ("best", pytest.approx(-0.03))
    assert reproduction._our_figure(published_row("max"), [0.5, 0.7])[0] == pytest.approx(0.6)
    best = PublishedRow("a row", "accuracy", "max", {}, "", statistic="best")
    assert reproduction._our_figure(best, [0.5, 0.7]) == (0.7, None)


def test_each_board_compares_the_statistic_that_was_published() -> None:
    assert {row.statistic for row in load_board("chomsky-parity").published} == {"best"}
    assert {row.statistic for row in load_board("tcn-table1").published} == {"mean"}


def test_a_cell_lists_the_deviations_of_its_tier(tmp_path: Path) -> None:
    deviations = list(cards.load_card("music-jsb").tier("paper").deviations)
    assert deviations
    assert published_cell(published_board(), tmp_path).deviations == tuple(deviations)
    assert published_cell(published_board(task=None), tmp_path).deviations == ()


def test_a_record_that_deviates_from_the_recipe_does_not_count(tmp_path: Path) -> None:
    wide = jsb_record(7.0, 1, options={**RECIPE, "d_model": 400})
    cell = published_cell(published_board(seeds=2), tmp_path, jsb_record(8.4, 0), wide)
    assert (cell.ours, cell.seeds, cell.lacking) == (8.4, 1, [1])
    (aside,) = cell.aside
    assert aside.endswith("it is not of the recipe: arch.d_model is 400, the recipe's 200")


def test_several_configurations_of_the_recipe_are_not_averaged(tmp_path: Path) -> None:
    relu = [jsb_record(9.0, seed, options={**RECIPE, "nonlinearity": "relu"}) for seed in (0, 2)]
    tanh = [jsb_record(8.0, seed, options={**RECIPE, "nonlinearity": "tanh"}) for seed in range(2)]
    cell = published_cell(published_board(seeds=3), tmp_path, relu[0], *tanh)
    assert (cell.ours, cell.seeds) == (8.0, 2)
    assert "another configuration, gru (nonlinearity=relu)" in cell.aside[0]


def test_seqbenchs_architecture_counts_before_others_of_that_name(tmp_path: Path) -> None:
    others = [jsb_record(1.0, seed, distribution="other") for seed in range(2)]
    cell = published_cell(published_board(seeds=2), tmp_path, *others, jsb_record(8.4, 0))
    assert (cell.ours, cell.seeds, len(cell.aside)) == (8.4, 1, 2)
    assert published_cell(published_board(seeds=2), tmp_path / "alone", *others).ours == 1.0


def test_a_diverged_seed_counts_as_chance_but_gives_no_figure_alone(tmp_path: Path) -> None:
    diverged = jsb_record(seed=1, status="diverged", reason="the loss is nan")
    cell = published_cell(published_board(seeds=2), tmp_path / "a", jsb_record(8.41, 0), diverged)
    assert (cell.ours, cell.seeds, cell.diverged, cell.lacking) == (pytest.approx(9.75), 2, 1, [])
    cell = published_cell(published_board(seeds=2), tmp_path / "b", diverged)
    assert (cell.ours, cell.verdict, cell.lacking) == (None, "diverged: the loss is nan", [0])


def test_a_failed_run_gives_its_reason_and_is_still_to_be_run(tmp_path: Path) -> None:
    cell = published_cell(published_board(), tmp_path, jsb_record(status="timeout", reason="it took more than 5 min"))
    assert (cell.ours, cell.verdict, cell.lacking) == (None, "timeout: it took more than 5 min", [0])


def test_records_without_the_metric_are_not_comparable(tmp_path: Path) -> None:
    cell = published_cell(published_board(metric="perplexity"), tmp_path, jsb_record())
    assert (cell.ours, cell.verdict) == (None, "not comparable: its records have no perplexity")


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "not run: needs a while"),
        ({"needs": ""}, "not run"),
        ({"task": "copy"}, "not run: the board does not name the task copy"),
        ({"task": None}, "no such task yet"),
    ],
)
def test_a_cell_without_records_states_what_it_needs(changed: Mapping[str, Any], verdict: str, tmp_path: Path) -> None:
    cell = published_cell(published_board(**changed), tmp_path)
    assert (cell.verdict, cell.ours, cell.difference) == (verdict, None, None)
    # A cell without a usable task has no seeds to run.
    assert cell.lacking == ([0] if "needs" in verdict or verdict == "not run" else [])


def test_an_unknown_task_is_the_reason_of_a_missing_figure(tmp_path: Path) -> None:
    board = example_board(tasks={"no-such": None}, published=[row_data(task="no-such")], tier="paper")
    assert published_cell(board, tmp_path).verdict.startswith("not run: no-such: unknown task 'no-such'.")


def test_the_command_is_quoted_for_the_shell(tmp_path: Path) -> None:
    assert (
        published_cell(published_board(), tmp_path).command == "seqbench run --arch gru --task music-jsb --tier paper"
    )
    odd = published_cell(published_board(values={"my; rm x": 1}), tmp_path).command
    assert odd == "seqbench run --arch 'my; rm x' --task music-jsb --tier paper"
    pair = published_cell(published_board(values={"lstm+gru": 1}), tmp_path).command
    assert pair == "seqbench run --arch lstm --encoder gru --task music-jsb --tier paper"


def test_rows_of_one_task_use_their_own_metric(tmp_path: Path) -> None:
    board = example_board(
        tier="paper",
        size=None,
        seeds=1,
        tasks={"music-jsb": None},
        published=[
            row_data(task="music-jsb", metric="nll_per_frame"),
            row_data(task="music-jsb", metric="frame_accuracy"),
        ],
    )
    line = {"value": 0.25, "chance": 0.0, "best": None}
    run = jsb_record(8.4)
    run = changed_record(run, "results.metrics.test.frame_accuracy", line)
    both = board_data(board, write_records(tmp_path, run)).published
    assert [cell.ours for cell in both] == [8.4, 0.25]


def test_verdicts_are_counted_by_kind(tmp_path: Path) -> None:
    example = published_cell(published_board(), tmp_path)
    cells = [replace(example, ours=None, verdict=f"not run: needs {n}") for n in (1, 2)]
    cells += [replace(example, ours=1.0, verdict=reproduction.BOTH_CHANCE)]
    assert reproduction.count_verdicts(cells) == {"not run": 2, "agrees: both are chance": 1}


def row_data(**changed: Any) -> dict[str, Any]:
    return {"name": "x", "metric": "accuracy", "direction": "max", "setting": "", "values": {"gru": 0.5}, **changed}

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard import reproduction, verdicts
from seqbench.leaderboard.board_data import PublishedCell
from seqbench.leaderboard.data.board_card import Board, load_board
from seqbench.protocol import cards
from seqbench.protocol.records import Record
from tests.leaderboard.kit import board_data, example_board, example_record, write_records
from tests.record_data import changed_record

RECIPE = {"d_model": 200, "num_layers": 2, "dropout": 0.2}
"""Options that the tier paper of music-jsb sets."""


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


def test_our_figure_is_the_mean_of_the_seeds(tmp_path: Path) -> None:
    cell = published_cell(published_board(seeds=3), tmp_path, jsb_record(8.4, 0), jsb_record(8.5, 1))
    assert (cell.ours, cell.seeds, cell.lacking) == (pytest.approx(8.45), 2, [2])
    assert cell.difference == pytest.approx(0.02)
    assert cell.half_width == pytest.approx(0.635, abs=1e-3)
    assert (cell.chance, cell.verdict, cell.aside) == (11.09, verdicts.WIDE, [])
    assert (cell.parameters, cell.seconds) == (100_000, 60.5)
    assert cell.command == "seqbench sweep --arch gru --task music-jsb --tier paper --seeds 3"


def test_our_figure_is_the_best_seed_if_the_published_one_is(tmp_path: Path) -> None:
    board = replace(published_board(seeds=3), statistic="best")
    cell = published_cell(
        board, tmp_path, jsb_record(8.4, 0), jsb_record(9.5, 1), jsb_record(seed=2, status="diverged", reason="nan")
    )
    assert (cell.ours, cell.half_width, cell.seeds, cell.verdict) == (8.4, None, 3, verdicts.NO_SPREAD)
    assert (cell.statistic, cell.difference) == ("best", pytest.approx(-0.03))
    assert reproduction._our_figure("mean", "max", [0.5, 0.7])[0] == pytest.approx(0.6)
    assert reproduction._our_figure("best", "max", [0.5, 0.7]) == (0.7, None)


def test_each_board_compares_the_statistic_that_was_published() -> None:
    assert load_board("chomsky-parity").statistic == "best"
    assert load_board("tcn-table1").statistic == "mean"


def test_models_of_another_size_are_not_compared(tmp_path: Path) -> None:
    board = published_board(parameters=300_000)
    cell = published_cell(board, tmp_path / "a", jsb_record(8.43, parameters=678_688))
    assert (cell.ours, cell.parameters, cell.verdict) == (8.43, 678_688, "another size: not compared")
    same_size = jsb_record(8.43, parameters=297_838)
    assert published_cell(board, tmp_path / "b", same_size).verdict == verdicts.NO_SPREAD
    assert all(row.parameters for row in load_board("tcn-table1").published)


def test_a_cell_of_a_published_size_is_run_and_compared_at_that_size(tmp_path: Path) -> None:
    board = published_board(seeds=2, parameters=100_000)
    command = published_cell(board, tmp_path).command
    assert command is not None
    assert command.startswith("seqbench sweep --arch gru --task music-jsb --tier paper ")
    assert command.endswith(" --match-params 100000 --match-tolerance 0.1 --seeds 2")
    of_tier = [jsb_record(9.0, seed) for seed in range(2)]
    narrow = {**RECIPE, "d_model": 83}
    matched = [
        example_record("music-jsb", "gru", seed, 8.43, tier="paper", arch_options=narrow, matched=100_000)
        for seed in range(2)
    ]
    cell = published_cell(board, tmp_path, *of_tier, *matched)
    assert (cell.ours, cell.seeds, cell.verdict) == (8.43, 2, verdicts.AGREES_OURS)
    assert all("another configuration" in line for line in cell.aside)
    other = published_cell(published_board(parameters=300_000), tmp_path / "other", *matched)
    assert other.ours is None
    assert "arch.d_model is 83, the recipe's 200" in other.aside[0]


def test_a_published_spread_decides_for_one_seed(tmp_path: Path) -> None:
    board = published_board(spread={"gru": 0.05})
    assert published_cell(board, tmp_path, jsb_record(8.4)).verdict == verdicts.AGREES_PUBLISHED


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
    cells += [replace(example, ours=1.0, verdict=verdicts.BOTH_CHANCE)]
    assert reproduction.count_verdicts(cells) == {"not run": 2, "agrees: both are chance": 1}


def row_data(**changed: Any) -> dict[str, Any]:
    return {"name": "x", "metric": "accuracy", "direction": "max", "setting": "", "values": {"gru": 0.5}, **changed}

from __future__ import annotations

import itertools
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.selection import task_rows
from seqbench.leaderboard.stats.intervals import sampled_mean_interval, shared_share
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import Record
from tests.leaderboard.kit import (
    board_data,
    example_board,
    example_record,
    example_task_data,
    row_data,
    task_data,
    write_records,
)


def seeds(task: str = "copy", scores: tuple[float, ...] = (0.9, 0.9, 0.9), **changed: Any) -> list[Record]:
    """Return one record for each score, with seeds from 0 on."""
    return [example_record(task=task, seed=seed, value=score, **changed) for seed, score in enumerate(scores)]


def test_a_row_has_mean_interval_seeds_and_costs(tmp_path: Path) -> None:
    scores = (1.0, 0.5, 0.995)
    row = row_data(example_task_data(example_board(), write_records(tmp_path, *seeds(scores=scores))), "gru")
    assert row.mean == pytest.approx(sum(scores) / 3)
    assert row.half_width == pytest.approx(4.302653 * statistics.stdev(scores) / 3**0.5, rel=1e-6)
    assert (row.solved, row.state, row.above_chance, row.diverged) == (2, "ranked", True, 0)
    assert [seed.score for seed in row.seeds] == pytest.approx([(score - 0.125) / 0.875 for score in scores])
    assert row.costs["seconds"] == 61.0
    assert row.costs["parameters"] == 100_000
    assert row.costs["distribution"] == "seqbench 0.1.0"


def test_a_diverged_seed_counts_as_chance(tmp_path: Path) -> None:
    diverged = example_record(seed=2, status="diverged", reason="nan at step 9")
    row = row_data(example_task_data(example_board(), write_records(tmp_path, *seeds()[:2], diverged)), "gru")
    assert row.mean == pytest.approx((0.9 + 0.9 + 0.125) / 3)
    assert (row.state, row.diverged, row.seeds[2].score) == ("ranked", 1, 0.0)
    assert row.seeds[2].reason == "nan at step 9"


def test_without_a_chance_score_a_diverged_seed_counts_as_the_worst() -> None:
    assert task_rows.diverged_score(None, [9.0, 8.0], "min") == 9.0
    assert task_rows.diverged_score(None, [9.0, 8.0], "max") == 8.0
    assert task_rows.diverged_score(None, [], "max") is None
    assert task_rows.diverged_score(11.0, [9.0], "min") == 11.0


def test_a_score_without_chance_or_best_has_no_scale() -> None:
    assert task_rows.rescale_score(0.9, None, 1.0) is None
    assert task_rows.rescale_score(0.9, 0.5, None) is None
    assert task_rows.rescale_score(None, 0.5, 1.0) is None
    assert task_rows.rescale_score(0.5, 0.5, 0.5) is None


def test_incomplete_missing_and_not_applicable_rows_have_a_reason(tmp_path: Path) -> None:
    board = example_board(not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}])
    failed = example_record(seed=1, status="out_of_memory", reason="memory ran out")
    task = example_task_data(board, write_records(tmp_path, example_record(), failed, *seeds("parity", arch="lstm")))
    assert [(row.label, row.state, row.reason, row.rank) for row in task.rows] == [
        ("gru", "incomplete", "seed 1: memory ran out; seed 2: no record", None),
        ("lstm", "missing", "no record that counts", None),
        ("bigru", "not applicable", "it looks ahead", None),
    ]


def test_rows_that_do_not_differ_share_a_rank(tmp_path: Path) -> None:
    records = [
        *seeds(scores=(1.0, 1.0, 1.0), arch="tcn"),
        *seeds(scores=(1.0, 0.99, 1.0), arch="gru"),
        *seeds(scores=(0.5, 0.52, 0.49), arch="lstm"),
        *seeds(scores=(0.125, 0.126, 0.124), arch="rnn"),
    ]
    task = example_task_data(example_board(), write_records(tmp_path, *records))
    assert [(row.label, row.rank) for row in task.rows] == [("tcn", 1), ("gru", 1), ("lstm", 3), ("rnn", 4)]
    assert row_data(task, "rnn").above_chance is False


def test_a_single_seed_has_no_interval_and_no_rank(tmp_path: Path) -> None:
    folder = write_records(tmp_path, example_record(), example_record(arch="lstm", value=0.4))
    rows = example_task_data(example_board(seeds=1), folder).rows
    assert [(row.label, row.half_width, row.rank) for row in rows] == [("gru", None, None), ("lstm", None, None)]


def test_rows_are_ordered_by_the_direction_of_the_metric(tmp_path: Path) -> None:
    board = example_board(tasks={"music-jsb": {"anchor": 8.0, "anchor_source": "somebody"}})
    scores = {"gru": (8.4, 8.41, 8.42), "rnn": (9.9, 9.91, 9.92), "bad": (11.2, 11.3, 11.4)}
    records = [record for arch, values in scores.items() for record in seeds("music-jsb", values, arch=arch)]
    task = example_task_data(board, write_records(tmp_path, *records), "music-jsb")
    assert [(row.label, row.rank) for row in task.rows] == [("gru", 1), ("rnn", 2), ("bad", 3)]
    assert (task.best, task.anchor, task.best_unknown) == (None, 8.0, "nobody knows")
    assert row_data(task, "gru").seeds[0].score == pytest.approx((11.09 - 8.4) / (11.09 - 8.0))
    assert (row_data(task, "bad").mean_score, row_data(task, "bad").below_chance) == (0.0, True)
    assert (row_data(task, "bad").above_chance, row_data(task, "gru").solved) == (False, None)
    assert task.baselines == {"repeat": 11.09}
    assert {figure.architecture: figure.value for figure in task.published}["tcn"] == 8.10


def test_curves_are_means_with_the_lowest_and_highest_seed(tmp_path: Path) -> None:
    folder = write_records(tmp_path, *seeds("parity", (0.6, 0.8, 1.0)))
    row = row_data(example_task_data(example_board(), folder, "parity"), "gru")
    assert row.curve is not None
    assert row.curve.x == list(range(500, 4001, 500))
    assert (row.curve.low[0], row.curve.mean[0], row.curve.high[0]) == pytest.approx((0.55, 0.65, 0.75))
    assert row.lengths is not None
    assert row.lengths.x == [20, 40, 100, 500]
    assert row.lengths.mean == pytest.approx([0.8, 0.8, 0.9, 0.5])


def test_the_configuration_that_is_best_on_validation_ranks(tmp_path: Path) -> None:
    records = [
        *seeds(scores=(0.9, 0.91, 0.92)),
        *seeds(scores=(0.95, 0.96, 0.97), arch_options={"num_layers": 2}),
        *seeds(arch="rnn", scores=(0.1, 0.2, 0.1)),
    ]
    task = example_task_data(example_board(), write_records(tmp_path, *records))
    assert {row.label: (row.state, row.rank) for row in task.rows} == {
        "gru (num_layers=2)": ("ranked", 1),
        "gru (num_layers=1)": ("outdone", None),
        "rnn": ("ranked", 2),
    }
    reason = "gru (num_layers=2) has the better validation score; one configuration ranks"
    assert row_data(task, "gru (num_layers=1)").reason == reason


def test_not_applicable_holds_for_every_configuration(tmp_path: Path) -> None:
    board = example_board(not_applicable=[{"architecture": "gru", "task": "copy", "reason": "it looks ahead"}])
    deep = example_record("parity", seed=0, arch_options={"num_layers": 2}, value=0.8)
    task = example_task_data(board, write_records(tmp_path, example_record("parity", seed=0), deep))
    assert {row.label: row.state for row in task.rows} == {
        "gru (num_layers=1)": "not applicable",
        "gru (num_layers=2)": "not applicable",
    }


def test_an_anchor_that_is_not_better_than_chance_is_a_problem(tmp_path: Path) -> None:
    board = example_board(tasks={"music-jsb": {"anchor": 20.0, "anchor_source": "nobody"}})
    data = board_data(board, write_records(tmp_path, *seeds("music-jsb", (8.4, 8.5, 8.6))))
    assert data.problems == ["music-jsb: its anchor 20.0 is no better than chance"]
    assert data.tasks[0].anchor is None


@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_budget_is_the_expected_best_of_the_rates_that_were_tried(tmp_path: Path, direction: str) -> None:
    task = "copy" if direction == "max" else "music-jsb"
    scores = [0.3, None, 0.9, 0.5]
    tuning = {"tried": [{"lr": 1e-3, "value": score} for score in scores], "lr": 1e-3}
    folder = write_records(tmp_path, *seeds(task, tuning=tuning))
    row = row_data(example_task_data(example_board(tasks={task: None}), folder, task), "gru")
    best, worst = (max, 0.3) if direction == "max" else (min, 0.9)
    known = [worst if score is None else score for score in scores]
    choices = [list(itertools.combinations(known, budget)) for budget in range(1, 5)]
    assert row.budget == pytest.approx([statistics.fmean(best(chosen) for chosen in group) for group in choices])
    assert row.costs["tried"] == 4


def test_a_diverged_run_counts_only_if_somebody_verified_it(tmp_path: Path) -> None:
    runs = [*seeds()[:2], example_record(seed=2, status="diverged", reason="the loss is nan", verified=None)]
    row = row_data(example_task_data(example_board(), write_records(tmp_path / "invented", *runs)), "gru")
    assert (row.state, row.rank, row.diverged, row.seeds[2].value) == ("incomplete", None, 0, None)
    assert row.reason == f"seed 2: {task_rows.UNVERIFIED_DIVERGENCE}: the loss is nan"
    assert row.mean == pytest.approx(0.9)
    runs = [*seeds()[:2], example_record(seed=2, status="diverged", reason="the loss is nan")]
    row = row_data(example_task_data(example_board(), write_records(tmp_path / "verified", *runs)), "gru")
    assert (row.state, row.rank, row.diverged, row.seeds[2].value) == ("ranked", 1, 1, 0.125)


def test_a_row_says_who_verified_each_seed_and_how_many_configurations_were_tried(tmp_path: Path) -> None:
    first, second, third = seeds()
    ci = VerificationStamp(how="trained again", by="ci", checksum=first.digest())
    runs = [replace(first, verified=ci), second, replace(third, verified=None)]
    deep = seeds(scores=(0.8, 0.8, 0.8), arch_options={"num_layers": 2})
    data = board_data(example_board(), write_records(tmp_path, *runs, *deep, *seeds(arch="rnn")))
    row = row_data(task_data(data, "copy"), "gru (num_layers=1)")
    assert [seed.verification for seed in row.seeds] == ["ci", "submitter", "unverified"]
    assert (row.unverified, row.configurations) == ([2], 2)
    assert row_data(task_data(data, "copy"), "rnn").configurations == 1
    assert data.verification == {"ci": 1, "submitter": 7, "unverified": 1}


def test_an_interval_includes_the_test_samples_where_every_seed_has_their_error(tmp_path: Path) -> None:
    values, error = (0.8, 0.81, 0.83), 0.02
    records = [example_record("copy", "gru", seed, value, standard_error=error) for seed, value in enumerate(values)]
    records += [example_record("copy", "lstm", seed, value - 0.1) for seed, value in enumerate(values)]
    task = example_task_data(example_board(), write_records(tmp_path, *records))
    gru, lstm = row_data(task, "gru"), row_data(task, "lstm")
    assert gru.sample_half_width == sampled_mean_interval(values, [error] * 3).half_width
    assert gru.half_width is not None
    assert gru.sample_half_width is not None
    assert gru.sample_half_width > gru.half_width
    assert lstm.sample_half_width is None


def test_the_groups_of_samples_say_how_much_of_their_error_the_seeds_share(tmp_path: Path) -> None:
    values, errors = (0.8, 0.81, 0.83), [0.02] * 3
    moved = [(0.01, -0.01, 0.0), (-0.01, 0.01, 0.0), (0.0, 0.01, -0.01)]
    records = [
        example_record("copy", "gru", seed, value, standard_error=0.02, sample_groups=list(moved[seed]))
        for seed, value in enumerate(values)
    ]
    row = row_data(example_task_data(example_board(), write_records(tmp_path, *records)), "gru")
    assert row.sample_half_width == sampled_mean_interval(values, errors, shared_share(moved)).half_width
    assert row.sample_half_width != sampled_mean_interval(values, errors).half_width

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol.records import TUNING_SEED, Record
from tests.leaderboard.kit import board_data, example_board, example_record, example_task_data, row_data, write_records
from tests.record_data import changed_record


def with_card(**changed: Any) -> Record:
    """Return a record with another card."""
    record = example_record(seed=1)
    return replace(record, config=record.config.with_values(card={**record.config.card.to_dict(), **changed}))


def with_commit(commit: str) -> Record:
    """Return a record of another commit of seqbench."""
    return changed_record(example_record(seed=1), "config.git_commit", commit)


def with_chance(record: Record, chance: float) -> Record:
    """Return a record with another chance score."""
    return changed_record(record, "results.metrics.test.accuracy.chance", chance)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (example_record(seed=1, modified=("optim.steps", "task.delay")), "in optim.steps, task.delay"),
        (with_commit("1234abcd+changes"), "a checkout of seqbench with uncommitted changes"),
        (example_record(seed=3), "its seed is 3; the board's seeds are 0 to 2"),
        (example_record(seed=1, parameters=120_000), "it has 120,000 parameters; the board asks for 100,000 ± 2 %"),
        (example_record(seed=1, matched=99_000, parameters=99_000), "its width was chosen for 99,000 parameters"),
        (example_record(seed=1, status="interrupted", reason="stopped at step 7"), "unfinished: stopped at step 7"),
        (with_card(version=99), "it is of version 99 of the card copy; this board's is 2"),
        (with_card(digest="0" * 64), "its card copy differs from the installed card"),
        (with_card(direction="min"), "its metric is accuracy (min), the card's accuracy (max)"),
        (example_record(value=0.91), "it is a second record of one cell: its result is 0.91"),
        (example_record(value=0.9, seconds=7.0), "it is the same run as "),
    ],
)
def test_a_record_that_does_not_count_is_excluded_with_the_reason(tmp_path: Path, record: Record, reason: str) -> None:
    write_records(tmp_path / "a", example_record())
    record.write(tmp_path / "b")
    data = board_data(example_board(), tmp_path)
    assert row_data(data.tasks[0], "gru").seeds[0].value == 0.9
    assert data.records == 1
    (excluded,) = data.set_aside
    assert reason in excluded.reason
    assert excluded.origin == "b/result.json"


def test_a_failed_run_counts_without_a_score(tmp_path: Path) -> None:
    failed = example_record(arch="other", status="failed", reason="x" * 999)
    data = board_data(example_board(), write_records(tmp_path, example_record(), failed))
    assert (data.records, data.set_aside) == (2, [])
    assert row_data(data.tasks[0], "other").seeds[0].value is None


def test_unrelated_records_are_counted_and_not_listed(tmp_path: Path) -> None:
    unrelated = [
        example_record(task="adding"),
        example_record(tier="smoke"),
        example_record(seed=TUNING_SEED),
        example_record(seed=TUNING_SEED, lr=1e-2),
    ]
    data = board_data(example_board(), write_records(tmp_path, example_record(), *unrelated))
    assert data.unrelated == {"of other tasks": 1, "of other tiers": 1, "trials of learning rates": 2}
    assert data.set_aside == []


def test_an_unknown_task_of_a_board_is_a_problem_and_the_others_are_used(tmp_path: Path) -> None:
    board = example_board(tasks={"copy": None, "cpy": None})
    data = board_data(board, write_records(tmp_path, example_record()))
    assert [task.task for task in data.tasks] == ["copy"]
    assert "cpy: unknown task 'cpy'. Did you mean 'copy'" in data.problems[0]


def test_a_board_may_name_a_task_by_its_alias(tmp_path: Path) -> None:
    folder = write_records(tmp_path, example_record(task="music-jsb", value=8.4))
    assert row_data(example_task_data(example_board(tasks={"music": None}), folder, "music"), "gru").mean == 8.4


def test_a_record_with_another_chance_score_than_the_others_is_excluded(tmp_path: Path) -> None:
    records = [example_record(), example_record(seed=1), with_chance(example_record(seed=2), 0.01)]
    data = board_data(example_board(), write_records(tmp_path, *records))
    reason = "its chance and best possible are 0.01 and 1.0, the others' 0.125 and 1.0"
    assert reason in data.set_aside[0].reason


def test_the_rounding_error_of_a_chance_score_has_no_effect(tmp_path: Path) -> None:
    records = [example_record(), with_chance(example_record(seed=1), 0.125 + 1e-14)]
    assert board_data(example_board(), write_records(tmp_path, *records)).set_aside == []


def test_two_chance_scores_of_equal_frequency_are_a_problem(tmp_path: Path) -> None:
    records = [example_record(), with_chance(example_record(seed=1), 0.2)]
    data = board_data(example_board(), write_records(tmp_path, *records))
    assert "copy: its records do not agree on chance and best possible" in data.problems[0]
    assert data.records == 1


def test_the_chance_score_of_a_diverged_run_is_ignored(tmp_path: Path) -> None:
    diverged = []
    for seed in range(3):
        record = with_chance(example_record(arch=f"evil-{seed}"), 0.9)
        diverged.append(replace(record, results=record.results.with_values(status="diverged", reason="x")))
    records = [*(example_record(seed=seed) for seed in range(2)), *diverged]
    data = board_data(example_board(), write_records(tmp_path, *records))
    assert data.tasks[0].chance == 0.125
    assert data.set_aside == []
    assert row_data(data.tasks[0], "evil-0").seeds[0].value == 0.125


def test_one_training_counts_once(tmp_path: Path) -> None:
    record = example_record()
    copy = changed_record(record, "config.seed", 1)
    data = board_data(example_board(), write_records(tmp_path, record, copy))
    assert data.records == 1
    assert "it has the same weights as copy/" in data.set_aside[0].reason


def test_a_result_counts_before_a_failure_of_the_same_cell(tmp_path: Path) -> None:
    example_record(status="out_of_memory", reason="memory ran out").write(tmp_path / "a")
    example_record().write(tmp_path / "b")
    data = board_data(example_board(), tmp_path)
    assert row_data(data.tasks[0], "gru").seeds[0].status == "ok"
    assert data.set_aside[0].origin == "a/result.json"

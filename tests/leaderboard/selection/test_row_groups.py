from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqbench.leaderboard.selection.row_groups import group_rows
from seqbench.protocol.records import Record
from tests.leaderboard.kit import board_data, example_board, example_record, write_records

HIGH, LOW = (1.0, 0.999, 0.998), (0.6, 0.61, 0.62)


def runs(arch: str, **scores: tuple[float, ...]) -> list[Record]:
    return [example_record(task, arch, seed, value) for task in scores for seed, value in enumerate(scores[task])]


def test_firsts_and_lasts_are_counted_over_the_tasks_that_separate_rows(tmp_path: Path) -> None:
    records = [
        *runs("gru", copy=HIGH, parity=HIGH, adding=(0.1, 0.11, 0.12)),
        *runs("lstm", copy=LOW, parity=HIGH[::-1], adding=(0.1, 0.12, 0.11)),
        *runs("rnn", copy=LOW[::-1], parity=LOW),
    ]
    board = example_board(tasks={"copy": None, "parity": None, "adding": None})
    data = board_data(board, write_records(tmp_path, *records))
    assert [(row.label, row.firsts, row.lasts) for row in data.groups] == [("gru", 2, 0), ("lstm", 1, 1), ("rnn", 0, 2)]
    assert data.groups[2].ranks == {"copy": 2, "parity": 3, "adding": None}
    assert data.groups == group_rows(data.tasks)


def test_a_row_at_chance_is_not_among_the_first(tmp_path: Path) -> None:
    records = [*runs("gru", copy=HIGH), *runs("lstm", copy=(0.125, 0.126, 0.9)), *runs("rnn", copy=LOW)]
    board = example_board(tasks={"copy": None})
    data = board_data(board, write_records(tmp_path, *records))
    by_label = {row.label: (row.ranks["copy"], row.firsts) for row in data.groups}
    assert by_label["gru"] == (1, 1)
    chance = [replace(task, rows=[replace(row, above_chance=False) for row in task.rows]) for task in data.tasks]
    assert {row.firsts for row in group_rows(chance)} == {0}


def test_a_row_without_a_rank_is_neither_first_nor_last(tmp_path: Path) -> None:
    records = [*runs("gru", copy=HIGH), *runs("lstm", copy=LOW), *runs("rnn", copy=LOW[:2])]
    (*_, last) = board_data(example_board(), write_records(tmp_path, *records)).groups
    groups = board_data(example_board(), write_records(tmp_path, *records)).groups
    rnn = next(row for row in groups if row.label == "rnn")
    assert (rnn.ranks["copy"], rnn.firsts, rnn.lasts) == (None, 0, 0)
    assert last.label == "lstm"

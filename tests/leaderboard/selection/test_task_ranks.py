from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.leaderboard.selection.task_ranks import rank_rows
from seqbench.leaderboard.stats import ranking
from seqbench.leaderboard.stats.rank_power import detectable_difference, solve_or_fail_error
from seqbench.leaderboard.stats.ranking import pairwise_p_values
from seqbench.leaderboard.task_data import OUTDONE, RANKED, RowData, RowState, SeedData
from tests.leaderboard.kit import example_board, example_record, example_task_data, row_data, write_records

GRU, LSTM, RNN = (1.0, 1.0, 0.999), (0.6, 0.9, 0.7), (0.13, 0.12, 0.125)


def row(label: str, values: tuple[float, ...], state: RowState = RANKED, solved: int | None = None) -> RowData:
    seeds = [SeedData(seed, "ok", "", value, value) for seed, value in enumerate(values)]
    return RowData(label, label, state, "", mean=sum(values) / len(values), seeds=seeds, solved=solved)


def test_rows_have_the_p_values_of_the_first_and_of_the_row_above() -> None:
    p = pairwise_p_values([RNN, GRU, LSTM])
    rows, test = rank_rows([row("rnn", RNN), row("gru", GRU), row("lstm", LSTM)], "max")
    assert [(one.rank, one.p_first, one.p_above) for one in rows] == [
        (3, p[0, 1], p[0, 2]),
        (1, None, None),
        (1, p[2, 1], p[2, 1]),
    ]
    assert test is not None
    assert (test.rows, test.seeds, test.alpha, test.groups, test.undecided) == (3, 3, 0.05, 2, [])
    assert test.detectable == detectable_difference(3, 3)
    assert (test.solve_or_fail, test.board_error) == (False, None)


def test_rows_that_do_not_rank_are_not_tested() -> None:
    rows, test = rank_rows([row("gru", GRU), row("gru (layers=2)", RNN, OUTDONE), row("lstm", LSTM)], "max")
    assert [one.rank for one in rows] == [1, None, 1]
    assert test is not None
    assert (test.rows, test.groups) == (2, 1)
    assert rank_rows([row("gru", (1.0,))], "max")[1] is None
    alone = rank_rows([row("gru", GRU)], "max")[1]
    assert alone is not None
    assert (alone.detectable, alone.needed) == (None, None)


def test_a_rank_that_hangs_on_the_draws_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    p = float(pairwise_p_values([GRU, LSTM], 100_000)[0, 1])
    compute = ranking.compute_ranking
    monkeypatch.setattr(ranking, "compute_ranking", lambda samples, direction: compute(samples, direction, p))
    rows, test = rank_rows([row("gru", GRU), row("lstm", LSTM)], "max")
    assert [one.rank_range for one in rows] == [[], [1, 2]]
    assert test is not None
    assert test.undecided == ["lstm"]


def test_a_task_that_some_seeds_solve_names_its_error() -> None:
    test = rank_rows([row("gru", GRU, solved=2), row("lstm", LSTM, solved=0)], "max")[1]
    assert test is not None
    assert (test.solve_or_fail, test.board_error) == (True, solve_or_fail_error(3))


def test_the_data_of_a_task_hold_its_test(tmp_path: Path) -> None:
    scores = {"gru": GRU, "lstm": LSTM, "rnn": RNN}
    records = [example_record("copy", arch, seed, value) for arch in scores for seed, value in enumerate(scores[arch])]
    task = example_task_data(example_board(), write_records(tmp_path, *records))
    assert task.test is not None
    assert task.test.groups == 2
    assert task.test.needed is not None
    assert 0 < task.test.needed < 3
    assert row_data(task, "rnn").p_first == pairwise_p_values([GRU, LSTM, RNN])[2, 0]

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.leaderboard.board_data import OverallData
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.selection import overall_comparison
from seqbench.leaderboard.stats.average_ranks import critical_difference, friedman_test
from seqbench.leaderboard.stats.improvement import improvement_interval
from seqbench.leaderboard.stats.interquartile_mean import iqm_interval, optimality_gap
from seqbench.leaderboard.stats.performance_profiles import THRESHOLDS, performance_profile
from seqbench.protocol.records import Record
from tests.leaderboard.kit import board_data, example_board, example_record, write_records

ANCHORED = {"copy": None, "parity": None, "music-jsb": {"anchor": 8.0, "anchor_source": "somebody"}}
"""Three tasks, each with a scale."""


def runs(arch: str, **scores: tuple[float, ...]) -> list[Record]:
    """Return one record for each score of each task."""
    return [
        example_record(task.replace("_", "-"), arch, seed, score)
        for task, values in scores.items()
        for seed, score in enumerate(values)
    ]


def overall_data(board: Board, folder: Path) -> OverallData:
    overall = board_data(board, folder).overall
    assert overall is not None
    return overall


def test_rows_that_have_all_tasks_are_compared(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0, 1.0, 1.0), parity=(1.0, 1.0, 1.0), music_jsb=(8.0, 8.0, 8.0))
    records += runs("rnn", copy=(0.125,) * 3, parity=(0.75,) * 3, music_jsb=(9.545,) * 3)
    records += runs("tcn", copy=(1.0, 1.0, 1.0), parity=(0.5, 0.5, 0.5))
    overall = overall_data(example_board(tasks=ANCHORED), write_records(tmp_path, *records))
    assert overall.tasks == ["copy", "parity", "music-jsb"]
    assert [(row.label, row.means) for row in overall.rows] == [
        ("gru", [1.0, 1.0, 1.0]),
        ("rnn", [0.0, 0.5, pytest.approx(0.5)]),
    ]
    assert overall.rows[1].profile == performance_profile([[0.0] * 3, [0.5] * 3, [score_of(9.545)] * 3])
    assert overall.thresholds == list(THRESHOLDS)
    assert overall.incomplete == {"tcn": "no scores on music-jsb"}


def score_of(loss: float) -> float:
    return (loss - 11.09) / (8.0 - 11.09)


def test_few_tasks_give_no_overall_order(tmp_path: Path) -> None:
    records = runs("rnn", copy=(0.9, 0.91, 0.92), parity=(0.9, 0.91, 0.92), music_jsb=(8.3, 8.31, 8.32))
    records += runs("gru", copy=(0.99, 0.98, 1.0), parity=(0.99, 0.98, 1.0), music_jsb=(8.4, 8.2, 8.8))
    overall = overall_data(example_board(tasks=ANCHORED), write_records(tmp_path, *records))
    assert (overall.ordered, overall.least_tasks, overall.improvement, overall.rank_test) == (False, 10, [], None)
    # The rows have the order of their groups.
    assert [row.label for row in overall.rows] == ["gru", "rnn"]
    for row in overall.rows:
        assert (row.iqm, row.low, row.high, row.first_beats, row.gap, row.average_rank) == (None,) * 6


def test_enough_tasks_give_an_overall_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overall_comparison, "LEAST_ORDERED_TASKS", 3)
    rnn = {"copy": (0.9, 0.91, 0.92), "parity": (0.9, 0.91, 0.92), "music_jsb": (8.4, 8.31, 8.32)}
    gru = {"copy": (0.99, 0.98, 1.0), "parity": (0.99, 0.98, 0.9), "music_jsb": (8.3, 8.2, 8.36)}
    folder = write_records(tmp_path, *runs("rnn", **rnn), *runs("gru", **gru))
    overall = overall_data(example_board(tasks=ANCHORED), folder)
    scale = {"copy": (0.125, 1.0), "parity": (0.5, 1.0), "music_jsb": (11.09, 8.0)}
    scores = {
        arch: [[(x - scale[t][0]) / (scale[t][1] - scale[t][0]) for x in values[t]] for t in scale]
        for arch, values in (("gru", gru), ("rnn", rnn))
    }
    first, second = overall.rows
    assert (first.label, second.label, overall.ordered, overall.least_tasks) == ("gru", "rnn", True, 3)
    for row in overall.rows:
        estimate, gap = iqm_interval(scores[row.label]), optimality_gap(scores[row.label])
        assert (row.iqm, row.low, row.high) == pytest.approx((estimate.value, estimate.low, estimate.high))
        assert row.gap is not None
        assert row.gap.value == pytest.approx(gap.value)
        assert row.means == pytest.approx([sum(runs) / 3 for runs in scores[row.label]])
    assert (first.first_beats, second.first_beats) == (None, improvement_interval(scores["gru"], scores["rnn"]))
    assert (first.average_rank, second.average_rank) == (1.0, 2.0)
    assert overall.rank_test is not None
    assert (overall.rank_test.statistic, overall.rank_test.p) == friedman_test([first.means, second.means])
    assert overall.rank_test.critical_difference == critical_difference(2, 3)


def test_a_mean_below_chance_scores_zero_and_a_seed_below_chance_does_not(tmp_path: Path) -> None:
    records = runs("gru", copy=(0.1, 0.12, 0.14), parity=(0.45, 0.45, 0.9))
    data = board_data(example_board(), write_records(tmp_path, *records))
    copy, parity = (task.rows[0] for task in data.tasks)
    assert copy.mean_score == 0.0
    assert [seed.score for seed in copy.seeds] == pytest.approx([-0.02857, -0.00571, 0.01714], abs=1e-4)
    assert parity.mean_score == pytest.approx(0.2)
    assert data.overall is not None
    assert data.overall.rows[0].means == [0.0, pytest.approx(0.2)]


def test_a_task_without_a_scale_is_left_out_with_the_reason(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 3, music_jsb=(8.0,) * 3)
    board = example_board(tasks={**ANCHORED, "music-jsb": None, "adding": None})
    overall = overall_data(board, write_records(tmp_path, *records))
    assert overall.tasks == ["copy", "parity"]
    assert overall.left_out == {
        "adding": "no record that counts",
        "music-jsb": "the best possible is unknown, and it has no anchor",
    }


def test_a_task_whose_rows_lack_seeds_is_left_out_with_the_reason(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 2, adding=(0.1,) * 3)
    board = example_board(tasks={"copy": None, "parity": None, "adding": None})
    overall = overall_data(board, write_records(tmp_path, *records))
    assert overall.left_out == {"parity": "no row has all its seeds"}


def test_a_board_can_choose_the_tasks(tmp_path: Path) -> None:
    folder = write_records(tmp_path, *runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 3))
    assert overall_data(example_board(tasks=ANCHORED, overall=["copy", "parity"]), folder).rows[0].label == "gru"
    assert board_data(example_board(tasks=ANCHORED, overall=["copy", "music-jsb"]), folder).overall is None
    assert board_data(example_board(tasks={"copy": None}), folder).overall is None


def test_a_diverged_seed_counts_as_chance(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0, 1.0), parity=(1.0, 1.0, 1.0))
    records.append(example_record("copy", seed=2, status="diverged", reason="nan"))
    (row,) = overall_data(example_board(), write_records(tmp_path, *records)).rows
    assert row.means == [pytest.approx(2 / 3), 1.0]

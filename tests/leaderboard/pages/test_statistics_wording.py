from __future__ import annotations

from dataclasses import replace

from seqbench.leaderboard.board_data import OverallData
from seqbench.leaderboard.pages import statistics_wording
from seqbench.leaderboard.task_data import RankTest, RowData

TEST = RankTest(rows=6, seeds=3, alpha=0.05, groups=2, draws=10_000, undecided=[], detectable=6.88, needed=0.0273)
ROW = RowData("gru", "gru", "ranked", "", rank=2, mean=0.5, half_width=0.1, p_first=0.0484, p_above=0.31)


def test_the_power_of_a_task_is_said_in_words() -> None:
    (sentence,) = statistics_wording.test_sentences(TEST)
    assert "With 3 seeds and 6 rows, a difference of 6.9 standard deviations" in sentence
    assert "80 % of boards" in sentence
    assert "0.027 was needed" in sentence
    assert statistics_wording.test_sentences(None) == []
    assert statistics_wording.test_sentences(replace(TEST, rows=1, detectable=None, needed=None)) == []


def test_ranks_that_are_open_and_errors_of_the_test_are_said() -> None:
    open_test = replace(TEST, undecided=["gru", "a\u202eb"], solve_or_fail=True, board_error=0.269)
    _, undecided, error = statistics_wording.test_sentences(open_test)
    assert "rank of gru, a" in undecided
    assert "\u202e" not in undecided
    assert "27 % of boards with 3 seeds" in error
    many = statistics_wording.undecided_sentence(replace(TEST, undecided=[f"net-{k}" for k in range(8)]))
    assert "net-4 and 3 more" in many
    # With five seeds the test errs no more than elsewhere.
    assert not statistics_wording.solve_or_fail_sentence(replace(open_test, seeds=5, board_error=0.022))


def test_a_board_of_few_tasks_says_why_it_has_no_order() -> None:
    overall = OverallData(["copy", "parity"], {}, [], [], {}, False, 10, [0.5], None)
    assert "2 tasks cannot carry one" in statistics_wording.order_sentence(overall)
    assert "10 tasks" in statistics_wording.order_sentence(overall)
    assert statistics_wording.order_sentence(replace(overall, ordered=True)) == ""


def test_the_interval_with_test_samples_stands_where_it_is_known() -> None:
    assert statistics_wording.sample_interval(ROW) == ""
    assert statistics_wording.sample_interval(replace(ROW, sample_half_width=0.018)) == (
        "± 0.018 over seeds and test samples"
    )

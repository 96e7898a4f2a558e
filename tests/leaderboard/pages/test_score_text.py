"""Scores and intervals as text: no interval is claimed where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.pages import score_text
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.leaderboard.task_data import RowData

ROW = RowData("gru", "gru", "ranked", "", mean=1.0, half_width=0.0)


def test_equal_seeds_have_no_half_width() -> None:
    assert score_text.spread_text(ROW, 3) == "all seeds"
    assert score_text.spread_text(replace(ROW, half_width=0.0123), 3) == "± 0.012"
    assert score_text.spread_text(replace(ROW, half_width=1e-9), 3) == "± <0.001"
    assert score_text.spread_text(replace(ROW, half_width=None), 3) == "one seed"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.9731, 0.9734, "0.973 (0.9731 to 0.9734)"),
        (0.97300001, 0.97300002, "0.973"),
        (0.973, 0.973, "0.973"),
        (None, None, "0.973"),
        (0.95, 0.98, "0.973 (0.950 to 0.980)"),
    ],
)
def test_the_ends_of_an_interval_differ_or_are_left_out(low: float | None, high: float | None, text: str) -> None:
    assert score_text.format_estimate(0.973, low, high) == text


def test_an_estimate_may_be_absent() -> None:
    assert score_text.format_optional(None, 3) == ""
    assert score_text.format_optional(Estimate(0.5, 0.4, 0.6), 2) == "0.50 (0.40 to 0.60)"

"""Scores and intervals as text: no interval is claimed where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.pages import score_text
from seqbench.leaderboard.task_data import RowData, SeedData

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


def test_the_normalised_mean_is_over_the_seeds_with_a_score() -> None:
    seeds = [SeedData(0, "ok", "", 0.9, 0.8), SeedData(1, "ok", "", 0.7, 0.4), SeedData(2, "missing", "", None, None)]
    assert score_text.normalised_mean(replace(ROW, seeds=seeds)) == pytest.approx(0.6)
    assert score_text.normalised_mean(ROW) is None

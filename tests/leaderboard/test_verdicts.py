"""Verdicts on our figures beside published ones."""

from __future__ import annotations

from typing import Literal

import pytest

from seqbench.leaderboard import verdicts
from seqbench.leaderboard.data.board_card import PublishedRow


def published_row(
    direction: Literal["min", "max"] = "min", tolerance: float = 0.02, parameters: int | None = None
) -> PublishedRow:
    return PublishedRow(
        "a row", "mse", direction, {"gru": 8.43, "tcn": 8.1}, "", tolerance=tolerance, parameters=parameters
    )


@pytest.mark.parametrize(
    ("ours", "figure", "chance", "best", "direction", "verdict"),
    [
        (0.0201, 0.0204, 0.0205, 0.0, "min", verdicts.BOTH_CHANCE),
        (0.0204, 0.0100, 0.0205, 0.0, "min", verdicts.WORSE),
        (0.0100, 0.0204, 0.0205, 0.0, "min", verdicts.BETTER),
        (0.1, 0.0204, 0.0205, 0.0, "min", verdicts.WORSE),  # Much worse than chance is not equal to chance.
        (0.51, 0.52, 0.5, 1.0, "max", verdicts.BOTH_CHANCE),
        (0.13, 0.12, 0.1, 1.0, "max", verdicts.BOTH_CHANCE),
        (0.53, 0.52, 0.5, 1.0, "max", verdicts.NO_INTERVAL),
        (0.90, 0.80, 0.5, 1.0, "max", verdicts.BETTER),
        (0.80, 0.90, 0.5, 1.0, "max", verdicts.WORSE),
        (0.98, 1.0, 0.5, 1.0, "max", verdicts.NO_INTERVAL),
        (1e-4, 5.3e-5, 1 / 6, 0.0, "min", verdicts.BOTH_SOLVED),
        (5.3e-5, 1e-4, 1 / 6, 0.0, "min", verdicts.BOTH_SOLVED),
        (1e-2, 5.3e-5, 1 / 6, 0.0, "min", verdicts.WORSE),
        (8.5, 8.43, 11.09, None, "min", verdicts.NO_INTERVAL),
        (8.434, 8.43, 11.09, None, "min", verdicts.AGREES),
        (8.61, 8.43, 11.09, None, "min", verdicts.WORSE),
        (8.2, 8.43, None, None, "min", verdicts.BETTER),
        (0.0001, 0.0, 0.5, None, "min", verdicts.AGREES),
        (0.02, 0.0, 0.5, None, "min", verdicts.WORSE),
        (0.001, 0.0, None, None, "min", verdicts.WORSE),
        (0.0, 0.0, None, None, "min", verdicts.AGREES),
        (0.0, 0.0, 0.0, None, "max", verdicts.AGREES),
        (-1.01, -1.0, None, None, "max", verdicts.NO_INTERVAL),
        (-1.1, -1.0, None, None, "max", verdicts.WORSE),
    ],
)
def test_a_figure_agrees_with_the_published_one_or_is_better_or_worse(
    ours: float, figure: float, chance: float | None, best: float | None, direction: Literal["min", "max"], verdict: str
) -> None:
    assert verdicts.judge_difference(published_row(direction), ours, figure, chance, best) == verdict


@pytest.mark.parametrize(
    ("ours", "half_width", "verdict"),
    [
        (8.45, 0.005, verdicts.WORSE),
        (8.43, 0.005, verdicts.AGREES),
        (8.41, 0.005, verdicts.BETTER),
        (8.45, 0.03, verdicts.AGREES),
        (8.45, 0.64, verdicts.WIDE),
        (8.434, 0.0, verdicts.AGREES),
        (8.436, 0.0, verdicts.WORSE),
        (8.45, None, verdicts.NO_INTERVAL),
        (8.7, None, verdicts.WORSE),
    ],
)
def test_the_interval_and_the_published_digits_decide(ours: float, half_width: float | None, verdict: str) -> None:
    assert verdicts.judge_difference(published_row(), ours, 8.43, 11.09, None, half_width) == verdict


def test_the_tolerance_is_that_of_the_row() -> None:
    assert verdicts.judge_difference(published_row(tolerance=0.0), 8.44, 8.43, 11.0) == verdicts.WORSE
    assert verdicts.judge_difference(published_row(tolerance=0.0), 8.43, 8.43, 11.0) == verdicts.AGREES
    assert verdicts.judge_difference(published_row(tolerance=0.3), 9.9, 8.43, 11.0) == verdicts.NO_INTERVAL


@pytest.mark.parametrize(
    ("value", "row", "half"),
    [
        (8.43, [], 0.005),
        (8.1, [8.45, 8.43, 8.91, 8.1], 0.005),
        (1.5, [1.50, 1.53, 1.69, 1.45], 0.005),
        (114.5, [78.93, 92.48, 114.50, 88.68], 0.005),
        (5.3e-5, [0.164, 5.3e-5, 0.177, 5.8e-5], 5e-7),
        (0.164, [0.164, 5.3e-5, 0.177, 5.8e-5], 5e-4),
        (1.0, [1.0, 1.0, 0.52], 0.005),
        (12.0, [], 0.5),
        (0.0, [0.5], 0.05),
    ],
)
def test_a_figure_has_the_digits_of_its_row(value: float, row: list[float], half: float) -> None:
    assert verdicts.half_unit(value, row) == pytest.approx(half)


def test_sizes_match_within_the_rounding_of_published_ones() -> None:
    row = published_row(parameters=300_000)
    assert not verdicts.is_other_size(row, 297_838)
    assert not verdicts.is_other_size(row, 330_000)
    assert verdicts.is_other_size(row, 331_000)
    assert verdicts.is_other_size(row, 678_688)
    assert not verdicts.is_other_size(row, None)
    assert not verdicts.is_other_size(published_row(), 678_688)

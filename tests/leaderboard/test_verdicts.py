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
        (0.90, 0.80, 0.5, 1.0, "max", verdicts.BETTER),
        (0.80, 0.90, 0.5, 1.0, "max", verdicts.WORSE),
        (1e-4, 5.3e-5, 1 / 6, 0.0, "min", verdicts.BOTH_SOLVED),
        (5.3e-5, 1e-4, 1 / 6, 0.0, "min", verdicts.BOTH_SOLVED),
        (1e-2, 5.3e-5, 1 / 6, 0.0, "min", verdicts.WORSE),
        (8.434, 8.43, 11.09, None, "min", verdicts.AGREES_OURS),
        (8.45, 8.43, 11.09, None, "min", verdicts.WORSE),
        (8.2, 8.43, None, None, "min", verdicts.BETTER),
        (0.0001, 0.0, 0.5, None, "min", verdicts.AGREES_OURS),
        (0.02, 0.0, 0.5, None, "min", verdicts.WORSE),
        (0.0, 0.0, None, None, "min", verdicts.AGREES_OURS),
        (0.0, 0.0, 0.0, None, "max", verdicts.AGREES_OURS),
        (-1.1, -1.0, None, None, "max", verdicts.WORSE),
    ],
)
def test_a_figure_whose_seeds_are_equal_agrees_with_the_published_one_or_is_better_or_worse(
    ours: float, figure: float, chance: float | None, best: float | None, direction: Literal["min", "max"], verdict: str
) -> None:
    assert verdicts.judge_difference(published_row(direction), ours, figure, chance, best, 0.0) == verdict


@pytest.mark.parametrize(
    ("ours", "half_width", "published_spread", "verdict"),
    [
        # 8.45 against 8.43 differs by 0.2 %, so a tolerance of 2 % alone would not tell them apart.
        (8.45, 0.005, None, verdicts.WORSE),
        (8.43, 0.005, None, verdicts.AGREES_OURS),
        (8.41, 0.005, None, verdicts.BETTER),
        (8.45, 0.03, None, verdicts.AGREES_OURS),
        (8.45, 0.64, None, verdicts.WIDE),
        (8.434, 0.0, None, verdicts.AGREES_OURS),
        (8.436, 0.0, None, verdicts.WORSE),
        (8.45, None, None, verdicts.NO_SPREAD),
        (8.43, None, None, verdicts.NO_SPREAD),
        (9.7, None, None, verdicts.NO_SPREAD),
        (8.45, None, 0.02, verdicts.AGREES_PUBLISHED),
        (8.45, 0.03, 0.02, verdicts.AGREES_PUBLISHED),
        (8.45, 0.03, 0.001, verdicts.AGREES_OURS),
        (8.45, 0.03, 3.0, verdicts.AGREES_OURS),
        (8.45, 0.64, 3.0, verdicts.WIDE),
        (8.45, 0.005, 0.01, verdicts.WORSE),
        (8.7, None, 0.02, verdicts.WORSE),
    ],
)
def test_the_spread_of_either_figure_decides_and_is_named(
    ours: float, half_width: float | None, published_spread: float | None, verdict: str
) -> None:
    found = verdicts.judge_difference(published_row(), ours, 8.43, 11.09, None, half_width, published_spread)
    assert found == verdict


def test_figures_without_a_spread_agree_if_both_are_chance_or_solve_the_task() -> None:
    assert verdicts.judge_difference(published_row("max"), 0.51, 0.52, 0.5, 1.0) == verdicts.BOTH_CHANCE
    assert verdicts.judge_difference(published_row("max"), 1.0, 1.0, 0.5, 1.0) == verdicts.BOTH_SOLVED


def test_a_spread_wider_than_the_tolerance_of_the_row_decides_nothing() -> None:
    assert verdicts.judge_difference(published_row(tolerance=0.3), 9.0, 8.43, 11.0, None, 1.0) == verdicts.AGREES_OURS
    assert verdicts.judge_difference(published_row(tolerance=0.1), 9.0, 8.43, 11.0, None, 1.0) == verdicts.WIDE


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

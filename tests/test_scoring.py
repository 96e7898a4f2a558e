from __future__ import annotations

import pytest

from seqbench import scoring
from seqbench.cards import Metric


@pytest.mark.parametrize(
    ("value", "chance", "best", "direction", "clear"),
    [
        (0.9, 0.5, 1.0, "max", True),
        (0.52, 0.5, 1.0, "max", False),
        (0.3, 0.5, 1.0, "max", False),
        (4.0, 4.8, None, "min", True),
        (4.7, 4.8, None, "min", False),
        (5.5, 4.8, None, "min", False),
        (1.0, None, None, "min", None),
    ],
)
def test_what_is_clearly_better_than_chance(
    value: float, chance: float | None, best: float | None, direction: str, clear: bool | None
) -> None:
    assert scoring.above_chance(value, chance, best, direction) is clear


@pytest.mark.parametrize(("direction", "chosen"), [("max", 1), ("min", 0)])
def test_the_first_of_the_best_validations_is_chosen(direction: str, chosen: int) -> None:
    curve = {"step": [10, 20, 30, 40], "accuracy": [0.2, 0.9, 0.9, 0.2]}
    assert scoring.choose(curve, Metric("accuracy", direction)) == chosen

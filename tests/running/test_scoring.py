from __future__ import annotations

import pytest

from seqbench.running import scoring


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
def test_a_score_is_compared_with_chance_and_the_best_score(
    value: float, chance: float | None, best: float | None, direction: str, clear: bool | None
) -> None:
    assert scoring.above_chance(value, chance, best, direction) is clear

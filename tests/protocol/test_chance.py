from __future__ import annotations

import pytest

from seqbench.protocol.chance import above_chance


@pytest.mark.parametrize(
    ("value", "chance", "best", "direction", "expected"),
    [
        (0.526, 0.5, 1.0, "max", True),
        (0.524, 0.5, 1.0, "max", False),
        (0.4, 0.5, 1.0, "max", False),
        (9.4, 10.0, 0.0, "min", True),
        (9.6, 10.0, 0.0, "min", False),
        (10.5, 10.0, 0.0, "min", False),
        (9.4, 10.0, None, "min", True),
        (9.6, 10.0, None, "min", False),
        (0.5, 0.5, 0.5, "max", False),
        (0.9, None, 1.0, "max", None),
    ],
)
def test_a_score_is_above_chance_from_five_percent_of_the_way(
    value: float, chance: float | None, best: float | None, direction: str, expected: bool | None
) -> None:
    assert above_chance(value, chance, best, direction) is expected

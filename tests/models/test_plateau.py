"""The schedule that lowers the rate at a plateau, and its state in checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import pytest
import torch
from torch import nn

from seqbench.models.plateau import PlateauLR
from seqbench.protocol.cards import Optim


def schedule(hold: int = 0, warmup: int = 0, direction: Literal["max", "min"] = "min", lr: float = 1.0) -> PlateauLR:
    optim = Optim(steps=100, batch_size=1, validate_every=1, lr=lr, schedule="plateau", hold=hold, warmup=warmup)
    return PlateauLR(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr), optim, direction)


def rates(one: PlateauLR, scores: Iterable[float | None]) -> list[float]:
    found = []
    for score in scores:
        one.observe(score)
        found.append(round(float(one.optimizer.param_groups[0]["lr"]), 9))
    return found


def test_a_score_worse_than_the_three_before_it_divides_the_rate_by_ten() -> None:
    # The fifth score is worse than the last one, but not than each of the three before it.
    assert rates(schedule(), [5.0, 4.0, 3.0, 2.0, 3.5, 4.1, 4.0]) == [1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1]


def test_an_equal_score_is_no_plateau() -> None:
    assert rates(schedule(), [2.0, 2.0, 2.0, 2.0, 2.0]) == [1.0] * 5


def test_the_first_validations_are_held() -> None:
    assert rates(schedule(hold=3), [1.0, 2.0, 3.0, 4.0]) == [1.0, 1.0, 1.0, 0.1]


def test_lower_accuracies_are_worse() -> None:
    assert rates(schedule(direction="max"), [0.5, 0.6, 0.4]) == [1.0, 1.0, 0.1]


def test_an_undefined_score_is_not_compared() -> None:
    assert rates(schedule(), [2.0, None, math.nan, 1.0, 3.0]) == [1.0, 1.0, 1.0, 1.0, 0.1]


def test_the_rate_rises_over_the_warm_up_and_keeps_its_drops() -> None:
    one = schedule(warmup=4, lr=0.4)
    assert one.get_last_lr() == pytest.approx([0.1])
    one.observe(1.0)
    one.observe(2.0)
    assert one.get_last_lr() == pytest.approx([0.01])
    for _ in range(9):
        one.optimizer.step()
        one.step()
    assert one.get_last_lr() == pytest.approx([0.04])


def test_a_restored_schedule_goes_on_as_the_first_would() -> None:
    first, scores = schedule(hold=2), [3.0, 2.0, 2.5, 3.5]
    rates(first, scores)
    again = schedule(hold=2)
    again.load_state_dict(first.state_dict())
    again.optimizer.load_state_dict(first.optimizer.state_dict())
    assert again.drops == first.drops == 1
    assert rates(again, [4.0, 3.0, 5.0]) == rates(first, [4.0, 3.0, 5.0]) == [0.01, 0.01, 0.001]

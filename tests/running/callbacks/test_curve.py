from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seqbench.running.callbacks.curve import EVERY, Curve, DivergedError


def trainer(step: int) -> Any:
    alone = SimpleNamespace(reduce=lambda tensor, reduce_op: tensor)
    return SimpleNamespace(
        global_step=step, loggers=[], strategy=alone, optimizers=[SimpleNamespace(param_groups=[{"lr": 0.1}])]
    )


def train(curve: Curve, losses: list[float], start: int = 0) -> None:
    for step, loss in enumerate(losses, start + 1):
        curve.on_train_batch_end(trainer(step), None, {"loss": torch.tensor(loss)}, None, 0)  # type: ignore[arg-type]


def test_a_point_is_the_mean_of_its_steps_and_ends_at_a_validation() -> None:
    curve = Curve()
    train(curve, [float(i) for i in range(EVERY + 10)])
    curve.on_validation_start(trainer(EVERY + 10), None)  # type: ignore[arg-type]
    assert curve.train["step"] == [EVERY, EVERY + 10]
    assert curve.train["loss"] == [(EVERY - 1) / 2, EVERY + 4.5]
    curve.on_validation_start(trainer(EVERY + 10), None)  # type: ignore[arg-type]
    assert len(curve.train["step"]) == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run_before_validation(bad: float) -> None:
    curve = Curve()
    train(curve, [1.0, bad, 1.0])
    with pytest.raises(DivergedError, match=r"training loss is (nan|inf) at step 3"):
        curve.on_validation_start(trainer(3), None)  # type: ignore[arg-type]


def test_the_points_survive_a_checkpoint() -> None:
    curve, other = Curve(), Curve()
    train(curve, [1.0] * EVERY)
    other.load_state_dict(curve.state_dict())
    assert other.state_dict() == curve.state_dict()

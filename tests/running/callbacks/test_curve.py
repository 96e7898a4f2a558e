from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import seqbench
from seqbench.running.callbacks.curve import LOSSES_KEY, POINT_STEPS, Curve, DivergedError
from seqbench.utils.errors import SeqbenchError

MODULE: Any = None


def trainer(step: int) -> Any:
    """A Trainer of one process at a step."""
    strategy = SimpleNamespace(reduce=lambda tensor, reduce_op: tensor, root_device=torch.device("cpu"))
    optimizers = [SimpleNamespace(param_groups=[{"lr": 0.1}])]
    return SimpleNamespace(global_step=step, loggers=[], strategy=strategy, optimizers=optimizers)


def train(curve: Curve, losses: list[float], start: int = 0) -> None:
    for step, loss in enumerate(losses, start + 1):
        curve.on_train_batch_end(trainer(step), MODULE, {"loss": torch.tensor(loss)}, None, 0)


def test_a_point_is_the_mean_of_its_steps_and_ends_at_a_validation() -> None:
    curve = Curve()
    train(curve, [float(i) for i in range(POINT_STEPS + 10)])
    curve.on_validation_start(trainer(POINT_STEPS + 10), MODULE)
    assert curve.train["step"] == [POINT_STEPS, POINT_STEPS + 10]
    assert curve.train["loss"] == [(POINT_STEPS - 1) / 2, POINT_STEPS + 4.5]
    curve.on_validation_start(trainer(POINT_STEPS + 10), MODULE)
    assert len(curve.train["step"]) == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run_before_validation(bad: float) -> None:
    curve = Curve()
    train(curve, [1.0, bad, 1.0])
    with pytest.raises(DivergedError, match=r"training loss is (nan|inf) at step 3"):
        curve.on_validation_start(trainer(3), MODULE)


def test_no_checkpoint_is_written_after_a_loss_that_is_not_finite() -> None:
    curve = Curve()
    train(curve, [1.0, float("nan")])
    with pytest.raises(DivergedError, match="training loss is nan at step 2"):
        curve.on_save_checkpoint(trainer(2), MODULE, {})


def test_a_checkpoint_holds_the_points_and_the_losses_since_the_last_one() -> None:
    curve, restored = Curve(), Curve()
    train(curve, [1.0] * POINT_STEPS + [2.0, 4.0])
    checkpoint: dict[str, object] = {}
    curve.on_save_checkpoint(trainer(POINT_STEPS + 2), MODULE, checkpoint)
    assert isinstance(checkpoint[LOSSES_KEY], torch.Tensor)
    restored.load_state_dict(curve.curves())
    restored.on_load_checkpoint(trainer(POINT_STEPS + 2), MODULE, checkpoint)
    restored.on_validation_start(trainer(POINT_STEPS + 2), MODULE)
    assert restored.train == {"step": [POINT_STEPS, POINT_STEPS + 2], "loss": [1.0, 3.0]}


@pytest.mark.parametrize("outputs", [None, {}, {"loss": 0.5}, {"loss": torch.zeros(2)}, torch.zeros(3)])
def test_a_training_step_without_a_loss_is_refused(outputs: Any) -> None:
    with pytest.raises(SeqbenchError, match=r"training_step of NoneType must return the loss .* at step 4 there is"):
        Curve().on_train_batch_end(trainer(4), MODULE, outputs, None, 0)


def test_a_loss_may_have_axes_of_length_one() -> None:
    curve = Curve()
    curve.on_train_batch_end(trainer(1), MODULE, {"loss": torch.ones(1, 1)}, None, 0)
    curve.on_train_batch_end(trainer(2), MODULE, torch.ones(()), None, 0)
    curve.on_validation_start(trainer(2), MODULE)
    assert curve.train == {"step": [2], "loss": [1.0]}


@pytest.mark.parametrize(
    ("rates", "expected"),
    [([], {}), ([0.1], {"train/lr": 0.1}), ([0.1, 0.2], {"train/lr": 0.1, "train/lr_2": 0.2}), ([None], {})],
)
def test_the_learning_rate_of_each_optimiser_is_logged(rates: list[float | None], expected: dict[str, float]) -> None:
    logged: dict[str, float] = {}
    engine = trainer(1)
    engine.optimizers = [SimpleNamespace(param_groups=[] if rate is None else [{"lr": rate}]) for rate in rates]
    engine.loggers = [SimpleNamespace(log_metrics=lambda values, step: logged.update(values))]
    curve = Curve()
    curve.on_train_batch_end(engine, MODULE, {"loss": torch.ones(())}, None, 0)
    curve.on_validation_start(engine, MODULE)
    assert {name: value for name, value in logged.items() if name != "train/loss"} == expected


def test_an_undefined_score_is_null_in_the_curve_and_no_logger_gets_it() -> None:
    module, curve, rows = seqbench.build("gru", "copy", tier="smoke"), Curve(), list[dict[str, float]]()
    module.evaluated["validation"] = {"accuracy": 0.5, "loss": None}
    engine = trainer(3)
    engine.loggers = [SimpleNamespace(log_metrics=lambda row, step: rows.append(row))]
    curve.on_validation_end(engine, module)
    assert curve.validation == {"step": [3], "accuracy": [0.5], "loss": [None]}
    assert rows == [{"validation/accuracy": 0.5}]


def test_an_undefined_deciding_metric_ends_the_run_and_is_no_divergence() -> None:
    module = seqbench.build("gru", "copy", tier="smoke")
    module.evaluated["validation"] = {"accuracy": None}
    with pytest.raises(SeqbenchError, match="the deciding metric, validation accuracy, is undefined"):
        Curve().on_validation_end(trainer(3), module)
    module.evaluated["validation"] = {"accuracy": float("nan")}
    with pytest.raises(DivergedError, match="validation accuracy is nan at step 3"):
        Curve().on_validation_end(trainer(3), module)

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.curve_replay import CurveReplay


def test_every_point_of_the_checkpoint_is_given_to_every_logger() -> None:
    curve, rows = Curve(), dict[str, list[Any]]()
    curve.train = {"step": [50, 100], "loss": [2.0, 1.0]}
    curve.validation = {"step": [100], "accuracy": [0.5]}
    loggers = [
        SimpleNamespace(log_metrics=lambda row, step, name=name: rows.setdefault(name, []).append((step, row)))
        for name in ("one", "two")
    ]
    trainer: Any = SimpleNamespace(loggers=loggers)
    module: Any = None
    CurveReplay(curve).on_train_start(trainer, module)
    assert rows["one"] == [(50, {"train/loss": 2.0}), (100, {"train/loss": 1.0, "validation/accuracy": 0.5})]
    assert rows["one"] == rows["two"]

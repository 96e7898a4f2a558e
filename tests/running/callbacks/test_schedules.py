from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seqbench.running.callbacks.schedules import RunSchedules
from seqbench.utils.errors import SeqbenchError


def check(interval: str, automatic: bool) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    config = SimpleNamespace(interval=interval, scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 5))
    trainer: Any = SimpleNamespace(lr_scheduler_configs=[config])
    module: Any = SimpleNamespace(automatic_optimization=automatic)
    RunSchedules().on_train_start(trainer, module)


def test_a_schedule_that_no_epoch_would_step_is_refused_with_the_way_out() -> None:
    with pytest.raises(SeqbenchError, match=r'StepLR of .* no epochs; return .*"interval": "step"'):
        check("epoch", automatic=True)


@pytest.mark.parametrize(("interval", "automatic"), [("step", True), ("epoch", False)])
def test_other_schedules_are_accepted(interval: str, automatic: bool) -> None:
    check(interval, automatic)

"""Check the contract of the module, its regression, and a short run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import seqbench
import torch
from lightning.pytorch import Trainer
from seqbench.testing import Check, architecture_checks

from seqbench_reservoir import Reservoir

QUIET: dict[str, Any] = {
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "accelerator": "cpu",
}


@pytest.mark.parametrize("check", architecture_checks(Reservoir), ids=str)
def test_the_module_satisfies_the_contract(check: Check) -> None:
    check()


@pytest.mark.filterwarnings("ignore")
def test_the_readout_is_the_ridge_regression_of_all_batches() -> None:
    module = seqbench.build(
        {"name": "reservoir", "d_model": 12, "ridge": 0.1}, {"name": "copy", "delay": 3}, tier="smoke"
    )
    assert isinstance(module, Reservoir)
    assert module.data is not None
    Trainer(max_epochs=1, limit_train_batches=4, limit_val_batches=0, **QUIET).fit(module)
    batches = [module.data.stream("train", step) for step in range(4)]
    with torch.no_grad():
        states = [module.body(batch).flatten(0, 1).double() for batch in batches]
    x = torch.cat([torch.cat([state, torch.ones(len(state), 1)], dim=1) for state in states])
    y = torch.cat([torch.nn.functional.one_hot(batch.targets.flatten(), 10).double() for batch in batches])
    w = torch.cat([batch.weights.flatten() for batch in batches])[:, None].double().sqrt()
    # The same problem as least squares, with one more row for each weight of the readout.
    rows = torch.cat([w * x, 0.1**0.5 * torch.eye(13, dtype=torch.float64)])
    expected = torch.linalg.lstsq(rows, torch.cat([w * y, torch.zeros(13, 10, dtype=torch.float64)])).solution
    head = module.objective.head
    found = torch.cat([head.weight.T, head.bias[None]]).double() / module.sharpness
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_only_the_readout_is_learned() -> None:
    module = seqbench.build({"name": "reservoir", "d_model": 12}, "copy", tier="smoke")
    assert {name for name, p in module.named_parameters() if p.requires_grad} == {
        "objective.head.weight",
        "objective.head.bias",
    }


def test_a_value_out_of_range_or_a_task_without_classes_is_refused() -> None:
    with pytest.raises(seqbench.SeqbenchError, match="ridge and sharpness must be above 0"):
        seqbench.build({"name": "reservoir", "ridge": 0.0}, "copy", tier="smoke")
    with pytest.raises(seqbench.SeqbenchError, match="choose a task that predicts classes"):
        seqbench.build("reservoir", "plan", tier="smoke")


def test_a_short_run_succeeds_and_remembers(tmp_path: Path) -> None:
    optim = {"steps": 60, "validate_every": 30}
    task = {"name": "copy", "delay": 2}
    run = seqbench.run(
        {"name": "reservoir", "d_model": 96}, task, tier="smoke", optim=optim, logger="none", runs=tmp_path
    )
    assert run.record.status == "ok"
    assert run.record.config.architecture.distribution == "seqbench-reservoir"
    score = run.record.results.metrics["test"]["accuracy"]
    assert score.chance is not None
    assert score.value > 2 * score.chance

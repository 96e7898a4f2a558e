"""The type of a Trainer tells a run of seqbench from a user's own Trainer."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as L

from seqbench.models import build
from seqbench.protocol.run_trainer import RunTrainer, is_run
from seqbench.running import run_config, trainer
from seqbench.running.run_request import RunRequest


def test_a_run_has_a_trainer_of_its_own_type(tmp_path: Path) -> None:
    config = run_config.resolve_config(RunRequest("gru", "copy", tier="smoke"))
    built = trainer.build_trainer(config, tmp_path, [], build.build_module(config))
    assert is_run(built)
    assert not is_run(L.Trainer(logger=False, accelerator="cpu", enable_checkpointing=False))
    assert not is_run(None)


def test_the_trainer_of_a_run_has_the_behaviour_of_lightnings() -> None:
    assert not {name for name in vars(RunTrainer) if not name.startswith("__")}

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest

from seqbench.models import build
from seqbench.protocol.config import TrainerOptions
from seqbench.running import run_config, trainer
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests.models.modules import CHARACTERS, COPY, build_copy, build_small_module


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accelerator": "abacus"}, "the trainer refuses its options"),
        ({"precision": "7-bit"}, "the trainer refuses its options"),
        ({"accelerator": "cpu", "devices": 9999}, "asks for more processes than"),
    ],
)
def test_wrong_options_are_refused_and_leave_no_file(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    request = RunRequest.from_mapping({"arch": "gru", "task": "copy", "tier": "smoke", "trainer": options})
    config = run_config.resolve_config(request)
    with pytest.raises(SeqbenchError, match=message):
        trainer.build_trainer(config, tmp_path / "run", [], build.build_module(config))
    assert list(tmp_path.iterdir()) == []


def test_messages_and_warnings_of_lightning_are_hidden_and_levels_restored() -> None:
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    with warnings.catch_warnings(record=True) as caught, trainer.silence_lightning():
        assert logger.level == logging.ERROR
        warnings.warn("The 'train_dataloader' does not have many workers", stacklevel=1)
    assert (logger.level, caught) == (level, [])


@pytest.mark.parametrize(
    ("options", "streaming", "strategy"),
    [
        ({}, True, "auto"),
        ({"devices": 2}, True, "ddp_find_unused_parameters_true"),
        ({"num_nodes": 2}, True, "ddp_find_unused_parameters_true"),
        ({"devices": 2, "strategy": "ddp"}, True, "ddp_find_unused_parameters_true"),
        ({"devices": 2}, False, "auto"),
        ({"devices": 2, "strategy": "fsdp"}, True, "fsdp"),
    ],
)
def test_streams_on_several_devices_allow_unused_initial_states(
    options: dict[str, Any], streaming: bool, strategy: str, text_folder: Path
) -> None:
    module = build_small_module("gru", CHARACTERS if streaming else COPY, text_folder)
    assert trainer._strategy(TrainerOptions(**options), module) == strategy


def test_a_module_with_training_of_its_own_may_leave_parameters_unused_on_several_devices() -> None:
    module = build_copy("tests.models.own_modules:Plain")
    assert trainer._strategy(TrainerOptions(devices=2), module) == "ddp_find_unused_parameters_true"
    assert trainer._strategy(TrainerOptions(), module) == "auto"


@pytest.mark.parametrize(("automatic", "clip"), [(True, 0.5), (False, None)])
def test_the_trainer_clips_only_where_lightning_steps_the_optimiser(
    tmp_path: Path, automatic: bool, clip: float | None
) -> None:
    request = RunRequest.from_mapping({"arch": "gru", "task": "copy", "tier": "smoke", "optim": {"clip": 0.5}})
    config = run_config.resolve_config(request)
    module = build.build_module(config)
    module.automatic_optimization = automatic
    assert trainer.build_trainer(config, tmp_path, [], module).gradient_clip_val == clip

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest

import seqbench
from seqbench.protocol.config import TrainerOptions
from seqbench.running import run_config, used_devices
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError

SMOKE: dict[str, Any] = {"tier": "smoke", "optim": {"steps": 4, "validate_every": 2}, "logger": "none"}


def build(**options: Any) -> L.Trainer:
    return L.Trainer(**{"accelerator": "cpu", "devices": 1, "logger": False, **options})


def test_the_record_names_what_was_used(tmp_path: Path) -> None:
    trainer = {"accelerator": "cpu", "precision": "bf16", "threads": 1}
    record = seqbench.run("gru", "copy", **SMOKE, trainer=trainer, runs=tmp_path).record
    assert record.measured.trainer is not None
    assert record.measured.trainer.to_dict() == {
        "accelerator": "cpu",
        "devices": 1,
        "num_nodes": 1,
        "strategy": "SingleDeviceStrategy",
        "precision": "bf16-mixed",
    }
    assert record.config.options.trainer.precision == "bf16-mixed"


def test_a_precision_that_lightning_replaces_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    trainer = {"accelerator": "cpu", "precision": "16-mixed"}
    with pytest.raises(SeqbenchError, match=r"is 16-mixed, but on cpu Lightning computes with bf16-mixed"):
        seqbench.run("gru", "copy", **SMOKE, trainer=trainer, runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["64", "32", "16", "bf16", "64-true", "bf16-true", "bf16-mixed", "16-true"])
def test_every_precision_that_a_processor_has_is_accepted_under_its_full_name(precision: str) -> None:
    options = TrainerOptions(accelerator="cpu", precision=precision)
    trainer = build(precision=options.precision)
    if options.precision == "16-mixed":
        with pytest.raises(SeqbenchError, match="16-mixed"):
            used_devices.check_precision(options, trainer)
    else:
        used_devices.check_precision(options, trainer)


@pytest.mark.parametrize(("alias", "name"), [("bf16", "bf16-mixed"), ("16", "16-mixed"), ("32", "32-true")])
def test_an_alias_has_the_digest_of_its_full_name(alias: str, name: str) -> None:
    digests = {
        run_config.resolve_config(
            RunRequest.from_mapping({"arch": "gru", "task": "copy", "trainer": {"precision": precision}})
        ).digest()
        for precision in (alias, name)
    }
    assert len(digests) == 1


@pytest.mark.parametrize(("devices", "kept"), [("2", 2), ("-1", -1), ("0,1", "0,1"), ("auto", "auto"), (1, 1)])
def test_a_count_of_devices_is_a_number(devices: Any, kept: object) -> None:
    assert TrainerOptions(devices=devices).devices == kept


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, ""),
        ({"devices": "auto"}, "devices auto: 1"),
        ({"accelerator": "cpu", "devices": 1}, ""),
        ({"strategy": "ddp"}, "strategy ddp: SingleDeviceStrategy"),
    ],
)
def test_options_that_lightning_resolves_are_said(asked: dict[str, Any], words: str) -> None:
    assert used_devices.describe_replaced(TrainerOptions(**asked), build()) == words

"""The probe of modules: no false alarm of any architecture, in each precision, and no trace in a training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.strategies import FSDPStrategy

import seqbench
from seqbench.models.contract import module_probe
from seqbench.models.contract.causality import LooksAheadError
from seqbench.models.weights import weights_digest
from seqbench.protocol import registry
from seqbench.utils.errors import SeqbenchError
from tests.models.modules import COPY, PAIRS, build_small_module, build_trainer
from tests.test_architectures_on_tasks import EACH_KIND, WIDTH, load_backbone, task_id

PRECISIONS = ["bf16-mixed", "bf16-true", "64-true"]
CHEATS = "tests.models.contract.cheats"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("arch", ["gru", "transformer", "s4d", "jordan"])
def test_kinds_of_architectures_give_no_false_alarm_in_other_precisions(
    arch: str, precision: str, text_folder: Path, small_data: Path
) -> None:
    require_no_false_alarm(arch, precision, [COPY, PAIRS], text_folder, small_data)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", *PRECISIONS])
@pytest.mark.parametrize("arch", registry.list_entries(registry.ARCHITECTURES))
def test_no_built_in_architecture_gives_a_false_alarm_on_any_kind_of_task(
    arch: str, precision: str, text_folder: Path, small_data: Path
) -> None:
    load_backbone(arch)
    require_no_false_alarm(arch, precision, EACH_KIND, text_folder, small_data)


def require_no_false_alarm(
    arch: str, precision: str, tasks: list[dict[str, Any]], text_folder: Path, small_data: Path
) -> None:
    """Probe the module of an architecture on each task that it supports in a precision."""
    probed = 0
    for task in tasks:
        try:
            module = build_small_module({"name": arch, "d_model": WIDTH}, task, text_folder, small_data)
        except SeqbenchError:
            continue
        trainer = build_trainer(precision=precision)
        trainer.strategy.connect(module)
        trainer.strategy.precision_plugin.convert_module(module)
        place = module_probe.trainer_placement(trainer)
        assert place is not None
        try:
            module(place.convert(module.data.stream("train", 0)))  # type: ignore[union-attr]  # It was built with data.
        except (RuntimeError, NotImplementedError):  # The architecture does not support the precision.
            continue
        result = module_probe.probe_module(module, trainer)
        assert result is not None, task_id(task)
        assert result.largest_change <= result.tolerance or result.tolerance == 0
        assert not result.note
        probed += 1
    assert probed or precision != "32-true"


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_a_leak_is_found_in_each_precision(precision: str) -> None:
    module = seqbench.build({"name": f"{CHEATS}:Next", "d_model": 8}, "copy", tier="smoke")
    with pytest.raises(LooksAheadError, match="Next looks ahead"):
        build_trainer(precision=precision).fit(module)


def test_an_own_trainer_probes_a_built_module_before_training() -> None:
    module = seqbench.build({"name": "gru", "d_model": 8}, "copy", tier="smoke")
    build_trainer().fit(module)
    assert module.causality is not None
    assert (module.causality.declared, module.causality.looks_ahead, module.causality.largest_change) == (
        True,
        False,
        0,
    )
    leaking = seqbench.build({"name": f"{CHEATS}:Next", "d_model": 8}, "copy", tier="smoke")
    before = weights_digest(leaking)
    with pytest.raises(LooksAheadError, match=r"Next looks ahead: output \d+ changed"):
        build_trainer().fit(leaking)
    assert weights_digest(leaking) == before


def test_a_training_is_bit_for_bit_that_without_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for probe in (module_probe.probe_module, lambda *args: None):
        monkeypatch.setattr(module_probe, "probe_module", probe)
        torch.manual_seed(7)
        arch = {"name": f"{CHEATS}:Counting", "d_model": 8}
        module = seqbench.build(arch, "copy", tier="smoke", body={"dropout": 0.3})
        build_trainer(max_steps=3, callbacks=[Drawing()]).fit(module)
        digests.append((weights_digest(module), torch.get_rng_state().tolist()))
    assert digests[0] == digests[1]


class Drawing(L.Callback):
    """Draws a random number before training, which shows the state of the generator."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        torch.rand(1)


def test_remarks_are_logged_once_before_training(caplog: pytest.LogCaptureFixture) -> None:
    module = seqbench.build({"name": f"{CHEATS}:Undeclared", "d_model": 8}, "copy", tier="smoke")
    with caplog.at_level(logging.INFO):
        module_probe.probe_module(module)
        module_probe.probe_module(module, trained=True)
    assert caplog.text.count("does not declare causal; the probe found that it does not look ahead") == 1


def test_a_module_without_data_or_with_divided_weights_is_not_probed() -> None:
    module = seqbench.build({"name": "gru", "d_model": 8}, "copy", tier="smoke")
    trainer = build_trainer()
    trainer.strategy.__class__ = FSDPStrategy  # An FSDP strategy cannot be built without a GPU.
    assert module_probe.probe_module(module, trainer) is None
    module.data = None
    assert module_probe.probe_module(module) is None


def test_a_batch_with_padding_is_found_where_there_is_one(small_data: Path, text_folder: Path) -> None:
    pairs = build_small_module({"name": "gru", "d_model": 8}, PAIRS, text_folder, small_data)
    assert pairs.data is not None
    padded = module_probe.find_padded_batch(pairs.data)
    assert padded is not None
    assert int(padded.lengths.min()) < padded.inputs.shape[1]
    copy = seqbench.build({"name": "gru", "d_model": 8}, "copy", tier="smoke")
    assert copy.data is not None
    assert module_probe.find_padded_batch(copy.data) is None

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seqbench.models.weights import state_digest
from seqbench.protocol import records, run_folder
from seqbench.protocol.records import Record
from seqbench.running import evaluation, reload
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.verification.blind.blind_batches import hide_targets
from seqbench.verification.blind.net_process import NetProcess


@pytest.fixture(scope="module")
def record(run: Path) -> Record:
    return records.read_record(run)


@pytest.fixture(scope="module")
def reloaded(run: Path, record: Record) -> reload.ReloadedRun:
    return reload.reload_run(run, record, reload.recorded_config(record))


@pytest.fixture(scope="module")
def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / run_folder.BEST)["state_dict"]


@pytest.fixture(scope="module")
def net(record: Record, weights: dict[str, torch.Tensor]) -> Iterator[NetProcess]:
    with NetProcess(record, weights, accelerator="cpu", threads=1) as process:
        yield process


def test_a_net_process_describes_the_net_of_the_record(
    net: NetProcess, record: Record, weights: dict[str, torch.Tensor]
) -> None:
    description = net.describe()
    assert description.weights_digest == state_digest(weights) == record.results.weights
    assert description.trainable == record.config.parameters
    assert description.options["arch"]["d_model"] == 8


def test_hidden_vectors_are_those_of_the_module_bit_for_bit(net: NetProcess, reloaded: reload.ReloadedRun) -> None:
    batch = reloaded.data.stream("test", 0)
    module = reloaded.module.eval()
    with evaluation.use_threads(1), torch.inference_mode():
        expected = module.body(batch)
    assert torch.equal(net.hidden_vectors(hide_targets(batch, module.spec)), expected)

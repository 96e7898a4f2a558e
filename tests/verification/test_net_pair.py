from __future__ import annotations

from pathlib import Path

import torch

from seqbench.models.weights import state_digest
from seqbench.protocol import records, run_folder
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.net_pair import NetPair


def test_both_processes_have_the_weights_and_end_with_the_pair(run: Path) -> None:
    record, weights = records.read_record(run), load_checkpoint(run / run_folder.BEST)["state_dict"]
    with NetPair(record, weights, threads=1) as nets:
        assert nets.second is not None
        first, second = nets.describe(), nets.second.describe()
        assert first.weights_digest == second.weights_digest == state_digest(weights) == record.results.weights
        assert first.costs == {
            "state_bytes": record.config.state_bytes,
            "flops_per_token": record.config.flops_per_token,
        }
        batch = BlindBatch(torch.tensor([[0, 1, 1]]), torch.tensor([3]), out_time=3)
        assert torch.equal(nets.first.hidden_vectors(batch), nets.second.hidden_vectors(batch))
        processes = [nets.first._process, nets.second._process]
    assert all(process.poll() is not None for process in processes)


def test_without_weights_one_process_has_the_initial_weights(run: Path) -> None:
    record = records.read_record(run)
    with NetPair(record, {}, threads=1) as nets:
        assert nets.second is None
        assert nets.describe().weights_digest == nets.describe().initial_digest == record.config.initial_weights

from __future__ import annotations

from pathlib import Path

import torch

from seqbench.protocol import run_folder
from seqbench.verification import checkpoint_checks, verify
from tests.verification.helpers import states, wrong


def test_a_changed_checkpoint_is_wrong(folder: Path) -> None:
    saved = torch.load(folder / run_folder.BEST, weights_only=True)
    next(iter(saved["state_dict"].values())).view(-1)[0] += 1e-6
    torch.save(saved, folder / run_folder.BEST)
    report = verify.verify_record(folder)
    assert "results.weights is recorded as" in wrong(report)["weights"]
    assert states(report)["scores"] == "skipped"
    (folder / run_folder.BEST).write_bytes(b"no checkpoint")
    assert "does not fit its record" in wrong(verify.verify_record(folder))["weights"]


def test_a_checkpoint_of_another_training_is_wrong(folder: Path) -> None:
    checkpoint = torch.load(folder / run_folder.BEST, weights_only=True)
    checkpoint["callbacks"]["Curve"]["train"]["loss"][0] += 0.1
    torch.save(checkpoint, folder / run_folder.BEST)
    assert "against the checkpoint, curves.train.loss" in wrong(verify.verify_record(folder))["weights"]


def test_of_equal_scores_the_latest_must_have_been_chosen() -> None:
    assert checkpoint_checks._latest_best([0.5, 1.0, 1.0, 0.9], "max") == 2
    assert checkpoint_checks._latest_best([0.5, 0.25, 0.25 + 1e-12], "min") == 2  # Equal in 32 bits.

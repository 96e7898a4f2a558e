from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqbench.protocol import run_folder
from seqbench.verification import checkpoint_checks, verify
from tests.verification.helpers import (
    RecordData,
    change_best_step,
    change_learning_rate,
    check_change_is_found,
    edit_record,
    negate_above_chance,
    raise_best_validation,
    raise_early_loss,
    raise_final_validation,
    raise_probe_score,
    raise_test_score,
    remove_last_validation,
    replace_value,
    states,
    wrong,
)

pytestmark = pytest.mark.usefixtures("nets_in_this_process")

CHANGES: dict[str, tuple[Callable[[RecordData], None], set[str]]] = {
    "test score": (raise_test_score, {"scores"}),
    "score of a probe": (raise_probe_score, {"scores"}),
    "validation score and curve": (raise_best_validation, {"scores", "weights"}),
    "validation score": (raise_final_validation, {"scores"}),
    "above chance": (negate_above_chance, {"scores"}),
    "best step": (change_best_step, {"weights", "scores"}),
    "early loss": (raise_early_loss, {"weights"}),
    "last validation": (remove_last_validation, {"scores"}),
    "learning rate and digest": (change_learning_rate, {"weights"}),
    "digest of the weights": (replace_value("results", "weights", value="0" * 64), {"weights"}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_record_that_differs_from_its_checkpoint_is_wrong(folder: Path, kind: str) -> None:
    change, failing = CHANGES[kind]
    check_change_is_found(folder, change, failing)


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


def test_the_latest_of_equal_scores_must_have_been_chosen() -> None:
    assert checkpoint_checks._latest_best([0.5, 1.0, 1.0, 0.9], "max") == 2
    assert checkpoint_checks._latest_best([0.5, 0.25, 0.25 + 1e-12], "min") == 2  # Equal in 32 bits.


def test_a_checkpoint_of_another_step_or_learning_rate_is_wrong(folder: Path) -> None:
    checkpoint = torch.load(folder / run_folder.BEST, weights_only=True)
    torch.save({**checkpoint, "global_step": checkpoint["global_step"] + 1}, folder / run_folder.BEST)
    assert "results.best_step is recorded as" in wrong(verify.verify_record(folder))["weights"]
    checkpoint["lr_schedulers"][0]["base_lrs"] = [0.5]
    torch.save(checkpoint, folder / run_folder.BEST)
    assert "against the checkpoint, optim.lr" in wrong(verify.verify_record(folder))["weights"]


def test_validation_scores_that_the_curve_does_not_show_are_wrong_without_a_checkpoint(folder: Path) -> None:
    edit_record(folder, raise_final_validation)
    (folder / run_folder.BEST).unlink()
    assert "validation.accuracy is recorded as" in wrong(verify.verify_record(folder))["scores"]

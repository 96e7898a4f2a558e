from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch

import seqbench
from seqbench.models.module import SequenceModule
from seqbench.protocol.cards import Metric
from seqbench.running.callbacks.checkpoints import AtomicCheckpointIO, BestAndLast, load_checkpoint
from seqbench.utils.errors import SeqbenchError


def test_a_checkpoint_that_cannot_be_finished_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    io, path = AtomicCheckpointIO(), tmp_path / "checkpoints" / "last.ckpt"
    io.save_checkpoint({"step": 1}, path)

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SeqbenchError, match=r"last\.ckpt cannot be written: No space left on device; the earlier"):
        io.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(("direction", "better", "worse"), [("max", 0.6, 0.4), ("min", 0.4, 0.6)])
def test_the_latest_of_equal_scores_is_the_best(
    tmp_path: Path, direction: Literal["max", "min"], better: float, worse: float
) -> None:
    callback = BestAndLast(tmp_path, Metric("accuracy", direction))
    trainer: Any = SimpleNamespace(
        strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all=True: decision)
    )
    callback.best_model_score = torch.tensor(0.5)
    callback.best_k_models = {"best.ckpt": torch.tensor(0.5)}
    callback.kth_best_model_path = "best.ckpt"
    assert callback.check_monitor_top_k(trainer, torch.tensor(0.5))
    assert callback.check_monitor_top_k(trainer, torch.tensor(better))
    assert not callback.check_monitor_top_k(trainer, torch.tensor(worse))


def test_weights_are_selected_by_the_metric_that_the_card_names(tmp_path: Path) -> None:
    assert BestAndLast(tmp_path, Metric("accuracy", "max")).monitor == "validation/accuracy"
    longer = Metric("accuracy_longer", "max", selection="accuracy_seen_and_longer")
    assert BestAndLast(tmp_path, longer).monitor == "validation/accuracy_seen_and_longer"


def test_the_best_score_is_kept_in_a_folder_that_was_moved(tmp_path: Path) -> None:
    earlier = BestAndLast(tmp_path / "earlier", Metric("accuracy", "max"))
    path = str(tmp_path / "earlier" / "checkpoints" / "best.ckpt")
    earlier.best_model_path, earlier.best_model_score = path, torch.tensor(0.5)
    earlier.best_k_models = {path: torch.tensor(0.5)}
    moved = BestAndLast(tmp_path / "moved", Metric("accuracy", "max"))
    moved.load_state_dict(earlier.state_dict())
    present = str(tmp_path / "moved" / "checkpoints" / "best.ckpt")
    assert moved.best_model_path == present
    assert list(moved.best_k_models) == [present]
    assert moved.best_model_score == 0.5


@pytest.mark.parametrize("every", [1, 3])
def test_the_last_checkpoint_is_of_the_last_validation_or_of_the_step_before_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """The first validation is the best one, after which Lightning alone would write nothing at a validation."""
    scores = iter([True])
    found: dict[int, int | None] = {}
    monkeypatch.setattr(BestAndLast, "check_monitor_top_k", lambda *_: next(scores, False))
    train = SequenceModule.training_step

    def read_last(self: SequenceModule, batch: Any, batch_idx: int) -> Any:
        path = next(tmp_path.rglob("last.ckpt"), None)
        found[self.global_step] = load_checkpoint(path)["global_step"] if path else None
        return train(self, batch, batch_idx)

    monkeypatch.setattr(SequenceModule, "training_step", read_last)
    optim = {"steps": 9, "batch_size": 4, "validate_every": every, "warmup": 1}
    task = {"name": "copy", "delay": 3, "samples": 8}
    run = seqbench.run({"name": "gru", "d_model": 8}, task, tier="smoke", optim=optim, logger="none", runs=tmp_path)
    assert run.record.results.best_step == every
    if every == 1:
        assert found == {0: None, **{step: step for step in range(1, 9)}}
    else:
        assert found == {0: None, 1: None, 2: 2, 3: 3, 4: 3, 5: 5, 6: 6, 7: 6, 8: 8}
    assert load_checkpoint(run.folder / "checkpoints" / "last.ckpt")["global_step"] == 9


@pytest.mark.parametrize("step", [2, 5])
def test_a_run_that_validates_at_each_step_resumes_after_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    options: dict[str, Any] = {
        "arch": {"name": "gru", "d_model": 8, "dropout": 0.2, "num_layers": 2},
        "task": {"name": "copy", "delay": 3, "samples": 8},
        "tier": "smoke",
        "optim": {"steps": 6, "batch_size": 4, "validate_every": 1, "warmup": 1},
        "logger": "none",
    }
    whole = seqbench.run(**options, runs=tmp_path / "whole").record.results
    original = SequenceModule.training_step

    def send(self: SequenceModule, batch: Any, batch_idx: int) -> Any:
        if self.global_step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(SequenceModule, "training_step", send)
        with pytest.raises(SystemExit):
            seqbench.run(**options, runs=tmp_path / "again")
    (last,) = (tmp_path / "again").rglob("last.ckpt")
    assert load_checkpoint(last)["global_step"] == step
    resumed = seqbench.run(**options, runs=tmp_path / "again", existing="resume").record.results
    assert resumed.metrics == whole.metrics
    assert resumed.weights == whole.weights

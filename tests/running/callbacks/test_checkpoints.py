from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch

from seqbench.protocol.cards import Metric
from seqbench.running.callbacks.checkpoints import AtomicCheckpointIO, BestAndLast
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

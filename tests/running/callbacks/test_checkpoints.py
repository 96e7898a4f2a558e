from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from seqbench.running.callbacks.checkpoints import AtomicCheckpointIO
from seqbench.utils.errors import SeqbenchError


def test_a_checkpoint_that_cannot_be_finished_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    io, path = AtomicCheckpointIO(), tmp_path / "checkpoints" / "last.ckpt"
    io.save_checkpoint({"step": 1}, path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SeqbenchError, match=r"last\.ckpt cannot be written: No space left on device; the earlier"):
        io.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]

"""The two checkpoints of a run: the best by validation, and the last; each written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from seqbench.protocol import run_folder
from seqbench.protocol.cards import Metric
from seqbench.utils.errors import SeqbenchError


class BestAndLast(ModelCheckpoint):
    """Writes ``best.ckpt`` and ``last.ckpt`` at the end of validations; between them, ``Stopping`` writes the last.

    Args:
        folder: the run's folder.
        metric: the task's primary metric; of equal scores the latest stands. Where a task is solved before the budget
            is spent, the first would be weights half trained, beside the costs of a whole run.
    """

    def __init__(self, folder: Path, metric: Metric) -> None:
        super().__init__(
            dirpath=folder / run_folder.CHECKPOINTS,
            filename=Path(run_folder.BEST).stem,
            monitor=f"validation/{metric.name}",
            mode=metric.direction,
            save_last=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def check_monitor_top_k(self, trainer: L.Trainer, current: Tensor | None = None) -> bool:
        """Whether a score is the best so far, or equals it."""
        if super().check_monitor_top_k(trainer, current):
            return True
        equal = current is not None and bool(current == self.best_model_score)
        return bool(trainer.strategy.reduce_boolean_decision(equal))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best score so far, also where the run's folder was moved in between.

        Lightning would forget it then, and overwrite the best checkpoint at the next validation.
        """
        here = {name: self._here(state_dict[name]) for name in _PATHS if state_dict.get(name)}
        best = {self._here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **here, "dirpath": self.dirpath, "best_k_models": best})

    def _here(self, path: str) -> str:
        return str(Path(str(self.dirpath)) / Path(path).name)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to the disk, and renames it."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save it; what stood at ``path`` stays until the new file is whole.

        Raises:
            SeqbenchError: the disk refuses.
        """
        whole = Path(path)
        part = whole.with_name(f".{whole.name}.part")
        # By hand: Lightning writes it below /tmp, which may be full or small, and moves it from there.
        data = io.BytesIO()
        torch.save(checkpoint, data)
        try:
            whole.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(whole)
        except OSError as error:
            reason = error.strerror or error
            raise SeqbenchError(f"{whole} cannot be written: {reason}; the earlier checkpoint stands.") from error
        finally:
            # On a disk that may only be read there is none to remove, and that is no further error.
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")

"""The two checkpoints of a run: the best on validation and the last one; each is written completely or not at all."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import TypedDict

import lightning.pytorch as L
import torch
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from seqbench.protocol import run_folder
from seqbench.protocol.cards import Metric
from seqbench.utils.errors import SeqbenchError

_PATH_KEYS = ("best_model_path", "kth_best_model_path", "last_model_path")
"""Keys of ``ModelCheckpoint.state_dict`` that hold the path of a checkpoint."""


class BestAndLast(ModelCheckpoint):
    """Write ``best.ckpt`` and ``last.ckpt`` at the end of each validation; ``Stopping`` also writes the last one.

    If several steps have the same validation score, the latest weights are the best. If a task is solved before the
    last step, the first weights with this score come from a shorter training than the recorded costs describe.

    Args:
        folder: the run's folder.
        metric: the task's primary metric, which says by which validation metric weights are selected.
    """

    def __init__(self, folder: Path, metric: Metric) -> None:
        super().__init__(
            dirpath=folder / run_folder.CHECKPOINTS,
            filename=Path(run_folder.BEST).stem,
            monitor=f"validation/{metric.selected_by}",
            mode=metric.direction,
            save_last=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the checkpoints; Lightning leaves out the last one if the validation is not the best so far."""
        super().on_validation_end(trainer, pl_module)
        if not self._should_skip_saving_checkpoint(trainer):
            trainer.save_checkpoint(Path(str(self.dirpath)) / Path(run_folder.LAST).name)

    def check_monitor_top_k(self, trainer: L.Trainer, current: Tensor | None = None) -> bool:
        """Return whether a score is better than the best so far, or equal to it."""
        if super().check_monitor_top_k(trainer, current):
            return True
        equal = current is not None and bool(current == self.best_model_score)
        return bool(trainer.strategy.reduce_boolean_decision(equal))

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Restore the best score so far, with paths in the run's present folder.

        If the folder was moved, Lightning would discard the score and overwrite the best checkpoint at the next
        validation.
        """
        best_models = state_dict["best_k_models"]
        assert isinstance(best_models, dict)
        paths = {key: self._present_path(str(state_dict[key])) for key in _PATH_KEYS if state_dict.get(key)}
        best = {self._present_path(path): score for path, score in best_models.items()}
        super().load_state_dict({**state_dict, **paths, "dirpath": self.dirpath, "best_k_models": best})

    def _present_path(self, path: str) -> str:
        return str(Path(str(self.dirpath)) / Path(path).name)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint to a temporary file, flush it to the disk, and rename it."""

    def save_checkpoint(
        self, checkpoint: dict[str, object], path: _PATH, storage_options: object | None = None
    ) -> None:
        """Save a checkpoint; an earlier file at ``path`` stays until the new one is complete.

        Args:
            checkpoint: the object that ``torch.save`` writes.
            path: path of the file.
            storage_options: not used; Lightning's interface requires it.

        Raises:
            SeqbenchError: the file cannot be written.
        """
        target = Path(path)
        part = target.with_name(f".{target.name}.part")
        # Lightning would write to a temporary folder first, which may be full or small.
        data = io.BytesIO()
        torch.save(checkpoint, data)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        except OSError as error:
            reason = error.strerror or error
            raise SeqbenchError(f"{target} cannot be written: {reason}; the earlier checkpoint stays.") from error
        finally:
            # A read-only disk has no temporary file to remove.
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


class Checkpoint(TypedDict):
    """The parts of a checkpoint file that seqbench reads; Lightning writes them."""

    state_dict: dict[str, Tensor]
    global_step: int
    callbacks: dict[str, dict[str, dict[str, list[float]]]]
    lr_schedulers: list[dict[str, list[float]]]


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint onto the CPU; no code in it is executed.

    Raises:
        Exception: the file is broken; PyTorch's unpickler may raise any error.
    """
    checkpoint: Checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    return checkpoint

"""Give loggers the points of the curve that they lack, after a run was resumed from a checkpoint."""

from __future__ import annotations

import lightning.pytorch as L

from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.metrics_csv import curve_rows


class CurveReplay(L.Callback):
    """Log the points of the checkpoint again; loggers leave out the steps that they have stored.

    A logger lacks points if an earlier attempt was without it, or was killed before it stored its last row.

    Args:
        curve: the curve of the run, which the checkpoint restores.
    """

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log every point so far; a new run has none."""
        for step, row in curve_rows(self.curve).items():
            for logger in trainer.loggers:
                logger.log_metrics(row, step=step)

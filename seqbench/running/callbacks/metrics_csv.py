"""The table ``metrics.csv``: the curve of a run, written completely at each validation."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import lightning.pytorch as L

from seqbench.protocol import run_folder
from seqbench.running.callbacks.curve import Curve
from seqbench.utils.atomic_files import write_text
from seqbench.utils.errors import SeqbenchError


class MetricsTable(L.Callback):
    """Write ``metrics.csv`` at each validation.

    Args:
        curve: the curve of the run.
        folder: the run's folder.
    """

    def __init__(self, curve: Curve, folder: Path) -> None:
        self.curve, self.path = curve, folder / run_folder.METRICS

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the table; on rank 0 only."""
        if trainer.is_global_zero:
            # A full disk is reported when the checkpoint and the record are written.
            with contextlib.suppress(SeqbenchError):
                write_text(self.path, format_metrics(self.curve))


def format_metrics(curve: Curve) -> str:
    """Return the curve as CSV text: one row for each step with a value; a cell without a value is empty.

    >>> curve = Curve()
    >>> curve.train = {"step": [50], "loss": [0.5]}
    >>> curve.validation = {"step": [100], "accuracy": [0.9]}
    >>> print(format_metrics(curve), end="")
    step,train/loss,validation/accuracy
    50,0.5,
    100,,0.9
    """
    columns = ["step", "train/loss", *(f"validation/{name}" for name in curve.validation if name != "step")]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"step": step, **row} for step, row in curve_rows(curve).items())
    return text.getvalue()


def curve_rows(curve: Curve) -> dict[int, dict[str, float]]:
    """Return the points of a curve as one row of named values for each step, in the order of the steps."""
    rows: dict[int, dict[str, float]] = {}
    for step, loss in zip(curve.train["step"], curve.train["loss"], strict=True):
        rows.setdefault(int(step), {})["train/loss"] = loss
    for name, values in curve.validation.items():
        if name == "step":
            continue
        for at, value in zip(curve.validation["step"], values, strict=True):
            # A score that is undefined leaves its cell empty.
            if at is not None and value is not None:
                rows.setdefault(int(at), {})[f"validation/{name}"] = value
    return dict(sorted(rows.items()))

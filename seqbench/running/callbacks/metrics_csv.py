"""metrics.csv: the curve as a table, written anew and whole at each validation."""

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
    """Writes ``metrics.csv``: one row a step that has a value, empty cells where a column has none."""

    def __init__(self, curve: Curve, folder: Path) -> None:
        self.curve, self.path = curve, folder / run_folder.METRICS

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the table; on rank 0 alone."""
        if trainer.is_global_zero:
            # A view: where the disk is full, the checkpoint and the record say so.
            with contextlib.suppress(SeqbenchError):
                write_text(self.path, format_metrics(self.curve))


def format_metrics(curve: Curve) -> str:
    """The curve as CSV text."""
    rows: dict[int, dict[str, float]] = {}
    columns = ["step", "train/loss"]
    for step, loss in zip(curve.train["step"], curve.train["loss"], strict=True):
        rows.setdefault(step, {})["train/loss"] = loss
    for name, values in curve.validation.items():
        if name == "step":
            continue
        columns.append(f"validation/{name}")
        for step, value in zip(curve.validation["step"], values, strict=True):
            rows.setdefault(step, {})[f"validation/{name}"] = value
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"step": step, **row} for step, row in sorted(rows.items()))
    return text.getvalue()

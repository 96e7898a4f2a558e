from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from seqbench.protocol import run_folder
from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.metrics_csv import MetricsTable, format_metrics

MODULE: Any = None
TEXT = "step,train/loss,validation/accuracy,validation/loss\n50,1.5,,\n80,1.25,0.5,1.0\n"


def curve() -> Curve:
    filled = Curve()
    filled.train = {"step": [50, 80], "loss": [1.5, 1.25]}
    filled.validation = {"step": [80], "accuracy": [0.5], "loss": [1.0]}
    return filled


def test_each_step_with_a_value_is_a_row_with_empty_cells() -> None:
    assert format_metrics(curve()) == TEXT


def test_the_first_process_writes_the_table(tmp_path: Path) -> None:
    trainer: Any = SimpleNamespace(is_global_zero=True)
    MetricsTable(curve(), tmp_path).on_validation_end(trainer, MODULE)
    assert (tmp_path / run_folder.METRICS).read_text() == TEXT


def test_other_processes_and_full_disks_write_nothing(tmp_path: Path) -> None:
    other: Any = SimpleNamespace(is_global_zero=False)
    MetricsTable(curve(), tmp_path).on_validation_end(other, MODULE)
    assert list(tmp_path.iterdir()) == []
    first: Any = SimpleNamespace(is_global_zero=True)
    (tmp_path / "file").write_text("")
    MetricsTable(curve(), tmp_path / "file").on_validation_end(first, MODULE)

"""Log a run to TensorBoard: event files in the folder of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.image
import yaml
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from seqbench.protocol import run_folder
from seqbench.running.loggers.run_logger import Ended, LoggedRun, RunLogger

_hparams: Any = hparams  # PyTorch gives it no types.

FOLDER = run_folder.TENSORBOARD
"""Folder of the event files in the run's folder."""


class TensorBoardRunLogger(RunLogger):
    """Write event files; a resumed run adds a file, and TensorBoard shows all files of a folder as one run.

    Args:
        logged: the run that is logged.
    """

    key = "tensorboard"

    def __init__(self, logged: LoggedRun) -> None:
        super().__init__(logged)
        self.folder = logged.folder / FOLDER
        self._writer = SummaryWriter(log_dir=str(self.folder))
        if not self.logged_until:
            self._writer.add_text("config", _as_text(yaml.safe_dump(logged.config.options(), sort_keys=False)))

    @property
    def state(self) -> str:
        """The folder of the event files."""
        return str(self.folder)

    def store_row(self, row: Mapping[str, float], step: int) -> None:
        """Write one scalar for each metric."""
        for name, value in row.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self, ended: Ended) -> None:
        """Write the final scores, also for the view of hyperparameters, the record and the samples."""
        writer = self._writer
        for name, value in ended.scores().items():
            writer.add_scalar(name, value, ended.step)
        if ended.status == "ok":
            self._write_hyperparameters(ended)
        writer.add_text("status", str(ended.status), ended.step)
        if ended.record is not None:
            writer.add_text("record", _as_text(ended.record.without_sample().to_json()), ended.step)
        for path in ended.sample_files:
            _write_sample(writer, path, ended.step)
        writer.close()

    def _write_hyperparameters(self, ended: Ended) -> None:
        options = _flatten(self.logged.config.options())
        writer: Any = self._writer  # PyTorch gives its file writer no types.
        # add_hparams of torch would write into a folder of its own.
        for summary in _hparams(options, dict(ended.scores())):
            writer._get_file_writer().add_summary(summary, ended.step)


def _write_sample(writer: SummaryWriter, path: Path, step: int) -> None:
    name = f"sample/{path.stem}"
    if path.suffix == ".png":
        writer.add_image(name, matplotlib.image.imread(path), step, dataformats="HWC")
    else:
        writer.add_text(name, _as_text(path.read_text(encoding="utf-8")), step)


def _as_text(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _flatten(options: Mapping[str, object], prefix: str = "") -> dict[str, bool | str | float | int]:
    """Return nested options by dotted name; lists and null become text."""
    flat: dict[str, bool | str | float | int] = {}
    for key, value in options.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, bool | str | float | int) else str(value)
    return flat
